package accounttest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/job"
	"kontor/app/lang"
	"kontor/app/preference"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/policies"
	"kontor/views"
)

// Strong is a password that passes the rules for every person.
const Strong = "Vierzig Pferde im Regen"

// Here is the browser that tests sign in from.
var Here = account.Browser{Address: "192.0.2.7", Agent: "test"}

// Firm is the base of feature tests. It has the default policy, a clock and the real services up to accounts, on a
// database of the test's own. Mails and SMS go to the built-in mailbox. A feature's test embeds Firm beside its own
// service.
type Firm struct {
	testing.TB
	*Clock
	Ctx       context.Context
	DB        *store.DB
	Key       secret.Key
	Decider   *policies.Decider
	Audit     *audit.Log
	Post      *courier.Service
	Jobs      *job.Service
	Approvals *approval.Service
	Accounts  *account.Service
	// Sets is what the firm has set, nil: nothing. A test may change it.
	Sets account.Firm
}

// setting is what a firm has set by now.
type setting struct{ *Firm }

func (s setting) FirmName() string {
	if s.Sets != nil {
		return s.Sets.FirmName()
	}
	return FirmName
}

func (s setting) OwnLocale() string {
	if s.Sets != nil {
		return s.Sets.OwnLocale()
	}
	return lang.English
}

func (s setting) ShowsSignIn(manages bool) bool { return s.Sets == nil || s.Sets.ShowsSignIn(manages) }

func (s setting) Preferences(roles []policies.Role) preference.Chosen {
	if s.Sets != nil {
		return s.Sets.Preferences(roles)
	}
	return nil
}

// FirmName and BaseURL are the firm's name and address in links and messages.
const (
	FirmName = "Kanzlei Berg"
	BaseURL  = "https://kontor.example"
)

// NewFirm makes a Firm whose clock shows at. change adapts the courier's options.
func NewFirm(tb testing.TB, db *store.DB, at time.Time, change ...func(*courier.Options)) *Firm {
	tb.Helper()
	f := &Firm{TB: tb, Clock: &Clock{at: at}, Ctx: context.Background(), DB: db}
	var err error
	f.Key, err = secret.NewKey([]byte(strings.Repeat("k", 32)))
	f.Must(err)
	f.Decider, err = policies.New(policies.Default)
	f.Must(err)
	f.Audit = audit.New(db, f.Now)
	o := courier.Options{
		DB: db, Now: f.Now, Key: f.Key, Log: slog.New(slog.DiscardHandler), Templates: views.Mail(), Letterhead: courier.Letterhead{Firm: FirmName},
		From: FirmName + " <no-reply@kanzlei.example>",
	}
	for _, set := range change {
		set(&o)
	}
	f.Post, err = courier.New(o)
	f.Must(err)
	tb.Cleanup(func() { _ = f.Post.Close() })
	f.Jobs = job.New(job.Options{DB: db, Now: f.Now, Audit: f.Audit})
	f.Approvals = approval.New(approval.Options{DB: db, Now: f.Now, Audit: f.Audit, Courier: f.Post})
	f.Accounts = account.New(account.Options{
		DB: db, Now: f.Now, Key: f.Key, Decider: f.Decider, Courier: f.Post, Audit: f.Audit, Approvals: f.Approvals,
		BaseURL: BaseURL, Firm: setting{f}, Hashing: Quick,
	})
	return f
}

// Specialist adds a specialist user who has the role specialist and these roles.
func (f *Firm) Specialist(name string, roles ...policies.Role) account.Caller {
	f.Helper()
	return f.Person(name, true, append([]policies.Role{policies.Specialist}, roles...)...)
}

// Person adds somebody with exactly these roles, without a password, and returns them as a caller.
func (f *Firm) Person(name string, specialist bool, roles ...policies.Role) account.Caller {
	f.Helper()
	c := account.Caller{ID: ID(), Name: name, Roles: roles, Locale: lang.English, Address: "192.0.2.1"}
	email := store.FoldEmail(strings.ReplaceAll(store.SortKey(name), " ", ".") + "@kanzlei.example")
	if f.Number("SELECT count(*) FROM account WHERE email_folded = ?", email) > 0 { // another person has the same name
		email = c.ID.String() + "@kanzlei.example"
	}
	f.Exec(`INSERT INTO account (id, specialist, name, name_sort, search, username, username_folded, email, email_folded, password_hash, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'x', ?)`, c.ID, specialist, name, store.SortKey(name), store.Fold(name+" "+email),
		email, email, email, email, f.Now())
	for _, r := range roles {
		f.Exec(`INSERT INTO account_role (account_id, role) VALUES (?, ?)`, c.ID, r)
	}
	return c
}

// ID returns a new id.
func ID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Must ends the test if err is not nil.
func (f *Firm) Must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// Want checks that err is the error want; a want of nil means no error.
func (f *Firm) Want(what string, err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// WantComplaints checks that Complaints(err) is want.
func (f *Firm) WantComplaints(what string, err error, want string) {
	f.Helper()
	if got := Complaints(err); got != want {
		f.Errorf("%s: got %q (%v), want %q", what, got, err, want)
	}
}

// Complaints returns "field message, …" for a form with invalid fields, "code: message" for any other fault, and "" for
// nil.
func Complaints(err error) string {
	var e *fault.Error
	if err == nil {
		return ""
	}
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	if len(e.Fields) == 0 {
		return string(e.Code) + ": " + e.Message
	}
	all := make([]string, len(e.Fields))
	for i, field := range e.Fields {
		all[i] = field.Field + " " + field.Message
	}
	return strings.Join(all, ", ")
}

// Exec runs a statement.
func (f *Firm) Exec(sql string, args ...any) {
	f.Helper()
	// Raw SQL: the text comes from a test.
	if _, err := f.DB.NewRaw(sql, args...).Exec(f.Ctx); err != nil {
		f.Fatalf("%s: %v", sql, err)
	}
}

// Number returns the number that a query selects.
func (f *Firm) Number(sql string, args ...any) (n int) {
	f.Helper()
	// Raw SQL: the text comes from a test.
	if err := f.DB.NewRaw(sql, args...).Scan(f.Ctx, &n); err != nil {
		f.Fatalf("%s: %v", sql, err)
	}
	return n
}

// InTx runs do in a tx.
func (f *Firm) InTx(do func(ctx context.Context, tx bun.Tx) error) {
	f.Helper()
	f.Must(f.DB.InTx(f.Ctx, do))
}

// Clock is a clock for tests. Only the test moves it. With a Step it also advances by that step on every call of Now.
type Clock struct {
	Step time.Duration

	mu sync.Mutex
	at time.Time
}

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(c.Step)
	return c.at
}

// Tick advances the clock by d.
func (c *Clock) Tick(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Set sets the clock.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}
