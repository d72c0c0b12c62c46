package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"trunkline/interop/peerkit"
)

// session is one recording: what two go-iproto peers said to each other.
type session struct {
	Name        string
	Description string
	Connections int
	Notes       []string
	Events      []struct {
		Dir    string
		Event  string
		TUs    int64 `json:"t_us"`
		Frames []struct {
			Msg, Len, Sync uint32
			DataHex        string `json:"data_hex"`
			DataSha256     string `json:"data_sha256"`
		} `json:"frames_completed"`
	}
}

// moment is one frame, or the end of one direction.
type moment struct {
	ours bool // by the side that this program plays
	end  bool
	at   time.Duration // since the first connection
	p    packet
}

// TestSessions replays every recorded conversation twice: this program as the
// client against the recorded server, and as the server against the recorded
// client. Packets and their order have to be the recorded ones, byte by byte.
func TestSessions(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(peerkit.Vectors(), "sessions", "iproto_*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no sessions: %v", err)
	}
	run, passed := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s session
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		for _, side := range []string{"client", "server"} {
			if side == "client" && rawClient.MatchString(s.Description) {
				continue // the recorded client was not go-iproto
			}
			run++
			if t.Run(s.Name+"/"+side, func(t *testing.T) { replay(t, s, side) }) {
				passed++
			}
		}
	}
	t.Logf("vectors: sessions/iproto_*.json %d files, %d run, %d passed", len(files), run, passed)
}

// moments lists what was said. Where the recording's relay held packets back so
// that they crossed, the packets of our side come first: they were sent before
// the other side's arrived.
func (s session) moments(t *testing.T, side string) []moment {
	ownDir := map[string]string{"client": "c2s", "server": "s2c"}[side]
	var all []moment
	for _, event := range s.Events {
		own, at := event.Dir == ownDir, time.Duration(event.TUs)*time.Microsecond
		if event.Event == "eof" {
			all = append(all, moment{ours: own, at: at, end: true})
			continue
		}
		for _, frame := range event.Frames {
			body := unhex(t, frame.DataHex)
			if frame.DataSha256 != "" {
				body = generated(t, int(frame.Len), frame.DataSha256)
			}
			if int(frame.Len) != len(body) {
				t.Fatalf("frame announces %d bytes, has %d", frame.Len, len(body))
			}
			all = append(all, moment{ours: own, at: at, p: packet{frame.Msg, frame.Sync, body}})
		}
	}
	if strings.Contains(s.Description, "relay") {
		// The crossing packets are the last two before the two ends.
		first, second := len(all)-4, len(all)-3
		if !all[first].ours {
			all[first], all[second] = all[second], all[first]
		}
	}
	return all
}

// generated makes the body that the recording describes by its hash.
func generated(t *testing.T, size int, want string) []byte {
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(i * 7)
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != want {
		t.Fatalf("generated body has another hash than recorded")
	}
	return body
}

var (
	rawClient   = regexp.MustCompile(`(silent raw|hand-written) peer`)
	callTimeout = regexp.MustCompile(`times? ?out (?:after )?(\d+) ms`)
	sizeLimit   = regexp.MustCompile(`server SizeLimit (\d+)`)
)

// replayer is this program in the role of one recorded side.
type replayer struct {
	*testing.T
	raw        net.Conn
	channel    *channel
	requests   chan packet
	toServe    map[pair]int             // the peer's requests not yet answered
	pending    map[pair]ownCall         // our calls not yet answered
	asked      struct{ own, peer bool } // whose shutdown packets were seen
	refused    bool                     // the peer sent more than the size limit
	owed       int                      // pings of the peer that want an answer
	unanswered bool                     // our own ping waits for its acknowledgement
	closed     bool                     // the peer closed
}

type ownCall struct {
	begun time.Duration // when the recording made it
	done  chan answer
}

func replay(t *testing.T, s session, side string) {
	moments := s.moments(t, side)
	cfg := config{}
	if found := callTimeout.FindStringSubmatch(s.Description); found != nil && side == "client" {
		ms, _ := strconv.Atoi(found[1])
		cfg.requestTimeout = time.Duration(ms) * time.Millisecond
	}
	if found := sizeLimit.FindStringSubmatch(s.Description); found != nil && side == "server" {
		limit, _ := strconv.Atoi(found[1])
		cfg.sizeLimit = uint32(limit)
	}
	if pingsItself(moments) {
		cfg.pingInterval = 100 * time.Millisecond
	}
	r := &replayer{
		T: t, requests: make(chan packet, 100),
		toServe: map[pair]int{}, pending: map[pair]ownCall{},
	}
	cfg.handler = func(_ *channel, p packet) { r.requests <- p }
	raw, own := connected(t)
	r.raw = raw
	r.channel = newChannel(own, cfg)
	t.Cleanup(r.channel.close)
	for _, m := range moments {
		switch {
		case m.end && m.ours:
			r.weEnd()
		case m.end:
			r.closed = true
			r.raw.Close()
		case m.ours:
			r.weSay(m)
		default:
			r.theySay(m)
		}
	}
	select {
	case <-r.channel.done:
	case <-time.After(2 * time.Second):
		t.Fatal("channel is not done")
	}
}

// pingsItself reports whether our side has a ping interval: a ping of ours that
// no ping of the peer has asked for.
func pingsItself(moments []moment) bool {
	owed := 0
	for _, m := range moments {
		if m.p.code != codePing {
			continue
		}
		if !m.ours {
			owed++
		} else if owed--; owed < 0 {
			return true
		}
	}
	return false
}

// weSay makes the channel say p, unless it says it by itself, and reads it.
func (r *replayer) weSay(m moment) {
	r.Helper()
	p := m.p
	key := pair{p.code, p.sync}
	switch {
	case p.code == codePing && r.owed > 0:
		r.owed--
	case p.code == codePing:
		r.unanswered = true
	case p.code == codeShutdown:
		if r.asked.own = true; !r.asked.peer {
			go r.channel.shutdown()
		}
	case p.sync == 0:
		if err := r.channel.notify(p.code, p.body); err != nil {
			r.Fatal(err)
		}
	case r.toServe[key] > 0:
		r.toServe[key]--
		r.channel.reply(packet{code: p.code, sync: p.sync}, p.body)
	default:
		done := make(chan answer, 1)
		r.pending[key] = ownCall{m.at, done}
		go func() {
			body, err := r.channel.call(context.Background(), p.code, p.body)
			done <- answer{body, err}
		}()
	}
	want := p.append(nil)
	got := make([]byte, len(want))
	r.raw.SetReadDeadline(time.Now().Add(2 * time.Second))
	if n, err := io.ReadFull(r.raw, got); err != nil || !bytes.Equal(got, want) {
		r.Fatalf("sent %.80x (%v), want %.80x", got[:n], err, want)
	}
}

// theySay sends a packet to the channel and checks what that takes it for.
func (r *replayer) theySay(m moment) {
	r.Helper()
	p := m.p
	key := pair{p.code, p.sync}
	call, pending := r.pending[key]
	delete(r.pending, key)
	if pending && m.at-call.begun > r.channel.cfg.requestTimeout {
		// Late in the recording: the call has been given up, and its answer is
		// a request to the handler.
		if got := r.outcome(call); got.err != errTimeout {
			r.Fatalf("call ended with %v, want a timeout", got.err)
		}
		pending = false
	}
	if _, err := r.raw.Write(p.append(nil)); err != nil {
		r.Fatal(err)
	}
	switch {
	case p.code == codePing && r.unanswered:
		r.unanswered = false
	case p.code == codePing:
		r.owed++
	case p.code == codeShutdown:
		r.asked.peer = true
	case pending:
		if got := r.outcome(call); got.err != nil || !bytes.Equal(got.body, p.body) {
			r.Fatalf("call got %.80x, %v; want %.80x", got.body, got.err, p.body)
		}
	case len(p.body) > int(r.channel.cfg.sizeLimit):
		r.refused = true
	default:
		r.toServe[key]++
		select {
		case got := <-r.requests:
			if !bytes.Equal(got.append(nil), p.append(nil)) {
				r.Fatalf("handler saw %v, want %v", got, p)
			}
		case <-time.After(2 * time.Second):
			r.Fatal("handler saw nothing")
		}
	}
}

func (r *replayer) outcome(call ownCall) answer {
	r.Helper()
	select {
	case got := <-call.done:
		return got
	case <-time.After(2 * time.Second):
		r.Fatal("call has not ended")
		return answer{}
	}
}

// weEnd closes the channel, unless it ends by itself, and reads the end.
func (r *replayer) weEnd() {
	r.Helper()
	if r.closed {
		return // that the channel ends is checked at the end
	}
	if bySelf := r.asked.own && r.asked.peer || r.refused || r.unanswered; !bySelf {
		go r.channel.close()
	}
	r.raw.SetReadDeadline(time.Now().Add(2 * time.Second))
	rest, err := io.ReadAll(r.raw)
	if len(rest) > 0 || err != nil && os.IsTimeout(err) {
		r.Fatalf("no end of stream but %x, %v", rest, err)
	}
}
