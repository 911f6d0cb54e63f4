package config

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const hidden = "hunter2secret"

// TestSecretsAreNoFlags: for every setting of the table, a secret on the command line ends the program with one line
// that names the variable and the file, but not the value.
func TestSecretsAreNoFlags(t *testing.T) {
	named := regexp.MustCompile(`KEY|SECRET|PASSWORD|TOKEN|HEADERS|_URL$`)
	public := []string{"BASE_URL", "IMPRINT_URL", "PRIVACY_URL"} // shown to everybody
	for _, s := range Table(Checks{}) {
		if named.MatchString(s.Name) && !s.Secret && !slices.Contains(public, s.Name) {
			t.Errorf("%s sounds like a secret and is none", s.Name)
		}
		values := []string{
			"https://anna:" + hidden + "@gateway.example/send", "postgres://anna:" + hidden + "@db.example/kontor",
			"https://gateway.example/send?api_key=" + hidden, "redis://:" + hidden + "@redis.example",
		}
		if s.Secret && s.bare == nil {
			values = append(values, hidden, "x", "Authorization: Bearer "+hidden)
		}
		for _, v := range values {
			for _, args := range [][]string{
				{"--" + s.Flag(), v}, {"--" + s.Flag() + "=" + v}, {"user", "add", "--demo", "--" + s.Flag(), v, "--locale", "de"},
			} {
				_, _, err := Load(args, func(string) string { return "" }, Checks{})
				var e *Error
				if !errors.As(err, &e) || e.Name != s.Name {
					t.Errorf("%q: %v, want a refusal that names %s", args, err, s.Name)
					continue
				}
				said := err.Error()
				if strings.Contains(said, hidden) || strings.ContainsAny(said, "\n\r") || !strings.Contains(said, "environment variable "+s.Name) ||
					s.Secret && !strings.Contains(said, s.Name+"_FILE") {
					t.Errorf("%q: %s", args, said)
				}
			}
		}
	}
}

// TestWithoutPassword: which addresses contain a secret, and which do not.
func TestWithoutPassword(t *testing.T) {
	for value, want := range map[string]bool{
		"":                                    true,
		"sqlite:///data/kontor.db":            true,
		"sqlite:///data/a@b:c/kontor.db":      true,
		"sqlite://kontor.db":                  true,
		"postgres://db.example/kontor":        true,
		"postgres://anna@db.example/kontor":   true,
		"postgres://anna@/kontor?host=/run/x": true,
		"postgres://db1:5432,db2:5432/kontor?sslmode=verify-full&sslkey=/k&passfile=/p&sslrootcert=/c": true,
		"postgresql://anna:geheim@db.example/kontor":                                                   false,
		"postgres://anna:geheim@db1:5432,db2:5432/kontor":                                              false,
		"postgres://db.example/kontor?user=anna&password=geheim":                                       false,
		"postgres://db.example/kontor?user=anna@firm.example":                                          true,
		"postgres://db.example/kontor?PASSWORD=geheim":                                                 false,
		"postgres://db.example/kontor?sslpassword=geheim&sslkey=/k":                                    false,
		"postgres://db.example/kontor?pass%77ord=geheim":                                               false,
		"postgres://anna:ge/heim@db.example/kontor":                                                    false,
		"postgres://anna:ge?heim@db.example/kontor":                                                    false,
		"postgres://anna:ge#heim@db.example/kontor":                                                    false,
		"postgres://anna:1234/heim@db.example/kontor":                                                  false,
		"postgres://anna:ge%zz@db.example/kontor":                                                      false,
		"redis://redis.example:6379/1":                                                                 true,
		"redis://[::1]:6379":                                                                           true,
		"redis://:geheim@redis.example":                                                                false,
		"REDISS://anna:geheim@redis.example":                                                           false,
		"redis-sentinel://master@s1:26379,s2:26379/0":                                                  true,
		"redis-sentinel://master:geheim@s1,s2":                                                         false,
		"redis-sentinel://master@s1,s2?sentinel_username=u":                                            true,
		"redis-sentinel://master@s1,s2?sentinel_password=geheim":                                       false,
		"smtp://mail.example:25?tls=none":                                                              true,
		"smtp://anna@mail.example":                                                                     true,
		"smtp://anna@firm.example:geheim@mail.example":                                                 false,
		"smtp://anna:geheim@mail.example:587?tls=starttls":                                             false,
		"https://gateway.example/send?sender=Kontor":                                                   true,
		"https://anna:geheim@gateway.example/send":                                                     false,
		"https://apikey@gateway.example/send":                                                          false,
		"https://gateway.example/send?apikey=geheim":                                                   false,
		"https://gateway.example/send?sender=K&Token=geheim":                                           false,
		"https://gateway.example/send?user=anna&pw=geheim":                                             false,
		"https://gateway.example/send?user=anna;p=geheim":                                              false,
		"https://gateway.example/send?api_key=":                                                        true,
		"smpp://system@smpp.example:2775":                                                              true,
		"smpp://system:geheim@smpp.example:2775":                                                       false,
		"s3://key:geheim@s3.example/bucket":                                                            false,
		"a password without an address: geheim@x":                                                      true, // no address; a Secret without bare is refused anyway
	} {
		if got := withoutPassword(value); got != want {
			t.Errorf("%s: %v, want %v", value, got, want)
		}
	}
}

// TestAddressesStayFlags: values without a secret are still accepted on the command line.
func TestAddressesStayFlags(t *testing.T) {
	dir := t.TempDir()
	getenv := func(k string) string {
		return map[string]string{"DATA_DIR": dir, "SECRET_KEY": strings.Repeat("A", 43) + "="}[k]
	}
	c, rest, err := Load([]string{
		"--database-url", "postgres://db.example/kontor", "--redis-url=redis://redis.example", "--smtp-url", "smtp://mail.example:25",
		"--sms-url", "https://gateway.example/send", "--base-url=https://kontor.example", "--data-dir", dir,
	}, getenv, Checks{})
	if err != nil || len(rest) > 0 || c.DatabaseURL != "postgres://db.example/kontor" || c.RedisURL != "redis://redis.example" ||
		c.SMTPURL != "smtp://mail.example:25" || c.SMSURL != "https://gateway.example/send" {
		t.Errorf("%+v, %v, %v", c, rest, err)
	}
	c, _, err = Load([]string{"--database-url", "sqlite://" + filepath.Join(dir, "x.db")}, getenv, Checks{})
	if err != nil || !strings.HasSuffix(c.DatabaseURL, "/x.db") {
		t.Errorf("%+v, %v", c, err)
	}
	// A password in a setting that is wrong for another reason is not shown, either.
	_, _, err = Load(nil, func(k string) string {
		return map[string]string{"DATA_DIR": dir, "BASE_URL": "https://anna:" + hidden + "@kontor.example/path"}[k]
	}, Checks{})
	if err == nil || strings.Contains(err.Error(), hidden) {
		t.Errorf("%v", err)
	}
}
