package client

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestClientAddress: the address is the one that the last trusted proxy names, in whatever format, and nobody else can
// set it.
func TestClientAddress(t *testing.T) {
	const xff, fwd = headerForwardedFor, headerForwarded
	for _, c := range []struct {
		name      string
		forwarded bool
		trusted   string // networks; the peer of Fiber's test connection is 0.0.0.0
		headers   []string
		want      string
	}{
		{"nobody trusted", false, "", []string{xff, "203.0.113.9"}, "0.0.0.0"},
		{"no header", false, "0.0.0.0/32", nil, "0.0.0.0"},
		{"one hop", false, "0.0.0.0/32", []string{xff, "203.0.113.9"}, "203.0.113.9"},
		{"forged before the proxy's", false, "0.0.0.0/32", []string{xff, "1.2.3.4, 203.0.113.9"}, "203.0.113.9"},
		{"forged on a line of its own", false, "0.0.0.0/32", []string{xff, "1.2.3.4", xff, "203.0.113.9"}, "203.0.113.9"},
		{"three lines", false, "0.0.0.0/32,10.0.0.0/8", []string{xff, "1.2.3.4, 5.6.7.8", xff, "203.0.113.9", xff, "10.1.1.1"}, "203.0.113.9"},
		{"two proxies", false, "0.0.0.0/32,10.0.0.0/8", []string{xff, "1.2.3.4, 203.0.113.9, 10.1.1.1"}, "203.0.113.9"},
		{"all trusted", false, "0.0.0.0/32,10.0.0.0/8", []string{xff, "10.0.0.2, 10.0.0.1"}, "10.0.0.2"},
		{"port", false, "0.0.0.0/32", []string{xff, "203.0.113.9:51234"}, "203.0.113.9"},
		{"port of a proxy", false, "0.0.0.0/32,10.0.0.0/8", []string{xff, "203.0.113.9:51234, 10.1.1.1:80"}, "203.0.113.9"},
		{"IPv6", false, "0.0.0.0/32", []string{xff, "2001:db8::1"}, "2001:db8::1"},
		{"IPv6 written long", false, "0.0.0.0/32", []string{xff, "2001:DB8:0:0::0001"}, "2001:db8::1"},
		{"brackets", false, "0.0.0.0/32", []string{xff, "[2001:db8::1]"}, "2001:db8::1"},
		{"brackets and port", false, "0.0.0.0/32", []string{xff, "[2001:db8::1]:443"}, "2001:db8::1"},
		{"zone", false, "0.0.0.0/32", []string{xff, "fe80::1%eth0"}, "fe80::1"},
		{"zone, brackets, port", false, "0.0.0.0/32", []string{xff, "[fe80::1%25eth0]:443"}, "fe80::1"},
		{"IPv4 as IPv6", false, "0.0.0.0/32", []string{xff, "::ffff:203.0.113.9"}, "203.0.113.9"},
		{"IPv4 as IPv6, trusted", false, "0.0.0.0/32,10.0.0.0/8", []string{xff, "203.0.113.9, [::ffff:10.0.0.1]:8080"}, "203.0.113.9"},
		{"trusted as IPv6", false, "0.0.0.0/32,::ffff:10.0.0.0/104", []string{xff, "203.0.113.9, 10.0.0.1"}, "203.0.113.9"},
		{"blanks and tabs", false, "0.0.0.0/32", []string{xff, "\t203.0.113.9 "}, "203.0.113.9"},
		{"nonsense ends the walk", false, "0.0.0.0/32,10.0.0.0/8", []string{xff, "203.0.113.9, unknown, 10.1.1.1"}, "10.1.1.1"},
		{"nonsense at the end", false, "0.0.0.0/32", []string{xff, "203.0.113.9, _x"}, "0.0.0.0"},
		{"an empty hop", false, "0.0.0.0/32", []string{xff, "203.0.113.9,"}, "0.0.0.0"},
		{"an empty line first", false, "0.0.0.0/32", []string{xff, "", xff, "203.0.113.9"}, "203.0.113.9"},
		{"port out of range", false, "0.0.0.0/32", []string{xff, "203.0.113.9:65536"}, "0.0.0.0"},
		{"no port behind the colon", false, "0.0.0.0/32", []string{xff, "203.0.113.9:"}, "0.0.0.0"},
		{"half a bracket", false, "0.0.0.0/32", []string{xff, "[2001:db8::1"}, "0.0.0.0"},
		{"behind the bracket", false, "0.0.0.0/32", []string{xff, "[2001:db8::1]x"}, "0.0.0.0"},
		{"IPv4 in brackets", false, "0.0.0.0/32", []string{xff, "[203.0.113.9]:80"}, "0.0.0.0"},
		{"a name", false, "0.0.0.0/32", []string{xff, "client.example"}, "0.0.0.0"},
		{"octets with zeros", false, "0.0.0.0/32", []string{xff, "203.0.113.009"}, "0.0.0.0"},
		{"the other header", false, "0.0.0.0/32", []string{fwd, "for=203.0.113.9"}, "0.0.0.0"},
		{"both, X-Forwarded-For counts", false, "0.0.0.0/32", []string{fwd, "for=1.2.3.4", xff, "203.0.113.9"}, "203.0.113.9"},
		{"X-Real-IP", false, "0.0.0.0/32", []string{"X-Real-Ip", "203.0.113.9"}, "0.0.0.0"},

		{"Forwarded", true, "0.0.0.0/32", []string{fwd, "for=203.0.113.9"}, "203.0.113.9"},
		{"Forwarded, nobody trusted", true, "", []string{fwd, "for=203.0.113.9"}, "0.0.0.0"},
		{"Forwarded, the other header", true, "0.0.0.0/32", []string{xff, "203.0.113.9"}, "0.0.0.0"},
		{"both, Forwarded counts", true, "0.0.0.0/32", []string{xff, "1.2.3.4", fwd, "for=203.0.113.9"}, "203.0.113.9"},
		{"Forwarded, all parameters", true, "0.0.0.0/32", []string{fwd, `proto=https; For="203.0.113.9:4711" ;by=10.0.0.1;host="a.b;c,d"`}, "203.0.113.9"},
		{"Forwarded, several elements", true, "0.0.0.0/32,10.0.0.0/8", []string{fwd, "for=1.2.3.4, for=203.0.113.9;proto=http, for=10.1.1.1"}, "203.0.113.9"},
		{"Forwarded, several lines", true, "0.0.0.0/32", []string{fwd, "for=1.2.3.4", fwd, "for=203.0.113.9"}, "203.0.113.9"},
		{"Forwarded, IPv6", true, "0.0.0.0/32", []string{fwd, `for="[2001:db8::1]:443"`}, "2001:db8::1"},
		{"Forwarded, IPv6 without quotes", true, "0.0.0.0/32", []string{fwd, `for=[2001:db8::1]`}, "2001:db8::1"},
		{"Forwarded, hidden port", true, "0.0.0.0/32", []string{fwd, `for="203.0.113.9:_gazonk"`}, "203.0.113.9"},
		{"Forwarded, escaped", true, "0.0.0.0/32", []string{fwd, `for="203\.0.113.9"`}, "203.0.113.9"},
		{"Forwarded, unknown", true, "0.0.0.0/32", []string{fwd, "for=1.2.3.4, for=unknown"}, "0.0.0.0"},
		{"Forwarded, hidden", true, "0.0.0.0/32,10.0.0.0/8", []string{fwd, "for=1.2.3.4, for=_secret, for=10.1.1.1"}, "10.1.1.1"},
		{"Forwarded, no for", true, "0.0.0.0/32", []string{fwd, "for=1.2.3.4, proto=https"}, "0.0.0.0"},
		{"Forwarded, twice for", true, "0.0.0.0/32", []string{fwd, "for=1.2.3.4;for=203.0.113.9"}, "0.0.0.0"},
		{"Forwarded, a quote left open before the proxy's", true, "0.0.0.0/32", []string{fwd, `for=1.2.3.4;by=", for=203.0.113.9`}, "0.0.0.0"},
		{"Forwarded, a quote that eats the proxy's", true, "0.0.0.0/32", []string{fwd, `for=1.2.3.4;by=", for="[2001:db8::1]:443"`}, "0.0.0.0"},
		{"Forwarded, a quote left open on an earlier line", true, "0.0.0.0/32", []string{fwd, `for="`, fwd, "for=203.0.113.9"}, "203.0.113.9"},
		{"Forwarded, an escape at the end", true, "0.0.0.0/32", []string{fwd, `for="1.2.3.4\`}, "0.0.0.0"},
		{"Forwarded, empty element", true, "0.0.0.0/32", []string{fwd, "for=1.2.3.4,"}, "0.0.0.0"},
		{"Forwarded, only an address", true, "0.0.0.0/32", []string{fwd, "203.0.113.9"}, "0.0.0.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var trusted []netip.Prefix
			for _, n := range strings.FieldsFunc(c.trusted, func(r rune) bool { return r == ',' }) {
				trusted = append(trusted, netip.MustParsePrefix(n))
			}
			assert.Equal(t, c.want, askedFrom(t, New(trusted, c.forwarded, slog.New(slog.DiscardHandler)), c.headers...))
		})
	}
}

// askedFrom sends a request with these header lines and returns whose it is taken for.
func askedFrom(t testing.TB, l *Resolver, headers ...string) (got string) {
	t.Helper()
	app := fiber.New()
	app.Get("/", func(c *fiber.Ctx) error { got = l.Address(c); return nil })
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := app.Test(r)
	must(t, err)
	must(t, res.Body.Close())
	return got
}

// TestForgedHeaderIsLogged: a forged header is logged once per peer, for a limited number of peers.
func TestForgedHeaderIsLogged(t *testing.T) {
	var log bytes.Buffer
	l := New(nil, false, slog.New(slog.NewTextHandler(&log, nil)))
	for _, name := range []string{headerForwardedFor, headerForwarded, headerForwardedFor} {
		askedFrom(t, l, name, "for=203.0.113.9")
	}
	n := strings.Count(log.String(), "TRUSTED_PROXIES")
	assert.Equal(t, 1, n, "lines")
	assert.Contains(t, log.String(), "X-Forwarded-For")
	n = 0
	l = &Resolver{warn: func(string, string) { n++ }, warned: map[string]bool{}}
	for i := range warnedMax {
		l.warned[fmt.Sprint(i)] = true
	}
	askedFrom(t, l, headerForwardedFor, "203.0.113.9")
	assert.Equal(t, 0, n, "lines more")
	assert.Len(t, l.warned, warnedMax, "peers remembered")
}

// TestProxiedIsNotLoopback: pages that only this machine may see are not served through its proxy, whichever header the
// proxy writes.
func TestProxiedIsNotLoopback(t *testing.T) {
	for _, name := range []string{headerForwardedFor, headerForwarded, "X-Real-IP", "Via", "X-Forwarded-Proto"} {
		app := fiber.New()
		app.Get("/", func(c *fiber.Ctx) error {
			assert.NotEmpty(t, proxied(c), "%s: not taken for a proxy's", name)
			return nil
		})
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(name, "x")
		res, err := app.Test(r)
		must(t, err)
		must(t, res.Body.Close())
	}
}

// FuzzClientAddress: no header makes the walk panic, or ends it anywhere but at the peer or an address in the header; and
// what a trusted proxy writes behind whatever a stranger sent is what counts.
func FuzzClientAddress(f *testing.F) {
	f.Add("1.2.3.4, [2001:db8::1]:443", `for=1.2.3.4;by="`)
	f.Add(",,", `for="[::1%x]:_y";proto=http, for=unknown`)
	peer := netip.MustParseAddr("10.0.0.1")
	l := &Resolver{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	f.Fuzz(func(t *testing.T, one, other string) {
		for _, s := range []string{one, other} {
			for _, hops := range [][]netip.Addr{forwardedForHops([]string{s}), forwardedHops([]string{s})} {
				got := l.walk(peer, hops)
				assert.True(t, got.IsValid(), "%q: %v", s, got)
				assert.Empty(t, got.Zone(), "%q", s)
				assert.False(t, got.Is4In6(), "%q", s)
			}
			assert.Equal(t, "203.0.113.9", l.walk(peer, forwardedForHops([]string{s, "203.0.113.9:1"})).String(), "%q on a line before", s)
			assert.Equal(t, "203.0.113.9", l.walk(peer, forwardedForHops([]string{s + ", 203.0.113.9"})).String(), "%q before", s)
			assert.Equal(t, "203.0.113.9", l.walk(peer, forwardedHops([]string{s, "for=203.0.113.9"})).String(), "%q on a line before", s)
			for _, own := range []string{`for=203.0.113.9`, `for="203.0.113.9:80"`, `for="[2001:db8::1]:443";proto=https`} {
				got := l.walk(peer, forwardedHops([]string{s + ", " + own})).String()
				if got != "203.0.113.9" && got != "2001:db8::1" && got != peer.String() {
					t.Errorf("%q before %s: %v", s, own, got)
				}
			}
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	require.NoError(t, err)
}
