package main

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	_ "trunkline/interop/gorpc/demo" // registers the types
	"trunkline/interop/peerkit"
)

// conversation is one recording of the original's client and server.
type conversation struct {
	Name       string
	Compressed bool
	Note       string
	Results    []struct {
		Op, Error string
		Kind      string `json:"error_kind"`
	}
	BytesBy string `json:"client_bytes_by"`
	Steps   []struct {
		Conn      int
		Dir       string
		Hex       string
		Inflated  string
		Close     bool
		HalfClose bool `json:"half_close"`
		Ms        int
	}
}

// part is one step on one connection: bytes and the messages they complete.
type part struct {
	fromClient       bool
	raw              []byte
	requests         []wireRequest
	responses        []wireResponse
	close, halfClose bool
}

// line is one connection of a conversation.
type line struct {
	parts      []part
	compressed bool
	refused    error // why the server's messages cannot be decoded here
	unknown    error // same for the client's
}

// TestConversations replays every recording from both sides: our client against
// the recorded server's bytes, our server against the recorded client's. What we
// send is compared as decoded messages, because type ids depend on the process.
func TestConversations(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(peerkit.Vectors(), "gorpc_conversations.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []conversation }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	run, passed, skipped := 0, 0, 0
	for _, conv := range file.Vectors {
		name := conv.Name
		if conv.Compressed {
			name += "_compressed"
		}
		for role, replay := range map[string]func(*testing.T, conversation){"client": replayClient, "server": replayServer} {
			raw := strings.HasPrefix(conv.Name, "raw_")
			fake := strings.HasPrefix(conv.Name, "raw_reply_") // a server that is not the original
			if role == "client" && raw && !fake || role == "server" && fake {
				continue
			}
			run++
			ok := t.Run(name+"/"+role, func(t *testing.T) {
				defer func() {
					if t.Skipped() {
						skipped++
					}
				}()
				replay(t, conv)
			})
			if ok {
				passed++
			}
		}
	}
	t.Logf("vectors: gorpc_conversations.json %d conversations, %d run, %d passed, %d skipped (a type that one recorded side had and this process has not)",
		len(file.Vectors), run-skipped, passed-skipped, skipped)
	if len(file.Vectors) == 0 {
		t.Error("no conversations")
	}
}

// lines splits a conversation by connection and decodes what was said.
func (conv conversation) lines(t *testing.T) []line {
	lines := []line{}
	for i := range 2 {
		l := line{compressed: conv.Compressed}
		plain := map[bool]*bytes.Buffer{true: {}, false: {}}
		ends := []int{}
		greeted := false
		for _, step := range conv.Steps {
			if step.Conn != i {
				continue
			}
			p := part{fromClient: step.Dir == "c2s", raw: unhex(t, step.Hex), close: step.Close, halfClose: step.HalfClose}
			content := p.raw
			if p.fromClient && !greeted && len(content) > 0 {
				content, greeted = content[1:], true
			}
			if conv.Compressed {
				content = unhex(t, step.Inflated)
			}
			plain[p.fromClient].Write(content)
			l.parts = append(l.parts, p)
			ends = append(ends, plain[p.fromClient].Len())
		}
		if len(l.parts) == 0 {
			break
		}
		l.unknown = decodeInto(plain[true].Bytes(), true, l.parts, ends, func(p *part, d *gob.Decoder) error {
			var m wireRequest
			err := d.Decode(&m)
			if err == nil {
				p.requests = append(p.requests, m)
			}
			return err
		})
		l.refused = decodeInto(plain[false].Bytes(), false, l.parts, ends, func(p *part, d *gob.Decoder) error {
			var m wireResponse
			err := d.Decode(&m)
			if err == nil {
				p.responses = append(p.responses, m)
			}
			return err
		})
		lines = append(lines, l)
	}
	return lines
}

// decodeInto decodes one direction and gives each message to the part in which
// its last byte came. It returns the error that ended it before the end.
func decodeInto(plain []byte, fromClient bool, parts []part, ends []int, next func(*part, *gob.Decoder) error) error {
	input := bytes.NewReader(plain)
	decoder := gob.NewDecoder(input)
	for input.Len() > 0 {
		// The decoder reads no further than the message: the part is found by
		// where it stopped.
		var m part
		if err := next(&m, decoder); err != nil {
			return err
		}
		at := len(plain) - input.Len()
		for i := range parts {
			if parts[i].fromClient == fromClient && ends[i] >= at {
				parts[i].requests = append(parts[i].requests, m.requests...)
				parts[i].responses = append(parts[i].responses, m.responses...)
				break
			}
		}
	}
	return nil
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

var (
	anyAddress  = regexp.MustCompile(`\[127\.0\.0\.1:\d+\]`)
	anyTrace    = regexp.MustCompile(`(?s)\nStack trace: .*`)
	callTimeout = regexp.MustCompile(`timeout=(\d+)ms`)
)

// comparable cuts from an error text what differs from run to run.
func comparable(text string) string {
	return anyTrace.ReplaceAllString(anyAddress.ReplaceAllString(text, "[ADDR]"), "\nStack trace")
}

// replayClient lets our client say what the recorded one said.
func replayClient(t *testing.T, conv conversation) {
	next := 0
	for _, l := range conv.lines(t) {
		if l.unknown != nil {
			t.Skipf("the recorded client knew a type that is unknown here: %v", l.unknown)
		}
		ours, theirs := net.Pipe()
		dialled := false
		c := newClient("127.0.0.1:1", func() (net.Conn, error) {
			if dialled {
				return nil, errors.New("one connection per replay")
			}
			dialled = true
			return ours, nil
		})
		c.compressed = l.compressed
		c.start()
		calls := talk(t, c, l, theirs, conv, next)
		c.stop()
		checkResults(t, conv, l, calls, next)
		next += len(calls)
	}
}

// talk plays the parts of one connection: what the client shall say is begun, the
// recorded server's bytes are sent to it. It returns the calls in order.
func talk(t *testing.T, c *client, l line, theirs net.Conn, conv conversation, first int) []*result {
	defer theirs.Close()
	var hello [1]byte
	if _, err := io.ReadFull(theirs, hello[:]); err != nil || (hello[0] != 0) != l.compressed {
		t.Fatalf("handshake %x, %v", hello, err)
	}
	said := make(chan wireRequest, 100)
	go func() {
		in := newDecoder(theirs, l.compressed)
		for {
			var request wireRequest
			if err := in.Decode(&request); err != nil {
				close(said)
				return
			}
			said <- request
		}
	}()
	var calls []*result
	for _, p := range l.parts {
		switch {
		case p.fromClient && (p.close || p.halfClose):
		case p.fromClient:
			for _, want := range p.requests {
				calls = append(calls, begin(t, c, want, conv, first+len(calls)))
				got, ok := <-said
				if !ok || !reflect.DeepEqual(got, want) {
					t.Fatalf("said %#v (%v), want %#v", got, ok, want)
				}
				if i := first + len(calls) - 1; i < len(conv.Results) && conv.Results[i].Kind == kindTimeout {
					<-calls[len(calls)-1].Done // given up before the server answered
				}
			}
		case p.close:
			theirs.Close()
		default:
			theirs.SetWriteDeadline(time.Now().Add(2 * time.Second))
			if _, err := theirs.Write(p.raw); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, r := range calls {
		if r.silent {
			continue
		}
		select {
		case <-r.Done:
		case <-time.After(2 * time.Second):
			t.Fatalf("call %d has not ended", i)
		}
	}
	return calls
}

// begin starts one call or send, with the time-out of the recording if the
// recorded client gave it up.
func begin(t *testing.T, c *client, want wireRequest, conv conversation, index int) *result {
	if want.ID == 0 {
		if err := c.send(want.Request); err != nil {
			t.Fatal(err)
		}
		return &result{silent: true}
	}
	if index < len(conv.Results) && conv.Results[index].Kind == kindTimeout {
		text := callTimeout.FindStringSubmatch(conv.Results[index].Error)
		limit, err := time.ParseDuration(text[1] + "ms")
		if err != nil {
			t.Fatal(err)
		}
		r := &result{Done: make(chan struct{})}
		go func() { r.end(c.call(want.Request, limit)) }()
		return r
	}
	r, err := c.callAsync(want.Request)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// checkResults compares what calls returned with the recorded responses, and the
// texts of errors with what the recorded client returned.
func checkResults(t *testing.T, conv conversation, l line, calls []*result, first int) {
	t.Helper()
	responses := map[uint64]wireResponse{}
	for _, p := range l.parts {
		for _, response := range p.responses {
			responses[response.ID] = response
		}
	}
	id := uint64(0)
	for i, r := range calls {
		if r.silent {
			continue
		}
		id++
		if want, ok := responses[id]; ok && (r.Error == nil) != (want.Error == "") && r.Error.kind != kindTimeout {
			t.Errorf("call %d: %v, want %+v", i, r.Error, want)
		} else if ok && r.Error == nil && !reflect.DeepEqual(r.Response, want.Response) {
			t.Errorf("call %d: %#v, want %#v", i, r.Response, want.Response)
		} else if !ok && (r.Error == nil || r.Error.kind != kindConnection) {
			t.Errorf("call %d: %v, want a lost connection", i, r.Error)
		}
		if strings.HasPrefix(conv.Name, "dispatcher_") || first+i >= len(conv.Results) {
			continue // errors of functions are inside the response
		}
		if recorded := conv.Results[first+i]; recorded.Kind != "" {
			if r.Error == nil || r.Error.kind != recorded.Kind || comparable(r.Error.text) != comparable(recorded.Error) {
				t.Errorf("call %d: %v, want %s %s", i, r.Error, recorded.Kind, recorded.Error)
			}
		}
	}
}

// replayServer lets our server answer the recorded client.
func replayServer(t *testing.T, conv conversation) {
	lines := conv.lines(t)
	service := newService(must(peerkit.NewLedger("")))
	release := make(chan struct{})
	defer close(release)
	for _, l := range lines {
		if l.refused != nil {
			t.Skipf("the recorded server knew a type that is unknown here: %v", l.refused)
		}
		h := scripted(l, release)
		// In the batch handlers race for one number: that outcome is scripted.
		functions := strings.Contains(conv.Name, "dispatcher_") && conv.Name != "dispatcher_send_batch"
		if functions || conv.Name == "typed_nil_response" {
			h = service.dispatcher.handle
		}
		s := newServer(h)
		if conv.Name == "raw_handshake_timeout" {
			s.handshake = 100 * time.Millisecond // 10 s in the recording
		}
		listener := must(net.Listen("tcp", "127.0.0.1:0"))
		go s.accept(listener)
		conn := must(net.Dial("tcp", listener.Addr().String()))
		listen(t, l, conn)
		conn.Close()
		listener.Close()
		s.drop()
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// scripted answers each request as the recorded server did: requests and
// responses belong together by id. A request that was not answered waits.
func scripted(l line, release <-chan struct{}) handler {
	type exchange struct {
		request  any
		response wireResponse
		answered bool
	}
	var mu sync.Mutex
	var exchanges []exchange
	for _, p := range l.parts {
		for _, request := range p.requests {
			e := exchange{request: request.Request, answered: request.ID == 0}
			for _, other := range l.parts {
				for _, response := range other.responses {
					if response.ID == request.ID && request.ID != 0 {
						e.response, e.answered = response, true
					}
				}
			}
			exchanges = append(exchanges, e)
		}
	}
	return func(_ string, request any) any {
		mu.Lock()
		at := 0
		for at < len(exchanges) && !reflect.DeepEqual(exchanges[at].request, request) {
			at++
		}
		if at == len(exchanges) {
			mu.Unlock()
			panic(fmt.Sprintf("nobody asked this: %#v", request))
		}
		e := exchanges[at]
		exchanges = append(exchanges[:at:at], exchanges[at+1:]...)
		mu.Unlock()
		if !e.answered {
			<-release
			return nil
		}
		if text, ok := strings.CutPrefix(anyTrace.ReplaceAllString(e.response.Error, ""), "Panic occured: "); ok {
			panic(text)
		}
		return e.response.Response
	}
}

// listen plays the recorded client and compares what the server says: as many
// replies per part as recorded, in any order, as handlers end in any order.
func listen(t *testing.T, l line, conn net.Conn) {
	t.Helper()
	in := newDecoder(conn, l.compressed)
	want := map[uint64]wireResponse{}
	for _, p := range l.parts {
		for _, response := range p.responses {
			response.Error = comparable(response.Error)
			want[response.ID] = response
		}
	}
	for _, p := range l.parts {
		conn.SetDeadline(time.Now().Add(2 * time.Second))
		switch {
		case p.fromClient && p.halfClose:
			conn.(*net.TCPConn).CloseWrite()
		case p.fromClient && p.close:
			return
		case p.fromClient:
			if _, err := conn.Write(p.raw); err != nil {
				t.Fatal(err)
			}
		case p.close:
			if rest, err := io.ReadAll(conn); len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("no end of stream but %x, %v", rest, err)
			}
		default:
			for range p.responses {
				var got wireResponse
				if err := in.Decode(&got); err != nil {
					t.Fatal(err)
				}
				got.Error = comparable(got.Error)
				if !reflect.DeepEqual(got, want[got.ID]) {
					t.Errorf("said %#v, want %#v", got, want[got.ID])
				}
				delete(want, got.ID)
			}
		}
	}
}
