package main

import (
	"fmt"
	"reflect"
	"strings"
)

// dispatcher makes a handler of functions and of objects' methods.
type dispatcher struct {
	services map[string]map[string]reflect.Value
}

func newDispatcher() *dispatcher {
	return &dispatcher{services: map[string]map[string]reflect.Value{}}
}

// addFunc adds a function, called ".name". It takes nothing, a request, or the
// client's address and a request; it returns nothing, a value, an error or both.
func (d *dispatcher) addFunc(name string, f any) { d.add("", name, reflect.ValueOf(f)) }

// addService adds the exported methods of an object.
func (d *dispatcher) addService(name string, object any) {
	value := reflect.ValueOf(object)
	for i := range value.NumMethod() {
		d.add(name, value.Type().Method(i).Name, value.Method(i))
	}
}

func (d *dispatcher) add(service, name string, f reflect.Value) {
	if d.services[service] == nil {
		d.services[service] = map[string]reflect.Value{}
	}
	d.services[service][name] = f
}

var errorType = reflect.TypeFor[error]()

// handle is the handler. A request of another type panics, as in the original.
func (d *dispatcher) handle(clientAddress string, request any) any {
	call, ok := request.(*dispatcherRequest)
	if !ok {
		panic(fmt.Sprintf("gorpc.Dispatcher: unsupported request type received from the client: %T", request))
	}
	service, method, ok := strings.Cut(call.Name, ".")
	if !ok {
		return refusal("cannot split call name into service name and method name [%s]", call.Name)
	}
	methods, ok := d.services[service]
	if !ok {
		return refusal("unknown service name [%s]", service)
	}
	f, ok := methods[method]
	if !ok {
		return refusal("unknown method [%s]", call.Name)
	}
	args := make([]reflect.Value, f.Type().NumIn())
	if n := len(args); n > 0 {
		want := f.Type().In(n - 1)
		if call.Request == nil || reflect.TypeOf(call.Request) != want {
			return refusal("unexpected request type for method [%s]: %s. Expected %s", call.Name, reflect.TypeOf(call.Request), want)
		}
		args[n-1] = reflect.ValueOf(call.Request)
		if n == 2 {
			args[0] = reflect.ValueOf(clientAddress)
		}
	}
	return outcome(f.Call(args))
}

func refusal(format string, args ...any) *dispatcherResponse {
	return &dispatcherResponse{Error: "gorpc.Dispatcher: " + fmt.Sprintf(format, args...)}
}

// outcome makes a reply of a function's results. With an error the value is not
// sent; an error whose text is empty is a success.
func outcome(results []reflect.Value) *dispatcherResponse {
	reply := &dispatcherResponse{}
	if n := len(results); n > 0 && results[n-1].Type() == errorType {
		if err, failed := results[n-1].Interface().(error); failed {
			if reply.Error = err.Error(); reply.Error != "" {
				return reply
			}
		}
		results = results[:n-1]
	}
	if len(results) > 0 {
		reply.Response = results[0].Interface()
	}
	return reply
}
