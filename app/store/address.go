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

// CheckURL says whether Open can parse the address of a database. The error does not repeat the address.
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

// Place returns where a database is, for display: without user, password and options.
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

// postgresAddress is the parsed address of a PostgreSQL database.
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

// readPostgres parses an address. User and password may contain any characters: they end at the first @ that is
// followed by a well-formed place. Escapes such as %40 are decoded; a % that begins no escape is an ordinary character.
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

// unescape decodes escapes and leaves everything else as it is. If the result is not valid text, unescape returns s.
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

// String returns the address as other programs understand it.
func (p postgresAddress) String() string {
	switch {
	case p.hasPassword:
		return "postgres://" + url.UserPassword(p.user, p.password).String() + "@" + p.place
	case p.user != "":
		return "postgres://" + url.User(p.user).String() + "@" + p.place
	}
	return "postgres://" + p.place
}
