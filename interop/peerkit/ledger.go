package peerkit

import (
	"os"
	"sync"
)

// Ledger counts executions by route and, where a body starts with a nonce of
// eight bytes, how many distinct nonces they carried: executions above nonces
// means that something was executed twice.
type Ledger struct {
	mu      sync.Mutex
	routes  map[string]*route
	journal *os.File
	failed  error
}

type route struct {
	executions uint64
	numbered   uint64
	nonces     map[uint64]struct{}
}

// RouteCount is one route of a ledger as reported. Repeated is how many
// executions carried a nonce that an earlier one had carried.
type RouteCount struct {
	Executions uint64 `json:"executions"`
	Nonces     uint64 `json:"nonces"`
	Repeated   uint64 `json:"repeated"`
}

// NewLedger returns an empty ledger. With a journal path every nonce is also
// appended to that file, eight bytes each, before the request is answered, so
// that the count outlives a kill of this process.
func NewLedger(journal string) (*Ledger, error) {
	l := &Ledger{routes: map[string]*route{}}
	if journal == "" {
		return l, nil
	}
	var err error
	l.journal, err = os.OpenFile(journal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return l, err
}

// Execute records that a request with this body began to be executed.
func (l *Ledger) Execute(name string, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.routes[name]
	if r == nil {
		r = &route{nonces: map[uint64]struct{}{}}
		l.routes[name] = r
	}
	r.executions++
	nonce, ok := Nonce(body)
	if !ok {
		return
	}
	r.numbered++
	r.nonces[nonce] = struct{}{}
	if l.journal != nil {
		if _, err := l.journal.Write(body[:NonceSize]); err != nil && l.failed == nil {
			l.failed = err
		}
	}
}

// Counts reports every route.
func (l *Ledger) Counts() map[string]RouteCount {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := make(map[string]RouteCount, len(l.routes))
	for name, r := range l.routes {
		distinct := uint64(len(r.nonces))
		counts[name] = RouteCount{r.executions, distinct, r.numbered - distinct}
	}
	return counts
}

// Err is the first error of the journal, nil if it is complete.
func (l *Ledger) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}
