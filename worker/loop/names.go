package loop

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"kontor/app/courier"
)

// The names of the queues on pages and in addresses. Each channel has its own queue, so that a mail server that hangs
// does not delay codes by SMS. Jobs have one, so that long work delays neither.
const (
	queueMail = "mail"
	queueSMS  = "sms"
	queueJobs = "jobs"
)

// queueOf is the queue of a channel.
func queueOf(c courier.Channel) string {
	if c == courier.SMS {
		return queueSMS
	}
	return queueMail
}

// shard is the number of the only shard of each queue. More shards would spread a queue over the masters of a Cluster.
// One is enough: a master serves tens of thousands of tasks a second, and every shard is polled five times a second.
const shard = 0

// keyOf is the name of a queue in Redis, <installation>:<queue>:<shard>. Asynq puts the name in braces in the queue's
// keys, so that all of them lie on one node of a Cluster.
func keyOf(installation, queue string) string {
	return fmt.Sprintf("%s:%s:%d", installation, queue, shard)
}

// scope gives each queue its own keys for data that Asynq stores once per Redis: the lists of queues, of servers and of
// workers, and the channel for cancelling. So installations that share a Redis do not see each other. In a Cluster, all
// keys of a queue lie on the same node.
type scope struct{ prefix string }

func scopeOf(key string) scope { return scope{prefix: "asynq:{" + key + "}:"} }

// shared are the prefixes of these keys.
var shared = []string{"asynq:queues", "asynq:servers", "asynq:workers", "asynq:schedulers", "asynq:cancel"}

func (s scope) name(key string) string {
	for _, p := range shared {
		if strings.HasPrefix(key, p) {
			return s.prefix + strings.TrimPrefix(key, "asynq:")
		}
	}
	return key
}

// command renames the keys of a command for the scope.
func (s scope) command(cmd redis.Cmder) {
	args := cmd.Args()
	if len(args) < 2 {
		return
	}
	first, last := 1, 1
	switch args[0] {
	case "eval", "evalsha", "eval_ro", "evalsha_ro":
		n, _ := args[2].(int)
		first, last = 3, 2+n
	}
	for i := first; i <= last && i < len(args); i++ {
		if key, ok := args[i].(string); ok {
			args[i] = s.name(key)
		}
	}
}

// scoped is a client that applies the scope to subscriptions. A hook applies it to commands.
type scoped struct {
	redis.UniversalClient
	scope scope
}

// Subscribe subscribes to the queue's own channels.
func (s scoped) Subscribe(ctx context.Context, channels ...string) *redis.PubSub {
	own := make([]string, len(channels))
	for i, c := range channels {
		own[i] = s.scope.name(c)
	}
	return s.UniversalClient.Subscribe(ctx, own...)
}
