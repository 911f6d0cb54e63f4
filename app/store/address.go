package store

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// errAddress never repeats the address: it may hold a password.
var errAddress = errors.New("database url: want sqlite:///path/file.db or postgres://user:password@host:port/database")

// CheckURL says whether Open can understand an address of a database. The error does not repeat it.
func CheckURL(address string) error {
	if path, ok := strings.CutPrefix(address, "sqlite://"); ok && path != "" {
		return nil
	}
	p, err := readPostgres(address)
	if err != nil {
		return err
	}
	_, err = p.config()
	return err
}

// Place is where a database is, without user, password and options: for people.
func Place(address string) string {
	if file, ok := strings.CutPrefix(address, "sqlite://"); ok {
		return "SQLite, " + file
	}
	p, err := readPostgres(address)
	if err != nil {
		return "PostgreSQL"
	}
	place, _, _ := strings.Cut(p.place, "?")
	if place == "" || place[0] == '/' {
		place = "this machine" + place
	}
	return "PostgreSQL, " + place
}

// postgresAddress is the address of a PostgreSQL database, taken apart.
type postgresAddress struct {
	user, password string
	hasPassword    bool
	place          string // hosts, database and options, as they were written
}

var (
	placeOf  = regexp.MustCompile(`^[^/?#@]*(/[^/?#@]*)?(\?[^#]*)?$`)
	hostsOf  = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[\pL\pN._%-]*)(:[0-9]+)?(,(\[[0-9A-Fa-f:.]+\]|[\pL\pN._%-]+)(:[0-9]+)?)*$`)
	escapeOf = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
)

// Options whose values may have an @ in them.
var optionsWithAt = []string{"user", "password", "host", "options", "application_name", "service", "servicefile", "passfile", "sslcert", "sslkey", "sslrootcert", "sslpassword"}

// readPostgres takes an address apart. User and password may hold any characters: they end at the first @ behind which a
// well-formed place stands. Escapes such as %40 are understood; a % that begins none is a character like others.
func readPostgres(address string) (p postgresAddress, err error) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || scheme != "postgres" && scheme != "postgresql" || !utf8.ValidString(address) || strings.ContainsRune(address, 0) {
		return p, errAddress
	}
	if isPlace(rest) {
		return postgresAddress{place: rest}, nil
	}
	for i := range rest {
		if rest[i] == '@' && isPlace(rest[i+1:]) {
			user, password, hasPassword := strings.Cut(rest[:i], ":")
			return postgresAddress{user: unescape(user), password: unescape(password), hasPassword: hasPassword, place: rest[i+1:]}, nil
		}
	}
	return p, errAddress
}

func isPlace(s string) bool {
	if !placeOf.MatchString(s) {
		return false
	}
	s, query, _ := strings.Cut(s, "?")
	hosts, _, _ := strings.Cut(s, "/")
	if !hostsOf.MatchString(hosts) {
		return false
	}
	for option := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(option, "=")
		if strings.Contains(name, "@") || strings.Contains(value, "@") && !slices.Contains(optionsWithAt, name) {
			return false
		}
	}
	return true
}

// unescape reads escapes and leaves alone what is none. What would be no text stays as it was written.
func unescape(s string) string {
	plain := escapeOf.ReplaceAllStringFunc(s, func(e string) string {
		c, _ := url.PathUnescape(e)
		return c
	})
	if !utf8.ValidString(plain) || strings.ContainsRune(plain, 0) {
		return s
	}
	return plain
}

// String is the address as other programs understand it.
func (p postgresAddress) String() string {
	switch {
	case p.hasPassword:
		return "postgres://" + url.UserPassword(p.user, p.password).String() + "@" + p.place
	case p.user != "":
		return "postgres://" + url.User(p.user).String() + "@" + p.place
	}
	return "postgres://" + p.place
}
