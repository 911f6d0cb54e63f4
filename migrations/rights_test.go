package migrations_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
)

// TestFewRights: a role that is neither superuser nor the database's owner can migrate the schema with the privileges
// that the operators' guide names. Without one of them it changes nothing and says which one is missing. Another role,
// which may only read and write rows, finds the schema up to date, or says who must migrate it.
func TestFewRights(t *testing.T) {
	ctx := context.Background()
	address := storetest.PostgresURL(t)
	admin := open(t, address)
	run := func(sql string) {
		t.Helper()
		_, err := admin.ExecContext(ctx, sql)
		require.NoError(t, err, sql)
	}
	role := func() (name string, db *store.DB) {
		id, _ := uuid.NewV4()
		name = "kontor_test_" + strings.ReplaceAll(id.String(), "-", "")
		run("CREATE ROLE " + name + " LOGIN")
		t.Cleanup(func() { run("DROP OWNED BY " + name + " CASCADE; DROP ROLE " + name) })
		u, err := url.Parse(address)
		require.NoError(t, err)
		u.User = url.User(name)
		return name, open(t, u.String())
	}
	run("REVOKE CREATE ON SCHEMA public FROM PUBLIC") // as it is from PostgreSQL 15 on
	name, db := role()
	refused := func(want string) {
		t.Helper()
		for what, err := range map[string]error{"asked": migrations.Hindrance(ctx, db.DB), "tried": func() error { _, err := migrations.Apply(ctx, db.DB); return err }()} {
			if assert.Error(t, err, what) {
				assert.Contains(t, err.Error(), want, what)
			}
		}
		var tables int
		err := admin.NewRaw("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(ctx, &tables)
		if assert.NoError(t, err) {
			assert.Zero(t, tables, "tables")
		}
	}
	refused(`GRANT CREATE ON SCHEMA "public" TO "` + name)
	run("GRANT CREATE ON SCHEMA public TO " + name)
	refused("may not create it: let the owner of the database run CREATE EXTENSION pg_trgm")
	run("CREATE SCHEMA extensions; CREATE EXTENSION pg_trgm SCHEMA extensions")
	refused(`in the schema "extensions", which is not in the search_path`)
	run("ALTER EXTENSION pg_trgm SET SCHEMA public")
	_, err := migrations.Apply(ctx, db.DB)
	require.NoError(t, err)

	rows, other := role()
	run("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + rows)
	_, err = migrations.Apply(ctx, other.DB)
	assert.NoError(t, err, "nothing is missing")
	run("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO " + rows)
	_, err = customerNumber.Next(ctx, other)
	assert.NoError(t, err, "a number")
	run("REVOKE USAGE ON ALL SEQUENCES IN SCHEMA public FROM " + rows) // as it was before there were sequences
	_, err = migrations.Revert(ctx, db.DB, "20261130000129")
	require.NoError(t, err)
	_, err = migrations.Apply(ctx, db.DB)
	require.NoError(t, err)
	_, err = customerNumber.Next(ctx, other)
	assert.NoError(t, err, "a number after an upgrade")
	run("DELETE FROM bun_migrations WHERE name = (SELECT max(name) FROM bun_migrations)")
	_, err = migrations.Apply(ctx, other.DB)
	require.Error(t, err, "a step is missing")
	assert.Contains(t, err.Error(), `belongs to the role "`+name+`": run `, "a step is missing")
}

// TestOwnerWithoutExtension: the owner of the database creates the extension by itself.
func TestOwnerWithoutExtension(t *testing.T) {
	ctx := context.Background()
	address := storetest.PostgresURL(t)
	admin := open(t, address)
	id, _ := uuid.NewV4()
	name := "kontor_test_" + strings.ReplaceAll(id.String(), "-", "")
	u, err := url.Parse(address)
	require.NoError(t, err)
	for _, sql := range []string{"CREATE ROLE " + name + " LOGIN", "ALTER DATABASE " + u.Path[1:] + " OWNER TO " + name} {
		_, err := admin.ExecContext(ctx, sql)
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(ctx, "REASSIGN OWNED BY "+name+" TO CURRENT_USER; DROP OWNED BY "+name+"; DROP ROLE "+name)
		assert.NoError(t, err)
	})
	u.User = url.User(name)
	_, err = migrations.Apply(ctx, open(t, u.String()).DB)
	assert.NoError(t, err)
}
