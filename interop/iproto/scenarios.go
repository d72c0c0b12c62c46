package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"trunkline/interop/peerkit"
)

// client is one run of `iproto client`.
type client struct {
	options
	console *peerkit.Console
	address string
	cfg     config
	service service
	tally   peerkit.Tally
	bodies  *peerkit.Bodies
}

// options are the flags of the scenarios; each uses some of them.
type options struct {
	code     uint
	n        int
	size     int
	parallel int
	duration time.Duration
	bytes    int64
	served   int
	redial   string
	connect  time.Duration
	ping     time.Duration
}

// scenario is one thing a client can be told to do: it says whether all went
// well and what else to report.
type scenario struct {
	run    func(*client) (good bool, extra map[string]any, err error)
	preset options // defaults of this scenario's flags
}

var scenarios = map[string]scenario{
	"echo":       {(*client).echo, options{code: codeEcho, n: 1}},
	"concurrent": {(*client).concurrent, options{code: codeRandom, n: 1000, parallel: 1000, size: 64}},
	"notify":     {(*client).notify, options{code: codeNotice, n: 100_000, size: 8}},
	"serve-back": {(*client).serveBack, options{code: codeCross, n: 1000, parallel: 64, size: 64, duration: 10 * time.Second}},
	"ping":       {(*client).pings, options{duration: 10 * time.Second, ping: 100 * time.Millisecond}},
	"load":       {(*client).load, options{code: codeEcho, parallel: 16, size: 64}},
	"packed":     {(*client).packed, options{n: 100}},
	"bulk":       {(*client).bulk, options{code: codeEcho, parallel: 4, bytes: 1 << 30, size: 1 << 20}},
}

func runClient(address, name string, args []string) error {
	chosen, ok := scenarios[name]
	if !ok {
		return fmt.Errorf("no scenario %q\n%s", name, usage)
	}
	preset := chosen.preset
	flags := flag.NewFlagSet("iproto client "+name, flag.ExitOnError)
	cfg := settings(flags)
	cfg.pingInterval = preset.ping
	c := &client{console: peerkit.NewConsole(), address: address}
	flags.UintVar(&c.code, "code", preset.code, "code to call")
	flags.IntVar(&c.n, "n", preset.n, "operations")
	flags.IntVar(&c.size, "size", preset.size, "bytes of a body")
	flags.IntVar(&c.parallel, "c", preset.parallel, "calls in flight")
	flags.DurationVar(&c.duration, "z", preset.duration, "duration; 0 is until `stop` or the end of input (load)")
	flags.Int64Var(&c.bytes, "bytes", preset.bytes, "bytes to send (bulk)")
	flags.IntVar(&c.served, "serve", -1, "requests to serve before ending (serve-back); -1 is as many as -n")
	flags.StringVar(&c.redial, "redial", "", "address to dial after the first connection (load); empty is the same")
	flags.DurationVar(&c.connect, "connect-timeout", 10*time.Second, "limit of re-dialling (load)")
	seed := flags.Uint("seed", uint(os.Getpid()), "upper 32 bits of all nonces")
	journal := flags.String("ledger", "", "file to append every executed nonce to, 8 bytes each")
	flags.Parse(args)

	var err error
	if c.service.ledger, err = peerkit.NewLedger(*journal); err != nil {
		return err
	}
	c.bodies = peerkit.NewBodies(uint32(*seed))
	c.cfg = *cfg
	c.cfg.handler = c.service.handle
	good, extra, err := chosen.run(c)
	if err != nil {
		return err
	}
	c.console.Result(name, good, c.tally.Counts(), extra)
	return nil
}

// dial opens the connection most scenarios use.
func (c *client) dial() (*channel, error) {
	conn, err := peerkit.Dial(c.address)
	if err != nil {
		return nil, err
	}
	return newChannel(conn, c.cfg), nil
}

// echoSizes are the body sizes of the echo scenario, in bytes.
var echoSizes = []int{0, 1, 255, 65_535, 1 << 20}

// echo calls once per size and round, one call at a time.
func (c *client) echo() (bool, map[string]any, error) {
	ch, err := c.dial()
	if err != nil {
		return false, nil, err
	}
	defer ch.close()
	for range c.n {
		for _, size := range echoSizes {
			callOnce(ch, uint32(c.code), c.bodies.Next(size), &c.tally)
		}
	}
	return c.tally.Counts().Clean(), map[string]any{"sizes": echoSizes}, nil
}

// concurrent has all calls in flight at once and checks each answer against its
// own body. Inversions counts the answers that an older call's answer followed.
func (c *client) concurrent() (bool, map[string]any, error) {
	ch, err := c.dial()
	if err != nil {
		return false, nil, err
	}
	defer ch.close()
	peerkit.Parallel(c.parallel, c.n, func(int) {
		callOnce(ch, uint32(c.code), c.bodies.Next(c.size), &c.tally)
	})
	return c.tally.Counts().Clean(), map[string]any{"inversions": ch.stats.inversions.Load()}, nil
}

// notify sends numbered notifications; one call after them, on the same
// connection, shows that the other side has taken them all.
func (c *client) notify() (bool, map[string]any, error) {
	ch, err := c.dial()
	if err != nil {
		return false, nil, err
	}
	defer ch.close()
	notifyAll(ch, uint32(c.code), c.n, c.size, &c.tally)
	var barrier peerkit.Tally
	callOnce(ch, codeEcho, c.bodies.Next(peerkit.NonceSize), &barrier)
	good := c.tally.Counts().Clean() && barrier.Counts().Clean()
	return good, map[string]any{"barrier": barrier.Counts()}, nil
}

// serveBack calls the other side while that calls us with the same code.
func (c *client) serveBack() (bool, map[string]any, error) {
	ch, err := c.dial()
	if err != nil {
		return false, nil, err
	}
	defer ch.close()
	if c.served < 0 {
		c.served = c.n
	}
	peerkit.Parallel(c.parallel, c.n, func(int) {
		callOnce(ch, uint32(c.code), c.bodies.Next(c.size), &c.tally)
	})
	deadline := time.After(c.duration)
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	enough := false
	for waiting := true; waiting; {
		select {
		case <-poll.C:
			enough = c.executed() >= uint64(c.served)
			waiting = !enough
		case <-ch.done:
			waiting = false
		case <-deadline:
			waiting = false
		}
	}
	extra := map[string]any{
		"served": c.executed(), "served_codes": c.service.ledger.Counts(),
		"notifications": c.service.sequences.Received(), "in_order": c.service.sequences.InOrder(),
	}
	// What was served is answered before the connection goes.
	ch.shutdown()
	return enough && c.tally.Counts().Clean(), extra, nil
}

// executed is how many requests the other side has made of us.
func (c *client) executed() uint64 {
	var sum uint64
	for _, count := range c.service.ledger.Counts() {
		sum += count.Executions
	}
	return sum
}

// pings only keeps the connection alive for a while.
func (c *client) pings() (bool, map[string]any, error) {
	ch, err := c.dial()
	if err != nil {
		return false, nil, err
	}
	dropped := false
	select {
	case <-time.After(c.duration):
	case <-ch.done:
		dropped = true
	}
	sent, acked := ch.stats.pingsSent.Load(), ch.stats.pingsAcked.Load()
	ch.close()
	extra := map[string]any{
		"pings_sent": sent, "pings_acked": acked, "dropped": dropped, "error": kind(ch.err),
		"pings_received": ch.stats.pingsReceived.Load(), "pings_answered": ch.stats.pingsPonged.Load(),
	}
	// The last ping may still be on its way.
	return !dropped && acked > 0 && acked+1 >= sent, extra, nil
}

// bulk sends many bytes in large calls on one connection.
func (c *client) bulk() (bool, map[string]any, error) {
	ch, err := c.dial()
	if err != nil {
		return false, nil, err
	}
	begun := time.Now()
	calls := int((c.bytes + int64(c.size) - 1) / int64(c.size))
	peerkit.Parallel(c.parallel, calls, func(int) {
		callOnce(ch, uint32(c.code), c.bodies.Next(c.size), &c.tally)
	})
	seconds := time.Since(begun).Seconds()
	ch.close()
	counts := c.tally.Counts()
	extra := map[string]any{
		"bytes": counts.OK * uint64(c.size), "seconds": seconds, "error": kind(ch.err),
		"mib_per_second": float64(counts.OK) * float64(c.size) / (1 << 20) / seconds,
	}
	return counts.Clean(), extra, nil
}
