package loop

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// CheckRedisURL says whether Open would understand the address. The forms:
//
//	(empty)                                               in-process
//	redis://[user[:password]@]host[:port][/db]            one server
//	rediss://…                                            the same over TLS
//	redis-sentinel://master[:password]@host[:port],…[/db] Sentinel; options username, sentinel_username,
//	                                                      sentinel_password, tls=true
//	redis-cluster://[user[:password]@]host[:port],…       Cluster; option tls=true
//
// User names, passwords and option values are percent-encoded where they hold one of :/?#@%. The error never repeats
// any part of the address, because a mistyped address may contain a password anywhere.
func CheckRedisURL(address string) error {
	if address == "" {
		return nil
	}
	_, err := parseRedisURL(address)
	return err
}

// parseRedisURL does not use url.Parse, because url.Parse refuses more than one host with a port (RFC 3986 allows one
// host), and its errors repeat the address.
func parseRedisURL(address string) (*redis.UniversalOptions, error) {
	scheme, rest, found := strings.Cut(address, "://")
	port, known := map[string]string{
		"redis": "6379", "rediss": "6379", "redis-sentinel": "26379", "redis-cluster": "6379",
	}[scheme]
	if !found || !known {
		return nil, errors.New("redis url: want redis://, rediss://, redis-sentinel:// or redis-cluster://")
	}
	if strings.Contains(rest, "#") {
		return nil, errors.New("redis url: a # must be written %23")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	userinfo, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		userinfo, hosts = authority[:i], authority[i+1:]
	}
	user, password, err := splitUser(userinfo)
	if err != nil {
		return nil, err
	}
	opts := &redis.UniversalOptions{Username: user, Password: password}
	if opts.Addrs, err = splitHosts(hosts, port); err != nil {
		return nil, err
	}
	if opts.DB, err = database(path); err != nil {
		return nil, err
	}
	switch scheme {
	case "redis", "rediss":
		if len(opts.Addrs) != 1 {
			return nil, errors.New("redis url: redis:// and rediss:// take one host")
		}
	case "redis-sentinel":
		opts.MasterName, opts.Username = user, ""
	case "redis-cluster":
		opts.IsClusterMode = true
		if opts.DB != 0 {
			return nil, errors.New("redis url: a cluster has no database numbers")
		}
	}
	if err := setOptions(opts, scheme, query); err != nil {
		return nil, err
	}
	if scheme == "redis-sentinel" && opts.MasterName == "" {
		return nil, errors.New("redis url: redis-sentinel:// needs the master's name before the @")
	}
	if scheme == "rediss" {
		opts.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return opts, nil
}

func splitUser(userinfo string) (user, password string, err error) {
	user, password, _ = strings.Cut(userinfo, ":")
	if user, err = url.PathUnescape(user); err != nil {
		return "", "", errors.New("redis url: the user name is not percent-encoded as it should be")
	}
	if password, err = url.PathUnescape(password); err != nil {
		return "", "", errors.New("redis url: the password is not percent-encoded as it should be")
	}
	return user, password, nil
}

func splitHosts(hosts, defaultPort string) ([]string, error) {
	var addrs []string
	for _, h := range strings.Split(hosts, ",") {
		host, port := h, defaultPort
		switch {
		case strings.HasPrefix(h, "["): // IPv6
			end := strings.IndexByte(h, ']')
			if end < 0 || net.ParseIP(h[1:end]) == nil {
				return nil, errors.New("redis url: want an IPv6 address as [address]:port")
			}
			host = h[1:end]
			if tail := h[end+1:]; tail != "" {
				if !strings.HasPrefix(tail, ":") {
					return nil, errors.New("redis url: want an IPv6 address as [address]:port")
				}
				port = tail[1:]
			}
		default:
			if i := strings.IndexByte(h, ':'); i >= 0 {
				host, port = h[:i], h[i+1:]
			}
			if host == "" || strings.ContainsFunc(host, notOfHost) {
				return nil, errors.New("redis url: a host is missing or has characters that hosts do not have")
			}
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errors.New("redis url: a port is a number from 1 to 65535")
		}
		addrs = append(addrs, net.JoinHostPort(host, port))
	}
	return addrs, nil
}

func notOfHost(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
		return false
	}
	return true
}

func database(path string) (int, error) {
	path = strings.TrimSuffix(path, "/")
	if path == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(path, 10, 15)
	if err != nil {
		return 0, errors.New("redis url: what follows the host is a database number")
	}
	return int(n), nil
}

func setOptions(opts *redis.UniversalOptions, scheme, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("redis url: the options after ? are not well-formed")
	}
	for name, v := range values {
		sentinel := scheme == "redis-sentinel"
		switch {
		case len(v) != 1:
			return errors.New("redis url: an option stands twice")
		case name == "tls" && (sentinel || scheme == "redis-cluster"):
			on, err := strconv.ParseBool(v[0])
			if err != nil {
				return errors.New("redis url: tls is true or false")
			}
			if on {
				opts.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
			}
		case name == "username" && sentinel:
			opts.Username = v[0]
		case name == "sentinel_username" && sentinel:
			opts.SentinelUsername = v[0]
		case name == "sentinel_password" && sentinel:
			opts.SentinelPassword = v[0]
		default:
			return errors.New("redis url: an option after ? is unknown")
		}
	}
	return nil
}
