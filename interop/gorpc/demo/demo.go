// Package demo has the types that cross the wire in the interop tests, under the
// names and with the fields that the recordings of the original use.
package demo

import (
	"encoding/gob"
	"time"
)

// Args is registered as a pointer: "*demo.Args".
type Args struct{ A, B int }

// Reply is registered as a pointer: "*demo.Reply".
type Reply struct {
	Sum  int
	Note string
}

// User is registered as a pointer: "*demo.User".
type User struct {
	Name  string
	Tags  []string
	Since time.Time
	Boss  *User
}

// Shape is registered as a value, and as a slice.
type Shape struct{ Side float64 }

// Doc is registered as a value; its body is anything registered.
type Doc struct{ Body any }

// Hidden is what one side registers and the other does not: "*demo.Hidden".
type Hidden struct{ X int }

func init() {
	gob.Register(&Args{})
	gob.Register(&Reply{})
	gob.Register(&User{})
	gob.RegisterName("example.org/conv/demo.Shape", Shape{})
	gob.RegisterName("example.org/conv/demo.Doc", Doc{})
	gob.RegisterName("[]demo.Shape", []Shape{})
	gob.Register(map[string]int{})
	gob.Register(time.Time{})
}

// RegisterHidden makes Hidden known to this process.
func RegisterHidden() { gob.Register(&Hidden{}) }
