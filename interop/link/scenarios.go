package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"trunkline/interop/peerkit"
)

// dialTimeout limits one connect.
const dialTimeout = 10 * time.Second

// run is one run of `link client`.
type run struct {
	options
	console *peerkit.Console
	wire    wire
	dial    func() (net.Conn, error)
	tally   peerkit.Tally
	bodies  *peerkit.Bodies
}

// options are the flags of the scenarios; each uses some of them.
type options struct {
	n        int
	size     int
	ahead    int
	duration time.Duration
	queue    int
}

// scenario is one thing a client can be told to do: it says whether all went
// well and what else to report.
type scenario struct {
	run    func(*run, *session) (good bool, extra map[string]any)
	preset options // defaults of this scenario's flags
}

var scenarios = map[string]scenario{
	"echo":     {(*run).echo, options{}},
	"pipeline": {(*run).pipeline, options{n: 100_000, size: 64, ahead: 256}},
	"sink":     {(*run).sink, options{n: 100_000, size: 64}},
	"listen":   {(*run).listen, options{n: 100_000, duration: 60 * time.Second}},
	"json":     {(*run).json, options{n: 100}},
	"load":     {(*run).load, options{size: 64, ahead: 16}},
}

func runClient(address, name string, args []string) error {
	chosen, ok := scenarios[name]
	if !ok {
		return fmt.Errorf("no scenario %q\n%s", name, usage)
	}
	preset := chosen.preset
	flags := flag.NewFlagSet("link client "+name, flag.ExitOnError)
	r := &run{console: peerkit.NewConsole()}
	flags.IntVar(&r.n, "n", preset.n, "messages")
	flags.IntVar(&r.size, "size", preset.size, "bytes of a message")
	flags.IntVar(&r.ahead, "c", preset.ahead, "messages sent and not yet answered")
	flags.DurationVar(&r.duration, "z", preset.duration, "listen: time limit; load: duration, 0 is until `stop` or the end of input")
	flags.IntVar(&r.queue, "send-queue", preset.queue, "messages to queue; 0 sends synchronously")
	seed := flags.Uint("seed", uint(os.Getpid()), "upper 32 bits of all nonces")
	connect := clientFlags(flags)
	flags.Parse(args)

	var err error
	if r.wire, r.dial, err = connect(address); err != nil {
		return err
	}
	r.bodies = peerkit.NewBodies(uint32(*seed))
	conn, err := r.dial()
	if err != nil {
		return err
	}
	s := newSession(conn, r.wire, r.queue, nil)
	good, extra := chosen.run(r, s)
	s.close()
	r.console.Result(name, good, r.tally.Counts(), extra)
	return nil
}

// clientFlags declares the flags of a connection.
func clientFlags(flags *flag.FlagSet) func(address string) (wire, func() (net.Conn, error), error) {
	spelling := wireFlags(flags)
	trust := flags.String("tls", "", "speak TLS and trust the certificates of this PEM file")
	return func(address string) (wire, func() (net.Conn, error), error) {
		w, err := spelling()
		if err != nil {
			return w, nil, err
		}
		config, err := peerkit.TrustFile(*trust)
		return w, func() (net.Conn, error) { return peerkit.DialTimeout(address, config, dialTimeout) }, err
	}
}

// exchange sends one message and waits for what has to come back.
func (r *run) exchange(s *session, message, want any) {
	err := s.send(message)
	var got any
	if err == nil {
		got, err = s.receive()
	}
	r.tally.End(kind(err), err == nil && same(got, want))
}

// jsonRoom is more than what the JSON object around a text takes, in bytes.
const jsonRoom = 64

// echo sends one message per size, as far as the header can say it.
func (r *run) echo(s *session) (bool, map[string]any) {
	sizes := []int{}
	for _, size := range []int{0, 1, 255, 65_535, 1 << 20} {
		room := r.wire.framing.limit
		if r.wire.json {
			room -= min(room, jsonRoom)
		}
		if r.wire.bare || uint64(size) <= room {
			sizes = append(sizes, size)
		}
	}
	for _, size := range sizes {
		var message any = r.bodies.Next(size)
		if r.wire.json {
			message = map[string]any{"text": r.bodies.Text(size)[:size]}
		}
		r.exchange(s, message, message)
	}
	return r.tally.Counts().Clean(), map[string]any{"sizes": sizes}
}

// json sends requests with their sums, and a value of an unregistered type.
func (r *run) json(s *session) (bool, map[string]any) {
	for i := range r.n {
		r.exchange(s, &AddReq{A: i, B: 10}, &AddRsp{C: i + 10})
	}
	free := map[string]any{"free": "form", "list": []any{1.5, nil, true}, "<&>": "\u2028"}
	r.exchange(s, free, free)
	return r.tally.Counts().Clean(), map[string]any{}
}

// pipeline sends numbered messages, at most -c ahead of the answers, which have
// to come back in order.
func (r *run) pipeline(s *session) (bool, map[string]any) {
	begun := time.Now()
	ahead := make(chan struct{}, r.ahead)
	go func() {
		for i := range r.n {
			ahead <- struct{}{}
			if s.send(r.wire.message(uint64(i), r.size)) != nil {
				return // receiving fails as well
			}
		}
	}()
	for i := range r.n {
		got, err := s.receive()
		r.tally.End(kind(err), err == nil && same(got, answerTo(r.wire.message(uint64(i), r.size))))
		if err != nil {
			break
		}
		<-ahead
	}
	counts := r.tally.Counts()
	return counts.Clean() && counts.OK == uint64(r.n), rate(r.n, begun)
}

// sink sends numbered messages to a side that does not answer, and waits until
// it closes or -n messages are written; what arrived only that side can say.
func (r *run) sink(s *session) (bool, map[string]any) {
	begun := time.Now()
	for i := range r.n {
		err := s.send(r.wire.message(uint64(i), r.size))
		r.tally.End(kind(err), true)
		if err != nil {
			break
		}
	}
	return r.tally.Counts().Clean(), rate(r.n, begun)
}

// listen receives numbered messages, for a broadcast of the other side. It
// prints `{"reply":"started"}` when it is connected.
func (r *run) listen(s *session) (bool, map[string]any) {
	r.console.Line(`{"reply":"started"}`)
	limit := time.AfterFunc(r.duration, s.close)
	defer limit.Stop()
	begun := time.Now()
	var all peerkit.Sequences
	sequence := all.Start()
	for range r.n {
		message, err := s.receive()
		if err != nil {
			r.tally.End(kind(err), false)
			break
		}
		sequence.Take(numbered(message))
		r.tally.End("", true)
	}
	extra := rate(int(all.Received()), begun)
	extra["in_order"] = all.InOrder()
	return r.tally.Counts().Clean() && all.InOrder(), extra
}

func rate(n int, begun time.Time) map[string]any {
	seconds := time.Since(begun).Seconds()
	return map[string]any{"seconds": seconds, "messages_per_second": float64(n) / seconds}
}

// load exchanges messages with an echoing side until told to stop. The answers
// come in order, so that the oldest one sent is what an answer answers.
func (r *run) load(s *session) (bool, map[string]any) {
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
				r.console.JSON(peerkit.Members(map[string]any{"reply": "stats"}, r.tally.Counts(), nil))
			},
		})
		if r.duration == 0 {
			end()
		}
	}()
	begun := time.Now()
	pair := newPairing(s)
	peerkit.Parallel(r.ahead, r.ahead, func(int) {
		for {
			select {
			case <-stop:
				return
			default:
			}
			message := r.freshMessage()
			got, err := pair.call(message)
			r.tally.End(kind(err), err == nil && same(got, answerTo(message)))
			if err != nil {
				return
			}
		}
	})
	return r.tally.Counts().Clean(), rate(int(r.tally.Counts().OK), begun)
}

// freshMessage is a message that no other message of this run equals.
func (r *run) freshMessage() any {
	if r.wire.json {
		return map[string]any{"text": r.bodies.Text(r.size)}
	}
	return r.bodies.Next(r.size)
}
