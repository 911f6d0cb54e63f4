package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/effort"
	"kontor/app/store/storetest"
)

// attack is a small request that costs much memory where it is believed.
type attack struct {
	name, method, path string
	headers            map[string]string
	body               []byte
	want               int
}

// attacks on addresses that nobody needs to sign in for.
func attacks(t *testing.T) []attack {
	form, parts := "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
	nothing := make([]byte, 256<<20)
	bomb := pack(t, nothing)
	packed := pack(t, bomb)
	large := append([]byte("--x\r\nContent-Disposition: form-data; name=\"login\"; filename=\"a\"\r\n\r\n"), nothing[:100<<20]...)
	manyParts := strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n", 18_000) + "--x--\r\n"
	all := []attack{
		{"packed twice", "POST", "/hooks/bounce", map[string]string{"Content-Encoding": "gzip, gzip"}, packed, 415},
		{"packed twice, as a form", "POST", "/login", map[string]string{"Content-Encoding": "gzip, gzip", "Content-Type": form}, packed, 415},
		{"packed", "POST", "/hooks/sms", map[string]string{"Content-Encoding": "gzip"}, bomb, 415},
		{"packed, in one line with identity", "POST", "/login", map[string]string{"Content-Encoding": "identity, GZIP", "Content-Type": form}, bomb, 415},
		{"multipart, packed", "POST", "/login", map[string]string{"Content-Encoding": "gzip", "Content-Type": parts}, pack(t, large), 415},
		{"multipart of many parts", "POST", "/login", map[string]string{"Content-Type": parts}, []byte(manyParts), 415},
		{"multipart of many parts to a hook", "POST", "/hooks/bounce", map[string]string{"Content-Type": parts}, []byte(manyParts), 415},
		{"half a million fields", "POST", "/login", map[string]string{"Content-Type": form}, bytes.Repeat([]byte("a&"), 1<<19-1), 413},
		{"a million empty fields", "POST", "/password/forgotten", map[string]string{"Content-Type": form}, bytes.Repeat([]byte("&"), 1<<20-1), 413},
		{"a field of a megabyte", "POST", "/login", map[string]string{"Content-Type": form}, bytes.Repeat([]byte("a"), 1<<20), 413},
		{"fields at every limit", "POST", "/login", map[string]string{"Content-Type": form}, bytes.Repeat([]byte("a="+strings.Repeat("b", 64<<10-3)+"&"), 15), 403},
		{"a megabyte of brackets", "POST", "/hooks/sms", map[string]string{"Content-Type": "application/json"}, bytes.Repeat([]byte("["), 1<<20), 401},
		{"thousands of parameters", "GET", "/login?" + strings.Repeat("a&", 7000), nil, nil, 400},
		{"a long term", "GET", "/login?q=" + strings.Repeat("a", 15_000), nil, nil, 200},
	}
	return all
}

// pack is gzip.
func pack(t *testing.T, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

var rssAnon = regexp.MustCompile(`(?m)^RssAnon:\s+(\d+) kB$`)

// memory is the anonymous memory of a process in bytes.
func (p *process) memory() int {
	p.tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(p.tb, err)
	m := rssAnon.FindSubmatch(status)
	if m == nil {
		p.tb.Skip("this system does not say how much memory a process has")
	}
	kilobytes, err := strconv.Atoi(string(m[1]))
	require.NoError(p.tb, err)
	return kilobytes << 10
}

// TestSmallRequestsStaySmall attacks the program as it is shipped: its memory grows by at most 64 MB.
func TestSmallRequestsStaySmall(t *testing.T) {
	const limit = 64 << 20
	built := build(t)
	for name, settings := range map[string]func(t *testing.T) map[string]string{
		"embedded": func(t *testing.T) map[string]string { return map[string]string{"DATA_DIR": t.TempDir()} },
		"production": func(t *testing.T) map[string]string {
			return map[string]string{
				"DATABASE_URL": storetest.PostgresURL(t), "REDIS_URL": redisURL(t), "SECRET_KEY": productionKey, "DRAIN": "0", "MAILBOX": "on",
				"BASE_URL": "http://kontor.example", "ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword,
			}
		},
	} {
		if name == "embedded" && effort.Of(1, 0) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			with := settings(t)
			with["LISTEN"] = freeAddress(t)
			base := "http://" + with["LISTEN"]
			p := launch(t, &output{}, with, built.app)
			p.answers(base)
			warm := visitor(t, base)
			for range 20 {
				warm.get("/login")
			}
			warm.signIn("admin@kontor.local", "not the password")
			before := p.memory()
			for _, a := range attacks(t) {
				most := a.launch(t, base, p)
				assert.LessOrEqual(t, most-before, limit, "%s: %d MB, %d before", a.name, most>>20, before>>20)
				t.Logf("%s: %d bytes, %+d kB", a.name, len(a.body), (most-before)>>10)
			}
		})
	}
}

// launch sends an attack a few times at once, again and again, and returns the most memory that the program had meanwhile.
func (a attack) launch(t *testing.T, base string, p *process) (most int) {
	t.Helper()
	var senders sync.WaitGroup
	times := effort.Of(10, 1) // by each of four
	for range 4 {
		senders.Go(func() {
			for range times {
				r, err := http.NewRequest(a.method, base+a.path, bytes.NewReader(a.body))
				if !assert.NoError(t, err) {
					return
				}
				for k, v := range a.headers {
					r.Header.Set(k, v)
				}
				res, err := http.DefaultClient.Do(r)
				if !assert.NoError(t, err, a.name) {
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				assert.Equal(t, a.want, res.StatusCode)
			}
		})
	}
	done := make(chan struct{})
	go func() { senders.Wait(); close(done) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		most = max(most, p.memory())
		select {
		case <-done:
			return max(most, p.memory())
		case <-tick.C:
		}
	}
}
