// Package client finds out the IP address of the client of a request, behind trusted proxies.
package client

import (
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// The headers in which proxies name the client. PROXY_HEADER chooses the one that is read.
const (
	headerForwardedFor = fiber.HeaderXForwardedFor
	headerForwarded    = "Forwarded" // RFC 7239
)

// Resolver finds out the address of the client.
type Resolver struct {
	proxies   []netip.Prefix // TRUSTED_PROXIES
	forwarded bool           // PROXY_HEADER is Forwarded
	warn      func(peer, header string)

	mu     sync.Mutex
	warned map[string]bool
}

// warnedMax limits how many peers are logged, each once. Anybody who can reach the program can send the header.
const warnedMax = 300

// New makes a resolver that trusts these proxies.
func New(proxies []netip.Prefix, forwarded bool, log *slog.Logger) *Resolver {
	l := &Resolver{forwarded: forwarded, warn: func(peer, header string) {
		log.Warn("a peer that TRUSTED_PROXIES does not name sends a proxy's header; it does not count", "peer", peer, "header", header)
	}}
	for _, p := range proxies {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 { // the addresses of hops are unmapped in the same way
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		l.proxies = append(l.proxies, p)
	}
	return l
}

// Address is the client's IP address. If the peer is not one of TRUSTED_PROXIES, it is the peer's own address. Otherwise
// it is the address that the peer, and the trusted proxies before it, name. It is "" if the peer's address is unknown.
func (l *Resolver) Address(c *fiber.Ctx) string {
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return ""
	}
	peer = peer.Unmap()
	if !l.trusts(peer) {
		l.distrust(c, peer)
		return peer.String()
	}
	var hops []netip.Addr
	if l.forwarded {
		hops = forwardedHops(lines(c, headerForwarded))
	} else {
		hops = forwardedForHops(lines(c, headerForwardedFor))
	}
	return l.walk(peer, hops).String()
}

// walk starts at the peer and goes back through the hops as long as they are trusted. Each trusted hop names the one
// before it. walk returns the first hop that is not trusted. If a hop is not an address (unknown, hidden, nonsense), walk
// stops at the last trusted hop, because the entries before it may come from anybody.
func (l *Resolver) walk(peer netip.Addr, hops []netip.Addr) netip.Addr {
	for i := len(hops) - 1; i >= 0 && l.trusts(peer); i-- {
		if !hops[i].IsValid() {
			break
		}
		peer = hops[i]
	}
	return peer
}

func (l *Resolver) trusts(a netip.Addr) bool {
	for _, p := range l.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// distrust logs, once per peer, that the peer sends a proxy's header which is ignored. Either TRUSTED_PROXIES lacks a
// proxy, or somebody tries to fake an address.
func (l *Resolver) distrust(c *fiber.Ctx, peer netip.Addr) {
	header := proxied(c)
	if header == "" {
		return
	}
	l.mu.Lock()
	first := !l.warned[peer.String()] && len(l.warned) < warnedMax
	if first {
		if l.warned == nil {
			l.warned = map[string]bool{}
		}
		l.warned[peer.String()] = true
	}
	l.mu.Unlock()
	if first {
		l.warn(peer.String(), header)
	}
}

// proxied returns the name of a header that shows that the request came through a proxy, "" if there is none.
func proxied(c *fiber.Ctx) string {
	for _, name := range []string{headerForwardedFor, headerForwarded, "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"} {
		if len(c.Request().Header.Peek(name)) > 0 {
			return name
		}
	}
	return ""
}

// lines returns the values of all lines of a header, in order.
func lines(c *fiber.Ctx, name string) []string {
	var values []string
	for _, v := range c.Request().Header.PeekAll(name) {
		values = append(values, string(v))
	}
	return values
}

// forwardedForHops reads X-Forwarded-For: addresses separated by commas, on any number of lines. A part that is not an
// address gives the zero address.
func forwardedForHops(lines []string) (hops []netip.Addr) {
	for _, line := range lines {
		for _, hop := range strings.Split(line, ",") {
			hops = append(hops, hopAddress(strings.Trim(hop, " \t")))
		}
	}
	return hops
}

// forwardedHops reads the for parameters of Forwarded (RFC 7239 §4): one hop for each element. An element without a for
// parameter gives an unknown hop (the zero address). A line that can't be parsed gives one unknown hop, whatever it
// contains.
func forwardedHops(lines []string) (hops []netip.Addr) {
	for _, line := range lines {
		read, ok := forwardedLine(line)
		if !ok {
			read = []netip.Addr{{}}
		}
		hops = append(hops, read...)
	}
	return hops
}

// forwardedLine parses "for=192.0.2.1;proto=https, for=\"[2001:db8::1]:443\"".
func forwardedLine(s string) (hops []netip.Addr, ok bool) {
	var hop netip.Addr
	seen := map[string]bool{}
	for {
		s = strings.TrimLeft(s, " \t")
		if name, rest, found := cutToken(s); found {
			var value string
			if value, s, ok = cutValue(rest); !ok || seen[strings.ToLower(name)] {
				return nil, false
			}
			seen[strings.ToLower(name)] = true
			if strings.EqualFold(name, "for") {
				hop = hopAddress(value)
			}
			s = strings.TrimLeft(s, " \t")
		}
		switch {
		case strings.HasPrefix(s, ";"):
		case s == "":
			return append(hops, hop), true
		case s[0] == ',':
			hops, hop = append(hops, hop), netip.Addr{}
			clear(seen)
		default:
			return nil, false
		}
		s = s[1:]
	}
}

// cutToken cuts a parameter's name and the "=" after it from the beginning of s.
func cutToken(s string) (name, rest string, ok bool) {
	i := 0
	for i < len(s) && isTokenChar(s[i]) {
		i++
	}
	if i == 0 || i == len(s) || s[i] != '=' {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

// cutValue cuts a token or a quoted string from the beginning of s.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		i := 0
		for i < len(s) && isTokenChar(s[i]) {
			i++
		}
		return s[:i], s[i:], i > 0
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// isTokenChar says whether a value without quotes may contain c: the characters of a token (RFC 9110 §5.6.2), and the
// colon and the brackets of addresses. RFC 7239 requires quotes around the latter, but some proxies omit them.
func isTokenChar(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~:[]", c) >= 0
}

// hopAddress parses an address, with or without a port or brackets: 203.0.113.9, 203.0.113.9:51234, 2001:db8::1,
// [2001:db8::1], [2001:db8::1]:443. The port may be hidden (_x, RFC 7239 §6.3). A zone is dropped, because it has a
// meaning only on the machine that wrote it. Anything else gives the zero address.
func hopAddress(s string) netip.Addr {
	host := s
	switch {
	case strings.HasPrefix(s, "["):
		end := strings.IndexByte(s, ']')
		if end < 0 || !strings.Contains(s[:end], ":") {
			return netip.Addr{}
		}
		if port := s[end+1:]; port != "" && !isPort(port) {
			return netip.Addr{}
		}
		host = s[1:end]
	case strings.Count(s, ":") == 1:
		i := strings.IndexByte(s, ':')
		if !isPort(s[i:]) {
			return netip.Addr{}
		}
		host = s[:i]
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return a.WithZone("").Unmap()
}

// isPort says whether s is a port like ":443" or ":_hidden".
func isPort(s string) bool {
	s, ok := strings.CutPrefix(s, ":")
	if !ok {
		return false
	}
	if hidden, ok := strings.CutPrefix(s, "_"); ok {
		return hidden != "" && !strings.ContainsFunc(hidden, func(r rune) bool { return r > 0x7f || !isTokenChar(byte(r)) })
	}
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return false
	}
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// FromLoopback says whether a request comes from this machine directly, not through a proxy.
func FromLoopback(c *fiber.Ctx) bool {
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	return ok && peer.Unmap().IsLoopback() && proxied(c) == ""
}
