package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

// mixReport is what a mix has shown so far.
type mixReport struct {
	Rate      float64
	Database  string
	Customers int
	Beside    bool // others wrote beside

	mu     sync.Mutex
	kinds  map[string]*kindResult
	memory []memoryLine
}

// kindResult are the answers to one kind of request.
type kindResult struct {
	took   []time.Duration
	failed int
}

// memoryLine is the anonymous memory of a process at a time.
type memoryLine struct {
	Seconds float64 `json:"seconds"` // since the start
	Process string  `json:"process"`
	Bytes   int64   `json:"bytes"`
}

// add notes an answer. first says that it is the first error of its kind.
func (r *mixReport) add(kind string, took time.Duration, err error) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.kinds[kind]
	if k == nil {
		k = &kindResult{}
		r.kinds[kind] = k
	}
	if err != nil {
		k.failed++
		return k.failed == 1
	}
	k.took = append(k.took, took)
	return false
}

func (r *mixReport) remember(at time.Duration, process string, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.memory = append(r.memory, memoryLine{at.Seconds(), process, bytes})
}

func (r *mixReport) failed() (n int) {
	for _, k := range r.kinds {
		n += k.failed
	}
	return n
}

// mixLine is the result of a kind of request. Times are in milliseconds.
type mixLine struct {
	Row      string  `json:"row"`
	Requests int     `json:"requests"`
	Median   float64 `json:"p50_ms"`
	High     float64 `json:"p99_ms"` // the 99th percentile
	Max      float64 `json:"max_ms"`
	Errors   int     `json:"errors"`
}

// lines are the results of the kinds, and of all together.
func (r *mixReport) lines() (list []mixLine) {
	var all kindResult
	for _, kind := range slices.Sorted(maps.Keys(r.kinds)) {
		k := r.kinds[kind]
		list = append(list, k.line(kind))
		all.took = append(all.took, k.took...)
		all.failed += k.failed
	}
	return append(list, all.line("all"))
}

func (k *kindResult) line(name string) mixLine {
	slices.Sort(k.took)
	return mixLine{
		Row: name, Requests: len(k.took), Median: milliseconds(percentile(k.took, 0.50)), High: milliseconds(percentile(k.took, 0.99)),
		Max: milliseconds(percentile(k.took, 1)), Errors: k.failed,
	}
}

// print writes two tables, or JSON objects.
func (r *mixReport) print(to io.Writer, asJSON bool) error {
	if asJSON {
		return r.writeJSON(to)
	}
	beside := ""
	if r.Beside {
		beside = ", while others add, delete and publish"
	}
	_, _ = fmt.Fprintf(to, "mix on %s, %d customers, %g requests/s%s\n\n", r.Database, r.Customers, r.Rate, beside)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	cells(w, "requests", "p50 ms", "p99 ms", "max ms", "errors", " kind")
	for _, l := range r.lines() {
		cells(w, l.Requests, fmt.Sprintf("%.2f", l.Median), fmt.Sprintf("%.2f", l.High), fmt.Sprintf("%.2f", l.Max), l.Errors, " "+l.Row)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(to)
	cells(w, "seconds", "memory", " process")
	for _, l := range r.memory {
		cells(w, fmt.Sprintf("%.0f", l.Seconds), megabytes(l.Bytes), " "+l.Process)
	}
	return w.Flush()
}

// writeJSON prints an object for each kind of request and for each reading of memory.
func (r *mixReport) writeJSON(to io.Writer) error {
	e := json.NewEncoder(to)
	for _, l := range r.lines() {
		if err := e.Encode(struct {
			Kind     string `json:"kind"`
			Database string `json:"database"`
			Beside   bool   `json:"beside"`
			mixLine
		}{"mix", r.Database, r.Beside, l}); err != nil {
			return err
		}
	}
	for _, l := range r.memory {
		if err := e.Encode(struct {
			Kind     string `json:"kind"`
			Database string `json:"database"`
			memoryLine
		}{"memory", r.Database, l}); err != nil {
			return err
		}
	}
	return nil
}
