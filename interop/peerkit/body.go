package peerkit

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"
)

// NonceSize is how many bytes of a body are its nonce.
const NonceSize = 8

// Nonce reads the nonce of a body; false if the body is too short to have one.
func Nonce(body []byte) (uint64, bool) {
	if len(body) < NonceSize {
		return 0, false
	}
	return binary.LittleEndian.Uint64(body), true
}

// Bodies makes request bodies that no other body of this run equals, as long as
// they have room for a nonce. The upper half of a nonce is the seed, the lower
// half counts.
type Bodies struct {
	seed uint32
	next atomic.Uint32
}

// NewBodies returns a source whose nonces carry the seed.
func NewBodies(seed uint32) *Bodies { return &Bodies{seed: seed} }

// Next returns a body of size bytes: the nonce, then bytes that depend on it.
// A body shorter than a nonce is the nonce's first bytes.
func (b *Bodies) Next(size int) []byte {
	nonce := uint64(b.seed)<<32 | uint64(b.next.Add(1))
	body := make([]byte, max(size, NonceSize))
	binary.LittleEndian.PutUint64(body, nonce)
	if size > NonceSize {
		fill(body[NonceSize:], byte(nonce))
	}
	return body[:size]
}

// Text returns a body of printable characters, at least eight: a nonce of eight
// characters and one repeated letter. Its nonce holds the seed's lower 16 bits.
func (b *Bodies) Text(size int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	nonce := uint64(b.seed&0xffff)<<32 | uint64(b.next.Add(1))
	text := bytes.Repeat([]byte{letters[nonce%64]}, max(size, NonceSize))
	for i := range NonceSize {
		text[i] = letters[nonce>>(6*i)%64]
	}
	return string(text)
}

// fill writes (i*7 + first) into byte i. The pattern repeats every 256 bytes, so
// it is made once and doubled by copying.
func fill(body []byte, first byte) {
	head := min(len(body), 256)
	for i := range body[:head] {
		body[i] = byte(i)*7 + first
	}
	for done := head; done < len(body); done *= 2 {
		copy(body[done:], body[:done])
	}
}

// Same reports whether an echo is the body that was sent.
func Same(sent, echoed []byte) bool { return bytes.Equal(sent, echoed) }
