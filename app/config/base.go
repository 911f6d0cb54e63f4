package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"kontor/app/entry"
)

// baseURL normalises the base address of links to the form in which browsers write an origin: scheme and host in lower
// case, an international domain in ASCII, without the scheme's default port, a dot after the host or a slash at the
// end. It refuses an address with a user, a path, a query or a fragment.
func baseURL(s string) (string, error) {
	u, err := url.Parse(entry.Key(s))
	if err != nil || !utf8.ValidString(s) || u.Opaque != "" || u.User != nil || strings.Trim(u.Path, "/") != "" || strings.ContainsAny(s, "?#") {
		return "", errValue
	}
	own := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if own == "" {
		return "", errValue
	}
	host, err := baseHost(u.Hostname())
	if err != nil {
		return "", err
	}
	port := u.Port()
	if port == "" {
		return u.Scheme + "://" + host, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", errValue
	}
	if port = strconv.FormatUint(n, 10); port == own {
		return u.Scheme + "://" + host, nil
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.Trim(host, "[]"), port), nil
}

// baseHost normalises a host name or an IP address. An IPv6 address gets brackets.
func baseHost(name string) (string, error) {
	if ip, err := netip.ParseAddr(name); err == nil {
		switch {
		case ip.Zone() != "":
			return "", errValue // browsers refuse zones
		case ip.Is6():
			return "[" + ip.String() + "]", nil
		}
		return ip.String(), nil
	}
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(name, "."))
	if again, unsure := idna.Lookup.ToASCII(name); err != nil || unsure != nil || again != name || name == "" || strings.Contains("."+name+".", "..") || strings.ContainsAny(name, ":[]%") {
		return "", errValue
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if _, err := strconv.ParseUint(last, 0, 64); err == nil || strings.Trim(last, "0123456789") == "" {
		return "", errValue // browsers read it as an IP address and write it differently
	}
	return name, nil
}

// WithAddress returns the settings with BASE_URL set from the address on which the program listens. A local address
// becomes localhost, because passkeys are bound to a name and not to an IP address.
func (c Config) WithAddress(addr net.Addr) Config {
	if c.BaseURL != "" {
		return c
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		host, port = "localhost", "3000"
	}
	if ip, err := netip.ParseAddr(host); err == nil && (ip.IsUnspecified() || ip == netip.IPv6Loopback() || host == "127.0.0.1") {
		host = "localhost"
	}
	c.BaseURL = "http://" + net.JoinHostPort(host, port)
	if usual, err := baseURL(c.BaseURL); err == nil { // without port 80, as browsers write an origin
		c.BaseURL = usual
	}
	return c
}

// AnswersAt returns the URL at which a program on this machine reaches one that listens on addr.
func AnswersAt(addr *net.TCPAddr) string {
	at := *addr
	if len(at.IP) == 0 || at.IP.IsUnspecified() {
		at.IP = net.IPv4(127, 0, 0, 1)
	}
	return "http://" + at.String()
}
