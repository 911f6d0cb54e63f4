// Package config is the settings: one table of names, defaults and checks. The environment is read here and nowhere
// else.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
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
	FirmLogo      string // file of an image, "" none
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
	if c.MailFrom == defaultFrom {
		c.MailFrom = defaultFromAddress // under the firm's name
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
