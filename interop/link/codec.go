package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
)

// codec turns messages into bytes of a stream and back.
type codec interface {
	encode(message any) ([]byte, error)
	receive() (any, error)
}

// rawCodec: every message is the payload of one packet.
type rawCodec struct {
	framing
	input io.Reader
}

func (c *rawCodec) encode(message any) ([]byte, error) {
	payload, ok := message.([]byte)
	if !ok {
		return nil, errors.New("a raw message is bytes")
	}
	return c.append(nil, payload), nil
}

func (c *rawCodec) receive() (any, error) { return c.read(c.input) }

// AddReq and AddRsp are the registered messages of the recordings.
type AddReq struct{ A, B int }

// AddRsp answers an AddReq.
type AddRsp struct{ C int }

// registry maps heads to types. Messages of other types have an empty head.
type registry struct {
	types map[string]reflect.Type
	heads map[reflect.Type]string
}

func newRegistry() *registry {
	r := &registry{types: map[string]reflect.Type{}, heads: map[reflect.Type]string{}}
	r.register("AddReq", AddReq{})
	r.register("AddRsp", AddRsp{})
	return r
}

func (r *registry) register(head string, sample any) {
	r.types[head] = reflect.TypeOf(sample)
	r.heads[reflect.TypeOf(sample)] = head
}

// jsonCodec: every message is an object {"Head":name,"Body":value} and a
// newline, alone on the stream or each in a packet. The decoder keeps what it
// read beyond an object: a packet with two of them makes a later one disappear
// (L18), and an empty packet ends the session (L19).
type jsonCodec struct {
	*registry
	frames  *framing // nil: straight on the stream
	input   io.Reader
	packet  *bytes.Reader // the packet being decoded
	decoder *json.Decoder
}

func newJSONCodec(names *registry, frames *framing, input io.Reader) *jsonCodec {
	c := &jsonCodec{registry: names, frames: frames, input: input}
	if frames == nil {
		c.decoder = json.NewDecoder(input)
		return c
	}
	c.packet = bytes.NewReader(nil)
	c.decoder = json.NewDecoder(c.packet)
	return c
}

func (c *jsonCodec) encode(message any) ([]byte, error) {
	kind := reflect.TypeOf(message)
	if kind != nil && kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	var text bytes.Buffer
	err := json.NewEncoder(&text).Encode(struct {
		Head string
		Body any
	}{c.heads[kind], message})
	if err != nil || c.frames == nil {
		return text.Bytes(), err
	}
	return c.frames.append(nil, text.Bytes()), nil
}

// errNoBody is where the original's process dies (L2).
var errNoBody = errors.New("no Body, at which the original panics")

func (c *jsonCodec) receive() (any, error) {
	if c.frames != nil {
		payload, err := c.frames.read(c.input)
		if err != nil {
			return nil, err
		}
		c.packet.Reset(payload)
	}
	var in struct {
		Head string
		Body *json.RawMessage
	}
	if err := c.decoder.Decode(&in); err != nil {
		return nil, err
	}
	if in.Body == nil {
		return nil, errNoBody
	}
	if kind, ok := c.types[in.Head]; ok {
		message := reflect.New(kind)
		err := json.Unmarshal(*in.Body, message.Interface())
		return message.Interface(), err
	}
	var message any
	err := json.Unmarshal(*in.Body, &message)
	return message, err
}

// wire says how messages are spelled on a connection: a header's name or `none`,
// and whether they are JSON.
type wire struct {
	framing framing
	bare    bool // JSON straight on the stream
	json    bool
}

func parseWire(head string, isJSON bool, limit uint64) (wire, error) {
	if strings.EqualFold(head, "none") {
		if !isJSON {
			return wire{}, errors.New("without a header messages have to be JSON")
		}
		return wire{bare: true, json: true}, nil
	}
	f, err := parseFraming(head, limit)
	return wire{framing: f, json: isJSON}, err
}

// codec makes the codec of one connection.
func (w wire) codec(input io.Reader) codec {
	switch {
	case w.bare:
		return newJSONCodec(newRegistry(), nil, input)
	case w.json:
		return newJSONCodec(newRegistry(), &w.framing, bufio.NewReader(input))
	default:
		return &rawCodec{w.framing, bufio.NewReader(input)}
	}
}
