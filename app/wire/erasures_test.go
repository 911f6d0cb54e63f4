package wire

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/config"
	"kontor/app/erasure"
	"kontor/app/store/storetest"
)

// TestAfterRestore: on both databases a restored one contains nobody who was deleted, no session, no process and no
// waiting message. A deletion that was in progress is finished. Running it again changes nothing.
func TestAfterRestore(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			env := map[string]string{
				"DATA_DIR": t.TempDir(), "DATABASE_URL": address(t), "SECRET_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
				"ERASURE_LOG": filepath.Join(t.TempDir(), "erasures.log"), "BASE_URL": "http://127.0.0.1:3000", "MAILBOX": "on",
			}
			c, _, err := config.Load(nil, func(n string) string { return env[n] }, Checks())
			if err != nil {
				t.Fatal(err)
			}
			s, err := New(ctx, c, slog.New(slog.DiscardHandler), ApplySchema)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			exec := func(sql string, args ...any) {
				t.Helper()
				if _, err := s.DB.ExecContext(ctx, sql, args...); err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
			}
			counts := func() (all [6]int) {
				t.Helper()
				for i, sql := range []string{
					`SELECT count(*) FROM customer`, `SELECT count(*) FROM access`, `SELECT count(*) FROM account WHERE NOT specialist`, `SELECT count(*) FROM session`,
					`SELECT count(*) FROM process`, `SELECT count(*) FROM message WHERE state = 'queued'`,
				} {
					if err := s.DB.NewRaw(sql).Scan(ctx, &all[i]); err != nil {
						t.Fatal(err)
					}
				}
				return all
			}
			at, id := s.Now(), func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
			customer := func(number int) uuid.UUID {
				c := id()
				exec(`INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at) VALUES (?, ?, 'person', 'de', 'x', 'x', '', ?, ?)`, number, c, at, at)
				return c
			}
			// access adds one with an account and a message that waits.
			access := func(customer uuid.UUID) uuid.UUID {
				a, p := id(), id()
				exec(`INSERT INTO account (id, name, username, username_folded, email, email_folded, created_at) VALUES (?, 'E', ?, ?, ?, ?, ?)`, p, p, p, p, p, at)
				exec(`INSERT INTO access (id, customer_id, account_id, first_name, last_name, email, email_folded, locale, invited_at, link_expires_at, created_at)
					VALUES (?, ?, ?, 'E', 'E', ?, ?, 'de', ?, ?, ?)`, a, customer, p, p, p, at, at, at)
				exec(`INSERT INTO session (id_hash, account_id, created_at, last_seen_at, expires_at, address, agent) VALUES (?, ?, ?, ?, ?, '', '')`, a, p, at, at, at.Add(time.Hour))
				exec(`INSERT INTO message (id, kind, channel, customer_id, access_id, recipient, locale, generation, dedupe, state, relay_at, expires_at, created_at)
					VALUES (?, 'registration', 'email', ?, ?, 'x', 'de', 1, ?, 'queued', ?, ?, ?)`, id(), customer, a, a, at, at.Add(time.Hour), at)
				return a
			}
			stays, deleted, half := customer(1), customer(2), customer(3)
			remains := access(stays)
			removed := access(stays)
			access(deleted)
			access(half)
			exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, half)
			exec(`INSERT INTO deletion (id, customer_id, number, counts, total, requested_at) VALUES (?, ?, 3, '{}', 5, ?)`, id(), half, at)
			worked, d := customer(4), id() // on by somebody when the backup was made
			exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, worked)
			exec(`INSERT INTO deletion (id, customer_id, number, counts, total, requested_at) VALUES (?, ?, 4, '{}', 5, ?)`, d, worked, at)
			exec(`INSERT INTO job (id, kind, subject_id, state, run, lease_until, requested_at) VALUES (?, 'customer_deletion', ?, 'running', 3, ?, ?)`, id(), d, at.Add(time.Minute), at)
			if err := s.Erasures.Record(ctx, erasure.Subject{Kind: erasure.Customer, ID: deleted}, erasure.Subject{Kind: erasure.Access, ID: removed},
				erasure.Subject{Kind: erasure.Customer, ID: id()}); err != nil {
				t.Fatal(err)
			}
			exec(`INSERT INTO authorisation_removal (id, customer_id, removed_by, expires_at, sealed) SELECT ?, ?, account_id, ?, ? FROM access WHERE id = ?`,
				id(), stays, at, []byte("sealed with another key"), remains)
			done, err := s.AfterRestore(ctx)
			if err != nil || done.Sealed != 1 || done.Sessions != 4 || done.Cancelled != 4 || done.Erased[erasure.Customer] != 1 || done.Erased[erasure.Access] != 1 || done.NoLog {
				t.Errorf("%+v, %v", done, err)
			}
			if got, want := counts(), [6]int{1, 1, 1, 0, 0, 0}; got != want {
				t.Errorf("customers, accesses, people, sessions, processes, messages: %v, want %v", got, want)
			}
			if done, err := s.AfterRestore(ctx); err != nil || done.Erased.Total() != 0 || done.Sessions+done.Cancelled != 0 {
				t.Errorf("again: %+v, %v", done, err)
			}
		})
	}
}
