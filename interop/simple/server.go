package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"trunkline/interop/peerkit"
)

// server runs handlers in a fixed number of workers, which all connections share
// through one queue of twice as many places; when it is full the connections that
// want to submit are not read.
type server struct {
	routes map[string]func(*call)
	jobs   chan job
	gate   *peerkit.Gate // nil never stalls

	mu                        sync.Mutex
	open                      map[net.Conn]struct{}
	errors                    []string
	accepted, unknown, frames atomic.Uint64
}

type job struct {
	handler func(*call)
	call    *call
}

func newServer(workers int) *server {
	s := &server{
		routes: map[string]func(*call){}, jobs: make(chan job, 2*workers), open: map[net.Conn]struct{}{},
	}
	for range workers {
		go func() {
			for j := range s.jobs {
				j.handler(j.call)
			}
		}()
	}
	return s
}

// accept serves connections until the listener is closed.
func (s *server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.accepted.Add(1)
		go s.serve(conn)
	}
}

// serve reads one connection's frames: a request bit is a call whatever else is
// set; a stream bit without a response bit is a session message; the rest is
// ignored. Every session message is a new invocation of its handler.
func (s *server) serve(conn net.Conn) {
	s.mu.Lock()
	s.open[conn] = struct{}{}
	s.mu.Unlock()
	closed := make(chan struct{})
	var input io.Reader = conn
	if s.gate != nil {
		input = s.gate.Reader(conn, closed)
	}
	peer := &peer{conn: conn}
	for {
		f, err := readFrame(input)
		if err != nil {
			s.end(conn, err)
			close(closed)
			return
		}
		s.frames.Add(1)
		handler := s.routes[f.route]
		c := &call{frame: f, peer: peer}
		switch {
		case f.flags&flagRequest != 0 && handler == nil:
			s.unknown.Add(1)
			c.reply(nil) // the caller sees an empty success
		case f.flags&flagRequest == 0 && (f.flags&flagStream == 0 || f.flags&flagResponse != 0):
		case handler == nil:
			s.unknown.Add(1)
		default:
			s.jobs <- job{handler, c}
		}
	}
}

func (s *server) end(conn net.Conn, err error) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
	if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		s.errors = append(s.errors, err.Error())
	}
}

// drop closes every connection at once and returns how many there were.
func (s *server) drop() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		conn.Close()
	}
	return len(s.open)
}

// peer is the other end of a connection. Its state belongs to the handlers.
type peer struct {
	conn  net.Conn
	write sync.Mutex
	mu    sync.Mutex
	seq   *peerkit.Sequence
}

func (p *peer) send(f frame) error {
	p.write.Lock()
	defer p.write.Unlock()
	_, err := p.conn.Write(f.append(nil))
	return err
}

// call is one frame being handled; what it sends carries the frame's id and
// route. After a reply or a last chunk it sends nothing more.
type call struct {
	frame
	peer  *peer
	ended bool
}

// reply answers once.
func (c *call) reply(value []byte) { c.send(flagResponse, value, true) }

// chunk sends a part of a stream; the end is a mark on the last one.
func (c *call) chunk(value []byte, last bool) {
	flags := byte(flagResponse | flagStream)
	if last {
		flags |= flagEnd
	}
	c.send(flags, value, last)
}

// push sends a message beside the answer.
func (c *call) push(value []byte) { c.send(flagStream, value, false) }

func (c *call) send(flags byte, value []byte, last bool) {
	if c.ended {
		return
	}
	c.ended = last
	// An error means that the connection is gone, and its reader finds out.
	_ = c.peer.send(frame{flags, c.id, c.route, value})
}
