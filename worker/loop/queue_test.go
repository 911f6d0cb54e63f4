package loop

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestInProcessIsPrivate(t *testing.T) {
	q := open(t, "", nil)
	if !q.Embedded() {
		t.Error("not embedded")
	}
	if err := q.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(q.embedded.server.Addr())
	if err != nil || host != "127.0.0.1" || port == "6379" {
		t.Errorf("it listens at %s", q.embedded.server.Addr())
	}
	stranger := redis.NewClient(&redis.Options{Addr: q.embedded.server.Addr()})
	defer stranger.Close()
	if err := stranger.Set(t.Context(), "x", "y", 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOAUTH") {
		t.Errorf("a stranger is told %v", err)
	}
	if a, b := q.embedded.server.Addr(), open(t, "", nil).embedded.server.Addr(); a == b {
		t.Errorf("two of them at %s", a)
	}
}

func TestInProcessKeysExpire(t *testing.T) {
	q := open(t, "", nil)
	if err := q.client.Set(t.Context(), "x", "y", time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "expired", func() bool { return q.client.Get(t.Context(), "x").Err() == redis.Nil })
}
