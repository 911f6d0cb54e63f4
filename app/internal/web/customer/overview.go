package customer

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/internal/web/transaction"
)

// overview is the data of the customer overview.
type overview struct {
	Empty  kit.Empty
	Filter customer.Filter
	Page   customer.Page
	Chips  []chip
	Heads  []columnHead
	Next   string // addresses of the next and the previous page
	Prev   string
	Add    bool
	Narrow bool // a search or filter applies: an empty list means that nothing matches
	// AllFound is the address of the business transactions that the same search finds, "" for people who may not see any.
	// If no customer matches, Empty holds these transactions.
	AllFound string
	Clear    string
}

type chip struct {
	Text, Href string
	Current    bool
}

// columnHead is the head of a column by which the list can be sorted.
type columnHead struct {
	Text, Href, Sort string // Sort: ascending, descending or none, for aria-sort
}

func (s *Screens) listCustomers(c *fiber.Ctx) error {
	f := ReadFilter(c)
	caller := s.Caller(c)
	page, err := s.customers.List(s.Ctx(c), caller, f)
	if err != nil {
		return err
	}
	d := overview{Filter: f, Page: page, Narrow: f.Query != "" || f.Type != "" || f.Attention, Clear: "/customers"}
	if d.Add, err = s.mayAdd(c); err != nil {
		return err
	}
	all, err := s.seesAllCustomers(caller)
	if err != nil {
		return err
	}
	d.Empty = kit.Empty{List: "customers", Why: kit.EmptinessOf(d.Narrow, all), Clear: d.Clear}
	if d.Add {
		d.Empty.Hint, d.Empty.Next, d.Empty.Do, d.Empty.Icon = "customers.none_hint", "/customers/new", "customer.add", "plus"
	}
	d.Chips, d.Heads = chipsOf(f), headsOf(f)
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
	title := "nav.customers"
	if f.Attention {
		title = "nav.attention"
	}
	return s.Render(c, kit.View{
		Page: "customer/index", Fragment: "customer/list", Title: s.Say(c, title), Nav: "customers", Data: d,
		Search: &kit.Search{Path: "/customers", Target: "#list", Label: "search.customers", Hint: "customers.search", Query: f.Query, Rest: restOf(f)},
	})
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

// restOf are the parameters of the list's address besides the search.
func restOf(f customer.Filter) []text.Option {
	rest := []text.Option{{Value: "type", Text: string(f.Type)}, {Value: "sort", Text: f.Sort}}
	if f.Attention {
		rest = append(rest, text.Option{Value: "status", Text: "attention"})
	}
	return slices.DeleteFunc(rest, func(o text.Option) bool { return o.Text == "" })
}

// ReadFilter reads the overview's filter from the address.
func ReadFilter(c *fiber.Ctx) customer.Filter {
	f := customer.Filter{
		Query: kit.QueryTerm(c, "q"), Attention: c.Query("status") == "attention",
		Sort: c.Query("sort"), After: c.Query("after"), Before: c.Query("before"),
	}
	if t := customer.Type(c.Query("type")); slices.Contains(customer.Types, t) {
		f.Type = t
	}
	return f
}

// URL is the address of a list with this filter. cursor is "" for the first page.
func URL(f customer.Filter, cursor, value string) string {
	q := kit.NewQuery("/customers")
	q.Add("q", f.Query)
	q.Add("type", string(f.Type))
	if f.Attention {
		q.Add("status", "attention")
	}
	q.Add("sort", f.Sort)
	if cursor != "" {
		q.Add(cursor, value)
	}
	return q.String()
}

func chipsOf(f customer.Filter) []chip {
	with := func(t customer.Type, attention bool) string {
		g := f
		g.Type, g.Attention = t, attention
		return URL(g, "", "")
	}
	return []chip{
		{"customers.all", with("", false), f.Type == "" && !f.Attention},
		{"customers.persons", with(customer.Person, f.Attention), f.Type == customer.Person},
		{"customers.companies", with(customer.Company, f.Attention), f.Type == customer.Company},
		{"nav.attention", with(f.Type, !f.Attention), f.Attention},
	}
}

// headsOf makes the heads of the two sortable columns. Clicking the active column reverses its order.
func headsOf(f customer.Filter) []columnHead {
	in := f.Sort
	if in == "" {
		in = "name"
	}
	var heads []columnHead
	for _, column := range []string{"number", "name"} {
		h := columnHead{Text: "customers." + column, Sort: "none"}
		g := f
		g.Sort = column
		switch in {
		case column:
			h.Sort, g.Sort = "ascending", "-"+column
		case "-" + column:
			h.Sort = "descending"
		}
		h.Href = URL(g, "", "")
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
