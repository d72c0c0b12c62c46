package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// framing is {packet,N}: a length of n bytes, which does not count itself, then
// so many bytes of payload.
type framing struct {
	n     int // 1, 2, 4 or 8
	order binary.ByteOrder
	limit uint64 // largest payload received, inclusive, at most what n bytes say
}

var (
	errTooLarge = errors.New("too large packet")
	// errNegative is where the original's process dies: it takes the length for a
	// negative number (L1 of the notes).
	errNegative = errors.New("length with the top bit set, at which the original panics")
)

// parseFraming reads a header's name: 1be, 2le, 4be, 8le and so on.
func parseFraming(name string, limit uint64) (framing, error) {
	f := framing{limit: limit}
	switch {
	case len(name) == 3 && name[1:] == "be":
		f.order = binary.BigEndian
	case len(name) == 3 && name[1:] == "le":
		f.order = binary.LittleEndian
	default:
		return f, fmt.Errorf("unknown header %q, want 1, 2, 4 or 8 and be or le", name)
	}
	n, err := strconv.Atoi(name[:1])
	if err != nil || n != 1 && n != 2 && n != 4 && n != 8 {
		return f, fmt.Errorf("unknown header %q, want 1, 2, 4 or 8 and be or le", name)
	}
	f.n = n
	f.limit = min(limit, f.largest())
	return f, nil
}

// largest is the largest length that the header can say.
func (f framing) largest() uint64 {
	if f.n == 8 {
		return 1<<63 - 1
	}
	return 1<<(8*f.n) - 1
}

// append adds one packet to buf. A payload longer than the header can say wraps
// its length, as in the original (L5).
func (f framing) append(buf, payload []byte) []byte {
	var wide [8]byte
	length := uint64(len(payload))
	if f.order == binary.ByteOrder(binary.BigEndian) {
		binary.BigEndian.PutUint64(wide[:], length)
		buf = append(buf, wide[8-f.n:]...)
	} else {
		binary.LittleEndian.PutUint64(wide[:], length)
		buf = append(buf, wide[:f.n]...)
	}
	return append(buf, payload...)
}

// read reads one packet. An end right after a header is a plain end, as in the
// original.
func (f framing) read(r io.Reader) ([]byte, error) {
	var header, wide [8]byte
	if _, err := io.ReadFull(r, header[:f.n]); err != nil {
		return nil, err
	}
	var length uint64
	if f.order == binary.ByteOrder(binary.BigEndian) {
		copy(wide[8-f.n:], header[:f.n])
		length = binary.BigEndian.Uint64(wide[:])
	} else {
		copy(wide[:], header[:f.n])
		length = binary.LittleEndian.Uint64(wide[:])
	}
	switch {
	case length > 1<<63-1:
		return nil, errNegative
	case length > f.limit:
		return nil, errTooLarge
	}
	payload := make([]byte, length)
	_, err := io.ReadFull(r, payload)
	return payload, err
}
