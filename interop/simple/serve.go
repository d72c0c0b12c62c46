package main

import (
	"crypto/tls"
	"flag"
	"net"
	"os"
	"time"

	"trunkline/interop/peerkit"
)

// errorTexts is how many texts of connection errors `stats` repeats.
const errorTexts = 20

// dialTimeout is the original's limit of one connect.
const dialTimeout = 3 * time.Second

// runServer is the program `simple server`.
func runServer(args []string) error {
	flags := flag.NewFlagSet("simple server", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "TCP address")
	unix := flags.String("unix", "", "path of a Unix socket to listen on as well")
	certificate := flags.String("tls", "", "file to write the certificate to, as PEM; empty speaks plain, which the original cannot")
	journal := flags.String("ledger", "", "file to append every executed nonce to, 8 bytes each")
	workers := flags.Int("workers", 8, "handlers at a time, for all connections; 1 keeps the order of session messages")
	stalled := flags.Bool("stall", false, "begin without reading")
	flags.Parse(args)

	ledger, err := peerkit.NewLedger(*journal)
	if err != nil {
		return err
	}
	v := &service{ledger: ledger}
	s := newServer(*workers)
	v.routes(s)
	s.gate = peerkit.NewGate()
	if *stalled {
		s.gate.Stall()
	}
	console := peerkit.NewConsole()
	listeners, err := peerkit.Listen(console, *listen, *unix, *certificate)
	if err != nil {
		return err
	}
	for _, listener := range listeners {
		go s.accept(listener)
	}
	answer := func(command string, members map[string]any) {
		line := map[string]any{"reply": command}
		for name, value := range members {
			line[name] = value
		}
		console.JSON(line)
	}
	console.Serve(os.Stdin, map[string]peerkit.Command{
		"stats":  func([]string) { answer("stats", s.stats(v)) },
		"stall":  func([]string) { s.gate.Stall(); answer("stall", nil) },
		"resume": func([]string) { s.gate.Resume(); answer("resume", nil) },
		"drop":   func([]string) { answer("drop", map[string]any{"connections": s.drop()}) },
		// The protocol has no goodbye: listeners and connections are closed.
		"shutdown": func([]string) {
			for _, listener := range listeners {
				listener.Close()
			}
			console.Line("drained %s", peerkit.Encode(map[string]any{"connections": s.drop()}))
		},
	})
	return ledger.Err()
}

// stats is the answer to `stats`.
func (s *server) stats(v *service) map[string]any {
	routes := v.ledger.Counts()
	var executions, nonces, repeated uint64
	for _, count := range routes {
		executions += count.Executions
		nonces += count.Nonces
		repeated += count.Repeated
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return map[string]any{
		"routes": routes, "executions": executions, "nonces": nonces, "repeated": repeated,
		"messages": v.sequences.Received(), "in_order": v.sequences.InOrder(),
		"frames": s.frames.Load(), "unknown": s.unknown.Load(), "accepted": s.accepted.Load(), "open": len(s.open),
		"protocol_errors":   len(s.errors),
		"connection_errors": append([]string{}, s.errors[:min(len(s.errors), errorTexts)]...),
	}
}

// dialer returns how a client reaches an address: over TLS with the certificates
// of a file, over TLS without looking at the certificate (as the original's
// clients are told to), or plain.
func dialer(address, trust string, plain bool) (func() (net.Conn, error), error) {
	config, err := peerkit.TrustFile(trust)
	if err != nil {
		return nil, err
	}
	if config == nil && !plain {
		config = &tls.Config{InsecureSkipVerify: true}
	}
	return func() (net.Conn, error) { return peerkit.DialTimeout(address, config, dialTimeout) }, nil
}
