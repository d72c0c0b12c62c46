package peerkit

import (
	"os"
	"sync"
)

// Result prints the one result line of a scenario: its name, the counts, the
// label that says what this program is, and the extra members. The process then
// ends with status 0 if good, else 1.
func (c *Console) Result(scenario string, good bool, counts Counts, extra map[string]any) {
	c.JSON(Members(map[string]any{"scenario": scenario, "good": good, "peer": Standin}, counts, extra))
	if !good {
		os.Exit(1)
	}
	os.Exit(0)
}

// Members adds the counts and the extra members to line, and returns it.
func Members(line map[string]any, counts Counts, extra map[string]any) map[string]any {
	line["calls"], line["ok"] = counts.Calls, counts.OK
	line["failed"], line["wrong"], line["errors"] = counts.Failed, counts.Wrong, counts.Errors
	for name, value := range extra {
		line[name] = value
	}
	return line
}

// Parallel runs work(0) to work(n-1) in a bounded number of goroutines, begun in
// order, and returns when all have ended.
func Parallel(workers, n int, work func(i int)) {
	var group sync.WaitGroup
	next := make(chan int)
	for range min(workers, n) {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range next {
				work(i)
			}
		}()
	}
	for i := range n {
		next <- i
	}
	close(next)
	group.Wait()
}
