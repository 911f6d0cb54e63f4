package wire

import (
	"context"
	"log/slog"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/config"
	"kontor/app/job"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
)

// started are the services on a database, with some settings (name, value), and what runs a worker on them until the test ends.
func started(t *testing.T, address string, settings ...string) (s *Services, work func()) {
	t.Helper()
	env := map[string]string{
		"DATA_DIR": t.TempDir(), "DATABASE_URL": address, "SECRET_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"BASE_URL": "http://127.0.0.1:3000", "MAILBOX": "on",
	}
	for i := 0; i < len(settings); i += 2 {
		env[settings[i]] = settings[i+1]
	}
	c, _, err := config.Load(nil, func(n string) string { return env[n] }, Checks())
	require.NoError(t, err)
	s, err = New(t.Context(), c, slog.New(slog.DiscardHandler), ApplySchema)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s, func() {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.Loop().Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			err := <-ended
			assert.NoError(t, err)
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
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			_, err = migrations.Apply(ctx, db.DB)
			require.NoError(t, err)
			_, err = migrations.Revert(ctx, db.DB, "20261128000086")
			require.NoError(t, err)
			const at = "2026-11-24 12:00:00+00:00"
			exec := func(sql string, args ...any) {
				t.Helper()
				_, err := db.ExecContext(ctx, sql, args...)
				require.NoError(t, err, sql)
			}
			count := func(query string) (n int) {
				t.Helper()
				require.NoError(t, db.NewRaw("SELECT count(*) FROM "+query).Scan(ctx, &n))
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
			n := count(`customer_administrator AS a JOIN account AS p ON p.id = a.specialist_id WHERE p.name = 'Ben'`)
			assert.Equal(t, 3, n, "handed over")
			assert.Equal(t, 0, count(`customer WHERE deleting`), "half deleted")
			begin()
			for range 2 {
				require.NoError(t, s.Customers.Adopt(ctx))
				require.NoError(t, s.Handovers.Adopt(ctx))
			}
			await.True(t, "all over again", over(2))
			for action, want := range map[string]int{"customer.deleted": 2, "handover.finished": 2} {
				n := count(`audit WHERE action = '` + action + `'`)
				assert.Equal(t, want, n, "%s stands %d times in the log", action, n)
			}
		})
	}
}

// TestJobsNeedHandlers: a program that can't run a waiting job does not serve; commands run all the same.
func TestJobsNeedHandlers(t *testing.T) {
	s, _ := started(t, storetest.SQLiteURL(t))
	_, err := s.DB.ExecContext(t.Context(), `INSERT INTO job (id, kind, subject_id, state, requested_at) VALUES (?, 'dream', ?, ?, ?)`,
		uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), job.Waiting, s.Now())
	require.NoError(t, err)
	_, err = New(t.Context(), s.Config, s.Log, ApplySchema)
	require.Error(t, err, "a start says")
	assert.Contains(t, err.Error(), `"dream"`)
	command, err := New(t.Context(), s.Config, s.Log, RequireSchema)
	require.NoError(t, err)
	_ = command.Close()
}
