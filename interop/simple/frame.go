package main

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Flag bits of a frame.
const (
	flagRequest  = 0x01 // client: call and stream call
	flagResponse = 0x02 // server: reply and chunk
	flagStream   = 0x04 // chunks; alone: session messages and pushes
	flagEnd      = 0x08 // the last chunk
	flagError    = 0x10 // the value is an error text; never sent by the original
)

const (
	version    = 1
	headerSize = 16
	topBit     = 1 << 63 // set in the ids of session messages
)

// frame is one frame of the wire: version, flags, id, lengths (big-endian), then
// the route and the value.
type frame struct {
	flags byte
	id    uint64
	route string
	value []byte
}

func (f frame) append(buf []byte) []byte {
	buf = append(buf, version, f.flags)
	buf = binary.BigEndian.AppendUint64(buf, f.id)
	buf = binary.BigEndian.AppendUint16(buf, uint16(len(f.route)))
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(f.value)))
	buf = append(buf, f.route...)
	return append(buf, f.value...)
}

// readFrame reads one frame. The original has no limits, and this has none.
func readFrame(r io.Reader) (frame, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return frame{}, err
	}
	if header[0] != version {
		return frame{}, fmt.Errorf("version %d: %w", header[0], io.ErrUnexpectedEOF)
	}
	route := make([]byte, binary.BigEndian.Uint16(header[10:]))
	value := make([]byte, binary.BigEndian.Uint32(header[12:]))
	if _, err := io.ReadFull(r, route); err != nil {
		return frame{}, err
	}
	if _, err := io.ReadFull(r, value); err != nil {
		return frame{}, err
	}
	return frame{header[1], binary.BigEndian.Uint64(header[2:]), string(route), value}, nil
}
