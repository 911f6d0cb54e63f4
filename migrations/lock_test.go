package migrations_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
)

func open(t *testing.T, url string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
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
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = db.Close() }()
			taken, err := migrations.Apply(ctx, db.DB)
			if err != nil {
				t.Error(err)
			}
			for _, s := range taken {
				if _, twice := steps.LoadOrStore(s, true); twice {
					t.Errorf("%s was taken twice", s)
				}
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
		if err := migrations.Pending(context.Background(), db.DB); err != nil {
			t.Error(err)
		}
		var locks, twice int
		if err := db.NewRaw(`SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),
			(SELECT count(*) - count(DISTINCT name) FROM bun_migrations)`).Scan(context.Background(), &locks, &twice); err != nil || locks != 0 || twice != 0 {
			t.Errorf("%d locks are left, %d steps were taken twice, %v", locks, twice, err)
		}
	}
}

// TestWaitForLock: a process that waits for another one logs it, with since when and for which process. It continues when
// the other one has finished or is gone. It does not wait for the session lock that an older version left behind.
func TestWaitForLock(t *testing.T) {
	ctx := context.Background()
	url := storetest.PostgresURL(t)
	db, other := open(t, url), open(t, url)
	left, err := other.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = left.Close() }()
	if _, err := left.ExecContext(ctx, "SELECT pg_advisory_lock(?)", int64(0x6b6f6e746f72)); err != nil {
		t.Fatal(err)
	}
	hold := func() (tx bun.Tx, pid int) {
		t.Helper()
		tx, err := other.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.QueryRowContext(ctx, "SELECT pg_backend_pid() FROM pg_advisory_xact_lock(?)", int64(migrations.LockKey)).Scan(&pid); err != nil {
			t.Fatal(err)
		}
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
			if !strings.Contains(line, want) {
				t.Errorf("said %q, without %q", line, want)
			}
		}
	case err := <-done:
		t.Fatalf("did not wait: %v", err)
	}
	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(said) > 0 {
		t.Errorf("also said %q", <-said)
	}

	// where nothing is missing, nobody is waited for
	holder, _ = hold()
	defer func() { _ = holder.Rollback() }()
	if steps, err := migrations.Apply(ctx, db.DB); err != nil || len(steps) > 0 {
		t.Errorf("with nothing missing: %v, %v", steps, err)
	}
}

// lines takes what a log says, line by line.
type lines chan string

func (l lines) Write(b []byte) (int, error) { l <- string(b); return len(b), nil }

// TestBusyFile: a step is tried again if SQLite's file is locked for longer than the busy timeout.
func TestBusyFile(t *testing.T) {
	ctx := context.Background()
	url := storetest.SQLiteURL(t)
	db, other := open(t, url), open(t, url)
	if _, err := migrations.Apply(ctx, db.DB, migrations.To("20261128000031")); err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	holder, err := other.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	refused := &failures{after: 3, do: func() { _ = holder.Rollback() }}
	steps, err := migrations.Apply(ctx, db.WithQueryHook(refused))
	if err != nil || len(steps) == 0 {
		t.Errorf("took %v, %v", steps, err)
	}
	if refused.after > 0 {
		t.Errorf("was to be refused three times, %d are left", refused.after)
	}
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
		if err := migrations.Pending(ctx, db.DB); err != nil {
			t.Error(err)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := migrations.Pending(gone, db.DB); err == nil || strings.Contains(err.Error(), migrations.ErrSchemaOld.Error()) {
			t.Errorf("a database that can't be asked: %v", err)
		}
		if _, err := migrations.Apply(gone, db.DB); err == nil || strings.Contains(err.Error(), migrations.ErrSchemaOld.Error()) {
			t.Errorf("migrating one that can't be asked: %v", err)
		}
		if _, err := db.ExecContext(ctx, "DROP TABLE bun_migrations"); err != nil {
			t.Fatal(err)
		}
		if err := migrations.Pending(ctx, db.DB); err != migrations.ErrSchemaOld { //nolint:errorlint // this one, bare
			t.Errorf("without the table: %v", err)
		}
	})
}
