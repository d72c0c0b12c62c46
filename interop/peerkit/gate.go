package peerkit

import (
	"io"
	"sync"
)

// Gate is a switch that holds back readers: a peer that stopped reading keeps
// its connections and sends nothing it would send because of what arrived.
type Gate struct {
	mu   sync.Mutex
	open chan struct{} // closed while reading is allowed
}

// NewGate returns an open gate.
func NewGate() *Gate {
	g := &Gate{open: make(chan struct{})}
	close(g.open)
	return g
}

// Stall stops all readers before they hand out another byte.
func (g *Gate) Stall() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
		g.open = make(chan struct{})
	default:
	}
}

// Resume lets them go on.
func (g *Gate) Resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
	default:
		close(g.open)
	}
}

// Reader returns r behind the gate. While stalled it holds what one read took
// from the socket and takes no more; closed ends the wait.
func (g *Gate) Reader(r io.Reader, closed <-chan struct{}) io.Reader {
	return &gated{r, g, closed}
}

type gated struct {
	io.Reader
	gate   *Gate
	closed <-chan struct{}
}

func (g *gated) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	g.gate.mu.Lock()
	open := g.gate.open
	g.gate.mu.Unlock()
	select {
	case <-open:
		return n, err
	case <-g.closed:
		return 0, io.ErrClosedPipe
	}
}
