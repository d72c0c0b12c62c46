package main

import (
	"fmt"
	"runtime"
	"time"
)

// keptBuffer is the largest buffer a writer keeps between two batches, in bytes.
const keptBuffer = 1 << 20

// write takes packets from the queue, everything that waits at a time, and
// writes them when more than writeBuffer bytes are gathered or, after yielding
// once, nothing else has come.
func (c *channel) write() {
	defer c.running.Done()
	defer close(c.written)
	var buf []byte
	var sent uint64
	for {
		last := false
		select {
		case p := <-c.queue:
			buf = p.append(buf)
		case <-c.flush:
			last = true
		case <-c.dropped:
			return
		}
		for {
			var ok bool
			if buf, ok = c.gather(buf, &sent); !ok {
				return
			}
			runtime.Gosched()
			if len(c.queue) == 0 {
				break
			}
		}
		if !c.flushTo(buf, &sent) || last {
			return
		}
		if buf = buf[:0]; cap(buf) > keptBuffer {
			buf = nil
		}
	}
}

// gather appends what waits in the queue, writing whenever enough is gathered.
func (c *channel) gather(buf []byte, sent *uint64) ([]byte, bool) {
	for {
		if len(buf) > c.cfg.writeBuffer {
			if !c.flushTo(buf, sent) {
				return nil, false
			}
			buf = buf[:0]
		}
		select {
		case p := <-c.queue:
			buf = p.append(buf)
		default:
			return buf, true
		}
	}
}

// flushTo writes buf, or drops the channel.
func (c *channel) flushTo(buf []byte, sent *uint64) bool {
	if len(buf) == 0 {
		return true
	}
	*sent += uint64(len(buf))
	if c.cfg.sentLimit > 0 && *sent > c.cfg.sentLimit {
		c.drop(fmt.Errorf("sent bytes overflow: %d is over %d", *sent, c.cfg.sentLimit))
		return false
	}
	err := c.conn.SetWriteDeadline(time.Now().Add(c.cfg.writeTimeout))
	if err == nil {
		_, err = c.conn.Write(buf)
	}
	if err != nil {
		c.drop(fmt.Errorf("write: %w", err))
	}
	return err == nil
}
