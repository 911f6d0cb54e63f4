package wire

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

	"kontor/app/await"
	"kontor/app/config"
	"kontor/app/job"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
)

// started are the services on a database, and what runs a worker on them until the test ends.
func started(t *testing.T, address string) (s *Services, work func()) {
	t.Helper()
	env := map[string]string{
		"DATA_DIR": t.TempDir(), "DATABASE_URL": address, "SECRET_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"BASE_URL": "http://127.0.0.1:3000", "MAILBOX": "on",
	}
	c, _, err := config.Load(nil, func(n string) string { return env[n] }, Checks())
	if err != nil {
		t.Fatal(err)
	}
	if s, err = New(t.Context(), c, slog.New(slog.DiscardHandler), ApplySchema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, func() {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.Loop().Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBegunBefore: a deletion, a handover and a deactivation that the version without jobs had begun, or begins while it
// runs beside this one, continue by themselves, each exactly once.
func TestBegunBefore(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			ctx, url := t.Context(), address(t)
			db, err := store.Open(ctx, url)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			if _, err := migrations.Apply(ctx, db.DB); err != nil {
				t.Fatal(err)
			}
			if _, err := migrations.Revert(ctx, db.DB, "20261128000086"); err != nil {
				t.Fatal(err)
			}
			const at = "2026-11-24 12:00:00+00:00"
			exec := func(sql string, args ...any) {
				t.Helper()
				if _, err := db.ExecContext(ctx, sql, args...); err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
			}
			count := func(query string) (n int) {
				t.Helper()
				if err := db.NewRaw("SELECT count(*) FROM "+query).Scan(ctx, &n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			id := func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
			person := func(name string) uuid.UUID {
				p := id()
				exec(`INSERT INTO account (id, specialist, name, username, username_folded, email, email_folded, created_at) VALUES (?, TRUE, ?, ?, ?, ?, ?, ?)`, p, name, p, p, p, p, at)
				return p
			}
			from, to, gone := person("Anna"), person("Ben"), person("Gabi")
			number := 10000
			customer := func(administrator uuid.UUID) uuid.UUID {
				number++
				c := id()
				exec(`INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at) VALUES (?, ?, 'person', 'de', '', '', '', ?, ?)`, number, c, at, at)
				exec(`INSERT INTO customer_administrator (customer_id, specialist_id, created_at, created_by) VALUES (?, ?, ?, ?)`, c, administrator, at, administrator)
				return c
			}
			begin := func() {
				half := customer(from)
				exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, half)
				exec(`INSERT INTO deletion (id, customer_id, number, counts, done, total, requested_at) VALUES (?, ?, ?, '{}', 600, 1000, ?)`, id(), half, number, at)
				h := id()
				exec(`INSERT INTO handover (id, from_id, move, total, at_customer, at_transaction, requested_by, requested_at) VALUES (?, ?, TRUE, 3, ?, ?, ?, ?)`, h, from, uuid.Nil, uuid.Nil, gone, at)
				exec(`INSERT INTO handover_target (handover_id, specialist_id, position) VALUES (?, ?, 0)`, h, to)
				exec(`INSERT INTO administrator_switch (specialist_id, at_customer) VALUES (?, ?)`, gone, uuid.Nil)
			}
			for range 3 {
				customer(from)
				customer(gone)
			}
			begin()
			s, work := started(t, url)
			work()
			over := func(times int) func() bool {
				return func() bool {
					return count(`deletion WHERE finished_at IS NOT NULL AND done = total`) == times && count(`handover WHERE finished_at IS NOT NULL`) == times &&
						count(`administrator_switch`) == 0 && count(`job WHERE finished_at IS NULL`) == 0
				}
			}
			await.True(t, "all over", over(1))
			if n := count(`customer_administrator AS a JOIN account AS p ON p.id = a.specialist_id WHERE p.name = 'Ben'`); n != 3 {
				t.Errorf("%d handed over", n)
			}
			if n := count(`customer WHERE deleting`); n != 0 {
				t.Errorf("%d half deleted", n)
			}
			begin()
			for range 2 {
				if err := s.Customers.Adopt(ctx); err != nil {
					t.Fatal(err)
				}
				if err := s.Handovers.Adopt(ctx); err != nil {
					t.Fatal(err)
				}
			}
			await.True(t, "all over again", over(2))
			for action, want := range map[string]int{"customer.deleted": 2, "handover.finished": 2} {
				if n := count(`audit WHERE action = '` + action + `'`); n != want {
					t.Errorf("%s stands %d times in the log, want %d", action, n, want)
				}
			}
		})
	}
}

// TestJobsNeedHandlers: a program that can't run a waiting job does not serve; commands run all the same.
func TestJobsNeedHandlers(t *testing.T) {
	s, _ := started(t, storetest.SQLiteURL(t))
	if _, err := s.DB.ExecContext(t.Context(), `INSERT INTO job (id, kind, subject_id, state, requested_at) VALUES (?, 'dream', ?, ?, ?)`,
		uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), job.Waiting, s.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), s.Config, s.Log, ApplySchema); err == nil || !strings.Contains(err.Error(), `"dream"`) {
		t.Errorf("a start says %v", err)
	}
	command, err := New(t.Context(), s.Config, s.Log, RequireSchema)
	if err != nil {
		t.Fatal(err)
	}
	_ = command.Close()
}
