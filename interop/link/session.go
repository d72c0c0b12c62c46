package main

import (
	"errors"
	"io"
	"net"
	"sync"
)

var (
	errClosed  = errors.New("session closed")
	errBlocked = errors.New("session blocked") // the queue was full: the session is closed
)

// session is one connection. Without a queue a send writes before it returns;
// with one it leaves the message to a send task, and a full queue closes the
// session. Closing throws queued messages away, as in the original.
type session struct {
	codec codec
	conn  net.Conn

	mu     sync.Mutex // of synchronous writes
	queue  chan any   // nil: synchronous
	once   sync.Once
	closed chan struct{}
}

// newSession makes a session whose input may be behind a gate.
func newSession(conn net.Conn, w wire, queue int, behind func(io.Reader, <-chan struct{}) io.Reader) *session {
	s := &session{conn: conn, closed: make(chan struct{})}
	var input io.Reader = conn
	if behind != nil {
		input = behind(conn, s.closed)
	}
	s.codec = w.codec(input)
	if queue > 0 {
		s.queue = make(chan any, queue)
		go s.work()
	}
	return s
}

// work sends what is queued.
func (s *session) work() {
	for {
		select {
		case message := <-s.queue:
			if s.write(message) != nil {
				return
			}
		case <-s.closed:
			return
		}
	}
}

func (s *session) send(message any) error {
	if s.queue == nil {
		return s.write(message)
	}
	select {
	case <-s.closed:
		return errClosed
	default:
	}
	select {
	case s.queue <- message:
		return nil
	default:
		s.close()
		return errBlocked
	}
}

func (s *session) write(message any) error {
	raw, err := s.codec.encode(message)
	if err == nil {
		s.mu.Lock()
		_, err = s.conn.Write(raw)
		s.mu.Unlock()
	}
	if err != nil {
		s.close()
	}
	return err
}

// receive waits for the next message. An error closes the session.
func (s *session) receive() (any, error) {
	message, err := s.codec.receive()
	if err != nil {
		s.close()
	}
	return message, err
}

func (s *session) close() {
	s.once.Do(func() {
		close(s.closed)
		s.conn.Close()
	})
}

// kind names an error in a tally; "" for none.
func kind(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, errClosed):
		return "closed"
	case errors.Is(err, errBlocked):
		return "blocked"
	case errors.Is(err, errTooLarge):
		return "too_large"
	default:
		return "connection"
	}
}
