package authorisation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/effort"
	"kontor/app/handover"
	"kontor/app/store"
	"kontor/policies"
)

// What is typed for a person is found by these. Of somebody who has another customer, what was typed there stays. Each is so
// long that the random bytes of what is sealed don't hold it by chance; typedInSQL finds some more, since LIKE has no digits.
var (
	typed       = regexp.MustCompile(`(?i)qz[a-z]\d{5}|\+4915177\d{6}|2001:db8:7a7a:\d{4}::1`)
	typedInSQL  = []string{"%qz_0____%", "%+4915177%", "%2001:db8:7a7a:%"}
	typedByElse = "Qxwoanders" // for the second end user, who has another customer
)

// numberIn is whose it is, of what typed found.
func numberIn(found string) int {
	for _, around := range []string{"+4915177", "2001:db8:7a7a:", "::1"} {
		found = strings.ReplaceAll(found, around, "")
	}
	n, _ := strconv.Atoi(strings.TrimLeftFunc(found, unicode.IsLetter))
	return n
}

// life is the state of an end user that decides on what can happen next, and what has happened.
type life struct {
	registered, deactivated, removed bool
	undoable                         bool // the last removal
	by, remover                      int  // the administrator, and who removes, before and after a handover
	did                              string
}

// acts are what can happen to an end user and their customer, each with a letter, and how it changes their life; ok is
// false where it can't happen.
var acts = map[byte]func(l *life) (ok bool){
	'R': func(l *life) bool { // register
		ok := !l.registered && !l.deactivated && !l.removed
		l.registered = true
		return ok
	},
	'S': func(l *life) bool { return l.registered && !l.deactivated && !l.removed }, // sign in and use the portal
	'M': func(l *life) bool { // remove the access
		ok := !l.removed
		l.removed, l.undoable, l.remover = true, true, l.by
		return ok
	},
	'U': func(l *life) bool { // undo
		ok := l.removed && l.undoable && l.remover == l.by // after the handover, the former administrator has no right to the customer
		l.removed, l.undoable = false, false
		return ok
	},
	'H': func(l *life) bool { l.by++; return true }, // the administrator hands everything over
	'D': func(l *life) bool { // deactivate, or reactivate
		ok := !l.removed
		l.deactivated = !l.deactivated
		return ok
	},
	'C': func(l *life) bool { return !l.removed }, // correct
	'P': func(l *life) bool { // ten minutes later, removals can't be undone and are forgotten
		ok := l.undoable
		l.undoable = false
		return ok
	},
}

// mostOf is how often an act may happen in one life; once where it is not named.
var mostOf = map[byte]int{'M': 2, 'U': 2, 'D': 2}

// orders are all lives of up to so many acts.
func orders(most int) (all []string) {
	letters := make([]byte, 0, len(acts))
	for letter := range acts {
		letters = append(letters, letter)
	}
	slices.Sort(letters)
	var grow func(l life)
	grow = func(l life) {
		all = append(all, l.did)
		if len(l.did) == most {
			return
		}
		for _, letter := range letters {
			if strings.Count(l.did, string(letter)) >= max(mostOf[letter], 1) {
				continue
			}
			next := l
			if acts[letter](&next) {
				next.did += string(letter)
				grow(next)
			}
		}
	}
	grow(life{})
	return all
}

// registered is the customers' service for a second service of accesses. The first has registered how they are deleted.
type registered struct{ *customer.Service }

func (registered) AddDependent(customer.Part, customer.Dependent) {}

// quick takes a password's hash for granted: hashing is what these tests are not about.
type quick struct {
	*account.Service
	hash string
}

func (q quick) Hash(context.Context, string) (string, error)                     { return q.hash, nil }
func (q quick) CheckPassword(_, _ string, _ ...string) error                     { return nil }
func (q quick) Verify(context.Context, uuid.UUID, string, account.Browser) error { return nil }

// one is a life that is lived: an end user of a customer that is deleted in the end; some have another customer as well.
type one struct {
	*world
	life
	number    int
	handovers *handover.Service
	keepers   []account.Caller // who administers the customer, before and after a handover
	customer  customer.Customer
	access    uuid.UUID
	email     string
	removal   uuid.UUID
	other     customer.Customer // of the end user with two accesses
	others    string            // what the customer's log says of them before
	wasSigned int               // signed in at, how often
}

func (o *one) mark(kind string) string { return fmt.Sprintf("Qz%s%05d", kind, o.number) }

// browser is what they sign in with: of who has two customers, that stays with the account.
func (o *one) browser() account.Browser {
	if o.both() {
		return account.Browser{Address: fmt.Sprintf("2001:db8:7b7b:%04d::1", o.number), Agent: "of both"}
	}
	return o.from()
}

func (o *one) from() account.Browser {
	return account.Browser{Address: fmt.Sprintf("2001:db8:7a7a:%04d::1", o.number), Agent: o.mark("a") + " Browser"}
}
func (o *one) keeper() account.Caller { return o.keepers[o.by] }
func (o *one) both() bool             { return o.other.ID != uuid.Nil }

// begin makes the customer with the access of a person who is invited; both gives them another customer before, where
// they register.
func (o *one) begin(both bool) {
	o.Helper()
	name := fmt.Sprintf("Fachkraft %d", o.number)
	o.keepers = []account.Caller{o.Specialist(name + " a"), o.Specialist(name + " b"), o.Specialist(name + " c")}
	o.email = strings.ToLower(o.mark("m")) + "@kunde.example"
	if both {
		o.email = fmt.Sprintf("both%05d@kunde.example", o.number)
		o.other = o.add("Anderswo", "Bleibt", "", o.email, "")
		a := o.accessOf(o.other.ID)
		o.Must(second(o.accesses.Register(o.Ctx, o.fresh(a), access.RegisterForm{Password: strong, PasswordRepeat: strong}, account.Caller{}, here)))
		o.wasSigned++ // registering signs in
		o.others = o.known()
	}
	o.customer = o.add(o.mark("f"), o.mark("l"), o.mark("n"), o.email, o.mobile())
	o.access = o.accessOf(o.customer.ID)
}

func (o *one) mobile() string { return fmt.Sprintf("+4915177%06d", o.number) }

func (o *one) add(first, last, note, email, mobile string) customer.Customer {
	o.Helper()
	cu, _, err := o.accesses.AddCustomer(o.Ctx, o.keeper(), customer.Draft{
		Type: customer.Person, Data: customer.Data{FirstName: first, LastName: last, Note: note, Locale: "de"},
	}, email, mobile)
	o.Must(err)
	return cu
}

func (o *one) accessOf(customerID uuid.UUID) uuid.UUID {
	o.Helper()
	var id uuid.UUID
	o.Must(o.db.NewRaw(`SELECT id FROM access WHERE customer_id = ?`, customerID).Scan(o.Ctx, &id))
	return id
}

var codeShape = regexp.MustCompile(`[2-9A-Z]{4}-[2-9A-Z]{4}`)

// sent delivers what waits for an access, and returns the link and the code that come.
func (o *one) sent(id uuid.UUID) (link, code string) {
	o.Helper()
	var queued []courier.Message
	o.Must(o.db.NewSelect().Model(&queued).Where("access_id = ?", id).Where("state = ?", courier.Queued).Scan(o.Ctx))
	for _, m := range queued {
		o.Must(second(o.Post.Deliver(o.Ctx, courier.Ticket{MessageID: m.ID, Channel: m.Channel, Run: m.Run})))
	}
	box, err := o.Post.Mailbox(o.Ctx, len(queued))
	o.Must(err)
	for _, m := range box {
		if found := linkShape.FindStringSubmatch(m.Text); found != nil {
			link = found[1]
		} else {
			code = codeShape.FindString(m.Text)
		}
	}
	return link, code
}

func (o *one) fresh(id uuid.UUID) string { o.Helper(); link, _ := o.sent(id); return link }

// do lets one act happen.
func (o *one) do(letter byte) {
	o.Helper()
	was := o.life
	acts[letter](&o.life)
	o.did += string(letter)
	switch letter {
	case 'R':
		link, code := o.sent(o.access)
		form := access.RegisterForm{Code: code, Password: strong, PasswordRepeat: strong}
		o.Must(second(o.accesses.Register(o.Ctx, link, form, account.Caller{}, o.browser())))
		o.wasSigned++
	case 'S':
		o.signIn()
	case 'M':
		out, err := o.Remove(o.Ctx, o.keepers[was.by], o.customer.ID, Selection{Accesses: ids(o.access)}, true)
		o.Must(err)
		o.removal = out.ID
	case 'U':
		o.Must(second(o.Undo(o.Ctx, o.keeper(), o.removal)))
	case 'H':
		boss := account.Caller{ID: o.uwe.ID, Name: o.uwe.Name, Roles: o.uwe.Roles}
		o.Must(second(o.handovers.Start(o.Ctx, boss, o.keepers[was.by].ID, ids(o.keeper().ID), true)))
	case 'D':
		act := o.accesses.Deactivate
		if was.deactivated {
			act = o.accesses.Reactivate
		}
		o.Must(act(o.Ctx, o.keeper(), o.customer.ID, o.access))
	case 'C':
		r, err := o.accesses.Get(o.Ctx, o.keeper(), o.customer.ID, o.access)
		o.Must(err)
		email := strings.ToLower(o.mark("c")) + "@neu.example"
		if o.both() {
			email = o.email
		}
		o.Must(second(o.accesses.Correct(o.Ctx, o.keeper(), o.customer.ID, o.access, access.Correction{Form: access.Form{
			FirstName: o.mark("g"), LastName: o.mark("h"), Email: email, Mobile: o.mobile(), Locale: "en",
		}, Version: r.Version})))
		if !o.registered && !o.both() {
			o.email = email
		}
	case 'P':
		o.Tick(UndoLife + time.Minute)
		o.Must(o.Purge(o.Ctx))
		o.Must(o.Accounts.CleanUp(o.Ctx))
	}
}

// signIn opens a session as a right password does, now and then with a real one, and leaves traces: another name and
// username, an e-mail address asked for, a forgotten password.
func (o *one) signIn() {
	o.Helper()
	a, ok, err := o.Accounts.ByEmail(o.Ctx, o.db, o.email)
	o.Must(err)
	require.True(o, ok, "%s: nobody has the address %s", o.did, o.email)
	from := o.browser()
	if o.number%10 == 0 {
		if _, _, err := o.Accounts.SignIn(o.Ctx, o.email, "falsch", from); err == nil {
			o.Error("a wrong password is right")
		}
		_, _, err = o.Accounts.SignIn(o.Ctx, o.email, strong, from)
	} else {
		err = o.db.InTx(o.Ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := o.Accounts.OpenSession(ctx, tx, a.ID, from)
			return err
		})
	}
	o.Must(err)
	o.wasSigned++
	o.Must(o.Accounts.ForgotPassword(o.Ctx, o.email, from))
	if o.both() {
		return
	}
	c := account.Caller{ID: a.ID, Name: a.Name, Roles: []policies.Role{policies.EndUser}, Address: from.Address}
	o.Must(o.Accounts.UpdateOwn(o.Ctx, c, account.Own{Name: o.mark("p") + " Selbst", Username: o.mark("u"), Locale: "de"}))
	if o.number%10 == 0 {
		o.Must(o.Accounts.AskEmail(o.Ctx, c, strings.ToLower(o.mark("e"))+"@neu.example", strong))
	}
}

// end deletes the customer; after that nothing that a person or an old tab does brings anything back.
func (o *one) end() {
	o.Helper()
	link := ""
	if !o.registered && !o.removed && !o.deactivated {
		link = o.fresh(o.access)
	}
	d, err := o.customers.Delete(o.Ctx, o.keeper(), o.customer.ID, o.customer.Label())
	o.Must(err)
	require.NotNil(o, d.FinishedAt, "%s: not finished", o.did)
	stranger := account.Browser{Address: "198.51.100.9", Agent: "later"}
	form := access.RegisterForm{Password: strong, PasswordRepeat: strong}
	_, err = o.accesses.Register(o.Ctx, link, form, account.Caller{}, stranger)
	assert.Error(o, err, "%s: registers at what is gone", o.did)
	if o.removal != uuid.Nil {
		for _, k := range o.keepers {
			_, err := o.Undo(o.Ctx, k, o.removal)
			assert.ErrorIs(o, err, ErrUndone, "%s: undone after the deletion", o.did)
		}
	}
	_, ok, err := o.Accounts.ByEmail(o.Ctx, o.db, o.email)
	require.NoError(o, err, "the account is there")
	assert.Equal(o, o.both(), ok, "the account is there")
	if o.both() {
		assert.Equal(o, o.others, o.known(), "of the customer that stays")
		n := o.Number(`SELECT count(*) FROM audit WHERE action = 'account.signed_in' AND actor_id = (SELECT account_id FROM access WHERE customer_id = ?)`, o.other.ID)
		assert.Equal(o, o.wasSigned, n, "entries of signing in stay")
	}
}

// known is what the database knows of the customer that stays, of its access and its account.
func (o *one) known() string {
	o.Helper()
	var list []string
	for table, where := range map[string]string{
		"customer": "id = ?", "access": "customer_id = ?", "message": "customer_id = ?", "audit": "customer_id = ? AND action NOT LIKE 'administrator.%'",
	} {
		var n int
		o.Must(o.db.NewRaw(`SELECT count(*) FROM ? WHERE `+where, bun.Ident(table), o.other.ID).Scan(o.Ctx, &n))
		list = append(list, table+" "+strconv.Itoa(n))
	}
	var who []string
	o.Must(o.db.NewRaw(`SELECT p.name || ' ' || p.email || ' ' || a.first_name || ' ' || a.email || ' ' || CASE WHEN a.registered_at IS NULL THEN 'invited' ELSE 'registered' END
		FROM access AS a JOIN account AS p ON p.id = a.account_id WHERE a.customer_id = ?`, o.other.ID).Scan(o.Ctx, &who))
	slices.Sort(list)
	return strings.Join(append(list, who...), ", ")
}

// left is what the database holds of everything that was typed for a person.
func (w *world) left() []string {
	w.Helper()
	return slices.DeleteFunc(w.rows(typedInSQL...), func(v string) bool { return !typed.MatchString(v) })
}

// rows lists "table.column: value" of everything in the database that is like one of the patterns. The tables are read
// from the schema, so a new one can't be forgotten.
func (w *world) rows(patterns ...string) (found []string) {
	w.Helper()
	var columns []struct {
		Table  string `bun:"t"`
		Column string `bun:"c"`
		Type   string `bun:"y"`
	}
	sql := `SELECT m.name AS t, p.name AS c, p.type AS y FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p
		WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%'`
	like := "LIKE"
	if w.db.IsPostgres() {
		sql = `SELECT table_name AS t, column_name AS c, data_type AS y FROM information_schema.columns WHERE table_schema = 'public'`
		like = "ILIKE"
	}
	w.Must(w.db.NewRaw(sql).Scan(w.Ctx, &columns))
	require.GreaterOrEqual(w, len(columns), 100, "only %d columns seen", len(columns))
	for _, c := range columns {
		text := bun.SafeQuery(`CAST(? AS TEXT)`, bun.Ident(c.Column))
		if c.Type == "bytea" {
			text = bun.SafeQuery(`encode(?, 'escape')`, bun.Ident(c.Column))
		}
		for _, pattern := range patterns {
			var values []string
			w.Must(w.db.NewRaw(`SELECT ? FROM ? WHERE ? `+like+` ?`, text, bun.Ident(c.Table), text, pattern).Scan(w.Ctx, &values))
			for _, v := range values {
				found = append(found, c.Table+"."+c.Column+": "+v)
			}
		}
	}
	slices.Sort(found)
	return found
}

// ordersMost is how many acts a life has before its customer is deleted, unless KONTOR_TEST_ORDERS says otherwise. A commit
// takes PostgreSQL longer, so there are fewer lives there.
func ordersMost(db *store.DB) int {
	if n, err := strconv.Atoi(os.Getenv("KONTOR_TEST_ORDERS")); err == nil && n > 0 {
		return n
	}
	most := 4
	if db.IsPostgres() {
		most--
	}
	return effort.Of(most, 2)
}

// TestDeletedInEveryOrder runs a few actions in every possible order and deletes the customer at the end. Then no
// table, and on SQLite no byte of the files, contains anything that was typed for the person. A person with another
// customer loses only what belonged to the deleted one, and other people lose nothing.
func TestDeletedInEveryOrder(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		lives := orders(ordersMost(w.db))
		alone := len(lives)
		lives = append(lives, orders(ordersMost(w.db)-1)...) // of people who have another customer as well
		hash := w.hashed()
		w.accesses = access.New(access.Options{
			Approvals: w.Approvals,
			DB:        w.db, Now: w.Now, Key: w.key, Decider: w.decider, Accounts: quick{w.Accounts, hash}, Courier: w.Post, Audit: w.audit, Customers: registered{w.customers},
			BaseURL: "https://kontor.example",
		})
		handovers := handover.New(handover.Options{
			Accounts: w.Accounts, Approvals: w.Approvals,
			DB: w.db, Now: w.Now, Zone: time.UTC, Decider: w.decider, Audit: w.audit, Customers: w.customers, Transactions: w.transactions, Jobs: w.Jobs,
		})
		elses := w.addElse()
		for i, order := range lives {
			o := &one{world: w, number: i, handovers: handovers}
			o.begin(i >= alone)
			if i == 0 {
				n := len(w.left())
				require.GreaterOrEqual(t, n, 10, "only %d values of a person are found: what goes is not tested", n)
			}
			for _, letter := range []byte(order) {
				o.do(letter)
			}
			o.end()
			require.False(t, t.Failed(), "in the life %q", order)
		}
		left := w.left()
		for _, v := range left[:min(len(left), 10)] {
			t.Errorf("left of the life %q: %s", lives[numberIn(typed.FindString(v))], v)
		}
		assert.Equal(t, elses, w.elses(), "of somebody else there is")
		t.Logf("%d lives", len(lives))
		w.searchFiles(lives)
	})
}

// hashed is a hash of the password that everybody has here.
func (w *world) hashed() string {
	w.Helper()
	hash, err := w.Accounts.Hash(w.Ctx, strong)
	w.Must(err)
	return hash
}

// addElse makes an end user of another customer, with every trace, and returns what is known of them.
func (w *world) addElse() string {
	w.Helper()
	id := w.addCustomer(typedByElse + " GmbH")
	email := strings.ToLower(typedByElse) + "@kunde.example"
	w.Must(second(w.accesses.Create(w.Ctx, w.anna, id, access.Form{FirstName: typedByElse, LastName: typedByElse, Email: email, Locale: "de"}, "")))
	w.register(email)
	_, _, err := w.Accounts.SignIn(w.Ctx, email, strong, account.Browser{Address: "203.0.113.5", Agent: typedByElse})
	w.Must(err)
	w.Exec(`UPDATE session SET last_seen_at = ?, expires_at = ?`, w.Now().AddDate(1, 0, 0), w.Now().AddDate(1, 0, 0)) // so that no session expires
	return w.elses()
}

func (w *world) elses() string {
	w.Helper()
	return strings.Join(w.rows("%"+typedByElse+"%", "%203.0.113.5%"), "\n")
}

// searchFiles looks for what was typed in the bytes of SQLite's files.
func (w *world) searchFiles(lives []string) {
	w.Helper()
	if w.db.IsPostgres() {
		return
	}
	var path string
	w.Must(w.db.NewRaw(`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(w.Ctx, &path))
	for _, file := range []string{path, path + "-wal"} {
		content, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			w.Fatal(err)
		}
		if at := typed.FindIndex(content); at != nil {
			w.Errorf("left of the life %q in %s at %d: %q", lives[numberIn(string(content[at[0]:at[1]]))], file, at[0],
				content[max(0, at[0]-40):min(len(content), at[1]+40)])
		}
	}
}
