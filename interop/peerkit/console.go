package peerkit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// Console writes whole lines to standard output, one writer at a time, and
// reads commands from standard input.
type Console struct {
	mu  sync.Mutex
	out io.Writer
}

// NewConsole returns a console on standard output.
func NewConsole() *Console { return &Console{out: os.Stdout} }

// Line prints one line.
func (c *Console) Line(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, format+"\n", args...)
}

// JSON prints v as one line of JSON.
func (c *Console) JSON(v any) { c.Line("%s", Encode(v)) }

// Encode returns v as JSON on one line. Values here are always encodable, so an
// error is a mistake in the program.
func Encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Command answers one line of standard input; args are the words after the name.
type Command func(args []string)

// Serve runs commands until `quit` or the end of input. Commands run one after
// the other; one that takes long starts a goroutine. An unknown name is answered
// with an error line.
func (c *Console) Serve(in io.Reader, commands map[string]Command) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 0:
		case words[0] == "quit":
			return
		case commands[words[0]] == nil:
			c.JSON(map[string]any{"reply": words[0], "error": "unknown command"})
		default:
			commands[words[0]](words[1:])
		}
	}
}

// Fail prints err to standard error and ends the process with status 2.
func Fail(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(2)
}
