package main

import (
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	redialPause    = time.Second // after a failed dial; none after a lost connection
	requestTimeout = 20 * time.Second
	pendingLimit   = 32_768 // requests in the queue; ten times as many may wait for replies
)

// client keeps conns connections that all serve one queue of requests.
type client struct {
	address    string // as given, for error texts
	dial       func() (net.Conn, error)
	conns      int
	compressed bool
	flushDelay time.Duration // at most 0: flush when the queue is empty
	queue      chan *result
	stopped    chan struct{}
	workers    sync.WaitGroup
	mu         sync.Mutex
	open       map[net.Conn]struct{}

	dials, dialErrors, connections atomic.Uint64
	waiting                        atomic.Int64
}

func newClient(address string, dial func() (net.Conn, error)) *client {
	return &client{
		address: address, dial: dial, conns: 1, compressed: true,
		queue: make(chan *result, pendingLimit), stopped: make(chan struct{}), open: map[net.Conn]struct{}{},
	}
}

func (c *client) start() {
	for range c.conns {
		c.workers.Add(1)
		go c.work()
	}
}

// stop closes the connections and waits for the workers. Calls that are still
// queued stay so, as in the original.
func (c *client) stop() {
	close(c.stopped)
	c.mu.Lock()
	for conn := range c.open {
		conn.Close()
	}
	c.mu.Unlock()
	c.workers.Wait()
}

// pending is how many calls were sent and wait, and how many are queued.
func (c *client) pending() int { return int(c.waiting.Load()) + len(c.queue) }

// work keeps one connection: dial, run until it ends, dial again.
func (c *client) work() {
	defer c.workers.Done()
	for !isClosed(c.stopped) {
		c.dials.Add(1)
		conn, err := c.dial()
		if err == nil {
			c.connections.Add(1)
			c.run(conn)
		} else {
			c.dialErrors.Add(1)
		}
		pause := time.Duration(0)
		if err != nil {
			pause = redialPause
		}
		select {
		case <-c.stopped:
			return
		case <-time.After(pause):
		}
	}
}

// waitingCalls are the calls of one connection that were sent, by id.
type waitingCalls struct {
	sync.Mutex
	byID map[uint64]*result
	last uint64
}

// run serves one connection until reader or writer fails or the client stops;
// then every call that waits on it fails with the first error.
func (c *client) run(conn net.Conn) {
	c.mu.Lock()
	c.open[conn] = struct{}{}
	c.mu.Unlock()
	select {
	case <-c.stopped:
		conn.Close()
	default:
	}
	waiting := &waitingCalls{byID: map[uint64]*result{}}
	ended := make(chan struct{}) // the reader has ended
	broken := make(chan *callError, 2)
	var both sync.WaitGroup
	both.Add(2)
	go func() {
		defer both.Done()
		broken <- c.write(conn, waiting, ended)
		conn.Close()
	}()
	go func() {
		defer both.Done()
		broken <- c.read(conn, waiting)
		close(ended)
		conn.Close()
	}()
	both.Wait()
	c.mu.Lock()
	delete(c.open, conn)
	c.mu.Unlock()
	err := <-broken
	if err == nil {
		err = <-broken
	}
	for _, r := range waiting.byID {
		c.waiting.Add(-1)
		r.end(nil, err)
	}
}

// write sends the handshake byte and then requests: a flush is due flushDelay
// after the first request not yet flushed, and happens when the queue is empty.
func (c *client) write(conn io.Writer, waiting *waitingCalls, ended <-chan struct{}) *callError {
	hello := []byte{0}
	if c.compressed {
		hello[0] = 1
	}
	if _, err := conn.Write(hello); err != nil {
		return c.fail(kindConnection, "Cannot send handshake: [%s]", err)
	}
	out := newEncoder(conn, c.compressed)
	var flush <-chan struct{}
	for {
		var r *result
		select {
		case r = <-c.queue:
		default:
			runtime.Gosched()
			select {
			case r = <-c.queue:
			case <-flush:
				if err := out.flush(); err != nil {
					return c.fail(kindConnection, "Cannot flush requests to underlying stream: [%s]", err)
				}
				flush = nil
				continue
			case <-ended:
				return nil
			case <-c.stopped:
				return nil
			}
		}
		if r.canceled.Load() {
			r.end(nil, &callError{kindCanceled, "the call has been canceled"})
			continue
		}
		if err := out.Encode(wireRequest{c.begin(r, waiting), r.request}); err != nil {
			failed := c.fail(kindConnection, "Cannot send request to wire: [%s]", err)
			r.end(nil, failed)
			return failed
		}
		if flush == nil {
			flush = due(c.flushDelay)
		}
	}
}

// begin gives a call the next id of its connection, counted from 1.
func (c *client) begin(r *result, waiting *waitingCalls) uint64 {
	if r.silent {
		return 0
	}
	waiting.Lock()
	defer waiting.Unlock()
	for {
		waiting.last++
		if _, taken := waiting.byID[waiting.last]; !taken && waiting.last != 0 {
			waiting.byID[waiting.last] = r
			c.waiting.Add(1)
			return waiting.last
		}
	}
}

// due returns a channel that is closed after d.
func due(d time.Duration) <-chan struct{} {
	if d <= 0 {
		return fired
	}
	c := make(chan struct{})
	time.AfterFunc(d, func() { close(c) })
	return c
}

// read hands out replies in whatever order they come.
func (c *client) read(conn io.Reader, waiting *waitingCalls) *callError {
	in := newDecoder(conn, c.compressed)
	for {
		var reply wireResponse
		if err := in.Decode(&reply); err != nil {
			return c.fail(kindConnection, "Cannot decode response: [%s]", err)
		}
		waiting.Lock()
		r, ok := waiting.byID[reply.ID]
		delete(waiting.byID, reply.ID)
		waiting.Unlock()
		if !ok {
			return c.fail(kindConnection, "Unexpected msgID=[%d] obtained from server", reply.ID)
		}
		c.waiting.Add(-1)
		if reply.Error != "" {
			r.end(reply.Response, c.fail(kindServer, "Server error: [%s]", reply.Error))
			continue
		}
		r.end(reply.Response, nil)
	}
}
