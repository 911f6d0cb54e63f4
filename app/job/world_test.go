package job

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// world is a database with a job service.
type world struct {
	*Service
	t   *testing.T
	ctx context.Context
	db  *store.DB

	mu  sync.Mutex
	now time.Time
}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{t: t, ctx: context.Background(), db: db, now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)}
		w.Service = w.process()
		test(w)
	})
}

// process is the service of another process on the same database.
func (w *world) process() *Service {
	return New(Options{DB: w.db, Now: w.clock, Audit: audit.New(w.db, w.clock), RenewLease: 10 * time.Millisecond})
}

func (w *world) clock() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }

func (w *world) wait(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.now = w.now.Add(d) }

func (w *world) must(err error) {
	w.t.Helper()
	require.NoError(w.t, err)
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// add requests a job.
func (w *world) add(o Order) (id uuid.UUID) {
	w.t.Helper()
	w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		id, err = w.Add(ctx, tx, o)
		return err
	}))
	return id
}

func (w *world) get(id uuid.UUID) Job {
	w.t.Helper()
	j, err := w.byID(w.ctx, id)
	w.must(err)
	return j
}

// run works on a job and compares the outcome for the queue.
func (w *world) run(s *Service, id uuid.UUID, want Outcome) {
	w.t.Helper()
	got, err := s.Run(w.ctx, id, nil)
	require.NoError(w.t, err)
	require.Equal(w.t, want, got)
}

// due returns how many jobs the relay finds. Nobody else gets them for a moment.
func (w *world) due() int {
	w.t.Helper()
	got, err := w.Claim(w.ctx, 10, time.Second)
	w.must(err)
	return len(got)
}

func (w *world) nudged() bool {
	select {
	case <-w.Nudges():
		return true
	default:
		return false
	}
}

// counting returns a handler that does n chunks.
func counting(n int64) Handler {
	return Handler{Step: func(_ context.Context, j Job) (Progress, error) {
		return Progress{Done: j.Done + 1, Total: n, Finished: j.Done+1 == n}, nil
	}}
}
