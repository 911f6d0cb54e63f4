package loop

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier"
)

// openAs opens the queues of an installation.
func openAs(t *testing.T, address, installation string) *Queue {
	t.Helper()
	q, err := Open(context.Background(), address, installation, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { _ = q.Close() })
	return q
}

// bare is a client that does what it is told, without a scope.
func bare(t *testing.T, address string) redis.UniversalClient {
	t.Helper()
	opts, err := parseRedisURL(address)
	require.NoError(t, err)
	client := redis.NewUniversalClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// TestScope: keys that Asynq stores once per Redis become keys of the queue, wherever they are in a command. Other keys,
// and arguments that are not keys, stay unchanged.
func TestScope(t *testing.T) {
	s := scopeOf(keyOf("ab12", queueMail))
	for text, want := range map[string]string{
		"sadd asynq:queues asynq:queues":           "sadd asynq:{ab12:mail:0}:queues asynq:queues",
		"get asynq:servers:{host:1:x}":             "get asynq:{ab12:mail:0}:servers:{host:1:x}",
		"zadd asynq:workers 1 asynq:workers:{h}":   "zadd asynq:{ab12:mail:0}:workers 1 asynq:workers:{h}",
		"get asynq:{ab12:mail:0}:servers:{h}":      "get asynq:{ab12:mail:0}:servers:{h}",
		"lpush asynq:{ab12:mail:0}:pending x":      "lpush asynq:{ab12:mail:0}:pending x",
		"publish asynq:cancel id":                  "publish asynq:{ab12:mail:0}:cancel id",
		"evalsha sha 2 asynq:servers:{h} k asynq:": "evalsha sha 2 asynq:{ab12:mail:0}:servers:{h} k asynq:",
		"eval script 1 k asynq:queues":             "eval script 1 k asynq:queues",
		"ping":                                     "ping",
	} {
		var args []any
		for _, w := range strings.Fields(text) {
			if w == "1" || w == "2" {
				args = append(args, int(w[0]-'0'))
				continue
			}
			args = append(args, w)
		}
		cmd := redis.NewCmd(t.Context(), args...)
		s.command(cmd)
		var got []string
		for _, a := range cmd.Args() {
			switch a := a.(type) {
			case int:
				got = append(got, string(rune('0'+a)))
			case string:
				got = append(got, a)
			}
		}
		assert.Equal(t, want, strings.Join(got, " "), text)
	}
}

// TestTwoInstallations share a Redis and its database. Neither takes, sees, stops or rescues the other's messages, and
// all keys of each are under its own names.
func TestTwoInstallations(t *testing.T) {
	address := redisURL(t)
	a, b := openAs(t, address, "aaaa"), openAs(t, address, "bbbb")
	held := make(chan struct{})
	oa, ob := newOutbox(nil), newOutbox(func(context.Context, courier.Ticket, int) (courier.Verdict, error) {
		<-held
		return courier.Verdict{}, nil
	})
	oa.put(40, courier.Email)
	oa.put(40, courier.SMS)
	ob.put(2, courier.Email)
	ob.put(1, courier.SMS)
	la := New(a, Options{Outbox: oa, Deliverer: oa})
	la.rescue = rescuePace{every: 20 * time.Millisecond, patience: 40 * time.Millisecond} // would take unknown tasks
	start(t, la)
	stopB := startOutbox(t, b, ob)
	await.True(t, "b sends", func() bool {
		infos, err := b.Overview(t.Context())
		return err == nil && infos[0].Active == 2 && infos[1].Active == 1
	})
	await.True(t, "a has sent all", func() bool { return oa.unsettled() == 0 })
	oa.eachOnce(t)
	// A task that took longer than its patience was made again, and counts again; those of b are held. The outbox knows a
	// moment before Redis does.
	await.True(t, "a sees that all of its own are sent, and nothing of b's", func() bool {
		infos, err := a.Overview(t.Context())
		return err == nil && infos[0].Active+infos[1].Active == 0 && infos[0].Processed >= 40 && infos[1].Processed >= 40
	})
	for _, l := range a.shown() {
		servers, err := l.inspector.Servers()
		require.NoError(t, err)
		assert.Len(t, servers, 2, "a sees %d servers", len(servers))
		for _, s := range servers {
			require.Len(t, s.Queues, 1, "a sees a server")
			assert.NotEqual(t, 0, s.Queues[l.key])
		}
	}
	task := taskID(ob.messages[0].MessageID, 1)
	assert.ErrorIs(t, a.Delete(t.Context(), queueMail, task), errTaskUnknown, "a deletes a task of b")
	close(held)
	await.True(t, "b has sent all", func() bool { return ob.unsettled() == 0 })
	stopB()
	ob.eachOnce(t)

	keys, err := bare(t, address).Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	require.NotEmpty(t, keys)
	for _, key := range keys {
		named := false
		for _, installation := range []string{"aaaa", "bbbb"} {
			for _, channel := range []string{"mail", "sms"} {
				named = named || strings.Contains(key, ":{"+installation+":"+channel+":0}:")
			}
		}
		assert.True(t, named, "%s is nobody's", key)
	}
}

// TestOldQueues: a worker of the previous version, whose queues are named mail and sms, runs beside a new one on the same
// outbox and is then stopped with tasks in its queue. Every message is sent once.
func TestOldQueues(t *testing.T) {
	address := redisURL(t)
	o := newOutbox(nil)
	client := bare(t, address)
	before := asynq.NewClientFromRedisClient(client)
	enqueue := func(n int, channel courier.Channel) {
		t.Helper()
		for _, id := range o.put(n, channel) {
			l := &lane{key: queueOf(channel)}
			task, err := l.newMessageTask(courier.Ticket{MessageID: id, Channel: channel, Run: 1})
			if err == nil {
				_, err = before.Enqueue(task)
			}
			require.NoError(t, err)
		}
	}
	old := asynq.NewServerFromRedisClient(client, asynq.Config{
		Concurrency: 4, Queues: map[string]int{queueMail: 1, queueSMS: 2}, RetryDelayFunc: retryDelay,
		Logger: asynqLog{newReach(slog.New(slog.DiscardHandler)), slog.New(slog.DiscardHandler)},
	})
	enqueue(100, courier.Email)
	enqueue(100, courier.SMS)
	require.NoError(t, old.Start(handler{deliverer: o, log: slog.New(slog.DiscardHandler)}))
	q := open(t, address, nil)
	startOutbox(t, q, o)
	await.True(t, "the first", func() bool { return o.unsettled() < 200 })
	old.Shutdown()
	enqueue(50, courier.Email) // as if it had been stopped with these in its queue
	await.True(t, "all delivered", func() bool { return o.unsettled() == 0 })
	o.eachOnce(t)
	infos, err := q.Overview(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 0, infos[0].Pending, "the page shows")
}
