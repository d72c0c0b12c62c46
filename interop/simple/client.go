package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errTimeout    = errors.New("timeout")
	errConnection = errors.New("connection") // dialling or writing failed
	errNone       = errors.New("no connection")
)

// remoteError is the text of a response with the error bit.
type remoteError string

func (e remoteError) Error() string { return string(e) }

// How many frames wait for a slow taker. A full stream stops the connection's
// reader (S4 to S6 of the notes); a push that finds the queue full is lost (S14).
const (
	streamRoom = 4
	pushRoom   = 100
)

// pool is a client: slots that are dialled on first use, taken in turn. Ids are
// counted over the whole pool from 1.
type pool struct {
	dial   func() (net.Conn, error)
	slots  []*slot
	next   atomic.Uint64
	lastID atomic.Uint64

	dials, lostPushes atomic.Uint64
}

// slot is one place of the pool. Unlike the original it dials under a lock (S8).
type slot struct {
	mu   sync.Mutex
	link *link
}

// link is one live connection.
type link struct {
	pool    *pool
	conn    net.Conn
	write   sync.Mutex
	mu      sync.Mutex
	pending map[uint64]chan frame
	pushes  chan frame // of all sessions of this connection (S12)
	closed  chan struct{}
}

func newPool(size int, dial func() (net.Conn, error)) *pool {
	p := &pool{dial: dial, slots: make([]*slot, size)}
	for i := range p.slots {
		p.slots[i] = &slot{}
	}
	return p
}

// pick returns the next slot's connection; a dead one is replaced.
func (p *pool) pick() (*link, error) {
	if len(p.slots) == 0 {
		return nil, errNone
	}
	s := p.slots[p.next.Add(1)%uint64(len(p.slots))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != nil {
		select {
		case <-s.link.closed:
		default:
			return s.link, nil
		}
	}
	p.dials.Add(1)
	conn, err := p.dial()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConnection, err)
	}
	s.link = &link{
		pool: p, conn: conn, pending: map[uint64]chan frame{},
		pushes: make(chan frame, pushRoom), closed: make(chan struct{}),
	}
	go s.link.read()
	return s.link, nil
}

// close closes the connections. Pending calls wait for their time-out.
func (p *pool) close() {
	for _, s := range p.slots {
		s.mu.Lock()
		if s.link != nil {
			s.link.conn.Close()
		}
		s.mu.Unlock()
	}
}

// read hands frames out until the connection ends. A lost connection is not told
// to the calls that wait on it (S7).
func (l *link) read() {
	defer close(l.closed)
	defer l.conn.Close()
	for {
		f, err := readFrame(l.conn)
		if err != nil {
			return
		}
		push := f.flags&flagStream != 0 && f.flags&(flagRequest|flagResponse) == 0
		if push || f.id&topBit != 0 {
			select {
			case l.pushes <- f:
			default:
				l.pool.lostPushes.Add(1)
			}
			continue
		}
		l.mu.Lock()
		waiting := l.pending[f.id]
		if f.flags&flagStream == 0 || f.flags&flagEnd != 0 {
			delete(l.pending, f.id)
		}
		l.mu.Unlock()
		if waiting != nil {
			waiting <- f
		}
	}
}

func (l *link) send(f frame) error {
	l.write.Lock()
	defer l.write.Unlock()
	if _, err := l.conn.Write(f.append(nil)); err != nil {
		return fmt.Errorf("%w: %w", errConnection, err)
	}
	return nil
}

// request sends a request whose answers go to a channel with so much room.
func (p *pool) request(route string, value []byte, room int) (*link, uint64, chan frame, error) {
	l, err := p.pick()
	if err != nil {
		return nil, 0, nil, err
	}
	id := p.lastID.Add(1)
	answers := make(chan frame, room)
	l.mu.Lock()
	l.pending[id] = answers
	l.mu.Unlock()
	return l, id, answers, l.send(frame{flagRequest, id, route, value})
}

// call waits for one answer, whatever its flags.
func (p *pool) call(route string, value []byte, limit time.Duration) ([]byte, error) {
	l, id, answers, err := p.request(route, value, 1)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case f := <-answers:
		if f.flags&flagError != 0 {
			return nil, remoteError(f.value)
		}
		return f.value, nil
	case <-timer.C:
		l.mu.Lock()
		delete(l.pending, id)
		l.mu.Unlock()
		return nil, errTimeout
	}
}

// stream calls take for every chunk, in order, until the end mark, an ordinary
// reply, an error bit (its text is lost) or the limit for the whole stream. The
// pending entry of a stream that ran into its limit stays (S4).
func (p *pool) stream(route string, value []byte, limit time.Duration, take func([]byte)) error {
	_, _, answers, err := p.request(route, value, streamRoom)
	if err != nil {
		return err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case f := <-answers:
			if f.flags&flagError != 0 {
				return nil
			}
			take(f.value)
			if f.flags&flagStream == 0 || f.flags&flagEnd != 0 {
				return nil
			}
		case <-timer.C:
			return errTimeout
		}
	}
}

// session is a route on one connection; opening and closing it sends nothing.
type session struct {
	link  *link
	route string
}

func (p *pool) session(route string) (*session, error) {
	l, err := p.pick()
	return &session{l, route}, err
}

// send sends one message; each has a new id.
func (s *session) send(value []byte) error {
	return s.link.send(frame{flagStream, s.link.pool.lastID.Add(1) | topBit, s.route, value})
}

// receive waits for the next push on the connection, of any route.
func (s *session) receive(limit time.Duration) (frame, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case f := <-s.link.pushes:
		return f, nil
	case <-timer.C:
		return frame{}, errTimeout
	}
}

// kind names an error in a tally; "" for none.
func kind(err error) string {
	var remote remoteError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &remote):
		return "remote"
	case errors.Is(err, errConnection), errors.Is(err, errNone):
		return errConnection.Error()
	default:
		return err.Error()
	}
}
