package main

import "sync"

// pairing makes calls of messages: the wire has no ids, and an echoing server
// answers in order, so the first answer belongs to the first message.
type pairing struct {
	session *session
	mu      sync.Mutex // held while sending, so that both orders are one
	waiting chan chan answer
	ended   chan struct{}
	err     error
}

type answer struct {
	message any
	err     error
}

// inFlight is how many calls a pairing takes before the next waits.
const inFlight = 4096

func newPairing(s *session) *pairing {
	p := &pairing{session: s, waiting: make(chan chan answer, inFlight), ended: make(chan struct{})}
	go p.receive()
	return p
}

func (p *pairing) receive() {
	for {
		message, err := p.session.receive()
		if err != nil {
			p.err = err
			close(p.ended)
			return
		}
		select {
		case first := <-p.waiting:
			first <- answer{message: message}
		default: // an answer that nobody waits for
		}
	}
}

// call sends a message and waits for its answer.
func (p *pairing) call(message any) (any, error) {
	done := make(chan answer, 1)
	p.mu.Lock()
	select {
	case p.waiting <- done:
	case <-p.ended:
		p.mu.Unlock()
		return nil, p.err
	}
	err := p.session.send(message)
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case got := <-done:
		return got.message, got.err
	case <-p.ended:
		return nil, p.err
	}
}
