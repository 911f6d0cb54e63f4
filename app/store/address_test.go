package store

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// passwords are examples of passwords that people choose or programs generate.
var passwords = []string{
	"plain", "a@b", "a:b", "a/b", "a?b", "a#b", "a%b", "100%", "a%zzb", "a[b", "a]b", "a b", "ü", "日本", "a&b=c", "a+b", "a;b", "'a'", `a"b`, `a\b`, "$a{b}", "@", ":", "/", "?", "#", "%",
	"[::1]:5432/db?x=y", "x@other/db", "x@other:1/db?a", "12?x@y", "12/x#y@z", "p@ss/w:rd?#%[] ü", "@@//??##", "postgres://u:p@h/d", "\\t\t", "a%ff",
}

// TestPasswords: a password may be written as it is or escaped; the rest of the address stays what it is.
func TestPasswords(t *testing.T) {
	for _, place := range []string{"db/kontor", "db.example:6432/kontor?sslmode=require", "[::1]:5432/kontor", "127.0.0.1", "/kontor?host=/run/postgresql", "a,b/kontor"} {
		for _, password := range passwords {
			for how, written := range map[string]string{"as it is": password, "escaped": url.QueryEscape(password), "as a path": url.PathEscape(password)} {
				if how == "escaped" {
					written = strings.ReplaceAll(written, "+", "%20")
				}
				address := "postgres://kontor:" + written + "@" + place
				p, err := readPostgres(address)
				if !assert.NoError(t, err, address) {
					continue
				}
				if !assert.Equal(t, "kontor", p.user, "%s: user", address) {
					continue
				}
				if !assert.Equal(t, password, p.password, "%s: password", address) {
					continue
				}
				if !assert.Equal(t, place, p.place, "%s: place", address) {
					continue
				}
				conf, err := p.config()
				require.NoError(t, err, "%s: pgx reads another one", address)
				assert.Equal(t, "kontor", conf.User, "%s: pgx reads another one", address)
				assert.Equal(t, password, conf.Password, "%s: pgx reads another one", address)
				assert.NoError(t, CheckURL(address))
				said := Place(address)
				assert.NotContains(t, said, "kontor:", "%s is shown as", address)
				assert.False(t, len(password) > 2 && strings.Contains(said, password))
			}
		}
	}
}

// TestAddresses: other valid addresses, and invalid ones.
func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://db/kontor":                          "PostgreSQL, db/kontor",
		"postgres://u@db:5433/kontor":                   "PostgreSQL, db:5433/kontor",
		"postgresql://a:1,b:2/kontor":                   "PostgreSQL, a:1,b:2/kontor",
		"postgres:///kontor?host=/run/postgresql":       "PostgreSQL, this machine/kontor",
		"postgres://db/k?user=a@b&password=x":           "PostgreSQL, db/k",
		"postgres://%2Frun%2Fpostgresql/kontor":         "PostgreSQL, %2Frun%2Fpostgresql/kontor",
		"postgres://bücher.example/kontor":              "PostgreSQL, bücher.example/kontor",
		"sqlite:///a/b@c:d.db":                          "SQLite, /a/b@c:d.db",
		"postgres://u:p@db/kontor?application_name=a@b": "PostgreSQL, db/kontor",
	} {
		assert.NoError(t, CheckURL(address), address)
		assert.Equal(t, want, Place(address), "%s is shown as", address)
	}
	for _, bad := range []string{"", "sqlite://", "mysql://u:secret1@db", "postgres://u:secret1@db:port/x", "postgres://u:secret1@db/x#y", "postgres://u:secret1", "postgres://u:secret1@db?sslmode=sometimes", "postgres://u:secret1\x00@db"} {
		_, opened := Open(context.Background(), bad)
		for _, err := range []error{CheckURL(bad), opened} {
			require.Error(t, err, "%q", bad)
			assert.NotContains(t, err.Error(), "secret1", "%q", bad)
		}
	}
}

// TestPasswordNotSaid: no error of a failed connection contains the password.
func TestPasswordNotSaid(t *testing.T) {
	for _, special := range []string{"@", ":", "/", "?", "#", "%", "[", "]", " ", "ü", "'", `\`} {
		for _, place := range []string{"127.0.0.1:1/kontor", "nobody.invalid/kontor", "%2Fno%2Fsuch%2Ffolder/kontor"} {
			password := "hunter2" + special + "geheim"
			_, err := Open(context.Background(), fmt.Sprintf("postgres://kontor:%s@%s?connect_timeout=2&sslmode=disable", password, place))
			require.Error(t, err, "%s at %s", password, place)
			assert.NotContains(t, err.Error(), "hunter2", "%s at %s", password, place)
			assert.NotContains(t, err.Error(), "geheim", "%s at %s", password, place)
		}
	}
}
