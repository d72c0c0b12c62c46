package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/interop/peerkit"
)

const (
	handshakeTimeout = 10 * time.Second
	runningLimit     = 8192   // handlers, for the whole server
	repliesLimit     = 32_768 // replies queued, for each connection
	traceLimit       = 1 << 20
)

// handler answers one request; the reply to one without an id is dropped. A
// panic becomes the Error of the reply.
type handler func(clientAddress string, request any) any

// server answers any number of connections with one handler.
type server struct {
	handler    handler
	flushDelay time.Duration
	handshake  time.Duration
	gate       *peerkit.Gate // nil never stalls
	running    chan struct{} // one per handler at work

	mu                              sync.Mutex
	open                            map[net.Conn]struct{}
	errors                          []string // why connections ended, other than by their end
	accepted, panics, reads, writes atomic.Uint64
}

func newServer(h handler) *server {
	return &server{
		handler: h, handshake: handshakeTimeout,
		running: make(chan struct{}, runningLimit), open: map[net.Conn]struct{}{},
	}
}

// accept serves connections until the listener is closed.
func (s *server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(time.Second)
			continue
		}
		s.accepted.Add(1)
		conn = counted{conn, &s.reads, &s.writes}
		s.mu.Lock()
		s.open[conn] = struct{}{}
		s.mu.Unlock()
		go s.serve(conn)
	}
}

// drop closes every connection at once; unsent replies are lost. It returns how
// many there were.
func (s *server) drop() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.open {
		conn.Close()
	}
	return len(s.open)
}

// serve runs one connection: handshake byte, then a reader and a writer. The one
// that stops first closes the connection.
func (s *server) serve(conn net.Conn) {
	closed := make(chan struct{})
	var once sync.Once
	end := func(err error) {
		once.Do(func() {
			close(closed)
			conn.Close()
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.open, conn)
			if err != nil {
				s.errors = append(s.errors, err.Error())
			}
		})
	}
	var input io.Reader = conn
	if s.gate != nil {
		input = s.gate.Reader(conn, closed)
	}
	var hello [1]byte
	conn.SetReadDeadline(time.Now().Add(s.handshake))
	if _, err := io.ReadFull(input, hello[:]); err != nil {
		end(fmt.Errorf("handshake: %w", err))
		return
	}
	conn.SetReadDeadline(time.Time{})
	compressed := hello[0] != 0 // any other byte than 0
	replies := make(chan wireResponse, repliesLimit)
	go func() { end(s.write(conn, compressed, replies, closed)) }()
	end(s.read(conn.RemoteAddr().String(), input, compressed, replies, closed))
}

// read decodes requests and runs each handler in its own goroutine, at most
// runningLimit for the whole server; while there are more nothing is read.
func (s *server) read(address string, input io.Reader, compressed bool, replies chan<- wireResponse, closed <-chan struct{}) error {
	in := newDecoder(input, compressed)
	for {
		var request wireRequest
		if err := in.Decode(&request); err != nil {
			if errors.Is(err, io.EOF) || compressed && errors.Is(err, io.ErrUnexpectedEOF) || isClosed(closed) {
				return nil // compressed streams have no end of their own
			}
			return fmt.Errorf("decode: %w", err)
		}

		select {
		case s.running <- struct{}{}:
		case <-closed:
			return nil
		}
		go func() {
			defer func() { <-s.running }()
			response, text := s.guarded(address, request.Request)
			if request.ID == 0 {
				return
			}
			select {
			case replies <- wireResponse{request.ID, response, text}:
			case <-closed:
			}
		}()
	}
}

func isClosed(closed <-chan struct{}) bool {
	select {
	case <-closed:
		return true
	default:
		return false
	}
}

// guarded runs the handler; a panic becomes the text, stack included.
func (s *server) guarded(address string, request any) (response any, text string) {
	defer func() {
		if cause := recover(); cause != nil {
			s.panics.Add(1)
			trace := make([]byte, traceLimit)
			trace = trace[:runtime.Stack(trace, false)]
			response, text = nil, fmt.Sprintf("Panic occured: %v\nStack trace: %s", cause, trace)
		}
	}()
	return s.handler(address, request), ""
}

// write encodes replies in the order in which handlers end. One that cannot be
// encoded ends the connection.
func (s *server) write(conn io.Writer, compressed bool, replies <-chan wireResponse, closed <-chan struct{}) error {
	out := newEncoder(conn, compressed)
	var flush <-chan struct{}
	for {
		var reply wireResponse
		select {
		case reply = <-replies:
		default:
			runtime.Gosched()
			select {
			case reply = <-replies:
			case <-flush:
				if err := out.flush(); err != nil {
					return fmt.Errorf("flush: %w", err)
				}
				flush = nil
				continue
			case <-closed:
				return nil
			}
		}
		if err := out.Encode(reply); err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		if flush == nil {
			flush = due(s.flushDelay)
		}
	}
}
