package migrations_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
)

func open(t *testing.T, url string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestThroughPgBouncer: behind a pgbouncer in transaction mode, whose connections serve transactions of different clients
// in turn, any number of processes start, at the same time and one after the other. Each step is applied once, and no
// lock is left behind.
func TestThroughPgBouncer(t *testing.T) {
	for _, pool := range []int{1, 3} {
		direct := storetest.PostgresURL(t)
		through := storetest.ThroughPgBouncer(t, direct, pool)
		var steps sync.Map
		start := func(url string) {
			ctx := context.Background()
			db, err := store.Open(ctx, url)
			if !assert.NoError(t, err) {
				return
			}
			defer func() { _ = db.Close() }()
			taken, err := migrations.Apply(ctx, db.DB)
			assert.NoError(t, err)
			for _, s := range taken {
				_, twice := steps.LoadOrStore(s, true)
				assert.False(t, twice, "%s was taken twice", s)
			}
		}
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() { start(through) })
		}
		all.Go(func() { start(direct) })
		all.Wait()
		for range 8 {
			start(through)
		}
		start(direct)
		db := open(t, direct)
		assert.NoError(t, migrations.Pending(context.Background(), db.DB))
		var locks, twice int
		err := db.NewRaw(`SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),
			(SELECT count(*) - count(DISTINCT name) FROM bun_migrations)`).Scan(context.Background(), &locks, &twice)
		require.NoError(t, err)
		assert.Equal(t, 0, locks, "locks are left")
		assert.Equal(t, 0, twice, "steps were taken twice")
	}
}

// TestWaitForLock: a process that waits for another one logs it, with since when and for which process. It continues when
// the other one has finished or is gone. It does not wait for the session lock that an older version left behind.
func TestWaitForLock(t *testing.T) {
	ctx := context.Background()
	url := storetest.PostgresURL(t)
	db, other := open(t, url), open(t, url)
	left, err := other.Conn(ctx)
	require.NoError(t, err)
	defer func() { _ = left.Close() }()
	_, err = left.ExecContext(ctx, "SELECT pg_advisory_lock(?)", int64(0x6b6f6e746f72))
	require.NoError(t, err)
	hold := func() (tx bun.Tx, pid int) {
		t.Helper()
		tx, err := other.BeginTx(ctx, nil)
		require.NoError(t, err)
		require.NoError(t, tx.QueryRowContext(ctx, "SELECT pg_backend_pid() FROM pg_advisory_xact_lock(?)", int64(migrations.LockKey)).Scan(&pid))
		return tx, pid
	}
	holder, pid := hold()
	said := make(lines, 100)
	done := make(chan error, 1)
	go func() {
		_, err := migrations.Apply(ctx, db.DB, migrations.Log(slog.New(slog.NewTextHandler(said, nil))))
		done <- err
	}()
	select {
	case line := <-said:
		for _, want := range []string{"waiting for another process that migrates the database", "since=2", fmt.Sprintf("server_process=%d\n", pid)} {
			assert.Contains(t, line, want)
		}
	case err := <-done:
		t.Fatalf("did not wait: %v", err)
	}
	require.NoError(t, holder.Rollback())
	err = <-done
	require.NoError(t, err)
	assert.Empty(t, said, "more lines than one")

	// If no step is missing, no lock is waited for.
	holder, _ = hold()
	defer func() { _ = holder.Rollback() }()
	steps, err := migrations.Apply(ctx, db.DB)
	require.NoError(t, err, "with nothing missing")
	assert.Empty(t, steps, "with nothing missing")
}

// lines takes what a log says, line by line.
type lines chan string

func (l lines) Write(b []byte) (int, error) { l <- string(b); return len(b), nil }

// TestBusyFile: a step is tried again if SQLite's file is locked for longer than the busy timeout.
func TestBusyFile(t *testing.T) {
	ctx := context.Background()
	url := storetest.SQLiteURL(t)
	db, other := open(t, url), open(t, url)
	_, err := migrations.Apply(ctx, db.DB, migrations.To("20261128000031"))
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, "PRAGMA busy_timeout = 1")
	require.NoError(t, err)
	holder, err := other.BeginTx(ctx, nil)
	require.NoError(t, err)
	refused := &failures{after: 3, do: func() { _ = holder.Rollback() }}
	steps, err := migrations.Apply(ctx, db.WithQueryHook(refused))
	require.NoError(t, err)
	assert.NotEmpty(t, steps)
	assert.Zero(t, refused.after, "refusals that are left of three")
}

// failures calls do behind the query that is the last of so many that fail.
type failures struct {
	after int
	do    func()
}

func (f *failures) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (f *failures) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if e.Err == nil {
		return
	}
	if f.after--; f.after == 0 {
		f.do()
	}
}

// TestPending: only a missing step counts as an old schema; if the database can't be asked, its own error is returned.
func TestPending(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		assert.NoError(t, migrations.Pending(ctx, db.DB))
		gone, cancel := context.WithCancel(ctx)
		cancel()
		err := migrations.Pending(gone, db.DB)
		require.Error(t, err, "a database that can't be asked")
		assert.NotContains(t, err.Error(), migrations.ErrSchemaOld.Error(), "a database that can't be asked")
		_, err = migrations.Apply(gone, db.DB)
		require.Error(t, err, "migrating one that can't be asked")
		assert.NotContains(t, err.Error(), migrations.ErrSchemaOld.Error(), "migrating one that can't be asked")
		_, err = db.ExecContext(ctx, "DROP TABLE bun_migrations")
		require.NoError(t, err)
		//nolint:errorlint // this one, bare
		assert.ErrorIs(t, migrations.Pending(ctx, db.DB), migrations.ErrSchemaOld, "without the table")
	})
}
