package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"kontor/app/demo"
	"kontor/app/store"
	"kontor/migrations"
)

// source says which databases are measured, and where they are. A database that is kept has the name that the benchmarks
// of packages use, so all of them seed it only once.
type source struct {
	Customers int      `default:"20000" help:"How many customers. Each has three business transactions and one of ${specialists} specialist users as administrator."`
	Dir       string   `env:"KONTOR_BENCH_DIR" help:"Keep the databases: SQLite's in this folder, PostgreSQL's on its server. Without it both are removed at the end."`
	Postgres  string   `env:"KONTOR_TEST_POSTGRES" placeholder:"URL" help:"The PostgreSQL server. Without it only SQLite is measured."`
	Database  []string `enum:"sqlite,postgres" placeholder:"KIND" help:"Measure only this kind of database, sqlite or postgres. Can be repeated."`
}

const (
	sqlite   = "sqlite"
	postgres = "postgres"
)

// errAddress does not repeat the address, which may contain a password.
var errAddress = errors.New("--postgres takes an address such as postgres://user@host:port/postgres")

// kinds are the kinds of databases to measure.
func (s source) kinds() ([]string, error) {
	if s.Customers < 1 {
		return nil, errors.New("--customers takes a number above 0")
	}
	if u, err := url.Parse(s.Postgres); s.Postgres != "" && (err != nil || u.Scheme == "") {
		return nil, errAddress
	}
	if len(s.Database) == 0 {
		if s.Postgres == "" {
			return []string{sqlite}, nil
		}
		return []string{sqlite, postgres}, nil
	}
	for _, kind := range s.Database {
		if kind == postgres && s.Postgres == "" {
			return nil, errors.New("--database postgres needs a server: set --postgres or KONTOR_TEST_POSTGRES")
		}
	}
	return s.Database, nil
}

// database is a seeded database.
type database struct {
	kind string
	url  string
	// remove deletes a database that is not kept.
	remove func() error
}

// open returns a database of a kind, and creates and fills it if it does not exist yet. A SQLite database that is not
// kept is made in the folder temporary.
func (s source) open(v *invocation, kind, temporary string) (database, error) {
	db, err := s.place(v.ctx, kind, temporary)
	if err != nil {
		return database{}, err
	}
	if err := s.fill(v, db); err != nil {
		return database{}, errors.Join(err, db.remove())
	}
	return db, nil
}

// place returns an existing, perhaps empty database on PostgreSQL, and the name of a file for SQLite.
func (s source) place(ctx context.Context, kind, temporary string) (database, error) {
	name, kept := fmt.Sprintf("kontor_bench_%d", s.Customers), func() error { return nil }
	if kind == sqlite {
		dir := temporary
		if s.Dir != "" {
			dir = s.Dir
		}
		path, err := filepath.Abs(filepath.Join(dir, name+".db"))
		return database{kind, "sqlite://" + path, kept}, err
	}
	base, err := url.Parse(s.Postgres)
	if err != nil {
		return database{}, errAddress
	}
	server, err := sql.Open("pgx", s.Postgres)
	if err != nil {
		return database{}, err
	}
	defer func() { _ = server.Close() }()
	if s.Dir == "" {
		name += "_" + strings.ToLower(rand.Text())
	}
	var there bool
	// Raw SQL: about the server and not about a table of the program.
	if err := server.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&there); err != nil {
		return database{}, fmt.Errorf("reach the PostgreSQL server: %w", err)
	}
	if !there {
		// Raw SQL: Bun does not create databases. The name has only letters, digits and underscores.
		if _, err := server.ExecContext(ctx, `CREATE DATABASE `+name+` TEMPLATE template0`); err != nil {
			return database{}, err
		}
	}
	at := *base
	at.Path = "/" + name
	db := database{kind, at.String(), kept}
	if s.Dir == "" {
		db.remove = func() error { return s.drop(context.WithoutCancel(ctx), name) }
	}
	return db, nil
}

// drop removes a database of the PostgreSQL server, with the connections that it still has.
func (s source) drop(ctx context.Context, name string) error {
	server, err := sql.Open("pgx", s.Postgres)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	// Raw SQL: Bun does not drop databases.
	_, err = server.ExecContext(ctx, `DROP DATABASE `+name+` WITH (FORCE)`)
	return err
}

// fill migrates a database, and adds the synthetic customers if it has none.
func (s source) fill(v *invocation, at database) error {
	db, err := store.Open(v.ctx, at.url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := migrations.Apply(v.ctx, db.DB); err != nil {
		return err
	}
	begin := time.Now()
	seeded, err := demo.SeedOnce(v.ctx, db, demo.Measured(s.Customers))
	if seeded && err == nil {
		v.say("%s: seeded %d customers in %s", at.kind, s.Customers, time.Since(begin).Round(time.Millisecond))
	}
	return err
}

// added begins the names of the customers that a measurement adds. No synthetic customer has such a name.
const added = "Zuwachs"

// removeAdded removes the customers that a measurement has added, so that the next one finds the same rows.
func (d database) removeAdded(ctx context.Context) error {
	db, err := store.Open(ctx, d.url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return demo.Remove(ctx, db, store.SortKey(added))
}
