package main

import (
	"bufio"
	"compress/flate"
	"encoding/gob"
	"io"
)

// Two structs make the whole protocol, each way one endless gob stream of one of
// them. Zero fields are not sent: no ID means that no reply is wanted.

type wireRequest struct {
	ID      uint64
	Request any
}

type wireResponse struct {
	ID       uint64
	Response any
	Error    string // not empty: the handler panicked
}

// A Dispatcher call is an ordinary request whose value is a dispatcherRequest.

type dispatcherRequest struct {
	Request any
	Name    string // service + "." + method; a function's service is empty
}

type dispatcherResponse struct {
	Response any
	Error    string
}

func init() {
	gob.RegisterName("*gorpc.dispatcherRequest", &dispatcherRequest{})
	gob.RegisterName("*gorpc.dispatcherResponse", &dispatcherResponse{})
}

// bufferSize is the size of every buffer between the layers, in bytes.
const bufferSize = 64 << 10

// encoder is the sending direction: gob, then if compressed a buffer and raw
// deflate at level 1, then a buffer, then the connection.
type encoder struct {
	*gob.Encoder
	outer   *bufio.Writer
	inner   *bufio.Writer // nil if plain
	deflate *flate.Writer
}

func newEncoder(w io.Writer, compressed bool) *encoder {
	e := &encoder{outer: bufio.NewWriterSize(w, bufferSize)}
	if !compressed {
		e.Encoder = gob.NewEncoder(e.outer)
		return e
	}
	// The level is in range, so there is no error.
	e.deflate, _ = flate.NewWriter(e.outer, flate.BestSpeed)
	e.inner = bufio.NewWriterSize(e.deflate, bufferSize)
	e.Encoder = gob.NewEncoder(e.inner)
	return e
}

// flush sends everything encoded so far; compressed, it ends in an empty stored
// block, without which the other side would not see it.
func (e *encoder) flush() error {
	if e.inner != nil {
		if err := e.inner.Flush(); err != nil {
			return err
		}
		if err := e.deflate.Flush(); err != nil {
			return err
		}
	}
	return e.outer.Flush()
}

// newDecoder is the receiving direction.
func newDecoder(r io.Reader, compressed bool) *gob.Decoder {
	outer := bufio.NewReaderSize(r, bufferSize)
	if !compressed {
		return gob.NewDecoder(outer)
	}
	return gob.NewDecoder(bufio.NewReaderSize(flate.NewReader(outer), bufferSize))
}

// fired is a timer that is always due: what a flush delay of nothing arms.
var fired = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
