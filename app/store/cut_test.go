package store_test

import (
	"context"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		require.NoError(t, err)
		t.Cleanup(func() { _ = opened.Close() })
		both[i] = opened
	}
	_, err := both[1].ExecContext(context.Background(), "CREATE TABLE noted (what TEXT)")
	require.NoError(t, err)
	return both[0], both[1], cable
}

// is says whether an error is the given outage.
func is(err error, want *fault.Error) bool {
	f := store.Outage(err)
	return f != nil && f.Is(want)
}

func count(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	require.NoError(t, db.NewRaw("SELECT count(*) FROM noted").Scan(context.Background(), &n))
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
			_, err := direct.ExecContext(ctx, `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, direct, cable := lineTo(t)
			use := func(do func() error) {
				t.Helper()
				var all sync.WaitGroup // many connections
				for range 12 {
					all.Go(func() {
						assert.NoError(t, do())
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
			assert.Equal(t, 12*len(ways), count(t, direct), "rows")
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
		n := count(t, direct) - before
		require.NoError(t, err, "cut %s: rows", c.name)
		assert.Equal(t, 1, n, "cut %s", c.name)
		assert.Equal(t, c.want, runs, "cut %s: run %d times", c.name, runs)
	}
	// An administrator ends the connection in the middle of the transaction.
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
	n := count(t, direct) - before
	require.NoError(t, err, "by an administrator: rows")
	assert.Equal(t, 1, n, "by an administrator")
	assert.Equal(t, 2, runs, "by an administrator: run %d times", runs)
	// A transaction that is cut at every attempt fails in the end.
	runs = 0
	err = db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		runs++
		_, err := tx.ExecContext(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
		return err
	})
	assert.True(t, is(err, store.ErrAway), "cut each time: %v", err)
	assert.Equal(t, 2, runs, "cut each time: run %d times", runs)
}

// TestCutUnsure: a statement that may have been executed is not sent again; a statement that only reads is.
func TestCutUnsure(t *testing.T) {
	ctx := context.Background()
	db, direct, cable := lineTo(t)
	for _, delivered := range []bool{false, true} {
		for _, c := range []struct {
			name, at string
			do       func() error
			want     *fault.Error // nil means that it succeeds
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
			n := count(t, direct) - before
			assert.LessOrEqual(t, n, 1, "%s, rows", c.name)
			assert.False(t, n > 0 && !delivered, "%s, delivered %v", c.name, delivered)
			switch {
			case c.want == nil && (err != nil || sent != 2):
				t.Errorf("%s, delivered %v: sent %d times, %v; want it to be asked again", c.name, delivered, sent, err)
			case c.want != nil && (!is(err, c.want) || sent != 1):
				t.Errorf("%s, delivered %v: sent %d times, %v; want it to be sent once, and %v", c.name, delivered, sent, err, c.want)
			}
		}
	}
}

// TestEndedConnection: a connection that has ended does not go back to the pool.
func TestEndedConnection(t *testing.T) {
	ctx := context.Background()
	db, _, _ := lineTo(t)
	for _, ends := range []bool{false, true} {
		conn, err := db.Conn(ctx)
		require.NoError(t, err)
		others := db.Stats().Idle
		require.NoError(t, conn.Raw(func(driver any) error {
			if !ends {
				return nil
			}
			return driver.(io.Closer).Close()
		}))
		require.NoError(t, conn.Close())
		want := others + 1
		if ends {
			want = others
		}
		assert.Equal(t, want, db.Stats().Idle, "idle connections, if it has ended: %v", ends)
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
		err := insert(ctx, db)
		require.True(t, is(err, store.ErrAway), "a server that is gone: %v", err)
		assert.Equal(t, "does not answer", db.Check(ctx), "readiness")
	}
	cable.Plug()
	assert.NoError(t, insert(ctx, db))
	log.await(t, "of use again")
	assert.Empty(t, db.Check(ctx), "readiness")
	log.lines(t, 2)
}
