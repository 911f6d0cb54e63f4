package wire

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
			require.NoError(t, err)
			s, err := New(ctx, c, slog.New(slog.DiscardHandler), ApplySchema)
			require.NoError(t, err)
			defer func() { _ = s.Close() }()
			exec := func(sql string, args ...any) {
				t.Helper()
				_, err := s.DB.ExecContext(ctx, sql, args...)
				require.NoError(t, err, sql)
			}
			counts := func() (all [6]int) {
				t.Helper()
				for i, sql := range []string{
					`SELECT count(*) FROM customer`, `SELECT count(*) FROM access`, `SELECT count(*) FROM account WHERE NOT specialist`, `SELECT count(*) FROM session`,
					`SELECT count(*) FROM process`, `SELECT count(*) FROM message WHERE state = 'queued'`,
				} {
					require.NoError(t, s.DB.NewRaw(sql).Scan(ctx, &all[i]))
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
			worked, d := customer(4), id() // in the hands of a worker when the backup was made
			exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, worked)
			exec(`INSERT INTO deletion (id, customer_id, number, counts, total, requested_at) VALUES (?, ?, 4, '{}', 5, ?)`, d, worked, at)
			exec(`INSERT INTO job (id, kind, subject_id, state, run, lease_until, requested_at) VALUES (?, 'customer_deletion', ?, 'running', 3, ?, ?)`, id(), d, at.Add(time.Minute), at)
			require.NoError(t, s.Erasures.Record(ctx, erasure.Subject{Kind: erasure.Customer, ID: deleted}, erasure.Subject{Kind: erasure.Access, ID: removed},
				erasure.Subject{Kind: erasure.Customer, ID: id()}))
			exec(`INSERT INTO authorisation_removal (id, customer_id, removed_by, expires_at, sealed) SELECT ?, ?, account_id, ?, ? FROM access WHERE id = ?`,
				id(), stays, at, []byte("sealed with another key"), remains)
			done, err := s.AfterRestore(ctx)
			require.NoError(t, err)
			assert.Equal(t, 1, done.Sealed)
			assert.EqualValues(t, 4, done.Sessions)
			assert.EqualValues(t, 4, done.Cancelled)
			assert.Equal(t, 1, done.Erased[erasure.Customer])
			assert.Equal(t, 1, done.Erased[erasure.Access])
			assert.False(t, done.NoLog)
			got, want := counts(), [6]int{1, 1, 1, 0, 0, 0}
			assert.Equal(t, want, got, "customers, accesses, people, sessions, processes, messages")
			done, err = s.AfterRestore(ctx)
			require.NoError(t, err, "again")
			assert.Equal(t, 0, done.Erased.Total(), "again")
			assert.EqualValues(t, 0, done.Sessions+done.Cancelled, "again")
		})
	}
}
