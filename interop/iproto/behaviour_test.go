package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"trunkline/interop/peerkit"
)

// TestBehaviour runs iproto_behaviour.json: scripts between a raw peer, which is
// the test, and one channel of this program. They were recorded from go-iproto;
// here they hold the stand-in to the same behaviour, quirks included.
func TestBehaviour(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(peerkit.Vectors(), "iproto_behaviour.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Count   int
		Vectors []struct {
			Name  string
			Dut   map[string]any
			Steps []map[string]any
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	passed := 0
	for _, vector := range file.Vectors {
		ok := t.Run(vector.Name, func(t *testing.T) {
			d := newDut(t, vector.Dut)
			for _, fields := range vector.Steps {
				d.step(fields)
			}
		})
		if ok {
			passed++
		}
	}
	t.Logf("vectors: iproto_behaviour.json %d run, %d passed", len(file.Vectors), passed)
	if len(file.Vectors) != file.Count || file.Count == 0 {
		t.Errorf("file announces %d vectors, has %d", file.Count, len(file.Vectors))
	}
}

// dut is the channel under test and the raw end of its connection.
type dut struct {
	*testing.T
	raw     net.Conn
	channel *channel
	mu      sync.Mutex
	seen    []packet
	results map[string]chan answer
}

func newDut(t *testing.T, settings map[string]any) *dut {
	d := &dut{T: t, results: map[string]chan answer{}}
	setting := func(name string) time.Duration {
		ms, _ := settings[name].(float64)
		return time.Duration(ms) * time.Millisecond
	}
	limit, _ := settings["size_limit"].(float64)
	cfg := config{
		sizeLimit:       uint32(limit),
		pingInterval:    setting("ping_interval_ms"),
		requestTimeout:  setting("request_timeout_ms"),
		shutdownTimeout: setting("shutdown_timeout_ms"),
		idleTimeout:     setting("idle_timeout_ms"),
	}
	delay := setting("delay_ms")
	cfg.handler = func(c *channel, p packet) {
		d.mu.Lock()
		d.seen = append(d.seen, p)
		d.mu.Unlock()
		switch settings["handler"] {
		case "echo":
			c.reply(p, p.body)
		case "echo_async":
			time.AfterFunc(delay, func() { c.reply(p, p.body) })
		case "count":
		default:
			t.Errorf("unknown handler %v", settings["handler"])
		}
	}
	raw, own := connected(t)
	d.raw = raw
	d.channel = newChannel(own, cfg)
	t.Cleanup(d.channel.close)
	return d
}

// connected returns the two ends of a TCP connection.
func connected(t *testing.T) (dialled, accepted net.Conn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialled, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close() })
	accepted, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

func (d *dut) step(fields map[string]any) {
	d.Helper()
	text := func(name string) string { s, _ := fields[name].(string); return s }
	number := func(name string) uint32 { n, _ := fields[name].(float64); return uint32(n) }
	within := func(name string) time.Duration {
		ms, _ := fields[name].(float64)
		return time.Duration(ms) * time.Millisecond
	}
	has := func(name string) bool { _, ok := fields[name]; return ok }
	body := unhex(d.T, text("data_hex"))
	switch {
	case has("peer_sends"):
		if _, err := d.raw.Write(unhex(d.T, text("peer_sends"))); err != nil {
			d.Fatal(err)
		}
	case has("peer_closes"):
		d.raw.Close()
	case has("wait"):
		time.Sleep(within("ms"))
	case has("dut_sends"):
		d.expect(unhex(d.T, text("dut_sends")), within("within_ms"))
	case has("dut_silent"):
		d.silent(within("ms"))
	case has("dut_eof"):
		d.eof(within("within_ms"))
	case has("dut_call"):
		result := make(chan answer, 1)
		d.results[text("dut_call")] = result
		go func() {
			got, err := d.channel.call(context.Background(), number("msg"), body)
			result <- answer{got, err}
		}()
	case has("call_result"):
		d.result(text("call_result"), body, text("error"), within("within_ms"))
	case has("dut_notify"):
		d.immediate(d.channel.notify(number("msg"), body), text("result"))
	case has("dut_send"):
		d.immediate(d.channel.send(packet{number("msg"), number("sync"), body}), text("result"))
	case has("dut_shutdown"):
		go d.channel.shutdown()
	case has("dut_close"):
		go d.channel.close()
	case has("dut_done"):
		d.ended(text("channel_error"), within("within_ms"))
	case has("handler_seen"):
		d.handled(fields["handler_seen"].([]any))
	default:
		d.Fatalf("unknown step %v", fields)
	}
}

func (d *dut) expect(want []byte, within time.Duration) {
	d.Helper()
	got := make([]byte, len(want))
	d.raw.SetReadDeadline(time.Now().Add(within))
	n, err := io.ReadFull(d.raw, got)
	if err != nil || !bytes.Equal(got, want) {
		d.Fatalf("sent %x (%v), want %x", got[:n], err, want)
	}
}

func (d *dut) silent(ms time.Duration) {
	d.Helper()
	d.raw.SetReadDeadline(time.Now().Add(ms))
	var one [1]byte
	if n, err := d.raw.Read(one[:]); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		d.Fatalf("not silent: %x, %v", one[:n], err)
	}
}

func (d *dut) eof(within time.Duration) {
	d.Helper()
	d.raw.SetReadDeadline(time.Now().Add(within))
	rest, err := io.ReadAll(d.raw)
	if len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		d.Fatalf("no end of stream but %x, %v", rest, err)
	}
}

func (d *dut) result(id string, body []byte, wantErr string, within time.Duration) {
	d.Helper()
	select {
	case got := <-d.results[id]:
		if kind(got.err) != wantErr || !bytes.Equal(got.body, body) {
			d.Fatalf("call %s: %x, %v; want %x, %q", id, got.body, got.err, body, wantErr)
		}
	case <-time.After(within):
		d.Fatalf("call %s has not ended", id)
	}
}

func (d *dut) immediate(err error, want string) {
	d.Helper()
	if got := kind(err); got != want && !(want == "ok" && err == nil) {
		d.Fatalf("result %q, want %q", got, want)
	}
}

func (d *dut) ended(wantErr string, within time.Duration) {
	d.Helper()
	select {
	case <-d.channel.done:
		if (d.channel.err != nil) != (wantErr == "some") {
			d.Fatalf("channel error %v, want %s", d.channel.err, wantErr)
		}
	case <-time.After(within):
		d.Fatal("channel is not done")
	}
}

// handled waits until the handler saw as many requests as wanted, and compares.
func (d *dut) handled(list []any) {
	d.Helper()
	want := []packet{}
	for _, item := range list {
		fields := item.(map[string]any)
		hexed, _ := fields["data_hex"].(string)
		want = append(want, packet{uint32(fields["msg"].(float64)), uint32(fields["sync"].(float64)), unhex(d.T, hexed)})
	}
	deadline := time.Now().Add(time.Second)
	for {
		d.mu.Lock()
		got := append([]packet{}, d.seen...)
		enough := len(got) >= len(want)
		if enough {
			d.seen = nil
		}
		d.mu.Unlock()
		if enough || time.Now().After(deadline) {
			if !reflect.DeepEqual(got, want) {
				d.Fatalf("handler saw %v, want %v", got, want)
			}
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
