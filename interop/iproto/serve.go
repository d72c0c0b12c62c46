package main

import (
	"context"
	"flag"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/interop/peerkit"
)

// callsAtOnce is how many calls the server keeps in flight per client.
const callsAtOnce = 64

// server is the program `iproto server`.
type server struct {
	console   *peerkit.Console
	cfg       config
	service   service
	listeners []net.Listener
	mu        sync.Mutex
	channels  []*channel // all ever accepted, in order
}

func runServer(args []string) error {
	flags := flag.NewFlagSet("iproto server", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "TCP address")
	unix := flags.String("unix", "", "path of a Unix socket to listen on as well")
	journal := flags.String("ledger", "", "file to append every executed nonce to, 8 bytes each")
	stalled := flags.Bool("stall", false, "begin without reading")
	cfg := settings(flags)
	flags.Parse(args)

	ledger, err := peerkit.NewLedger(*journal)
	if err != nil {
		return err
	}
	s := &server{console: peerkit.NewConsole(), cfg: *cfg}
	s.service.ledger = ledger
	s.cfg.handler = s.service.handle
	s.cfg.gate = peerkit.NewGate()
	if *stalled {
		s.cfg.gate.Stall()
	}
	s.listeners, err = peerkit.Listen(s.console, *listen, *unix, "")
	if err != nil {
		return err
	}
	for _, listener := range s.listeners {
		go s.accept(listener)
	}
	s.console.Serve(os.Stdin, map[string]peerkit.Command{
		"stats":    func([]string) { s.console.JSON(s.stats()) },
		"stall":    func([]string) { s.cfg.gate.Stall(); s.answer("stall", nil) },
		"resume":   func([]string) { s.cfg.gate.Resume(); s.answer("resume", nil) },
		"drop":     func([]string) { s.answer("drop", map[string]any{"channels": s.each((*channel).close)}) },
		"shutdown": func([]string) { go s.shutdown() },
		"call":     func(args []string) { go s.call(args) },
		"notify":   func(args []string) { go s.notify(args) },
	})
	return s.service.ledger.Err()
}

func (s *server) answer(command string, members map[string]any) {
	line := map[string]any{"reply": command}
	for name, value := range members {
		line[name] = value
	}
	s.console.JSON(line)
}

// accept serves connections until the listener is closed.
func (s *server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.channels = append(s.channels, newChannel(conn, s.cfg))
		s.mu.Unlock()
	}
}

// open lists the channels that are not closed.
func (s *server) open() []*channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	var open []*channel
	for _, c := range s.channels {
		select {
		case <-c.dropped:
		default:
			open = append(open, c)
		}
	}
	return open
}

// each runs work on every open channel at once and returns how many there were.
func (s *server) each(work func(*channel)) int {
	open := s.open()
	peerkit.Parallel(len(open), len(open), func(i int) { work(open[i]) })
	return len(open)
}

// shutdown stops listening and shuts every channel down gracefully.
func (s *server) shutdown() {
	for _, listener := range s.listeners {
		listener.Close()
	}
	begun := time.Now()
	var failed atomic.Uint64
	channels := s.each(func(c *channel) {
		c.shutdown()
		if c.err != nil {
			failed.Add(1)
		}
	})
	s.console.Line("drained %s", peerkit.Encode(map[string]any{
		"channels": channels,
		"errors":   failed.Load(),
		"ms":       time.Since(begun).Milliseconds(),
	}))
}

// call runs `call CODE N SIZE`: N calls to every connected client.
func (s *server) call(args []string) {
	numbers, ok := s.numbers("call", args, 3)
	if !ok {
		return
	}
	code, n, size := uint32(numbers[0]), numbers[1], numbers[2]
	bodies := peerkit.NewBodies(uint32(os.Getpid()))
	var tally peerkit.Tally
	clients := s.each(func(c *channel) {
		peerkit.Parallel(callsAtOnce, n, func(int) { callOnce(c, code, bodies.Next(size), &tally) })
	})
	s.console.JSON(peerkit.Members(map[string]any{"reply": "call", "clients": clients}, tally.Counts(), nil))
}

// notify runs `notify CODE N`: N numbered notifications to every client.
func (s *server) notify(args []string) {
	numbers, ok := s.numbers("notify", args, 2)
	if !ok {
		return
	}
	var tally peerkit.Tally
	clients := s.each(func(c *channel) { notifyAll(c, uint32(numbers[0]), numbers[1], 8, &tally) })
	s.console.JSON(peerkit.Members(map[string]any{"reply": "notify", "clients": clients}, tally.Counts(), nil))
}

// numbers reads exactly want decimal arguments, or answers with an error.
func (s *server) numbers(command string, args []string, want int) ([]int, bool) {
	numbers := make([]int, len(args))
	for i, text := range args {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			s.answer(command, map[string]any{"error": "not a number: " + text})
			return nil, false
		}
		numbers[i] = n
	}
	if len(args) != want {
		s.answer(command, map[string]any{"error": "wants " + strconv.Itoa(want) + " numbers"})
		return nil, false
	}
	return numbers, true
}

// stats is the answer to `stats`.
func (s *server) stats() map[string]any {
	s.mu.Lock()
	channels := s.channels
	s.mu.Unlock()
	sums := channelSums{errors: []string{}}
	for _, c := range channels {
		sums.add(c)
	}
	codes := s.service.ledger.Counts()
	echo := codes[strconv.Itoa(codeEcho)]
	return map[string]any{
		"reply": "stats", "codes": codes,
		"executions": echo.Executions, "nonces": echo.Nonces, "repeated": echo.Repeated,
		"notifications": s.service.sequences.Received(), "in_order": s.service.sequences.InOrder(),
		"other_notifications": s.service.notices.Load(), "unknown": s.service.unknown.Load(),
		"pings_sent": sums.pingsSent, "pings_acked": sums.pingsAcked,
		"pings_received": sums.pingsReceived, "pings_answered": sums.pingsPonged,
		"packets": sums.received, "accepted": len(channels), "open": sums.open,
		"protocol_errors": len(sums.errors), "channel_errors": sums.errors,
	}
}

// channelSums adds up the counters of channels.
type channelSums struct {
	received, pingsSent, pingsAcked, pingsReceived, pingsPonged uint64
	open                                                        int
	errors                                                      []string // of the closed channels that did not end well
}

func (sums *channelSums) add(c *channel) {
	sums.received += c.stats.received.Load()
	sums.pingsSent += c.stats.pingsSent.Load()
	sums.pingsAcked += c.stats.pingsAcked.Load()
	sums.pingsReceived += c.stats.pingsReceived.Load()
	sums.pingsPonged += c.stats.pingsPonged.Load()
	select {
	case <-c.dropped:
		if c.err != nil {
			sums.errors = append(sums.errors, c.err.Error())
		}
	default:
		sums.open++
	}
}

// callOnce makes one call and records how it ended.
func callOnce(c *channel, code uint32, body []byte, tally *peerkit.Tally) {
	got, err := c.call(context.Background(), code, body)
	tally.End(kind(err), err == nil && peerkit.Same(expected(code, body), got))
}

// notifyAll sends n notifications numbered from 0; all from one goroutine, so
// that their order is that of the numbers.
func notifyAll(c *channel, code uint32, n, size int, tally *peerkit.Tally) {
	for i := range n {
		err := c.notify(code, peerkit.Number(uint64(i), size))
		tally.End(kind(err), true)
	}
}

// kind names an error in a tally; "" for none.
func kind(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
