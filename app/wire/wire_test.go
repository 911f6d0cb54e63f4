package wire

import (
	"strings"
	"testing"

	"kontor/app/config"
	"kontor/app/heartbeat"
	"kontor/app/secret"
)

// TestFingerprints: each setting that matters shows when it differs, and it alone; names and passwords of the other sides
// are in none.
func TestFingerprints(t *testing.T) {
	key := func(c string) secret.Key {
		k, err := secret.NewKey([]byte(strings.Repeat(c, 32)))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	base := config.Config{
		BaseURL: "https://kontor.example", DatabaseURL: "postgres://db/kontor", RedisURL: "redis://q", FirmName: "Berg",
		SMTPURL: "smtp://user:one@mail.example:587?tls=starttls", SMSURL: "https://sms.example/send?key=one",
	}
	same := base
	same.SMTPURL, same.SMSURL = "smtp://other:two@mail.example:587?tls=implicit", "https://sms.example/v2?key=two"
	same.LogFormat, same.RedisURL = "json", "redis://other"
	want := fingerprints(key("1"), base)
	if got := fingerprints(key("1"), same); !equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for name, c := range map[string]struct {
		key    string
		change func(c *config.Config)
	}{
		heartbeat.SecretKey: {"2", func(*config.Config) {}},
		heartbeat.BaseURL:   {"1", func(c *config.Config) { c.BaseURL = "http://kontor.example" }},
		heartbeat.FirmName:  {"1", func(c *config.Config) { c.FirmName = "Tal" }},
		heartbeat.Mailbox:   {"1", func(c *config.Config) { c.Mailbox = "on" }},
		heartbeat.SMTPURL:   {"1", func(c *config.Config) { c.SMTPURL = "" }},
		heartbeat.SMSURL:    {"1", func(c *config.Config) { c.SMSURL = "smpp://user:pass@sms.example:2775" }},
	} {
		other := base
		c.change(&other)
		got := fingerprints(key(c.key), other)
		for setting := range want {
			if (got[setting] != want[setting]) != (setting == name) {
				t.Errorf("with another %s, %s: %v", name, setting, got[setting] != want[setting])
			}
		}
	}
	relay := base
	relay.SMTPURL = "smtp://user:one@relay.example:587"
	if fingerprints(key("1"), relay)[heartbeat.SMTPURL] == want[heartbeat.SMTPURL] {
		t.Error("another mail server is no difference")
	}
}

func equal(a, b heartbeat.Settings) bool {
	for name := range a {
		if a[name] != b[name] {
			return false
		}
	}
	return len(a) == len(b)
}
