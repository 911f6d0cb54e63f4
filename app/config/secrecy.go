package config

import (
	"net/url"
	"regexp"
	"strings"
)

// mayBeFlag says whether a value may be given on the command line, which every user of the machine can read in the
// process list. A value that contains a password may not.
func (s Setting) mayBeFlag(value string) bool {
	if value == "" {
		return true
	}
	if s.Secret {
		return s.bare != nil && s.bare(value)
	}
	return withoutPassword(value)
}

// instead says where to put a secret.
func (s Setting) instead() string {
	if s.Secret {
		return "the environment variable " + s.Name + ", or " + s.Name + "_FILE with the name of a file that holds it"
	}
	return "the environment variable " + s.Name
}

// secretOption matches names of URL options that may contain a secret.
var secretOption = regexp.MustCompile(`(?i)pass|pwd|^pw|^p$|kennwort|secret|geheim|token|key|auth|cred|^sig|pin$|bearer|jwt|hash`)

// fileOptions are options of PostgreSQL whose names match secretOption but whose values are file names or methods.
var fileOptions = []string{"sslkey", "passfile", "require_auth", "krbsrvname", "target_session_attrs"}

// withoutPassword says whether an address contains no password, neither before the host nor in an option. For text that
// is not an address it returns true. An address that cannot be parsed and contains an @ counts as one with a password:
// an unencoded / or # in a password splits the address at the wrong place.
func withoutPassword(value string) bool {
	scheme, rest, ok := strings.Cut(value, "://")
	if !ok {
		return true
	}
	scheme = strings.ToLower(scheme)
	if scheme == "sqlite" || scheme == "file" || scheme == "unix" { // a path; @ has no special meaning there
		return true
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	user, host := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, host = authority[:i], authority[i+1:]
	}
	if strings.ContainsAny(host+path, "@") || strings.Contains(host+path+query, "#") {
		return false
	}
	_, password, _ := strings.Cut(user, ":")
	web := scheme == "http" || scheme == "https"
	if password != "" || web && user != "" { // there the user name may be a key
		return false
	}
	return plainOptions(scheme, query)
}

func plainOptions(scheme, query string) bool {
	for _, option := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(option, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil || strings.Contains(plain, "@") {
			return false
		}
		if value == "" || strings.HasPrefix(scheme, "postgres") && isFileOption(plain) {
			continue
		}
		if secretOption.MatchString(plain) {
			return false
		}
	}
	return true
}

func isFileOption(name string) bool {
	for _, f := range fileOptions {
		if strings.EqualFold(name, f) {
			return true
		}
	}
	return false
}
