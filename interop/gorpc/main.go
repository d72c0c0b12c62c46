// Command gorpc is an independent peer of the gorpc dialect, written from the
// project's wire notes on Go's standard library: encoding/gob and compress/flate
// are the ones the original uses. It is a stand-in: it behaves as the notes and
// recordings say that valyala/gorpc behaves, but it is not gorpc, and its speed
// says nothing about it.
//
//	gorpc server [flags]                 serve, driven by lines on standard input
//	gorpc client ADDR SCENARIO [flags]   run one scenario, print one line of JSON
//	gorpc bench server|client ...        echo of a string in a closed loop
//
// wire.go is the layout and its layers, calls.go and client.go the client,
// server.go and dispatcher.go the server; service.go, serve.go, scenarios.go and
// bench.go are the programs. The README of the folder above has every flag,
// command and result.
package main

import (
	"fmt"
	"os"

	"trunkline/interop/peerkit"
)

const usage = `usage:
  gorpc server [flags]
  gorpc client ADDR SCENARIO [flags]   scenarios: echo types functions service send batch async panic unknown concurrent load bulk
  gorpc bench server [flags]
  gorpc bench client ADDR [flags]
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
