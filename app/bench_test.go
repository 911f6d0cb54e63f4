package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor/app/store/storetest"
)

// BenchmarkStart measures the time from the start of the program, as it is shipped, on an empty database to its first
// page.
func BenchmarkStart(b *testing.B) {
	programs := build(b)
	for name, settings := range map[string]func(b *testing.B) map[string]string{
		"sqlite": func(b *testing.B) map[string]string { return map[string]string{"DATA_DIR": b.TempDir()} },
		"postgres": func(b *testing.B) map[string]string {
			return map[string]string{
				"DATABASE_URL": storetest.PostgresURL(b), "SECRET_KEY": productionKey, "MAILBOX": "on",
				"ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword,
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				env := settings(b)
				env["LISTEN"] = freeAddress(b)
				out := &output{}
				b.StartTimer()
				p := launch(b, out, env, programs.app)
				p.firstPage("http://" + env["LISTEN"] + "/login")
				b.StopTimer()
				p.kill()
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/start")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// firstPage gets a page as soon as anything listens there, looked for every millisecond.
func (p *process) firstPage(url string) {
	p.tb.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		res, err := http.Get(url)
		if err != nil {
			select {
			case <-p.done:
				p.tb.Fatalf("%s ended with %s:\n%s", p.name, p.cmd.ProcessState, p.out)
			default:
				continue
			}
		}
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		require.NoError(p.tb, err, "the first page")
		require.Equal(p.tb, http.StatusOK, res.StatusCode, "the first page")
		return
	}
	p.tb.Fatalf("no first page:\n%s", p.out)
}

// BenchmarkWeight measures what a browser reads from the network, with headers, compressed as browsers request it: first
// the sign-in page with all its files and an empty cache, then the overview of the demo firm and a form. B/… are bytes.
func BenchmarkWeight(b *testing.B) {
	p := boot(b, map[string]string{"DEMO": "1"})
	stranger, person := visitor(b, p.URL), visitor(b, p.URL)
	person.signIn("admin@kontor.local", p.Password)
	var first, overview, form int64
	for b.Loop() {
		visit := newVisit(b)
		first = visit.weigh(stranger, "/login")
		overview, form = visit.weigh(person, "/customers"), visit.weigh(person, "/customers/new")
	}
	b.ReportMetric(float64(first), "B/first-visit")
	b.ReportMetric(float64(overview), "B/overview")
	b.ReportMetric(float64(form), "B/form")
	b.ReportMetric(0, "ns/op")
}

// visit is a browser with an empty cache that counts what it reads.
type visit struct {
	b      *testing.B
	client *http.Client
	read   atomic.Int64
	kept   map[string]bool
}

func newVisit(b *testing.B) *visit {
	v := &visit{b: b, kept: map[string]bool{}}
	v.client = &http.Client{Transport: &http.Transport{
		DisableCompression: true, // requested below and not decompressed
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return &countedConn{Conn: conn, read: &v.read}, err
		},
	}}
	b.Cleanup(v.client.CloseIdleConnections)
	return v
}

// weigh loads a page and what it refers to, except for what an earlier answer allows to keep.
func (v *visit) weigh(by *someone, path string) int64 {
	v.b.Helper()
	v.client.Jar = by.client.Jar
	before := v.read.Load()
	page := by.get(path).is(http.StatusOK, path) // decompressed, to read which files it names; not counted
	v.load(page.URL.String())
	for _, selector := range [][2]string{{"link[href]", "href"}, {"script[src]", "src"}, {"img[src]", "src"}, {"use[href]", "href"}} {
		for _, e := range page.Find(selector[0]).EachIter() {
			name, _, _ := strings.Cut(e.AttrOr(selector[1], ""), "#")
			if name == "" {
				continue // in the page itself
			}
			at, err := page.URL.Parse(name)
			if err != nil {
				v.b.Fatal(err)
			}
			v.load(at.String())
		}
	}
	return v.read.Load() - before
}

func (v *visit) load(url string) {
	v.b.Helper()
	if v.kept[url] {
		return
	}
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		v.b.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
	res, err := v.client.Do(req)
	if err != nil {
		v.b.Fatal(err)
	}
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		v.b.Fatalf("%s: %d, %v", url, res.StatusCode, err)
	}
	v.kept[url] = strings.Contains(res.Header.Get("Cache-Control"), "immutable")
}

type countedConn struct {
	net.Conn
	read *atomic.Int64
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}
