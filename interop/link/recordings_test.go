package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"trunkline/interop/peerkit"
)

func load(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
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

// TestFraming checks packet_framing.json: packets both ways, streams with their
// limits and ends, and the hazards of a send that nobody checks.
func TestFraming(t *testing.T) {
	var file struct {
		Count   int
		Vectors []struct {
			Name, Kind, Order, Hex, End string
			N                           int
			MaxRecv                     uint64                       `json:"max_recv"`
			EffectiveMaxRecv            uint64                       `json:"effective_max_recv"`
			PayloadHex                  string                       `json:"payload_hex"`
			HeaderHex                   string                       `json:"header_hex"`
			FrameLen                    int                          `json:"frame_len"`
			PayloadsHex                 []string                     `json:"payloads_hex"`
			Gen                         *struct{ Len, Mul, Add int } `json:"payload_gen"`
		}
	}
	load(t, filepath.Join(peerkit.Vectors(), "packet_framing.json"), &file)
	passed := 0
	for _, v := range file.Vectors {
		ok := t.Run(v.Name, func(t *testing.T) {
			limit := v.MaxRecv
			if v.Kind != "stream" {
				limit = 1 << 30
			}
			f, err := parseFraming(string(rune('0'+v.N))+v.Order, limit)
			if err != nil {
				t.Fatal(err)
			}
			payload := unhex(t, v.PayloadHex)
			if v.Gen != nil {
				payload = make([]byte, v.Gen.Len)
				for i := range payload {
					payload[i] = byte(i*v.Gen.Mul + v.Gen.Add)
				}
			}
			sent := f.append(nil, payload)
			switch v.Kind {
			case "packet", "send-hazard":
				if v.Hex != "" && !bytes.Equal(sent, unhex(t, v.Hex)) || !bytes.HasPrefix(sent, unhex(t, v.HeaderHex)) {
					t.Fatalf("sent %.40x", sent)
				}
				if v.FrameLen > 0 && len(sent) != v.FrameLen {
					t.Fatalf("sent %d bytes, want %d", len(sent), v.FrameLen)
				}
				if v.Kind == "packet" {
					if got, err := f.read(bytes.NewReader(sent)); err != nil || !bytes.Equal(got, payload) {
						t.Fatalf("read %.40x, %v", got, err)
					}
				}
			case "stream":
				if f.limit != v.EffectiveMaxRecv {
					t.Fatalf("limit %d, want %d", f.limit, v.EffectiveMaxRecv)
				}
				checkStream(t, f, unhex(t, v.Hex), v.PayloadsHex, v.End)
			default:
				t.Fatalf("unknown kind %q", v.Kind)
			}
		})
		if ok {
			passed++
		}
	}
	t.Logf("vectors: packet_framing.json %d run, %d passed", len(file.Vectors), passed)
	if len(file.Vectors) != file.Count || file.Count == 0 {
		t.Errorf("file announces %d vectors, has %d", file.Count, len(file.Vectors))
	}
}

func checkStream(t *testing.T, f framing, raw []byte, payloads []string, end string) {
	t.Helper()
	input := bytes.NewReader(raw)
	for _, want := range payloads {
		if got, err := f.read(input); err != nil || hex.EncodeToString(got) != want {
			t.Fatalf("read %x, %v; want %s", got, err, want)
		}
	}
	ends := map[string]error{
		"eof": io.EOF, "unexpected_eof": io.ErrUnexpectedEOF, "too_large": errTooLarge, "panic": errNegative,
	}
	if got, err := f.read(input); ends[end] == nil || !errors.Is(err, ends[end]) {
		t.Fatalf("read %x, %v; want the end %s", got, err, end)
	}
}

// TestSessions replays what link and packnet said, each side of each connection:
// messages of ours have to leave as the recorded bytes, recorded bytes have to
// arrive as the recorded messages.
func TestSessions(t *testing.T) {
	var files []string
	for _, pattern := range []string{"link_*.json", "packnet_*.json"} {
		found, err := filepath.Glob(filepath.Join(peerkit.Vectors(), "sessions", pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Fatal("no sessions")
	}
	run, passed := 0, 0
	for _, path := range files {
		var s recording
		load(t, path, &s)
		for conn := 1; conn <= 2; conn++ {
			for _, dir := range []string{"c2s", "s2c"} {
				if !s.has(conn, dir) {
					continue
				}
				run++
				name := s.Name + "/" + string(rune('0'+conn)) + dir
				if t.Run(name, func(t *testing.T) { s.replay(t, conn, dir) }) {
					passed++
				}
			}
		}
	}
	t.Logf("vectors: sessions/link_*.json, packnet_*.json %d files, %d run, %d passed", len(files), run, passed)
}

// recording is one conversation.
type recording struct {
	Name   string
	Events []struct {
		Conn   int
		Dir    string
		Event  string
		Frames []struct {
			Payload string `json:"payload_hex"`
			Text    string
		} `json:"frames_completed"`
	}
}

func (s recording) has(conn int, dir string) bool {
	for _, event := range s.Events {
		if event.Conn == conn && event.Dir == dir && len(event.Frames) > 0 {
			return true
		}
	}
	return false
}

// wire is in the recording's name: link_json_fixlen2be, packnet_echo_4be.
func (s recording) wire(t *testing.T) wire {
	head := "none"
	switch {
	case strings.HasSuffix(s.Name, "be"), strings.HasSuffix(s.Name, "le"):
		head = s.Name[len(s.Name)-3:]
	case s.Name == "link_channel_broadcast":
		head = "2be" // its frames have two bytes of length
	}
	w, err := parseWire(head, strings.HasPrefix(s.Name, "link_"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// replay plays the side that sends in direction dir; the test is the other side.
func (s recording) replay(t *testing.T, conn int, dir string) {
	w := s.wire(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	raw, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	own, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ours := newSession(own, w, 16, nil)
	defer ours.close()
	raw.SetDeadline(time.Now().Add(5 * time.Second))
	for _, event := range s.Events {
		if event.Conn != conn {
			continue
		}
		for _, frame := range event.Frames {
			bytesOf := []byte(frame.Text)
			if !w.bare {
				bytesOf = w.framing.append(nil, unhex(t, frame.Payload))
			}
			message, err := w.codec(bytes.NewReader(bytesOf)).receive()
			if err != nil {
				t.Fatal(err)
			}
			if event.Dir == dir {
				if err := ours.send(message); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(bytesOf))
				if n, err := io.ReadFull(raw, got); err != nil || !bytes.Equal(got, bytesOf) {
					t.Fatalf("sent %q, want %q (%v)", got[:n], bytesOf, err)
				}
				continue
			}
			if _, err := raw.Write(bytesOf); err != nil {
				t.Fatal(err)
			}
			if got, err := ours.receive(); err != nil || !reflect.DeepEqual(got, message) {
				t.Fatalf("received %#v, %v; want %#v", got, err, message)
			}
		}
	}
}

// Types of the link_json vectors, as its examples show them.
type (
	login struct {
		User string
		ID   int
	}
	point struct {
		X, Y float64
		Tag  *string `json:",omitempty"`
	}
	blob struct {
		Data []byte
		M    map[string]int
	}
	nested struct{ Inner any }
)

// TestJSON checks link_json.json: what the receiver makes of bytes, and that a
// received message goes out as the bytes that the original sends.
func TestJSON(t *testing.T) {
	var file struct {
		Count   int
		Vectors []struct {
			Name, Kind, Text, Hex, Framed, End string
			Outcome                            string
			Messages                           []struct {
				Typed bool
				Type  string
				Body  any
			}
		}
	}
	load(t, filepath.Join(peerkit.Vectors(), "link_json.json"), &file)
	names := newRegistry()
	names.register("Login", login{})
	names.register("ns/Point", point{})
	names.register("blob", blob{})
	names.register("Nested", nested{})
	passed := 0
	for _, v := range file.Vectors {
		ok := t.Run(v.Name, func(t *testing.T) {
			raw := []byte(v.Text)
			if v.Hex != "" {
				raw = unhex(t, v.Hex)
			}
			var frames *framing
			if v.Framed != "" {
				w, err := parseWire(v.Framed, true, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				frames = &w.framing
			}
			c := newJSONCodec(names, frames, bytes.NewReader(raw))
			if v.Kind == "encode" {
				message, err := c.receive()
				if err != nil {
					t.Fatal(err)
				}
				if login, ok := message.(*login); ok {
					// Go writes this escape for bytes that are not UTF-8, which
					// receiving has replaced: put one back.
					login.User = strings.ReplaceAll(login.User, "\uFFFD", "\xff")
				}
				if got, err := c.encode(message); err != nil || !bytes.Equal(got, raw) {
					t.Fatalf("sent %q, %v; want %q", got, err, raw)
				}
				return
			}
			for _, want := range v.Messages {
				got, err := c.receive()
				if err != nil {
					t.Fatal(err)
				}
				if head, typed := names.heads[reflect.TypeOf(elem(got))]; typed != want.Typed || head != want.Type {
					t.Fatalf("received a %T, want %q", got, want.Type)
				}
				if got, want := generic(t, got), generic(t, want.Body); !reflect.DeepEqual(got, want) {
					t.Fatalf("received %v, want %v", got, want)
				}
			}
			got, err := c.receive()
			ends := map[string]error{"eof": io.EOF, "unexpected_eof": io.ErrUnexpectedEOF, "panic": errNoBody}
			if want := ends[v.End]; err == nil || want != nil && !errors.Is(err, want) {
				t.Fatalf("received %v, %v; want the end %s", got, err, v.End)
			}
		})
		if ok {
			passed++
		}
	}
	t.Logf("vectors: link_json.json %d run, %d passed", len(file.Vectors), passed)
	if len(file.Vectors) != file.Count || file.Count == 0 {
		t.Errorf("file announces %d vectors, has %d", file.Count, len(file.Vectors))
	}
}

// elem is the value that a message points to.
func elem(message any) any {
	if value := reflect.ValueOf(message); value.Kind() == reflect.Pointer {
		return value.Elem().Interface()
	}
	return message
}

// generic is what JSON makes of a value's text.
func generic(t *testing.T, value any) any {
	t.Helper()
	var out any
	if err := json.Unmarshal([]byte(peerkit.Encode(value)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}
