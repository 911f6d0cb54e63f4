package migrations_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
)

// before is the last step of the version in which specialist was no role that somebody was given.
const before = "20261125000010"

// eachAt runs test on both databases with the schema as it was after a step.
func eachAt(t *testing.T, step string, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	run := func(url func(testing.TB) string) func(*testing.T) {
		return func(t *testing.T) {
			db, err := store.Open(context.Background(), url(t))
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			_, err = migrations.Apply(context.Background(), db.DB, migrations.To(step))
			require.NoError(t, err)
			test(t, db)
		}
	}
	t.Run("sqlite", run(storetest.SQLiteURL))
	t.Run("postgres", run(storetest.PostgresURL))
}

// TestSpecialistRole: after the upgrade from the previous version, everybody of the firm keeps their permissions, except
// people who are only auditors.
func TestSpecialistRole(t *testing.T) {
	people := []struct {
		id         string
		specialist bool
		active     bool
		roles      []string
		want       []string
	}{
		{"1", true, true, nil, []string{"specialist"}},
		{"2", true, true, []string{"auditor"}, []string{"auditor"}},
		{"3", true, true, []string{"auditor", "data_administrator"}, []string{"auditor", "data_administrator", "specialist"}},
		{"4", true, true, []string{"user_administrator"}, []string{"specialist", "user_administrator"}},
		{"5", true, false, []string{"policy_administrator", "template_administrator", "data_administrator", "auditor", "user_administrator"},
			[]string{"auditor", "data_administrator", "policy_administrator", "specialist", "template_administrator", "user_administrator"}},
		{"6", false, true, nil, nil}, // an end user
		{"7", true, false, nil, []string{"specialist"}},
	}
	eachAt(t, before, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		exec := func(sql string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(ctx, sql, args...)
			require.NoError(t, err, sql)
		}
		id := func(n string) string { return "0193512f-0000-7000-8000-00000000000" + n }
		for _, p := range people {
			exec(`INSERT INTO account (id, specialist, name, username, username_folded, email, email_folded, active, created_at)
				VALUES (?, ?, 'N', ?, ?, ?, ?, ?, '2026-11-24 12:00:00+00:00')`, id(p.id), p.specialist, p.id, p.id, p.id, p.id, p.active)
			for _, r := range p.roles {
				exec(`INSERT INTO account_role (account_id, role) VALUES (?, ?)`, id(p.id), r)
			}
		}
		roles := func(n string) (list []string) {
			t.Helper()
			require.NoError(t, db.NewRaw(`SELECT role FROM account_role WHERE account_id = ? ORDER BY role`, id(n)).Scan(ctx, &list))
			return list
		}
		for range 2 {
			_, err := migrations.Apply(ctx, db.DB)
			require.NoError(t, err)
			for _, p := range people {
				assert.Equal(t, p.want, roles(p.id), ") becomes")
			}
			_, err = migrations.Revert(ctx, db.DB, before)
			require.NoError(t, err)
			for _, p := range people {
				assert.Len(t, roles(p.id), len(p.roles), "back")
			}
		}
	})
}
