// Command link is an independent peer of the packet dialect, written from the
// project's wire notes on Go's standard library, encoding/json included. It is a
// stand-in: it behaves as the notes and recordings say that funny/link (and its
// ancestor packnet) behave, but it is not link, and its speed says nothing about
// it.
//
//	link server [flags]                 serve, driven by lines on standard input
//	link client ADDR SCENARIO [flags]   run one scenario, print one line of JSON
//	link bench server|client ...        64-byte echo in a closed loop
//
// framing.go and codec.go are the layout, session.go a connection, pairing.go
// calls over it; serve.go, scenarios.go and bench.go are the programs. The README
// of the folder above has every flag, command and result.
package main

import (
	"fmt"
	"os"

	"trunkline/interop/peerkit"
)

const usage = `usage:
  link server [flags]
  link client ADDR SCENARIO [flags]   scenarios: echo pipeline sink listen json load
  link bench server [flags]
  link bench client ADDR [flags]
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
		err = runServer(append([]string{"-mode", "bench"}, args[2:]...))
	case len(args) >= 3 && args[0] == "bench" && args[1] == "client":
		err = runBenchClient(args[2], args[3:])
	default:
		err = fmt.Errorf("no such command\n%s", usage)
	}
	if err != nil {
		peerkit.Fail(err)
	}
}
