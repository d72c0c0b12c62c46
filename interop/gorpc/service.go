package main

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"trunkline/interop/gorpc/demo"
	"trunkline/interop/peerkit"
)

// service is the handler of the interop server: Dispatcher calls go to functions
// and objects, any other request comes back as it is.
type service struct {
	dispatcher *dispatcher
	ledger     *peerkit.Ledger
}

func newService(ledger *peerkit.Ledger) *service {
	d := newDispatcher()
	d.addFunc("Echo", func(text string) string { return text })
	d.addFunc("Health", func() string { return `{"status":"healthy"}` })
	d.addFunc("Sleep", sleep)
	d.addFunc("Fail", func(text string) error { return errors.New(text) })
	d.addFunc("Panic", func(text string) { panic(text) })
	d.addFunc("Div", div)
	d.addFunc("Nop", func() {})
	d.addFunc("Now", func() int64 { return 1234567890 })
	d.addFunc("FailOnly", func(n int) error { return fmt.Errorf("bad %d", n) })
	d.addFunc("OkOnly", func(int) error { return nil })
	d.addFunc("With.Dot", func(b []byte) []byte { return append(append([]byte("<"), b...), '>') })
	d.addFunc("Sum", sum)
	d.addFunc("NilUser", func() *demo.User { return nil }) // cannot be encoded
	calc, calc2 := &calc{}, &calc{}
	calc.n.Store(5)
	calc2.n.Store(6)
	d.addService("Calc", calc)
	d.addService("Calc2", calc2)
	return &service{d, ledger}
}

// handle books and answers a request. The ledger's route is the function's name,
// or the Go type of a plain value.
func (s *service) handle(clientAddress string, request any) any {
	if call, ok := request.(*dispatcherRequest); ok {
		s.ledger.Execute(call.Name, content(call.Request))
		return s.dispatcher.handle(clientAddress, request)
	}
	s.ledger.Execute(fmt.Sprintf("%T", request), content(request))
	if request == "panic" {
		panic("server panic")
	}
	return request
}

// content is what of a value may begin with a nonce.
func content(value any) []byte {
	switch value := value.(type) {
	case string:
		return []byte(value)
	case []byte:
		return value
	}
	return nil
}

// sleep answers after the decimal milliseconds of its text.
func sleep(text string) (string, error) {
	ms, err := strconv.Atoi(text)
	if err != nil {
		return "", fmt.Errorf("not milliseconds: %s", text)
	}
	time.Sleep(time.Duration(ms) * time.Millisecond)
	return text, nil
}

func div(args *demo.Args) (int, error) {
	if args.B == 0 {
		return 0, errors.New("division by zero")
	}
	return args.A / args.B, nil
}

func sum(numbers map[string]int) int {
	total := 0
	for _, n := range numbers {
		total += n
	}
	return total
}

// calc is a service with a state; its exported methods are called.
type calc struct{ n atomic.Int64 }

// Add adds, except for 13.
func (c *calc) Add(args *demo.Args) (*demo.Reply, error) {
	if args.A == 13 {
		return nil, errors.New("unlucky")
	}
	return &demo.Reply{Sum: args.A + args.B, Note: "ok"}, nil
}

// Get returns the number.
func (c *calc) Get() int { return int(c.n.Load()) }

// Set changes the number.
func (c *calc) Set(n int) { c.n.Store(int64(n)) }

// Check fails.
func (c *calc) Check() error { return errors.New("check failed") }

// Who greets; it is the shape that also gets the client's address.
func (c *calc) Who(_ string, name string) string { return "hello " + name }

// Boom panics.
func (c *calc) Boom(text string) { panic("calc boom " + text) }
