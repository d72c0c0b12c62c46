package main

import (
	"flag"
	"os"
	"time"

	"trunkline/interop/peerkit"
)

// runBenchServer echoes, and keeps no books.
func runBenchServer(args []string) error {
	flags := flag.NewFlagSet("simple bench server", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "TCP address")
	unix := flags.String("unix", "", "path of a Unix socket to listen on as well")
	certificate := flags.String("tls", "", "file to write the certificate to, as PEM; empty speaks plain")
	workers := flags.Int("workers", 8, "handlers at a time, for all connections")
	flags.Parse(args)
	s := newServer(*workers)
	s.routes["/echo"] = func(c *call) { c.reply(c.value) }
	s.routes["/count"] = count
	console := peerkit.NewConsole()
	listeners, err := peerkit.Listen(console, *listen, *unix, *certificate)
	if err != nil {
		return err
	}
	for _, listener := range listeners {
		go s.accept(listener)
	}
	console.Serve(os.Stdin, nil)
	return nil
}

// runBenchClient keeps -c calls in flight over -C connections for -z.
func runBenchClient(address string, args []string) error {
	flags := flag.NewFlagSet("simple bench client", flag.ExitOnError)
	loop := peerkit.Loop{}
	flags.IntVar(&loop.InFlight, "c", 64, "calls in flight, over all connections")
	flags.IntVar(&loop.Connections, "C", 1, "connections")
	flags.DurationVar(&loop.Duration, "z", 5*time.Second, "duration")
	flags.IntVar(&loop.Size, "size", 64, "bytes of a body")
	connect := clientFlags(flags)
	flags.Parse(args)
	p, err := connect(address, loop.Connections)
	if err != nil {
		return err
	}
	bodies := peerkit.NewBodies(uint32(os.Getpid()))
	loop.Run(func(int) func() (string, bool) {
		body := bodies.Next(loop.Size)
		return func() (string, bool) {
			got, err := p.call("/echo", body, requestTimeout)
			return kind(err), err == nil && peerkit.Same(body, got)
		}
	})
	return nil
}
