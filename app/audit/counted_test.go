package audit

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/await"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// world is a log on a database of its own, at a time that only the test moves.
type world struct {
	*testing.T
	*Log
	ctx   context.Context
	mu    sync.Mutex
	at    time.Time
	lines bytes.Buffer
}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{T: t, ctx: context.Background(), at: time.Date(2026, 11, 28, 9, 10, 0, 0, time.UTC)}
		w.Log = New(db, func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.at })
		w.Tell(slog.New(slog.NewTextHandler(&w.lines, nil)))
		test(w)
	})
}

func (w *world) wait(d time.Duration) { w.mu.Lock(); w.at = w.at.Add(d); w.mu.Unlock() }

func (w *world) must(err error) {
	w.Helper()
	require.NoError(w, err)
}

// rows returns the entries of an action, oldest first.
func (w *world) rows(a Action) (list []Entry) {
	w.Helper()
	w.must(w.db.NewSelect().Model(&list).Where("action = ?", a).Order("at", "id").Scan(w.ctx))
	return list
}

func total(rows []Entry) (n int64) {
	for _, e := range rows {
		n += e.Times
	}
	return n
}

// TestSawCounts: equal sightings within an hour are one row, with their number, the last time and the routes.
func TestSawCounts(t *testing.T) {
	each(t, func(w *world) {
		anna := Actor{ID: uuid.Must(uuid.NewV7()), Name: "Anna Berg", Address: "192.0.2.7", RequestID: "r-1"}
		otto := Actor{ID: uuid.Must(uuid.NewV7()), Name: "Otto Ort", Address: "192.0.2.7"}
		elsewhere := anna
		elsewhere.Address = "192.0.2.8"
		saw := func(by Actor, place string) { w.Saw(Sighting{Action: RequestRefused, By: by, Place: place}) }
		first := w.now()
		saw(anna, "GET /audit")
		w.wait(time.Minute)
		saw(anna, "GET /audit")
		w.must(w.Flush(w.ctx))
		w.wait(time.Minute)
		saw(anna, "POST /policies/draft/publish") // is added to the stored count
		saw(otto, "GET /audit")
		saw(elsewhere, "GET /audit")
		w.must(w.Flush(w.ctx))
		w.must(w.Flush(w.ctx)) // nothing is written twice
		w.wait(time.Hour)
		saw(anna, "GET /audit") // another hour
		w.must(w.Flush(w.ctx))
		rows := w.rows(RequestRefused)
		require.Len(w, rows, 4, "rows")
		require.EqualValues(w, 6, total(rows))
		e := rows[0]
		assert.EqualValues(w, 3, e.Times, "row")
		assert.WithinDuration(w, first, e.At, 0)
		require.NotNil(w, e.LastAt)
		assert.WithinDuration(w, first.Add(2*time.Minute), *e.LastAt, 0)
		assert.Equal(w, "Anna Berg", e.Actor)
		assert.Equal(w, anna.ID, e.ActorID.UUID)
		assert.Equal(w, anna.Address, e.Address)
		assert.Equal(w, []string{"GET /audit", "POST /policies/draft/publish"}, e.Places(), "places")
		assert.Nil(w, e.Changes(), "places are read as changes %v or counts %v", e.Changes(), e.Counts())
		assert.Nil(w, e.Counts())
	})
}

// TestSawApart: which differences lead to separate rows, and which do not.
func TestSawApart(t *testing.T) {
	one, two := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	base := Sighting{Action: SignInFailed, By: Actor{Address: "192.0.2.7"}, SubjectID: one, Subject: "Anna"}
	each(t, func(w *world) {
		for _, c := range []struct {
			what  string
			other func(s *Sighting)
			rows  int
		}{
			{"the same", func(*Sighting) {}, 1},
			{"another request", func(s *Sighting) { s.By.RequestID = "x" }, 1},
			{"another place", func(s *Sighting) { s.Place = "POST /login" }, 1},
			{"another action", func(s *Sighting) { s.Action = SignInSlowed }, 2},
			{"another subject", func(s *Sighting) { s.SubjectID = two }, 2},
			{"another person", func(s *Sighting) { s.By.ID = two }, 2},
			{"another customer", func(s *Sighting) { s.CustomerID = two }, 2},
			{"another address", func(s *Sighting) { s.By.Address = "192.0.2.8" }, 2},
		} {
			other := base
			c.other(&other)
			w.Saw(base)
			w.Saw(other)
			w.must(w.Flush(w.ctx))
			n := len(w.rows(SignInFailed)) + len(w.rows(SignInSlowed))
			assert.Equal(w, c.rows, n, "%s: rows", c.what)
			_, err := w.db.NewDelete().Model((*Entry)(nil)).Where("1 = 1").Exec(w.ctx)
			w.must(err)
		}
		for i := range 50 { // one subscriber
			w.Saw(Sighting{Action: SignInUnknown, By: Actor{Address: fmt.Sprintf("2001:db8:1:2:%x::1", i)}})
		}
		w.Saw(Sighting{Action: SignInUnknown, By: Actor{Address: "2001:db8:1:3::1"}})
		w.must(w.Flush(w.ctx))
		rows := w.rows(SignInUnknown)
		require.Len(w, rows, 2, "IPv6")
		assert.EqualValues(w, 51, rows[0].Times+rows[1].Times, "IPv6")
	})
}

// TestFloodIsBounded: sightings from many addresses, about many accounts, with and without flushes in between, from
// several processes. The number of rows is limited, and every sighting is counted.
func TestFloodIsBounded(t *testing.T) {
	account := func(i int) uuid.UUID { return uuid.NewV5(uuid.NamespaceOID, fmt.Sprint(i)) }
	for name, c := range map[string]struct {
		make func(i int) Sighting
		most int
	}{
		"one account, many addresses": {func(i int) Sighting {
			return Sighting{By: Actor{Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250)}, SubjectID: account(0), Subject: "Anna"}
		}, rowsExact + 1},
		"nobody, many addresses": {func(i int) Sighting {
			return Sighting{By: Actor{Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250)}}
		}, rowsExact + 1},
		"many accounts and addresses": {func(i int) Sighting {
			return Sighting{By: Actor{Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250)}, SubjectID: account(i), Subject: "Anna"}
		}, rowsCoarse + 1},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				const flood, rounds = 3000, 3
				for i := range flood {
					s := c.make(i)
					s.Action = SignInFailed
					w.Saw(s)
					if i%(flood/rounds) == flood/rounds-1 {
						w.must(w.Flush(w.ctx))
					}
				}
				other := New(w.db, w.now) // a process that has seen nothing yet
				for i := range flood {
					s := c.make(i + flood)
					s.Action = SignInFailed
					other.Saw(s)
				}
				w.must(other.Flush(w.ctx))
				rows := w.rows(SignInFailed)
				assert.LessOrEqual(w, len(rows), c.most, "%d rows of %d sightings, want at most %d of %d", len(rows), total(rows), c.most, 2*flood)
				assert.EqualValues(w, 2*flood, total(rows))
				coarse := 0
				for _, e := range rows {
					if e.Address == "" {
						coarse++
						if e.Fold == "everyone" && (e.Subject != "" || e.SubjectID.Valid || e.ActorID.Valid) {
							w.Errorf("the row of everybody names somebody: %+v", e)
						}
					}
				}
				assert.NotEqual(w, 0, coarse, "no row of many addresses")
			})
		})
	}
}

// TestTwoProcesses count into one row.
func TestTwoProcesses(t *testing.T) {
	each(t, func(w *world) {
		logs := []*Log{w.Log, New(w.db, w.now), New(w.db, w.now)}
		var all sync.WaitGroup
		for _, l := range logs {
			all.Go(func() {
				for range 20 {
					for _, a := range []Action{RequestRefused, SignInUnknown, RequestForeign} {
						l.Saw(Sighting{Action: a, By: Actor{Address: "192.0.2.7"}, Place: "GET /x"})
					}
					assert.NoError(w, l.Flush(w.ctx))
				}
			})
		}
		all.Wait()
		for _, a := range []Action{RequestRefused, SignInUnknown, RequestForeign} {
			rows := w.rows(a)
			require.Len(w, rows, 1, a)
			assert.EqualValues(w, 60, rows[0].Times, a)
		}
	})
}

// TestDatabaseAway: while the database is down, refusals take no longer, and the sightings are written later.
func TestDatabaseAway(t *testing.T) {
	each(t, func(w *world) {
		gone, cancel := context.WithCancel(w.ctx)
		cancel()
		w.Saw(Sighting{Action: RequestRefused, By: Actor{Address: "192.0.2.7"}})
		require.Error(w, w.Flush(gone), "written without a database")
		w.Saw(Sighting{Action: RequestRefused, By: Actor{Address: "192.0.2.7"}})
		for i := range 3 * pendingMost { // 300 refusals an hour
			if i%300 == 0 {
				w.wait(time.Hour)
			}
			w.Saw(Sighting{Action: SignInUnknown, By: Actor{Address: fmt.Sprintf("10.%d.%d.1", i/250, i%250)}})
		}
		assert.LessOrEqual(w, len(w.seen.rows), pendingMost+100, "rows wait in memory")
		w.must(w.Flush(w.ctx))
		rows := w.rows(RequestRefused)
		require.Len(w, rows, 1, "after it came back")
		assert.EqualValues(w, 2, rows[0].Times, "after it came back")
		assert.EqualValues(w, 3*pendingMost, total(w.rows(SignInUnknown)), "counted")
	})
}

// TestGoneMeanwhile: the name and address of an account deleted a second before are not written again.
func TestGoneMeanwhile(t *testing.T) {
	each(t, func(w *world) {
		here, gone := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
		w.Ask(func(_ context.Context, _ bun.IDB, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
			assert.Contains(w, ids, gone, "asked")
			assert.NotContains(w, ids, uuid.Nil)
			return map[uuid.UUID]bool{here: true}, nil
		})
		for _, id := range []uuid.UUID{here, gone} {
			w.Saw(Sighting{Action: RequestRefused, By: Actor{ID: id, Name: "Eva Ende", Address: "198.51.100.1"}})
			w.Saw(Sighting{Action: SignInFailed, By: Actor{Address: "198.51.100.1"}, SubjectID: id, Subject: "Eva Ende"})
		}
		w.must(w.Flush(w.ctx))
		for _, a := range []Action{RequestRefused, SignInFailed} {
			named := 0
			rows := w.rows(a)
			for _, e := range rows {
				if e.Actor+e.Subject != "" {
					named++
					continue
				}
				assert.Empty(w, e.Address, a)
				assert.False(w, e.ActorID.Valid, a)
				assert.False(w, e.SubjectID.Valid, a)
			}
			assert.Len(w, rows, 2, "%s: rows", a)
			assert.Equal(w, 1, named, "%s: with a name", a)
		}
	})
}

// TestCount: Count writes at once, into the same row.
func TestCount(t *testing.T) {
	each(t, func(w *world) {
		s := Sighting{Action: Downloaded, By: Actor{ID: uuid.Must(uuid.NewV7()), Name: "Anna"}, CustomerID: uuid.Must(uuid.NewV7()), Subject: "K-10001"}
		w.must(w.Count(w.ctx, s))
		w.Saw(s)
		w.must(w.Flush(w.ctx))
		w.must(w.Count(w.ctx, s))
		rows := w.rows(Downloaded)
		require.Len(w, rows, 1)
		assert.EqualValues(w, 3, rows[0].Times)
		assert.Equal(w, s.CustomerID, rows[0].CustomerID.UUID)
		gone, cancel := context.WithCancel(w.ctx)
		cancel()
		assert.Error(w, w.Count(gone, s), "counted without a database")
		n := w.Counts()[Downloaded]
		assert.EqualValues(w, 3, n, "the counter says")
	})
}

// TestPrune: rows about no account and no customer are deleted after 90 days; all others stay.
func TestPrune(t *testing.T) {
	each(t, func(w *world) {
		w.Saw(Sighting{Action: SignInUnknown, By: Actor{Address: "192.0.2.7"}})
		w.Saw(Sighting{Action: SignInFailed, By: Actor{Address: "192.0.2.7"}, SubjectID: uuid.Must(uuid.NewV7())})
		w.Saw(Sighting{Action: RequestRefused, By: Actor{ID: uuid.Must(uuid.NewV7())}})
		w.must(w.Flush(w.ctx))
		w.must(w.Write(w.ctx, w.db, Actor{Name: "Kontor"}, Record{Action: PolicyReset}))
		for _, c := range []struct {
			after time.Duration
			want  int64
		}{{0, 4}, {keepNobodys, 4}, {time.Second, 3}, {10 * keepNobodys, 3}} {
			w.wait(c.after)
			w.must(w.Prune(w.ctx))
			n, err := w.db.NewSelect().Model((*Entry)(nil)).Count(w.ctx)
			require.NoError(w, err, "%s later: rows", c.after)
			assert.Equal(w, c.want, n, "%s later", c.after)
		}
	})
}

// TestSecurityLines: each event is a line with the request's id and without names. The lines of a flood are limited,
// and the number of suppressed lines is written. An action that was rolled back has no line.
func TestSecurityLines(t *testing.T) {
	each(t, func(w *world) {
		anna := Actor{ID: uuid.Must(uuid.NewV7()), Name: "Anna Berg", Address: "192.0.2.7", RequestID: "request-1"}
		w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
			return w.Write(ctx, tx, anna, Record{Action: AccountRolesChanged, SubjectID: anna.ID, Subject: "Otto Ort", Detail: Changes{"roles": {"", "auditor"}}})
		}))
		w.must(w.Write(w.ctx, w.db, anna, Record{Action: CustomerUpdated, Subject: "K-10001"})) // no security event
		rolledBack := fmt.Errorf("no")
		require.Error(w, w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
			w.must(w.Write(ctx, tx, anna, Record{Action: AccountPasswordSet, SubjectID: anna.ID}))
			return rolledBack
		}), "committed")
		said := w.lines.String()
		assert.Equal(w, 1, strings.Count(said, "\n"), "lines")
		assert.EqualValues(w, 1, w.Counts()[AccountRolesChanged], "counts")
		assert.EqualValues(w, 0, w.Counts()[AccountPasswordSet])
		for what, want := range map[string]bool{
			"level=INFO": true, "msg=security": true, "event=account.roles_changed": true, "request=request-1": true, "account=" + anna.ID.String(): true,
			"address=192.0.2.7": true, "Anna": false, "Otto": false, "auditor": false,
		} {
			assert.Equal(w, want, strings.Contains(said, what))
		}
		w.lines.Reset()
		w.wait(time.Minute)
		const flood = 5000
		for range flood {
			w.Saw(Sighting{Action: RequestForeign, By: anna, Place: "POST /login"})
		}
		assert.Equal(w, linesAtOnce, strings.Count(w.lines.String(), "\n"), "lines of a flood")
		w.lines.Reset()
		w.wait(time.Second)
		w.Saw(Sighting{Action: RequestForeign, By: anna, Place: "POST /login"})
		want := fmt.Sprintf("left_out_before=%d", flood-linesAtOnce)
		assert.Contains(w, w.lines.String(), want, "lacks")
		assert.Contains(w, w.lines.String(), `route="POST /login"`)
		n := w.Counts()[RequestForeign]
		assert.EqualValues(w, flood+1, n, "the counter says")
	})
}

// TestKeep: Keep writes by itself, and writes the rest when it is stopped.
func TestKeep(t *testing.T) {
	each(t, func(w *world) {
		stop := w.Keep(slog.New(slog.DiscardHandler))
		w.Saw(Sighting{Action: RequestRefused})
		await.True(w.T, "what was seen to be written", func() bool { return len(w.rows(RequestRefused)) > 0 })
		w.Saw(Sighting{Action: RequestForeign})
		stop()
		assert.Equal(w, 1, len(w.rows(RequestForeign)), "rows after stopping")
	})
}
