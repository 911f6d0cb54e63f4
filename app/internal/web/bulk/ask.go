package bulk

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/bulk"
	customerpages "kontor/app/internal/web/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	transactionpages "kontor/app/internal/web/transaction"
	"kontor/app/transaction"
)

// askPage is the data of the page that asks what is to be set.
type askPage struct {
	Kind       bulk.Kind
	Field      string // of the chosen things
	IDs        []uuid.UUID
	Everything bool // everything that the list shows, instead of IDs
	Query      string
	People     kit.People
	Nobody     bool // the choice that nobody is responsible
	Statuses   []text.Option
	Form       *kit.Form
	Action     string // where the form is sent: the filter of the list stands in it
	Find       string // where people are searched
	Back       string // the list
}

// nobody is the value of the choice that nobody is responsible.
const nobody = "none"

// fieldOf is the name under which the ids of chosen things are sent.
func fieldOf(k bulk.Kind) string {
	if k.OfTransactions() {
		return "transaction"
	}
	return "customer"
}

func navOf(k bulk.Kind) string {
	if k.OfTransactions() {
		return "transactions"
	}
	return "customers"
}

func (s *Screens) ask(c *fiber.Ctx) error {
	f, err := kit.NewForm(map[string]string{}).Once()
	if err != nil {
		return err
	}
	return s.renderAsk(c, f, fiber.StatusOK)
}

// kindOf reads what is to be done from the address.
func kindOf(c *fiber.Ctx) (bulk.Kind, error) {
	k := bulk.Kind(c.Query("act"))
	switch {
	case k.Known():
	case kit.HeldOf(c) != nil: // a form that is only shown again is about some act
		k = bulk.Due
	default:
		return "", bulk.ErrNotFound
	}
	return k, nil
}

// listOf is the address of the list that the act was chosen in, with its filter.
func listOf(c *fiber.Ctx, k bulk.Kind) string {
	if k.OfTransactions() {
		return transactionpages.ListURL(c)
	}
	f := customerpages.ReadFilter(c)
	return customerpages.URL(f, "", "")
}

func (s *Screens) renderAsk(c *fiber.Ctx, f *kit.Form, status int) error {
	k, err := kindOf(c)
	if err != nil {
		return err
	}
	if err := s.acts.May(s.Caller(c), k); err != nil {
		return err
	}
	d := askPage{Kind: k, Field: fieldOf(k), Form: f, Everything: c.Query("everything") != "", Query: kit.AskedTerm(c, "t"), Back: listOf(c, k)}
	if !d.Everything {
		d.IDs = chosen(kit.Asked(c, d.Field))
	}
	if !d.Everything && len(d.IDs) == 0 && f.Message == "" {
		return s.Redirect(c, d.Back, "")
	}
	_, query, _ := strings.Cut(d.Back, "?")
	q := kit.NewQuery(Path)
	q.Add("act", string(k))
	if d.Everything {
		q.Add("everything", kit.On)
	}
	d.Action = q.String()
	if query != "" {
		d.Action += "&" + query
	}
	d.Find = Path + "/new" + strings.TrimPrefix(d.Action, Path)
	if err := s.offer(c, &d); err != nil {
		return err
	}
	title := s.Say(c, "bulk_kind."+string(k))
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "bulk/ask", Title: title, Nav: navOf(k), Status: status, Data: d})
}

// offer adds what can be chosen.
func (s *Screens) offer(c *fiber.Ctx, d *askPage) error {
	switch d.Kind {
	case bulk.Status:
		d.Statuses = []text.Option{{}}
		for _, status := range transaction.Statuses {
			d.Statuses = append(d.Statuses, text.Option{Value: string(status), Text: s.Say(c, "transaction_status."+string(status))})
		}
		return nil
	case bulk.Due, bulk.Resend:
		return nil
	}
	picked := kit.Asked(c, "specialist")
	d.Nobody = slices.Contains(picked, nobody)
	list, more, err := s.acts.Offer(s.Ctx(c), s.Caller(c), d.Kind, d.Query, chosen(picked))
	d.People = kit.People{Field: "specialist", Many: d.Kind == bulk.Administrators, More: more, Cap: bulk.LoadCap}
	for _, p := range list {
		d.People.Offered = append(d.People.Offered, kit.Offered{
			ID: p.ID, Name: p.Name, Email: p.Email, Roles: p.Roles(true), Customers: p.Customers, On: p.Chosen,
		})
	}
	return err
}

// chosen are the ids among the values of a field, each once.
func chosen(values []string) (ids []uuid.UUID) {
	for _, v := range values {
		if id := uuid.FromStringOrNil(v); id != uuid.Nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// begin fixes what is to be done and has it tried. The search button of the page sends the same form; then nothing is begun.
func (s *Screens) begin(c *fiber.Ctx) error {
	k, err := kindOf(c)
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, "due", "no_due", "status", "narrow")
	if f.Values["narrow"] != "" {
		return s.renderAsk(c, f, fiber.StatusOK)
	}
	o, ok := s.order(c, k, f)
	if !ok {
		if err := s.acts.May(s.Caller(c), k); err != nil {
			return err
		}
		if kit.HeldOf(c) == nil {
			return s.renderAsk(c, f, fiber.StatusUnprocessableEntity)
		}
	}
	a, err := s.acts.Begin(s.Ctx(c), s.Caller(c), o)
	if err != nil {
		status, ok := s.Complain(c, f, err)
		if !ok {
			return err
		}
		f.Rename("responsible", "specialist")
		return s.renderAsk(c, f, status)
	}
	return s.Redirect(c, pathOf(a), "")
}

// missing are the complaints about a form in which nothing was chosen.
var missing = map[bulk.Kind]string{
	bulk.Due: "required.bulk_due", bulk.Status: "required.status", bulk.Responsible: "required.bulk_responsible",
	bulk.Administrators: "required.bulk_administrators",
}

// order reads the form. ok is false if nothing was chosen; the form says what is missing.
func (s *Screens) order(c *fiber.Ctx, k bulk.Kind, f *kit.Form) (o bulk.Order, ok bool) {
	o = bulk.Order{Kind: k, Submission: f.IdempotencyKey}
	picked := kit.PostedAll(c, "specialist")
	field := "specialist"
	switch k {
	case bulk.Resend:
		ok = true
	case bulk.Status:
		field, o.Value, ok = "status", f.Values["status"], f.Values["status"] != ""
	case bulk.Due:
		field, o.Value, ok = "due", f.Values["due"], f.Values["due"] != "" || f.Values["no_due"] == kit.On
		if f.Values["no_due"] == kit.On {
			o.Value = ""
		}
	case bulk.Responsible:
		if ok = len(picked) > 0; ok && picked[0] != nobody {
			o.Value = picked[0]
		}
	default:
		o.People, ok = chosen(picked), len(picked) > 0
	}
	if !ok {
		f.Missing(field, s.Say(c, missing[k]))
	}
	switch {
	case c.Query("everything") == "":
		o.IDs = chosen(kit.PostedAll(c, fieldOf(k)))
	case k.OfTransactions():
		filter := transactionpages.ReadList(c)
		o.Transactions = &filter
	default:
		filter := customerpages.ReadFilter(c)
		filter.After, filter.Before = "", ""
		o.Customers = &filter
	}
	return o, ok
}
