package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// report is what was measured on one database.
type report struct {
	Database     string
	Customers    int
	Rows         []line
	Ratios       []ratio
	MemoryBefore int64 // bytes of the program's anonymous memory, before the rows
	MemoryAfter  int64 // and after them
	known        bool  // processor time and memory could be read
	backends     bool  // so could the processor time of PostgreSQL
}

// failed is how many requests were not answered as expected.
func (r report) failed() (n int) {
	for _, l := range r.Rows {
		n += l.Errors
	}
	for _, x := range r.Ratios {
		n += x.Errors
	}
	return n
}

// line is the result of a row at a number of connections. Times are in milliseconds.
type line struct {
	Row         string  `json:"row"`
	Connections int     `json:"connections"`
	Requests    int     `json:"requests"`
	PerSecond   float64 `json:"per_second"`
	Median      float64 `json:"p50_ms"`
	High        float64 `json:"p99_ms"`          // the 99th percentile
	Program     float64 `json:"program_cpu_ms"`  // processor time of the program for a request
	Postgres    float64 `json:"postgres_cpu_ms"` // and of PostgreSQL
	Bytes       int     `json:"bytes"`           // of a body
	Errors      int     `json:"errors"`
}

// lineOf makes a line of what was measured.
func lineOf(name string, connections int, o outcome, used spent) line {
	n := max(len(o.took)+o.failed, 1)
	return line{
		Row: name, Connections: connections, Requests: len(o.took), PerSecond: o.perSecond(),
		Median: milliseconds(percentile(o.took, 0.50)), High: milliseconds(percentile(o.took, 0.99)),
		Program: milliseconds(used.program) / float64(n), Postgres: milliseconds(used.postgres) / float64(n),
		Bytes: o.body, Errors: o.failed,
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// format says how results are printed.
type format struct {
	JSON      bool `xor:"format" help:"Print a JSON object a line in place of tables."`
	Benchstat bool `xor:"format" help:"Print lines that benchstat reads in place of tables."`
}

func (f format) print(to io.Writer, r report) error {
	switch {
	case f.JSON:
		return r.writeJSON(to)
	case f.Benchstat:
		return r.writeBenchstat(to)
	}
	return r.writeTables(to)
}

// writeTables prints a table of the rows, a table of the ratios, and the memory.
func (r report) writeTables(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(to, "%s, %d customers\n\n", r.Database, r.Customers)
	cells(w, "conns", "requests/s", "p50 ms", "p99 ms", "CPU ms", "PG ms", "bytes", "errors", " row")
	for _, l := range r.Rows {
		cells(w, l.Connections, fmt.Sprintf("%.0f", l.PerSecond), fmt.Sprintf("%.2f", l.Median), fmt.Sprintf("%.2f", l.High),
			unless(!r.known, l.Program), unless(!r.backends, l.Postgres), l.Bytes, l.Errors, " "+l.Row)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(r.Ratios) > 0 {
		_, _ = fmt.Fprintln(to)
		cells(w, "conns", "program/s", "bare/s", "raw/s", "program/bare", "program/raw", "errors", " compared")
		for _, x := range r.Ratios {
			cells(w, x.Connections, fmt.Sprintf("%.0f", x.Program), fmt.Sprintf("%.0f", x.Bare), orNone("%.0f", x.Raw),
				orNone("%.2f", share(x.Program, x.Bare)), orNone("%.3f", share(x.Program, x.Raw)), x.Errors, " "+x.Row)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	memory := "unknown"
	if r.known {
		memory = fmt.Sprintf("%s before, %s after the rows", megabytes(r.MemoryBefore), megabytes(r.MemoryAfter))
	}
	_, err := fmt.Fprintf(to, "\nmemory: %s\n\n", memory)
	return err
}

// cells prints a row of a table. The last cell is aligned to the left, since no tab ends it.
func cells(w io.Writer, values ...any) {
	for i, v := range values {
		if i > 0 {
			_, _ = fmt.Fprint(w, "\t")
		}
		_, _ = fmt.Fprint(w, v)
	}
	_, _ = fmt.Fprintln(w)
}

// none stands for a value that there is not.
const none = "-"

func unless(missing bool, ms float64) string {
	if missing {
		return none
	}
	return fmt.Sprintf("%.2f", ms)
}

func orNone(format string, value float64) string {
	if value == 0 {
		return none
	}
	return fmt.Sprintf(format, value)
}

// share returns a/b, 0 if there is no b.
func share(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }

// writeJSON prints an object for each row and each ratio, and one for the memory. "kind" tells them apart.
func (r report) writeJSON(to io.Writer) error {
	type head struct {
		Kind      string `json:"kind"`
		Database  string `json:"database"`
		Customers int    `json:"customers"`
	}
	e := json.NewEncoder(to)
	e.SetEscapeHTML(false)
	for _, l := range r.Rows {
		if err := e.Encode(struct {
			head
			line
		}{head{"row", r.Database, r.Customers}, l}); err != nil {
			return err
		}
	}
	for _, x := range r.Ratios {
		if err := e.Encode(struct {
			head
			ratio
			OfBare float64 `json:"program_to_bare"`
			OfRaw  float64 `json:"program_to_raw"`
		}{head{"ratio", r.Database, r.Customers}, x, share(x.Program, x.Bare), share(x.Program, x.Raw)}); err != nil {
			return err
		}
	}
	return e.Encode(struct {
		head
		Before int64 `json:"before_bytes"`
		After  int64 `json:"after_bytes"`
	}{head{"memory", r.Database, r.Customers}, r.MemoryBefore, r.MemoryAfter})
}

// writeBenchstat prints lines like those of go test -bench.
func (r report) writeBenchstat(to io.Writer) error {
	for _, l := range r.Rows {
		if _, err := fmt.Fprintf(to, "BenchmarkHTTP/%s/%s/c=%d %d %.0f ns/op %.1f requests/s %.0f p50-ns %.0f p99-ns %.3f cpu-ms/op\n",
			r.Database, l.Row, l.Connections, l.Requests, share(1e9, l.PerSecond), l.PerSecond, l.Median*1e6, l.High*1e6, l.Program+l.Postgres); err != nil {
			return err
		}
	}
	for _, x := range r.Ratios {
		text := fmt.Sprintf("BenchmarkRatio/%s/%s/c=%d 1 %.3f program/bare", r.Database, x.Row, x.Connections, share(x.Program, x.Bare))
		if x.Raw > 0 {
			text += fmt.Sprintf(" %.3f program/raw", share(x.Program, x.Raw))
		}
		if _, err := fmt.Fprintln(to, text); err != nil {
			return err
		}
	}
	return nil
}
