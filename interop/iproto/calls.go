package main

import (
	"context"
	"sync"
	"time"
)

// calls is the table of pending calls. A pair of code and sync names a call,
// and an incoming packet with that pair is its answer, whoever meant what.
type calls struct {
	mu      sync.Mutex
	last    uint32 // the sync given last: one counter for all codes, from 0
	waiting map[pair]chan answer
	stopped bool
	empty   chan struct{} // closed once stopped and nothing waits
}

type pair struct{ code, sync uint32 }

type answer struct {
	body []byte
	err  error
}

func newCalls() calls {
	return calls{waiting: map[pair]chan answer{}, empty: make(chan struct{})}
}

// begin takes the next sync that is free for this code.
func (t *calls) begin(code uint32) (pair, chan answer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return pair{}, nil, errStopped
	}
	for {
		t.last++
		key := pair{code, t.last}
		if t.waiting[key] == nil {
			done := make(chan answer, 1)
			t.waiting[key] = done
			return key, done, nil
		}
	}
}

// answer delivers p to the call it answers; false if there is none.
func (t *calls) answer(p packet) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := pair{p.code, p.sync}
	done := t.waiting[key]
	if done == nil {
		return false
	}
	done <- answer{body: p.body}
	t.remove(key)
	return true
}

// forget gives a call up; its answer will be taken for a request (I2).
func (t *calls) forget(key pair) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(key)
}

func (t *calls) remove(key pair) {
	if t.waiting[key] == nil {
		return
	}
	delete(t.waiting, key)
	if t.stopped && len(t.waiting) == 0 {
		close(t.empty)
	}
}

// stop refuses further calls; false if that was already so.
func (t *calls) stop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return false
	}
	t.stopped = true
	if len(t.waiting) == 0 {
		close(t.empty)
	}
	return true
}

// fail ends every pending call with errDropped and refuses further ones.
func (t *calls) fail() {
	t.stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, done := range t.waiting {
		done <- answer{err: errDropped}
		t.remove(key)
	}
}

func (t *calls) isStopped() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stopped
}

func (t *calls) pending() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// call sends a request and waits for its answer, at most the request timeout,
// the wait for room in the queue included. Giving up is not told to the peer.
func (c *channel) call(ctx context.Context, code uint32, body []byte) ([]byte, error) {
	key, done, err := c.calls.begin(code)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(c.cfg.requestTimeout)
	defer timer.Stop()
	request := packet{code, key.sync, body}
	select {
	case c.queue <- request:
	default:
		select {
		case c.queue <- request:
		case got := <-done: // dropped
			return got.body, got.err
		case <-timer.C:
			c.calls.forget(key)
			return nil, errTimeout
		case <-ctx.Done():
			c.calls.forget(key)
			return nil, ctx.Err()
		}
	}
	select {
	case got := <-done:
		return got.body, got.err
	case <-timer.C:
		err = errTimeout
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.calls.forget(key)
	return nil, err
}

// notify queues a notification: sync 0, no answer. Success means queued.
func (c *channel) notify(code uint32, body []byte) error {
	if c.calls.isStopped() {
		return errStopped
	}
	notice := packet{code: code, body: body}
	select {
	case c.queue <- notice:
		return nil
	default:
	}
	timer := time.NewTimer(c.cfg.noticeTimeout)
	defer timer.Stop()
	select {
	case c.queue <- notice:
		return nil
	case <-timer.C:
		return errTimeout
	case <-c.written:
		return errStopped
	}
}

// send queues any packet, whatever the channel's state; answers leave this way.
// After the end it succeeds while the queue has room, and the packet is lost (I26).
func (c *channel) send(p packet) error {
	select {
	case c.queue <- p:
		return nil
	default:
	}
	select {
	case c.queue <- p:
		return nil
	case <-c.written:
		return errStopped
	}
}

// reply answers a request: same code, same sync.
func (c *channel) reply(request packet, body []byte) {
	// An error means that the connection is gone, and with it the caller.
	_ = c.send(packet{request.code, request.sync, body})
}
