package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/store/storetest"
)

const (
	proxiedHost = "kontor.firm.example" // as the examples call it
	// clientAddress is the address from which clients connect. Proxies connect from another one.
	clientAddress = "127.0.0.9"
	// claimedAddress is the address that clients write into a header.
	claimedAddress = "198.51.100.66"
)

// proxy is one of the examples in docs/proxies, running in front of two web processes.
type proxy struct {
	name          string
	plain, secure string // where it listens
	client        *http.Client
	gets, posts   atomic.Int64
	failures      []string
	mu            sync.Mutex
}

// TestProxies runs the examples of the operators' guide, with other names, ports and certificates, in front of the same
// two web processes. It restarts these one after the other while people work: nobody sees an error, and everything is
// saved exactly once. While neither is ready, people still see a page of Kontor. It takes some seconds; with
// KONTOR_TEST_FULL it runs ten times with the timing of the guide, which takes minutes.
func TestProxies(t *testing.T) {
	programs := map[string]string{}
	for _, name := range []string{"nginx", "caddy", "haproxy"} {
		if program := os.Getenv("KONTOR_TEST_" + strings.ToUpper(name)); program != "" {
			programs[name] = program
		}
	}
	if len(programs) == 0 {
		t.Skip("none of KONTOR_TEST_NGINX, KONTOR_TEST_CADDY and KONTOR_TEST_HAPROXY is set")
	}
	rounds, drain := 1, "2s"
	if os.Getenv("KONTOR_TEST_FULL") != "" {
		rounds, drain = 10, "5s"
	}
	built, out := build(t), &output{}
	line := storetest.Through(t, storetest.PostgresURL(t))
	settings := map[string]string{
		"BASE_URL": "https://" + proxiedHost, "DATABASE_URL": line.URL, "DATABASE_POOL": "4", "REDIS_URL": redisURL(t), "MAILBOX": "on",
		"SECRET_KEY": productionKey, "ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword, "TRUSTED_PROXIES": "127.0.0.1/32", "DRAIN": drain,
	}
	listen := [2]string{freeAddress(t), freeAddress(t)}
	var web [2]*process
	start := func(i int) {
		env := maps.Clone(settings)
		env["LISTEN"] = listen[i]
		web[i] = launch(t, out, env, built.app)
		web[i].answers("http://" + listen[i])
	}
	start(0)
	start(1)

	pki := newCertificate(t)
	var proxies []*proxy
	for name, program := range programs {
		p := &proxy{name: name, plain: freeAddress(t), secure: freeAddress(t)}
		p.start(t, program, listen, pki)
		p.client = pki.client(p)
		proxies = append(proxies, p)
	}
	for _, p := range proxies {
		p.suits(t, out)
	}

	ctx, stop := context.WithCancel(t.Context())
	var people sync.WaitGroup
	for _, p := range proxies {
		for range 3 {
			people.Go(func() { p.read(ctx) })
		}
		people.Go(func() { p.write(ctx) })
	}
	begin := time.Now()
	for range rounds {
		for i := range web {
			web[i].terminate()
			start(i)
		}
	}
	took := time.Since(begin)
	stop()
	people.Wait()
	for _, p := range proxies {
		t.Logf("%s: %d pages and %d forms in %s, %d restarts, %d failed", p.name, p.gets.Load(), p.posts.Load(), took.Round(time.Second), 2*rounds, len(p.failures))
		for _, f := range p.failures[:min(len(p.failures), 5)] {
			t.Errorf("%s: %s", p.name, f)
		}
		assert.NotEqualValues(t, 0, p.posts.Load(), "that was no load")
		assert.True(t, p.gets.Load() >= 20, "%s: that was no load", p.name)
		var saved, twice int64
		err := database(t, settings).NewRaw(`SELECT count(*), count(*) - count(DISTINCT name_sort) FROM customer WHERE name_sort LIKE ?`, "%"+p.name+"%").
			Scan(t.Context(), &saved, &twice)
		require.NoError(t, err, "of them twice")
		assert.Equal(t, p.posts.Load(), saved, "%d customers were added and %d saved", p.posts.Load(), saved)
		assert.EqualValues(t, 0, twice)
	}

	line.Pull()
	for _, l := range listen {
		await.True(t, "not to be ready", func() bool { return answerOf(t, "http://"+l+"/readyz").StatusCode == http.StatusServiceUnavailable })
	}
	for _, p := range proxies {
		people.Go(func() { p.outlast(t) })
	}
	people.Wait()
	line.Plug()
}

// outlast asks for pages while neither process is ready, for longer than it takes the proxies to notice.
func (p *proxy) outlast(t *testing.T) {
	t.Helper()
	asked := 0
	for begin := time.Now(); time.Since(begin) < 3*time.Second; asked++ {
		res, err := p.client.Get("https://" + proxiedHost + "/customers")
		if !assert.NoError(t, err, p.name) {
			return
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if !assert.Equal(t, http.StatusServiceUnavailable, res.StatusCode, "%s: without a database", p.name) {
			return
		}
		if !assert.True(t, bytes.Contains(body, []byte("responding right now.")), "%s: without a database, %.300s", p.name, body) {
			return
		}
	}
	t.Logf("%s: %d answers without a database", p.name, asked)
}

// start starts the proxy with its example.
func (p *proxy) start(t *testing.T, program string, listen [2]string, pki *certificate) {
	t.Helper()
	dir := t.TempDir()
	example := map[string]string{"nginx": "nginx.conf", "caddy": "Caddyfile", "haproxy": "haproxy.cfg"}[p.name]
	raw, err := os.ReadFile(filepath.Join("docs", "proxies", example))
	require.NoError(t, err)
	conf := string(raw)
	change := func(from, to string) {
		require.Contains(t, conf, from, "%s lacks a line that is to be changed", example)
		conf = strings.ReplaceAll(conf, from, to)
	}
	change("127.0.0.1:3001", listen[0])
	change("127.0.0.1:3002", listen[1])
	file := filepath.Join(dir, example)
	var args []string
	_, plainPort, _ := net.SplitHostPort(p.plain)
	_, securePort, _ := net.SplitHostPort(p.secure)
	switch p.name {
	case "nginx":
		change("\tlisten [::]:80;\n", "")
		change("\tlisten [::]:443 ssl http2;\n", "")
		change("listen 80;", "listen "+p.plain+";")
		change("listen 443 ", "listen "+p.secure+" ")
		change("/etc/letsencrypt/live/kontor.firm.example/fullchain.pem", pki.certFile)
		change("/etc/letsencrypt/live/kontor.firm.example/privkey.pem", pki.keyFile)
		around := "daemon off;\npid " + dir + "/pid;\nworker_processes 2;\nevents {}\nhttp {\naccess_log off;\n"
		if os.Geteuid() == 0 {
			around = "user root;\n" + around
		}
		for _, temp := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			around += temp + "_temp_path " + dir + "/" + temp + ";\n"
		}
		conf = around + conf + "}\n"
		args = []string{"-e", "stderr", "-p", dir, "-c", file}
	case "caddy":
		change("\nkontor.firm.example {", "\n{\n\tadmin off\n\thttp_port "+plainPort+"\n\thttps_port "+securePort+"\n}\nkontor.firm.example {\n\ttls "+pki.certFile+" "+pki.keyFile)
		args = []string{"run", "--config", file}
	case "haproxy":
		change("bind :80", "bind "+p.plain)
		change("bind :443 ssl crt /etc/haproxy/kontor.pem", "bind "+p.secure+" ssl crt "+pki.bothFile)
		args = []string{"-db", "-f", file}
	}
	require.NoError(t, os.WriteFile(file, []byte(conf), 0o600))
	said := &output{}
	running := launch(t, said, map[string]string{"HOME": dir, "XDG_DATA_HOME": dir, "XDG_CONFIG_HOME": dir}, program, args...)
	t.Cleanup(func() { // with SIGKILL, nginx would leave its workers running
		_ = running.cmd.Process.Signal(syscall.SIGTERM)
		<-running.done
	})
	await.True(t, p.name+" to listen", func() bool {
		select {
		case <-running.done:
			t.Fatalf("%s ended:\n%s", p.name, said)
		default:
		}
		conn, err := net.Dial("tcp", p.secure)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// suits holds the example against what Kontor asks of a proxy.
func (p *proxy) suits(t *testing.T, log *output) {
	t.Helper()
	firm := visitor(t, "https://"+proxiedHost)
	p.client.Jar = firm.client.Jar
	firm.client = p.client
	firm.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
	said := log.String()
	assert.NotContains(t, said, claimedAddress, p.name)
	assert.NotContains(t, said, "does not count", p.name)
	assert.Contains(t, said, "address="+clientAddress, "%s: the client's address is", p.name)
	plain := *p.client
	plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for address, want := range map[string]int{
		"http://" + proxiedHost + "/login": http.StatusMovedPermanently, "https://" + proxiedHost + "/login": http.StatusSeeOther,
		"https://" + proxiedHost + "/metrics": http.StatusNotFound, "https://" + proxiedHost + "/readyz": http.StatusOK,
	} {
		res, err := plain.Get(address)
		require.NoError(t, err)
		_ = res.Body.Close()
		if redirected := res.StatusCode == http.StatusPermanentRedirect && want == http.StatusMovedPermanently; res.StatusCode != want && !redirected {
			t.Errorf("%s: %s answered %d, want %d", p.name, address, res.StatusCode, want)
		}
		if to := res.Header.Get("Location"); want == http.StatusMovedPermanently && !strings.HasPrefix(to, "https://"+proxiedHost) {
			t.Errorf("%s: %s leads to %s", p.name, address, to)
		}
		if hsts := res.Header.Values("Strict-Transport-Security"); want == http.StatusSeeOther && len(hsts) != 1 {
			t.Errorf("%s: Strict-Transport-Security %q", p.name, hsts)
		}
	}
	res, err := plain.Post("https://"+proxiedHost+"/hooks/bounce", "message/rfc822", bytes.NewReader(make([]byte, 7<<20)))
	require.NoError(t, err)
	_ = res.Body.Close()
	// The body reached the check of its signature.
	assert.Equal(t, http.StatusUnauthorized, res.StatusCode, "%s: a bounce of 7 MiB is answered", p.name)
}

// pace is how long somebody takes between two clicks.
const pace = 30 * time.Millisecond

// read asks for pages until ctx ends.
func (p *proxy) read(ctx context.Context) {
	paths := []string{"/customers", "/account", "/attention", "/login"}
	ticks := time.NewTicker(pace)
	defer ticks.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		path := paths[i%len(paths)]
		if _, err := p.ask(http.MethodGet, path, nil, http.StatusOK); err != nil {
			p.fail("GET %s: %v", path, err)
		} else {
			p.gets.Add(1)
		}
		<-ticks.C
	}
}

// write adds customers until ctx ends.
func (p *proxy) write(ctx context.Context) {
	ticks := time.NewTicker(3 * pace)
	defer ticks.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		<-ticks.C
		page, err := p.ask(http.MethodGet, "/customers/new?type=person", nil, http.StatusOK)
		if err != nil {
			p.fail("GET of a form: %v", err)
			continue
		}
		form := url.Values{}
		page.Find(`form[action="/customers"] input[type=hidden]`).Each(func(_ int, f *goquery.Selection) {
			form.Set(f.AttrOr("name", ""), f.AttrOr("value", ""))
		})
		form.Set("type", "person")
		form.Set("first_name", p.name)
		form.Set("last_name", "Number"+strings.Repeat("x", i%5)+fmt.Sprint(i))
		form.Set("email", fmt.Sprintf("%s.%d@kunde.example", p.name, i))
		if _, err := p.ask(http.MethodPost, "/customers", form, http.StatusOK); err != nil {
			p.fail("POST %d: %v", i, err)
		} else {
			p.posts.Add(1)
		}
	}
}

func (p *proxy) ask(method, path string, form url.Values, want int) (*goquery.Document, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, "https://"+proxiedHost+path, body)
	if err != nil {
		return nil, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", "https://"+proxiedHost)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	doc, err := goquery.NewDocumentFromReader(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != want {
		return nil, fmt.Errorf("%s: %.300s", res.Status, strings.Join(strings.Fields(doc.Find("main").Text()), " "))
	}
	return doc, nil
}

func (p *proxy) fail(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures = append(p.failures, time.Now().Format(time.TimeOnly)+" "+fmt.Sprintf(format, args...))
}

// certificate is the firm's, made for the test.
type certificate struct {
	certFile, keyFile, bothFile string
	roots                       *x509.CertPool
}

func newCertificate(t *testing.T) *certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: proxiedHost}, DNSNames: []string{proxiedHost},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, content, 0o600))
		return file
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	c := &certificate{roots: x509.NewCertPool()}
	c.certFile, c.keyFile, c.bothFile = write("cert.pem", certPEM), write("key.pem", keyPEM), write("both.pem", append(certPEM, keyPEM...))
	c.roots.AppendCertsFromPEM(certPEM)
	return c
}

// client is a browser that finds the firm's name at the proxy, and lies about where it is.
func (c *certificate) client(p *proxy) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(clientAddress)}}
	return &http.Client{Timeout: 90 * time.Second, Transport: claiming{&http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasSuffix(address, ":80") {
				return dialer.DialContext(ctx, network, p.plain)
			}
			return dialer.DialContext(ctx, network, p.secure)
		},
	}}}
}

// claiming sends headers by which a client would like to be somebody else.
type claiming struct{ http.RoundTripper }

// RoundTrip is http.RoundTripper's.
func (c claiming) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("X-Forwarded-For", claimedAddress)
	req.Header.Set("Forwarded", "for="+claimedAddress)
	return c.RoundTripper.RoundTrip(req)
}
