// Command simple is an independent peer of the simple dialect, written from the
// project's wire notes on Go's standard library, crypto/tls included. It is a
// stand-in: it behaves as the notes and recordings say that EquentR/simple-rpc
// behaves, but it is not simple-rpc, and its speed says nothing about it.
//
//	simple server [flags]                 serve, driven by lines on standard input
//	simple client ADDR SCENARIO [flags]   run one scenario, print one line of JSON
//	simple bench server|client ...        64-byte echo in a closed loop
//
// frame.go is the layout, server.go and client.go the two sides; service.go,
// serve.go, scenarios.go and bench.go are the programs. The README of the folder
// above has every flag, command and result.
package main

import (
	"fmt"
	"os"

	"trunkline/interop/peerkit"
)

const usage = `usage:
  simple server [flags]
  simple client ADDR SCENARIO [flags]   scenarios: echo concurrent stream session push notify slow-reader unknown load bulk
  simple bench server [flags]
  simple bench client ADDR [flags]
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
