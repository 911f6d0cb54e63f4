package config

import (
	"context"
	"errors"
	"net"
	"net/mail"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"kontor/app/entry"
	"kontor/app/filetype"
	"kontor/app/lang"
)

// Gateway holds the settings for an HTTP gateway for SMS as they were given: how to send a request and how to read the
// answer. URL and Headers are set only for Checks.
type Gateway struct {
	URL, Headers              string
	Method, Type, Body        string
	Success, Refused, ID      string
	StatusURL, Status, Sender string
}

// Setting is one row of the table.
type Setting struct {
	Name    string
	Default string                  // "" for none; Takes says what an empty value means
	Demo    string                  // takes the place of Default with --demo; "" for Default
	Takes   string                  // the allowed values, for the error message
	Secret  bool                    // NAME_FILE may name a file with it; never shown; as a flag only if bare says so
	bare    func(value string) bool // says that a Secret's value contains no secret; nil if every value is secret
	set     func(c *Config, value string) error
}

// Flag is the setting's name on the command line.
func (s Setting) flag() string { return strings.ReplaceAll(strings.ToLower(s.Name), "_", "-") }

// Checks are the rules for values that other packages define, such as the syntax of their addresses.
type Checks struct {
	DatabaseURL, SMTPURL, SMSURL, RedisURL                            func(string) error
	SMTPCA, ReplyTo, BounceAddress, DKIMDomain, DKIMSelector, DKIMKey func(string) error
	FirmLogo, FilesURL, EscrowRecipient, ClamdURL                     func(string) error
	// Gateway returns the setting of the SMS gateway that is invalid, and its allowed values.
	Gateway func(Gateway) (setting, takes string)
}

// listenable checks an address to listen on: a host, which may be empty, and a port.
func listenable(v string) error {
	_, port, err := net.SplitHostPort(v)
	if err == nil {
		_, err = net.DefaultResolver.LookupPort(context.Background(), "tcp", port) // a name is looked up on this machine
	}
	return err
}

// Table lists every setting.
func Table(checks Checks) []Setting {
	return []Setting{
		{Name: "LISTEN", Default: "127.0.0.1:3000", Takes: "host:port; port 0 picks one", set: func(c *Config, v string) error {
			c.Listen = v
			return listenable(v)
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
		{Name: "FILES_URL", Takes: "file:///path of a folder, or s3://KEY:SECRET@host:port/bucket?region=…&tls=on|off&path=on|off; empty: the folder " + FilesFolder + " in DATA_DIR",
			Secret: true, bare: withoutPassword, set: checked(func(c *Config) *string { return &c.FilesURL }, checks.FilesURL)},
		{Name: "FILE_MAX", Default: "2GB", Takes: "a size from 1MB to 100GB", set: size(func(c *Config) *int64 { return &c.FileMax }, 1<<20, 100<<30)},
		{Name: "CUSTOMER_QUOTA", Takes: "a size from 1MB to 1000TB, such as 20GB; empty: no limit", set: func(c *Config, v string) error {
			if v == "" {
				return nil
			}
			return size(func(c *Config) *int64 { return &c.CustomerQuota }, 1<<20, 1000<<40)(c, v)
		}},
		{Name: "FILE_TYPES", Default: filetype.Safe, Takes: "groups (" + strings.Join(filetype.Groups, ", ") + "), extensions such as zip or .dwg, and types such as image/png, separated by commas",
			set: func(c *Config, v string) (err error) {
				c.FileTypes, err = filetype.ParseAllowed(v)
				return err
			}},
		{Name: "ESCROW_RECIPIENT", Takes: "an age recipient, age1… (age-keygen prints it as the public key); empty: none", set: cleaned(strings.TrimSpace, checked(func(c *Config) *string { return &c.EscrowRecipient }, checks.EscrowRecipient))},
		{Name: "CLAMD_URL", Takes: "tcp://host:port or unix:///path of ClamAV's daemon; empty: documents are not scanned", Secret: true, bare: withoutPassword,
			set: checked(func(c *Config) *string { return &c.ClamdURL }, checks.ClamdURL)},
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
		{Name: "MAIL_FROM", Default: defaultFrom, Takes: "an address: Name <user@host>; without a name, FIRM_NAME is it", set: cleaned(entry.Line, func(c *Config, v string) error {
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
		{Name: "LOCALE", Default: lang.English, Takes: "en or de", set: func(c *Config, v string) error {
			c.Locale = v
			if !lang.Known(v) {
				return errValue
			}
			return nil
		}},
		{Name: "FIRM_NAME", Default: Nameless, Demo: "Steuerkanzlei Lindner", Takes: "a name of at most 100 characters", set: func(c *Config, v string) error {
			c.FirmName = entry.Line(v)
			if !entry.Says(c.FirmName) || len([]rune(c.FirmName)) > 100 || !entry.IsText(v, false) {
				return errValue
			}
			return nil
		}},
		{Name: "FIRM_LOGO", Takes: "the name of a PNG or JPEG file of at most 64 KB, from 16 to 2000 pixels wide and high; empty: Kontor's own mark", set: cleaned(strings.TrimSpace, checked(func(c *Config) *string { return &c.FirmLogo }, checks.FirmLogo))},
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
			return listenable(v)
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
		{Name: "IMPORT_MAX", Default: "64MB", Takes: "a size from 1MB to 500MB", set: size(func(c *Config) *int64 { return &c.ImportMax }, 1<<20, 500<<20)},
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

// defaultFrom is the default sender. Its display name is then FIRM_NAME.
const (
	defaultFrom        = "Kontor <" + defaultFromAddress + ">"
	defaultFromAddress = "no-reply@localhost"
)

// ownDrain means that DRAIN was not set, so that its value follows from other settings.
const ownDrain time.Duration = -1

// productionDrain is the time an orchestrator may need to notice that a process is no longer ready; maxDrain is the
// upper limit.
const (
	productionDrain = 5 * time.Second
	maxDrain        = 5 * time.Minute
)

var errValue = errors.New("not such a value")

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error { *field(c) = v; return nil }
}

// cleaned cleans a setting of one line in the same way as text that is typed into a form.
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
