package migrations_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store"
	"kontor/migrations"
)

// TestGuardEvents: after the upgrade the program still knows who created whom and gave whom roles before it, as far as
// the log has it.
func TestGuardEvents(t *testing.T) {
	eachAt(t, before, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		exec := func(sql string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(ctx, sql, args...)
			require.NoError(t, err, sql)
		}
		id := func(n string) string { return "0193512f-0000-7000-8000-00000000000" + n }
		for n, specialist := range map[string]bool{"1": true, "2": true, "3": false} {
			exec(`INSERT INTO account (id, specialist, name, username, username_folded, email, email_folded, created_at)
				VALUES (?, ?, 'N', ?, ?, ?, ?, '2026-11-24 12:00:00+00:00')`, id(n), specialist, n, n, n, n)
		}
		for _, e := range []struct{ id, actor, action, subject string }{
			{"a", "1", "account.created", "2"}, {"b", "1", "account.roles_changed", "2"}, {"c", "1", "account.reactivated", "2"},
			{"d", "1", "account.updated", "2"}, {"e", "1", "account.created", "9"}, {"f", "1", "account.roles_changed", "3"},
		} {
			exec(`INSERT INTO audit (id, at, actor_id, actor, action, subject_id) VALUES (?, '2026-11-25 12:00:00+00:00', ?, 'N', ?, ?)`,
				id(e.id), id(e.actor), e.action, id(e.subject))
		}
		exec(`INSERT INTO audit (id, at, actor, action, subject_id) VALUES (?, '2026-11-24 12:00:00+00:00', 'Kontor', 'account.created', ?)`, id("0"), id("1"))
		_, err := migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
		var got []string
		err = db.NewRaw(`SELECT what || CASE WHEN by_id IS NULL THEN ' by a command' ELSE ' by somebody' END FROM guard_event ORDER BY id`).Scan(ctx, &got)
		want := []string{"made by a command", "made by somebody", "given by somebody", "given by somebody"}
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}
