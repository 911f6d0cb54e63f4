package courier_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/courier"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// world is an outbox with a customer, one access, and composers that create links and codes as the real ones do.
type world struct {
	tb  testing.TB
	db  *store.DB
	svc *courier.Service
	log *buffer

	customer, access uuid.UUID

	mu      sync.Mutex
	now     time.Time
	secrets []string // tokens and codes that were minted
	settled []courier.Message
	compose func(m courier.Message, c *courier.Content) error // changes what the composer returns
}

const (
	address = "anna@example.org"
	mobile  = "+4915112345678"
	linkTTL = 48 * time.Hour
)

var start = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func newWorld(tb testing.TB, db *store.DB, change func(*courier.Options)) *world {
	tb.Helper()
	w := &world{tb: tb, db: db, log: &buffer{}, now: start, customer: newID(tb), access: newID(tb)}
	w.exec(`INSERT INTO customer (id, number, type, locale, name_sort, search, identity, created_at, updated_at)
		VALUES (?, 10001, 'person', 'de', 'berg anna', 'berg anna', 'berg anna', ?, ?)`, w.customer, start, start)
	w.exec(`INSERT INTO access (id, customer_id, first_name, last_name, email, email_folded, locale, invited_at,
		link_expires_at, created_at) VALUES (?, ?, 'Anna', 'Berg', ?, ?, 'de', ?, ?, ?)`,
		w.access, w.customer, address, address, start, start, start)
	w.svc = w.service(change)
	return w
}

// service makes the service of another process on the same database.
func (w *world) service(change func(*courier.Options)) *courier.Service {
	w.tb.Helper()
	o := courier.Options{
		DB: w.db, Now: w.clock, Key: key(w.tb), Log: slog.New(slog.NewTextHandler(w.log, nil)),
		Templates: os.DirFS("../../views/mail"), Letterhead: courier.Letterhead{Firm: "Kanzlei Muster"}, From: "Kontor <no-reply@kontor.test>",
		DialTimeout: 2 * time.Second, AttemptTimeout: 10 * time.Second,
	}
	if change != nil {
		change(&o)
	}
	s, err := courier.New(o)
	require.NoError(w.tb, err)
	w.tb.Cleanup(func() { _ = s.Close() })
	s.Register(map[courier.Kind]courier.Composer{courier.Registration: courier.Each(w.composeLink), courier.RegistrationCode: courier.Each(w.composeCode)})
	s.OnSettled(func(_ context.Context, _ bun.IDB, m courier.Message) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.settled = append(w.settled, m)
		return nil
	})
	return s
}

func (w *world) composeLink(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
	token, err := secret.Mint(ctx, tx, secret.Link{
		Purpose: secret.Register, SubjectID: m.AccessID.UUID, Generation: m.Generation, Address: "hash",
		CreatedAt: w.clock(), ExpiresAt: m.ExpiresAt,
	})
	if err != nil {
		return courier.Content{}, err
	}
	w.minted(token)
	return w.changed(m, courier.Content{
		To: m.Recipient, ToName: "Anna Berg", Locale: m.Locale, Template: m.Kind,
		Data: courier.RegistrationData{
			Customer: "Anna Berg", Number: "K-10001", Name: "Anna Berg",
			Link: "https://kontor.test/register/" + token, Expires: m.ExpiresAt, HasCode: true,
		},
	})
}

func (w *world) composeCode(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
	code := secret.NewCode()
	if _, err := tx.NewRaw(`INSERT INTO access_code (hash, access_id, generation, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?)`, key(w.tb).MAC("code", code), m.AccessID.UUID, m.Generation, w.clock(), m.ExpiresAt).
		Exec(ctx); err != nil {
		return courier.Content{}, err
	}
	w.minted(code, secret.ShowCode(code))
	return w.changed(m, courier.Content{
		To: m.Recipient, Locale: m.Locale, Template: m.Kind,
		Data: courier.CodeData{Code: secret.ShowCode(code), Expires: m.ExpiresAt},
	})
}

func (w *world) changed(m courier.Message, c courier.Content) (courier.Content, error) {
	w.mu.Lock()
	change := w.compose
	w.mu.Unlock()
	if change == nil {
		return c, nil
	}
	err := change(m, &c)
	return c, err
}

func (w *world) minted(s ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets = append(w.secrets, s...)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) told() []courier.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]courier.Message(nil), w.settled...)
}

func (w *world) mailPost() courier.Post {
	return courier.Post{
		Kind: courier.Registration, Channel: courier.Email, CustomerID: w.customer, AccessID: w.access,
		Recipient: address, Locale: "de", Generation: 1, Dedupe: "registration:" + newID(w.tb).String(),
		ExpiresAt: w.clock().Add(linkTTL),
	}
}

func (w *world) smsPost() courier.Post {
	p := w.mailPost()
	p.Kind, p.Channel, p.Recipient = courier.RegistrationCode, courier.SMS, mobile
	return p
}

// enqueue writes the post and returns its ticket.
func (w *world) enqueue(p courier.Post) courier.Ticket {
	w.tb.Helper()
	w.inTx(func(ctx context.Context, tx bun.Tx) error { return w.svc.Enqueue(ctx, tx, p) })
	var id uuid.UUID
	require.NoError(w.tb, w.db.NewSelect().Table("message").Column("id").Where("dedupe = ?", p.Dedupe).
		Scan(context.Background(), &id))
	return courier.Ticket{MessageID: id, Channel: p.Channel, Run: 1}
}

func (w *world) inTx(fn func(ctx context.Context, tx bun.Tx) error) {
	w.tb.Helper()
	require.NoError(w.tb, w.db.InTx(context.Background(), fn))
}

func (w *world) exec(query string, args ...any) {
	w.tb.Helper()
	_, err := w.db.NewRaw(query, args...).Exec(context.Background())
	require.NoError(w.tb, err)
}

func (w *world) deliver(t courier.Ticket) courier.Verdict {
	w.tb.Helper()
	v, err := w.svc.Deliver(context.Background(), t)
	require.NoError(w.tb, err)
	return v
}

func (w *world) cancel(t courier.Ticket) {
	w.tb.Helper()
	assert.NoError(w.tb, w.svc.Cancel(context.Background(), t.MessageID))
}

// message loads a message with its attempts.
func (w *world) message(id uuid.UUID) courier.Message {
	w.tb.Helper()
	of, err := w.svc.OfAccesses(context.Background(), []uuid.UUID{w.access})
	require.NoError(w.tb, err)
	for _, m := range of[w.access] {
		if m.ID == id {
			return m
		}
	}
	w.tb.Fatalf("no message %s", id)
	return courier.Message{}
}

// expect checks a message's state and reason and the outcomes of its attempts.
func (w *world) expect(id uuid.UUID, state courier.State, reason string, outcomes ...courier.Outcome) courier.Message {
	w.tb.Helper()
	m := w.message(id)
	var got []courier.Outcome
	for _, a := range m.AttemptRows {
		got = append(got, a.Outcome)
	}
	require.Equal(w.tb, state, m.State, "message is %s (%s) after %v (detail %q), want %s (%s) after %v", m.State, m.Reason, got, m.Detail, state, reason, outcomes)
	require.Equal(w.tb, reason, m.Reason)
	require.Equal(w.tb, fmt.Sprint(outcomes), fmt.Sprint(got))
	final := state != courier.Queued && state != courier.Sending
	require.Equal(w.tb, m.RelayAt == nil, final, "message is %s with relay_at", state)
	require.Equal(w.tb, m.SettledAt != nil, final, "settled_at")
	return m
}

// noSecrets searches every row of every table, and the log, for every link and code that was created.
func (w *world) noSecrets() {
	w.tb.Helper()
	dump := w.log.String() + w.dump()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NotEmpty(w.tb, w.secrets, "nothing was minted")
	for _, s := range w.secrets {
		assert.NotContains(w.tb, strings.ToUpper(dump), strings.ToUpper(s), "found %q in the database or the log", s)
	}
}

func (w *world) dump() string {
	w.tb.Helper()
	ctx := context.Background()
	list := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%fts%'"
	if w.db.IsPostgres() {
		list = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
	}
	var tables []string
	require.NoError(w.tb, w.db.NewRaw(list).Scan(ctx, &tables))
	var b strings.Builder
	for _, table := range tables {
		var rows []map[string]any
		require.NoError(w.tb, w.db.NewSelect().Table(table).Scan(ctx, &rows), table)
		for _, row := range rows {
			for _, v := range row {
				if raw, ok := v.([]byte); ok {
					v = string(raw)
				}
				fmt.Fprintf(&b, "%v\n", v)
			}
		}
	}
	return b.String()
}

func key(tb testing.TB) secret.Key {
	tb.Helper()
	k, err := secret.NewKey(bytes.Repeat([]byte{7}, 32))
	require.NoError(tb, err)
	return k
}

func newID(tb testing.TB) uuid.UUID {
	tb.Helper()
	id, err := uuid.NewV7()
	require.NoError(tb, err)
	return id
}

// each runs a test on both databases, with a world of its own.
func each(t *testing.T, change func(*courier.Options), test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db, change)) })
}

// buffer is a log to which several goroutines write.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var errBroken = errors.New("composer is broken")
