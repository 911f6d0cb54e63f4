// Package config is the settings: one table of names, defaults and checks. The environment is read here and nowhere
// else.
package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // Europe/Berlin on machines without a zone database
	"unicode"
)

// Config is the settings, checked.
type Config struct {
	Listen        string
	BaseURL       string // "" until the port is known: see WithAddress
	DataDir       string
	DataDirOpen   bool // others than this user may look into it, since it holds other things than ours
	DatabaseURL   string
	RedisURL      string // "" in-process
	Worker        string // embedded, separate
	SMTPURL       string // "" built-in mailbox
	MailFrom      string
	SMSURL        string // "" built-in mailbox
	SMSHeaders    string
	Mailbox       string // on, off; "" as Production says
	SecretKey     []byte
	AdminEmail    string
	AdminPassword string
	Locale        string
	FirmName      string
	LogLevel      slog.Level
	LogFormat     string
	MetricsListen string
	Proxies       []netip.Prefix
	Forwarded     bool // PROXY_HEADER is Forwarded, not X-Forwarded-For
	HookSecret    string
	IdleTimeout   time.Duration
	SessionLife   time.Duration
	ApprovalDelay time.Duration // how long a change waits that takes a second person where there is none
	Reminder      time.Duration // after which an unanswered invitation needs attention
	Zone          *time.Location
	Drain         time.Duration // how long readiness says no before a process that SIGTERM ends stops taking requests
	Demo          bool
}

// Setting is one row of the table.
type Setting struct {
	Name    string
	Default string                  // "" none; what an empty value means is said in Takes
	Takes   string                  // what it takes, for the one line that a wrong one ends the program with
	Secret  bool                    // NAME_FILE reads it from a file; its value is never shown, and taken as a flag only if bare says so
	bare    func(value string) bool // a Secret's value that holds no secret; nil: each does
	set     func(c *Config, value string) error
}

// Flag is the setting's name on the command line.
func (s Setting) Flag() string { return strings.ReplaceAll(strings.ToLower(s.Name), "_", "-") }

// Checks are the rules of values that other rooms know: how their addresses are written.
type Checks struct {
	SMTPURL, SMSURL, RedisURL func(string) error
}

// Table lists every setting.
func Table(checks Checks) []Setting {
	return []Setting{
		{Name: "LISTEN", Default: "127.0.0.1:3000", Takes: "host:port; port 0 picks one", set: func(c *Config, v string) error {
			_, _, err := net.SplitHostPort(v)
			c.Listen = v
			return err
		}},
		{Name: "BASE_URL", Takes: "http:// or https:// and a host, without a path", set: func(c *Config, v string) error {
			c.BaseURL = strings.TrimRight(v, "/")
			if v == "" {
				return nil
			}
			u, err := url.Parse(c.BaseURL)
			if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || (u.Scheme != "http" && u.Scheme != "https") {
				return errValue
			}
			return nil
		}},
		{Name: "DATA_DIR", Default: "data", Takes: "a folder", set: text(func(c *Config) *string { return &c.DataDir })},
		{Name: "DATABASE_URL", Takes: "sqlite:///path/file.db or postgres://…", Secret: true, bare: withoutPassword, set: func(c *Config, v string) error {
			c.DatabaseURL = v
			for _, scheme := range []string{"sqlite://", "postgres://", "postgresql://"} {
				if rest, ok := strings.CutPrefix(v, scheme); ok && rest != "" {
					return nil
				}
			}
			if v == "" {
				return nil
			}
			return errValue
		}},
		{Name: "REDIS_URL", Takes: "redis://…, rediss://…, redis-sentinel://…, redis-cluster://…; empty: in-process", Secret: true, bare: withoutPassword,
			set: checked(func(c *Config) *string { return &c.RedisURL }, checks.RedisURL)},
		{Name: "WORKER", Takes: "embedded or separate", set: func(c *Config, v string) error {
			c.Worker = v
			if v != "" && v != "embedded" && v != "separate" {
				return errValue
			}
			return nil
		}},
		{Name: "SMTP_URL", Takes: "smtp://user:pass@host:port?tls=starttls|implicit|none; empty: built-in mailbox", Secret: true, bare: withoutPassword,
			set: checked(func(c *Config) *string { return &c.SMTPURL }, checks.SMTPURL)},
		{Name: "MAIL_FROM", Default: "Kontor <no-reply@localhost>", Takes: "an address: Name <user@host>", set: func(c *Config, v string) error {
			_, err := mail.ParseAddress(v)
			c.MailFrom = v
			return err
		}},
		{Name: "SMS_URL", Takes: "https://…, http://… or smpp://system:pass@host:port; empty: built-in mailbox", Secret: true, bare: withoutPassword,
			set: checked(func(c *Config) *string { return &c.SMSURL }, checks.SMSURL)},
		{Name: "SMS_HEADERS", Takes: "lines of Name: value", Secret: true, set: text(func(c *Config) *string { return &c.SMSHeaders })},
		{Name: "MAILBOX", Takes: "on or off; empty: on, but off with https, PostgreSQL or Redis", set: func(c *Config, v string) error {
			c.Mailbox = v
			if v != "" && v != "on" && v != "off" {
				return errValue
			}
			return nil
		}},
		{Name: "SECRET_KEY", Takes: "32 bytes in base64", Secret: true, set: func(c *Config, v string) error {
			if v == "" {
				return nil
			}
			raw, err := base64.StdEncoding.DecodeString(v)
			if err != nil || len(raw) != 32 {
				return errValue
			}
			c.SecretKey = raw
			return nil
		}},
		{Name: "ADMIN_EMAIL", Takes: "an e-mail address", set: func(c *Config, v string) error {
			c.AdminEmail = v
			if v == "" {
				return nil
			}
			_, err := mail.ParseAddress(v)
			return err
		}},
		{Name: "ADMIN_PASSWORD", Takes: "a password of 12 characters or more", Secret: true, set: func(c *Config, v string) error {
			c.AdminPassword = v
			if v != "" && len([]rune(v)) < 12 {
				return errValue
			}
			return nil
		}},
		{Name: "LOCALE", Default: "en", Takes: "en or de", set: func(c *Config, v string) error {
			c.Locale = v
			if v != "en" && v != "de" {
				return errValue
			}
			return nil
		}},
		{Name: "FIRM_NAME", Default: "Kontor", Takes: "a name of at most 100 characters", set: func(c *Config, v string) error {
			c.FirmName = v
			if v == "" || len([]rune(v)) > 100 || strings.ContainsAny(v, "\r\n") {
				return errValue
			}
			return nil
		}},
		{Name: "LOG", Default: "info", Takes: "debug, info, warn or error", set: func(c *Config, v string) error {
			return c.LogLevel.UnmarshalText([]byte(v))
		}},
		{Name: "LOG_FORMAT", Default: "text", Takes: "text or json", set: func(c *Config, v string) error {
			c.LogFormat = v
			if v != "text" && v != "json" {
				return errValue
			}
			return nil
		}},
		{Name: "METRICS_LISTEN", Takes: "host:port; empty: only from loopback on LISTEN", set: func(c *Config, v string) error {
			c.MetricsListen = v
			if v == "" {
				return nil
			}
			_, _, err := net.SplitHostPort(v)
			return err
		}},
		{Name: "TRUSTED_PROXIES", Takes: "networks such as 10.0.0.0/8, separated by commas, whose PROXY_HEADER counts", set: func(c *Config, v string) error {
			for _, n := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' }) {
				p, err := netip.ParsePrefix(n)
				if err != nil {
					return err
				}
				c.Proxies = append(c.Proxies, p)
			}
			return nil
		}},
		{Name: "PROXY_HEADER", Default: "X-Forwarded-For", Takes: "X-Forwarded-For or Forwarded", set: func(c *Config, v string) error {
			c.Forwarded = strings.EqualFold(v, "Forwarded")
			if !c.Forwarded && !strings.EqualFold(v, "X-Forwarded-For") {
				return errValue
			}
			return nil
		}},
		{Name: "HOOK_SECRET", Takes: "a secret of 16 characters or more that signs delivery reports; empty: derived from SECRET_KEY", Secret: true, set: func(c *Config, v string) error {
			c.HookSecret = v
			if v != "" && len(v) < 16 {
				return errValue
			}
			return nil
		}},
		{Name: "SESSION_IDLE", Default: "30m", Takes: "a duration such as 30m", set: duration(func(c *Config) *time.Duration { return &c.IdleTimeout })},
		{Name: "SESSION_LIFE", Default: "12h", Takes: "a duration such as 12h", set: duration(func(c *Config) *time.Duration { return &c.SessionLife })},
		{Name: "INVITATION_REMINDER", Default: "168h", Takes: "a duration such as 168h, or days such as 7d", set: func(c *Config, v string) error {
			if days, ok := strings.CutSuffix(v, "d"); ok {
				n, err := strconv.Atoi(days)
				if err != nil || n < 1 || n > 3650 {
					return errValue
				}
				c.Reminder = time.Duration(n) * 24 * time.Hour
				return nil
			}
			return duration(func(c *Config) *time.Duration { return &c.Reminder })(c, v)
		}},
		{Name: "APPROVAL_DELAY", Default: "24h", Takes: "a duration such as 24h, of a month at most", set: func(c *Config, v string) error {
			err := duration(func(c *Config) *time.Duration { return &c.ApprovalDelay })(c, v)
			if err == nil && c.ApprovalDelay > 31*24*time.Hour {
				err = errValue
			}
			return err
		}},
		{Name: "TIME_ZONE", Default: "Europe/Berlin", Takes: "a zone such as Europe/Berlin", set: func(c *Config, v string) (err error) {
			c.Zone, err = time.LoadLocation(v)
			return err
		}},
		{Name: "DRAIN", Takes: "a duration such as 5s, 0 for none", set: func(c *Config, v string) (err error) {
			c.Drain = ownDrain
			if v == "" {
				return nil
			}
			if c.Drain, err = time.ParseDuration(v); err == nil && (c.Drain < 0 || c.Drain > maxDrain) {
				err = errValue
			}
			return err
		}},
	}
}

// ownDrain stands for a DRAIN that was not set: what it is follows from the other settings.
const ownDrain time.Duration = -1

// productionDrain is how long an orchestrator may take to notice that a process is not ready any more; maxDrain bounds it.
const (
	productionDrain = 5 * time.Second
	maxDrain        = 5 * time.Minute
)

var errValue = errors.New("not such a value")

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error { *field(c) = v; return nil }
}

func checked(field func(*Config) *string, check func(string) error) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = v
		if v == "" || check == nil {
			return nil
		}
		return check(v)
	}
}

func duration(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, v string) (err error) {
		*field(c), err = time.ParseDuration(v)
		if err == nil && *field(c) <= 0 {
			err = errValue
		}
		return err
	}
}

// Error is a wrong setting: one line that names it and what it takes, never its value when that is a secret.
type Error struct {
	Name, Value, Takes string
	// Instead is where a value belongs that was given where others can read it; Value and Takes are "" then.
	Instead string
}

func (e *Error) Error() string {
	if e.Instead != "" {
		return fmt.Sprintf("setting %s: a secret is not taken from the command line, where every process can read it: use %s", e.Name, e.Instead)
	}
	if e.Value == "" {
		return fmt.Sprintf("setting %s is missing: it takes %s", e.Name, e.Takes)
	}
	value := e.Value
	if strings.ContainsFunc(value, unicode.IsControl) {
		value = strconv.Quote(value) // one line, whatever it is
	}
	return fmt.Sprintf("setting %s=%s: it takes %s", e.Name, value, e.Takes)
}

// Load reads the settings from flags (which win), the environment (getenv) and NAME_FILE files, checks them and fills
// in what follows from others. A secret given as a flag is refused: it would stand in the process list. Flags are "--name value" or "--name=value"; "--demo" takes none. What is left of args
// is returned. Load makes DATA_DIR and a secret key in it for the embedded mode.
func Load(args []string, getenv func(string) string, checks Checks) (Config, []string, error) {
	var c Config
	table := Table(checks)
	flags, rest, err := readFlags(table, args)
	if err != nil {
		return c, nil, err
	}
	_, c.Demo = flags["demo"]
	for _, s := range table {
		value, given := flags[s.Flag()]
		if !given {
			if value, err = fromEnvironment(s, getenv); err != nil {
				return c, nil, err
			}
		}
		if value == "" {
			value = s.Default
		}
		if err := s.set(&c, value); err != nil {
			if s.Secret || !withoutPassword(value) {
				value = "(hidden)"
			}
			return c, nil, &Error{Name: s.Name, Value: value, Takes: s.Takes}
		}
	}
	return c, rest, c.complete()
}

func fromEnvironment(s Setting, getenv func(string) string) (string, error) {
	if v := getenv(s.Name); v != "" || !s.Secret {
		return v, nil
	}
	path := getenv(s.Name + "_FILE")
	if path == "" {
		return "", nil
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", &Error{Name: s.Name + "_FILE", Value: path, Takes: "a readable file"}
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
}

func readFlags(table []Setting, args []string) (flags map[string]string, rest []string, err error) {
	known := map[string]Setting{}
	for _, s := range table {
		known[s.Flag()] = s
	}
	flags = map[string]string{}
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "--")
		name, value, inline := strings.Cut(name, "=")
		setting, ok := known[name]
		switch {
		case isFlag && name == "demo" && !inline:
			flags[name] = ""
		case !isFlag || !ok:
			rest = append(rest, args[i])
		case inline:
			flags[name] = value
		case i+1 == len(args):
			return nil, nil, &Error{Name: "--" + name, Takes: setting.Takes}
		default:
			i++
			flags[name] = args[i]
		}
		if v, given := flags[name]; ok && given && !setting.mayBeFlag(v) {
			return nil, nil, &Error{Name: setting.Name, Instead: setting.instead()}
		}
	}
	return flags, rest, nil
}

// Embedded says whether this is the mode that needs nothing but the program: the queue lives in the process.
func (c Config) Embedded() bool { return c.RedisURL == "" }

// Production says whether this is more than somebody's trial: any one of an https base address, PostgreSQL and Redis.
func (c Config) Production() bool {
	scheme, _, _ := strings.Cut(c.BaseURL, "://")
	return strings.EqualFold(scheme, "https") || c.RedisURL != "" ||
		c.DatabaseURL != "" && !strings.HasPrefix(c.DatabaseURL, "sqlite://")
}

// Boxed says whether the built-in mailbox takes e-mails or SMS, because there is nobody else who would.
func (c Config) Boxed() bool { return c.SMTPURL == "" || c.SMSURL == "" }

// MailboxOn says whether it may.
func (c Config) MailboxOn() bool { return c.Mailbox == "on" || c.Mailbox == "" && !c.Production() }

// CheckChannels is for whatever sends messages: where the mailbox is off, every channel needs its address, or what is
// meant for customers would be kept where nobody looks. An *Error names the setting that is missing.
func (c Config) CheckChannels() error {
	if c.MailboxOn() {
		return nil
	}
	const instead = ", or MAILBOX=on, which delivers nothing and keeps the messages in the built-in mailbox"
	switch {
	case c.SMTPURL == "":
		return &Error{Name: "SMTP_URL", Takes: "smtp://user:pass@host:port" + instead}
	case c.SMSURL == "":
		return &Error{Name: "SMS_URL", Takes: "https://…, http://… or smpp://system:pass@host:port" + instead}
	}
	return nil
}

// complete fills in what follows from other settings.
func (c *Config) complete() error {
	if c.Drain == ownDrain {
		c.Drain = 0
		if c.Production() {
			c.Drain = productionDrain
		}
	}
	if c.Worker == "" {
		c.Worker = "separate"
		if c.Embedded() {
			c.Worker = "embedded"
		}
	}
	if c.Worker == "separate" && c.Embedded() {
		return &Error{Name: "REDIS_URL", Takes: "an address, since WORKER=separate needs a queue that both processes reach"}
	}
	if c.DatabaseURL == "" {
		path, err := filepath.Abs(filepath.Join(c.DataDir, "kontor.db"))
		if err != nil {
			return err
		}
		c.DatabaseURL = "sqlite://" + path
		if err := c.keepPrivate(); err != nil {
			return err
		}
	}
	if c.SecretKey != nil {
		return nil
	}
	if !c.Embedded() || !strings.HasPrefix(c.DatabaseURL, "sqlite://") {
		return &Error{Name: "SECRET_KEY", Takes: "32 bytes in base64, the same in every process (openssl rand -base64 32)"}
	}
	if err := c.keepPrivate(); err != nil {
		return err
	}
	key, err := ownKey(filepath.Join(c.DataDir, "secret.key"))
	if err != nil {
		return c.noDataDir(err)
	}
	c.SecretKey = key
	return nil
}

func (c *Config) keepPrivate() error {
	wide, err := keepPrivate(c.DataDir)
	if err != nil {
		return c.noDataDir(err)
	}
	c.DataDirOpen = wide
	return nil
}

func (c *Config) noDataDir(err error) error {
	return &Error{Name: "DATA_DIR", Value: c.DataDir, Takes: "a folder this program may write to (" + err.Error() + ")"}
}

// ownKey reads the embedded mode's key, making it first when there is none. Of two processes that start at once, one
// makes it.
func ownKey(path string) ([]byte, error) {
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh)
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, []byte(base64.StdEncoding.EncodeToString(fresh)+"\n"), 0o600); err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(tmp) }()
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	raw, err := os.ReadFile(path) //nolint:gosec // our own file
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(raw)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s is not a key", path)
	}
	return key, nil
}

// WithAddress returns the settings with BASE_URL filled in from the address the program really listens on.
func (c Config) WithAddress(addr net.Addr) Config {
	if c.BaseURL != "" {
		return c
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		host, port = "127.0.0.1", "3000"
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	c.BaseURL = "http://" + net.JoinHostPort(host, port)
	return c
}
