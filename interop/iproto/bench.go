package main

import (
	"context"
	"flag"
	"net"
	"os"
	"sync"
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
	listeners, err := peerkit.Listen(console, *listen, *unix)
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
	inFlight := flags.Int("c", 64, "calls in flight, over all connections")
	connections := flags.Int("C", 1, "connections")
	duration := flags.Duration("z", 5*time.Second, "duration")
	size := flags.Int("size", 64, "bytes of a body")
	code := flags.Uint("code", codeEcho, "code to call")
	cfg := settings(flags)
	flags.Parse(args)

	channels := make([]*channel, *connections)
	for i := range channels {
		conn, err := peerkit.Dial(address)
		if err != nil {
			return err
		}
		channels[i] = newChannel(conn, *cfg)
		defer channels[i].close()
	}
	var (
		tally   peerkit.Tally
		mu      sync.Mutex
		all     peerkit.Latencies
		workers sync.WaitGroup
	)
	bodies := peerkit.NewBodies(uint32(os.Getpid()))
	begun := time.Now()
	until := begun.Add(*duration)
	for i := range *inFlight {
		workers.Add(1)
		go func() {
			defer workers.Done()
			took := closedLoop(channels[i%len(channels)], uint32(*code), bodies.Next(*size), until, &tally)
			mu.Lock()
			defer mu.Unlock()
			all.Merge(took)
		}()
	}
	workers.Wait()
	seconds := time.Since(begun).Seconds()
	counts := tally.Counts()
	counts.Calls += all.Count()
	counts.OK += all.Count()
	peerkit.NewConsole().Result("bench", counts.Clean(), counts, map[string]any{
		"calls_per_second": float64(all.Count()) / seconds, "seconds": seconds,
		"p50_us": all.Quantile(0.5), "p99_us": all.Quantile(0.99),
		"in_flight": *inFlight, "connections": *connections, "size": *size,
	})
	return nil
}

// closedLoop repeats one call until the time is over. Successes are counted in
// the histogram, the rest in the tally; an error ends the loop.
func closedLoop(c *channel, code uint32, body []byte, until time.Time, tally *peerkit.Tally) *peerkit.Latencies {
	took := &peerkit.Latencies{}
	for now := time.Now(); now.Before(until); {
		got, err := c.call(context.Background(), code, body)
		if err != nil || !peerkit.Same(expected(code, body), got) {
			tally.End(kind(err), false)
			return took
		}
		end := time.Now()
		took.Add(end.Sub(now))
		now = end
	}
	return took
}
