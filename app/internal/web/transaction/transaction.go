package transaction

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/document"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
	"kontor/app/template"
	"kontor/app/transaction"
	"kontor/policies"
)

// Head is the data that every page about one transaction needs.
type Head struct {
	transactionRow
	Path         string // /transactions/<id>
	Tab          string
	MayProcess   bool
	MaySeeFirm   bool // the caller may open the customer's pages
	MaySeePeople bool // the caller may see who sees the transaction
	CustomerPath string
}

// Of loads the transaction that the address names, if the caller may see it.
func (s *Screens) Of(c *fiber.Ctx, tab string) (Head, error) {
	id, err := kit.Param(c, "id")
	if err != nil {
		return Head{}, err
	}
	t, err := s.transactions.Get(s.Ctx(c), s.Caller(c), id)
	if err != nil {
		return Head{}, err
	}
	return s.transactionContextOf(c, t, tab)
}

func (s *Screens) transactionContextOf(c *fiber.Ctx, t transaction.Transaction, tab string) (x Head, err error) {
	kinds, err := s.transactions.Kinds(s.Ctx(c))
	if err != nil {
		return x, err
	}
	x = Head{
		transactionRow: s.transactionRows(c, []transaction.Transaction{t}, kinds)[0],
		Path:           transactionPath(t.ID), Tab: tab, CustomerPath: kit.CustomerPath(t.CustomerID),
	}
	if x.MayProcess, err = s.transactions.Allows(s.Caller(c), t, policies.Process); err != nil {
		return x, err
	}
	cu, err := s.customers.Get(s.Ctx(c), s.Caller(c), t.CustomerID)
	if errors.Is(err, customer.ErrNotFound) {
		return x, nil
	}
	if err != nil {
		return x, err
	}
	may, err := s.customers.May(s.Ctx(c), s.Caller(c), cu, customerpage.WantAuthorised)
	x.MaySeeFirm, x.MaySeePeople = true, may[customerpage.WantAuthorised]
	return x, err
}

func transactionPath(id uuid.UUID) string { return "/transactions/" + id.String() }

// transactionPage is the data of a transaction's overview.
type transactionPage struct {
	Transaction Head
	Form        *kit.Form // holds the complaint about a button
	Moves       []statusMove
	Contents    document.Contents
}

// statusMove is a button that moves a transaction to another status.
type statusMove struct {
	To   transaction.Status
	Text string // text id
	Main bool
}

// movesFrom are the buttons for a transaction in a status.
func movesFrom(from transaction.Status) []statusMove {
	switch from {
	case transaction.Open:
		return []statusMove{{transaction.InReview, "transaction_move.review", false}, {transaction.Closed, "transaction_move.close", true}}
	case transaction.InReview:
		return []statusMove{{transaction.Open, "transaction_move.back", false}, {transaction.Closed, "transaction_move.close", true}}
	}
	return []statusMove{{transaction.Open, "transaction_move.reopen", false}}
}

func (s *Screens) showTransaction(c *fiber.Ctx) error {
	x, err := s.Of(c, "overview")
	if err != nil {
		return err
	}
	return s.renderTransaction(c, x, kit.NewForm(nil), fiber.StatusOK)
}

func (s *Screens) renderTransaction(c *fiber.Ctx, x Head, f *kit.Form, status int) error {
	title := x.Name
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	contents, err := s.documents.Contents(c, x.ID)
	if err != nil {
		return err
	}
	return s.Render(c, kit.View{
		Page: "transaction/show", Title: title, Nav: "transactions", Status: status,
		Data: transactionPage{Transaction: x, Form: f, Moves: movesFrom(x.Status), Contents: contents},
	})
}

func (s *Screens) setTransactionStatus(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, "version", "status")
	var t transaction.Transaction
	err = s.SaveChange(c, kit.Change{
		Form: f, Now: []kit.Field{{Name: "status"}}, Subject: id,
		Save: func(version int) (_ []kit.Field, _ int, err error) {
			t, err = s.transactions.SetStatus(s.Ctx(c), s.Caller(c), id, version, transaction.Status(f.Values["status"]))
			return []kit.Field{{Name: "status", Value: string(t.Status)}}, t.Version, err
		},
	})
	if err == nil {
		return s.Redirect(c, transactionPath(id), "toast.transaction_status", "status", s.Say(c, "transaction_status."+string(t.Status)))
	}
	status, ok := s.Complain(c, f, err)
	if !ok {
		return err
	}
	if o := f.Overlap; o.By != "" && !o.Own { // a button offers no choice between values; the person presses it again or not
		f.Message = s.Say(c, "conflict.status", "name", o.By, "status", s.Say(c, "transaction_status."+string(t.Status)))
	}
	x, err := s.Of(c, "overview")
	if err != nil {
		return err
	}
	return s.renderTransaction(c, x, f, status)
}

// --- recording --------------------------------------------------------------------------------------------------

// transactionFields are the names of the form's fields.
var transactionFields = []string{"name", "kind", "due", "responsible"}

func (s *Screens) newTransaction(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "transactions")
	if err != nil {
		return err
	}
	f, err := kit.NewForm(map[string]string{"kind": transaction.OtherKind}).Once()
	if err != nil {
		return err
	}
	return s.renderNewTransaction(c, cu, f, fiber.StatusOK)
}

func (s *Screens) renderNewTransaction(c *fiber.Ctx, cu customerpage.Head, f *kit.Form, status int) error {
	kinds, err := s.transactions.Choices(s.Ctx(c), s.Caller(c), cu.ID)
	if err != nil {
		return err
	}
	if len(kinds) == 0 {
		return policies.ErrForbidden
	}
	d := transactionForm{Customer: &cu, Form: f, Action: cu.Path + "/transactions", Back: cu.Path + "/transactions"}
	if d.People, err = s.responsibles(c, cu.ID, nil); err != nil {
		return err
	}
	d.Kinds = kindOptions(s.Text(c).Locale, kinds)
	offers, err := s.offers(c, cu)
	if err != nil {
		return err
	}
	for _, o := range offers {
		d.Templates = append(d.Templates, text.Option{Value: o.ID.String(), Text: o.Name})
	}
	if d.Templates != nil {
		d.Templates = append([]text.Option{{Value: "", Text: s.Say(c, "transaction.no_template")}}, d.Templates...)
	}
	title := cu.Name() + " · " + s.Say(c, "transaction.add")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "transaction/form", Title: title, Nav: "customers", Status: status, Data: d})
}

// responsibles are the people to choose from as the responsible person. The current one stays an option.
func (s *Screens) responsibles(c *fiber.Ctx, customerID uuid.UUID, now *transaction.Transaction) ([]text.Option, error) {
	people, err := s.transactions.People(s.Ctx(c), s.Caller(c), customerID)
	if err != nil && !errors.Is(err, customer.ErrNotFound) { // some may process it without seeing the customer
		return nil, err
	}
	list := []text.Option{{Value: "", Text: s.Say(c, "transaction.nobody")}}
	for _, p := range people {
		list = append(list, text.Option{Value: p.ID.String(), Text: p.Name})
	}
	if now != nil && now.ResponsibleID != uuid.Nil {
		own := text.Option{Value: now.ResponsibleID.String(), Text: now.Responsible}
		if !slices.Contains(list, own) {
			list = append(list, own)
		}
	}
	return list, nil
}

func readTransaction(f *kit.Form) transaction.Form {
	return transaction.Form{
		Name: f.Values["name"], Kind: f.Values["kind"], Due: f.Values["due"], Responsible: f.Values["responsible"], IdempotencyKey: f.IdempotencyKey,
	}
}

func (s *Screens) addTransaction(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "transactions")
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, append(slices.Clone(transactionFields), "template")...)
	t, repeated, err := s.start(c, cu, f)
	if err != nil {
		if status, ok := s.Complain(c, f, err); ok {
			return s.renderNewTransaction(c, cu, f, status)
		}
		return err
	}
	to := transactionPath(t.ID)
	if may, err := s.transactions.Allows(s.Caller(c), t, policies.Read); err != nil {
		return err
	} else if !may {
		to = cu.Path + "/transactions"
	}
	if repeated {
		return s.Redirect(c, to, "")
	}
	return s.Redirect(c, to, "toast.transaction_added", "number", t.Label())
}

// offers are the templates from which the caller can start a transaction of the customer.
func (s *Screens) offers(c *fiber.Ctx, cu customerpage.Head) ([]template.Offer, error) {
	kinds, err := s.transactions.Choices(s.Ctx(c), s.Caller(c), cu.ID)
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(kinds))
	for i, k := range kinds {
		keys[i] = k.Key
	}
	return s.templates.Offered(s.Ctx(c), s.Caller(c), keys)
}

// start adds the transaction of a form: an empty one, or from a template, whose kind it has, and whose name if none was typed.
func (s *Screens) start(c *fiber.Ctx, cu customerpage.Head, f *kit.Form) (t transaction.Transaction, repeated bool, err error) {
	form := readTransaction(f)
	if f.Values["template"] == "" {
		return s.transactions.Create(s.Ctx(c), s.Caller(c), cu.ID, form)
	}
	offers, err := s.offers(c, cu)
	if err != nil {
		return t, false, err
	}
	i := slices.IndexFunc(offers, func(o template.Offer) bool { return o.ID.String() == f.Values["template"] })
	if i < 0 {
		return t, false, errNotOffered
	}
	form.Kind = offers[i].Kind
	if strings.TrimSpace(form.Name) == "" {
		form.Name = offers[i].Preset()
	}
	return s.documents.Start(c, cu.ID, form, offers[i].Outline)
}

// errNotOffered says that nothing can be started from a template: it was retired meanwhile, or is of another kind.
var errNotOffered = fault.At("template", "template.not_offered")

func (s *Screens) editTransaction(c *fiber.Ctx) error {
	x, err := s.Of(c, "overview")
	if err != nil {
		return err
	}
	f := kit.NewForm(map[string]string{"version": strconv.Itoa(x.Version)})
	f.Was = transactionFieldsOf(x.Transaction)
	for _, field := range f.Was {
		f.Values[field.Name] = field.Value
	}
	return s.renderEditTransaction(c, transactionForm{Transaction: &x, Form: f}, fiber.StatusOK)
}

// transactionFieldsOf are the form's fields with their stored values.
func transactionFieldsOf(t transaction.Transaction) []kit.Field {
	f := transaction.FormOf(t)
	return []kit.Field{
		{Name: "name", Value: f.Name}, {Name: "kind", Value: f.Kind}, {Name: "due", Value: f.Due}, {Name: "responsible", Value: f.Responsible},
	}
}

func (s *Screens) renderEditTransaction(c *fiber.Ctx, d transactionForm, status int) error {
	x := d.Transaction
	if !x.MayProcess {
		return policies.ErrForbidden
	}
	kinds, err := s.transactions.ChoicesOf(s.Ctx(c), s.Caller(c), x.Transaction)
	if err != nil {
		return err
	}
	if d.People, err = s.responsibles(c, x.CustomerID, &x.Transaction); err != nil {
		return err
	}
	d.Kinds, d.Action, d.Back = kindOptions(s.Text(c).Locale, kinds), x.Path+"/edit", x.Path
	d.Form.Overlap.InWords("kind", d.Kinds)
	d.Form.Overlap.InWords("responsible", d.People)
	title := x.Name + " · " + s.Say(c, "transaction.edit")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "transaction/form", Title: title, Nav: "transactions", Status: status, Data: d})
}

func (s *Screens) saveTransaction(c *fiber.Ctx) error {
	x, err := s.Of(c, "overview")
	if err != nil {
		return err
	}
	f := kit.ReadForm(c, append(slices.Clone(transactionFields), "version")...)
	err = s.SaveChange(c, kit.Change{
		Form: f, Now: transactionFieldsOf(x.Transaction), Subject: x.ID,
		Save: func(version int) ([]kit.Field, int, error) {
			now, err := s.transactions.Update(s.Ctx(c), s.Caller(c), x.ID, version, readTransaction(f))
			if kit.IsVersion(err) {
				if x, err = s.transactionContextOf(c, now, "overview"); err == nil {
					err = transaction.ErrVersion
				}
			}
			return transactionFieldsOf(now), now.Version, err
		},
	})
	if err == nil {
		return s.RedirectWith(c, x.Path, s.Saved(c, f))
	}
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderEditTransaction(c, transactionForm{Transaction: &x, Form: f}, status)
	}
	return err
}
