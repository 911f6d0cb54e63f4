package wire

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/authorisation"
	"kontor/app/config"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/secret"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

const (
	delay = 24 * time.Hour
	good  = "Wolke Tisch Gurke Hammer"
	own   = "x.aver@gmail.com" // the attacker's address: one mailbox with many spellings
	home  = "m@home.example"   // of nobody in the firm, until somebody takes it
	// puppet is the name of every account that the attacker makes and controls.
	puppet = "Puppet"
)

// firm is the services as the program puts them together, on a database in memory that can be put back to how it was, at
// a time that only the test moves.
type firm struct {
	t        *testing.T
	ctx      context.Context
	s        *Services
	now      time.Time
	cheap    string                       // the hash of good
	deciders map[string]*policies.Decider // by text
	adopted  string

	attacker, colleague, silent uuid.UUID
	k, l                        place
	changes                     int64 // of the database, when last looked at
	oneKind                     string
}

// place is a customer that is not the attacker's, with a transaction.
type place struct {
	name            string
	id, transaction uuid.UUID
	of              customer.Customer
}

func newFirm(t *testing.T) *firm {
	t.Helper()
	f := &firm{t: t, ctx: t.Context(), now: time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC), deciders: map[string]*policies.Decider{}}
	hash, err := argon2id.CreateHash(good, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	f.must(err)
	f.cheap = hash
	db := storetest.SQLite(t)
	db.SetMaxOpenConns(1) // the only one is opened in memory
	f.s = &Services{
		Config: config.Config{
			BaseURL: "https://kontor.example", FirmName: "Firm", MailFrom: "Firm <no-reply@firm.example>", Locale: "en", Zone: time.UTC,
			SecretKey: []byte(strings.Repeat("k", 32)), IdleTimeout: time.Hour, SessionLife: time.Hour, ApprovalDelay: delay,
			Reminder: 7 * 24 * time.Hour, FilesURL: "file://" + t.TempDir(),
		},
		Log: slog.New(slog.DiscardHandler), DB: db, Now: func() time.Time { return f.now },
	}
	for _, pragma := range []string{"journal_mode = DELETE", "synchronous = OFF", "secure_delete = 0"} {
		_, err := db.ExecContext(f.ctx, "PRAGMA "+pragma)
		f.must(err)
	}
	f.load(f.save())
	f.must(f.s.build(nil))
	f.must(f.s.Policies.Load(f.ctx))
	f.must(f.s.Policies.Offer(f.ctx))
	return f
}

func (f *firm) must(err error) {
	f.t.Helper()
	require.NoError(f.t, err)
}

// --- going back ---------------------------------------------------------------------------------------------------

type image interface {
	Serialize() ([]byte, error)
	Deserialize(b []byte) error
}

func (f *firm) raw(do func(image) error) {
	f.t.Helper()
	conn, err := f.s.DB.DB.DB.Conn(f.ctx)
	f.must(err)
	defer func() { _ = conn.Close() }()
	f.must(conn.Raw(func(c any) error { return do(c.(interface{ Unwrap() driver.Conn }).Unwrap().(image)) }))
}

func (f *firm) save() (b []byte) {
	f.t.Helper()
	f.raw(func(c image) (err error) { b, err = c.Serialize(); return err })
	return b
}

func (f *firm) load(b []byte) {
	f.t.Helper()
	f.raw(func(c image) error { return c.Deserialize(b) })
}

// moment is everything that an act can change.
type moment struct {
	db   []byte
	now  time.Time
	path []string
}

func (f *firm) moment(path []string) moment { return moment{f.save(), f.now, slices.Clone(path)} }

func (f *firm) back(to moment) {
	f.t.Helper()
	f.load(to.db)
	f.now = to.now
	f.adopt()
}

// adopt puts the newest version of the policy in force, older or newer than the one before.
func (f *firm) adopt() {
	f.t.Helper()
	var v struct {
		Version int
		Text    string
	}
	f.must(f.s.DB.NewRaw("SELECT version, text FROM policy_version ORDER BY version DESC LIMIT 1").Scan(f.ctx, &v))
	if key := fmt.Sprint(v.Version, v.Text); key != f.adopted || f.s.Decider.Version() != v.Version {
		d, known := f.deciders[v.Text]
		if !known {
			var err error
			d, err = policies.New(v.Text)
			f.must(err)
			f.deciders[v.Text] = d
		}
		f.s.Decider.Adopt(v.Version, d)
		f.adopted = key
	}
}

// touched says whether anything was written since it was last asked.
func (f *firm) touched() bool {
	f.t.Helper()
	var n int64
	f.must(f.s.DB.NewRaw("SELECT total_changes()").Scan(f.ctx, &n))
	changed := n != f.changes
	f.changes = n
	return changed
}

func (f *firm) exec(query string, args ...any) {
	f.t.Helper()
	_, err := f.s.DB.NewRaw(query, args...).Exec(f.ctx)
	f.must(err)
}

// --- people -------------------------------------------------------------------------------------------------------

// hire makes a specialist user by the command, who has a password.
func (f *firm) hire(name, email string, roles ...policies.Role) uuid.UUID {
	f.t.Helper()
	_, err := f.s.Accounts.AddByCommand(f.ctx, account.SpecialistForm{Name: name, Email: email, Locale: "en", Roles: roles})
	f.must(err)
	a, _, err := f.s.Accounts.ByEmail(f.ctx, f.s.DB, email)
	f.must(err)
	f.settle(a.ID)
	return a.ID
}

// settle gives an account its password, if it has none, by the cheapest hash.
func (f *firm) settle(id uuid.UUID) {
	f.exec("UPDATE account SET password_hash = ? WHERE id = ?", f.cheap, id)
}

// caller is somebody with a session, as a request would know them; ok is false for who has none.
func (f *firm) caller(id uuid.UUID) (c account.Caller, ok bool) {
	f.t.Helper()
	sum := sha256.Sum256(id.Bytes())
	token := base64.RawURLEncoding.EncodeToString(sum[:])
	f.exec(`INSERT INTO session (id_hash, account_id, created_at, last_seen_at, expires_at, address, agent) VALUES (?, ?, ?, ?, ?, '', '')
		ON CONFLICT (id_hash) DO UPDATE SET last_seen_at = EXCLUDED.last_seen_at, expires_at = EXCLUDED.expires_at`,
		secret.HashToken(token), id, f.now, f.now, f.now.Add(time.Hour))
	signed, err := f.s.Accounts.AuthenticateInBackground(f.ctx, token)
	f.must(err)
	if signed == nil || signed.Account.PasswordHash == "" {
		return account.Caller{}, false
	}
	return account.Caller{ID: id, For: signed.For, Name: signed.Account.Name, Roles: signed.Roles, Locale: "en", Address: "192.0.2.9"}, true
}

func (f *firm) mustCall(id uuid.UUID) account.Caller {
	f.t.Helper()
	c, ok := f.caller(id)
	require.True(f.t, ok, "nobody")
	return c
}

// open makes a customer with an end user who is registered, and a transaction.
func (f *firm) open(by account.Caller, name, email string) place {
	f.t.Helper()
	cu, _, err := f.s.Accesses.AddCustomer(f.ctx, by, customer.Draft{
		Type: customer.Person, Data: customer.Data{FirstName: "Customer", LastName: name, Locale: "en"},
	}, email, "")
	f.must(err)
	tr, _, err := f.s.Transactions.Create(f.ctx, by, cu.ID, transaction.Form{Name: "Of " + name, Kind: f.kind()})
	f.must(err)
	var id uuid.UUID
	f.must(f.s.DB.NewRaw("SELECT id FROM access WHERE customer_id = ?", cu.ID).Scan(f.ctx, &id))
	f.must(f.register(id))
	return place{name, cu.ID, tr.ID, cu}
}

func (f *firm) kind() (key string) {
	f.t.Helper()
	f.must(f.s.DB.NewRaw("SELECT key FROM transaction_kind WHERE active ORDER BY position LIMIT 1").Scan(f.ctx, &key))
	return key
}

// link composes a mail, as the courier would, and returns the token in it; "" when it has lost its point.
func (f *firm) link(m courier.Message) (token string, err error) {
	err = f.s.DB.InTx(f.ctx, func(ctx context.Context, tx bun.Tx) error {
		contents, err := f.s.Courier.Compose(ctx, tx, []courier.Message{m})
		if err != nil {
			return err
		}
		var to string
		switch d := contents[0].Data.(type) {
		case courier.RegistrationData:
			to = d.Link
		case courier.AccountData:
			to = d.Link
		}
		token = to[strings.LastIndexByte(to, '/')+1:]
		return nil
	})
	return token, err
}

// register redeems the link of an access, by who has the account already or as a new person.
func (f *firm) register(id uuid.UUID) error {
	var r struct {
		Email      string
		Generation int
	}
	if err := f.s.DB.NewRaw("SELECT email, generation FROM access WHERE id = ?", id).Scan(f.ctx, &r); err != nil {
		return err
	}
	token, err := f.link(courier.Message{
		Kind: courier.Registration, AccessID: uuid.NullUUID{UUID: id, Valid: true}, Recipient: r.Email, Generation: r.Generation,
	})
	if err != nil || token == "" {
		return err
	}
	owner, _, err := f.s.Accounts.ByEmail(f.ctx, f.s.DB, r.Email)
	if err != nil {
		return err
	}
	form := access.RegisterForm{Password: good, PasswordRepeat: good}
	_, err = f.s.Accesses.Register(f.ctx, token, form, account.Caller{ID: owner.ID}, account.Browser{Address: "192.0.2.9"})
	if a, ok, errFind := f.s.Accounts.ByEmail(f.ctx, f.s.DB, r.Email); errFind == nil && ok {
		f.settle(a.ID)
	}
	return err
}

// changeEmail asks for another address and redeems the link that is sent there.
func (f *firm) changeEmail(c account.Caller, email string) error {
	if err := f.s.Accounts.AskEmail(f.ctx, c, email, good); err != nil {
		return err
	}
	token, err := f.link(courier.Message{
		Kind: courier.ConfirmEmail, AccountID: uuid.NullUUID{UUID: c.ID, Valid: true}, Recipient: email, ExpiresAt: f.now.Add(time.Hour),
	})
	if err != nil || token == "" {
		return err
	}
	return f.s.Accounts.ConfirmEmail(f.ctx, token, account.Browser{})
}

// --- starts -------------------------------------------------------------------------------------------------------

// start is how a search begins.
type start struct {
	name    string
	role    policies.Role // of the attacker
	silent  bool          // somebody with every role is there, who never acts
	auditor bool          // somebody is there who could stop, and never does
	pair    pair
	partner policies.Role // of that account
	before  []string      // acts that the attacker can do alone, and has done
	long    bool          // more than 30 days go by
}

// pair says how the attacker came by an account that a second person agreed to.
type pair int

const (
	alone   pair = iota
	made         // by the attacker, who had its roles approved
	given        // it was there before; its role was proposed by the attacker, and approved
	retired      // made and deactivated since
)

// begin makes the firm: an attacker, a colleague who administers K, and L, which nobody administers.
func (st start) begin(t *testing.T) *firm {
	t.Helper()
	f := newFirm(t)
	f.attacker = f.hire("Attacker", own, st.role)
	f.colleague = f.hire("Colleague", "colleague@firm.example", policies.Specialist)
	if st.silent {
		f.silent = f.hire("Silent", "silent@firm.example", policies.FirmRoles...)
	}
	if st.auditor {
		f.hire("Auditor", "auditor@firm.example", policies.Auditor)
	}
	c := f.mustCall(f.colleague)
	f.k = f.open(c, "K", "end@client.example")
	f.l = f.open(c, "L", "other@client.example")
	_, err := f.s.Authorisations.Remove(f.ctx, c, f.l.id, authorisation.Selection{Administrators: []uuid.UUID{f.colleague}}, true)
	f.must(err)
	partner := uuid.Nil
	if st.pair == given {
		partner = f.hire(puppet+" 0", "p0@pup.example", policies.Specialist)
	}
	f.now = f.now.Add(60 * 24 * time.Hour)
	f.must(f.s.Approvals.Tick(f.ctx))
	f.must(f.s.Authorisations.Purge(f.ctx))
	roles := []policies.Role{policies.Specialist, st.partner}
	x := f.mustCall(f.attacker)
	switch st.pair {
	case made, retired:
		_, err := f.s.Accounts.AddSpecialist(f.ctx, x, account.SpecialistForm{Name: puppet + " 0", Email: "p0@pup.example", Locale: "en", Roles: roles})
		f.must(err)
		a, _, err := f.s.Accounts.ByEmail(f.ctx, f.s.DB, "p0@pup.example")
		f.must(err)
		partner = a.ID
		f.settle(partner)
	case given:
		f.must(f.s.Accounts.UpdateSpecialist(f.ctx, x, partner, account.SpecialistForm{Name: puppet + " 0", Locale: "en", Roles: roles, Version: 1}))
	}
	if st.pair != alone {
		list, err := f.s.Approvals.About(f.ctx, approval.Roles, partner)
		f.must(err)
		_, err = f.s.Approvals.Approve(f.ctx, f.mustCall(f.silent).Actor(), list[0].ID)
		f.must(err)
		f.now = f.now.Add(24 * time.Hour)
	}
	if st.pair == retired {
		f.must(f.s.Accounts.Deactivate(f.ctx, f.mustCall(f.attacker), partner))
	}
	f.load(f.save())
	return f
}
