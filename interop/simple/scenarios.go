package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"trunkline/interop/peerkit"
)

// requestTimeout is the default limit of a call or stream.
const requestTimeout = 5 * time.Second

// redialPause is how long a load waits after a connection failed.
const redialPause = 10 * time.Millisecond

// run is one run of `simple client`.
type run struct {
	options
	console *peerkit.Console
	pool    *pool
	tally   peerkit.Tally
	bodies  *peerkit.Bodies
}

// options are the flags of the scenarios; each uses some of them.
type options struct {
	route    string
	n        int
	size     int
	parallel int
	duration time.Duration
	timeout  time.Duration
}

// scenario is one thing a client can be told to do: it says whether all went
// well and what else to report.
type scenario struct {
	run    func(*run) (good bool, extra map[string]any)
	preset options // defaults of this scenario's flags
}

var scenarios = map[string]scenario{
	"echo":        {(*run).echo, options{route: "/echo"}},
	"concurrent":  {(*run).concurrent, options{route: "/random", n: 1000, parallel: 1000, size: 64, timeout: 30 * time.Second}},
	"bulk":        {(*run).concurrent, options{route: "/echo", n: 256, parallel: 4, size: 1 << 20}},
	"stream":      {(*run).stream, options{route: "/count", n: 100, size: 8}},
	"session":     {(*run).session, options{route: "/chat", n: 2000, size: 64, parallel: 64}},
	"push":        {(*run).push, options{route: "/push", n: 50, size: 8}},
	"notify":      {(*run).notify, options{route: "/sink", n: 2000, size: 8}},
	"slow-reader": {(*run).slowReader, options{route: "/count", n: 50, size: 8, duration: 10 * time.Millisecond}},
	"unknown":     {(*run).unknown, options{route: "/no-such-route", n: 3}},
	"load":        {(*run).load, options{route: "/echo", parallel: 16, size: 64}},
}

func runClient(address, name string, args []string) error {
	chosen, ok := scenarios[name]
	if !ok {
		return fmt.Errorf("no scenario %q\n%s", name, usage)
	}
	preset := chosen.preset
	if preset.timeout == 0 {
		preset.timeout = requestTimeout
	}
	flags := flag.NewFlagSet("simple client "+name, flag.ExitOnError)
	r := &run{console: peerkit.NewConsole()}
	flags.StringVar(&r.route, "route", preset.route, "route to call")
	flags.IntVar(&r.n, "n", preset.n, "operations")
	flags.IntVar(&r.size, "size", preset.size, "bytes of a body")
	flags.IntVar(&r.parallel, "c", preset.parallel, "calls or session messages in flight")
	flags.DurationVar(&r.duration, "z", preset.duration, "load: duration, 0 is until `stop` or the end of input; slow-reader: pause per chunk")
	flags.DurationVar(&r.timeout, "request-timeout", preset.timeout, "limit of a call, or of a whole stream")
	connections := flags.Int("connections", 1, "size of the pool")
	seed := flags.Uint("seed", uint(os.Getpid()), "upper 32 bits of all nonces")
	connect := clientFlags(flags)
	flags.Parse(args)

	var err error
	if r.pool, err = connect(address, *connections); err != nil {
		return err
	}
	r.bodies = peerkit.NewBodies(uint32(*seed))
	good, extra := chosen.run(r)
	r.pool.close()
	extra["dials"], extra["lost_pushes"] = r.pool.dials.Load(), r.pool.lostPushes.Load()
	r.console.Result(name, good, r.tally.Counts(), extra)
	return nil
}

// clientFlags declares the flags of a connection; the function it returns makes
// the pool.
func clientFlags(flags *flag.FlagSet) func(address string, size int) (*pool, error) {
	plain := flags.Bool("plain", false, "no TLS, which the original cannot do")
	trust := flags.String("tls", "", "trust the certificates of this PEM file; empty looks at no certificate")
	return func(address string, size int) (*pool, error) {
		dial, err := dialer(address, *trust, *plain)
		if err != nil {
			return nil, err
		}
		return newPool(size, dial), nil
	}
}

// once makes one call that has to come back as it was, and returns its error.
func (r *run) once(route string, body []byte) error {
	got, err := r.pool.call(route, body, r.timeout)
	r.tally.End(kind(err), err == nil && peerkit.Same(body, got))
	return err
}

// echo calls once per size.
func (r *run) echo() (bool, map[string]any) {
	sizes := []int{0, 1, 255, 65_535, 1 << 20}
	for _, size := range sizes {
		r.once(r.route, r.bodies.Next(size))
	}
	return r.tally.Counts().Clean(), map[string]any{"sizes": sizes}
}

// concurrent has many calls in flight and checks each answer.
func (r *run) concurrent() (bool, map[string]any) {
	begun := time.Now()
	peerkit.Parallel(r.parallel, r.n, func(int) { r.once(r.route, r.bodies.Next(r.size)) })
	return r.tally.Counts().Clean(), map[string]any{"seconds": time.Since(begun).Seconds()}
}

// take reads one stream of numbered chunks and checks that it is whole.
func (r *run) take(pause time.Duration) (chunks int, right bool, err error) {
	var all peerkit.Sequences
	sequence := all.Start()
	empty := 0
	err = r.pool.stream(r.route, []byte(strconv.Itoa(r.n)+","+strconv.Itoa(r.size)), r.timeout, func(chunk []byte) {
		chunks++
		if len(chunk) == 0 {
			empty++ // no item at all is one empty chunk
		} else {
			sequence.Take(chunk)
		}
		time.Sleep(pause)
	})
	if r.n == 0 {
		return chunks, chunks == 1 && empty == 1, err
	}
	return chunks, chunks == r.n && all.InOrder(), err
}

// stream takes one stream of -n chunks; the tally counts the stream.
func (r *run) stream() (bool, map[string]any) {
	begun := time.Now()
	chunks, right, err := r.take(0)
	r.tally.End(kind(err), right)
	seconds := time.Since(begun).Seconds()
	return r.tally.Counts().Clean(), map[string]any{
		"chunks": chunks, "seconds": seconds, "chunks_per_second": float64(chunks) / seconds,
	}
}

// slowReader takes a stream slowly; a call beside it, on the same connection,
// shows how long the reader blocks it (in the original: until the stream moves).
func (r *run) slowReader() (bool, map[string]any) {
	var both sync.WaitGroup
	both.Add(1)
	chunks := 0
	go func() {
		defer both.Done()
		n, right, err := r.take(r.duration)
		chunks = n
		r.tally.End(kind(err), right)
	}()
	time.Sleep(r.duration)
	begun := time.Now()
	r.once("/echo", r.bodies.Next(peerkit.NonceSize))
	beside := time.Since(begun)
	both.Wait()
	return r.tally.Counts().Clean(), map[string]any{"chunks": chunks, "call_beside_ms": beside.Milliseconds()}
}

// session sends numbered messages, at most -c ahead of the pushes that answer
// them, which have to be the same messages in the same order.
func (r *run) session() (bool, map[string]any) {
	s, err := r.pool.session(r.route)
	if err != nil {
		r.tally.End(kind(err), false)
		return false, map[string]any{}
	}
	ahead := make(chan struct{}, r.parallel)
	failed := make(chan error, 1)
	go func() {
		for i := range r.n {
			ahead <- struct{}{}
			if err := s.send(peerkit.Number(uint64(i), r.size)); err != nil {
				failed <- err
				return
			}
		}
	}()
	for i := range r.n {
		f, err := s.receive(r.timeout)
		if err != nil {
			select {
			case err = <-failed:
			default:
			}
			r.tally.End(kind(err), false)
			break
		}
		r.tally.End("", f.route == r.route && peerkit.Same(peerkit.Number(uint64(i), r.size), f.value))
		<-ahead
	}
	return r.tally.Counts().Clean() && r.tally.Counts().OK == uint64(r.n), map[string]any{}
}

// push makes one call inside which the other side pushes -n numbered messages.
func (r *run) push() (bool, map[string]any) {
	s, err := r.pool.session(r.route)
	if err == nil {
		var got []byte
		got, err = r.pool.call(r.route, []byte(strconv.Itoa(r.n)+","+strconv.Itoa(r.size)), r.timeout)
		r.tally.End(kind(err), string(got) == "done")
	} else {
		r.tally.End(kind(err), false)
	}
	var all peerkit.Sequences
	sequence := all.Start()
	for err == nil && all.Received() < uint64(r.n) {
		var f frame
		if f, err = s.receive(r.timeout); err == nil {
			sequence.Take(f.value)
		}
	}
	good := r.tally.Counts().Clean() && all.InOrder() && all.Received() == uint64(r.n)
	return good, map[string]any{"pushes": all.Received(), "in_order": all.InOrder()}
}

// notify sends numbered session messages that nothing answers, then calls.
func (r *run) notify() (bool, map[string]any) {
	s, err := r.pool.session(r.route)
	for i := 0; i < r.n && err == nil; i++ {
		err = s.send(peerkit.Number(uint64(i), r.size))
		r.tally.End(kind(err), true)
	}
	var barrier peerkit.Tally
	body := r.bodies.Next(peerkit.NonceSize)
	got, err := r.pool.call("/echo", body, r.timeout)
	barrier.End(kind(err), err == nil && peerkit.Same(body, got))
	return r.tally.Counts().Clean() && barrier.Counts().Clean(), map[string]any{"barrier": barrier.Counts()}
}

// unknown calls a route that nobody serves and only reports: an empty success
// from the original, an error bit with a text from ours. A good call follows.
func (r *run) unknown() (bool, map[string]any) {
	empty, texts := 0, []string{}
	for range r.n {
		got, err := r.pool.call(r.route, []byte("x"), r.timeout)
		switch {
		case err != nil:
			texts = append(texts, err.Error())
		case len(got) == 0:
			empty++
		}
		r.once("/echo", r.bodies.Next(peerkit.NonceSize))
	}
	return r.tally.Counts().Clean(), map[string]any{"empty": empty, "texts": texts}
}

// load keeps calls in flight until told to stop; nothing is repeated.
func (r *run) load() (bool, map[string]any) {
	stop := make(chan struct{})
	var once sync.Once
	end := func() { once.Do(func() { close(stop) }) }
	if r.duration > 0 {
		time.AfterFunc(r.duration, end)
	}
	r.console.Line(`{"reply":"started"}`)
	go func() {
		r.console.Serve(os.Stdin, map[string]peerkit.Command{
			"stop": func([]string) { end() },
			"stats": func([]string) {
				r.console.JSON(peerkit.Members(map[string]any{"reply": "stats"}, r.tally.Counts(), map[string]any{
					"dials": r.pool.dials.Load(),
				}))
			},
		})
		if r.duration == 0 {
			end()
		}
	}()
	begun := time.Now()
	peerkit.Parallel(r.parallel, r.parallel, func(int) {
		for {
			select {
			case <-stop:
				return
			default:
				if errors.Is(r.once(r.route, r.bodies.Next(r.size)), errConnection) {
					time.Sleep(redialPause)
				}
			}
		}
	})
	seconds := time.Since(begun).Seconds()
	counts := r.tally.Counts()
	return counts.Clean(), map[string]any{"seconds": seconds, "calls_per_second": float64(counts.Calls) / seconds}
}
