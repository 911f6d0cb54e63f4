package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kontor/app/await"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// server is a program of somebody else's that a test starts, stops, freezes and starts again.
type server struct {
	t    testing.TB
	name string
	args []string
	as   *syscall.SysProcAttr
	out  *output
	cmd  *exec.Cmd
	done chan struct{}
}

func (s *server) start() {
	s.cmd = exec.Command(s.name, s.args...)
	s.cmd.SysProcAttr, s.cmd.Stdout, s.cmd.Stderr = s.as, s.out, s.out
	if !assert.NoError(s.t, s.cmd.Start(), "start %s", s.name) {
		return
	}
	done := make(chan struct{})
	s.done = done
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // how it ended does not matter
		close(done)
	}(s.cmd)
}

func (s *server) runs() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

func (s *server) signal(sig syscall.Signal) { _ = s.cmd.Process.Signal(sig) }

// needs is the program that a variable of the environment names, or the test is skipped.
func needs(t testing.TB, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("set %s to the path of the program to run this", variable)
	}
	return path
}

// disk is a folder that can be full. Only root can make one; without, it is a folder like another.
func disk(t *testing.T, size string) (dir string, small bool) {
	t.Helper()
	dir, err := os.MkdirTemp("", "kontor-disk")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	if err != nil {
		t.Logf("no disk of our own, so it never gets full: %v", err)
	}
	t.Cleanup(func() {
		if err == nil {
			assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH), "unmount")
		}
		_ = os.RemoveAll(dir)
	})
	return dir, err == nil
}

// fill writes a file until the disk is full, and returns what frees the space again.
func fill(t testing.TB, dir string) (free func()) {
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if !assert.NoError(t, err, "fill the disk") {
		return func() {}
	}
	for _, size := range []int{1 << 20, 4 << 10, 1} {
		for block := make([]byte, size); err == nil; {
			_, err = f.Write(block)
		}
		err = nil
	}
	_ = f.Close() // it is full
	return func() { _ = os.Remove(path) }
}

// postgres is a server of the test's own.
type postgres struct {
	*server
	dir, data, url string
	small          bool // its disk can be full
}

// startPostgres makes a database cluster and starts it; the variable names the program "postgres", with initdb beside it.
func startPostgres(t *testing.T) *postgres {
	program := needs(t, "KONTOR_TEST_POSTGRES_SERVER")
	dir, small := disk(t, "400m")
	p := &postgres{dir: dir, data: filepath.Join(dir, "data"), small: small}
	as := unprivileged(t, dir)
	initdb := exec.Command(filepath.Join(filepath.Dir(program), "initdb"), "-D", p.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = as, dir
	out, err := initdb.CombinedOutput()
	require.NoError(t, err, "initdb: \n%s", out)
	host, port, err := net.SplitHostPort(freeAddress(t))
	require.NoError(t, err)
	p.url = "postgres://postgres@" + net.JoinHostPort(host, port) + "/postgres?sslmode=disable"
	p.server = &server{t: t, name: program, as: as, out: &output{}, args: []string{
		"-D", p.data, "-p", port, "-k", dir, "-c", "listen_addresses=" + host, "-c", "max_connections=120",
		"-c", "max_wal_size=96MB", "-c", "min_wal_size=32MB",
	}}
	p.start()
	t.Cleanup(p.kill)
	p.up()
	return p
}

// unprivileged is for PostgreSQL, which refuses to run as root.
func unprivileged(t *testing.T, dir string) *syscall.SysProcAttr {
	if os.Getuid() != 0 {
		return nil
	}
	who, err := user.Lookup("postgres")
	require.NoError(t, err)
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	require.NoError(t, os.Chown(dir, uid, gid))
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}} //nolint:gosec // ids of the system
}

// up starts the server until it answers: what a full disk or kill -9 ended may take more than one start.
func (p *postgres) up() {
	p.t.Helper()
	ok := await.Within(2*time.Minute, func() bool {
		if !p.runs() {
			p.start()
		}
		return p.do("SELECT 1") == nil
	})
	assert.True(p.t, ok, "PostgreSQL does not come back:\n%s", p.out)
}

func (p *postgres) do(statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// sentinel is a Redis with two replicas, watched by three sentinels.
type sentinel struct {
	t         *testing.T
	nodes     []*server
	sentinels []*server
	addresses []string // of the nodes
	watchers  []string // addresses of the sentinels
}

const failoverAfter = 2 * time.Second

func startSentinel(t *testing.T) *sentinel {
	program := needs(t, "KONTOR_TEST_REDIS_SERVER")
	s := &sentinel{t: t}
	for i := range 3 {
		at := freeAddress(t)
		_, port, _ := net.SplitHostPort(at)
		conf := "bind 127.0.0.1\nport " + port + "\ndir " + t.TempDir() + "\nsave \"\"\nappendonly no\nmaxmemory-policy noeviction\n"
		if i > 0 {
			host, master, _ := net.SplitHostPort(s.addresses[0])
			conf += "replicaof " + host + " " + master + "\n"
		}
		s.addresses = append(s.addresses, at)
		s.nodes = append(s.nodes, s.launch(program, conf))
	}
	host, port, _ := net.SplitHostPort(s.addresses[0])
	for range 3 {
		at := freeAddress(t)
		_, own, _ := net.SplitHostPort(at)
		s.watchers = append(s.watchers, at)
		s.sentinels = append(s.sentinels, s.launch(program, fmt.Sprintf(
			"bind 127.0.0.1\nport %s\ndir %s\nsentinel monitor kontor %s %s 2\nsentinel down-after-milliseconds kontor %d\nsentinel failover-timeout kontor 6000\n",
			own, t.TempDir(), host, port, failoverAfter.Milliseconds()), "--sentinel"))
	}
	s.up()
	return s
}

func (s *sentinel) launch(program, conf string, more ...string) *server {
	path := filepath.Join(s.t.TempDir(), "redis.conf")
	require.NoError(s.t, os.WriteFile(path, []byte(conf), 0o600))
	node := &server{t: s.t, name: program, args: append([]string{path}, more...), out: &output{}}
	node.start()
	s.t.Cleanup(node.kill)
	return node
}

func (s *sentinel) url() string {
	return "redis-sentinel://kontor@" + strings.Join(s.watchers, ",") + "/0"
}

// master is the index of the node that is the master, as the sentinels say; -1 when none says.
func (s *sentinel) master() int {
	for _, at := range s.watchers {
		client := redis.NewSentinelClient(&redis.Options{Addr: at, MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: time.Second})
		found, err := client.GetMasterAddrByName(context.Background(), "kontor").Result()
		_ = client.Close()
		if err != nil || len(found) != 2 {
			continue
		}
		for i, a := range s.addresses {
			if a == net.JoinHostPort(found[0], found[1]) {
				return i
			}
		}
	}
	return -1
}

// up starts what does not run and waits until there is a master that takes what it is told.
func (s *sentinel) up() {
	s.t.Helper()
	ok := await.Within(2*time.Minute, func() bool {
		for _, n := range append(append([]*server(nil), s.nodes...), s.sentinels...) {
			if !n.runs() {
				n.start()
			}
		}
		m := s.master()
		if m < 0 {
			return false
		}
		client := redis.NewClient(&redis.Options{Addr: s.addresses[m], MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: time.Second})
		defer func() { _ = client.Close() }()
		return client.Set(context.Background(), "test:up", 1, time.Second).Err() == nil
	})
	assert.True(s.t, ok, "Redis does not come back")
}
