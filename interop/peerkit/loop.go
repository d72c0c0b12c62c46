package peerkit

import (
	"sync"
	"time"
)

// Loop is a measurement in a closed loop: InFlight workers, each of which makes
// its next call when the last one has ended.
type Loop struct {
	InFlight    int
	Connections int
	Duration    time.Duration
	Size        int
}

// Run gives every worker its call: call(i) makes the function that worker i
// repeats, which returns the kind of an error ("" for none) and whether the
// answer was right. An error ends the worker. The result line is printed and the
// process ends.
func (l Loop) Run(call func(worker int) func() (kind string, right bool)) {
	var (
		tally   Tally
		mu      sync.Mutex
		all     Latencies
		workers sync.WaitGroup
	)
	calls := make([]func() (string, bool), l.InFlight)
	for i := range calls {
		calls[i] = call(i)
	}
	begun := time.Now()
	until := begun.Add(l.Duration)
	for _, once := range calls {
		workers.Add(1)
		go func() {
			defer workers.Done()
			took := repeat(once, until, &tally)
			mu.Lock()
			defer mu.Unlock()
			all.Merge(took)
		}()
	}
	workers.Wait()
	seconds := time.Since(begun).Seconds()
	counts := tally.Counts()
	counts.Calls += all.Count()
	counts.OK += all.Count()
	NewConsole().Result("bench", counts.Clean(), counts, map[string]any{
		"calls_per_second": float64(all.Count()) / seconds, "seconds": seconds,
		"p50_us": all.Quantile(0.5), "p99_us": all.Quantile(0.99),
		"in_flight": l.InFlight, "connections": l.Connections, "size": l.Size,
	})
}

// repeat counts successes in the histogram and the one failure in the tally.
func repeat(once func() (string, bool), until time.Time, tally *Tally) *Latencies {
	took := &Latencies{}
	for now := time.Now(); now.Before(until); {
		if kind, right := once(); kind != "" || !right {
			tally.End(kind, right)
			return took
		}
		end := time.Now()
		took.Add(end.Sub(now))
		now = end
	}
	return took
}
