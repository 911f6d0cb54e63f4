package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"kontor/app/store"
)

// pool keeps migrated PostgreSQL databases for the next tests of the process. Copying a template takes about a quarter
// of a second, undoing the changes of a test a few milliseconds.
type pool struct {
	server *server
	mu     sync.Mutex
	made   int
	free   []*pooled
}

// pooled is a database of the pool, with a connection of its own for restoring it.
type pooled struct {
	name    string
	admin   *store.DB
	new     state
	restore string
}

// state is what must be unchanged for a database to be used again. Changed rows are restored. A database is dropped if
// a test has changed its schema, settings or statistics, or if it has grown.
type state struct {
	Relations, NewestRelation, Columns, Constraints, Triggers, Functions, Schemas, Settings, Statistics, Estimates int64
	Large                                                                                                          bool
}

const stateQuery = `WITH ours AS (SELECT oid, reltuples FROM pg_class WHERE relnamespace = 'public'::regnamespace)
	SELECT (SELECT count(*) FROM ours) AS relations,
		(SELECT max(oid::bigint) FROM ours) AS newest_relation,
		(SELECT sum(attnum * atttypid::bigint + attlen) FROM pg_attribute WHERE attrelid IN (SELECT oid FROM ours)) AS columns,
		(SELECT sum(oid::bigint) FROM pg_constraint) AS constraints,
		(SELECT count(*) FROM pg_trigger) AS triggers,
		(SELECT count(*) FROM pg_proc) AS functions,
		(SELECT count(*) FROM pg_namespace) AS schemas,
		(SELECT count(*) FROM pg_db_role_setting) AS settings,
		(SELECT count(*) FROM pg_statistic WHERE starelid IN (SELECT oid FROM ours)) AS statistics,
		(SELECT sum(reltuples::bigint) FROM ours) AS estimates,
		pg_database_size(current_database()) > 24 * 1024 * 1024 AS large`

// take provides a database until the test ends.
func (p *pool) take(tb testing.TB) string {
	tb.Helper()
	ctx := context.Background()
	d, err := p.get(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.putBack(ctx, d); err != nil {
			tb.Error(err)
		}
	})
	return p.server.address(d.name)
}

func (p *pool) get(ctx context.Context) (*pooled, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		d := p.free[n-1]
		p.free = p.free[:n-1]
		return d, nil
	}
	template, err := p.server.template()
	if err != nil {
		return nil, err
	}
	p.made++
	return p.server.makePooled(ctx, template, fmt.Sprintf("%s_%d", template, p.made))
}

func (s *server) makePooled(ctx context.Context, template, name string) (*pooled, error) {
	if _, err := s.admin.ExecContext(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		return nil, err
	}
	admin, err := store.Open(ctx, s.address(name), store.Pool(1))
	if err != nil {
		return nil, err
	}
	d := &pooled{name: name, admin: admin}
	if err := admin.NewRaw(stateQuery).Scan(ctx, &d.new); err != nil {
		return nil, errors.Join(err, admin.Close())
	}
	if d.restore, err = d.restoring(ctx); err != nil {
		return nil, errors.Join(err, admin.Close())
	}
	return d, nil
}

// restoring returns the statements that restore the rows of all tables, and the sequences, to what they are now.
func (d *pooled) restoring(ctx context.Context) (string, error) {
	var tables []string
	err := d.admin.NewRaw(`SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
		ORDER BY relname`).Scan(ctx, &tables)
	if err != nil {
		return "", err
	}
	var do strings.Builder
	do.WriteString("DO $restore$ BEGIN\nPERFORM set_config('session_replication_role', 'replica', true);\n") // no triggers, no foreign keys
	for _, table := range tables {
		fmt.Fprintf(&do, "DELETE FROM %s;\n", table)
		var rows *string
		if err := d.admin.NewRaw("SELECT json_agg(t) FROM "+table+" AS t").Scan(ctx, &rows); err != nil {
			return "", err
		}
		if rows != nil {
			fmt.Fprintf(&do, "INSERT INTO %s OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::%s, $rows$%s$rows$);\n", table, table, *rows)
		}
	}
	var sequences []string
	err = d.admin.NewRaw(`SELECT format('PERFORM setval(%L, %s, %L);', quote_ident(sequencename), coalesce(last_value, start_value), last_value IS NOT NULL)
		FROM pg_sequences WHERE schemaname = 'public' ORDER BY sequencename`).Scan(ctx, &sequences)
	if err != nil {
		return "", err
	}
	do.WriteString(strings.Join(sequences, "\n") + "\nEND $restore$")
	return do.String(), nil
}

// putBack restores a database and keeps it for the next test, or drops it.
func (p *pool) putBack(ctx context.Context, d *pooled) error {
	var now state
	if err := d.admin.NewRaw(stateQuery).Scan(ctx, &now); err != nil {
		return err
	}
	if now != d.new {
		_, err := p.server.admin.ExecContext(ctx, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", d.name))
		return errors.Join(d.admin.Close(), err)
	}
	if _, err := d.admin.ExecContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		return err
	}
	if _, err := d.admin.ExecContext(ctx, d.restore); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, d)
	return nil
}
