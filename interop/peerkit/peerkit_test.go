package peerkit

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A bucket's lower bound is never above the value and at most 1.6 % below.
func TestLatencyBuckets(t *testing.T) {
	for ns := uint64(1); ns < 1<<40; ns += ns/7 + 1 {
		low := lower(bucket(ns))
		if low > ns || float64(ns-low) > 0.016*float64(ns) {
			t.Fatalf("%d ns falls into the bucket from %d", ns, low)
		}
	}
}

func TestLatencyQuantiles(t *testing.T) {
	var all Latencies
	for us := 1; us <= 1000; us++ {
		all.Add(time.Duration(us) * time.Microsecond)
	}
	if p50, p99 := all.Quantile(0.5), all.Quantile(0.99); p50 < 490 || p50 > 501 || p99 < 975 || p99 > 991 {
		t.Fatalf("p50 %v µs, p99 %v µs", p50, p99)
	}
}

// A nonce executed twice shows, in the counts and in the journal.
func TestLedgerShowsRepeats(t *testing.T) {
	journal := filepath.Join(t.TempDir(), "journal")
	l, err := NewLedger(journal)
	if err != nil {
		t.Fatal(err)
	}
	bodies := NewBodies(7)
	first, second := bodies.Next(64), bodies.Next(8)
	for _, body := range [][]byte{first, second, first, []byte("short")} {
		l.Execute("1", body)
	}
	if got, want := l.Counts()["1"], (RouteCount{Executions: 4, Nonces: 2, Repeated: 1}); got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
	text, err := os.ReadFile(journal)
	want := bytes.Join([][]byte{first[:8], second[:8], first[:8]}, nil)
	if err != nil || !bytes.Equal(text, want) || l.Err() != nil {
		t.Fatalf("journal %x, %v, %v", text, err, l.Err())
	}
}

func TestSequenceShowsDisorder(t *testing.T) {
	for text, inOrder := range map[string]bool{"012": true, "021": false, "02": false, "001": false, "1": false} {
		var all Sequences
		one := all.Start()
		for _, digit := range text {
			one.Take(Number(uint64(digit-'0'), 8))
		}
		if all.InOrder() != inOrder || all.Received() != uint64(len(text)) {
			t.Errorf("%s: in order %v", text, all.InOrder())
		}
	}
}

func TestBodiesDiffer(t *testing.T) {
	bodies := NewBodies(1)
	seen := map[uint64]bool{}
	for i := range 10_000 {
		body := bodies.Next(8 + i%600)
		if i%2 == 1 {
			body = []byte(bodies.Text(8 + i%600))
		}
		nonce, ok := Nonce(body)
		if !ok || seen[nonce] {
			t.Fatalf("body %d repeats a nonce or has none", i)
		}
		seen[nonce] = true
	}
}

// A stalled gate holds what was read; resuming hands it out, closing ends it.
func TestGate(t *testing.T) {
	gate, closed := NewGate(), make(chan struct{})
	gate.Stall()
	read := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(gate.Reader(strings.NewReader("abc"), closed))
		read <- string(text)
	}()
	select {
	case text := <-read:
		t.Fatalf("read %q through a stalled gate", text)
	case <-time.After(20 * time.Millisecond):
	}
	gate.Resume()
	if text := <-read; text != "abc" {
		t.Fatalf("read %q", text)
	}
	gate.Stall()
	close(closed)
	if _, err := gate.Reader(strings.NewReader("abc"), closed).Read(make([]byte, 3)); err != io.ErrClosedPipe {
		t.Fatalf("read after close: %v", err)
	}
}
