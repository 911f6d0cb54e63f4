package loop

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"kontor/app/await"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// redisServer is the path of the redis-server that tests may start; it plays single servers, nodes of a Cluster and
// Sentinels.
func redisServer(t *testing.T) string {
	t.Helper()
	path := os.Getenv("KONTOR_TEST_REDIS_SERVER")
	if path == "" {
		t.Skip("KONTOR_TEST_REDIS_SERVER is not set (Debian: redis-server)")
	}
	return path
}

// node is a redis-server of the test's own.
type node struct {
	t      *testing.T
	dir    string
	port   string
	args   []string
	cmd    *exec.Cmd
	frozen bool
}

// startNode starts a server on a free port. In args, a leading argument without "--" is a configuration file.
func startNode(t *testing.T, args ...string) *node {
	t.Helper()
	n := &node{t: t, dir: t.TempDir(), port: freePort(t), args: args}
	n.start()
	t.Cleanup(n.kill)
	return n
}

// freePort is a port of the system's choice, below 55536, since a node of a Cluster takes the one 10000 above as well.
func freePort(t *testing.T) string {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if port < 55536 {
			return strconv.Itoa(port)
		}
	}
}

func (n *node) addr() string { return "127.0.0.1:" + n.port }

// startSentinel starts a Sentinel with this configuration.
func startSentinel(t *testing.T, config string) *node {
	t.Helper()
	n := &node{t: t, dir: t.TempDir(), port: freePort(t)}
	file := filepath.Join(n.dir, "sentinel.conf")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	n.args = []string{file, "--sentinel"}
	n.start()
	t.Cleanup(n.kill)
	return n
}

func (n *node) start() {
	n.t.Helper()
	args := append([]string{}, n.args...)
	args = append(args, "--port", n.port, "--bind", "127.0.0.1", "--dir", n.dir)
	if len(n.args) == 0 || !strings.HasSuffix(n.args[0], ".conf") {
		args = append(args, "--save", "")
	}
	n.cmd = exec.Command(redisServer(n.t), args...)
	out := &bytes.Buffer{}
	n.cmd.Stdout = out
	require.NoError(n.t, n.cmd.Start())
	await.True(n.t, "redis-server listens", func() bool {
		conn, err := net.Dial("tcp", n.addr())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	require.NoError(n.t, n.cmd.Process.Signal(s))
}

// kill is kill -9.
func (n *node) kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		_ = n.cmd.Wait()
		n.cmd = nil
	}
}

// forget throws away what the server has kept on disk of its data, not of who its neighbours are.
func (n *node) forget() {
	n.t.Helper()
	for _, file := range []string{"appendonlydir", "appendonly.aof", "dump.rdb"} {
		require.NoError(n.t, os.RemoveAll(filepath.Join(n.dir, file)))
	}
}

// do gives the server a command; its answer is "" when it fails.
func (n *node) do(args ...any) (string, error) {
	client := redis.NewClient(&redis.Options{Addr: n.addr(), MaxRetries: -1, DisableIdentity: true, Protocol: 2})
	defer client.Close()
	v, err := client.Do(context.Background(), args...).Result()
	return fmt.Sprint(v), err
}

func (n *node) must(args ...any) string {
	n.t.Helper()
	v, err := n.do(args...)
	require.NoError(n.t, err, "%v", args)
	return v
}

// redisCluster is three masters and three replicas.
type redisCluster struct {
	t     *testing.T
	nodes []*node
}

// nodeTimeout is after how many milliseconds a node counts as gone.
const nodeTimeout = "2000"

func startCluster(t *testing.T) *redisCluster {
	t.Helper()
	c := &redisCluster{t: t}
	for range 6 {
		c.nodes = append(c.nodes, startNode(t, "--cluster-enabled", "yes", "--cluster-node-timeout", nodeTimeout,
			"--appendonly", "yes", "--cluster-config-file", "nodes.conf", "--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0",
			"--cluster-replica-validity-factor", "0")) // on a busy machine an election may fail until a replica's data count as too old
	}
	for _, n := range c.nodes[1:] {
		n.must("cluster", "meet", "127.0.0.1", c.nodes[0].port)
	}
	for i, slots := range [][2]int{{0, 5460}, {5461, 10922}, {10923, 16383}} {
		c.nodes[i].must("cluster", "addslotsrange", slots[0], slots[1])
	}
	for i, n := range c.nodes[3:] {
		id := c.nodes[i].must("cluster", "myid")
		await.True(t, "a replica joins", func() bool {
			_, err := n.do("cluster", "replicate", id)
			return err == nil
		})
	}
	c.whole()
	return c
}

// whole waits until all nodes agree that the cluster serves, and every master has a replica that is in step.
func (c *redisCluster) whole() {
	c.t.Helper()
	await.True(c.t, "the cluster is whole", func() bool {
		masters := 0
		for _, n := range c.nodes {
			info, err := n.do("cluster", "info")
			if err != nil || !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:6") {
				return false
			}
			repl, err := n.do("info", "replication")
			switch {
			case err != nil:
				return false
			case strings.Contains(repl, "role:master"):
				if !strings.Contains(repl, "state=online") {
					return false
				}
				masters++
			case !strings.Contains(repl, "master_link_status:up"):
				return false
			}
		}
		return masters == 3
	})
}

func (c *redisCluster) url() string {
	var addrs []string
	for _, n := range c.nodes {
		addrs = append(addrs, n.addr())
	}
	return "redis-cluster://" + strings.Join(addrs, ",")
}

// master is the node that has the queue; the lane must have been checked before.
func (c *redisCluster) master(l *lane) *node {
	c.t.Helper()
	for _, n := range c.nodes {
		if n.cmd == nil || n.frozen {
			continue
		}
		if _, err := n.do("get", l.own("check")); err == nil {
			return n
		}
	}
	c.t.Fatal("no node has " + l.key)
	return nil
}

// nameApart is an installation's name whose queues lie on different masters.
func (c *redisCluster) nameApart() string {
	third := func(key string) int { return slotOf(key) * 3 / 16384 }
	for i := 0; ; i++ {
		name := fmt.Sprintf("test%d", i)
		if third(keyOf(name, queueMail)) != third(keyOf(name, queueSMS)) {
			return name
		}
	}
}

// slotOf is the slot of a hash tag: CRC16 (XMODEM) modulo 16384.
func slotOf(tag string) int {
	var crc uint16
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % 16384
}

// sentinelSet is a master with two replicas and three Sentinels.
type sentinelSet struct {
	t         *testing.T
	nodes     []*node
	sentinels []*node
}

func startSentinels(t *testing.T) *sentinelSet {
	t.Helper()
	s := &sentinelSet{t: t, nodes: []*node{startNode(t, "--appendonly", "yes", "--repl-diskless-sync-delay", "0")}}
	for range 2 {
		s.nodes = append(s.nodes, startNode(t, "--appendonly", "yes", "--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1 "+s.nodes[0].port))
	}
	for range 3 {
		s.sentinels = append(s.sentinels, startSentinel(t, "sentinel monitor kontor 127.0.0.1 "+s.nodes[0].port+" 2\n"+
			"sentinel down-after-milliseconds kontor 2000\nsentinel failover-timeout kontor 4000\n"))
	}
	await.True(t, "the Sentinels know each other", func() bool {
		for _, n := range s.sentinels {
			info, err := n.do("info", "sentinel")
			if err != nil || !strings.Contains(info, "status=ok,address=127.0.0.1:"+s.nodes[0].port+",slaves=2,sentinels=3") {
				return false
			}
		}
		return true
	})
	return s
}

func (s *sentinelSet) url(master string) string {
	var addrs []string
	for _, n := range s.sentinels {
		addrs = append(addrs, n.addr())
	}
	return "redis-sentinel://" + master + "@" + strings.Join(addrs, ",")
}

// master is the node that takes writes.
func (s *sentinelSet) master() *node {
	s.t.Helper()
	var found *node
	await.True(s.t, "one node is the master", func() bool {
		found = nil
		for _, n := range s.nodes {
			if n.cmd == nil || n.frozen {
				continue
			}
			if info, err := n.do("info", "replication"); err == nil && strings.Contains(info, "role:master") {
				found = n
			}
		}
		return found != nil
	})
	return found
}

// freeze stops a server without its connections noticing.
func (n *node) freeze() { n.signal(syscall.SIGSTOP); n.frozen = true }
