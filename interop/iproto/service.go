package main

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"trunkline/interop/peerkit"
)

// The codes a peer of this program serves, on either side of a connection.
const (
	codeEcho   = 1 // answers the body from the reader
	codeSleep  = 3 // body: decimal milliseconds; answers it after that time
	codeCross  = 5 // as echo; the code both sides call at once
	codeRandom = 6 // answers the body after 0 to 20 ms, so out of order
	codeSink   = 7 // answers the body's length, 8 bytes little-endian
	codeNotice = 9 // notifications, numbered from 0 on each connection
)

// maxDelay bounds the random delay of codeRandom.
const maxDelay = 20 * time.Millisecond

// service is the handler of all codes, and its books.
type service struct {
	ledger    *peerkit.Ledger
	sequences peerkit.Sequences
	unknown   atomic.Uint64 // requests nobody serves or can read: no error packet exists, so silence
	notices   atomic.Uint64 // notifications to other codes than codeNotice
}

// handle serves one packet. It runs inside the channel's reader, as in the
// original: what must wait goes on elsewhere. Sync 0 is never answered.
func (s *service) handle(c *channel, p packet) {
	if p.code == codeNotice {
		if c.state == nil {
			c.state = s.sequences.Start()
		}
		c.state.(*peerkit.Sequence).Take(p.body)
		return
	}
	if p.sync == 0 {
		s.notices.Add(1)
		return
	}
	switch p.code {
	case codeEcho, codeSleep, codeCross, codeRandom, codeSink, codeSum, codeStamp:
		s.ledger.Execute(strconv.Itoa(int(p.code)), p.body)
	default:
		s.unknown.Add(1)
		return
	}
	switch p.code {
	case codeSleep:
		ms, _ := strconv.Atoi(string(p.body)) // not a number: no delay
		time.AfterFunc(time.Duration(ms)*time.Millisecond, func() { c.reply(p, p.body) })
	case codeRandom:
		time.AfterFunc(rand.N(maxDelay), func() { c.reply(p, p.body) })
	case codeSum, codeStamp:
		if answer, ok := packed(p.code, p.body); ok {
			c.reply(p, answer)
		} else {
			s.unknown.Add(1)
		}
	case codeSink:
		c.reply(p, binary.LittleEndian.AppendUint64(nil, uint64(len(p.body))))
	default:
		c.reply(p, p.body)
	}
}

// expected is what a right answer to body looks like.
func expected(code uint32, body []byte) []byte {
	if code == codeSink {
		return binary.LittleEndian.AppendUint64(nil, uint64(len(body)))
	}
	return body
}

// settings declares the flags of a channel's configuration.
func settings(flags *flag.FlagSet) *config {
	cfg := &config{}
	size := func(field *uint32) func(string) error {
		return func(text string) error {
			n, err := strconv.ParseUint(text, 10, 32)
			*field = uint32(n)
			return err
		}
	}
	flags.Func("size-limit", "largest body taken, bytes (default 100000000)", size(&cfg.sizeLimit))
	flags.IntVar(&cfg.readBuffer, "read-buffer", 256, "read buffer, bytes")
	flags.IntVar(&cfg.writeQueue, "write-queue", 50, "send queue, packets")
	flags.DurationVar(&cfg.writeTimeout, "write-timeout", 5*time.Second, "limit of one write")
	flags.DurationVar(&cfg.requestTimeout, "request-timeout", 5*time.Second, "limit of a call")
	flags.DurationVar(&cfg.noticeTimeout, "notice-timeout", time.Second, "limit of a notification's wait for room")
	flags.DurationVar(&cfg.shutdownTimeout, "shutdown-timeout", 5*time.Second, "limit of the shutdown handshake")
	flags.DurationVar(&cfg.idleTimeout, "idle-timeout", 0, "drop when nothing was received for so long; 0 is off")
	flags.DurationVar(&cfg.pingInterval, "ping", 0, "ping interval; 0 is off, the original's default")
	flags.Uint64Var(&cfg.sentLimit, "sent-limit", 1<<32-1, "bytes after which a channel fails, as the original does (I24); 0 is off")
	return cfg
}
