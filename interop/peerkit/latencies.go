package peerkit

import (
	"math/bits"
	"time"
)

// Latencies is a histogram of durations with a relative error below 1.6 %:
// 64 steps in every power of two of nanoseconds. It belongs to one goroutine;
// Merge joins several.
type Latencies struct {
	count   uint64
	buckets [64 * steps]uint64
}

const steps = 64

// Add counts one duration.
func (l *Latencies) Add(d time.Duration) {
	l.count++
	l.buckets[bucket(uint64(max(d, 0)))]++
}

func bucket(ns uint64) int {
	if ns < steps {
		return int(ns)
	}
	shift := bits.Len64(ns) - 7
	return shift*steps + int(ns>>shift)
}

// lower is the smallest duration of a bucket, the inverse of bucket.
func lower(index int) uint64 {
	if index < 2*steps {
		return uint64(index)
	}
	shift := index/steps - 1
	return uint64(index-shift*steps) << shift
}

// Merge adds the counts of other.
func (l *Latencies) Merge(other *Latencies) {
	l.count += other.count
	for i, n := range other.buckets {
		l.buckets[i] += n
	}
}

// Count is how many durations were added.
func (l *Latencies) Count() uint64 { return l.count }

// Quantile returns the duration in microseconds that the given share of all
// durations did not exceed; 0 when empty.
func (l *Latencies) Quantile(share float64) float64 {
	rank := uint64(share * float64(l.count))
	var seen uint64
	for i, n := range l.buckets {
		seen += n
		if n > 0 && seen > rank {
			return float64(lower(i)) / 1000
		}
	}
	return 0
}
