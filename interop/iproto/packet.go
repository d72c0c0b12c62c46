package main

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Control codes; every other code is the application's.
const (
	codePing     = 0xff00
	codeShutdown = 0xff01
)

const headerSize = 12

// packet is one packet of the wire: three little-endian 32-bit numbers (code,
// length of the body, sync) and the body. Sync 0 marks a notification.
type packet struct {
	code uint32
	sync uint32
	body []byte
}

// append adds the packet's bytes to buf; the length is always the body's.
func (p packet) append(buf []byte) []byte {
	buf = binary.LittleEndian.AppendUint32(buf, p.code)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(p.body)))
	buf = binary.LittleEndian.AppendUint32(buf, p.sync)
	return append(buf, p.body...)
}

// readPacket reads one packet whose body is at most limit bytes. An end before
// the header is io.EOF. So is an end between header and body, because the
// original cannot tell the two apart (defect I27 of the notes).
func readPacket(r io.Reader, limit uint32) (packet, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return packet{}, err
	}
	p := packet{
		code: binary.LittleEndian.Uint32(header[0:]),
		sync: binary.LittleEndian.Uint32(header[8:]),
	}
	size := binary.LittleEndian.Uint32(header[4:])
	if size > limit {
		return packet{}, fmt.Errorf("packet of %d bytes is over the size limit of %d", size, limit)
	}
	p.body = make([]byte, size)
	_, err := io.ReadFull(r, p.body)
	return p, err
}
