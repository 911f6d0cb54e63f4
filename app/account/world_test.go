package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

// good and better are passwords that every rule lets pass.
const (
	good   = "Wolke Tisch Gurke Hammer"
	better = "x8Kq-vv2P-zzT4"
)

var office = Browser{Address: "192.0.2.7", Agent: "Firefox"}

// world is a service on a database of its own, at a time that only the test moves.
type world struct {
	*testing.T
	*Service
	ctx  context.Context
	box  *box
	ap   *approval.Service
	mu   sync.Mutex
	time time.Time
}

// each runs a test on every database. Hashing is cheap here; TestHasher uses the real cost.
func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{T: t, ctx: context.Background(), box: &box{}, time: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)}
	key, err := secret.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	require.NoError(t, err)
	policy, err := policies.New(policies.Default)
	require.NoError(t, err)
	now := func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.time }
	log := audit.New(db, now)
	w.ap = approval.New(approval.Options{DB: db, Now: now, Audit: log, Courier: w.box})
	w.Service = New(Options{
		Approvals: w.ap,
		DB:        db, Now: now, Key: key, Decider: policy, Courier: w.box, Audit: log,
		BaseURL: "https://kontor.example/",
	})
	w.hasher = newHasher(argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	return w
}

func (w *world) wait(d time.Duration) { w.mu.Lock(); w.time = w.time.Add(d); w.mu.Unlock() }

func (w *world) must(err error) {
	w.Helper()
	require.NoError(w, err)
}

// want checks that an error is a fault, or nil.
func (w *world) want(what string, err error, want error) {
	w.Helper()
	assert.ErrorIs(w, err, want, what)
}

// wantForm checks the invalid fields of a form ("field message, …").
func (w *world) wantForm(what string, err error, want string) {
	w.Helper()
	assert.Equal(w, want, complaints(err), what)
}

func (w *world) count(query string, args ...any) (n int) {
	w.Helper()
	w.must(w.db.NewRaw("SELECT count(*) FROM "+query, args...).Scan(w.ctx, &n))
	return n
}

func (w *world) exec(query string, args ...any) {
	w.Helper()
	_, err := w.db.NewRaw(query, args...).Exec(w.ctx)
	w.must(err)
}

// admin returns a caller who may manage specialist users but has no row in the database.
func (w *world) admin() Caller {
	id, _ := uuid.NewV7()
	return Caller{ID: id, Name: "Adele Admin", Roles: []policies.Role{policies.Specialist, policies.UserAdministrator}, Address: "192.0.2.1"}
}

// specialist adds a specialist user with the password good.
func (w *world) specialist(name string, roles ...policies.Role) Account {
	w.Helper()
	hash, err := w.hasher.hash(w.ctx, good)
	w.must(err)
	sorted, ok := inOrder(roles)
	require.True(w, ok, "roles %v", roles)
	var a Account
	w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
		f := SpecialistForm{Name: name, Email: strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "@firm.example", Roles: sorted}
		a, err = w.create(ctx, tx, System.Actor(), f, hash)
		return err
	}))
	return a
}

// endUser adds an end user with the password good and a registered access to a customer of their own.
func (w *world) endUser(name string) (a Account, access, customer uuid.UUID) {
	w.Helper()
	hash, err := w.hasher.hash(w.ctx, good)
	w.must(err)
	email := strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "@customer.example"
	w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
		a, err = w.CreateEndUser(ctx, tx, EndUser{name, email, "de", hash})
		return err
	}))
	access, _ = uuid.NewV7()
	customer, _ = uuid.NewV7()
	now := w.now()
	w.exec(`INSERT INTO customer (id, number, type, locale, name_sort, search, identity, created_at, updated_at)
		VALUES (?, ?, 'person', 'de', '', '', '', ?, ?)`, customer, 10001+w.count("customer"), now, now)
	w.exec(`INSERT INTO access (id, customer_id, account_id, first_name, last_name, email, email_folded, locale, invited_at,
		link_expires_at, registered_at, created_at) VALUES (?, ?, ?, '', '', ?, ?, 'de', ?, ?, ?, ?)`,
		access, customer, a.ID, email, email, now, now, now, now)
	return a, access, customer
}

func caller(a Account) Caller {
	return Caller{ID: a.ID, Name: a.Name, Roles: allRoles(a, !a.Specialist), Address: office.Address}
}

// signIn signs in and returns the session's token.
func (w *world) signIn(login, password string) string {
	w.Helper()
	_, token, err := w.SignIn(w.ctx, login, password, office)
	w.must(err)
	return token
}

// alive says whether a session is valid.
func (w *world) alive(token string) bool {
	w.Helper()
	signed, err := w.Authenticate(w.ctx, token)
	w.must(err)
	return signed != nil
}

// logged lists the actions in the log, oldest first.
func (w *world) logged() []audit.Action {
	w.Helper()
	page, err := w.audit.Page(w.ctx, audit.Filter{})
	entries := page.Entries
	w.must(err)
	slices.Reverse(entries)
	out := make([]audit.Action, len(entries))
	for i, e := range entries {
		out[i] = e.Action
	}
	return out
}

func (w *world) wantLogged(action audit.Action, n int) {
	w.Helper()
	got := 0
	for _, a := range w.logged() {
		if a == action {
			got++
		}
	}
	assert.Equal(w, n, got, "× %s in the log, want : %v", action, w.logged())
}

// box is an outbox that remembers.
type box struct {
	mu    sync.Mutex
	posts []courier.Post
	freed []string // addresses
}

func (b *box) Enqueue(ctx context.Context, _ bun.IDB, p courier.Post) error {
	store.AfterCommit(ctx, func() { b.mu.Lock(); b.posts = append(b.posts, p); b.mu.Unlock() })
	return nil
}

func (b *box) Register(map[courier.Kind]courier.Composer) {}

func (b *box) Free(_ context.Context, _ bun.IDB, address string) error {
	b.freed = append(b.freed, address)
	return nil
}

func (b *box) CancelAccount(ctx context.Context, _ bun.IDB, account uuid.UUID, kinds ...courier.Kind) error {
	store.AfterCommit(ctx, func() {
		b.mu.Lock()
		b.posts = slices.DeleteFunc(b.posts, func(p courier.Post) bool { return p.AccountID == account && slices.Contains(kinds, p.Kind) })
		b.mu.Unlock()
	})
	return nil
}

// wantMails checks the queued mails, as "kind to".
func (w *world) wantMails(want ...string) {
	w.Helper()
	w.box.mu.Lock()
	defer w.box.mu.Unlock()
	var got []string
	for _, p := range w.box.posts {
		got = append(got, fmt.Sprintf("%s %s", p.Kind, p.Recipient))
	}
	assert.Equal(w, want, got, "mails")
}

// send composes the last mail in the same way as the courier, and returns its content and the token in its link.
func (w *world) send() (courier.Content, string) {
	w.Helper()
	return w.compose1(w.box.posts[len(w.box.posts)-1])
}

func (w *world) compose1(p courier.Post) (c courier.Content, token string) {
	w.Helper()
	m := courier.Message{
		Kind: p.Kind, AccountID: uuid.NullUUID{UUID: p.AccountID, Valid: true}, Recipient: p.Recipient, About: p.About, Locale: p.Locale,
		Generation: p.Generation, ExpiresAt: p.ExpiresAt,
	}
	w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		contents, err := w.composers()[p.Kind](ctx, tx, []courier.Message{m})
		if err == nil {
			c = contents[0]
		}
		return err
	}))
	if data, ok := c.Data.(courier.AccountData); ok {
		token = data.Link[strings.LastIndexByte(data.Link, '/')+1:]
	}
	return c, token
}

// slow returns the wait in a TooMany fault, 0 for another answer.
func slow(err error) time.Duration {
	var f *fault.Error
	if errors.As(err, &f) && f.Code == fault.TooMany && f.Message == "sign_in.slow_down" {
		return f.RetryAfter
	}
	return 0
}

// person returns the person whose counters a login changes.
func (w *world) person(login string) person {
	w.Helper()
	found, folded, err := find(w.ctx, w.db, login)
	w.must(err)
	return whose(found.Account, folded)
}
