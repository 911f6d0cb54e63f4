// Package demo fills databases, either with a small realistic firm for trying out the program, or with many synthetic
// customers for load tests. All e-mail addresses are under example.*, and all telephone numbers are among those that the
// Bundesnetzagentur reserves for films.
package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/policies"
)

// signIns is how many sign-ins of a person are in the log.
const signIns = 6

// Firm fills a database without customers with a tax adviser's firm, Steuerkanzlei Lindner: about forty customers of both
// types, eight specialist users, accesses in every activity status, and messages in every state. Nobody knows
// the passwords of the new people. To look around, use the specialist user who exists already; they administer every third customer. If there
// are customers, nothing happens and filled is false.
func Firm(ctx context.Context, db *store.DB, now store.Clock, customers *customer.Service) (filled bool, err error) {
	err = db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if some, err := customer.Any(ctx, tx); err != nil || some {
			return err
		}
		filled = true
		f := &firm{tx: tx, postgres: db.IsPostgres(), now: now(), customers: customers, endUsers: map[string]uuid.UUID{}}
		return f.fill(ctx)
	})
	return filled && err == nil, err
}

const (
	domain = "lindner.example"
	// office is the network address of what is done in the firm's office.
	office = "192.0.2.10"
)

// firm is the transaction in which the firm is created.
type firm struct {
	tx        bun.Tx
	postgres  bool
	now       time.Time
	customers *customer.Service
	staff     []account.Account
	endUsers  map[string]uuid.UUID // accounts by e-mail
	phones    int
	entries   []audit.Entry // of the log
}

var staff = []struct {
	name, email string
	roles       []policies.Role
	active      bool
	signedIn    int // hours ago; 0: never, so without a password
}{
	{"Katharina Lindner", "lindner@" + domain, []policies.Role{policies.Specialist, policies.UserAdministrator, policies.DataAdministrator}, true, 3},
	{"Thomas Brandt", "brandt@" + domain, []policies.Role{policies.Specialist}, true, 1},
	{"Ayşe Yıldırım", "yildirim@" + domain, []policies.Role{policies.Specialist, policies.TemplateAdministrator}, true, 26},
	{"Jürgen Groß", "gross@" + domain, []policies.Role{policies.Specialist}, true, 4},
	{"Małgorzata Nowak", "nowak@" + domain, []policies.Role{policies.Specialist}, true, 170},
	{"Florian Österreicher", "oesterreicher@" + domain, []policies.Role{policies.Specialist, policies.PolicyAdministrator}, true, 2},
	{"Renate Vogt", "vogt@" + domain, []policies.Role{policies.Auditor}, true, 0},
	{"Uwe Petersen", "petersen@" + domain, []policies.Role{policies.Specialist}, false, 24 * 45},
}

func (f *firm) fill(ctx context.Context) error {
	if err := f.tx.NewSelect().Model(&f.staff).Where("specialist").Order("created_at", "id").Limit(1).Scan(ctx); err != nil {
		return err
	}
	unknown, err := argon2id.CreateHash(rand.Text(), argon2id.DefaultParams)
	if err != nil {
		return err
	}
	for i, p := range staff {
		a := account.Account{Name: p.name, Email: p.email, Specialist: true, Active: p.active, CreatedAt: f.now.AddDate(-1, 0, -30*i)}
		if p.signedIn > 0 {
			at := f.now.Add(-time.Duration(p.signedIn) * time.Hour)
			a.PasswordHash, a.LastSignInAt = unknown, &at
		}
		a, err := f.account(ctx, a)
		if err != nil {
			return err
		}
		if a.LastSignInAt != nil {
			for k := range signIns { // once every few days
				at := a.LastSignInAt.Add(-time.Duration(k*(50+i*9)) * time.Hour)
				if err := f.log(a, audit.Entry{At: at, Action: audit.AccountSignedIn, SubjectID: store.NullID(a.ID), Subject: a.Name}); err != nil {
					return err
				}
			}
		}
		for _, role := range p.roles {
			values := map[string]any{"account_id": a.ID, "role": role}
			if _, err := f.tx.NewInsert().Model(&values).Table("account_role").Exec(ctx); err != nil {
				return err
			}
		}
		f.staff = append(f.staff, a)
	}
	for i, c := range clients {
		if err := f.client(ctx, i, c); err != nil {
			return fmt.Errorf("demo customer %d: %w", i+1, err)
		}
	}
	if _, err := f.tx.NewInsert().Model(&f.entries).Exec(ctx); err != nil {
		return err
	}
	return f.page(ctx)
}

// account adds a person. a is what is not the same for everybody.
func (f *firm) account(ctx context.Context, a account.Account) (_ account.Account, err error) {
	if a.ID, err = uuid.NewV7AtTime(a.CreatedAt); err != nil {
		return account.Account{}, err
	}
	a.NameSort, a.Search = store.SortKey(a.Name), store.Fold(a.Name+" "+a.Email+" "+a.Email)
	a.EmailFolded = store.FoldEmail(a.Email)
	a.Username, a.UsernameFolded = a.Email, a.EmailFolded
	a.Locale, a.Shortcuts, a.Version = "de", true, 1
	_, err = f.tx.NewInsert().Model(&a).Exec(ctx)
	return a, err
}

// keeper is who keeps the i-th client.
func (f *firm) keeper(i int) account.Account { return f.staff[1+i%6] }

// client adds one customer with its accesses, transactions and log.
func (f *firm) client(ctx context.Context, i int, c client) error {
	since := f.now.Add(-time.Duration(c.days()*24+5) * time.Hour)
	by := f.keeper(i)
	t, d, err := f.data(i, c)
	if err != nil {
		return err
	}
	number, err := customer.Counter.Next(ctx, f.tx)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7AtTime(since)
	if err != nil {
		return err
	}
	derived := customer.Derive(t, number, d)
	values := map[string]any{
		"number": number, "id": id, "type": t, "name_sort": derived.NameSort, "city_sort": derived.CitySort, "identity": derived.Identity, "search": "",
		"created_at": since, "updated_at": since, "created_by": by.ID,
	}
	for _, field := range customer.Fields() {
		values[field.Name] = field.Value(d)
	}
	if _, err := f.tx.NewInsert().Model(&values).Table("customer").Exec(ctx); err != nil {
		return err
	}
	if !c.orphan {
		administrators := []account.Account{by}
		if i%3 == 0 {
			administrators = append(administrators, f.staff[0])
		}
		for _, a := range administrators {
			fact := assignment.Administrator{CustomerID: id, SpecialistID: a.ID, CreatedAt: since, CreatedBy: by.ID}
			if _, err := f.tx.NewInsert().Model(&fact).Exec(ctx); err != nil {
				return err
			}
		}
	}
	cu := customer.Customer{ID: id, Number: number, Type: t, Data: d}
	if err := f.log(by, audit.Entry{
		At: since, Action: audit.CustomerCreated, CustomerID: store.NullID(id), SubjectID: store.NullID(id), Subject: cu.Label() + " " + cu.Name(),
	}); err != nil {
		return err
	}
	for _, a := range c.accesses {
		if err := f.access(ctx, cu, by, a); err != nil {
			return err
		}
	}
	for _, n := range c.written {
		if err := f.note(ctx, cu, by, n); err != nil {
			return err
		}
	}
	for k := range i % 4 {
		if err := f.matter(ctx, cu, i, k, since.Add(time.Duration(k+1)*time.Minute)); err != nil {
			return err
		}
	}
	return f.customers.Refresh(ctx, f.tx, id)
}

// note writes what a colleague has noted about a customer.
func (f *firm) note(ctx context.Context, cu customer.Customer, by account.Account, n note) error {
	at := f.now.AddDate(0, 0, -n.days).Add(-90 * time.Minute)
	id, err := uuid.NewV7AtTime(at)
	if err != nil {
		return err
	}
	values := map[string]any{"id": id, "customer_id": cu.ID, "author_id": by.ID, "text": n.text, "search": store.SearchText(n.text), "created_at": at}
	if _, err := f.tx.NewInsert().Model(&values).Table("note").Exec(ctx); err != nil {
		return err
	}
	return f.log(by, audit.Entry{At: at, Action: audit.NoteWritten, CustomerID: store.NullID(cu.ID), SubjectID: store.NullID(id)})
}

// data returns the data of a client, normalised as the form would normalise them.
func (f *firm) data(i int, c client) (customer.Type, customer.Data, error) {
	city := cities[i%len(cities)]
	d := customer.Data{
		Salutation: c.salutation, Title: c.title, FirstName: c.first, LastName: c.last, CompanyName: c.company, LegalForm: c.legalForm,
		Street: fmt.Sprintf("%s %d", streets[i%len(streets)], 3+i*7%90), PostalCode: city.postalCode, City: city.name,
		Country: "DE", Locale: "de", Note: c.note,
	}
	if i%2 == 0 {
		d.Phone = fmt.Sprintf("+4930231250%02d", i)
	}
	if c.company == "" {
		d.DateOfBirth = time.Date(1948+i*5%55, time.Month(1+i*7%12), 1+i*11%28, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		d, err := customer.Validate(customer.Person, d)
		return customer.Person, d, err
	}
	d.RegisterCourt, d.RegisterNumber = "Amtsgericht "+city.name, fmt.Sprintf("HRB %d", 10000+i*317)
	var err error
	for check := range 10 { // tries all check digits; no real VAT ID begins with these digits
		d.VATID = fmt.Sprintf("DE9999%04d%d", 1000+i*13, check)
		var valid customer.Data
		if valid, err = customer.Validate(customer.Company, d); err == nil {
			return customer.Company, valid, nil
		}
	}
	return customer.Company, d, err
}

// log makes an entry of what a person did in the firm's office. All of them are written at the end.
func (f *firm) log(by account.Account, e audit.Entry) (err error) {
	e.ID, err = uuid.NewV7AtTime(e.At)
	e.ActorID, e.Actor, e.Address, e.Times = store.NullID(by.ID), by.Name, office, 1
	f.entries = append(f.entries, e)
	return err
}
