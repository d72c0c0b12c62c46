package main

import (
	"fmt"
	"sync"
	"time"
)

// pingState is the sender's side of keepalive: whether our ping waits for its
// acknowledgement, and since when.
type pingState struct {
	mu    sync.Mutex
	since time.Time // zero: not waiting
}

// keepPinging sends at most one unanswered ping and drops the channel when it
// stays unanswered for more than two intervals. Only a ping packet counts as an
// answer, other traffic does not (I16). During shutdown the ping is refused like
// any notification, and still waited for (I17).
func (c *channel) keepPinging() {
	interval := c.cfg.pingInterval
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-c.dropped:
			return
		}
		c.ping.mu.Lock()
		since := c.ping.since
		if since.IsZero() {
			c.ping.since = time.Now()
		}
		c.ping.mu.Unlock()
		if since.IsZero() {
			if c.notify(codePing, nil) == nil {
				c.stats.pingsSent.Add(1)
			}
		} else if time.Since(since) > 2*interval {
			c.drop(fmt.Errorf("ping is missed: unanswered for two intervals of %v", interval))
			return
		}
		timer.Reset(interval)
	}
}

// pinged handles an incoming ping. While ours is outstanding one with sync 0 is
// its acknowledgement and gets no answer, so that crossed pings satisfy both
// sides; any other ping is answered with its own sync. Either ends the wait.
func (c *channel) pinged(sync uint32) {
	c.ping.mu.Lock()
	waiting := !c.ping.since.IsZero()
	c.ping.since = time.Time{}
	c.ping.mu.Unlock()
	if waiting {
		c.stats.pingsAcked.Add(1)
		if sync == 0 {
			return
		}
	}
	c.stats.pingsReceived.Add(1)
	if c.send(packet{code: codePing, sync: sync}) == nil {
		c.stats.pingsPonged.Add(1)
	}
}

// askedToShutdown remembers the peer's shutdown packet and begins our own
// shutdown unless it has begun. A second packet changes nothing.
func (c *channel) askedToShutdown() {
	select {
	case c.peerAsked <- struct{}{}:
	default:
	}
	go c.shutdown()
}

// shutdown refuses new calls, waits for our own pending ones, exchanges shutdown
// packets with the peer, lets the writer finish and closes. It does not wait for
// requests still being served here (I20). When the shutdown timeout is over the
// connection is closed at once, without an error.
func (c *channel) shutdown() {
	if !c.calls.stop() {
		<-c.done
		return
	}
	timer := time.AfterFunc(c.cfg.shutdownTimeout, func() { c.drop(nil) })
	defer timer.Stop()
	defer func() { <-c.done }()
	defer c.drop(nil)
	select {
	case <-c.calls.empty:
	case <-c.dropped:
		return
	}
	select {
	case <-c.dropped: // what emptied the table was the drop
		return
	default:
	}
	if c.send(packet{code: codeShutdown}) != nil {
		return
	}
	select {
	case <-c.peerAsked:
	case <-c.dropped:
		return
	}
	close(c.flush)
	<-c.written
}
