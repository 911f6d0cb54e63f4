package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net/url"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// customersIn counts the customers in a file of SQLite.
func customersIn(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM customer`).Scan(&n))
	return n
}

// TestPercentile: the smallest value that the share of all values is not above.
func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for name, c := range map[string]struct {
		sorted []time.Duration
		p      float64
		want   time.Duration
	}{
		"of none":     {nil, 0.5, 0},
		"of one":      {[]time.Duration{7}, 0.99, 7},
		"median":      {hundred, 0.50, 50},
		"p99":         {hundred, 0.99, 99},
		"maximum":     {hundred, 1, 100},
		"minimum":     {hundred, 0, 1},
		"of two, p50": {[]time.Duration{1, 2}, 0.50, 1},
		"of two, p99": {[]time.Duration{1, 2}, 0.99, 2},
	} {
		assert.Equal(t, c.want, percentile(c.sorted, c.p), name)
	}
}

// TestStat: lines of /proc/<pid>/stat, also with a name that looks like fields.
func TestStat(t *testing.T) {
	for name, c := range map[string]struct {
		text, process string
		want          time.Duration
		wrong         bool
	}{
		"usual":       {"4211 (app) S 1 4211 4211 0 -1 4194304 900 0 0 0 123 45 7 8 20 0 9 0 100 1 2", "app", 1680 * time.Millisecond, false},
		"a bad name":  {"7 (a) S (b 1) R 1 7 7 0 -1 4194304 900 0 0 0 2 1 0 0 20 0 9", "a) S (b 1", 30 * time.Millisecond, false},
		"no name":     {"4211 app S 1", "", 0, true},
		"too short":   {"4211 (app) S 1 2 3", "", 0, true},
		"no number":   {"1 (app) S 1 1 1 0 -1 0 0 0 0 0 x 45 0 0 20", "", 0, true},
		"nothing":     {"", "", 0, true},
		"paren order": {") x (", "", 0, true},
	} {
		s, err := parseStat(c.text)
		assert.Equal(t, c.wrong, err != nil, "%s: %v", name, err)
		assert.Equal(t, c.process, s.name, name)
		assert.Equal(t, c.want, s.processor, name)
	}
}

// TestAnonymous: the text of /proc/<pid>/status.
func TestAnonymous(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		want  int64
		wrong bool
	}{
		"usual":     {"Name:\tapp\nVmRSS:\t    9000 kB\nRssAnon:\t     123 kB\nRssFile:\t    8877 kB\n", 123 << 10, false},
		"missing":   {"Rss: 1 kB\n", 0, true},
		"no number": {"RssAnon:\tmany kB\n", 0, true},
	} {
		got, err := parseAnonymous(c.text)
		assert.Equal(t, c.wrong, err != nil, "%s: %v", name, err)
		assert.Equal(t, c.want, got, name)
	}
}

// TestBackends: only the processes of PostgreSQL that serve the database count.
func TestBackends(t *testing.T) {
	stat := func(name, ticks string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("1 (" + name + ") S 1 1 1 0 -1 0 0 0 0 0 " + ticks + " 0 0 0 20 0 1")}
	}
	line := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text + "\x00")} }
	proc := procfs{fstest.MapFS{
		"10/stat": stat("postgres", "5"), "10/cmdline": line("postgres: kontor bench_1 127.0.0.1(4000) idle"),
		"11/stat": stat("postgres", "3"), "11/cmdline": line("postgres: kontor bench_1 [local] SELECT"),
		"12/stat": stat("postgres", "100"), "12/cmdline": line("postgres: kontor bench_12 127.0.0.1(4001) idle"),
		"13/stat": stat("postgres", "100"), "13/cmdline": line("postgres: checkpointer "),
		"14/stat": stat("app", "100"), "14/cmdline": line("app bench_1"),
		"15/cmdline": line("ended"), "self/stat": stat("postgres", "100"), "version": line("Linux"),
	}}
	got, err := proc.backends("bench_1")
	require.NoError(t, err)
	assert.Equal(t, 80*time.Millisecond, got, "processor time")
	own, err := proc.processor(14)
	require.NoError(t, err)
	assert.Equal(t, time.Second, own, "of one process")
	_, err = proc.anonymous(14)
	assert.Error(t, err, "a process without a status")
}

// TestLocalDatabase: the processes of a server are counted only if they can be seen.
func TestLocalDatabase(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://u@127.0.0.1:5432/b?sslmode=disable": "b",
		"postgres://u@localhost/b":                      "b",
		"postgres://u@[::1]/b":                          "b",
		"postgres:///b?host=/run/postgresql":            "b",
		"postgres://u@db.example/b":                     "",
		"postgres://u@192.0.2.7/b":                      "",
		"%":                                             "",
	} {
		assert.Equal(t, want, localDatabase(address), address)
	}
}

// fakeClock moves only when somebody waits, and stops to be on time after a number of waits.
type fakeClock struct {
	now    time.Time
	waited []time.Duration
}

// Now implements clock.
func (c *fakeClock) Now() time.Time { return c.now }

// After implements clock.
func (c *fakeClock) After(d time.Duration) <-chan time.Time {
	c.waited = append(c.waited, d)
	c.now = c.now.Add(d)
	over := make(chan time.Time, 1)
	over <- c.now
	return over
}

// TestPace: requests begin when they are due. After a delay, those that are late begin without waiting, and each is told
// when it was due.
func TestPace(t *testing.T) {
	start := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	c := &fakeClock{now: start}
	var due, began []time.Duration
	schedule{rate: 10, duration: time.Second}.pace(context.Background(), c, func(n int, at time.Time) {
		due, began = append(due, at.Sub(start)), append(began, c.now.Sub(start))
		if n == 2 {
			c.now = c.now.Add(350 * time.Millisecond) // the machine is busy
		}
	})
	ms := func(list ...int) (all []time.Duration) {
		for _, n := range list {
			all = append(all, time.Duration(n)*time.Millisecond)
		}
		return all
	}
	assert.Equal(t, ms(0, 100, 200, 300, 400, 500, 600, 700, 800, 900), due, "due")
	assert.Equal(t, ms(0, 100, 200, 550, 550, 550, 600, 700, 800, 900), began, "began")
	assert.Equal(t, ms(100, 100, 50, 100, 100, 100), c.waited, "waited")
}

// TestPaceEnds: nothing begins any more when the context has ended.
func TestPaceEnds(t *testing.T) {
	ctx, end := context.WithCancel(context.Background())
	begun := 0
	schedule{rate: 1000, duration: time.Hour}.pace(ctx, &fakeClock{}, func(n int, _ time.Time) {
		if begun++; n == 4 {
			end()
		}
	})
	assert.Equal(t, 5, begun, "requests")
	assert.Equal(t, 3, schedule{rate: 0.5, duration: 7 * time.Second}.count(), "at a slow rate")
}

// TestMixOfKinds: the shares of the kinds, and that every request of a mix can be made.
func TestMixOfKinds(t *testing.T) {
	count := map[string]int{}
	for _, kind := range mixKinds {
		count[kind]++
	}
	assert.Equal(t, map[string]int{kindPage: 12, kindTyped: 4, kindTransactions: 3, kindWrite: 1}, count, "of 20 requests")
	w := wishes{}
	w.learn(`<a href="/customers/01920000-0000-7000-8000-000000000001">A</a><a href="/customers/new">+</a>
		<a class="btn" href="/customers?after=x&amp;sort=name">Next</a>`)
	assert.Equal(t, []string{"/customers/01920000-0000-7000-8000-000000000001"}, w.customers, "customers")
	assert.Equal(t, []string{"/customers?after=x&sort=name"}, w.pages, "pages")
	paths := map[string]bool{}
	for n := range 1000 {
		_, r := w.nth(n, &browser{token: "t"})
		u, err := url.Parse(r.path)
		require.NoError(t, err, r.path)
		paths[u.Path] = true
	}
	customer := w.customers[0]
	for _, path := range []string{"/customers", customer + "/data", customer + "/authorisations", "/search", "/transactions"} {
		assert.True(t, paths[path], "nobody asks for %s", path)
	}
}

// shown is a report with known numbers.
func shown(database string) report {
	took := []time.Duration{time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond, 40 * time.Millisecond}
	return report{
		Database: database, Customers: 300, known: true, backends: database == postgres, MemoryBefore: 50e6, MemoryAfter: 61e6,
		Rows: []line{lineOf("overview", 8, outcome{took: took, elapsed: 2 * time.Second, body: 26640, failed: 1}, spent{10 * time.Millisecond, 5 * time.Millisecond})},
		Ratios: []ratio{
			{Row: "overview", Connections: 8, Program: 500, Bare: 2000, Raw: 20000},
			{Row: "add", Connections: 8, Program: 100, Bare: 150, Errors: 2},
		},
	}
}

// TestTables: the text of a report.
func TestTables(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, format{}.print(&out, shown(postgres)))
	assert.Equal(t, `postgres, 300 customers

  conns  requests/s  p50 ms  p99 ms  CPU ms  PG ms  bytes  errors row
      8           2    2.00   40.00    2.00   1.00  26640       1 overview

  conns  program/s  bare/s  raw/s  program/bare  program/raw  errors compared
      8        500    2000  20000          0.25        0.025       0 overview
      8        100     150      -          0.67            -       2 add

memory: 50 MB before, 61 MB after the rows

`, out.String(), "on PostgreSQL")
	assert.Equal(t, 3, shown(postgres).failed(), "errors in all")
	out.Reset()
	unknown := shown(sqlite)
	unknown.known = false
	require.NoError(t, format{}.print(&out, unknown))
	assert.Contains(t, out.String(), "      8           2    2.00   40.00       -      -  26640       1 overview\n", "without /proc")
	assert.Contains(t, out.String(), "\nmemory: unknown\n", "without /proc")
}

// TestFormats: the formats for other programs.
func TestFormats(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, format{Benchstat: true}.print(&out, shown(sqlite)))
	assert.Equal(t, `BenchmarkHTTP/sqlite/overview/c=8 4 500000000 ns/op 2.0 requests/s 2000000 p50-ns 40000000 p99-ns 3.000 cpu-ms/op
BenchmarkRatio/sqlite/overview/c=8 1 0.250 program/bare 0.025 program/raw
BenchmarkRatio/sqlite/add/c=8 1 0.667 program/bare
`, out.String(), "benchstat")
	out.Reset()
	require.NoError(t, format{JSON: true}.print(&out, shown(sqlite)))
	assert.Equal(t, `{"kind":"row","database":"sqlite","customers":300,"row":"overview","connections":8,"requests":4,"per_second":2,"p50_ms":2,"p99_ms":40,"program_cpu_ms":2,"postgres_cpu_ms":1,"bytes":26640,"errors":1}
{"kind":"ratio","database":"sqlite","customers":300,"row":"overview","connections":8,"program_per_second":500,"bare_per_second":2000,"raw_per_second":20000,"errors":0,"program_to_bare":0.25,"program_to_raw":0.025}
{"kind":"ratio","database":"sqlite","customers":300,"row":"add","connections":8,"program_per_second":100,"bare_per_second":150,"raw_per_second":0,"errors":2,"program_to_bare":0.6666666666666666,"program_to_raw":0}
{"kind":"memory","database":"sqlite","customers":300,"before_bytes":50000000,"after_bytes":61000000}
`, out.String(), "JSON")
}

// TestMixReport: the text of a mix.
func TestMixReport(t *testing.T) {
	r := &mixReport{Rate: 200, Database: postgres, Customers: 300, kinds: map[string]*kindResult{}}
	r.add(kindPage, 3*time.Millisecond, nil)
	r.add(kindPage, time.Millisecond, nil)
	assert.True(t, r.add(kindWrite, time.Second, errors.New("status 500")), "the first error")
	assert.False(t, r.add(kindWrite, time.Second, errors.New("status 500")), "the second error")
	r.remember(90*time.Second, "app-1", 50e6)
	var out bytes.Buffer
	require.NoError(t, r.print(&out, false))
	assert.Equal(t, `mix on postgres, 300 customers, 200 requests/s

  requests  p50 ms  p99 ms  max ms  errors kind
         2    1.00    3.00    3.00       0 page
         0    0.00    0.00    0.00       2 write
         2    1.00    3.00    3.00       2 all

  seconds  memory process
       90   50 MB app-1
`, out.String())
	assert.Equal(t, 2, r.failed(), "errors")
	out.Reset()
	require.NoError(t, r.print(&out, true))
	assert.Contains(t, out.String(), `{"kind":"memory","database":"postgres","seconds":90,"process":"app-1","bytes":50000000}`, "JSON")
}

// TestPeak: the largest of the values that are read, of which there is at least one.
func TestPeak(t *testing.T) {
	over := make(chan struct{})
	close(over)
	proc := procfs{fstest.MapFS{"14/status": &fstest.MapFile{Data: []byte("RssAnon:\t     123 kB\n")}}}
	got, err := meter{proc: proc, known: true}.peak(14, over)
	require.NoError(t, err)
	assert.EqualValues(t, 123<<10, got, "of one process")
	_, err = meter{proc: proc, known: true}.peak(15, over)
	require.Error(t, err, "of none")
	got, err = meter{}.peak(14, over)
	require.NoError(t, err)
	assert.Zero(t, got, "without /proc")
}

// TestSigninsReport: the text of sign-ins at once. Those that failed do not count for the times.
func TestSigninsReport(t *testing.T) {
	b := burst{Round: 1, CPU: 40, Before: 50e6, Peak: 120e6}
	b.count([]time.Duration{4 * time.Second, time.Second, 9 * time.Second, 2 * time.Second}, []error{nil, nil, errors.New("status 503"), nil})
	r := signinsReport{Database: sqlite, Customers: 300, Bursts: []burst{b}, known: true}
	var out bytes.Buffer
	require.NoError(t, r.print(&out, false))
	assert.Equal(t, `sign-ins at once on sqlite, 300 customers

  people  errors  p50 ms  all in s  CPU ms  before    peak round
       3       1    2000       4.0   40.00   50 MB  120 MB 1

`, out.String())
	assert.Equal(t, 1, r.failed(), "errors")
	out.Reset()
	require.NoError(t, r.print(&out, true))
	assert.Equal(t, `{"kind":"signins","database":"sqlite","customers":300,"round":1,"people":3,"errors":1,"p50_ms":2000,"all_seconds":4,"program_cpu_ms":40,"before_bytes":50000000,"peak_bytes":120000000}
`, out.String(), "JSON")
	out.Reset()
	r.known = false
	require.NoError(t, r.print(&out, false))
	assert.Contains(t, out.String(), "4.0       -       -     - 1\n", "without /proc")
}

// TestMessages: how many messages the metrics say are not sent yet.
func TestMessages(t *testing.T) {
	assert.InDelta(t, 5, messages("# HELP x\nkontor_outbox_messages{channel=\"email\",state=\"queued\"} 2\n"+
		"kontor_outbox_messages{channel=\"email\",state=\"sending\"} 3\nother{a=\"b\"} 9\n"), 0)
	assert.InDelta(t, 0, messages("kontor_database_up 1\n"), 0)
}

// TestNumbered: PostgreSQL has its own parameters.
func TestNumbered(t *testing.T) {
	assert.Equal(t, "a = $1 AND b IN ($2, $3)", (&bare{postgres: true}).numbered("a = ? AND b IN (?, ?)"), "PostgreSQL")
	assert.Equal(t, "a = ?", (&bare{}).numbered("a = ?"), "SQLite")
}

// TestRowNames: no two rows have the same name, and the names have no blanks, so that programs can read them.
func TestRowNames(t *testing.T) {
	var names []string
	for _, r := range rows("") {
		assert.NotContains(t, r.name, " ", "name")
		assert.False(t, slices.Contains(names, r.name), "%s is there twice", r.name)
		names = append(names, r.name)
	}
}
