package loop

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"kontor/app/courier"
)

// The names of the queues on pages and in addresses: one per channel, so that a mail server that hangs does not hold up
// codes by SMS, and one for jobs, so that long work holds up neither.
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

// shard is the only one of each queue. More of them would spread a queue over the masters of a Cluster; a master serves
// tens of thousands of tasks a second, and every shard is asked for work five times a second, so one is enough.
const shard = 0

// keyOf is the name of a queue in Redis, <installation>:<queue>:<shard>. Asynq puts it in braces in the queue's
// keys, so that they all lie on one node of a Cluster.
func keyOf(installation, queue string) string {
	return fmt.Sprintf("%s:%s:%d", installation, queue, shard)
}

// scope gives a queue keys of its own for what Asynq keeps once per Redis: the lists of queues, of servers and of workers,
// and the channel for cancelling. So installations that share a Redis don't see each other, and in a Cluster nothing of a
// queue hangs on another node than its own.
type scope struct{ prefix string }

func scopeOf(key string) scope { return scope{prefix: "asynq:{" + key + "}:"} }

// shared are the beginnings of the keys in question.
var shared = []string{"asynq:queues", "asynq:servers", "asynq:workers", "asynq:schedulers", "asynq:cancel"}

func (s scope) name(key string) string {
	for _, p := range shared {
		if strings.HasPrefix(key, p) {
			return s.prefix + strings.TrimPrefix(key, "asynq:")
		}
	}
	return key
}

// command puts the keys of a command into the scope.
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

// scoped is a client whose subscriptions are in the scope, too; its commands are by a hook.
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
