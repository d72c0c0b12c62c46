package main

import (
	"context"
	"flag"
	"net"
	"os"
	"time"

	"trunkline/interop/peerkit"
)

// runBenchServer echoes everything that wants an answer, and keeps no books.
func runBenchServer(args []string) error {
	flags := flag.NewFlagSet("iproto bench server", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:0", "TCP address")
	unix := flags.String("unix", "", "path of a Unix socket to listen on as well")
	cfg := settings(flags)
	flags.Parse(args)
	cfg.handler = func(c *channel, p packet) {
		if p.sync != 0 {
			c.reply(p, p.body)
		}
	}
	console := peerkit.NewConsole()
	listeners, err := peerkit.Listen(console, *listen, *unix, "")
	if err != nil {
		return err
	}
	for _, listener := range listeners {
		go acceptAll(listener, *cfg)
	}
	console.Serve(os.Stdin, nil)
	return nil
}

func acceptAll(listener net.Listener, cfg config) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		newChannel(conn, cfg)
	}
}

// runBenchClient keeps -c calls in flight over -C connections for -z.
func runBenchClient(address string, args []string) error {
	flags := flag.NewFlagSet("iproto bench client", flag.ExitOnError)
	loop := peerkit.Loop{}
	flags.IntVar(&loop.InFlight, "c", 64, "calls in flight, over all connections")
	flags.IntVar(&loop.Connections, "C", 1, "connections")
	flags.DurationVar(&loop.Duration, "z", 5*time.Second, "duration")
	flags.IntVar(&loop.Size, "size", 64, "bytes of a body")
	code := flags.Uint("code", codeEcho, "code to call")
	cfg := settings(flags)
	flags.Parse(args)

	channels := make([]*channel, loop.Connections)
	for i := range channels {
		conn, err := peerkit.Dial(address)
		if err != nil {
			return err
		}
		channels[i] = newChannel(conn, *cfg)
	}
	bodies := peerkit.NewBodies(uint32(os.Getpid()))
	loop.Run(func(worker int) func() (string, bool) {
		c, body := channels[worker%len(channels)], bodies.Next(loop.Size)
		want := expected(uint32(*code), body)
		return func() (string, bool) {
			got, err := c.call(context.Background(), uint32(*code), body)
			return kind(err), err == nil && peerkit.Same(want, got)
		}
	})
	return nil
}
