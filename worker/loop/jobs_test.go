package loop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/hibiken/asynq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/await"
	"kontor/app/courier"
	"kontor/app/job"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
)

// bureau is the real jobs on a real database.
type bureau struct {
	*job.Service
	tb testing.TB
	db *store.DB
}

func newBureau(tb testing.TB, db *store.DB, step func(ctx context.Context, j job.Job) (job.Progress, error)) *bureau {
	s := job.New(job.Options{DB: db, Now: store.System})
	s.Handle(job.Handover, job.Handler{Step: step})
	return &bureau{s, tb, db}
}

// add asks for a job and returns what it works on.
func (b *bureau) add() (subject uuid.UUID) {
	b.tb.Helper()
	subject = uuid.Must(uuid.NewV7())
	err := b.db.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
		_, err := b.Add(ctx, tx, job.Order{Kind: job.Handover, SubjectID: subject})
		return err
	})
	require.NoError(b.tb, err)
	return subject
}

func (b *bureau) of(subject uuid.UUID) job.Job {
	b.tb.Helper()
	j, err := b.Of(context.Background(), job.Handover, subject)
	require.NoError(b.tb, err)
	return j
}

// loop is a worker that has nothing but the jobs to do.
func (b *bureau) loop(q *Queue) *Loop {
	o := newOutbox(nil)
	return New(q, Options{Outbox: o, Deliverer: o, Jobs: b})
}

// count does ten chunks.
func count(_ context.Context, j job.Job) (job.Progress, error) {
	return job.Progress{Done: j.Done + 1, Total: 10, Finished: j.Done+1 == 10}, nil
}

func isDone(b *bureau, subject uuid.UUID) func() bool {
	return func() bool { return b.of(subject).State == job.Done }
}

// TestJob: a job that this process adds starts at once, a job of another process at the next sweep.
func TestJob(t *testing.T) {
	test := func(t *testing.T, db *store.DB, q *Queue) {
		b := newBureau(t, db, count)
		l := b.loop(q)
		l.sweepEvery = time.Hour
		stop := start(t, l)
		await.True(t, "the first sweep", func() bool { return q.lanes[2].client.Get(t.Context(), q.lanes[2].own(marker)).Err() == nil })
		for range 3 {
			await.True(t, "nudged", isDone(b, b.add()))
		}
		stop()
		subject := newBureau(t, db, count).add()
		l = b.loop(q)
		l.sweepEvery = 50 * time.Millisecond
		start(t, l)
		await.True(t, "swept", isDone(b, subject))
		j := b.of(subject)
		assert.EqualValues(t, 10, j.Done)
		assert.EqualValues(t, 10, j.Total)
	}
	t.Run("sqlite, in-process", func(t *testing.T) { test(t, storetest.SQLite(t), open(t, "", nil)) })
	t.Run("postgres, redis", func(t *testing.T) { test(t, storetest.Postgres(t), open(t, redisURL(t), nil)) })
}

// TestJobsHoldUpNothing: messages are sent while as many jobs as possible are running.
func TestJobsHoldUpNothing(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		var at atomic.Int64
		finish := make(chan struct{})
		b := newBureau(t, storetest.SQLite(t), func(context.Context, job.Job) (job.Progress, error) {
			at.Add(1)
			<-finish
			return job.Progress{Finished: true}, nil
		})
		var subjects []uuid.UUID
		for range jobsAtOnce + 1 {
			subjects = append(subjects, b.add())
		}
		o := newOutbox(nil)
		start(t, New(q, Options{Outbox: o, Deliverer: o, Jobs: b}))
		await.True(t, "all places are taken", func() bool { return at.Load() == jobsAtOnce })
		o.put(10, courier.Email)
		o.put(10, courier.SMS)
		await.True(t, "delivered", func() bool { return o.unsettled() == 0 })
		assert.EqualValues(t, jobsAtOnce, at.Load(), "jobs at once")
		close(finish)
		for _, s := range subjects {
			await.True(t, "done", isDone(b, s))
		}
	})
}

// TestJobsTakeTurns: long jobs do not keep other jobs from starting.
func TestJobsTakeTurns(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		var mu sync.Mutex
		begun := map[uuid.UUID]bool{}
		b := newBureau(t, storetest.SQLite(t), func(_ context.Context, j job.Job) (job.Progress, error) {
			mu.Lock()
			defer mu.Unlock()
			begun[j.ID] = true
			return job.Progress{Done: j.Done + 1, Finished: len(begun) == jobsAtOnce+2}, nil
		})
		var subjects []uuid.UUID
		for range jobsAtOnce + 2 {
			subjects = append(subjects, b.add())
		}
		l := b.loop(q)
		l.turn = 50 * time.Millisecond
		start(t, l)
		for _, s := range subjects {
			await.True(t, "done", isDone(b, s))
		}
	})
}

// TestJobSurvivesTheQueue: a job is done although the queue has lost it, before it was started or while it waits for a
// later time.
func TestJobSurvivesTheQueue(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		b := newBureau(t, storetest.SQLite(t), func(_ context.Context, j job.Job) (job.Progress, error) {
			if j.Done == 0 {
				return job.Progress{Done: 1, Pause: 2 * time.Second}, nil
			}
			return job.Progress{Done: 2, Finished: true}, nil
		})
		jobs := q.lanes[2]
		flush := func() {
			require.NoError(t, jobs.client.FlushDB(t.Context()).Err())
		}
		subject := b.add()
		require.NoError(t, b.loop(q).relays()[2].sweep(t.Context()))
		tasks, err := jobs.inspector.ListPendingTasks(jobs.key)
		require.NoError(t, err)
		require.Len(t, tasks, 1, "tasks")
		flush()
		start(t, b.loop(q))
		await.True(t, "it waits", func() bool {
			tasks, err := jobs.inspector.ListRetryTasks(jobs.key)
			return err == nil && len(tasks) == 1 && tasks[0].LastErr == "early"
		})
		flush()
		await.True(t, "done", isDone(b, subject))
	})
}

// TestJobFails: a job with a chunk that panics is tried again later, and its task contains no more than a reason key.
func TestJobFails(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		b := newBureau(t, storetest.SQLite(t), func(context.Context, job.Job) (job.Progress, error) { panic("anna@example.org") })
		subject := b.add()
		start(t, b.loop(q))
		await.True(t, "it failed", func() bool { return b.of(subject).Attempts == 1 })
		jobs := q.lanes[2]
		await.True(t, "its task waits", func() bool {
			tasks, err := jobs.inspector.ListRetryTasks(jobs.key)
			return err == nil && len(tasks) == 1 && tasks[0].LastErr == string(job.Panicked)
		})
	})
}

// TestJobStops: a worker that stops finishes the current chunk, and the next worker continues with the rest.
func TestJobStops(t *testing.T) {
	each(t, func(t *testing.T, q *Queue) {
		began, finish := make(chan struct{}, 10), make(chan struct{})
		b := newBureau(t, storetest.SQLite(t), func(ctx context.Context, j job.Job) (job.Progress, error) {
			began <- struct{}{}
			<-finish
			return count(ctx, j)
		})
		subject := b.add()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.loop(q).Run(ctx) }()
		<-began
		cancel()
		finish <- struct{}{}
		err := <-ended
		require.NoError(t, err)
		j := b.of(subject)
		require.EqualValues(t, 1, j.Done, "stopped")
		require.Equal(t, job.Waiting, j.State, "stopped")
		require.Nil(t, j.LeaseUntil, "stopped")
		close(finish)
		start(t, b.loop(q))
		await.True(t, "done", isDone(b, subject))
	})
}

// doomedJob is set in a process that plays a worker which is killed in the middle of a chunk: the queue, then the database.
const doomedJob = "KONTOR_TEST_DOOMED_JOB"

func runDoomedJob(addresses string) {
	queue, database, _ := strings.Cut(addresses, " ")
	q, err := Open(context.Background(), queue, testInstallation, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	db, err := store.Open(context.Background(), database)
	if err != nil {
		panic(err)
	}
	b := newBureau(nil, db, func(ctx context.Context, j job.Job) (job.Progress, error) {
		if j.Done == 3 {
			fmt.Println(j.ID)
			select {}
		}
		return count(ctx, j)
	})
	_ = b.loop(q).Run(context.Background())
}

// TestJobKilled: if a worker is killed, another one resumes its job after the lease, at the point that it had reached.
func TestJobKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s: the time until a dead worker counts as dead")
	}
	queue, database := redisURL(t), storetest.SQLiteURL(t)
	db, err := store.Open(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	_, err = migrations.Apply(t.Context(), db.DB)
	require.NoError(t, err)
	var first atomic.Int64
	first.Store(-1)
	b := newBureau(t, db, func(ctx context.Context, j job.Job) (job.Progress, error) {
		first.CompareAndSwap(-1, j.Done)
		return count(ctx, j)
	})
	subject := b.add()
	worker := exec.Command(os.Args[0])
	worker.Env = append(os.Environ(), doomedJob+"="+queue+" "+database)
	out, err := worker.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, worker.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, b.of(subject).ID.String()+"\n", line, "the worker says")
	_ = worker.Process.Kill() // SIGKILL
	_ = worker.Wait()

	killed := time.Now()
	start(t, b.loop(open(t, queue, nil)))
	await.True(t, "another worker takes over", isDone(b, subject))
	assert.EqualValues(t, 3, first.Load(), "the other began at")
	t.Logf("resumed and done %v after the kill", time.Since(killed).Round(time.Second))
}

// turns is jobs of which each turn ends as it says.
type turns struct {
	*job.Service
	outcome job.Outcome
	err     error
	got     uuid.UUID
}

func (r *turns) Run(_ context.Context, id uuid.UUID, _ <-chan struct{}) (job.Outcome, error) {
	r.got = id
	return r.outcome, r.err
}

// TestJobTask: a task contains the job's id and is retried as Jobs says; a stand-in is done after one attempt.
func TestJobTask(t *testing.T) {
	id := uuid.Must(uuid.FromString("01939e7c-8a00-7000-8000-000000000001"))
	l := &lane{key: "x:jobs:0"}
	task, err := l.newTask(taskJob, jobPayload{Job: id})
	require.NoError(t, err)
	require.Equal(t, "job:run", task.Type())
	require.Equal(t, `{"job":"01939e7c-8a00-7000-8000-000000000001"}`, string(task.Payload()))
	twin, err := l.newStandIn(task.Type(), task.Payload())
	require.NoError(t, err)
	require.Equal(t, `{"job":"01939e7c-8a00-7000-8000-000000000001","again":true}`, string(twin.Payload()))
	for name, c := range map[string]struct {
		outcome job.Outcome
		err     error
		want    error
	}{
		"over":     {job.Outcome{}, nil, nil},
		"given up": {job.Outcome{}, errors.New("anna@example.org"), nil},
		"waits":    {job.Outcome{Again: true, After: time.Minute, Why: "early"}, nil, retryLater{after: time.Minute, why: "early", waits: true}},
		"failed":   {job.Outcome{Again: true, After: time.Second, Why: "internal", Failed: true}, errors.New("anna@example.org"), retryLater{after: time.Second, why: "internal"}},
	} {
		r := &turns{outcome: c.outcome, err: c.err}
		err := runJob(t.Context(), t.Context(), r, task)
		assert.ErrorIs(t, err, c.want, name)
		assert.Equal(t, id, r.got, name)
		assert.NoError(t, runJob(t.Context(), t.Context(), r, twin), "%s: a stand-in must not be retried", name)
	}
	for _, body := range []string{"", "null", "{}", `{"job":"x"}`, `{"message":"01939e7c-8a00-7000-8000-000000000001"}`} {
		assert.ErrorIs(t, runJob(t.Context(), t.Context(), &turns{}, asynq.NewTask(taskJob, []byte(body))), asynq.SkipRetry, "%q", body)
	}
}

// TestUnknownTask: a task of a newer version waits for a worker that knows it.
func TestUnknownTask(t *testing.T) {
	o := newOutbox(nil)
	err := New(nil, Options{Outbox: o, Deliverer: o}).handlers(t.Context()).ProcessTask(t.Context(), asynq.NewTask("dream:dream", []byte("{}")))
	require.Error(t, err)
	assert.NotErrorIs(t, err, asynq.SkipRetry)
	assert.Equal(t, afterUnknown, retryDelay(0, err, nil), "again after")
}
