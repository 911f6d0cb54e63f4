package audit

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/lang"
	"kontor/app/store"
)

// asked is the filter and page of the log, as in the address. Values that are not understood are ignored.
type asked struct {
	Query    string
	Who      string // a name, the id of an account, or nobody
	What     string // an action or a group of actions
	Customer string // number or name; only where the log is about all customers
	From, To string // days, ISO 8601
	Address  string

	After, Before string
}

// nobody stands for Kontor itself, and for people who have not proved who they are.
const nobody = "nobody"

// readAsked reads the filter from the address. withCustomer says whether it can name a customer.
func readAsked(c *fiber.Ctx, withCustomer bool) asked {
	a := asked{
		Query: kit.QueryTerm(c, "q"), Who: kit.QueryTerm(c, "who"), From: dayOf(c.Query("from")), To: dayOf(c.Query("to")),
		Address: kit.QueryTerm(c, "address"), After: c.Query("after"), Before: c.Query("before"),
	}
	if what := c.Query("what"); audit.ActionsOf(what) != nil {
		a.What = what
	}
	if withCustomer {
		a.Customer = kit.QueryTerm(c, "customer")
	}
	return a
}

// dayOf returns a day, or "" for anything else. Databases do not take all years.
func dayOf(typed string) string {
	day, err := time.Parse(time.DateOnly, typed)
	if err != nil || day.Year() < 1900 || day.Year() > 9998 {
		return ""
	}
	return typed
}

// narrow says whether the filter excludes anything.
func (a asked) narrow() bool {
	a.After, a.Before = "", ""
	return a != asked{}
}

// address is the address of the log with this filter. cursor is "" for the first page.
func (a asked) address(path, cursor, value string) string {
	q := kit.NewQuery(path)
	q.Add("q", a.Query)
	q.Add("who", a.Who)
	q.Add("what", a.What)
	q.Add("customer", a.Customer)
	q.Add("from", a.From)
	q.Add("to", a.To)
	q.Add("address", a.Address)
	if cursor != "" {
		q.Add(cursor, value)
	}
	return q.String()
}

// reader is who reads the log, and how.
type reader struct {
	*Screens
	caller account.Caller
	text   *text.Texts
}

func (s *Screens) reader(c *fiber.Ctx) reader { return reader{s, s.Caller(c), s.Text(c)} }

// understood is a filter with what the values stand for.
type understood struct {
	audit.Filter
	// Person is the person whom the address names by the id of their account. It has a name only if the reader may know it.
	Person *audit.Person
	// NamedPeople and NamedCustomers are those for whom a name that was typed may stand.
	NamedPeople    []string
	NamedCustomers []string
	More           bool // there are other customers with this name
	// Acted are the people who can be offered for a choice; nil if nobody has asked for them.
	Acted []audit.Person
}

// understand finds out what a filter asks for. scope is what the page is about, with the condition of what may be seen.
// offer says that people are to be offered.
func (r reader) understand(ctx context.Context, a asked, scope audit.Filter, offer bool) (u understood, err error) {
	u.Filter = scope
	u.Query, u.Actions, u.Address, u.After, u.Before = a.Query, audit.ActionsOf(a.What), audit.ParseNetwork(a.Address), a.After, a.Before
	u.From, u.To = r.days(a.From, a.To)
	id := uuid.FromStringOrNil(a.Who)
	named := a.Who != "" && id == uuid.Nil && !isNobody(r.Screens, a.Who)
	if offer || named {
		if u.Acted, err = r.Audit.People(ctx, scope); err != nil {
			return u, err
		}
	}
	switch {
	case a.Who == "":
	case id != uuid.Nil:
		u.Who = []uuid.UUID{id}
		u.Person, err = r.person(ctx, id, u.Acted)
	case named:
		err = r.findPeople(ctx, a.Who, &u)
	default:
		u.Who = []uuid.UUID{uuid.Nil}
	}
	if err == nil && a.Customer != "" {
		err = r.findCustomers(ctx, a.Customer, &u)
	}
	return u, err
}

// days returns the time from the beginning of one day to the end of another one, in the firm's zone.
func (r reader) days(first, last string) (from, to time.Time) {
	if first != "" {
		from, _ = time.ParseInLocation(time.DateOnly, first, r.Zone)
	}
	if last != "" {
		to, _ = time.ParseInLocation(time.DateOnly, last, r.Zone)
		to = to.AddDate(0, 0, 1)
	}
	return from, to
}

// isNobody says whether what was typed is the word for nobody, in any language.
func isNobody(s *Screens, typed string) bool {
	return typed == nobody || slices.ContainsFunc(lang.All, func(locale string) bool {
		return store.Fold(typed) == store.Fold(s.TextsIn(locale).Say("audit.nobody_chosen"))
	})
}

// person returns the person with an id. The name is only known from what the reader may see: entries, or the list of
// specialist users.
func (r reader) person(ctx context.Context, id uuid.UUID, acted []audit.Person) (*audit.Person, error) {
	if i := slices.IndexFunc(acted, func(p audit.Person) bool { return p.ID == id }); i >= 0 {
		return &acted[i], nil
	}
	a, err := r.o.Accounts.Specialist(ctx, r.caller, id)
	if err != nil && fault.CodeOf(err) != fault.Forbidden && fault.CodeOf(err) != fault.NotFound {
		return nil, err
	}
	return &audit.Person{ID: id, Name: a.Name}, nil
}

// fewPeople and fewCustomers are how many of them a name may stand for.
const (
	fewPeople    = 20
	fewCustomers = 10
)

// findPeople finds those people for whom a name may stand: who has acted lately, and specialist users, if the reader may
// list them.
func (r reader) findPeople(ctx context.Context, name string, u *understood) error {
	u.Who = []uuid.UUID{}
	words := strings.Fields(store.Fold(name))
	if len(words) == 0 {
		return nil
	}
	add := func(id uuid.UUID, name string) {
		if len(u.Who) < fewPeople && !slices.Contains(u.Who, id) {
			u.Who, u.NamedPeople = append(u.Who, id), append(u.NamedPeople, name)
		}
	}
	for _, p := range u.Acted {
		folded := store.Fold(p.Name)
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(folded, w) }) {
			add(p.ID, p.Name)
		}
	}
	page, err := r.o.Accounts.Specialists(ctx, r.caller, account.SpecialistFilter{Query: name, Inactive: true})
	if err != nil && fault.CodeOf(err) != fault.Forbidden {
		return err
	}
	for _, a := range page.Items {
		add(a.ID, a.Name)
	}
	return nil
}

// findCustomers finds the customer with a number, or those for whom a name may stand. Of a customer that was deleted there
// is only the receipt, which has the number.
func (r reader) findCustomers(ctx context.Context, typed string, u *understood) error {
	if number, ok := customer.ParseNumber(typed); ok {
		id, found, err := r.o.Customers.IDByNumber(ctx, number)
		switch {
		case err != nil:
			return err
		case found:
			u.Customers = []uuid.UUID{id}
		default:
			u.Subject = customer.Label(number)
			if u.Actions == nil || slices.Contains(u.Actions, audit.CustomerDeleted) {
				u.Actions = []audit.Action{audit.CustomerDeleted}
			} else {
				u.Actions = []audit.Action{}
			}
		}
		return nil
	}
	u.Customers = []uuid.UUID{}
	page, err := r.o.Customers.First(ctx, r.caller, customer.Filter{Query: typed}, fewCustomers)
	if err != nil && fault.CodeOf(err) != fault.Forbidden {
		return err
	}
	for _, row := range page.Rows {
		u.Customers, u.NamedCustomers = append(u.Customers, row.ID), append(u.NamedCustomers, row.Label()+" "+row.Name)
	}
	u.More = page.Capped
	return nil
}

// chip is a choice beside the filter.
type chip struct {
	Text, Href string
	Current    bool
}

// chipsOf are the choices of the time.
func (r reader) chipsOf(path string, a asked) (list []chip) {
	today := r.Now().In(r.Zone)
	for _, c := range []struct {
		text string
		days int // that it goes back; -1 for no limit
	}{{"audit.any_time", -1}, {"audit.today", 0}, {"audit.last_7_days", 6}, {"audit.last_30_days", 29}} {
		from := ""
		if c.days >= 0 {
			from = today.AddDate(0, 0, -c.days).Format(time.DateOnly)
		}
		current := a.From == from && a.To == ""
		b := a
		b.From, b.To = from, ""
		list = append(list, chip{c.text, b.address(path, "", ""), current})
	}
	return list
}

// whatGroup is a group of the choice of actions.
type whatGroup struct {
	Label   string
	Options []text.Option
}

// ofCustomers are the groups of actions that concern a customer, ofTransactions those that concern a transaction.
var (
	ofCustomers    = []string{"customers", "accesses", "authorisations", "transactions", "approvals", "data", "queues"}
	ofTransactions = []string{"authorisations", "transactions"}
)

// whatGroups are the choices of actions. only restricts them to some groups; nil for all.
func (r reader) whatGroups(only []string) (list []whatGroup) {
	for _, g := range audit.Groups {
		if only != nil && !slices.Contains(only, g.ID) {
			continue
		}
		label := r.text.Say("audit_group." + g.ID)
		group := whatGroup{Label: label, Options: []text.Option{{Value: g.ID, Text: r.text.Say("audit.all_of", "group", label)}}}
		for _, a := range g.Actions {
			group.Options = append(group.Options, text.Option{Value: string(a), Text: r.text.Say("audit." + string(a))})
		}
		list = append(list, group)
	}
	return list
}
