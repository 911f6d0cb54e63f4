package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"kontor/app/await"
	"kontor/app/courier"
)

func TestInspect(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		ctx := t.Context()
		infos, err := q.Overview(ctx)
		if err != nil || len(infos) != 2 || infos[0] != (courier.QueueInfo{Name: "mail"}) || infos[1] != (courier.QueueInfo{Name: "sms"}) {
			t.Fatalf("an untouched queue: %+v, %v", infos, err)
		}
		if tasks, err := q.Tasks(ctx, "mail", courier.TaskPending, 1); err != nil || len(tasks) != 0 {
			t.Fatalf("an untouched queue: %+v, %v", tasks, err)
		}

		o := newOutbox(nil)
		mails, sms := o.put(courier.TaskPageSize+1, courier.Email), o.put(1, courier.SMS)
		for _, r := range New(q, Options{Outbox: o}).relays() {
			if err := r.drain(ctx); err != nil {
				t.Fatal(err)
			}
		}
		infos, err = q.Overview(ctx)
		if err != nil || infos[0].Count(courier.TaskPending) != len(mails) || infos[1].Count(courier.TaskPending) != 1 || infos[0].Latency <= 0 {
			t.Fatalf("%+v, %v", infos, err)
		}
		first, err1 := q.Tasks(ctx, "mail", courier.TaskPending, 1)
		second, err2 := q.Tasks(ctx, "mail", courier.TaskPending, 2)
		if len(first) != courier.TaskPageSize || len(second) != 1 || err1 != nil || err2 != nil {
			t.Fatalf("pages of %d and %d, %v, %v", len(first), len(second), err1, err2)
		}
		id := taskID(sms[0], 1)
		tasks, err := q.Tasks(ctx, "sms", courier.TaskPending, 0)
		if err != nil || len(tasks) != 1 || tasks[0] != (courier.TaskInfo{ID: id, MessageID: sms[0], State: courier.TaskPending}) {
			t.Fatalf("%+v, %v", tasks, err)
		}

		if err := q.RunNow(ctx, "sms", id); err != nil {
			t.Errorf("a pending task runs anyway: %v", err)
		}
		if err := q.Delete(ctx, "sms", id); err != nil {
			t.Error(err)
		}
		for name, err := range map[string]error{
			"gone": q.Delete(ctx, "sms", id), "gone, run": q.RunNow(ctx, "sms", id),
			"other queue": q.Delete(ctx, "default", id), "odd": q.RunNow(ctx, "sms", "*"),
		} {
			if !errors.Is(err, errTaskUnknown) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, call := range map[string][2]string{"queue": {"default", "pending"}, "state": {"mail", "completed"}} {
			if _, err := q.Tasks(ctx, call[0], courier.TaskState(call[1]), 1); !errors.Is(err, errQueueUnknown) {
				t.Errorf("%s: %v", name, err)
			}
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
		if in := time.Until(got.NextRun); in < 59*time.Minute || in > time.Hour {
			t.Errorf("next run in %v", in)
		}
		got.NextRun = time.Time{}
		if want := (courier.TaskInfo{ID: taskID(mail, 1), MessageID: mail, State: courier.TaskRetry, Retried: 1, LastError: "refused"}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}

		await.True(t, "the SMS is being sent", func() bool {
			tasks, _ = q.Tasks(t.Context(), "sms", courier.TaskActive, 1)
			return len(tasks) == 1
		})
		if err := q.Delete(t.Context(), "sms", taskID(sms, 1)); !errors.Is(err, errTaskActive) {
			t.Errorf("deleting an active task: %v", err)
		}
		if err := q.RunNow(t.Context(), "sms", taskID(sms, 1)); err != nil {
			t.Errorf("running an active task: %v", err)
		}

		o.offset.Store(int64(2 * time.Hour)) // the courier agrees that it is due
		if err := q.RunNow(t.Context(), "mail", taskID(mail, 1)); err != nil {
			t.Fatal(err)
		}
		await.True(t, "the mail went out", func() bool { return len(o.attempts(mail)) == 2 })
	})
}

func TestInspectArchived(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		client := asynq.NewClientFromRedisClient(mailLane(q).client)
		if _, err := client.Enqueue(asynq.NewTask(taskEmail, []byte("odd")), asynq.Queue(mailLane(q).key), asynq.TaskID("odd")); err != nil {
			t.Fatal(err)
		}
		startOutbox(t, q, newOutbox(nil))
		var tasks []courier.TaskInfo
		await.True(t, "archived", func() bool {
			tasks, _ = q.Tasks(t.Context(), "mail", courier.TaskArchived, 1)
			return len(tasks) == 1
		})
		if !tasks[0].MessageID.IsNil() || tasks[0].LastError == "" {
			t.Errorf("%+v", tasks[0])
		}
		if err := q.Delete(t.Context(), "mail", "odd"); err != nil {
			t.Error(err)
		}
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
		if infos[0].Failed != 0 || infos[1].Failed != 1 {
			t.Errorf("failed: %d e-mails, want 0; %d SMS, want 1", infos[0].Failed, infos[1].Failed)
		}
	})
}

// answersLate passes connections to Redis on. Once it is armed, it holds back the answer to the next script that names a key.
func answersLate(t *testing.T, address, key string, by time.Duration, armed *atomic.Bool) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
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
					time.Sleep(by) // the delay is what is tried here
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
	if err != nil {
		t.Fatal(err)
	}
	var armed atomic.Bool
	q := open(t, fmt.Sprintf("redis://%s/%d", answersLate(t, address.Addr, ":scheduled", 2500*time.Millisecond, &armed), address.DB), nil)
	task, err := mailLane(q).newMessageTask(courier.Ticket{MessageID: newOutbox(nil).put(1, courier.Email)[0], Channel: courier.Email, Run: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := asynq.NewClientFromRedisClient(mailLane(q).client).Enqueue(task, asynq.ProcessIn(time.Hour)); err != nil {
		t.Fatal(err)
	}
	armed.Store(true)
	if n, err := q.RunAll(t.Context(), "mail"); n != 1 || err != nil || armed.Load() {
		t.Errorf("%d, %v; still to be late: %v", n, err, armed.Load())
	}
}

// TestRunAll: thousands of tasks that wait for an hour, and those that the queue gave up, run at once. Tasks of the other
// queue keep waiting.
func TestRunAll(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		if n, err := q.RunAll(t.Context(), "mail"); n != 0 || err != nil {
			t.Fatalf("an untouched queue: %d, %v", n, err)
		}
		const n = 3000
		o := newOutbox(nil)
		client := asynq.NewClientFromRedisClient(mailLane(q).client)
		for _, id := range o.put(n, courier.Email) {
			task, err := mailLane(q).newMessageTask(courier.Ticket{MessageID: id, Channel: courier.Email, Run: 1})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Enqueue(task, asynq.ProcessIn(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		task, err := smsLane(q).newMessageTask(courier.Ticket{MessageID: o.put(1, courier.SMS)[0], Channel: courier.SMS, Run: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := asynq.NewClientFromRedisClient(smsLane(q).client).Enqueue(task, asynq.ProcessIn(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got, err := q.RunAll(t.Context(), "mail"); got != n || err != nil {
			t.Fatalf("%d, %v", got, err)
		}
		infos, err := q.Overview(t.Context())
		if err != nil || infos[0].Pending != n || infos[0].Scheduled != 0 || infos[1].Scheduled != 1 {
			t.Errorf("%+v, %v", infos, err)
		}
		if _, err := q.RunAll(t.Context(), "default"); !errors.Is(err, errQueueUnknown) {
			t.Errorf("an unknown queue: %v", err)
		}
	})
}
