package main

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"trunkline/interop/gorpc/demo"
	"trunkline/interop/peerkit"
)

// run is one run of `gorpc client`.
type run struct {
	options
	console *peerkit.Console
	client  *client
	tally   peerkit.Tally
	bodies  *peerkit.Bodies
}

// options are the flags of the scenarios; each uses some of them.
type options struct {
	n        int
	size     int
	parallel int
	duration time.Duration
	timeout  time.Duration
	only     string
	hidden   bool
}

// scenario is one thing a client can be told to do: it says whether all went
// well and what else to report.
type scenario struct {
	run    func(*run) (good bool, extra map[string]any)
	preset options // defaults of this scenario's flags
}

var scenarios = map[string]scenario{
	"echo":       {(*run).echo, options{}},
	"types":      {(*run).types, options{}},
	"functions":  {(*run).functions, options{}},
	"service":    {(*run).service, options{}},
	"send":       {(*run).send, options{n: 1000, size: 64}},
	"batch":      {(*run).batch, options{n: 100, size: 64}},
	"async":      {(*run).async, options{n: 100, size: 64}},
	"panic":      {(*run).panics, options{n: 3}},
	"unknown":    {(*run).unknown, options{n: 10, hidden: true}},
	"concurrent": {(*run).concurrent, options{n: 1000, parallel: 1000, size: 64}},
	"load":       {(*run).load, options{parallel: 16, size: 64}},
	"bulk":       {(*run).concurrent, options{n: 256, parallel: 4, size: 1 << 20}},
}

func runClient(address, name string, args []string) error {
	chosen, ok := scenarios[name]
	if !ok {
		return fmt.Errorf("no scenario %q\n%s", name, usage)
	}
	preset := chosen.preset
	flags := flag.NewFlagSet("gorpc client "+name, flag.ExitOnError)
	r := &run{console: peerkit.NewConsole()}
	flags.IntVar(&r.n, "n", preset.n, "operations")
	flags.IntVar(&r.size, "size", preset.size, "bytes of a body")
	flags.IntVar(&r.parallel, "c", preset.parallel, "calls in flight")
	flags.DurationVar(&r.duration, "z", preset.duration, "duration; 0 is until `stop` or the end of input (load)")
	flags.DurationVar(&r.timeout, "request-timeout", requestTimeout, "limit of a call")
	flags.StringVar(&r.only, "only", "", "comma-separated names to run of functions, service or types; empty is all")
	flags.BoolVar(&r.hidden, "hidden", preset.hidden, "register the type *demo.Hidden")
	seed := flags.Uint("seed", uint(os.Getpid()), "upper bits of all nonces")
	connect := clientFlags(flags)
	flags.Parse(args)

	if r.hidden {
		demo.RegisterHidden()
	}
	var err error
	if r.client, err = connect(address); err != nil {
		return err
	}
	r.bodies = peerkit.NewBodies(uint32(*seed))
	r.client.start()
	good, extra := chosen.run(r)
	r.client.stop()
	extra["dials"], extra["connections"] = r.client.dials.Load(), r.client.connections.Load()
	r.console.Result(name, good, r.tally.Counts(), extra)
	return nil
}

// clientFlags declares the flags of a connection; the function it returns makes
// the client.
func clientFlags(flags *flag.FlagSet) func(address string) (*client, error) {
	plain := flags.Bool("plain", false, "no compression")
	conns := flags.Int("conns", 1, "connections")
	flushDelay := flags.Duration("flush-delay", -1, "wait for more requests before a flush; below 0 flushes at once")
	certificate := flags.String("tls", "", "speak TLS and trust the certificates of this PEM file")
	return func(address string) (*client, error) {
		dial, err := dialer(address, *certificate)
		if err != nil {
			return nil, err
		}
		c := newClient(address, dial)
		c.compressed, c.conns, c.flushDelay = !*plain, *conns, *flushDelay
		return c, nil
	}
}

// expect makes one call and records whether it returned the value.
func (r *run) expect(request, want any) {
	got, err := r.client.call(request, r.timeout)
	r.tally.End(kind(err), reflect.DeepEqual(got, want))
}

func kind(err *callError) string {
	if err == nil {
		return ""
	}
	return err.kind
}

// echo sends strings of several sizes.
func (r *run) echo() (bool, map[string]any) {
	sizes := []int{0, 1, 255, 65_535, 1 << 20}
	for _, size := range sizes {
		text := r.bodies.Text(max(size, peerkit.NonceSize))[:size]
		r.expect(text, text)
	}
	return r.tally.Counts().Clean(), map[string]any{"sizes": sizes}
}

// samples are values of every kind that a plain request may be.
var samples = []any{
	true, false, int8(-8), int16(16), int32(-32), int64(64), 7, uint(1), uint8(8), uint16(16), uint32(32),
	uint64(1 << 63), uintptr(7), float32(0.5), 1.25, complex64(1), complex(0, 2), "s", "", []byte{1, 2}, []string{"x", ""},
	[]int{1, -1}, []float64{0, 2}, []bool{true, false}, nil,
	map[string]int{"k": 9}, []demo.Shape{{Side: 1}, {}}, demo.Shape{Side: 1.5}, &demo.Args{A: 1, B: 2}, &demo.Args{},
	demo.Doc{Body: demo.Doc{Body: &demo.Args{A: 4, B: 5}}}, demo.Doc{},
	time.Date(2020, time.January, 2, 3, 4, 5, 0, time.UTC),
	&demo.User{Name: "u", Tags: []string{"a", "b"}, Since: time.Unix(1, 0).UTC(), Boss: &demo.User{Name: "boss"}},
}

// types echoes a value of every sample type; wrong ones are listed.
func (r *run) types() (bool, map[string]any) {
	wrong := []string{}
	for _, sample := range samples {
		name := fmt.Sprintf("%T", sample)
		if !r.wanted(name) {
			continue
		}
		got, err := r.client.call(sample, r.timeout)
		same := reflect.DeepEqual(got, sample)
		if r.tally.End(kind(err), same); !same {
			wrong = append(wrong, fmt.Sprintf("%s: %#v, %v", name, got, err))
		}
	}
	return r.tally.Counts().Clean(), map[string]any{"different": wrong}
}

func (r *run) wanted(name string) bool {
	if r.only == "" {
		return true
	}
	for _, one := range strings.Split(r.only, ",") {
		if one == name {
			return true
		}
	}
	return false
}

// dispatched is one Dispatcher call and its outcome: a value or an error's text.
type dispatched struct {
	name    string
	request any
	want    any
	err     string
}

func (r *run) dispatch(calls []dispatched) (bool, map[string]any) {
	different := []string{}
	for _, call := range calls {
		if !r.wanted(call.name) {
			continue
		}
		got, err := r.client.call(&dispatcherRequest{call.request, call.name}, r.timeout)
		reply, ok := got.(*dispatcherResponse)
		right := err == nil && ok && reply.Error == call.err && reflect.DeepEqual(reply.Response, call.want)
		if r.tally.End(kind(err), right); !right {
			different = append(different, fmt.Sprintf("%s: %#v, %v", call.name, got, err))
		}
	}
	return r.tally.Counts().Clean(), map[string]any{"different": different}
}

// functions calls Dispatcher functions.
func (r *run) functions() (bool, map[string]any) {
	const refused = "gorpc.Dispatcher: "
	return r.dispatch([]dispatched{
		{".Echo", "hi", "hi", ""},
		{".Health", nil, `{"status":"healthy"}`, ""},
		{".Sleep", "20", "20", ""},
		{".Fail", "boom", nil, "boom"},
		{".Div", &demo.Args{A: 7, B: 2}, 3, ""},
		{".Div", &demo.Args{A: 7}, nil, "division by zero"},
		{".Nop", nil, nil, ""},
		{".FailOnly", 3, nil, "bad 3"},
		{".With.Dot", []byte("x"), []byte("<x>"), ""},
		{".Missing", 1, nil, refused + "unknown method [.Missing]"},
		{".Echo", 5, nil, refused + "unexpected request type for method [.Echo]: int. Expected string"},
	})
}

// service calls the methods of two objects of one type.
func (r *run) service() (bool, map[string]any) {
	return r.dispatch([]dispatched{
		{"Calc.Add", &demo.Args{A: 1, B: 2}, &demo.Reply{Sum: 3, Note: "ok"}, ""},
		{"Calc.Add", &demo.Args{A: 13}, nil, "unlucky"},
		{"Calc.Set", 77, nil, ""},
		{"Calc.Get", nil, 77, ""},
		{"Calc2.Set", 6, nil, ""},
		{"Calc2.Get", nil, 6, ""},
		{"Calc.Check", nil, nil, "check failed"},
		{"Calc.Who", "bob", "hello bob", ""},
		{"Calc.Nope", nil, nil, "gorpc.Dispatcher: unknown method [Calc.Nope]"},
	})
}

// send sends without wanting replies, then calls until the other side can have
// taken them: on one connection a call's request comes after them.
func (r *run) send() (bool, map[string]any) {
	for range r.n {
		err := r.client.send(r.bodies.Text(r.size))
		r.tally.End(kind(err), true)
	}
	var barrier peerkit.Tally
	text := r.bodies.Text(r.size)
	got, err := r.client.call(text, r.timeout)
	barrier.End(kind(err), got == text)
	return r.tally.Counts().Clean() && barrier.Counts().Clean(), map[string]any{"barrier": barrier.Counts()}
}

// batch makes one batch in which every tenth request wants no reply.
func (r *run) batch() (bool, map[string]any) {
	b := &batch{client: r.client}
	texts := map[*result]string{}
	silent := 0
	for i := range r.n {
		text := r.bodies.Text(r.size)
		if i%10 == 9 {
			b.addSilent(text)
			silent++
			continue
		}
		texts[b.add(text)] = text
	}
	err := b.call(r.timeout)
	for result, text := range texts {
		select {
		case <-result.Done:
			r.tally.End(kind(result.Error), result.Response == text)
		default:
			r.tally.End("unfinished", false)
		}
	}
	return err == nil && r.tally.Counts().Clean(), map[string]any{"skipped": silent, "error": kind(err)}
}

// async begins calls and cancels every second one. A cancelled call may still
// succeed; every call has to end.
func (r *run) async() (bool, map[string]any) {
	calls, texts := []*result{}, []string{}
	for i := range r.n {
		text := r.bodies.Text(r.size)
		call, err := r.client.callAsync(text)
		if err != nil {
			r.tally.End(err.kind, false)
			continue
		}
		if i%2 == 1 {
			call.cancel()
		}
		calls, texts = append(calls, call), append(texts, text)
	}
	deadline := time.After(r.timeout)
	canceled := 0
	for i, call := range calls {
		select {
		case <-call.Done:
		case <-deadline:
			call.end(nil, &callError{kindTimeout, "unfinished"})
		}
		if kind(call.Error) == kindCanceled && i%2 == 1 {
			canceled++
			continue
		}
		r.tally.End(kind(call.Error), call.Response == texts[i])
	}
	return r.tally.Counts().Clean(), map[string]any{"canceled": canceled, "pending": r.client.pending()}
}

// panics makes the other side's handler panic: an error of that call only, and
// the connection goes on.
func (r *run) panics() (bool, map[string]any) {
	texts := []string{}
	for range r.n {
		_, err := r.client.call(&dispatcherRequest{r.bodies.Text(peerkit.NonceSize), ".Panic"}, r.timeout)
		r.tally.End("", kind(err) == kindServer)
		if err != nil {
			texts = append(texts, err.text)
		}
		text := r.bodies.Text(peerkit.NonceSize)
		r.expect(text, text)
	}
	return r.tally.Counts().Clean() && r.client.connections.Load() == 1, map[string]any{"texts": texts}
}

// unknown sends values of a type that the other side has not registered, each
// beside an innocent call. It only reports: what happens is the other side's
// choice, except that calls after it have to succeed.
func (r *run) unknown() (bool, map[string]any) {
	var hidden, innocent, after peerkit.Tally
	for range r.n {
		var both sync.WaitGroup
		both.Add(1)
		text := r.bodies.Text(r.size)
		go func() {
			defer both.Done()
			got, err := r.client.call(text, r.timeout)
			innocent.End(kind(err), got == text)
		}()
		got, err := r.client.call(&demo.Hidden{X: 5}, r.timeout)
		hidden.End(kind(err), reflect.DeepEqual(got, &demo.Hidden{X: 5}))
		both.Wait()
		got, err = r.client.call(text, r.timeout)
		after.End(kind(err), got == text)
		r.tally.End(kind(err), got == text)
	}
	return after.Counts().Clean(), map[string]any{"unknown": hidden.Counts(), "beside": innocent.Counts()}
}

// concurrent has many calls in flight and checks each reply against its request.
func (r *run) concurrent() (bool, map[string]any) {
	begun := time.Now()
	peerkit.Parallel(r.parallel, r.n, func(int) {
		text := r.bodies.Text(r.size)
		r.expect(text, text)
	})
	return r.tally.Counts().Clean(), map[string]any{"seconds": time.Since(begun).Seconds()}
}

// load keeps calls in flight until told to stop; nothing is repeated. Calls that
// wait for a connection do so in the queue.
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
					"connections": r.client.connections.Load(), "dials": r.client.dials.Load(),
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
				text := r.bodies.Text(r.size)
				r.expect(text, text)
			}
		}
	})
	seconds := time.Since(begun).Seconds()
	counts := r.tally.Counts()
	return counts.Clean(), map[string]any{"seconds": seconds, "calls_per_second": float64(counts.Calls) / seconds}
}
