package loop

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// inProcess is the Redis-compatible server of the embedded mode. It listens on loopback, since the client library
// wants an address: on a port that the system chooses, behind a random password, so that no other program on the
// machine gets in by chance or on purpose. It keeps nothing on disk; what it forgets the outbox knows.
type inProcess struct {
	server *miniredis.Miniredis
	stop   chan struct{}
}

func startInProcess() (*inProcess, *redis.UniversalOptions, error) {
	password := rand.Text()
	server := miniredis.NewMiniRedis()
	server.RequireAuth(password)
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, nil, fmt.Errorf("start the in-process queue: %w", err)
	}
	p := &inProcess{server: server, stop: make(chan struct{})}
	go p.age()
	return p, &redis.UniversalOptions{Addrs: []string{server.Addr()}, Password: password}, nil
}

// age lets keys expire: miniredis does that only when it is told how much time went by.
func (p *inProcess) age() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-p.stop:
			return
		case now := <-tick.C:
			p.server.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (p *inProcess) close() {
	close(p.stop)
	p.server.Close()
}
