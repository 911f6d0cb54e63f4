package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store"
)

// TestPool: a test finds the database as the migrations leave it, whatever the test before did to it.
func TestPool(t *testing.T) {
	reach(t)
	ctx := context.Background()
	for _, c := range []struct {
		name string
		do   string // what is done to the database before
		kept bool
	}{
		{"rows", `INSERT INTO transaction_kind (key, name_de, name_en, position) VALUES ('fresh', 'Neu', 'New', 99)`, true},
		{"rows of the migrations", `DELETE FROM transaction_kind`, true},
		{"a table", `CREATE TABLE fresh (id bigint)`, false},
		{"a column", `ALTER TABLE customer ADD COLUMN fresh bigint`, false},
		{"another type", `ALTER TABLE message ALTER COLUMN run TYPE smallint`, false},
		{"a table less", `DROP TABLE authorisation_removal`, false},
		{"an index", `CREATE INDEX fresh ON customer (city)`, false},
		{"a schema", `CREATE SCHEMA fresh`, false},
		{"statistics", `ANALYZE transaction_kind`, false},
		{"sequences", `SELECT nextval('bun_migrations_id_seq')`, true},
		{"size", `SET session_replication_role = replica; INSERT INTO former_address (account_id, mailbox) SELECT gen_random_uuid(), repeat(md5(n::text), 30) FROM generate_series(1, 20000) AS n`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, name string
			t.Run("one", func(t *testing.T) {
				db := Postgres(t)
				name, before = content(t, db)
				_, err := db.ExecContext(ctx, c.do)
				require.NoError(t, err)
				if _, now := content(t, db); c.kept && now == before {
					t.Error("the statement changes nothing")
				}
			})
			t.Run("next", func(t *testing.T) {
				again, after := content(t, Postgres(t))
				assert.Equal(t, c.kept, again == name, "the next database the one before; the same")
				assert.Equal(t, before, after, "the next test finds")
			})
		})
	}
}

// content returns the name of a database and everything in it.
func content(t *testing.T, db *store.DB) (name, all string) {
	t.Helper()
	ctx := context.Background()
	require.NoError(t, db.NewRaw("SELECT current_database()").Scan(ctx, &name))
	var tables []string
	err := db.NewRaw("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name").Scan(ctx, &tables)
	require.NoError(t, err)
	for _, table := range tables {
		var rows []string
		require.NoError(t, db.NewRaw("SELECT t::text FROM "+table+" AS t").Scan(ctx, &rows))
		slices.Sort(rows)
		all += fmt.Sprintln(table, rows)
	}
	var sequences []string
	err = db.NewRaw("SELECT sequencename || ' ' || coalesce(last_value, 0) FROM pg_sequences ORDER BY 1").Scan(ctx, &sequences)
	require.NoError(t, err)
	return name, all + fmt.Sprintln(sequences)
}
