package main

import (
	"flag"
	"os"
	"time"

	"trunkline/interop/peerkit"
)

// runBenchClient keeps -c messages in flight over -C connections for -z, against a
// side that echoes.
func runBenchClient(address string, args []string) error {
	flags := flag.NewFlagSet("link bench client", flag.ExitOnError)
	loop := peerkit.Loop{}
	flags.IntVar(&loop.InFlight, "c", 64, "messages in flight, over all connections")
	flags.IntVar(&loop.Connections, "C", 1, "connections")
	flags.DurationVar(&loop.Duration, "z", 5*time.Second, "duration")
	flags.IntVar(&loop.Size, "size", 64, "bytes of a message")
	connect := clientFlags(flags)
	flags.Parse(args)
	w, dial, err := connect(address)
	if err != nil {
		return err
	}
	pairs := make([]*pairing, loop.Connections)
	for i := range pairs {
		conn, err := dial()
		if err != nil {
			return err
		}
		pairs[i] = newPairing(newSession(conn, w, 0, nil))
	}
	r := run{wire: w, bodies: peerkit.NewBodies(uint32(os.Getpid())), options: options{size: loop.Size}}
	loop.Run(func(worker int) func() (string, bool) {
		pair, message := pairs[worker%len(pairs)], r.freshMessage()
		want := answerTo(message)
		return func() (string, bool) {
			got, err := pair.call(message)
			return kind(err), err == nil && same(got, want)
		}
	})
	return nil
}
