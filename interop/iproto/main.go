// Command iproto is an independent peer of the iproto dialect, written from the
// project's wire notes on Go's standard library. It is a stand-in: it behaves as
// the notes and recordings say that Educentr/go-iproto behaves, its quirks
// included, but it is not go-iproto, and its speed says nothing about it.
//
//	iproto server [flags]                 serve, driven by lines on standard input
//	iproto client ADDR SCENARIO [flags]   run one scenario, print one line of JSON
//	iproto bench server|client ...        64-byte echo in a closed loop
//
// packet.go is the layout, channel.go what a packet means, calls.go pending
// calls, writer.go the send queue, lifetime.go pings and shutdown; serve.go,
// scenarios.go, load.go and bench.go are the programs. The README of the folder
// above has every flag, command and result.
package main

import (
	"fmt"
	"os"

	"trunkline/interop/peerkit"
)

const usage = `usage:
  iproto server [flags]
  iproto client ADDR SCENARIO [flags]   scenarios: echo concurrent notify serve-back ping load bulk packed
  iproto bench server [flags]
  iproto bench client ADDR [flags]
ADDR is host:port or unix:PATH; -h after any of them lists its flags.`

func main() {
	args := os.Args[1:]
	var err error
	switch {
	case len(args) >= 1 && args[0] == "server":
		err = runServer(args[1:])
	case len(args) >= 3 && args[0] == "client":
		err = runClient(args[1], args[2], args[3:])
	case len(args) >= 2 && args[0] == "bench" && args[1] == "server":
		err = runBenchServer(args[2:])
	case len(args) >= 3 && args[0] == "bench" && args[1] == "client":
		err = runBenchClient(args[2], args[3:])
	default:
		err = fmt.Errorf("no such command\n%s", usage)
	}
	if err != nil {
		peerkit.Fail(err)
	}
}
