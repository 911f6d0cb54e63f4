package loop

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier"
	"kontor/app/effort"
)

func TestInspect(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		ctx := t.Context()
		infos, err := q.Overview(ctx)
		require.NoError(t, err, "an untouched queue")
		require.Len(t, infos, 2, "an untouched queue")
		require.Equal(t, (courier.QueueInfo{Name: "mail"}), infos[0], "an untouched queue")
		require.Equal(t, (courier.QueueInfo{Name: "sms"}), infos[1], "an untouched queue")
		tasks, err := q.Tasks(ctx, "mail", courier.TaskPending, 1)
		require.NoError(t, err, "an untouched queue")
		require.Empty(t, tasks, "an untouched queue")

		o := newOutbox(nil)
		mails, sms := o.put(courier.TaskPageSize+1, courier.Email), o.put(1, courier.SMS)
		for _, r := range New(q, Options{Outbox: o}).relays() {
			require.NoError(t, r.drain(ctx))
		}
		infos, err = q.Overview(ctx)
		require.NoError(t, err)
		require.Equal(t, len(mails), infos[0].Count(courier.TaskPending))
		require.Equal(t, 1, infos[1].Count(courier.TaskPending))
		require.True(t, infos[0].Latency > 0)
		first, err1 := q.Tasks(ctx, "mail", courier.TaskPending, 1)
		second, err2 := q.Tasks(ctx, "mail", courier.TaskPending, 2)
		require.Len(t, first, courier.TaskPageSize, "pages of %d and %d", len(first), len(second))
		require.Len(t, second, 1)
		require.NoError(t, err1)
		require.NoError(t, err2)
		id := taskID(sms[0], 1)
		tasks, err = q.Tasks(ctx, "sms", courier.TaskPending, 0)
		require.NoError(t, err)
		require.Len(t, tasks, 1)
		require.Equal(t, (courier.TaskInfo{ID: id, MessageID: sms[0], State: courier.TaskPending}), tasks[0])

		assert.NoError(t, q.RunNow(ctx, "sms", id), "a pending task runs anyway")
		assert.NoError(t, q.Delete(ctx, "sms", id))
		for name, err := range map[string]error{
			"gone": q.Delete(ctx, "sms", id), "gone, run": q.RunNow(ctx, "sms", id),
			"other queue": q.Delete(ctx, "default", id), "odd": q.RunNow(ctx, "sms", "*"),
		} {
			assert.ErrorIs(t, err, errTaskUnknown, name)
		}
		for name, call := range map[string][2]string{"queue": {"default", "pending"}, "state": {"mail", "completed"}} {
			_, err := q.Tasks(ctx, call[0], courier.TaskState(call[1]), 1)
			assert.ErrorIs(t, err, errQueueUnknown, name)
		}
	})
}

func TestInspectWaitingTasks(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		release := make(chan struct{})
		o := newOutbox(func(_ context.Context, t courier.Ticket, attempt int) (courier.Verdict, error) {
			if t.Channel == courier.SMS {
				<-release
				return courier.Verdict{}, nil
			}
			return courier.Verdict{Retry: attempt == 1, After: time.Hour, Why: "refused", Refused: true}, nil
		})
		mail, sms := o.put(1, courier.Email)[0], o.put(1, courier.SMS)[0]
		startOutbox(t, q, o)
		defer close(release)

		var tasks []courier.TaskInfo
		await.True(t, "the mail waits", func() bool {
			tasks, _ = q.Tasks(t.Context(), "mail", courier.TaskRetry, 1)
			return len(tasks) == 1
		})
		got := tasks[0]
		in := time.Until(got.NextRun)
		assert.GreaterOrEqual(t, in, 59*time.Minute, "next run")
		assert.LessOrEqual(t, in, time.Hour)
		got.NextRun = time.Time{}
		want := (courier.TaskInfo{ID: taskID(mail, 1), MessageID: mail, State: courier.TaskRetry, Retried: 1, LastError: "refused"})
		assert.Equal(t, want, got)

		await.True(t, "the SMS is being sent", func() bool {
			tasks, _ = q.Tasks(t.Context(), "sms", courier.TaskActive, 1)
			return len(tasks) == 1
		})
		assert.ErrorIs(t, q.Delete(t.Context(), "sms", taskID(sms, 1)), errTaskActive, "deleting an active task")
		assert.NoError(t, q.RunNow(t.Context(), "sms", taskID(sms, 1)), "running an active task")

		o.offset.Store(int64(2 * time.Hour)) // the courier agrees that it is due
		require.NoError(t, q.RunNow(t.Context(), "mail", taskID(mail, 1)))
		await.True(t, "the mail went out", func() bool { return len(o.attempts(mail)) == 2 })
	})
}

func TestInspectArchived(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		client := asynq.NewClientFromRedisClient(mailLane(q).client)
		_, err := client.Enqueue(asynq.NewTask(taskEmail, []byte("odd")), asynq.Queue(mailLane(q).key), asynq.TaskID("odd"))
		require.NoError(t, err)
		startOutbox(t, q, newOutbox(nil))
		var tasks []courier.TaskInfo
		await.True(t, "archived", func() bool {
			tasks, _ = q.Tasks(t.Context(), "mail", courier.TaskArchived, 1)
			return len(tasks) == 1
		})
		assert.True(t, tasks[0].MessageID.IsNil(), "%+v", tasks[0])
		assert.NotEmpty(t, tasks[0].LastError)
		assert.NoError(t, q.Delete(t.Context(), "mail", "odd"))
	})
}

// TestCountsWhatFailed: tasks wait and one was refused; the queue counts only that one as failed.
func TestCountsWhatFailed(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		o := newOutbox(func(_ context.Context, t courier.Ticket, _ int) (courier.Verdict, error) {
			return courier.Verdict{Retry: true, After: time.Hour, Why: "why", Refused: t.Channel == courier.SMS}, nil
		})
		o.put(5, courier.Email)
		o.put(1, courier.SMS)
		startOutbox(t, q, o)
		var infos []courier.QueueInfo
		await.True(t, "all wait", func() bool {
			infos, _ = q.Overview(t.Context())
			return infos[0].Retry == 5 && infos[1].Retry == 1
		})
		assert.Equal(t, 0, infos[0].Failed, "failed: e-mails")
		assert.Equal(t, 1, infos[1].Failed, "failed: SMS")
	})
}

// answersLate passes connections to Redis on. Once it is armed, it holds back the answer to the next script that names a key.
func answersLate(t *testing.T, address, key string, by time.Duration, armed *atomic.Bool) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	pass := func(to, from net.Conn, look func(asked string)) {
		defer to.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			look(string(buf[:n]))
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", address)
			if err != nil {
				near.Close()
				continue
			}
			var late atomic.Bool
			go pass(far, near, func(asked string) {
				if strings.Contains(asked, "eval") && strings.Contains(asked, key) && armed.CompareAndSwap(true, false) {
					late.Store(true)
				}
			})
			go pass(near, far, func(string) {
				if late.Swap(false) {
					time.Sleep(by) // the test tries this delay
				}
			})
		}
	}()
	return listener.Addr().String()
}

// TestRunAllAnswersLate: Redis needs longer for the answer than other commands may take; the number of moved tasks is
// right.
func TestRunAllAnswersLate(t *testing.T) {
	address, err := redis.ParseURL(redisURL(t))
	require.NoError(t, err)
	var armed atomic.Bool
	q := open(t, fmt.Sprintf("redis://%s/%d", answersLate(t, address.Addr, ":scheduled", 2500*time.Millisecond, &armed), address.DB), nil)
	task, err := mailLane(q).newMessageTask(courier.Ticket{MessageID: newOutbox(nil).put(1, courier.Email)[0], Channel: courier.Email, Run: 1})
	require.NoError(t, err)
	_, err = asynq.NewClientFromRedisClient(mailLane(q).client).Enqueue(task, asynq.ProcessIn(time.Hour))
	require.NoError(t, err)
	armed.Store(true)
	n, err := q.RunAll(t.Context(), "mail")
	require.NoError(t, err, "still to be late")
	assert.Equal(t, 1, n, "still to be late")
	assert.False(t, armed.Load(), "still to be late: %v", armed.Load())
}

// TestRunAll: thousands of tasks that wait for an hour, and those that the queue gave up, run at once. Tasks of the other
// queue keep waiting.
func TestRunAll(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		untouched, err := q.RunAll(t.Context(), "mail")
		require.NoError(t, err)
		require.Zero(t, untouched)
		n := effort.Of(3000, 1000) // under the race detector the Redis in the process needs seconds for thousands
		o := newOutbox(nil)
		client := asynq.NewClientFromRedisClient(mailLane(q).client)
		for _, id := range o.put(n, courier.Email) {
			task, err := mailLane(q).newMessageTask(courier.Ticket{MessageID: id, Channel: courier.Email, Run: 1})
			require.NoError(t, err)
			_, err = client.Enqueue(task, asynq.ProcessIn(time.Hour))
			require.NoError(t, err)
		}
		task, err := smsLane(q).newMessageTask(courier.Ticket{MessageID: o.put(1, courier.SMS)[0], Channel: courier.SMS, Run: 1})
		require.NoError(t, err)
		_, err = asynq.NewClientFromRedisClient(smsLane(q).client).Enqueue(task, asynq.ProcessIn(time.Hour))
		require.NoError(t, err)
		got, err := q.RunAll(t.Context(), "mail")
		require.NoError(t, err)
		require.Equal(t, n, got)
		infos, err := q.Overview(t.Context())
		require.NoError(t, err)
		assert.Equal(t, n, infos[0].Pending)
		assert.Equal(t, 0, infos[0].Scheduled)
		assert.Equal(t, 1, infos[1].Scheduled)
		_, err = q.RunAll(t.Context(), "default")
		assert.ErrorIs(t, err, errQueueUnknown, "an unknown queue")
	})
}
