package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/interop/peerkit"
)

// recording is one conversation: what the original's client and server said inside
// their TLS connection.
type recording struct {
	Name   string
	Events []struct {
		Dir    string
		Event  string
		Frames []struct {
			Flags byte
			ID    string
			Type  string `json:"type_text"`
			Value string `json:"value_hex"`
		} `json:"frames_completed"`
	}
}

// moment is one frame of one side, or its end.
type moment struct {
	fromClient, end bool
	f               frame
}

// TestSessions replays every recorded conversation twice: this program as the
// client against the recorded server, and as the server against the recorded
// client. Frames and their order have to be the recorded ones, byte by byte.
func TestSessions(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(peerkit.Vectors(), "sessions", "simple_rpc_*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sessions: %v", err)
	}
	run, passed := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s recording
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		for side, replay := range map[string]func(*testing.T, string, []moment){"client": replayClient, "server": replayServer} {
			run++
			if t.Run(s.Name+"/"+side, func(t *testing.T) { replay(t, s.Name, s.moments(t)) }) {
				passed++
			}
		}
	}
	t.Logf("vectors: sessions/simple_rpc_*.json %d files, %d run, %d passed", len(files), run, passed)
}

func (s recording) moments(t *testing.T) []moment {
	var all []moment
	for _, event := range s.Events {
		if event.Event == "eof" {
			all = append(all, moment{fromClient: event.Dir == "c2s", end: true})
		}
		for _, f := range event.Frames {
			id, err := strconv.ParseUint(f.ID, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			value, err := hex.DecodeString(f.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, moment{fromClient: event.Dir == "c2s", f: frame{f.Flags, id, f.Type, value}})
		}
	}
	return all
}

// expect reads exactly the bytes of f.
func expect(t *testing.T, conn net.Conn, f frame) {
	t.Helper()
	want := f.append(nil)
	got := make([]byte, len(want))
	conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	if n, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("sent %x (%v), want %x", got[:n], err, want)
	}
}

// expectEnd reads the end of the stream and nothing before it.
func expectEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Fatalf("no end of stream but %x, %v", rest, err)
	}
}

// connected returns the two ends of a TCP connection.
func connected(t *testing.T) (client, server net.Conn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if client, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// replayServer lets our server answer the recorded client: handlers send what
// the recorded ones sent for the same id, in the recorded order over all ids.
func replayServer(t *testing.T, name string, moments []moment) {
	client, server := connected(t)
	s := newServer(8)
	turn, turns := 0, sync.NewCond(&sync.Mutex{})
	var script []frame
	for _, m := range moments {
		if !m.fromClient && !m.end {
			script = append(script, m.f)
		}
	}
	handler := func(c *call) {
		for i, f := range script {
			if f.id != c.id {
				continue
			}
			turns.L.Lock()
			for turn != i {
				turns.Wait()
			}
			switch f.flags {
			case flagResponse:
				c.reply(f.value)
			case flagResponse | flagStream:
				c.chunk(f.value, false)
			case flagResponse | flagStream | flagEnd:
				c.chunk(f.value, true)
			case flagStream:
				c.push(f.value)
			default:
				t.Errorf("recorded server sent flags %x", f.flags)
			}
			turn++
			turns.Broadcast()
			turns.L.Unlock()
		}
	}
	for _, m := range moments {
		if m.fromClient && !m.end && !strings.Contains(name, "unknown_route") {
			s.routes[m.f.route] = handler
		}
	}
	go s.serve(server)
	for _, m := range moments {
		switch {
		case m.fromClient && m.end:
			client.(*net.TCPConn).CloseWrite()
		case m.fromClient:
			if _, err := client.Write(m.f.append(nil)); err != nil {
				t.Fatal(err)
			}
		case m.end:
			expectEnd(t, client)
		default:
			expect(t, client, m.f)
		}
	}
}

// replayClient lets our client say what the recorded one said, and checks what
// its callers, streams and sessions got.
func replayClient(t *testing.T, name string, moments []moment) {
	client, server := connected(t)
	p := newPool(1, func() (net.Conn, error) { return client, nil })
	got := make(chan frame, 100) // results, as frames: the id says of which request
	link, err := p.session("")   // its pushes are all of the connection
	if err != nil {
		t.Fatal(err)
	}
	go drain(link, got)
	for _, m := range moments {
		switch {
		case m.fromClient && m.end:
			p.close()
		case m.fromClient && m.f.flags == flagStream:
			s := session{link.link, m.f.route}
			if err := s.send(m.f.value); err != nil {
				t.Fatal(err)
			}
			expect(t, server, m.f)
		case m.fromClient:
			go ask(p, strings.Contains(name, "call_stream"), m.f, got)
			expect(t, server, m.f)
		case m.end:
			server.Close()
		default:
			if _, err := server.Write(m.f.append(nil)); err != nil {
				t.Fatal(err)
			}
			checkGot(t, name, got, m.f)
		}
	}
	if rest := len(got); rest > 0 {
		t.Fatalf("%d results too many", rest)
	}
}

// drain makes pushes results.
func drain(s *session, got chan<- frame) {
	for {
		f, err := s.receive(5 * time.Second)
		if err != nil {
			return
		}
		got <- f
	}
}

// ask makes a call or takes a stream; each result is a frame with the id.
func ask(p *pool, stream bool, f frame, got chan<- frame) {
	if stream {
		_ = p.stream(f.route, f.value, 5*time.Second, func(chunk []byte) {
			got <- frame{id: f.id, value: chunk}
		})
		return
	}
	if value, err := p.call(f.route, f.value, 5*time.Second); err == nil {
		got <- frame{id: f.id, value: value}
	}
}

// checkGot waits for the result that the recorded frame makes. A plain call gets
// the first chunk of a stream, and no other.
func checkGot(t *testing.T, name string, got <-chan frame, f frame) {
	t.Helper()
	if strings.Contains(name, "call_on_stream_route") && string(f.value) != "a" {
		return
	}
	select {
	case result := <-got:
		if result.id != f.id || !bytes.Equal(result.value, f.value) {
			t.Fatalf("got %d %x, want %d %x", result.id, result.value, f.id, f.value)
		}
	case <-time.After(2 * time.Second):
		t.Fatalf("nobody got %x", f.value)
	}
}
