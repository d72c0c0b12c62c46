package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/interop/peerkit"
)

// redialPause is the pause between two attempts to connect.
const redialPause = 10 * time.Millisecond

// loader keeps calls in flight over one connection at a time and goes on over a
// new one when the old one shuts down. It repeats a call only when the channel
// refused it here (errStopped), so that no request can be executed twice.
type loader struct {
	client   *client
	dialling sync.Mutex // held while one worker dials
	mu       sync.Mutex // of the next three
	address  string
	current  *channel
	channels []*channel
	retried  atomic.Uint64
	stop     chan struct{}
	stopOnce sync.Once
	times    sync.Mutex
	took     peerkit.Latencies
}

// load is the scenario. Standard input takes `stop`, `shutdown` (graceful
// handshake of the current connection, under load), `redial ADDR` and `stats`.
func (c *client) load() (bool, map[string]any, error) {
	first, err := c.dial()
	if err != nil {
		return false, nil, err
	}
	l := &loader{client: c, address: c.address, current: first, channels: []*channel{first}, stop: make(chan struct{})}
	if c.redial != "" {
		l.address = c.redial
	}
	if c.duration > 0 {
		time.AfterFunc(c.duration, l.end)
	}
	c.console.Line(`{"reply":"started"}`)
	go l.obey()
	begun := time.Now()
	var workers sync.WaitGroup
	for range c.parallel {
		workers.Add(1)
		go func() {
			defer workers.Done()
			l.work()
		}()
	}
	workers.Wait()
	elapsed := time.Since(begun).Seconds()
	l.current.shutdown()
	for _, ch := range l.channels {
		<-ch.done
	}
	counts := c.tally.Counts()
	extra := l.report()
	extra["seconds"] = elapsed
	extra["calls_per_second"] = float64(counts.Calls) / elapsed
	extra["p50_us"], extra["p99_us"] = l.took.Quantile(0.5), l.took.Quantile(0.99)
	return counts.Clean(), extra, nil
}

func (l *loader) end() { l.stopOnce.Do(func() { close(l.stop) }) }

// obey follows standard input; its end ends a load without a duration.
func (l *loader) obey() {
	c := l.client
	c.console.Serve(os.Stdin, map[string]peerkit.Command{
		"stop": func([]string) { l.end() },
		"shutdown": func([]string) {
			l.mu.Lock()
			ch := l.current
			l.mu.Unlock()
			go func() {
				begun := time.Now()
				ch.shutdown()
				c.console.Line("drained %s", peerkit.Encode(map[string]any{
					"error": kind(ch.err), "ms": time.Since(begun).Milliseconds(),
				}))
			}()
		},
		"redial": func(args []string) {
			if len(args) == 1 {
				l.mu.Lock()
				l.address = args[0]
				l.mu.Unlock()
			}
			c.console.JSON(map[string]any{"reply": "redial"})
		},
		"stats": func([]string) {
			c.console.JSON(peerkit.Members(map[string]any{"reply": "stats"}, c.tally.Counts(), l.report()))
		},
	})
	if c.duration == 0 {
		l.end()
	}
}

// work makes one call after the other until told to stop.
func (l *loader) work() {
	var took peerkit.Latencies
	for {
		select {
		case <-l.stop:
			l.times.Lock()
			l.took.Merge(&took)
			l.times.Unlock()
			return
		default:
		}
		begun := time.Now()
		l.once(l.client.bodies.Next(l.client.size))
		took.Add(time.Since(begun))
	}
}

// once makes one call, on another connection if this one refuses to begin it.
func (l *loader) once(body []byte) {
	c := l.client
	for {
		ch, err := l.channel()
		if err != nil {
			select {
			case <-l.stop: // told to stop: this call was never begun
			default:
				c.tally.End("connect", false)
			}
			return
		}
		got, err := ch.call(context.Background(), uint32(c.code), body)
		if errors.Is(err, errStopped) {
			l.retried.Add(1)
			continue
		}
		c.tally.End(kind(err), err == nil && peerkit.Same(expected(uint32(c.code), body), got))
		return
	}
}

// channel returns the current connection, or dials: one dial at a time, which
// all workers wait for, each at most the connect timeout.
func (l *loader) channel() (*channel, error) {
	deadline := time.Now().Add(l.client.connect)
	if ch := l.usable(); ch != nil {
		return ch, nil
	}
	l.dialling.Lock()
	defer l.dialling.Unlock()
	for {
		if ch := l.usable(); ch != nil {
			return ch, nil
		}
		l.mu.Lock()
		address := l.address
		l.mu.Unlock()
		conn, err := peerkit.Dial(address)
		if err == nil {
			ch := newChannel(conn, l.client.cfg)
			l.mu.Lock()
			l.current = ch
			l.channels = append(l.channels, ch)
			l.mu.Unlock()
			continue
		}
		if time.Now().After(deadline) {
			return nil, err
		}
		select {
		case <-l.stop:
			return nil, err
		case <-time.After(redialPause):
		}
	}
}

// usable is the current connection unless it is shutting down or closed.
func (l *loader) usable() *channel {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current.calls.isStopped() {
		return nil
	}
	return l.current
}

// report is what a load says beside its counts.
func (l *loader) report() map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	ended := []string{} // the errors of channels that did not end well
	for _, ch := range l.channels {
		select {
		case <-ch.dropped:
			if ch.err != nil {
				ended = append(ended, ch.err.Error())
			}
		default:
		}
	}
	return map[string]any{"retried": l.retried.Load(), "connections": len(l.channels), "channel_errors": ended}
}
