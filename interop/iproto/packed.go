package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"reflect"
	"slices"

	"trunkline/interop/pack"
)

// Codes whose bodies are packed values.
const (
	codeSum   = 11 // two u32 (fixed): answers their sum
	codeStamp = 12 // a parcel (each field as tagged): answers it stamped
)

// parcel has a field of every kind that services pack.
type parcel struct {
	Number uint32 `iproto:"ber"`
	Name   string
	Label  string   `iproto:"ber"`
	Blob   []byte   `iproto:"ber"`
	Counts []uint16 `iproto:"ber"`
	Places []place
	Shift  int64 `iproto:"ber"`
}

type place struct {
	X int32
	Y int16 `iproto:"ber"`
}

// stamp is what codeStamp answers: every field differs from what was sent, unless
// it is empty.
func (p parcel) stamp() parcel {
	p.Number++
	p.Name, p.Label = p.Label+"!", p.Name
	p.Blob = slices.Clone(p.Blob)
	slices.Reverse(p.Blob)
	p.Counts = append(slices.Clone(p.Counts), uint16(len(p.Counts)))
	p.Places = slices.Clone(p.Places)
	for i, at := range p.Places {
		p.Places[i] = place{X: -at.X, Y: at.Y + 1}
	}
	p.Shift = -p.Shift
	return p
}

// packed answers a body of packed values; false if it is none.
func packed(code uint32, body []byte) ([]byte, bool) {
	var answer any
	switch code {
	case codeSum:
		var a, b uint32
		if pack.Unpack(pack.Fixed, body, &a, &b) != nil {
			return nil, false
		}
		answer = a + b
	default:
		var p parcel
		if pack.Unpack(pack.Fixed, body, &p) != nil {
			return nil, false
		}
		answer = p.stamp()
	}
	out, err := pack.Pack(pack.Fixed, answer)
	return out, err == nil
}

// packed calls codeSum and codeStamp in turns with values that differ each time,
// among them the borders of the BER widths, and compares the answers as values.
func (c *client) packed() (bool, map[string]any, error) {
	ch, err := c.dial()
	if err != nil {
		return false, nil, err
	}
	defer ch.close()
	for i := range c.n {
		a, b := uint32(i)<<(i%16), rand.Uint32()
		var sum uint32
		c.exchange(ch, codeSum, []any{a, b}, &sum, a+b)
		p := freshParcel(i)
		var stamped parcel
		c.exchange(ch, codeStamp, []any{p}, &stamped, p.stamp())
	}
	return c.tally.Counts().Clean(), nil, nil
}

// exchange makes one call and tallies whether target, filled by the answer, is want.
func (c *client) exchange(ch *channel, code uint32, values []any, target, want any) {
	body, err := pack.Pack(pack.Fixed, values...)
	if err == nil {
		body, err = ch.call(context.Background(), code, body)
	}
	if err != nil {
		c.tally.End(kind(err), false)
		return
	}
	err = pack.Unpack(pack.Fixed, body, target)
	got := reflect.ValueOf(target).Elem().Interface()
	c.tally.End("", err == nil && reflect.DeepEqual(got, want))
}

// freshParcel has empty fields for 0, and grows with i.
func freshParcel(i int) parcel {
	p := parcel{Blob: []byte{}, Counts: []uint16{}, Places: []place{}}
	p.Number = uint32(1<<(i%32)) - 1
	p.Name = string(bytes.Repeat([]byte("ö"), i))
	p.Label = string(bytes.Repeat([]byte("l"), i*3))
	p.Shift = -(int64(1) << (i % 63))
	for n := range i {
		p.Blob = append(p.Blob, byte(n*7))
		p.Counts = append(p.Counts, uint16(n*n))
		p.Places = append(p.Places, place{X: int32(n * -1000), Y: int16(-n)})
	}
	return p
}
