package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// SeedOptions say which rows Seed makes.
type SeedOptions struct {
	Customers               int
	TransactionsPerCustomer int
	Assignments             int // administrators of customers; at most Customers × Specialists
	Specialists             int // at least one if there are assignments
	Seed                    uint64
}

// String returns the options as the flags of app seed.
func (o SeedOptions) String() string {
	return fmt.Sprintf("--customers %d --transactions-per-customer %d --assignments %d --specialists %d --seed %d",
		o.Customers, o.TransactionsPerCustomer, o.Assignments, o.Specialists, o.Seed)
}

// epoch is the beginning of all synthetic times. Times come from the seed and not from the clock, so the rows are always
// the same.
var epoch = time.Date(2025, 1, 7, 8, 0, 0, 0, time.UTC)

// generator makes rows. All random values come from one source, in a fixed order.
type generator struct {
	origin
	state
	source *rand.PCG
	rand   *rand.Rand      // of the source
	words  map[string]bool // that it has made for the search's vocabulary
}

// newGenerator makes a generator that goes on from a state.
func newGenerator(o origin, s state) (*generator, error) {
	source := &rand.PCG{}
	if err := source.UnmarshalBinary(s.Random); err != nil {
		return nil, err
	}
	return &generator{origin: o, state: s, source: source, rand: rand.New(source), words: map[string]bool{}}, nil
}

// batch makes the next customers, at most n. The first batch has the specialist users, too.
func (g *generator) batch(n int) *batch {
	b := &batch{}
	if g.Customers == 0 {
		g.people(b)
	}
	for range min(n, g.Options.Customers-g.Customers) {
		g.customer(b, g.Customers, g.LastCustomer+int64(g.Customers)+1)
		g.Customers++
	}
	g.Random, _ = g.source.MarshalBinary() // never an error
	b.after = g.state
	return b
}

// learn adds the words of a customer to the search's vocabulary.
func (g *generator) learn(b *batch, words []string) {
	for _, w := range words {
		if !g.words[w] {
			g.words[w] = true
			b.words = append(b.words, w)
		}
	}
}

// id makes a UUIDv7 with a counter as its time, so that ids sort in the order in which they were made, like real ones.
func (g *generator) id() uuid.UUID {
	g.IDs++
	var id uuid.UUID
	ms := uint64(epoch.UnixMilli() + g.IDs/8)
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	a, b := g.rand.Uint64(), g.rand.Uint64()
	for i := range 8 {
		id[8+i] = byte(a >> (8 * i))
	}
	id[6], id[7] = 0x70|byte(g.IDs%8)<<1|byte(b&1), byte(b>>8)
	id[8] = id[8]&0x3f | 0x80
	return id
}

// skewed picks an index below n. Low indexes are more frequent.
func (g *generator) skewed(n int) int {
	f := g.rand.Float64()
	return min(int(f*f*float64(n)), n-1)
}

func pick[T any](g *generator, list []T) T { return list[g.skewed(len(list))] }

// lastName is a common name or, for a long tail of rare names, a combination of two parts.
func (g *generator) lastName() string {
	if g.rand.IntN(100) < 60 {
		return pick(g, lastNames)
	}
	name := pick(g, nameFronts) + pick(g, nameBacks)
	if g.rand.IntN(12) == 0 {
		name += "-" + pick(g, lastNames)
	}
	return name
}

// people adds the specialist users.
func (g *generator) people(b *batch) {
	for i := range g.Options.Specialists {
		id := g.id()
		g.Specialists = append(g.Specialists, id)
		name := pick(g, firstNames) + " " + g.lastName()
		email := fmt.Sprintf("specialist%d@example.net", g.LastSpecialist+i+1)
		b.accounts = append(b.accounts, accountRow(id, true, name, email, epoch))
		b.roles = append(b.roles, []any{id, policies.Specialist})
	}
}

func accountRow(id uuid.UUID, specialist bool, name, email string, at time.Time) []any {
	folded := store.FoldEmail(email)
	return []any{id, specialist, name, store.SortKey(name), email, folded, email, folded, store.Fold(name + " " + email), "de", at}
}

// customer adds one customer with its access and its transactions.
func (g *generator) customer(b *batch, i int, number int64) {
	id, created := g.id(), epoch.Add(time.Duration(i)*23*time.Second)
	t := customer.Person
	d := customer.Data{FirstName: pick(g, firstNames), LastName: g.lastName(), Country: "DE", Locale: "de"}
	if g.rand.IntN(10) < 3 {
		t = customer.Company
		d.LegalForm = pick(g, legalForms)
		d.CompanyName = g.lastName() + " " + trades[g.rand.IntN(len(trades))] + " " + d.LegalForm
	} else {
		d.Salutation = []string{"ms", "mr"}[g.rand.IntN(2)]
		d.DateOfBirth = time.Date(1940+g.rand.IntN(65), time.Month(1+g.rand.IntN(12)), 1+g.rand.IntN(28), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	}
	city := cities[g.skewed(len(cities))]
	d.City, d.PostalCode = city.name, city.postalCode
	d.Street = fmt.Sprintf("%s %d", pick(g, streets), 1+g.rand.IntN(120))
	email := address(d.FirstName, d.LastName, number)
	d.Phone, d.RegisterNumber = phone(number), ""
	if t == customer.Company {
		d.RegisterNumber = fmt.Sprintf("HRB %d", number)
	}
	mobile := mobilePhone(number)
	derived := customer.Derive(t, number, d, customer.Contact{FirstName: d.FirstName, LastName: d.LastName, Email: email, Mobile: mobile})
	g.learn(b, derived.Words)

	// 1 in 200 needs attention: the invitation has expired or is undeliverable
	var account, registered, deactivated, attention, expires any
	var undeliverable string
	var status customer.AccessStatus
	active := 0
	due := created.Add(48 * time.Hour)
	switch chance := g.rand.IntN(1000); {
	case chance < 3:
		attention, expires, status = due, due, customer.Invited
	case chance < 5:
		attention, undeliverable, status = created, "recipient_unknown", customer.Undeliverable
	case chance < 50:
		deactivated, status = created.Add(90*24*time.Hour), customer.Deactivated
	default:
		registered, status, active = created.Add(3*time.Hour), customer.Registered, 1
		a := g.id()
		account = a
		b.accounts = append(b.accounts, accountRow(a, false, d.FirstName+" "+d.LastName, email, created.Add(3*time.Hour)))
	}
	b.customers = append(b.customers, []any{
		number, id, string(t), d.Salutation, d.FirstName, d.LastName, d.DateOfBirth, d.CompanyName, d.LegalForm,
		d.RegisterNumber, d.Street, d.PostalCode, d.City, d.Country, d.Phone, d.Locale, derived.NameSort, derived.CitySort, derived.Search, derived.Details,
		derived.Identity, attention, attention, 1, active, string(status), expires, created, created,
	})
	b.search = append(b.search, []any{number, derived.Trigrams})
	b.accesses = append(b.accesses, []any{
		g.id(), id, account, d.FirstName, d.LastName, email, store.FoldEmail(email), mobile, "de", created, due, undeliverable, registered, deactivated, created,
	})
	cu := customer.Customer{ID: id, Type: t, Data: d}
	administrators := g.assign(b, i, id, created)
	for k := range g.Options.TransactionsPerCustomer {
		g.matter(b, cu, k, created, administrators)
	}
}

// matter adds the k-th transaction of a customer. Half of them are closed, as in a firm that has worked for years.
func (g *generator) matter(b *batch, cu customer.Customer, k int, since time.Time, administrators []uuid.UUID) {
	g.Number++
	id, at := g.id(), since.Add(time.Duration(g.rand.IntN(300*24))*time.Hour)
	m := pick(g, matters)
	name := fmt.Sprintf("%s %d", m.name, k+1)
	derived := transaction.Derive(g.Number, name, m.kind, cu.Name())
	status, due := transaction.Statuses[min(g.rand.IntN(4), 2)], ""
	if g.rand.IntN(3) > 0 {
		due = at.AddDate(0, 0, 14+g.rand.IntN(120)).Format(time.DateOnly)
	}
	var responsible any
	if len(administrators) > 0 && g.rand.IntN(2) == 0 {
		responsible = administrators[0]
	}
	b.moves = append(b.moves, []any{g.Number, id, cu.ID, name, derived.NameFolded, m.kind, string(status), due, responsible, derived.Search, at, at})
	b.found = append(b.found, []any{g.Number, derived.Trigrams})
}

// fewCustomers is how many customers the last specialist user administers.
const fewCustomers = 17

// assign gives the customer its share of the assignments and returns its administrators. The first specialist user
// administers a tenth of all customers, the last one fewCustomers, and the others share the rest evenly.
func (g *generator) assign(b *batch, i int, id uuid.UUID, at time.Time) (administrators []uuid.UUID) {
	n := len(g.Specialists)
	if n == 0 {
		return nil
	}
	share := g.Options.Assignments / g.Options.Customers
	if i < g.Options.Assignments%g.Options.Customers {
		share++
	}
	if share == 0 {
		return nil
	}
	var order []int // indexes of specialist users, in order of preference
	every := max(g.Options.Customers/fewCustomers, 1)
	if n > 2 && i%every == 1%every && i/every < fewCustomers {
		order = append(order, n-1)
	}
	if i%10 == 0 {
		order = append(order, 0)
	}
	if middle := n - 2; middle > 0 {
		start := g.rand.IntN(middle)
		for k := range middle {
			order = append(order, 1+(start+k)%middle)
		}
	} else if n == 2 {
		order = append(order, 1)
	}
	for k := range n { // if share needs more of them
		if !slices.Contains(order, k) {
			order = append(order, k)
		}
	}
	for _, k := range order[:min(share, n)] {
		s := g.Specialists[k]
		administrators = append(administrators, s)
		b.admins = append(b.admins, []any{id, s, at, s})
	}
	return administrators
}

// phone and mobilePhone are numbers that the Bundesnetzagentur reserves for films. They reach nobody.
func phone(number int64) string       { return fmt.Sprintf("+493023125%03d", number%1000) }
func mobilePhone(number int64) string { return fmt.Sprintf("+4917139200%02d", number%100) }

// address makes an e-mail address that does not exist.
func address(first, last string, number int64) string {
	local := strings.ReplaceAll(store.SortKey(first)+"."+store.SortKey(last), " ", "-")
	return fmt.Sprintf("%s.%d@example.%s", local, number, []string{"org", "com", "net"}[number%3])
}
