package main

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"trunkline/interop/peerkit"
)

// maxDelay bounds the random delay of /random.
const maxDelay = 20 * time.Millisecond

// service is what the interop server serves, and its books.
type service struct {
	ledger    *peerkit.Ledger
	sequences peerkit.Sequences
}

// routes registers every handler with s. What a handler waits for keeps its
// worker, as in the original.
func (v *service) routes(s *server) {
	handlers := map[string]func(*call){
		"/echo":   func(c *call) { c.reply(c.value) },
		"/health": func(c *call) { c.reply([]byte(`{"status":"healthy"}`)) },
		"/sleep": func(c *call) {
			ms, _ := strconv.Atoi(string(c.value)) // not a number: no delay
			time.Sleep(time.Duration(ms) * time.Millisecond)
			c.reply(c.value)
		},
		"/random": func(c *call) {
			time.Sleep(rand.N(maxDelay))
			c.reply(c.value)
		},
		"/silent": func(*call) {},
		"/count":  count,
		"/push":   push,
		"/chat":   func(c *call) { c.push(c.value) },
		"/bulk":   func(c *call) { c.reply(binary.LittleEndian.AppendUint64(nil, uint64(len(c.value)))) },
		"/sink": func(c *call) {
			c.peer.mu.Lock()
			defer c.peer.mu.Unlock()
			if c.peer.seq == nil {
				c.peer.seq = v.sequences.Start()
			}
			c.peer.seq.Take(c.value)
		},
	}
	for name, handler := range handlers {
		s.routes[name] = func(c *call) {
			if name != "/sink" {
				v.ledger.Execute(name, c.value)
			}
			handler(c)
		}
	}
}

// count streams numbered chunks: "N" or "N,SIZE". No chunk at all cannot be
// said, so nothing is one empty chunk.
func count(c *call) {
	n, size := numbers(c.value)
	if n == 0 {
		c.chunk(nil, true)
	}
	for i := range n {
		c.chunk(peerkit.Number(uint64(i), size), i == n-1)
	}
}

// push pushes "N" or "N,SIZE" numbered messages inside a call, then replies.
func push(c *call) {
	n, size := numbers(c.value)
	for i := range n {
		c.push(peerkit.Number(uint64(i), size))
	}
	c.reply([]byte("done"))
}

// numbers reads "N" or "N,SIZE"; what is not a number is 0.
func numbers(value []byte) (n, size int) {
	first, second, _ := strings.Cut(string(value), ",")
	n, _ = strconv.Atoi(first)
	size, _ = strconv.Atoi(second)
	return n, size
}
