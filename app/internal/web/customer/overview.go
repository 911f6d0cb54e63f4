package customer

import (
	"errors"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/bulk"
	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/savedview"
	"kontor/app/internal/web/text"
	"kontor/app/internal/web/transaction"
	saved "kontor/app/savedview"
	"kontor/policies"
)

// overview is the data of the customer overview.
type overview struct {
	Empty  kit.Empty
	Filter customer.Filter
	Page   customer.Page
	Chips  []chip
	Heads  []kit.Column
	Picks  *picks // nil in a fragment, which leaves the form as it is
	// Searched and Picked are the parameters of the list's address besides those of the search and of the form.
	Searched, Picked []text.Option
	Without          []string // columns that the person has not chosen
	ColumnsPath      string   // address of the page that chooses them
	NewView          string   // address of the page that names the filter; "" if there is none
	Next, Prev       string   // addresses of the next and the previous page
	Add              bool
	Import           bool   // the person may import customers
	Export           string // the query of the address of an export of this list; "" if the person may not export
	Narrow           bool   // a search or filter applies: an empty list means that nothing matches
	// AllWell says that no customer needs attention of all that may be seen, and nothing else was asked.
	AllWell bool
	// AllFound is the address of the business transactions that the same search finds, "" for people who may not see any.
	// If no customer matches, Empty holds these transactions.
	AllFound string
	Clear    string
	Start    *start // the first steps, while the firm has no customer
	// Selection is what can be done with rows that are ticked; nil if nothing can.
	Selection *kit.Selection
	Rows      []listedRow
}

// listedRow is what a row of the overview shows. It is the key under which the rendered row is kept.
type listedRow struct {
	customer.Row
	Tick bool // it can be ticked
}

// picks are what can be chosen in the form of the filters.
type picks struct {
	Statuses, Administrators []text.Option
	Views                    []savedview.Link
}

type chip struct {
	Text, Href string
	Current    bool
}

func (s *Screens) listCustomers(c *fiber.Ctx) error {
	f := ReadFilter(c)
	caller := s.Caller(c)
	page, err := s.customers.List(s.Ctx(c), caller, f)
	if err != nil {
		return err
	}
	d := overview{Filter: f, Page: page, Narrow: f.Narrow(), Clear: "/customers", Searched: restOf(f, "q"), Picked: restOf(f, pickNames...)}
	if d.Add, err = s.mayAdd(c); err != nil {
		return err
	}
	if d.Import, err = s.may(caller, policies.Import); err != nil {
		return err
	}
	d.Import = d.Import && d.Add
	all, err := s.seesAllCustomers(caller)
	if err != nil {
		return err
	}
	d.Empty = kit.Empty{List: "customers", Why: kit.EmptinessOf(d.Narrow, all), Clear: d.Clear}
	if d.Add {
		d.Empty.Hint, d.Empty.Next, d.Empty.Do, d.Empty.Icon = "customers.none_hint", "/customers/new", "customer.add", "plus"
	}
	d.Chips, d.Heads, d.NewView = chipsOf(f), headsOf(f), savedview.NewPath(saved.Customers, queryOf(URL(f, "", "")))
	d.Without, d.ColumnsPath = s.views.Without(c, saved.Customers, strings.TrimPrefix(f.Sort, "-")), savedview.ColumnsPath(saved.Customers, queryOf(URL(f, "", "")))
	alone := f
	alone.Attention = false
	d.AllWell = f.Attention && !alone.Narrow()
	if d.Start, err = s.startOf(c, d); err != nil {
		return err
	}
	if err := s.customers.MayExport(caller); err == nil {
		_, query, _ := strings.Cut(URL(f, "", ""), "?")
		d.Export = "?" + query
	} else if !errors.Is(err, policies.ErrForbidden) {
		return err
	}
	if d.Selection, err = s.selection(c, d); err != nil {
		return err
	}
	for _, row := range page.Rows {
		d.Rows = append(d.Rows, listedRow{row, d.Selection != nil})
	}
	if page.Next != "" {
		d.Next = URL(f, "after", page.Next)
	}
	if page.Prev != "" {
		d.Prev = URL(f, "before", page.Prev)
	}
	if f.Query != "" {
		if err := s.findElsewhere(c, &d); err != nil {
			return err
		}
	}
	if !kit.IsFragment(c) {
		if d.Picks, err = s.picks(c, f); err != nil {
			return err
		}
	}
	title := "nav.customers"
	if f.Attention {
		title = "nav.attention"
	}
	return s.Render(c, kit.View{
		Page: "customer/index", Fragment: "customer/list", Title: s.Say(c, title), Nav: "customers", Data: d,
		Search: &kit.Search{Path: "/customers", Target: "#list", Label: "search.customers", Hint: "customers.search", Query: f.Query},
	})
}

// selection says what can be done with ticked rows.
func (s *Screens) selection(c *fiber.Ctx, d overview) (*kit.Selection, error) {
	chosen := &kit.Selection{}
	for _, k := range []bulk.Kind{bulk.Administrators, bulk.Resend} {
		if err := s.acts.May(s.Caller(c), k); err == nil {
			chosen.Acts = append(chosen.Acts, string(k))
		} else if !errors.Is(err, policies.ErrForbidden) {
			return nil, err
		}
	}
	if len(chosen.Acts) == 0 {
		return nil, nil
	}
	for _, o := range parameters(d.Filter) {
		chosen.Filter = append(chosen.Filter, kit.Field{Name: o.Value, Value: o.Text})
	}
	if d.Page.Next != "" || d.Page.Prev != "" {
		chosen.Everything = s.Everything(c, d.Page.Count, d.Page.Capped)
	}
	return chosen, nil
}

// findElsewhere links to the transactions that the same search finds. It searches them itself only if no customer
// matches: somebody may be typing, and this search can take longer than the list.
func (s *Screens) findElsewhere(c *fiber.Ctx, d *overview) error {
	may, err := s.transactions.MaySeeAny(s.Caller(c))
	if err != nil || !may {
		return err
	}
	d.AllFound = transaction.URL("/transactions", transaction.OfSearch(d.Filter.Query), "", "")
	if len(d.Page.Rows) > 0 {
		return nil
	}
	page, err := s.transactionPages.Find(c, d.Filter.Query)
	if page != nil {
		d.Empty.Found = &kit.Found{Count: page.Count, Capped: page.Capped}
	}
	return err
}

// parameters are the parameters of the list's address, but for the cursor.
func parameters(f customer.Filter) []text.Option {
	list := []text.Option{
		{Value: "q", Text: f.Query}, {Value: "type", Text: string(f.Type)}, {Value: "status", Text: string(f.Status)},
		{Value: "administrator", Text: f.Administrator}, {Value: "city", Text: f.City}, {Value: "sort", Text: f.Sort},
	}
	if f.Attention {
		list = append(list, text.Option{Value: "status", Text: attention})
	}
	return slices.DeleteFunc(list, func(o text.Option) bool { return o.Text == "" })
}

// attention is the value of the parameter status for customers that need attention. It can be there beside a status.
const attention = "attention"

// pickNames are the parameters that the form of the filters sends.
var pickNames = []string{"status", "administrator", "city"}

// restOf are the parameters besides those with these names.
func restOf(f customer.Filter, but ...string) []text.Option {
	return slices.DeleteFunc(parameters(f), func(o text.Option) bool { return slices.Contains(but, o.Value) && o.Text != attention })
}

// picks are the choices of the form.
func (s *Screens) picks(c *fiber.Ctx, f customer.Filter) (*picks, error) {
	any := text.Option{Text: s.Say(c, "filter.any")}
	p := &picks{Statuses: []text.Option{any}, Administrators: []text.Option{any}}
	for _, status := range customer.Statuses {
		p.Statuses = append(p.Statuses, text.Option{Value: string(status), Text: s.Say(c, "status."+string(status))})
	}
	people, err := s.customers.Administrators(s.Ctx(c), s.Caller(c))
	if err != nil {
		return nil, err
	}
	p.Administrators = append(p.Administrators, text.Option{Value: customer.Me, Text: s.Say(c, "customers.mine")})
	if len(people) > 0 {
		p.Administrators = append(p.Administrators, text.Option{Value: customer.Nobody, Text: s.Say(c, "customers.nobody")})
	}
	for _, one := range people {
		if one.ID != s.Caller(c).ID {
			p.Administrators = append(p.Administrators, text.Option{Value: one.ID.String(), Text: one.Name})
		}
	}
	if f.Administrator != "" && !slices.ContainsFunc(p.Administrators, func(o text.Option) bool { return o.Value == f.Administrator }) {
		p.Administrators = append(p.Administrators, text.Option{Value: f.Administrator, Text: s.Say(c, "customers.other_administrator")})
	}
	p.Views, err = s.views.Links(c, saved.Customers, URL(f, "", ""))
	return p, err
}

// suggestCities answers with cities that begin with what is typed, as options.
func (s *Screens) suggestCities(c *fiber.Ctx) error {
	cities, err := s.customers.Cities(s.Ctx(c), s.Caller(c), kit.QueryTerm(c, "city"))
	if err != nil {
		return err
	}
	return s.Render(c, kit.View{Page: "customer/cities", Fragment: "customer/cities", Title: s.Say(c, "field.city"), Nav: "customers", Data: cities})
}

// ReadFilter reads the overview's filter from the address.
func ReadFilter(c *fiber.Ctx) customer.Filter {
	f := customer.Filter{
		Query: kit.QueryTerm(c, "q"), City: kit.QueryTerm(c, "city"), After: c.Query("after"), Before: c.Query("before"),
	}
	for _, value := range kit.ParamValues(c, "status") {
		if status := customer.AccessStatus(value); value == attention {
			f.Attention = true
		} else if f.Status == "" && slices.Contains(customer.Statuses, status) {
			f.Status = status
		}
	}
	if sort := c.Query("sort"); slices.Contains(customer.Sorts, strings.TrimPrefix(sort, "-")) {
		f.Sort = sort
	}
	if t := customer.Type(c.Query("type")); slices.Contains(customer.Types, t) {
		f.Type = t
	}
	switch who := c.Query("administrator"); who {
	case customer.Me, customer.Nobody:
		f.Administrator = who
	default:
		if id := uuid.FromStringOrNil(who); id != uuid.Nil {
			f.Administrator = id.String()
		}
	}
	return f
}

// URL is the address of a list with this filter. cursor is "" for the first page.
func URL(f customer.Filter, cursor, value string) string {
	q := kit.NewQuery("/customers")
	for _, o := range parameters(f) {
		q.Add(o.Value, o.Text)
	}
	if cursor != "" {
		q.Add(cursor, value)
	}
	return q.String()
}

// queryOf is the part of an address behind the question mark.
func queryOf(address string) string {
	_, query, _ := strings.Cut(address, "?")
	return query
}

// chipsOf are the filters that one click sets, and that another one takes away.
func chipsOf(f customer.Filter) []chip {
	of := func(id string, on bool, set func(g *customer.Filter)) chip {
		g := f
		g.After, g.Before = "", ""
		set(&g)
		return chip{id, URL(g, "", ""), on}
	}
	toggled := func(t customer.Type) customer.Type {
		if f.Type == t {
			return ""
		}
		return t
	}
	return []chip{
		of("customers.all", !f.Narrow(), func(g *customer.Filter) { *g = customer.Filter{Sort: f.Sort} }),
		of("customers.mine", f.Administrator == customer.Me, func(g *customer.Filter) {
			if g.Administrator = customer.Me; f.Administrator == customer.Me {
				g.Administrator = ""
			}
		}),
		of("customers.persons", f.Type == customer.Person, func(g *customer.Filter) { g.Type = toggled(customer.Person) }),
		of("customers.companies", f.Type == customer.Company, func(g *customer.Filter) { g.Type = toggled(customer.Company) }),
		of("nav.attention", f.Attention, func(g *customer.Filter) { g.Attention = !f.Attention }),
	}
}

// columns are the columns of the list, with the order that sorts it by each.
var columns = []struct {
	id, sort string
	low      bool
}{
	{"customers.number", "number", false}, {"customers.name", "name", false}, {"customers.type", "type", true}, {"field.city", "city", true},
	{"customers.registered", "", false}, {"access.status", "status", false}, {"customers.changed", "changed", true},
}

// headsOf makes the heads of the columns. Clicking the active column reverses its order.
func headsOf(f customer.Filter) []kit.Column {
	in := f.Sort
	if in == "" {
		in = "name"
	}
	var heads []kit.Column
	for _, column := range columns {
		h := kit.Column{Text: column.id, Low: column.low}
		if column.sort != "" {
			g := f
			h.Sort, g.Sort = "none", column.sort
			switch in {
			case column.sort:
				h.Sort, g.Sort = "ascending", "-"+column.sort
			case "-" + column.sort:
				h.Sort = "descending"
			}
			h.Href = URL(g, "", "")
		}
		heads = append(heads, h)
	}
	return heads
}

func (s *Screens) openCustomer(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	return c.Redirect(kit.CustomerPath(id)+"/data", fiber.StatusSeeOther)
}
