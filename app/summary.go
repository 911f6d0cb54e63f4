package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"kontor/app/account"
	"kontor/app/config"
	"kontor/app/heartbeat"
	"kontor/app/store"
	"kontor/app/wire"
	"kontor/migrations"
)

// writeSummary prints a short block about what has started. It contains no secrets and no names of users.
func writeSummary(ctx context.Context, out io.Writer, s *wire.Services, missing []string) error {
	c := s.Config
	lines := [][2]string{
		{"Version", heartbeat.Version() + ", schema " + migrations.Last()},
		{"BASE_URL", baseWords(c)},
		{"Database", databaseWords(c)},
		{"Queue", queueWords(c)},
		{"E-mail", channelWords(c.SMTPURL)},
		{"SMS", channelWords(c.SMSURL)},
		{"Worker", workerWords(ctx, s)},
	}
	for i, m := range missing {
		name := ""
		if i == 0 {
			name = "Missing"
		}
		lines = append(lines, [2]string{name, m})
	}
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "  %-9s %s\n", l[0], l[1])
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// missing lists what the operator should still do, now that the program runs.
func missing(ctx context.Context, s *wire.Services) (list []string) {
	c := s.Config
	if some, err := account.HasSpecialist(ctx, s.DB); err == nil && !some {
		list = append(list, "a specialist user: "+againProgram()+" user add --email E --name N --role …")
	}
	if c.Production() && strings.HasPrefix(c.BaseURL, "http://") {
		list = append(list, "https in BASE_URL: cookies and links are only as safe as the network")
	}
	if c.Production() && c.Boxed() {
		list = append(list, "a channel: what is kept in the built-in mailbox reaches no customer")
	}
	if at := otherLocalhost(ctx, c); at != "" {
		list = append(list, "the name localhost for itself: another program listens on "+at+", where browsers look first; choose another port in LISTEN")
	}
	return list
}

// otherLocalhost is the address at which another program answers to localhost and this program's port, "" if there is
// none. Browsers try IPv6 first, and this program listens on IPv4.
func otherLocalhost(ctx context.Context, c config.Config) string {
	base, err := url.Parse(c.BaseURL)
	host, _, _ := net.SplitHostPort(c.Listen)
	if err != nil || base.Hostname() != "localhost" || host != "127.0.0.1" {
		return ""
	}
	port := base.Port()
	if port == "" {
		port = "80"
	}
	at := net.JoinHostPort("::1", port)
	dialer := net.Dialer{Timeout: 200 * time.Millisecond}
	conn, err := dialer.DialContext(ctx, "tcp6", at)
	if err != nil {
		return ""
	}
	_ = conn.Close()
	return at
}

// baseWords describe BASE_URL, and how it was given if it was written differently.
func baseWords(c config.Config) string {
	if c.BaseURLGiven == "" {
		return c.BaseURL
	}
	return fmt.Sprintf("%s, as browsers write %q", c.BaseURL, c.BaseURLGiven)
}

func databaseWords(c config.Config) string {
	place := store.Place(c.DatabaseURL)
	if strings.HasPrefix(c.DatabaseURL, "sqlite://") {
		return place
	}
	return fmt.Sprintf("%s, up to %d connections of this process", place, c.DatabasePool)
}

func queueWords(c config.Config) string {
	if c.Embedded() {
		return "in the process"
	}
	u, err := url.Parse(c.RedisURL)
	if err != nil {
		return "Redis"
	}
	return "Redis, " + u.Scheme + "://" + u.Host + u.Path
}

func channelWords(address string) string {
	if address == "" {
		return "the built-in mailbox: nothing is delivered"
	}
	u, err := url.Parse(address)
	if err != nil {
		return "set"
	}
	return u.Scheme + "://" + u.Host
}

func workerWords(ctx context.Context, s *wire.Services) string {
	if s.Config.Worker == "embedded" {
		return "in this process"
	}
	n, _, err := heartbeat.Senders(ctx, s.DB, s.Now())
	switch {
	case err != nil:
		return "a process of its own"
	case n == 0:
		return "a process of its own, and none runs yet: start worker, or nothing is sent"
	}
	return fmt.Sprintf("processes of their own, %d running", n)
}
