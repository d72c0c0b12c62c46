package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"trunkline/interop/peerkit"
)

// errorTexts is how many texts of connection errors `stats` repeats.
const errorTexts = 20

// server is the program `link server`.
type server struct {
	console   *peerkit.Console
	wire      wire
	mode      string
	sendQueue int
	gate      *peerkit.Gate
	ledger    *peerkit.Ledger
	sequences peerkit.Sequences

	mu       sync.Mutex
	open     map[*session]struct{}
	errors   []string
	accepted atomic.Uint64
	messages atomic.Uint64
}

// wireFlags declares the flags that say how messages are spelled.
func wireFlags(flags *flag.FlagSet) func() (wire, error) {
	head := flags.String("head", "4be", "length header: 1, 2, 4 or 8 and be or le; none is JSON without packets")
	isJSON := flags.Bool("json", false, "messages are JSON objects with Head and Body")
	limit := flags.Uint64("max-recv", 64<<20, "largest payload received, bytes, inclusive")
	return func() (wire, error) { return parseWire(*head, *isJSON, *limit) }
}

func runServer(args []string) error {
	flags := flag.NewFlagSet("link server", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "TCP address")
	unix := flags.String("unix", "", "path of a Unix socket to listen on as well")
	certificate := flags.String("tls", "", "speak TLS; file to write the certificate to, as PEM")
	journal := flags.String("ledger", "", "file to append every received nonce to, 8 bytes each")
	stalled := flags.Bool("stall", false, "begin without reading")
	s := &server{console: peerkit.NewConsole(), gate: peerkit.NewGate(), open: map[*session]struct{}{}}
	flags.StringVar(&s.mode, "mode", "echo", "echo: every message comes back; sink: numbered messages are checked; bench: echo without books")
	flags.IntVar(&s.sendQueue, "send-queue", 0, "messages a session queues; a full queue closes it; 0 sends synchronously")
	spelling := wireFlags(flags)
	flags.Parse(args)

	var err error
	if s.wire, err = spelling(); err != nil {
		return err
	}
	if s.mode != "echo" && s.mode != "sink" && s.mode != "bench" {
		return fmt.Errorf("unknown mode %q", s.mode)
	}
	if s.ledger, err = peerkit.NewLedger(*journal); err != nil {
		return err
	}
	if *stalled {
		s.gate.Stall()
	}
	listeners, err := peerkit.Listen(s.console, *listen, *unix, *certificate)
	if err != nil {
		return err
	}
	for _, listener := range listeners {
		go s.accept(listener)
	}
	s.console.Serve(os.Stdin, map[string]peerkit.Command{
		"stats":     func([]string) { s.answer("stats", s.stats()) },
		"stall":     func([]string) { s.gate.Stall(); s.answer("stall", nil) },
		"resume":    func([]string) { s.gate.Resume(); s.answer("resume", nil) },
		"drop":      func([]string) { s.answer("drop", map[string]any{"sessions": s.drop()}) },
		"broadcast": func(args []string) { go s.broadcast(args) },
		// The original's Stop is abrupt: queued messages are lost.
		"shutdown": func([]string) {
			for _, listener := range listeners {
				listener.Close()
			}
			s.console.Line("drained %s", peerkit.Encode(map[string]any{"sessions": s.drop()}))
		},
	})
	return s.ledger.Err()
}

func (s *server) answer(command string, members map[string]any) {
	line := map[string]any{"reply": command}
	for name, value := range members {
		line[name] = value
	}
	s.console.JSON(line)
}

func (s *server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.accepted.Add(1)
		session := newSession(conn, s.wire, s.sendQueue, s.gate.Reader)
		s.mu.Lock()
		s.open[session] = struct{}{}
		s.mu.Unlock()
		go s.serve(session)
	}
}

// serve receives until the session ends.
func (s *server) serve(session *session) {
	sequence := s.sequences.Start()
	var err error
	for err == nil {
		var message any
		if message, err = session.receive(); err != nil {
			break
		}
		s.messages.Add(1)
		if s.mode == "sink" {
			sequence.Take(numbered(message))
			continue
		}
		if s.mode == "echo" {
			s.ledger.Execute("message", content(message))
		}
		err = session.send(answerTo(message))
	}
	session.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, session)
	if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		s.errors = append(s.errors, err.Error())
	}
}

// answerTo is what an echoing server sends back: the sum for a request, else the
// message itself.
func answerTo(message any) any {
	if request, ok := message.(*AddReq); ok {
		return &AddRsp{C: request.A + request.B}
	}
	return message
}

// content is what of a message may begin with a nonce.
func content(message any) []byte {
	raw, _ := message.([]byte)
	return raw
}

// numbered is the number that a message of a sequence carries, as its body: the
// first 8 bytes, or A of an AddReq.
func numbered(message any) []byte {
	switch message := message.(type) {
	case []byte:
		return message
	case *AddReq:
		return peerkit.Number(uint64(message.A), 8)
	case *AddRsp:
		return peerkit.Number(uint64(message.C), 8)
	}
	return nil
}

// message makes message n of a sequence, as numbered reads it.
func (w wire) message(n uint64, size int) any {
	if w.json {
		return &AddReq{A: int(n)}
	}
	return peerkit.Number(n, size)
}

// drop closes every session at once and returns how many there were.
func (s *server) drop() int {
	open := s.sessions()
	for _, session := range open {
		session.close()
	}
	return len(open)
}

func (s *server) sessions() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var open []*session
	for session := range s.open {
		open = append(open, session)
	}
	return open
}

// broadcast runs `broadcast N SIZE`: N numbered messages, each to every session
// before the next, as Fetch and Send do.
func (s *server) broadcast(args []string) {
	if len(args) != 2 {
		s.answer("broadcast", map[string]any{"error": "wants N and SIZE"})
		return
	}
	n, err := strconv.Atoi(args[0])
	size, err2 := strconv.Atoi(args[1])
	if err = errors.Join(err, err2); err != nil {
		s.answer("broadcast", map[string]any{"error": err.Error()})
		return
	}
	members := s.sessions()
	var tally peerkit.Tally
	for i := range n {
		message := s.wire.message(uint64(i), size)
		for _, member := range members {
			tally.End(kind(member.send(message)), true)
		}
	}
	s.console.JSON(peerkit.Members(map[string]any{"reply": "broadcast", "sessions": len(members)}, tally.Counts(), nil))
}

// stats is the answer to `stats`.
func (s *server) stats() map[string]any {
	count := s.ledger.Counts()["message"]
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]any{
		"messages": s.messages.Load(), "nonces": count.Nonces, "repeated": count.Repeated,
		"numbered": s.sequences.Received(), "in_order": s.sequences.InOrder(),
		"accepted": s.accepted.Load(), "open": len(s.open), "protocol_errors": len(s.errors),
		"connection_errors": append([]string{}, s.errors[:min(len(s.errors), errorTexts)]...),
	}
}

// same compares a message with the one expected.
func same(got, want any) bool {
	raw, ok := want.([]byte)
	if !ok {
		return peerkit.Encode(got) == peerkit.Encode(want)
	}
	other, ok := got.([]byte)
	return ok && bytes.Equal(raw, other)
}
