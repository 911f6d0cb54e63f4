package loop

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier"
)

// TestReasonOfReply: the errors by which Redis 5 to 7 says that it can't serve, and errors that are only about the
// command.
func TestReasonOfReply(t *testing.T) {
	for text, want := range map[string]courier.QueueReason{
		"OOM command not allowed when used memory > 'maxmemory'.":                                                                      courier.QueueFull,
		"OOM command not allowed when used memory > 'maxmemory'. script: 94d1, on @user_script:1.":                                     courier.QueueFull,
		"ERR Error running script (call to f_12): @user_script:3: @user_script: 3: -OOM command not allowed when used memory > 'x'.":   courier.QueueFull,
		"ERR Error running script (call to f_12): @user_script:3: -READONLY You can't write against a read only replica.":              courier.QueueReadOnly,
		"READONLY You can't write against a read only replica.":                                                                        courier.QueueReadOnly,
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.":                             courier.QueueDisk,
		"NOREPLICAS Not enough good replicas to write.":                                                                                courier.QueueReplicas,
		"LOADING Redis is loading the dataset in memory":                                                                               courier.QueueLoading,
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.":                                             courier.QueueMasterDown,
		"NOAUTH Authentication required.":                                                                                              courier.QueuePassword,
		"WRONGPASS invalid username-password pair or user is disabled.":                                                                courier.QueuePassword,
		"ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?": courier.QueuePassword,
		"ERR invalid password": courier.QueuePassword,
		"NOPERM this user has no permissions to run the 'set' command": courier.QueueRights,
		"DENIED Redis is running in protected mode because ...":        courier.QueueProtected,
		"ERR DB index is out of range":                                 courier.QueueDatabase,
		"ERR invalid DB index":                                         courier.QueueDatabase,
		"ERR SELECT is not allowed in cluster mode":                    courier.QueueClusterNode,
		"MOVED 3999 127.0.0.1:6381":                                    courier.QueueClusterNode,
		"CLUSTERDOWN Hash slot not served":                             courier.QueueClusterDown,
		"ERR This instance has cluster support disabled":               courier.QueueNoCluster,
		"ERR max number of clients reached":                            courier.QueueClients,
		"BUSY Redis is busy running a script.":                         courier.QueueBusy,
		"ERR No such master with that name":                            courier.QueueNoMaster,
		"ERR unknown command 'sentinel', with args beginning with: ":   courier.QueueNoSentinel,
		"ERR unknown command 'hello', with args beginning with: '3' ":  "",
		"WRONGTYPE Operation against a key holding the wrong kind":     "",
		"NOSCRIPT No matching script. Please use EVAL.":                "",
		"ERR value is not an integer or out of range":                  "",
		"OOMPH": "",
		"":      "",
	} {
		assert.Equal(t, want, reasonOfReply(text), "%q", text)
	}
	for err, want := range map[error]courier.QueueReason{
		redis.Nil: "", io.EOF: courier.QueueSilent, errNoMaster: courier.QueueNoMaster,
		fmt.Errorf("redis: all sentinels specified in configuration are unreachable: %w", errNoMaster): courier.QueueNoMaster,
		errors.New("dial tcp 127.0.0.1:1: connect: connection refused"):                                courier.QueueSilent,
	} {
		assert.Equal(t, want, reasonOf(err), "%v", err)
	}
}

// TestWrongRedis: readiness, the page and one log line describe at once what is wrong with a Redis or its address.
// Messages wait meanwhile, and are sent once when it is over.
func TestWrongRedis(t *testing.T) {
	plain := startNode(t)
	locked := startNode(t, "--requirepass", "right")
	lone := startNode(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf")
	sentinels := startSentinels(t)
	name := func(n *node, rest string) string { return "redis://" + n.addr() + rest }
	for what, c := range map[string]struct {
		address string
		reason  courier.QueueReason
	}{
		"wrong password":         {"redis://:wrong@" + locked.addr(), courier.QueuePassword},
		"no password":            {name(locked, ""), courier.QueuePassword},
		"unknown user":           {"redis://me:some@" + plain.addr(), courier.QueuePassword},
		"database 99":            {name(plain, "/99"), courier.QueueDatabase},
		"a node of a cluster":    {name(lone, ""), courier.QueueClusterDown},
		"a cluster of no slots":  {"redis-cluster://" + lone.addr(), courier.QueueClusterDown},
		"no cluster":             {"redis-cluster://" + plain.addr(), courier.QueueNoCluster},
		"a replica":              {name(sentinels.nodes[1], ""), courier.QueueReadOnly},
		"wrong master":           {sentinels.url("other"), courier.QueueNoMaster},
		"no sentinel":            {"redis-sentinel://kontor@" + plain.addr(), courier.QueueNoSentinel},
		"a sentinel as a server": {name(sentinels.sentinels[0], ""), courier.QueueOther},
	} {
		t.Run(what, func(t *testing.T) {
			log := &lines{}
			q := open(t, c.address, log.log())
			o := newOutbox(nil)
			o.put(3, courier.Email)
			o.put(3, courier.SMS)
			stop := start(t, New(q, Options{Outbox: o, Deliverer: o, Log: log.log()}))
			troubled(t, q, c.reason)
			infos, err := q.Overview(t.Context())
			require.NoError(t, err, "the page")
			assert.Equal(t, c.reason, infos[0].Away, "the page")
			assert.Equal(t, c.reason, infos[1].Away, "the page")
			stop()
			assert.Equal(t, 6, o.unsettled(), "messages wait")
			assert.Equal(t, 0, o.losses(courier.Email)+o.losses(courier.SMS))
			said := log.count(c.reason.Words())
			cluster := strings.HasPrefix(c.address, "redis-cluster")
			assert.False(t, said != 1 && (!cluster || said != len(queues)), "the log says it %d times", said)
			assert.Zero(t, log.count("level=ERROR"))
		})
	}
}

// troubled waits until the queues are in trouble for that reason.
func troubled(t *testing.T, q *Queue, reason courier.QueueReason) {
	t.Helper()
	var last []courier.QueueTrouble
	defer func() {
		if t.Failed() {
			t.Logf("the last troubles: %+v", last)
		}
	}()
	await.True(t, string(reason), func() bool {
		last = q.Troubles(t.Context())
		return slices.ContainsFunc(last, func(t courier.QueueTrouble) bool { return t.Reason == reason })
	})
}

// TestRedisTurnsBad: while messages are sent, Redis is full, becomes a replica, can't save, lacks replicas or
// permissions, or evicts keys. The outage ends by itself.
func TestRedisTurnsBad(t *testing.T) {
	n := startNode(t)
	for what, c := range map[string]struct {
		reason    courier.QueueReason
		harm, end []any
	}{
		"full":     {courier.QueueFull, []any{"config", "set", "maxmemory", "1"}, []any{"config", "set", "maxmemory", "0"}},
		"replica":  {courier.QueueReadOnly, []any{"replicaof", "127.0.0.1", "1"}, []any{"replicaof", "no", "one"}},
		"replicas": {courier.QueueReplicas, []any{"config", "set", "min-replicas-to-write", "1"}, []any{"config", "set", "min-replicas-to-write", "0"}},
		"rights":   {courier.QueueRights, []any{"acl", "setuser", "kontor", "on", ">secret", "~*", "&*", "+@all", "-set", "-eval", "-evalsha"}, []any{"acl", "setuser", "kontor", "+@all"}},
		"evicts":   {courier.QueueEvicts, []any{"config", "set", "maxmemory-policy", "allkeys-lru"}, []any{"config", "set", "maxmemory-policy", "noeviction"}},
	} {
		t.Run(what, func(t *testing.T) {
			n.must("acl", "setuser", "kontor", "on", ">secret", "~*", "&*", "+@all")
			log := &lines{}
			q := open(t, "redis://kontor:secret@"+n.addr(), log.log())
			o := newOutbox(nil)
			o.put(5, courier.Email)
			start(t, New(q, Options{Outbox: o, Deliverer: o, Log: log.log()}))
			await.True(t, "the first", func() bool { return o.unsettled() == 0 })

			n.must(c.harm...)
			for _, l := range q.lanes {
				l.lookedAt.Store(0)
			}
			troubled(t, q, c.reason)
			o.put(5, courier.Email)
			o.put(5, courier.SMS)
			if c.reason.Stops() {
				await.True(t, "the page says so", func() bool {
					infos, err := q.Overview(t.Context())
					return err == nil && infos[0].Away == c.reason && infos[1].Away == c.reason
				})
				assert.Equal(t, 10, o.unsettled(), "messages wait")
			}
			n.must(c.end...)
			await.True(t, "all delivered", func() bool { return o.unsettled() == 0 })
			await.True(t, "no trouble", func() bool {
				for _, l := range q.lanes {
					l.lookedAt.Store(0)
				}
				return len(q.Troubles(t.Context())) == 0
			})
			o.eachOnce(t)
			assert.Equal(t, 1, log.count("level=WARN"), "the log")
			assert.GreaterOrEqual(t, log.count("level=INFO"), 1, "the log")
			assert.Zero(t, log.count("level=ERROR"), "the log")
		})
	}
}
