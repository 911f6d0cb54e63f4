package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/config"
	"kontor/app/filetype"
	"kontor/app/heartbeat"
	"kontor/app/logo"
	"kontor/app/secret"
)

// TestFingerprints: each setting that must not differ changes its own fingerprint and no other. User names and passwords
// of other servers are not part of any.
func TestFingerprints(t *testing.T) {
	key := func(c string) secret.Key {
		k, err := secret.NewKey([]byte(strings.Repeat(c, 32)))
		require.NoError(t, err)
		return k
	}
	base := config.Config{
		BaseURL: "https://kontor.example", DatabaseURL: "postgres://db/kontor", RedisURL: "redis://q", FirmName: "Berg",
		SMTPURL: "smtp://user:one@mail.example:587?tls=starttls", SMSURL: "https://sms.example/send?key=one",
		FilesURL: "s3://one:two@s3.example/documents?region=eu", FileMax: 1 << 30, ClamdURL: "tcp://clamd:3310",
	}
	same := base
	same.SMTPURL, same.SMSURL = "smtp://other:two@mail.example:587?tls=implicit", "https://sms.example/v2?key=two"
	same.LogFormat, same.RedisURL = "json", "redis://other"
	same.FilesURL, same.ClamdURL = "s3://three:four@s3.example/documents", "unix:///run/clamd"
	mark := &logo.Logo{Hash: "a", Name: "logo.png"}
	want := fingerprints(key("1"), base, mark, "log")
	got := fingerprints(key("1"), same, &logo.Logo{Hash: "a", Name: "another.png"}, "log")
	assert.True(t, equal(got, want), "%v, want %v", got, want)
	for name, c := range map[string]struct {
		key    string
		change func(c *config.Config)
	}{
		heartbeat.SecretKey: {"2", func(*config.Config) {}},
		heartbeat.BaseURL:   {"1", func(c *config.Config) { c.BaseURL = "http://kontor.example" }},
		heartbeat.FirmName:  {"1", func(c *config.Config) { c.FirmName = "Tal" }},
		heartbeat.Logo:      {"1", func(*config.Config) {}},
		heartbeat.Imprint:   {"1", func(c *config.Config) { c.ImprintURL = "https://tal.example" }},
		heartbeat.Privacy:   {"1", func(c *config.Config) { c.PrivacyURL = "https://tal.example" }},
		heartbeat.Contact:   {"1", func(c *config.Config) { c.Contact = "040 1234567" }},
		heartbeat.Erasures:  {"1", func(*config.Config) {}},
		heartbeat.Mailbox:   {"1", func(c *config.Config) { c.Mailbox = "on" }},
		heartbeat.SMTPURL:   {"1", func(c *config.Config) { c.SMTPURL = "" }},
		heartbeat.Files:     {"1", func(c *config.Config) { c.FilesURL = "s3://one:two@s3.example/others" }},
		heartbeat.FileMax:   {"1", func(c *config.Config) { c.FileMax++ }},
		heartbeat.Quota:     {"1", func(c *config.Config) { c.CustomerQuota = 1 << 30 }},
		heartbeat.FileTypes: {"1", func(c *config.Config) { c.FileTypes, _ = filetype.ParseAllowed("pdf") }},
		heartbeat.Escrow:    {"1", func(c *config.Config) { c.EscrowRecipient = "age1x" }},
		heartbeat.Scanner:   {"1", func(c *config.Config) { c.ClamdURL = "" }},
		heartbeat.SMSURL:    {"1", func(c *config.Config) { c.SMSURL = "smpp://user:pass@sms.example:2775" }},
	} {
		other, log, image := base, "log", mark
		if c.change(&other); name == heartbeat.Erasures {
			log = "another"
		}
		if name == heartbeat.Logo {
			image = nil
		}
		got := fingerprints(key(c.key), other, image, log)
		for setting := range want {
			assert.Equal(t, got[setting] != want[setting], setting == name, "with another")
		}
	}
	relay := base
	relay.SMTPURL = "smtp://user:one@relay.example:587"
	assert.NotEqual(t, want[heartbeat.SMTPURL], fingerprints(key("1"), relay, mark, "log")[heartbeat.SMTPURL], "another mail server is no difference")
}

func equal(a, b heartbeat.Settings) bool {
	for name := range a {
		if a[name] != b[name] {
			return false
		}
	}
	return len(a) == len(b)
}

// TestGatewaySettings: an SMS gateway setting that can't be parsed ends the start with one line, which names the setting
// and does not repeat anything that may be a key.
func TestGatewaySettings(t *testing.T) {
	const key = "hunter2hunter2"
	good := map[string]string{
		"SMS_URL": "https://a:" + key + "@gw.example/send", "SMS_HEADERS": "X-Key: " + key, "SMS_TYPE": "application/x-www-form-urlencoded",
		"SMS_BODY": "to={to}&text={text}&key=" + key, "SMS_SUCCESS": "$.status=0", "SMS_STATUS_URL": "https://a:" + key + "@gw.example/{id}",
	}
	for name, value := range map[string]string{
		"": "", "SMS_HEADERS": key, "SMS_METHOD": "HEAD", "SMS_TYPE": "text/xml", "SMS_BODY": "text=" + key, "SMS_SUCCESS": "(", "SMS_REFUSED": "$.", "SMS_ID": "(",
		"SMS_STATUS_URL": "https://gw.example/" + key, "SMS_STATUS": "$.a; x=y",
	} {
		_, _, err := config.Load(nil, func(n string) string {
			switch n {
			case "DATA_DIR":
				return t.TempDir()
			case name:
				return value
			}
			return good[n]
		}, Checks())
		var wrong *config.Error
		if name == "" {
			assert.NoError(t, err)
			continue
		}
		if !assert.ErrorAs(t, err, &wrong) {
			continue
		}
		if !assert.Equal(t, name, wrong.Name) {
			continue
		}
		said := err.Error()
		assert.NotContains(t, said, key, name)
		assert.False(t, strings.ContainsAny(said, "\n\r"), "%s", name)
		assert.Contains(t, said, "it takes", name)
	}
}
