package main

import (
	"flag"
	"net"
	"os"
	"sync/atomic"
	"time"

	"trunkline/interop/gorpc/demo"
	"trunkline/interop/peerkit"
)

// runServer is the program `gorpc server`.
func runServer(args []string) error {
	flags := flag.NewFlagSet("gorpc server", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "TCP address")
	unix := flags.String("unix", "", "path of a Unix socket to listen on as well")
	certificate := flags.String("tls", "", "speak TLS; file to write the certificate to, as PEM")
	journal := flags.String("ledger", "", "file to append every executed nonce to, 8 bytes each")
	hidden := flags.Bool("hidden", false, "register the type *demo.Hidden")
	stalled := flags.Bool("stall", false, "begin without reading")
	flushDelay := flags.Duration("flush-delay", -1, "wait for more replies before a flush; below 0 flushes at once")
	flags.Parse(args)
	if *hidden {
		demo.RegisterHidden()
	}
	ledger, err := peerkit.NewLedger(*journal)
	if err != nil {
		return err
	}
	s := newServer(newService(ledger).handle)
	s.flushDelay = *flushDelay
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
		"stats":  func([]string) { answer("stats", s.stats(ledger)) },
		"stall":  func([]string) { s.gate.Stall(); answer("stall", nil) },
		"resume": func([]string) { s.gate.Resume(); answer("resume", nil) },
		"drop":   func([]string) { answer("drop", map[string]any{"connections": s.drop()}) },
		// The original's Stop: nothing is waited for, unsent replies are lost.
		"shutdown": func([]string) {
			for _, listener := range listeners {
				listener.Close()
			}
			console.Line("drained %s", peerkit.Encode(map[string]any{"connections": s.drop()}))
		},
	})
	return ledger.Err()
}

// errorTexts is how many texts of connection errors `stats` repeats.
const errorTexts = 20

// stats is the answer to `stats`.
func (s *server) stats(ledger *peerkit.Ledger) map[string]any {
	routes := ledger.Counts()
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
		"panics": s.panics.Load(), "accepted": s.accepted.Load(), "open": len(s.open),
		"protocol_errors": len(s.errors), "connection_errors": append([]string{}, s.errors[:min(len(s.errors), errorTexts)]...),
		"reads": s.reads.Load(), "writes": s.writes.Load(),
	}
}

// counted counts the system calls of a connection.
type counted struct {
	net.Conn
	reads, writes *atomic.Uint64
}

func (c counted) Read(p []byte) (int, error) {
	c.reads.Add(1)
	return c.Conn.Read(p)
}

func (c counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// dialer returns how a client reaches an address, with TLS if it is given the
// server's certificate.
func dialer(address, certificate string) (func() (net.Conn, error), error) {
	config, err := peerkit.TrustFile(certificate)
	if err != nil {
		return nil, err
	}
	return func() (net.Conn, error) { return peerkit.DialTimeout(address, config, 10*time.Second) }, nil
}
