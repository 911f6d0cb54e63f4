package store_test

import (
	"context"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"kontor/app/fault"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// lineTo opens a database through a Cable, and the same database directly.
func lineTo(t *testing.T) (db, direct *store.DB, cable *storetest.Cable) {
	t.Helper()
	url := storetest.PostgresURL(t)
	cable = storetest.Through(t, url)
	var both [2]*store.DB
	for i, u := range []string{cable.URL, url} {
		opened, err := store.Open(context.Background(), u)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = opened.Close() })
		both[i] = opened
	}
	if _, err := both[1].ExecContext(context.Background(), "CREATE TABLE noted (what TEXT)"); err != nil {
		t.Fatal(err)
	}
	return both[0], both[1], cable
}

// is says whether an error is the given outage.
func is(err error, want *fault.Error) bool {
	f := store.Outage(err)
	return f != nil && f.Is(want)
}

func count(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	if err := db.NewRaw("SELECT count(*) FROM noted").Scan(context.Background(), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func insert(ctx context.Context, db bun.IDB) error {
	_, err := db.ExecContext(ctx, "INSERT INTO noted (what) VALUES ('it')")
	return err
}

// TestCutBetween: connections that were cut while they were idle do not disturb the next caller, whoever cut them.
func TestCutBetween(t *testing.T) {
	ctx := context.Background()
	for name, cut := range map[string]func(t *testing.T, direct *store.DB, cable *storetest.Cable){
		"by the network": func(_ *testing.T, _ *store.DB, cable *storetest.Cable) { cable.Cut() },
		"by an administrator": func(t *testing.T, direct *store.DB, _ *storetest.Cable) {
			if _, err := direct.ExecContext(ctx, `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, direct, cable := lineTo(t)
			use := func(do func() error) {
				t.Helper()
				var all sync.WaitGroup // many connections
				for range 12 {
					all.Go(func() {
						if err := do(); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
			}
			ways := []func() error{
				func() error { return insert(ctx, db) },
				func() error {
					return db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return insert(ctx, tx) })
				},
				func() error {
					return db.NewRaw("INSERT INTO noted (what) VALUES ('it') RETURNING what").Scan(ctx, new(string))
				},
			}
			for _, do := range ways {
				use(func() error { _, err := db.ExecContext(ctx, "SELECT pg_sleep(0.02)"); return err })
				cut(t, direct, cable)
				use(do)
			}
			if n := count(t, direct); n != 12*len(ways) {
				t.Errorf("%d rows, want %d", n, 12*len(ways))
			}
		})
	}
}

// TestCutInTx: a tx whose connection is cut before the commit is run again, once, and its changes are made once.
func TestCutInTx(t *testing.T) {
	ctx := context.Background()
	db, direct, cable := lineTo(t)
	for _, c := range []struct {
		name, at string
		deliver  bool
		want     int // runs of fn
	}{
		{"before its begin", "begin", false, 1},
		{"behind its begin", "begin", true, 1},
		{"before a statement", "INSERT", false, 2},
		{"behind a statement", "INSERT", true, 2},
	} {
		before, runs := count(t, direct), 0
		cable.CutAt(c.at, c.deliver)
		err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			runs++
			return insert(ctx, tx)
		})
		if n := count(t, direct) - before; err != nil || n != 1 || runs != c.want {
			t.Errorf("cut %s: %d rows, run %d times, %v; want one row and %d", c.name, n, runs, err, c.want)
		}
	}
	// by an administrator, in the middle of it
	before, runs := count(t, direct), 0
	err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if runs++; runs == 1 {
			if err := insert(ctx, tx); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
			return err
		}
		return insert(ctx, tx)
	})
	if n := count(t, direct) - before; err != nil || n != 1 || runs != 2 {
		t.Errorf("by an administrator: %d rows, run %d times, %v", n, runs, err)
	}
	// one that is cut whenever it runs ends
	runs = 0
	err = db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		runs++
		_, err := tx.ExecContext(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
		return err
	})
	if !is(err, store.ErrAway) || runs != 2 {
		t.Errorf("cut each time: run %d times, %v", runs, err)
	}
}

// TestCutUnsure: a statement that may have been executed is not sent again; a statement that only reads is.
func TestCutUnsure(t *testing.T) {
	ctx := context.Background()
	db, direct, cable := lineTo(t)
	for _, delivered := range []bool{false, true} {
		for _, c := range []struct {
			name, at string
			do       func() error
			want     *fault.Error // nil: works all the same
		}{
			{"the commit of a tx", "commit\x00", func() error {
				return db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return insert(ctx, tx) })
			}, store.ErrUnsure},
			{"a statement alone", "INSERT", func() error { return insert(ctx, db) }, store.ErrAway},
			{"a query that writes", "INSERT", func() error {
				return db.NewRaw("INSERT INTO noted (what) VALUES ('it') RETURNING what").Scan(ctx, new(string))
			}, store.ErrAway},
			{"a query that writes and begins with WITH", "INSERT", func() error {
				return db.NewRaw("WITH a AS (INSERT INTO noted (what) VALUES ('it') RETURNING what) SELECT what FROM a").Scan(ctx, new(string))
			}, store.ErrAway},
			{"a query", "SELECT what", func() error { return db.NewRaw("SELECT what FROM noted").Scan(ctx, &[]string{}) }, nil},
			{"a query by exec", "SELECT what", func() error { _, err := db.ExecContext(ctx, "SELECT what FROM noted"); return err }, nil},
		} {
			before := count(t, direct)
			cable.CutAt(c.at, delivered)
			err := c.do()
			sent := cable.Came()
			cable.Ended()
			if n := count(t, direct) - before; n > 1 || n > 0 && !delivered {
				t.Errorf("%s, delivered %v: %d rows", c.name, delivered, n)
			}
			switch {
			case c.want == nil && (err != nil || sent != 2):
				t.Errorf("%s, delivered %v: sent %d times, %v; want it to be asked again", c.name, delivered, sent, err)
			case c.want != nil && (!is(err, c.want) || sent != 1):
				t.Errorf("%s, delivered %v: sent %d times, %v; want it to be sent once, and %v", c.name, delivered, sent, err, c.want)
			}
		}
	}
}

// TestAway: a server that is gone is reported as away, and is used again when it is back.
func TestAway(t *testing.T) {
	ctx := context.Background()
	db, _, cable := lineTo(t)
	log := &logged{}
	db.Tell(log.logger())
	cable.Pull()
	for range 20 {
		if err := insert(ctx, db); !is(err, store.ErrAway) {
			t.Fatalf("a server that is gone: %v", err)
		}
		if said := db.Check(ctx); said != "does not answer" {
			t.Errorf("readiness: %q", said)
		}
	}
	cable.Plug()
	if err := insert(ctx, db); err != nil {
		t.Error(err)
	}
	log.await(t, "of use again")
	if said := db.Check(ctx); said != "" {
		t.Errorf("readiness: %q", said)
	}
	log.lines(t, 2)
}
