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
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // Europe/Berlin on machines without a zone database
	"unicode"

	"kontor/app/entry"
)

// Config is the settings, checked.
type Config struct {
	Listen        string
	BaseURL       string // "" until the port is known: see WithAddress
	BaseURLGiven  string // as it was written, "" where that is BaseURL
	DataDir       string
	DataDirOpen   bool // others than this user may look into it, since it holds other things than ours
	DatabaseURL   string
	ErasureLog    string // a file, or the address of a database; "" on PostgreSQL: none
	ErasureLogSet bool   // it was said, and not filled in
	DatabasePool  int    // connections to PostgreSQL that this process opens at most
	RedisURL      string // "" in-process
	Worker        string // embedded, separate
	SMTPURL       string // "" built-in mailbox
	MailFrom      string
	ReplyTo       string
	BounceAddress string
	SMTPCA        string // PEM, or the name of a file of it
	DKIMDomain    string // "" as the other two: mails are not signed
	DKIMSelector  string
	DKIMKey       string
	SMSURL        string // "" built-in mailbox
	SMSHeaders    string
	Gateway       Gateway // how the SMS gateway is asked
	Mailbox       string  // on, off; "" as Production says
	SecretKey     []byte
	Previous      [][]byte // keys before SecretKey that are still understood, the latest first
	AdminEmail    string
	AdminPassword string
	Locale        string
	FirmName      string
	ImprintURL    string // of the firm, "" none; so are the next two
	PrivacyURL    string
	Contact       string // text, an e-mail address, a phone number or a web address: see ContactHref
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

	look bool // nothing is made: see Given.Examine
}

// Gateway says how an HTTP gateway for SMS is asked and what its answers mean, as it was written. URL and Headers are set
// only for Checks.
type Gateway struct {
	URL, Headers              string
	Method, Type, Body        string
	Success, Refused, ID      string
	StatusURL, Status, Sender string
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
	DatabaseURL, SMTPURL, SMSURL, RedisURL                            func(string) error
	SMTPCA, ReplyTo, BounceAddress, DKIMDomain, DKIMSelector, DKIMKey func(string) error
	// Gateway says which setting of the SMS gateway can't be understood, and what it takes.
	Gateway func(Gateway) (setting, takes string)
}

// Table lists every setting.
func Table(checks Checks) []Setting {
	return []Setting{
		{Name: "LISTEN", Default: "127.0.0.1:3000", Takes: "host:port; port 0 picks one", set: func(c *Config, v string) error {
			_, _, err := net.SplitHostPort(v)
			c.Listen = v
			return err
		}},
		{Name: "BASE_URL", Takes: "http:// or https:// and a host, without a user, a path and a query", set: func(c *Config, v string) (err error) {
			if v == "" {
				return nil
			}
			if c.BaseURL, err = baseURL(v); err == nil && c.BaseURL != v {
				c.BaseURLGiven = v
			}
			return err
		}},
		{Name: "DATA_DIR", Default: "data", Takes: "a folder", set: text(func(c *Config) *string { return &c.DataDir })},
		{Name: "DATABASE_URL", Takes: "sqlite:///path/file.db or postgres://user:password@host:port/database", Secret: true, bare: withoutPassword,
			set: func(c *Config, v string) error {
				scheme, rest, _ := strings.Cut(v, "://")
				if v != "" && (rest == "" || scheme != "sqlite" && scheme != "postgres" && scheme != "postgresql") {
					return errValue
				}
				return checked(func(c *Config) *string { return &c.DatabaseURL }, checks.DatabaseURL)(c, v)
			}},
		{Name: "DATABASE_POOL", Default: "24", Takes: "a number of connections from 2 to 1000", set: func(c *Config, v string) (err error) {
			if c.DatabasePool, err = strconv.Atoi(v); err == nil && (c.DatabasePool < 2 || c.DatabasePool > 1000) {
				err = errValue
			}
			return err
		}},
		{Name: "ERASURE_LOG", Takes: "a file, or the address of a second database, sqlite:///path/file.db or postgres://…; empty: " + ErasureFile + " in DATA_DIR with SQLite, none with PostgreSQL",
			Secret: true, bare: withoutPassword, set: erasureLog},
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
		{Name: "MAIL_FROM", Default: "Kontor <no-reply@localhost>", Takes: "an address: Name <user@host>", set: cleaned(entry.Line, func(c *Config, v string) error {
			_, err := mail.ParseAddress(v)
			c.MailFrom = v
			return err
		})},
		{Name: "REPLY_TO", Takes: "an address: Name <user@host>", set: cleaned(entry.Line, checked(func(c *Config) *string { return &c.ReplyTo }, checks.ReplyTo))},
		{Name: "BOUNCE_ADDRESS", Takes: "an address such as bounce@firm.example, with at most 24 characters before the @, whose server takes bounce+anything@firm.example as well",
			set: cleaned(entry.Key, checked(func(c *Config) *string { return &c.BounceAddress }, checks.BounceAddress))},
		{Name: "SMTP_CA", Takes: "the name of a file with certificates in PEM, or the certificates themselves",
			set: checked(func(c *Config) *string { return &c.SMTPCA }, checks.SMTPCA)},
		{Name: "DKIM_DOMAIN", Takes: "a domain such as firm.example", set: cleaned(entry.Key, checked(func(c *Config) *string { return &c.DKIMDomain }, checks.DKIMDomain))},
		{Name: "DKIM_SELECTOR", Takes: "letters, digits, hyphens and dots, such as kontor2026",
			set: cleaned(entry.Key, checked(func(c *Config) *string { return &c.DKIMSelector }, checks.DKIMSelector))},
		{Name: "DKIM_KEY", Takes: "a private key in PEM: RSA of 1024 bits or more (better 2048), or Ed25519", Secret: true,
			set: checked(func(c *Config) *string { return &c.DKIMKey }, checks.DKIMKey)},
		{Name: "SMS_URL", Takes: "https://…, http://… or smpp://system:pass@host:port; empty: built-in mailbox", Secret: true, bare: withoutPassword,
			set: checked(func(c *Config) *string { return &c.SMSURL }, checks.SMSURL)},
		{Name: "SMS_HEADERS", Takes: "lines of Name: value", Secret: true, set: text(func(c *Config) *string { return &c.SMSHeaders })},
		{Name: "SMS_METHOD", Takes: "GET, POST or PUT; empty: POST", set: text(func(c *Config) *string { return &c.Gateway.Method })},
		{Name: "SMS_TYPE", Takes: "application/json or application/x-www-form-urlencoded; empty: JSON", set: text(func(c *Config) *string { return &c.Gateway.Type })},
		{Name: "SMS_BODY", Takes: `a template such as {"to":"{to}","text":"{text}"} or to={to}&text={text}`, Secret: true, set: text(func(c *Config) *string { return &c.Gateway.Body })},
		{Name: "SMS_SUCCESS", Takes: "a pattern of a good answer: $.path=value|value or a regular expression; empty: any 2xx", set: text(func(c *Config) *string { return &c.Gateway.Success })},
		{Name: "SMS_REFUSED", Takes: "a pattern of an answer that refuses the number; empty: 400 and 422", set: text(func(c *Config) *string { return &c.Gateway.Refused })},
		{Name: "SMS_ID", Takes: "where the gateway's id stands: a JSON path or a regular expression; empty: $.id", set: text(func(c *Config) *string { return &c.Gateway.ID })},
		{Name: "SMS_STATUS_URL", Takes: "https://… with {id} in it; empty: nobody is asked", Secret: true, bare: withoutPassword, set: text(func(c *Config) *string { return &c.Gateway.StatusURL })},
		{Name: "SMS_STATUS", Takes: "where the status stands, and its words: $.status; delivered=…; failed=…", set: text(func(c *Config) *string { return &c.Gateway.Status })},
		{Name: "SMS_FROM", Takes: "the sender that {from} stands for; empty: made of FIRM_NAME", set: cleaned(entry.Line, text(func(c *Config) *string { return &c.Gateway.Sender }))},
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
			raw, err := ParseKey(v)
			c.SecretKey = raw
			return err
		}},
		{Name: "SECRET_KEY_PREVIOUS", Takes: "one or more keys like SECRET_KEY, the latest first, separated by commas", Secret: true, set: func(c *Config, v string) error {
			for _, part := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
				raw, err := ParseKey(part)
				if err != nil {
					return err
				}
				c.Previous = append(c.Previous, raw)
			}
			return nil
		}},
		{Name: "ADMIN_EMAIL", Takes: "an e-mail address", set: cleaned(entry.Key, func(c *Config, v string) error {
			c.AdminEmail = v
			if v == "" {
				return nil
			}
			a, err := mail.ParseAddress(v)
			if err != nil || a.Address != v {
				return errValue
			}
			return nil
		})},
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
			c.FirmName = entry.Line(v)
			if !entry.Says(c.FirmName) || len([]rune(c.FirmName)) > 100 || !entry.IsText(v, false) {
				return errValue
			}
			return nil
		}},
		{Name: "IMPRINT_URL", Takes: "http:// or https:// and a host; empty: not shown", set: cleaned(entry.Key, webAddress(func(c *Config) *string { return &c.ImprintURL }))},
		{Name: "PRIVACY_URL", Takes: "http:// or https:// and a host; empty: not shown", set: cleaned(entry.Key, webAddress(func(c *Config) *string { return &c.PrivacyURL }))},
		{Name: "CONTACT", Takes: "one line of at most 200 characters: text, an e-mail address, a phone number or a web address", set: cleaned(entry.Line, contact)},
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

// cleaned has a setting that people read or write to cleaned as what is typed into a form. It is one line.
func cleaned(clean func(string) string, set func(*Config, string) error) func(*Config, string) error {
	return func(c *Config, v string) error {
		if strings.ContainsAny(strings.TrimSpace(v), "\r\n") {
			return errValue
		}
		return set(c, clean(v))
	}
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
	given, rest, err := ReadFlags(args, checks)
	if err != nil {
		return Config{}, nil, err
	}
	c, err := given.Load(getenv)
	return c, rest, err
}

func fromEnvironment(s Setting, getenv func(string) string) (value string, where Where, err error) {
	if v := getenv(s.Name); v != "" || !s.Secret {
		return v, FromEnvironment, nil
	}
	path := getenv(s.Name + "_FILE")
	if path == "" {
		return "", FromDefault, nil
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", FromFile, &Error{Name: s.Name + "_FILE", Value: path, Takes: "a readable file"}
	}
	return strings.TrimRight(string(raw), "\r\n"), FromFile, nil
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

// CheckWorker is for the worker, which is nothing without a queue, and does not know where the web process listens.
func (c Config) CheckWorker() error {
	switch {
	case c.Embedded():
		return &Error{Name: "REDIS_URL", Takes: "the address of the queue; without it the web process does this work itself"}
	case c.BaseURL == "":
		return &Error{Name: "BASE_URL", Takes: "what links in mails begin with"}
	}
	return nil
}

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
	if err := c.checkDKIM(); err != nil {
		return err
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
	if err := c.completeErasureLog(); err != nil {
		return err
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
	file := filepath.Join(c.DataDir, KeyFile)
	if _, err := os.Stat(file); c.look && errors.Is(err, fs.ErrNotExist) {
		return nil // the first start makes one
	}
	key, err := ownKey(file)
	if err != nil {
		return c.noDataDir(err)
	}
	c.SecretKey = key
	return nil
}

// SQLite is the file of the database, "" when it is PostgreSQL.
func (c Config) SQLite() string {
	file, ok := strings.CutPrefix(c.DatabaseURL, "sqlite://")
	if !ok {
		return ""
	}
	return file
}

// ErasureFile is what the erasure log is called in DATA_DIR.
const ErasureFile = "erasures.log"

func erasureLog(c *Config, v string) error {
	c.ErasureLog = v
	scheme, rest, address := strings.Cut(v, "://")
	if address && (rest == "" || !slices.Contains([]string{"sqlite", "postgres", "postgresql"}, scheme)) || strings.ContainsFunc(v, unicode.IsControl) {
		return errValue
	}
	return nil
}

// completeErasureLog: beside a PostgreSQL server there is no place that all processes have in common, so there it has to be
// said where the log is.
func (c *Config) completeErasureLog() (err error) {
	if c.ErasureLog == "" && c.SQLite() != "" {
		c.ErasureLog, err = filepath.Abs(filepath.Join(c.DataDir, ErasureFile))
		return err
	}
	c.ErasureLogSet = c.ErasureLog != ""
	if c.ErasureLog != "" && c.ErasureLog == c.DatabaseURL {
		return &Error{Name: "ERASURE_LOG", Takes: "a file or a database that is not DATABASE_URL, since it would be restored with it"}
	}
	return nil
}

// checkDKIM: a signature needs all three settings.
func (c *Config) checkDKIM() error {
	for _, s := range []struct{ name, value string }{
		{"DKIM_DOMAIN", c.DKIMDomain}, {"DKIM_SELECTOR", c.DKIMSelector}, {"DKIM_KEY", c.DKIMKey},
	} {
		if s.value == "" && c.DKIMDomain+c.DKIMSelector+c.DKIMKey != "" {
			return &Error{Name: s.name, Takes: "DKIM_DOMAIN, DKIM_SELECTOR and DKIM_KEY together, or none of them"}
		}
	}
	return nil
}

func (c *Config) keepPrivate() error {
	if c.look {
		return nil
	}
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

// KeyFile is what the embedded mode's key is called in DATA_DIR.
const KeyFile = "secret.key"

// ownKey reads the embedded mode's key, making it first when there is none. Of two processes that start at once, one
// makes it.
func ownKey(path string) ([]byte, error) {
	if key, err := readKey(path); !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh)
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, KeyText(fresh), 0o600); err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(tmp) }()
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readKey(path)
}

func readKey(path string) ([]byte, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // our own file
	if err != nil {
		return nil, err
	}
	key, err := ParseKey(string(raw))
	if err != nil {
		return nil, fmt.Errorf("%s is not a key", path)
	}
	return key, nil
}

// ParseKey reads what stands in KeyFile, or in SECRET_KEY: 32 bytes in base64.
func ParseKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != 32 {
		return nil, errValue
	}
	return key, nil
}

// KeyText is what stands in KeyFile for a key.
func KeyText(key []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(key) + "\n") }

// WithAddress returns the settings with BASE_URL filled in from the address the program really listens on. This machine is
// called localhost, since passkeys are bound to a name and not to an address.
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

// AnswersAt is where a program on this machine reaches one that listens on addr.
func AnswersAt(addr *net.TCPAddr) string {
	at := *addr
	if len(at.IP) == 0 || at.IP.IsUnspecified() {
		at.IP = net.IPv4(127, 0, 0, 1)
	}
	return "http://" + at.String()
}
