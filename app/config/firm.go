package config

import (
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const (
	maxFirmURL = 500 // bytes
	maxContact = 200 // characters
)

// webAddress sets an http or https address with a host and without a password, in the form that a link needs.
func webAddress(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = v
		if v == "" {
			return nil
		}
		link, ok := WebAddress(v)
		if !ok {
			return errValue
		}
		*field(c) = link
		return nil
	}
}

// WebAddress reads an http or https address with a host and without a password, and returns it in the form that a link
// needs. ok is false for any other text.
func WebAddress(v string) (link string, ok bool) {
	u, err := url.Parse(v)
	if err != nil || len(v) > maxFirmURL || !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }) {
		return "", false
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "", false
	}
	if net.ParseIP(u.Hostname()) == nil {
		host, err := idna.Lookup.ToASCII(u.Hostname())
		if err != nil {
			return "", false
		}
		u.Host = strings.Replace(u.Host, u.Hostname(), host, 1)
	}
	return u.String(), true
}

var phone = regexp.MustCompile(`^\+?[0-9(][0-9 ()/.–-]{4,}$`)

// contact sets one line of printable text.
func contact(c *Config, v string) error {
	c.Contact = v
	if !utf8.ValidString(v) || len([]rune(v)) > maxContact || strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return errValue
	}
	return nil
}

// ContactHref returns the link for one line that says how to reach somebody: mailto for an e-mail address, tel for a phone
// number, the address itself for a web address, "" for other text.
func ContactHref(v string) string {
	if link, ok := WebAddress(v); ok {
		return link
	}
	if a, err := mail.ParseAddress(v); err == nil && a.Name == "" && a.Address == v {
		return "mailto:" + strings.ReplaceAll(url.PathEscape(v), "%40", "@")
	}
	if phone.MatchString(v) {
		digits := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r == '+' {
				return r
			}
			return -1
		}, strings.ReplaceAll(v, "(0)", ""))
		if len(digits) >= 5 {
			return "tel:" + digits
		}
	}
	return ""
}
