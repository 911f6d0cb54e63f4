package audit

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
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
	if err != nil {
		w.Fatal(err)
	}
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
		saw(anna, "POST /policies/draft/publish") // is added to what is on the disk
		saw(otto, "GET /audit")
		saw(elsewhere, "GET /audit")
		w.must(w.Flush(w.ctx))
		w.must(w.Flush(w.ctx)) // nothing is written twice
		w.wait(time.Hour)
		saw(anna, "GET /audit") // another hour
		w.must(w.Flush(w.ctx))
		rows := w.rows(RequestRefused)
		if len(rows) != 4 || total(rows) != 6 {
			w.Fatalf("%d rows of %d: %+v", len(rows), total(rows), rows)
		}
		e := rows[0]
		if e.Times != 3 || !e.At.Equal(first) || e.LastAt == nil || !e.LastAt.Equal(first.Add(2*time.Minute)) || e.Actor != "Anna Berg" ||
			e.ActorID.UUID != anna.ID || e.Address != anna.Address || !slices.Equal(e.Places(), []string{"GET /audit", "POST /policies/draft/publish"}) {
			w.Errorf("row %+v, places %v", e, e.Places())
		}
		if e.Changes() != nil || e.Counts() != nil {
			w.Errorf("places are read as changes %v or counts %v", e.Changes(), e.Counts())
		}
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
			if n := len(w.rows(SignInFailed)) + len(w.rows(SignInSlowed)); n != c.rows {
				w.Errorf("%s: %d rows, want %d", c.what, n, c.rows)
			}
			_, err := w.db.NewDelete().Model((*Entry)(nil)).Where("1 = 1").Exec(w.ctx)
			w.must(err)
		}
		for i := range 50 { // one subscriber
			w.Saw(Sighting{Action: SignInUnknown, By: Actor{Address: fmt.Sprintf("2001:db8:1:2:%x::1", i)}})
		}
		w.Saw(Sighting{Action: SignInUnknown, By: Actor{Address: "2001:db8:1:3::1"}})
		w.must(w.Flush(w.ctx))
		if rows := w.rows(SignInUnknown); len(rows) != 2 || rows[0].Times+rows[1].Times != 51 {
			w.Errorf("IPv6: %+v", rows)
		}
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
				if len(rows) > c.most || total(rows) != 2*flood {
					w.Errorf("%d rows of %d sightings, want at most %d of %d", len(rows), total(rows), c.most, 2*flood)
				}
				coarse := 0
				for _, e := range rows {
					if e.Address == "" {
						coarse++
						if e.Fold == "everyone" && (e.Subject != "" || e.SubjectID.Valid || e.ActorID.Valid) {
							w.Errorf("the row of everybody names somebody: %+v", e)
						}
					}
				}
				if coarse == 0 {
					w.Error("no row of many addresses")
				}
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
					if err := l.Flush(w.ctx); err != nil {
						w.Error(err)
					}
				}
			})
		}
		all.Wait()
		for _, a := range []Action{RequestRefused, SignInUnknown, RequestForeign} {
			if rows := w.rows(a); len(rows) != 1 || rows[0].Times != 60 {
				w.Errorf("%s: %+v", a, rows)
			}
		}
	})
}

// TestDatabaseAway: while the database is down, refusals take no longer, and the sightings are written later.
func TestDatabaseAway(t *testing.T) {
	each(t, func(w *world) {
		gone, cancel := context.WithCancel(w.ctx)
		cancel()
		w.Saw(Sighting{Action: RequestRefused, By: Actor{Address: "192.0.2.7"}})
		if err := w.Flush(gone); err == nil {
			w.Fatal("written without a database")
		}
		w.Saw(Sighting{Action: RequestRefused, By: Actor{Address: "192.0.2.7"}})
		for i := range 3 * pendingMost { // hours of it
			if i%300 == 0 {
				w.wait(time.Hour)
			}
			w.Saw(Sighting{Action: SignInUnknown, By: Actor{Address: fmt.Sprintf("10.%d.%d.1", i/250, i%250)}})
		}
		if n := len(w.seen.rows); n > pendingMost+100 {
			w.Errorf("%d rows wait in memory", n)
		}
		w.must(w.Flush(w.ctx))
		if rows := w.rows(RequestRefused); len(rows) != 1 || rows[0].Times != 2 {
			w.Errorf("after it came back: %+v", rows)
		}
		if n := total(w.rows(SignInUnknown)); n != 3*pendingMost {
			w.Errorf("%d counted, want %d", n, 3*pendingMost)
		}
	})
}

// TestGoneMeanwhile: the name and address of an account deleted a second before are not written again.
func TestGoneMeanwhile(t *testing.T) {
	each(t, func(w *world) {
		here, gone := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
		w.Ask(func(_ context.Context, _ bun.IDB, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
			if !slices.Contains(ids, gone) || slices.Contains(ids, uuid.Nil) {
				w.Errorf("asked for %v", ids)
			}
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
				} else if e.Address != "" || e.ActorID.Valid || e.SubjectID.Valid {
					w.Errorf("%s: %+v", a, e)
				}
			}
			if len(rows) != 2 || named != 1 {
				w.Errorf("%s: %d rows, %d with a name", a, len(rows), named)
			}
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
		if rows := w.rows(Downloaded); len(rows) != 1 || rows[0].Times != 3 || rows[0].CustomerID.UUID != s.CustomerID {
			w.Errorf("%+v", rows)
		}
		gone, cancel := context.WithCancel(w.ctx)
		cancel()
		if w.Count(gone, s) == nil {
			w.Error("counted without a database")
		}
		if n := w.Counts()[Downloaded]; n != 3 {
			w.Errorf("the counter says %d", n)
		}
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
			if n, err := w.db.NewSelect().Model((*Entry)(nil)).Count(w.ctx); err != nil || n != c.want {
				w.Errorf("%s later: %d rows, %v; want %d", c.after, n, err, c.want)
			}
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
		if err := w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
			w.must(w.Write(ctx, tx, anna, Record{Action: AccountPasswordSet, SubjectID: anna.ID}))
			return rolledBack
		}); err == nil {
			w.Fatal("committed")
		}
		said := w.lines.String()
		if strings.Count(said, "\n") != 1 || w.Counts()[AccountRolesChanged] != 1 || w.Counts()[AccountPasswordSet] != 0 {
			w.Errorf("lines %q, counts %v", said, w.Counts())
		}
		for what, want := range map[string]bool{
			"level=INFO": true, "msg=security": true, "event=account.roles_changed": true, "request=request-1": true, "account=" + anna.ID.String(): true,
			"address=192.0.2.7": true, "Anna": false, "Otto": false, "auditor": false,
		} {
			if strings.Contains(said, what) != want {
				w.Errorf("%q in %q: want %v", what, said, want)
			}
		}
		w.lines.Reset()
		w.wait(time.Minute)
		const flood = 5000
		for range flood {
			w.Saw(Sighting{Action: RequestForeign, By: anna, Place: "POST /login"})
		}
		if n := strings.Count(w.lines.String(), "\n"); n != linesAtOnce {
			w.Errorf("%d lines of a flood, want %d", n, linesAtOnce)
		}
		w.lines.Reset()
		w.wait(time.Second)
		w.Saw(Sighting{Action: RequestForeign, By: anna, Place: "POST /login"})
		if want := fmt.Sprintf("left_out_before=%d", flood-linesAtOnce); !strings.Contains(w.lines.String(), want) || !strings.Contains(w.lines.String(), `route="POST /login"`) {
			w.Errorf("%q lacks %s", w.lines.String(), want)
		}
		if n := w.Counts()[RequestForeign]; n != flood+1 {
			w.Errorf("the counter says %d", n)
		}
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
		if n := len(w.rows(RequestForeign)); n != 1 {
			w.Errorf("%d rows after stopping", n)
		}
	})
}
