// Package config reads and checks the settings: one table with names, defaults and checks. Only this package reads the
// environment.
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

	"kontor/app/filetype"
)

// Config holds the checked settings.
type Config struct {
	Listen          string
	BaseURL         string // "" until the port is known: see WithAddress
	BaseURLGiven    string // as it was given, "" if that is BaseURL
	DataDir         string
	DataDirOpen     bool // other users may read the folder, because it contains other files than ours
	DatabaseURL     string
	ErasureLog      string // a file, or the address of a database; "" on PostgreSQL: none
	ErasureLogSet   bool   // it was given, not filled in
	ImportMax       int64  // bytes of a file that is imported at most
	DatabasePool    int    // connections to PostgreSQL that this process opens at most
	FilesURL        string // where documents are kept: file:///path or s3://…
	FileMax         int64  // bytes that a document has at most
	CustomerQuota   int64  // bytes that the documents of a customer have at most, 0 for no limit
	FileTypes       filetype.Allowed
	EscrowRecipient string // age recipient that can open every document without Kontor, "" for none
	ClamdURL        string // "": documents are not scanned
	RedisURL        string // "": the queue runs in the process
	Worker          string // embedded, separate
	SMTPURL         string // "": built-in mailbox
	MailFrom        string
	ReplyTo         string
	BounceAddress   string
	SMTPCA          string // PEM, or the name of a PEM file
	DKIMDomain      string // "" like the next two: mails are not signed
	DKIMSelector    string
	DKIMKey         string
	SMSURL          string // "": built-in mailbox
	SMSHeaders      string
	Gateway         Gateway // the requests to the SMS gateway
	Mailbox         string  // on, off; "": depends on Production
	SecretKey       []byte
	Previous        [][]byte // earlier keys that are still accepted, the latest first
	AdminEmail      string
	AdminPassword   string
	Locale          string
	FirmName        string
	FirmLogo        string // name of an image file, "" for none
	ImprintURL      string // of the firm, "" for none, like the next two
	PrivacyURL      string
	Contact         string // text, an e-mail address, a phone number or a web address: see ContactHref
	LogLevel        slog.Level
	LogFormat       string
	MetricsListen   string
	Proxies         []netip.Prefix
	Forwarded       bool // PROXY_HEADER is Forwarded, not X-Forwarded-For
	HookSecret      string
	IdleTimeout     time.Duration
	SessionLife     time.Duration
	ApprovalDelay   time.Duration // how long a change waits that needs a second person if there is none
	Reminder        time.Duration // after which an unanswered invitation needs attention
	Zone            *time.Location
	Drain           time.Duration // how long readiness fails after SIGTERM before the process stops taking requests
	Demo            bool

	look bool // create nothing: see Given.Examine
}

// Nameless is the default of FIRM_NAME: the firm has no name of its own.
const Nameless = "Kontor"

// FilesFolder is the folder in DATA_DIR in which documents are kept where FILES_URL does not say another place.
const FilesFolder = "documents"

// Error is an invalid setting. Its text is one line with the name and the allowed values. It never contains the value
// of a secret.
type Error struct {
	Name, Value, Takes string
	// Instead says where to put a secret that was given where others can read it; Value and Takes are "" then.
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
		value = strconv.Quote(value) // keep it on one line
	}
	return fmt.Sprintf("setting %s=%s: it takes %s", e.Name, value, e.Takes)
}

// Load reads the settings from flags (which take precedence), the environment (getenv) and NAME_FILE files, checks
// them, and sets those that follow from others. It refuses a secret given as a flag, because every user can see it in
// the process list. Flags are "--name value" or "--name=value"; "--demo" has no value. Load returns the remaining args.
// For the embedded mode it creates DATA_DIR and a secret key in it.
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

// Embedded says whether the program runs without other services: the queue is in the process.
func (c Config) Embedded() bool { return c.RedisURL == "" }

// Production says whether this is more than a trial: the base address is https, or PostgreSQL or Redis is used.
func (c Config) Production() bool {
	scheme, _, _ := strings.Cut(c.BaseURL, "://")
	return strings.EqualFold(scheme, "https") || c.RedisURL != "" ||
		c.DatabaseURL != "" && !strings.HasPrefix(c.DatabaseURL, "sqlite://")
}

// Boxed says whether the built-in mailbox receives e-mails or SMS because no server is set for them.
func (c Config) Boxed() bool { return c.SMTPURL == "" || c.SMSURL == "" }

// MailboxOn says whether the built-in mailbox may be used.
func (c Config) MailboxOn() bool { return c.Mailbox == "on" || c.Mailbox == "" && !c.Production() }

// CheckWorker checks the settings of a worker. It needs a queue, and BASE_URL, because it does not know where the web
// process listens.
func (c Config) CheckWorker() error {
	switch {
	case c.Embedded():
		return &Error{Name: "REDIS_URL", Takes: "the address of the queue; without it the web process does this work itself"}
	case c.BaseURL == "":
		return &Error{Name: "BASE_URL", Takes: "what links in mails begin with"}
	}
	return nil
}

// CheckChannels is for every process that sends messages. If the mailbox is off, every channel needs an address;
// otherwise messages to customers would stay where nobody reads them. The error is an *Error about the missing setting.
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

// complete sets the settings that follow from others.
func (c *Config) complete() error {
	if c.Drain == ownDrain {
		c.Drain = 0
		if c.Production() {
			c.Drain = productionDrain
		}
	}
	if c.MailFrom == defaultFrom {
		c.MailFrom = defaultFromAddress // the display name is then FIRM_NAME
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
	if c.FilesURL == "" {
		folder, err := filepath.Abs(filepath.Join(c.DataDir, FilesFolder))
		if err != nil {
			return err
		}
		c.FilesURL = "file://" + folder
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
		return nil // the first start creates one
	}
	key, err := ownKey(file)
	if err != nil {
		return c.noDataDir(err)
	}
	c.SecretKey = key
	return nil
}

// SQLite returns the file of the database, "" for PostgreSQL.
func (c Config) SQLite() string {
	file, ok := strings.CutPrefix(c.DatabaseURL, "sqlite://")
	if !ok {
		return ""
	}
	return file
}

// checkDKIM checks that all three settings for a signature are set, or none.
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
