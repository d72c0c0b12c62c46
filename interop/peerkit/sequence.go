package peerkit

import (
	"encoding/binary"
	"sync/atomic"
)

// Sequence checks numbered messages of one connection: unsigned 64-bit
// little-endian numbers that count from 0. It belongs to one goroutine; the
// Sequences it reports to may be shared.
type Sequence struct {
	next uint64
	all  *Sequences
}

// Sequences sums the sequences of all connections.
type Sequences struct {
	received atomic.Uint64
	disorder atomic.Uint64
}

// Start returns the check for one more connection.
func (s *Sequences) Start() *Sequence { return &Sequence{all: s} }

// Received is how many numbered messages came.
func (s *Sequences) Received() uint64 { return s.received.Load() }

// InOrder reports whether none was out of order, missing, repeated or malformed.
func (s *Sequences) InOrder() bool { return s.disorder.Load() == 0 }

// Take checks one message. The body may go on after its number.
func (s *Sequence) Take(body []byte) {
	s.all.received.Add(1)
	if len(body) < 8 {
		s.all.disorder.Add(1)
		return
	}
	number := binary.LittleEndian.Uint64(body)
	if number != s.next {
		s.all.disorder.Add(1)
	}
	s.next = number + 1
}

// Number is the body of message n, size bytes long, at least eight.
func Number(n uint64, size int) []byte {
	body := make([]byte, max(size, 8))
	binary.LittleEndian.PutUint64(body, n)
	return body
}
