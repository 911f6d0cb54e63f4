package web

import (
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/access"
	"kontor/app/customer"
	"kontor/app/phone"
	"kontor/policies"
)

func (s *Server) customerPlace() place {
	return place{id: "customers", href: "/customers", icon: "users", search: true, may: s.allowed(policies.Customer, "person", policies.List)}
}

func (s *Server) customerRoutes() []route {
	return []route{
		get("/customers", firm, s.listCustomers),
		get("/customers/new", firm, s.newCustomer),
		post("/customers/new", firm, s.switchType),
		post("/customers", firm, s.addCustomer),
		post("/customers/duplicates", firm, s.hintDuplicates).byItself(),
		post("/customers/numbers", firm, s.numberOfNew).byItself(),
		get("/customers/deletions/:id", firm, s.showDeletion),
		get("/customers/:id", firm, s.openCustomer),
		get("/customers/:id/data", firm, s.showCustomerData),
		post("/customers/:id/data", firm, s.saveCustomerData),
		post("/customers/:id/data/number", firm, s.numberOfCustomer).byItself(),
		get("/customers/:id/delete", firm, s.askDeleteCustomer),
		post("/customers/:id/delete", firm, s.deleteCustomer),
	}
}

// overview is the data of the customer overview.
type overview struct {
	Empty  empty
	Filter customer.Filter
	Page   customer.Page
	Rows   []overviewRow
	Chips  []chip
	Heads  []columnHead
	Next   string // addresses of the pages beside this one
	Prev   string
	Add    bool
	Narrow bool // a search or filter is in force: an empty list means that nothing matches
	// AllFound is where the business transactions are that a search finds, "" for who may see none. Empty holds them when no
	// customer matches.
	AllFound string
	Clear    string
}

type overviewRow struct {
	customer.Row
	Access access.Summary
}

type chip struct {
	Text, Href string
	Current    bool
}

// columnHead is a column by which the list can be sorted.
type columnHead struct {
	Text, Href, Sort string // Sort: ascending, descending or none, for aria-sort
}

func (s *Server) listCustomers(c *fiber.Ctx) error {
	f := readFilter(c)
	caller := s.caller(c)
	page, err := s.customers.List(s.ctx(c), caller, f)
	if err != nil {
		return err
	}
	d := overview{Filter: f, Page: page, Narrow: f.Query != "" || f.Type != "" || f.Attention, Clear: "/customers"}
	ids := make([]uuid.UUID, len(page.Rows))
	for i, r := range page.Rows {
		ids[i] = r.ID
	}
	statuses, err := s.accesses.StatusesOf(s.ctx(c), ids)
	if err != nil {
		return err
	}
	for _, r := range page.Rows {
		d.Rows = append(d.Rows, overviewRow{Row: r, Access: statuses[r.ID]})
	}
	if d.Add, err = s.mayAdd(c); err != nil {
		return err
	}
	all, err := s.seesAllCustomers(caller)
	if err != nil {
		return err
	}
	d.Empty = empty{List: "customers", Why: emptinessOf(d.Narrow, all), Clear: d.Clear}
	if d.Add {
		d.Empty.Hint, d.Empty.Next, d.Empty.Do, d.Empty.Icon = "customers.none_hint", "/customers/new", "customer.add", "plus"
	}
	d.Chips, d.Heads = chipsOf(f), headsOf(f)
	if page.Next != "" {
		d.Next = overviewURL(f, "after", page.Next)
	}
	if page.Prev != "" {
		d.Prev = overviewURL(f, "before", page.Prev)
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
	return s.render(c, view{
		Page: "customers/index", Fragment: "customers/list", Title: s.say(c, title), Nav: "customers", Data: d,
		Search: &search{Path: "/customers", Target: "#list", Label: "search.customers", Hint: "customers.search", Query: f.Query, Rest: restOf(f)},
	})
}

// findElsewhere says where else something may be found. It looks there itself only when no customer matches: somebody is
// typing, and it can take longer than the list itself.
func (s *Server) findElsewhere(c *fiber.Ctx, d *overview) error {
	may, err := s.transactions.MaySeeAny(s.caller(c))
	if err != nil || !may {
		return err
	}
	d.AllFound = transactionsURL("/transactions", ofSearch(d.Filter.Query), "", "")
	if len(d.Rows) == 0 {
		d.Empty.Found, err = s.findTransactions(c, d.Filter.Query)
	}
	return err
}

// restOf is what the address of the list says besides the search.
func restOf(f customer.Filter) []option {
	rest := []option{{"type", string(f.Type)}, {"sort", f.Sort}}
	if f.Attention {
		rest = append(rest, option{"status", "attention"})
	}
	return slices.DeleteFunc(rest, func(o option) bool { return o.Text == "" })
}

func readFilter(c *fiber.Ctx) customer.Filter {
	f := customer.Filter{
		Query: queryTerm(c, "q"), Attention: c.Query("status") == "attention",
		Sort: c.Query("sort"), After: c.Query("after"), Before: c.Query("before"),
	}
	if t := customer.Type(c.Query("type")); slices.Contains(customer.Types, t) {
		f.Type = t
	}
	return f
}

// overviewURL writes the state of the list into an address; cursor is "" for the first page.
func overviewURL(f customer.Filter, cursor, value string) string {
	q := newQuery("/customers")
	q.add("q", f.Query)
	q.add("type", string(f.Type))
	if f.Attention {
		q.add("status", "attention")
	}
	q.add("sort", f.Sort)
	if cursor != "" {
		q.add(cursor, value)
	}
	return q.String()
}

func chipsOf(f customer.Filter) []chip {
	with := func(t customer.Type, attention bool) string {
		g := f
		g.Type, g.Attention = t, attention
		return overviewURL(g, "", "")
	}
	return []chip{
		{"customers.all", with("", false), f.Type == "" && !f.Attention},
		{"customers.persons", with(customer.Person, f.Attention), f.Type == customer.Person},
		{"customers.companies", with(customer.Company, f.Attention), f.Type == customer.Company},
		{"nav.attention", with(f.Type, !f.Attention), f.Attention},
	}
}

// headsOf makes the two sortable columns; pressing the one in force turns its direction.
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
		h.Href = overviewURL(g, "", "")
		heads = append(heads, h)
	}
	return heads
}

// newCustomerForm is the data of the page that adds a customer.
type newCustomerForm struct {
	Form       *form
	Type       customer.Type
	Choices    customerChoices
	Duplicates []customer.Duplicate
}

// customerChoices are the options of the selects of a customer form.
type customerChoices struct {
	Salutations, Locales, Countries []option
	LegalForms                      []string
}

// customerFields are the form's fields, as interface and address bar know them, in the order of the screen.
var customerFields = []string{
	"salutation", "title", "first_name", "last_name", "date_of_birth", "company_name", "legal_form", "register_court",
	"register_number", "vat_id", "street", "postal_code", "city", "country", "phone", "note", "locale",
}

// legalForms are offered; any other can be typed.
var legalForms = []string{
	"AG", "AöR", "e.G.", "e.K.", "e.V.", "GbR", "gGmbH", "GmbH", "GmbH & Co. KG", "KG", "KGaA", "OHG", "PartG mbB", "SE", "Stiftung", "UG (haftungsbeschränkt)",
}

// choices are the options of a customer's form. What was stored before, or by another program, stays to be chosen.
func (s *Server) choices(c *fiber.Ctx, f *form) customerChoices {
	t := s.text(c)
	ch := customerChoices{Locales: s.localeOptions(c), LegalForms: legalForms, Countries: t.countries, Salutations: []option{{}}}
	for _, v := range salutations {
		ch.Salutations = append(ch.Salutations, option{v, t.said("salutation", v)})
	}
	if v := f.Values["salutation"]; v != "" && !slices.Contains(salutations, v) {
		ch.Salutations = append(ch.Salutations, option{v, v})
	}
	return ch
}

// salutations are offered, each with a text of its own.
var salutations = []string{"mr", "ms", "mx"}

func readData(f *form) customer.Data {
	v := f.Values
	return customer.Data{
		Salutation: v["salutation"], Title: v["title"], FirstName: v["first_name"], LastName: v["last_name"], DateOfBirth: v["date_of_birth"],
		CompanyName: v["company_name"], LegalForm: v["legal_form"], RegisterCourt: v["register_court"], RegisterNumber: v["register_number"], VATID: v["vat_id"],
		Street: v["street"], PostalCode: v["postal_code"], City: v["city"], Country: v["country"], Phone: v["phone"], Note: v["note"], Locale: v["locale"],
	}
}

func (s *Server) newCustomer(c *fiber.Ctx) error {
	if ok, err := s.mayAdd(c); err != nil || !ok {
		return orForbidden(err)
	}
	f, err := newForm(map[string]string{"country": "DE", "locale": s.text(c).locale}).once()
	if err != nil {
		return err
	}
	return s.renderNewCustomer(c, newCustomerForm{Form: f, Type: typeOr(c.Query("type"), customer.Person)}, fiber.StatusOK)
}

// newCustomerFields are those of the form that adds a customer: the customer's and the first access's.
var newCustomerFields = append(slices.Clone(customerFields), "email", "mobile")

// switchType shows the form with the fields of the other type; what was typed stays. It is a POST because what was
// typed is personal and must stand in no address.
func (s *Server) switchType(c *fiber.Ctx) error {
	if ok, err := s.mayAdd(c); err != nil || !ok {
		return orForbidden(err)
	}
	d := newCustomerForm{Form: readForm(c, newCustomerFields...), Type: typeOr(posted(c, "type"), customer.Person)}
	if d.Form.Submission == "" {
		if _, err := d.Form.once(); err != nil {
			return err
		}
	}
	if err := s.findDuplicates(c, &d); err != nil {
		return err
	}
	if isFragment(c) {
		c.Set("HX-Replace-Url", "/customers/new?type="+string(d.Type))
	}
	return s.renderNewCustomer(c, d, fiber.StatusOK)
}

// knownBy are customers that may be the one being added, by what stands in a field.
type knownBy struct {
	Field     string
	Customers []customer.Duplicate
}

// HintedFields are the fields of the form beside which such customers are shown.
func (d newCustomerForm) HintedFields() []string { return []string{d.nameField(), "email"} }

// KnownBy are the customers to show beside a field.
func (d newCustomerForm) KnownBy(field string) knownBy {
	known := knownBy{Field: field}
	for _, same := range d.Duplicates {
		if (same.Why == "duplicate.email") == (field == "email") {
			known.Customers = append(known.Customers, same)
		}
	}
	return known
}

// nameField is the field that has what a customer of the type is called by.
func (d newCustomerForm) nameField() string {
	if d.Type == customer.Company {
		return "company_name"
	}
	return "last_name"
}

// findDuplicates looks for customers that may be the one being typed.
func (s *Server) findDuplicates(c *fiber.Ctx, d *newCustomerForm) (err error) {
	d.Duplicates, err = s.customers.Duplicates(s.ctx(c), s.caller(c), d.Type, readData(d.Form), d.Form.Values["email"])
	return err
}

func typeOr(s string, fallback customer.Type) customer.Type {
	if t := customer.Type(s); slices.Contains(customer.Types, t) {
		return t
	}
	return fallback
}

func (s *Server) renderNewCustomer(c *fiber.Ctx, d newCustomerForm, status int) error {
	d.Choices = s.choices(c, d.Form)
	s.readNumbers(c, d.Form, d.Form.Values["country"])
	title := s.say(c, "customer.add")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "customers/new", Fragment: "customers/new_fields", Title: title, Nav: "customers", Status: status, Data: d})
}

func (s *Server) addCustomer(c *fiber.Ctx) error {
	f := readForm(c, newCustomerFields...)
	t := typeOr(posted(c, "type"), "")
	d := newCustomerForm{Form: f, Type: typeOr(string(t), customer.Person)}
	draft := customer.Draft{Type: t, Data: readData(f), Submission: f.Submission}
	cu, repeated, err := s.accesses.AddCustomer(s.ctx(c), s.caller(c), draft, f.Values["email"], f.Values["mobile"])
	if err != nil {
		status, ok := s.complain(c, f, err)
		if !ok {
			return err
		}
		_ = s.findDuplicates(c, &d) // a hint must not hide the complaints: without it the form is still right
		return s.renderNewCustomer(c, d, status)
	}
	to := customerPath(cu.ID) + "/authorisations"
	if repeated {
		return s.redirect(c, to, "")
	}
	statuses, err := s.accesses.StatusesOf(s.ctx(c), []uuid.UUID{cu.ID})
	if err != nil {
		return err
	}
	done := toast{Text: "toast.customer_added_firm", Args: argMap([]any{"number", cu.Label()})}
	done.Code, _ = phone.ParseMobile(f.Values["mobile"], cu.Country) // it was taken, so it is one or none
	if statuses[cu.ID].Worst == access.Waits {
		done.Text, done.Code = "toast.customer_added_waiting", ""
	}
	return s.redirectWith(c, to, done)
}

// hintDuplicates answers the form as it is being filled in: customers that may be the same. It never blocks.
func (s *Server) hintDuplicates(c *fiber.Ctx) error {
	d := newCustomerForm{Form: readForm(c, newCustomerFields...), Type: typeOr(posted(c, "type"), customer.Person)}
	if err := s.findDuplicates(c, &d); err != nil {
		return err
	}
	return s.render(c, view{Page: "customers/duplicates", Fragment: "customers/duplicates", Title: s.say(c, "customer.add"), Nav: "customers", Data: d})
}

func (s *Server) openCustomer(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	return c.Redirect(customerPath(id)+"/data", fiber.StatusSeeOther)
}

func customerPath(id uuid.UUID) string { return "/customers/" + id.String() }
