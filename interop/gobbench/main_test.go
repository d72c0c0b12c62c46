// The yardstick for crates/trunkline-gob/benches/small_request.rs: the same
// messages through Go's own encoding/gob, on a stream that knows its types.
package gobbench

import (
	"bytes"
	"encoding/gob"
	"testing"
)

type wireRequest struct {
	ID      uint64
	Request interface{}
}

// Rect is what the struct benchmarks carry.
type Rect struct{ W, H int32 }

func init() { gob.RegisterName("*main.Rect", &Rect{}) }

func encode(b *testing.B, request interface{}) {
	var out bytes.Buffer
	encoder := gob.NewEncoder(&out)
	value := wireRequest{ID: 1000, Request: request}
	if err := encoder.Encode(&value); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		out.Reset()
		value.ID++
		if err := encoder.Encode(&value); err != nil {
			b.Fatal(err)
		}
	}
}

func decode(b *testing.B, request interface{}) {
	var stream bytes.Buffer
	encoder := gob.NewEncoder(&stream)
	value := wireRequest{ID: 1000, Request: request}
	if err := encoder.Encode(&value); err != nil {
		b.Fatal(err)
	}
	decoder := gob.NewDecoder(&stream)
	var got wireRequest
	if err := decoder.Decode(&got); err != nil {
		b.Fatal(err)
	}
	if err := encoder.Encode(&value); err != nil {
		b.Fatal(err)
	}
	message := append([]byte(nil), stream.Bytes()...)
	stream.Reset()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		stream.Write(message)
		got = wireRequest{}
		if err := decoder.Decode(&got); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeString(b *testing.B) { encode(b, "foobar") }
func BenchmarkEncodeStruct(b *testing.B) { encode(b, &Rect{3, 4}) }
func BenchmarkDecodeString(b *testing.B) { decode(b, "foobar") }
func BenchmarkDecodeStruct(b *testing.B) { decode(b, &Rect{3, 4}) }
