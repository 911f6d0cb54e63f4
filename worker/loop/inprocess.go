package loop

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// inProcess is the Redis-compatible server of the embedded mode. It listens on the loopback interface, because the client
// library needs an address. The system chooses the port, and a random password keeps other programs on the machine out.
// It stores nothing on disk. If it loses tasks, they are still in the outbox.
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

// age makes keys expire. miniredis expires them only when it is told how much time has passed.
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
