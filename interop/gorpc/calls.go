package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// How a call can fail. Exactly one kind per error.
const (
	kindTimeout    = "timeout"
	kindConnection = "connection"
	kindServer     = "server"
	kindOverflow   = "overflow"
	kindCanceled   = "canceled"
)

// callError is an error of a call, with the original's text.
type callError struct{ kind, text string }

func (e *callError) Error() string { return e.text }

// result is a call under way: Done is closed once Response or Error is set.
type result struct {
	Response any
	Error    *callError
	Done     chan struct{}

	request  any
	silent   bool // no reply wanted
	canceled atomic.Bool
	once     sync.Once
}

func (r *result) end(response any, err *callError) {
	r.once.Do(func() {
		r.Response, r.Error = response, err
		close(r.Done)
	})
}

// cancel drops the call when the writer comes to it; one already sent goes on.
func (r *result) cancel() { r.canceled.Store(true) }

func (c *client) fail(kind, format string, args ...any) *callError {
	return &callError{kind, fmt.Sprintf("gorpc.Client: [%s]. ", c.address) + fmt.Sprintf(format, args...)}
}

// call waits for the reply, at most d, the time in the queue included.
func (c *client) call(request any, d time.Duration) (any, *callError) {
	r, err := c.callAsync(request)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.Done:
		return r.Response, r.Error
	case <-timer.C:
		r.cancel()
		return nil, c.fail(kindTimeout, "Cannot obtain response during timeout=%s", d)
	}
}

// callAsync queues a call. A full queue gives up its oldest request for it.
func (c *client) callAsync(request any) (*result, *callError) {
	r := &result{request: request, Done: make(chan struct{})}
	select {
	case c.queue <- r:
		return r, nil
	default:
	}
	select {
	case oldest := <-c.queue:
		oldest.end(nil, c.overflow())
	default:
	}
	select {
	case c.queue <- r:
		return r, nil
	default:
		return nil, c.overflow()
	}
}

// send queues a request that wants no reply; it fails when the queue is full.
func (c *client) send(request any) *callError {
	select {
	case c.queue <- &result{request: request, silent: true, Done: make(chan struct{})}:
		return nil
	default:
		return c.overflow()
	}
}

func (c *client) overflow() *callError {
	return c.fail(kindOverflow, "Requests' queue with size=%d is overflown. Try increasing Client.PendingRequests value", cap(c.queue))
}

// batch is a list of requests with one deadline: on the wire they are ordinary
// requests, one after the other.
type batch struct {
	client  *client
	results []*result
}

func (b *batch) add(request any) *result {
	r := &result{request: request, Done: make(chan struct{})}
	b.results = append(b.results, r)
	return r
}

func (b *batch) addSilent(request any) { b.add(request).silent = true }

// call queues all and waits for the replies, at most d in all. On a time-out
// every result from the one being waited for on gets the error.
func (b *batch) call(d time.Duration) *callError {
	results := b.results
	b.results = nil
	for _, r := range results {
		select {
		case b.client.queue <- r:
		default:
			return b.client.overflow()
		}
	}
	deadline := time.After(d)
	for i, r := range results {
		if r.silent {
			continue
		}
		select {
		case <-r.Done:
		case <-deadline:
			err := b.client.fail(kindTimeout, "Cannot obtain response during timeout=%s", d)
			for _, late := range results[i:] {
				late.cancel()
				late.end(nil, err)
			}
			return err
		}
	}
	return nil
}
