// Packbench packs and unpacks the struct of go-iproto's packing example with go-iproto itself.
//
// Out: one line per operation, "name nanoseconds allocations", which run.sh sets beside the Rust figures.
package main

import (
	"fmt"
	"log"
	"testing"

	"github.com/Educentr/go-iproto/iproto"
)

type message struct {
	Count uint32 `iproto:"ber"`
	Name  string
}

// Results land here, so that the compiler cannot drop the work.
var (
	packed   []byte
	unpacked message
)

func main() {
	value := message{Count: 258, Name: "world"}
	data, err := iproto.Pack(value)
	if err != nil {
		log.Fatal(err)
	}

	report("pack", func(b *testing.B) {
		for range b.N {
			out, err := iproto.Pack(value)
			if err != nil {
				b.Fatal(err)
			}
			packed = out
		}
	})
	report("append", func(b *testing.B) {
		buffer := make([]byte, 0, 64)
		for range b.N {
			out, err := iproto.Append(buffer[:0], value)
			if err != nil {
				b.Fatal(err)
			}
			packed = out
		}
	})
	report("unpack", func(b *testing.B) {
		for range b.N {
			if _, err := iproto.Unpack(data, &unpacked); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func report(name string, run func(*testing.B)) {
	result := testing.Benchmark(run)
	if result.N == 0 {
		log.Fatalf("%s failed", name)
	}
	fmt.Printf("%s %.1f %d\n", name, float64(result.T.Nanoseconds())/float64(result.N), result.AllocsPerOp())
}
