package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/listing"
	"kontor/app/secret"
	"kontor/app/store"
)

// bareCommand serves what the overview needs at least, with Fiber and database/sql alone: the queries of the page without
// the rest of the program. Its throughput is what the program's is compared with. It runs until its standard input ends.
type bareCommand struct {
	URL   string `name:"url" env:"KONTOR_BENCH_URL" required:"" help:"The database."`
	Bytes int    `help:"How long the answers are."`
}

// The paths of the bare handler.
const (
	bareOverview = "/customers" // queries like the program's, then the bytes
	bareRaw      = "/raw"       // only the bytes
	bareInsert   = "/insert"    // one row, durably
)

// Run serves the bare handler.
func (k bareCommand) Run(v *invocation) error {
	b, err := openBare(v.ctx, k.URL, k.Bytes)
	if err != nil {
		return err
	}
	defer func() { _ = b.db.Close() }()
	listener, err := new(net.ListenConfig).Listen(v.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get(bareOverview, b.overview)
	app.Get(bareRaw, b.raw)
	app.Post(bareInsert, b.insert)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = app.Shutdown()
	}()
	if _, err := fmt.Fprintf(v.out, "The bare handler is at http://%s\n", listener.Addr()); err != nil {
		return err
	}
	if err := app.Listener(listener); err != nil {
		return err
	}
	return b.forget(context.WithoutCancel(v.ctx))
}

// bare is the bare handler with its prepared statements.
type bare struct {
	db       *sql.DB
	postgres bool
	body     []byte

	session, page, statuses, row *sql.Stmt

	writing sync.Mutex // SQLite has one writer; waiting in this process is fairer than in SQLite
}

// openBare opens the database and prepares the statements. SQLite is opened like the program opens it, so its settings are
// the same. On PostgreSQL pgx keeps prepared statements, which the program does not.
func openBare(ctx context.Context, address string, length int) (b *bare, err error) {
	b = &bare{body: []byte(strings.Repeat("x", length))}
	if strings.HasPrefix(address, "sqlite://") {
		opened, err := store.Open(ctx, address)
		if err != nil {
			return nil, err
		}
		b.db = opened.DB.DB
	} else {
		b.postgres = true
		if b.db, err = sql.Open("pgx", address); err != nil {
			return nil, err
		}
		b.db.SetMaxOpenConns(24) // as many as the program's by default
		b.db.SetMaxIdleConns(24)
	}
	if err := b.prepare(ctx); err != nil {
		return nil, errors.Join(err, b.db.Close())
	}
	return b, nil
}

// The statements of the overview. Parameters are numbered for PostgreSQL by numbered.
const (
	sessionSQL = `SELECT s.id_hash, s.account_id, s.created_at, s.last_seen_at, s.expires_at, s.address, s.agent,
		a.name, a.email, a.username, a.locale, a.specialist, a.version,
		(SELECT string_agg(r.role, ',') FROM account_role AS r WHERE r.account_id = a.id)
		FROM session AS s JOIN account AS a ON a.id = s.account_id WHERE s.id_hash = ? AND s.expires_at > ? AND a.active`
	pageSQL = `SELECT number, id, version, type, first_name, last_name, company_name, city FROM customer
		WHERE NOT deleting ORDER BY name_sort, number LIMIT ?`
	statusesSQL = `SELECT customer_id, CASE WHEN waiting THEN 'waits' WHEN deactivated_at IS NOT NULL THEN 'deactivated'
		WHEN registered_at IS NOT NULL THEN 'registered' WHEN undeliverable <> '' THEN 'undeliverable'
		WHEN link_expires_at <= ? THEN 'link_expired' ELSE 'invited' END AS status, COUNT(*)
		FROM access WHERE customer_id IN (?) GROUP BY 1, 2`
	createSQL = `CREATE TABLE IF NOT EXISTS bench_row (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at TEXT NOT NULL)`
	insertSQL = `INSERT INTO bench_row (id, name, created_at) VALUES (?, ?, ?)`
	dropSQL   = `DROP TABLE IF EXISTS bench_row`
)

func (b *bare) prepare(ctx context.Context) error {
	// Raw SQL: the bare handler does without the program's means.
	if _, err := b.db.ExecContext(ctx, createSQL); err != nil {
		return err
	}
	var errs []error
	for _, s := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&b.session, sessionSQL}, {&b.page, pageSQL}, {&b.row, insertSQL},
		{&b.statuses, strings.Replace(statusesSQL, "IN (?)", "IN (?"+strings.Repeat(", ?", listing.PageSize-1)+")", 1)},
	} {
		var err error
		*s.to, err = b.db.PrepareContext(ctx, b.numbered(s.text)) //nolint:sqlclosecheck // kept until the process ends
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// forget drops the table of the inserted rows.
func (b *bare) forget(ctx context.Context) error {
	// Raw SQL: the bare handler does without the program's means.
	_, err := b.db.ExecContext(ctx, dropSQL)
	return err
}

// numbered replaces each ? by $1, $2 and so on for PostgreSQL.
func (b *bare) numbered(text string) string {
	if !b.postgres {
		return text
	}
	var out strings.Builder
	n := 0
	for _, r := range text {
		if r == '?' {
			n++
			fmt.Fprintf(&out, "$%d", n)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// moment is a time as both databases take it.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999999-07:00") }

// overview makes the three queries of the customer overview and reads their rows.
func (b *bare) overview(c *fiber.Ctx) error {
	ctx, now := c.UserContext(), moment(time.Now())
	signed, err := b.readSession(ctx, secret.HashToken(c.Cookies("kontor-session")), now)
	if err != nil {
		return err
	}
	if !signed {
		return c.SendStatus(fiber.StatusUnauthorized)
	}
	ids, err := b.readPage(ctx)
	if err != nil {
		return err
	}
	if err := b.readStatuses(ctx, ids, now); err != nil {
		return err
	}
	return b.raw(c)
}

func (b *bare) raw(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Send(b.body)
}

func (b *bare) readSession(ctx context.Context, hash, now string) (ok bool, err error) {
	var text [9]sql.NullString
	var at [3]any
	var specialist bool
	var version int
	// Raw SQL: a prepared statement of the bare handler.
	err = b.session.QueryRowContext(ctx, hash, now).Scan(&text[0], &text[1], &at[0], &at[1], &at[2], &text[2], &text[3],
		&text[4], &text[5], &text[6], &text[7], &specialist, &version, &text[8])
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// customerRow is a row of the overview.
type customerRow struct {
	number             int64
	id                 uuid.UUID
	version            int
	kind               string
	first, last        string
	companyName, place string
}

// readPage reads a page and one row more, which says whether there is a next page. It returns the page's ids.
func (b *bare) readPage(ctx context.Context) (ids []any, err error) {
	// Raw SQL: a prepared statement of the bare handler.
	found, err := b.page.QueryContext(ctx, listing.PageSize+1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	var list []customerRow
	for found.Next() {
		var r customerRow
		if err := found.Scan(&r.number, &r.id, &r.version, &r.kind, &r.first, &r.last, &r.companyName, &r.place); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	for i := range listing.PageSize {
		id := uuid.Nil // there are fewer rows than on a full page
		if i < len(list) {
			id = list[i].id
		}
		ids = append(ids, id)
	}
	return ids, found.Err()
}

func (b *bare) readStatuses(ctx context.Context, ids []any, now string) (err error) {
	// Raw SQL: a prepared statement of the bare handler.
	found, err := b.statuses.QueryContext(ctx, append([]any{now}, ids...)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	statuses := map[uuid.UUID]string{}
	for found.Next() {
		var id uuid.UUID
		var status string
		var n int
		if err := found.Scan(&id, &status, &n); err != nil {
			return err
		}
		statuses[id] = status
	}
	return found.Err()
}

// insert adds a row in a tx of its own, as durably as the program writes.
func (b *bare) insert(c *fiber.Ctx) error {
	if !b.postgres {
		b.writing.Lock()
		defer b.writing.Unlock()
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	// Raw SQL: a prepared statement of the bare handler.
	if _, err := b.row.ExecContext(c.UserContext(), id.String(), added, moment(time.Now())); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusSeeOther)
}
