package main

import (
	"flag"
	"os"
	"time"

	"trunkline/interop/peerkit"
)

// runBenchServer sends every value back, and keeps no books.
func runBenchServer(args []string) error {
	flags := flag.NewFlagSet("gorpc bench server", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "TCP address")
	unix := flags.String("unix", "", "path of a Unix socket to listen on as well")
	certificate := flags.String("tls", "", "speak TLS; file to write the certificate to, as PEM")
	flags.Parse(args)
	s := newServer(func(_ string, request any) any { return request })
	s.flushDelay = -1
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
	flags := flag.NewFlagSet("gorpc bench client", flag.ExitOnError)
	loop := peerkit.Loop{}
	flags.IntVar(&loop.InFlight, "c", 64, "calls in flight, over all connections")
	flags.IntVar(&loop.Connections, "C", 1, "connections")
	flags.DurationVar(&loop.Duration, "z", 5*time.Second, "duration")
	flags.IntVar(&loop.Size, "size", 64, "bytes of a string, at least 8")
	connect := clientFlags(flags)
	flags.Parse(args)
	c, err := connect(address)
	if err != nil {
		return err
	}
	c.conns = loop.Connections
	c.start()
	bodies := peerkit.NewBodies(uint32(os.Getpid()))
	loop.Run(func(int) func() (string, bool) {
		text := bodies.Text(loop.Size)
		return func() (string, bool) {
			got, err := c.call(text, requestTimeout)
			return kind(err), got == text
		}
	})
	return nil
}
