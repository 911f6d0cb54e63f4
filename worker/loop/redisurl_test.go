package loop

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRedisURL(t *testing.T) {
	for address, want := range map[string]redis.UniversalOptions{
		"redis://localhost":                   {Addrs: []string{"localhost:6379"}},
		"redis://10.0.0.1:7000/3":             {Addrs: []string{"10.0.0.1:7000"}, DB: 3},
		"redis://[::1]:7000/":                 {Addrs: []string{"[::1]:7000"}},
		"redis://[::1]":                       {Addrs: []string{"[::1]:6379"}},
		"redis://:s%3Acret@h":                 {Addrs: []string{"h:6379"}, Password: "s:cret"},
		"redis://me:p@ss:w@h":                 {Addrs: []string{"h:6379"}, Username: "me", Password: "p@ss:w"},
		"redis-sentinel://main@h1,h2:1,h3/2":  {Addrs: []string{"h1:26379", "h2:1", "h3:26379"}, MasterName: "main", DB: 2},
		"redis-cluster://me:pw@h1:1,h2:2,h-3": {Addrs: []string{"h1:1", "h2:2", "h-3:6379"}, Username: "me", Password: "pw", IsClusterMode: true},
		"redis-cluster://h1":                  {Addrs: []string{"h1:6379"}, IsClusterMode: true},
		"redis-sentinel://main:pw@h?username=u&sentinel_username=su&sentinel_password=sp": {
			Addrs: []string{"h:26379"}, MasterName: "main", Username: "u", Password: "pw",
			SentinelUsername: "su", SentinelPassword: "sp",
		},
	} {
		got, err := parseRedisURL(address)
		if !assert.NoError(t, err, address) {
			continue
		}
		assert.Equal(t, strings.Join(want.Addrs, " "), strings.Join(got.Addrs, " "), address)
		assert.Equal(t, want.DB, got.DB, address)
		assert.Equal(t, want.Username, got.Username, address)
		assert.Equal(t, want.Password, got.Password, address)
		assert.Equal(t, want.MasterName, got.MasterName, address)
		assert.Equal(t, want.IsClusterMode, got.IsClusterMode, address)
		assert.Equal(t, want.SentinelUsername, got.SentinelUsername, address)
		assert.Equal(t, want.SentinelPassword, got.SentinelPassword, address)
		assert.Nil(t, got.TLSConfig, address)
	}
	for _, address := range []string{"rediss://h", "redis-sentinel://main@h?tls=true", "redis-cluster://h?tls=1"} {
		got, err := parseRedisURL(address)
		require.NoError(t, err, address)
		require.NotNil(t, got.TLSConfig, address)
		assert.False(t, got.TLSConfig.InsecureSkipVerify, "%s", address)
	}
	// The client library decides by these options which of the three kinds of client it makes.
	for address, kind := range map[string]string{"redis://h": "Client", "redis-sentinel://m@h": "Client", "redis-cluster://h": "ClusterClient"} {
		opts, err := parseRedisURL(address)
		require.NoError(t, err)
		client := redis.NewUniversalClient(opts)
		_, cluster := client.(*redis.ClusterClient)
		assert.Equal(t, kind == "ClusterClient", cluster, "%s makes a %T", address, client)
		_ = client.Close()
	}
}

func TestCheckRedisURL(t *testing.T) {
	assert.NoError(t, CheckRedisURL(""), "in-process")
	const secret = "hunter2"
	for _, address := range []string{
		"localhost:6379", "http://h", "redis:/h", "redis://", "redis://:hunter2@", "redis://h1,h2", "redis://h:0", "redis://h:65536",
		"redis://h:x", "redis://h/x", "redis://h/-1", "redis://h/1/2", "redis://u:hunter2%zz@h", "redis://u%zz:hunter2@h",
		"redis://h?hunter2", "redis://h?tls=true", "redis://u:hunter2#x@h", "redis://u:hunter2/x@h", "redis://u:hunter2?x@h",
		"redis-sentinel://h", "redis-sentinel://:hunter2@h", "redis-sentinel://m@h,", "redis-sentinel://m@h?tls=hunter2",
		"redis-sentinel://m@h?username=hunter2&username=x", "redis-sentinel://m@h?a=%zz", "redis-cluster://h/1", "redis-cluster://[::1",
		"redis-cluster://[x]:1", "redis-cluster://[::1]x", "redis://h h", "hunter2", "hunter2://h", "unix:///run/redis.sock",
	} {
		err := CheckRedisURL(address)
		if err == nil {
			t.Errorf("%s was accepted", address)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error tells the password: %v", address, err)
		}
		_, err = Open(t.Context(), address, testInstallation, nil)
		assert.Error(t, err, "Open accepted %s", address)
	}
}

func FuzzCheckRedisURL(f *testing.F) {
	for _, address := range []string{
		"", "redis://h", "rediss://:p@h:1/2", "redis-sentinel://m:p@h1,h2?tls=true", "redis-cluster://u:p@[::1]:1,h", "redis://h?x#y",
	} {
		f.Add(address)
	}
	fixed := map[string]bool{}
	f.Fuzz(func(t *testing.T, address string) {
		err := CheckRedisURL(address)
		if err != nil {
			// An error is one of a few fixed sentences, so it can't reveal the address.
			fixed[err.Error()] = true
			require.LessOrEqual(t, len(fixed), 20, "one more error text: %v", err)
			return
		}
		if address == "" {
			return
		}
		opts, err := parseRedisURL(address)
		require.NoError(t, err, "%q", address)
		require.NotEmpty(t, opts.Addrs, "%q", address)
		require.GreaterOrEqual(t, opts.DB, 0, "%q", address)
	})
}
