package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/interop/peerkit"
)

// How a call can fail, beside an error of the caller's own.
var (
	errTimeout = errors.New("timeout")
	errStopped = errors.New("stopped") // refused here: the channel is shutting down or closed
	errDropped = errors.New("dropped") // the connection died while the call was pending
)

// config holds a channel's settings; withDefaults fills what is zero.
type config struct {
	handler         func(*channel, packet) // runs in the reader; nil ignores packets
	sizeLimit       uint32                 // bytes of body, inclusive
	readBuffer      int                    // bytes
	writeQueue      int                    // packets
	writeBuffer     int                    // bytes gathered before a write
	writeTimeout    time.Duration
	requestTimeout  time.Duration
	noticeTimeout   time.Duration
	shutdownTimeout time.Duration
	idleTimeout     time.Duration // 0 is off; only receiving counts
	pingInterval    time.Duration // 0 is off; answering is always on
	sentLimit       uint64        // bytes sent after which the channel fails (I24); 0 is off
	gate            *peerkit.Gate // nil never stalls
}

func (c config) withDefaults() config {
	orDefault(&c.sizeLimit, 100_000_000)
	orDefault(&c.readBuffer, 256)
	orDefault(&c.writeQueue, 50)
	orDefault(&c.writeBuffer, 4096)
	orDefault(&c.writeTimeout, 5*time.Second)
	orDefault(&c.requestTimeout, 5*time.Second)
	orDefault(&c.noticeTimeout, time.Second)
	orDefault(&c.shutdownTimeout, 5*time.Second)
	return c
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// channel is one connection and the calls on it. Three goroutines serve it: the
// reader (which also runs the handler), the writer and, if set, the pinger.
type channel struct {
	cfg   config
	conn  net.Conn
	queue chan packet
	calls calls
	ping  pingState
	stats channelStats
	idle  *time.Timer

	peerAsked chan struct{}  // holds the peer's shutdown packet until it is consumed
	flush     chan struct{}  // closed: the writer empties its queue and ends
	written   chan struct{}  // closed: the writer has ended
	dropped   chan struct{}  // closed: the socket is closed
	running   sync.WaitGroup // reader and writer
	done      chan struct{}  // closed: reader and writer have ended
	dropOnce  sync.Once
	err       error // why it was dropped; nil for a graceful or requested end
	state     any   // the handler's own, touched by the reader only
}

// channelStats counts packets by kind.
type channelStats struct {
	received, requests          atomic.Uint64
	pingsSent, pingsAcked       atomic.Uint64
	pingsReceived, pingsPonged  atomic.Uint64 // the peer's pings, and our answers to them
	replies, inversions, maxOwn atomic.Uint64 // inversions: replies that an older call's reply followed
}

// newChannel serves conn until it ends.
func newChannel(conn net.Conn, cfg config) *channel {
	cfg = cfg.withDefaults()
	c := &channel{
		cfg:       cfg,
		conn:      conn,
		queue:     make(chan packet, cfg.writeQueue),
		calls:     newCalls(),
		peerAsked: make(chan struct{}, 1),
		flush:     make(chan struct{}),
		written:   make(chan struct{}),
		dropped:   make(chan struct{}),
		done:      make(chan struct{}),
	}
	c.running.Add(2)
	go c.write()
	if cfg.idleTimeout > 0 {
		c.idle = time.AfterFunc(cfg.idleTimeout, func() {
			c.drop(fmt.Errorf("nothing received for %v", cfg.idleTimeout))
		})
	}
	if cfg.pingInterval > 0 {
		go c.keepPinging()
	}
	go c.read()
	go func() {
		c.running.Wait()
		close(c.done)
	}()
	return c
}

// read takes packets until the connection ends.
func (c *channel) read() {
	defer c.running.Done()
	var source io.Reader = c.conn
	if c.cfg.gate != nil {
		source = c.cfg.gate.Reader(source, c.dropped)
	}
	input := bufio.NewReaderSize(source, c.cfg.readBuffer)
	for {
		p, err := readPacket(input, c.cfg.sizeLimit)
		switch {
		case err == nil:
			c.stats.received.Add(1)
			if c.idle != nil {
				c.idle.Reset(c.cfg.idleTimeout)
			}
			c.receive(p)
		case errors.Is(err, io.EOF) && c.calls.pending() == 0:
			c.drop(nil)
			return
		default:
			c.drop(fmt.Errorf("read with %d calls pending: %w", c.calls.pending(), err))
			return
		}
	}
}

// receive decides what a packet is. The table of pending calls is asked first,
// control codes included; nothing else marks a response.
func (c *channel) receive(p packet) {
	if c.calls.answer(p) {
		c.countReply(p.sync)
		return
	}
	switch p.code {
	case codePing:
		c.pinged(p.sync)
	case codeShutdown:
		c.askedToShutdown()
	default:
		c.stats.requests.Add(1)
		if c.cfg.handler != nil {
			c.cfg.handler(c, p)
		}
	}
}

// countReply counts replies, and those that came after a younger call's.
func (c *channel) countReply(sync uint32) {
	c.stats.replies.Add(1)
	if youngest := c.stats.maxOwn.Load(); uint64(sync) < youngest {
		c.stats.inversions.Add(1)
	} else {
		c.stats.maxOwn.Store(uint64(sync))
	}
}

// drop closes the socket at once and fails every pending call.
func (c *channel) drop(err error) {
	c.dropOnce.Do(func() {
		c.err = err
		close(c.dropped)
		c.conn.Close()
		if c.idle != nil {
			c.idle.Stop()
		}
		c.calls.fail()
	})
}

// close drops the channel without a word and waits for its goroutines.
func (c *channel) close() {
	c.drop(nil)
	<-c.done
}
