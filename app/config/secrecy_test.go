package config

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
				{"--" + s.flag(), v}, {"--" + s.flag() + "=" + v}, {"user", "add", "--demo", "--" + s.flag(), v, "--locale", "de"},
			} {
				_, _, err := Load(args, func(string) string { return "" }, Checks{})
				var e *Error
				if !assert.ErrorAs(t, err, &e, "%q", args) {
					continue
				}
				if !assert.Equal(t, s.Name, e.Name, "%q", args) {
					continue
				}
				said := err.Error()
				assert.NotContains(t, said, hidden, "%q", args)
				assert.False(t, strings.ContainsAny(said, "\n\r"), "%q", args)
				assert.Contains(t, said, "environment variable "+s.Name, "%q", args)
				assert.False(t, s.Secret && !strings.Contains(said, s.Name+"_FILE"), "%q", args)
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
		assert.Equal(t, want, withoutPassword(value), value)
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
	require.NoError(t, err)
	assert.Empty(t, rest)
	assert.Equal(t, "postgres://db.example/kontor", c.DatabaseURL)
	assert.Equal(t, "redis://redis.example", c.RedisURL)
	assert.Equal(t, "smtp://mail.example:25", c.SMTPURL)
	assert.Equal(t, "https://gateway.example/send", c.SMSURL)
	c, _, err = Load([]string{"--database-url", "sqlite://" + filepath.Join(dir, "x.db")}, getenv, Checks{})
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(c.DatabaseURL, "/x.db"), "%+v", c)
	// A password in a setting that is wrong for another reason is not shown either.
	_, _, err = Load(nil, func(k string) string {
		return map[string]string{"DATA_DIR": dir, "BASE_URL": "https://anna:" + hidden + "@kontor.example/path"}[k]
	}, Checks{})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), hidden)
}
