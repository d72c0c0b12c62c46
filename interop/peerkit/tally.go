package peerkit

import "sync"

// Tally counts how operations ended. It may be used from many goroutines.
type Tally struct {
	mu     sync.Mutex
	counts Counts
}

// Counts is a tally as reported: Calls = OK + Failed + Wrong. Wrong are answers
// that came and were not the expected ones; Errors counts the failed by kind.
type Counts struct {
	Calls  uint64            `json:"calls"`
	OK     uint64            `json:"ok"`
	Failed uint64            `json:"failed"`
	Wrong  uint64            `json:"wrong"`
	Errors map[string]uint64 `json:"errors"`
}

// Clean reports whether every operation succeeded, and there was one at least.
func (c Counts) Clean() bool { return c.Calls > 0 && c.OK == c.Calls }

// End records one operation: an error of the named kind, or an answer that was
// right or not.
func (t *Tally) End(kind string, right bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Calls++
	switch {
	case kind != "":
		t.counts.Failed++
		if t.counts.Errors == nil {
			t.counts.Errors = map[string]uint64{}
		}
		t.counts.Errors[kind]++
	case right:
		t.counts.OK++
	default:
		t.counts.Wrong++
	}
}

// Counts returns a copy.
func (t *Tally) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	copied := t.counts
	copied.Errors = make(map[string]uint64, len(t.counts.Errors))
	for kind, n := range t.counts.Errors {
		copied.Errors[kind] = n
	}
	return copied
}
