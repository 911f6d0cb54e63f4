package config

import (
	"encoding/base64"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	keyFile := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(keyFile, []byte(key+"\n"), 0o600))
	checks := Checks{
		SMTPURL: func(v string) error {
			if !strings.HasPrefix(v, "smtp://") {
				return errValue
			}
			return nil
		},
		SMTPCA: func(string) error { return errValue },
		FilesURL: func(v string) error {
			if !strings.HasPrefix(v, "file:///") {
				return errValue
			}
			return nil
		},
		EscrowRecipient: func(v string) error {
			if v != "age1x" {
				return errValue
			}
			return nil
		},
		ClamdURL: func(string) error { return errValue },
		FirmLogo: func(v string) error {
			if v != "/etc/kontor/logo.png" {
				return errValue
			}
			return nil
		},
	}
	for name, c := range map[string]struct {
		args  []string
		env   map[string]string
		wrong string // the setting with which the start fails
		check func(Config) bool
	}{
		"nothing set": {check: func(c Config) bool {
			return c.Listen == "127.0.0.1:3000" && c.Embedded() && c.Worker == "embedded" && len(c.SecretKey) == 32 &&
				strings.HasPrefix(c.DatabaseURL, "sqlite:///") && c.Locale == "en" && !c.Demo && c.FirmName == "Kontor"
		}},
		"demo's name":       {args: []string{"--demo"}, check: func(c Config) bool { return c.FirmName == "Steuerkanzlei Lindner" }},
		"demo's own name":   {args: []string{"--demo"}, env: map[string]string{"FIRM_NAME": "Kanzlei Berg"}, check: func(c Config) bool { return c.FirmName == "Kanzlei Berg" }},
		"flag wins":         {args: []string{"--locale", "de", "--demo"}, env: map[string]string{"LOCALE": "en"}, check: func(c Config) bool { return c.Locale == "de" && c.Demo }},
		"flag with =":       {args: []string{"--locale=de"}, check: func(c Config) bool { return c.Locale == "de" }},
		"flag without":      {args: []string{"--locale"}, wrong: "--locale"},
		"secret from file":  {env: map[string]string{"SECRET_KEY_FILE": keyFile, "REDIS_URL": "redis://x"}, check: func(c Config) bool { return len(c.SecretKey) == 32 && c.Worker == "separate" }},
		"no such file":      {env: map[string]string{"SECRET_KEY_FILE": keyFile + "x"}, wrong: "SECRET_KEY_FILE"},
		"production":        {env: map[string]string{"REDIS_URL": "redis://x"}, wrong: "SECRET_KEY"},
		"separate in one":   {env: map[string]string{"WORKER": "separate"}, wrong: "REDIS_URL"},
		"short key":         {env: map[string]string{"SECRET_KEY": "abcd"}, wrong: "SECRET_KEY"},
		"reminder":          {check: func(c Config) bool { return c.Reminder == 168*time.Hour }},
		"reminder in days":  {env: map[string]string{"INVITATION_REMINDER": "3d"}, check: func(c Config) bool { return c.Reminder == 72*time.Hour }},
		"reminder in hours": {env: map[string]string{"INVITATION_REMINDER": "36h"}, check: func(c Config) bool { return c.Reminder == 36*time.Hour }},
		"reminder of none":  {env: map[string]string{"INVITATION_REMINDER": "0d"}, wrong: "INVITATION_REMINDER"},
		"reminder in words": {env: map[string]string{"INVITATION_REMINDER": "a week"}, wrong: "INVITATION_REMINDER"},
		"reminder negative": {env: map[string]string{"INVITATION_REMINDER": "-1h"}, wrong: "INVITATION_REMINDER"},
		"listen":            {env: map[string]string{"LISTEN": "3000"}, wrong: "LISTEN"},
		"base url path":     {env: map[string]string{"BASE_URL": "https://kontor.example/app"}, wrong: "BASE_URL"},
		"base url scheme":   {env: map[string]string{"BASE_URL": "ftp://kontor.example"}, wrong: "BASE_URL"},
		"base url":          {env: map[string]string{"BASE_URL": "https://kontor.example/"}, check: func(c Config) bool { return c.BaseURL == "https://kontor.example" }},
		"database":          {env: map[string]string{"DATABASE_URL": "mysql://x"}, wrong: "DATABASE_URL"},
		"smtp":              {env: map[string]string{"SMTP_URL": "mail.example"}, wrong: "SMTP_URL"},
		"locale":            {env: map[string]string{"LOCALE": "fr"}, wrong: "LOCALE"},
		"log":               {env: map[string]string{"LOG": "loud"}, wrong: "LOG"},
		"firm name":         {env: map[string]string{"FIRM_NAME": "A\nB"}, wrong: "FIRM_NAME"},
		"firm unseen":       {env: map[string]string{"FIRM_NAME": "\u200b\u2800"}, wrong: "FIRM_NAME"},
		"admin unseen":      {env: map[string]string{"ADMIN_EMAIL": "\u200bmu\u0308ller@firm\u00ad.example\u00a0"}, check: func(c Config) bool { return c.AdminEmail == "müller@firm.example" }},
		"admin with name":   {env: map[string]string{"ADMIN_EMAIL": "Anna <anna@firm.example>"}, wrong: "ADMIN_EMAIL"},
		"admin no address":  {env: map[string]string{"ADMIN_EMAIL": "anna"}, wrong: "ADMIN_EMAIL"},
		"from unseen":       {env: map[string]string{"MAIL_FROM": "Kanzlei\u00a0Berg\u200b <post@firm.example>"}, check: func(c Config) bool { return c.MailFrom == "Kanzlei Berg <post@firm.example>" }},
		"contact unseen":    {env: map[string]string{"CONTACT": "\ufeff+49\u00a040 123\u201145\n"}, check: func(c Config) bool { return c.Contact == "+49 40 123-45" }},
		"imprint unseen":    {env: map[string]string{"IMPRINT_URL": "\u200bhttps://firm.example/imprint "}, check: func(c Config) bool { return c.ImprintURL == "https://firm.example/imprint" }},
		"own sender":        {env: map[string]string{"FIRM_NAME": "Kanzlei Berg"}, check: func(c Config) bool { return c.MailFrom == "no-reply@localhost" }},
		"sender of compose": {env: map[string]string{"MAIL_FROM": "Kontor <no-reply@localhost>"}, check: func(c Config) bool { return c.MailFrom == "no-reply@localhost" }},
		"sender named":      {env: map[string]string{"MAIL_FROM": "Kontor <post@firm.example>"}, check: func(c Config) bool { return c.MailFrom == "Kontor <post@firm.example>" }},
		"no logo":           {check: func(c Config) bool { return c.FirmLogo == "" }},
		"logo":              {env: map[string]string{"FIRM_LOGO": " /etc/kontor/logo.png\n"}, check: func(c Config) bool { return c.FirmLogo == "/etc/kontor/logo.png" }},
		"no such logo":      {env: map[string]string{"FIRM_LOGO": "/etc/kontor/logo.svg"}, wrong: "FIRM_LOGO"},
		"mail from":         {env: map[string]string{"MAIL_FROM": "nobody"}, wrong: "MAIL_FROM"},
		"admin password":    {env: map[string]string{"ADMIN_PASSWORD": "short"}, wrong: "ADMIN_PASSWORD"},
		"idle":              {env: map[string]string{"SESSION_IDLE": "-1m"}, wrong: "SESSION_IDLE"},
		"proxies":           {env: map[string]string{"TRUSTED_PROXIES": "10.0.0.0/8, 127.0.0.1/32"}, check: func(c Config) bool { return len(c.Proxies) == 2 }},
		"proxy header":      {check: func(c Config) bool { return !c.Forwarded }},
		"forwarded":         {env: map[string]string{"PROXY_HEADER": "forwarded"}, check: func(c Config) bool { return c.Forwarded }},
		"no such header":    {env: map[string]string{"PROXY_HEADER": "X-Real-IP"}, wrong: "PROXY_HEADER"},
		"proxies malformed": {env: map[string]string{"TRUSTED_PROXIES": "10.0.0.1"}, wrong: "TRUSTED_PROXIES"},
		"drain embedded":    {check: func(c Config) bool { return c.Drain == 0 && !c.Production() }},
		"drain https":       {env: map[string]string{"BASE_URL": "HTTPS://kontor.example"}, check: func(c Config) bool { return c.Drain == 5*time.Second && c.Production() }},
		"drain redis":       {env: map[string]string{"REDIS_URL": "redis://x", "SECRET_KEY": key}, check: func(c Config) bool { return c.Drain == 5*time.Second && c.Production() }},
		"drain postgres":    {env: map[string]string{"DATABASE_URL": "postgres://x", "SECRET_KEY": key}, check: func(c Config) bool { return c.Drain == 5*time.Second && c.Production() }},
		"drain postgresql":  {env: map[string]string{"DATABASE_URL": "postgresql://x", "SECRET_KEY": key, "DRAIN": "0"}, check: func(c Config) bool { return c.Drain == 0 && c.Production() }},
		"drain set":         {env: map[string]string{"DRAIN": "1m"}, check: func(c Config) bool { return c.Drain == time.Minute }},
		"drain negative":    {env: map[string]string{"DRAIN": "-1s"}, wrong: "DRAIN"},
		"drain for ever":    {env: map[string]string{"DRAIN": "24h"}, wrong: "DRAIN"},
		"drain of no unit":  {env: map[string]string{"DRAIN": "5"}, wrong: "DRAIN"},
		"dkim whole":        {env: map[string]string{"DKIM_DOMAIN": "firm.example", "DKIM_SELECTOR": "a", "DKIM_KEY_FILE": keyFile}, check: func(c Config) bool { return c.DKIMKey == key && c.DKIMDomain == "firm.example" }},
		"dkim domain":       {env: map[string]string{"DKIM_DOMAIN": "firm.example"}, wrong: "DKIM_SELECTOR"},
		"dkim key":          {env: map[string]string{"DKIM_KEY": "short"}, wrong: "DKIM_DOMAIN"},
		"dkim no key":       {env: map[string]string{"DKIM_DOMAIN": "firm.example", "DKIM_SELECTOR": "a"}, wrong: "DKIM_KEY"},
		"dkim key as flag":  {args: []string{"--dkim-key", "abcd"}, wrong: "DKIM_KEY"},
		"key for authority": {env: map[string]string{"SMTP_CA": "-----BEGIN PRIVATE KEY-----\nabcd"}, wrong: "SMTP_CA"},
		"documents": {check: func(c Config) bool {
			return c.FilesURL == "file://"+strings.TrimSuffix(strings.TrimPrefix(c.DatabaseURL, "sqlite://"), "kontor.db")+"documents" && c.FileMax == 2<<30 && c.CustomerQuota == 0 && c.FileTypes.String() == ".zip, image, office, pdf, text" && c.ClamdURL == ""
		}},
		"files": {env: map[string]string{"FILES_URL": "file:///srv/documents", "FILE_MAX": "50mb", "CUSTOMER_QUOTA": "1TB", "FILE_TYPES": "pdf"}, check: func(c Config) bool {
			return c.FilesURL == "file:///srv/documents" && c.FileMax == 50<<20 && c.CustomerQuota == 1<<40 && c.FileTypes.String() == "pdf"
		}},
		"files from file":   {env: map[string]string{"FILES_URL_FILE": keyFile}, wrong: "FILES_URL"},
		"files as flag":     {args: []string{"--files-url", "s3://key:abcd@s3.example/documents"}, wrong: "FILES_URL"},
		"file max":          {env: map[string]string{"FILE_MAX": "1000KB"}, wrong: "FILE_MAX"},
		"file max in words": {env: map[string]string{"FILE_MAX": "much"}, wrong: "FILE_MAX"},
		"quota":             {env: map[string]string{"CUSTOMER_QUOTA": "0"}, wrong: "CUSTOMER_QUOTA"},
		"file types":        {env: map[string]string{"FILE_TYPES": "pdf, documents"}, wrong: "FILE_TYPES"},
		"escrow":            {env: map[string]string{"ESCROW_RECIPIENT": " age1x "}, check: func(c Config) bool { return c.EscrowRecipient == "age1x" }},
		"escrow identity":   {env: map[string]string{"ESCROW_RECIPIENT": "AGE-SECRET-KEY-1ABCD"}, wrong: "ESCROW_RECIPIENT"},
		"clamd":             {env: map[string]string{"CLAMD_URL": "clamd"}, wrong: "CLAMD_URL"},
		"import":            {check: func(c Config) bool { return c.ImportMax == 64<<20 }},
		"import of no unit": {env: map[string]string{"IMPORT_MAX": "100"}, check: func(c Config) bool { return c.ImportMax == 100<<20 }},
		"import too large":  {env: map[string]string{"IMPORT_MAX": "1GB"}, wrong: "IMPORT_MAX"},
		"import too small":  {env: map[string]string{"IMPORT_MAX": "1KB"}, wrong: "IMPORT_MAX"},
		"unknown ignored":   {env: map[string]string{"KONTOR_X": "1"}, check: func(Config) bool { return true }},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"DATA_DIR": filepath.Join(t.TempDir(), "data")}
			for k, v := range c.env {
				env[k] = v
			}
			got, _, err := Load(c.args, func(k string) string { return env[k] }, checks)
			var wrong *Error
			require.Equal(t, c.wrong != "", errors.As(err, &wrong), "error")
			require.False(t, wrong != nil && wrong.Name != c.wrong)
			if err != nil {
				assert.NotContains(t, err.Error(), "\n", "is not one line")
				for _, secret := range []string{"short", "abcd", "mysql", "-----BEGIN", "AGE-SECRET"} {
					assert.NotContains(t, err.Error(), "="+secret, "shows a secret")
				}
				return
			}
			assert.True(t, c.check(got), "settings = %+v", got)
		})
	}
}

// TestCheckChannels: a production installation, recognised by any of three signs, uses the mailbox only if MAILBOX says
// so.
func TestCheckChannels(t *testing.T) {
	const smtp, sms = "smtp://mail.example", "https://sms.example"
	shapes := map[string]map[string]string{
		"embedded":        {},
		"plain base URL":  {"BASE_URL": "http://kontor.example"},
		"https":           {"BASE_URL": "https://kontor.example"},
		"HTTPS":           {"BASE_URL": "HTTPS://kontor.example"},
		"PostgreSQL":      {"DATABASE_URL": "postgres://db/kontor"},
		"PostgreSQL, too": {"DATABASE_URL": "postgresql://db/kontor"},
		"Redis":           {"REDIS_URL": "redis://queue"},
	}
	for shape, env := range shapes {
		production := shape != "embedded" && shape != "plain base URL"
		for _, c := range []struct{ smtp, sms, mailbox, production, embedded string }{
			{"", "", "", "SMTP_URL", ""},
			{smtp, "", "", "SMS_URL", ""},
			{"", sms, "", "SMTP_URL", ""},
			{smtp, sms, "", "", ""},
			{"", "", "on", "", ""},
			{smtp, "", "on", "", ""},
			{"", sms, "off", "SMTP_URL", "SMTP_URL"},
			{smtp, "", "off", "SMS_URL", "SMS_URL"},
			{smtp, sms, "off", "", ""},
		} {
			set := map[string]string{"DATA_DIR": t.TempDir(), "SECRET_KEY": base64.StdEncoding.EncodeToString(make([]byte, 32)), "SMTP_URL": c.smtp, "SMS_URL": c.sms, "MAILBOX": c.mailbox}
			for k, v := range env {
				set[k] = v
			}
			got, _, err := Load(nil, func(k string) string { return set[k] }, Checks{})
			require.NoError(t, err)
			want := c.embedded
			if production {
				want = c.production
			}
			assert.Equal(t, production, got.Production(), "%s: production", shape)
			assert.Equal(t, c.smtp == "" || c.sms == "", got.Boxed(), "%s: boxed", shape)
			err = got.CheckChannels()
			var missing *Error
			assert.Equal(t, want != "", errors.As(err, &missing), "%s, %+v", shape, c)
			assert.False(t, missing != nil && missing.Name != want, "%s, %+v", shape, c)
			if err != nil && (strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "MAILBOX=on")) {
				t.Errorf("%q", err)
			}
		}
	}
	_, _, err := Load(nil, func(k string) string { return map[string]string{"MAILBOX": "maybe", "DATA_DIR": t.TempDir()}[k] }, Checks{})
	assert.Error(t, err, "MAILBOX=maybe is taken")
}

func TestRestAndOwnKey(t *testing.T) {
	env := map[string]string{"DATA_DIR": t.TempDir()}
	getenv := func(k string) string { return env[k] }
	a, rest, err := Load([]string{"user", "add", "--locale", "de", "--email", "a@b.example"}, getenv, Checks{})
	require.NoError(t, err)
	assert.Equal(t, "user add --email a@b.example", strings.Join(rest, " "), "rest")
	b, _, err := Load(nil, getenv, Checks{})
	require.NoError(t, err, "a second start made another key")
	assert.Equal(t, string(b.SecretKey), string(a.SecretKey))
}

func TestWithAddress(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:4711":     "http://localhost:4711",
		"0.0.0.0:4711":       "http://localhost:4711",
		"[::]:80":            "http://localhost",
		"[::1]:8080":         "http://localhost:8080",
		"127.0.0.2:80":       "http://127.0.0.2", // localhost does not lead there
		"192.0.2.7:3000":     "http://192.0.2.7:3000",
		"[2001:db8::7]:3000": "http://[2001:db8::7]:3000",
	} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		require.NoError(t, err)
		got := (Config{}).WithAddress(a).BaseURL
		assert.Equal(t, want, got, addr)
		got = (Config{BaseURL: "https://x"}).WithAddress(a).BaseURL
		assert.Equal(t, "https://x", got, "BASE_URL was replaced by")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("--listen", "127.0.0.1:0")
	f.Add("--base-url=https://x", "--demo")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.Contains(a+b, "data-dir") {
			t.Skip("would write outside of the test's folder")
		}
		_, _, err := Load([]string{a, b}, func(k string) string {
			if k == "DATA_DIR" {
				return dir
			}
			return ""
		}, Checks{})
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%v is no setting's error", err)
		}
	})
}
