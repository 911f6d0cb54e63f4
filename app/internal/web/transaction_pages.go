package web

import (
	"errors"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// transactionContext is the head of every page about one transaction.
type transactionContext struct {
	transactionRow
	Path         string // /transactions/<id>
	Tab          string
	MayProcess   bool
	MaySeeFirm   bool // the caller may look at the customer's pages
	MaySeePeople bool // and at who sees the transaction
	CustomerPath string
}

// transactionOf loads the transaction of the address through what the caller may see.
func (s *Server) transactionOf(c *fiber.Ctx, tab string) (transactionContext, error) {
	id, err := param(c, "id")
	if err != nil {
		return transactionContext{}, err
	}
	t, err := s.transactions.Get(s.ctx(c), s.caller(c), id)
	if err != nil {
		return transactionContext{}, err
	}
	return s.transactionContextOf(c, t, tab)
}

func (s *Server) transactionContextOf(c *fiber.Ctx, t transaction.Transaction, tab string) (x transactionContext, err error) {
	kinds, err := s.transactions.Kinds(s.ctx(c))
	if err != nil {
		return x, err
	}
	x = transactionContext{
		transactionRow: s.transactionRows(c, []transaction.Transaction{t}, kinds)[0],
		Path:           transactionPath(t.ID), Tab: tab, CustomerPath: customerPath(t.CustomerID),
	}
	if x.MayProcess, err = s.transactions.Allows(s.caller(c), t, policies.Process); err != nil {
		return x, err
	}
	cu, err := s.customers.Get(s.ctx(c), s.caller(c), t.CustomerID)
	if errors.Is(err, customer.ErrNotFound) {
		return x, nil
	}
	if err != nil {
		return x, err
	}
	may, err := s.customers.May(s.ctx(c), s.caller(c), cu, wantAuthorised)
	x.MaySeeFirm, x.MaySeePeople = true, may[wantAuthorised]
	return x, err
}

func transactionPath(id uuid.UUID) string { return "/transactions/" + id.String() }

// transactionPage is the data of a transaction's overview.
type transactionPage struct {
	Transaction transactionContext
	Form        *form // what went wrong with a button
	Moves       []statusMove
}

// statusMove is a button that moves a transaction to another status.
type statusMove struct {
	To   transaction.Status
	Text string // text id
	Main bool
}

// movesFrom are the buttons for a transaction of that status.
func movesFrom(from transaction.Status) []statusMove {
	switch from {
	case transaction.Open:
		return []statusMove{{transaction.InReview, "transaction_move.review", false}, {transaction.Closed, "transaction_move.close", true}}
	case transaction.InReview:
		return []statusMove{{transaction.Open, "transaction_move.back", false}, {transaction.Closed, "transaction_move.close", true}}
	}
	return []statusMove{{transaction.Open, "transaction_move.reopen", false}}
}

func (s *Server) showTransaction(c *fiber.Ctx) error {
	x, err := s.transactionOf(c, "overview")
	if err != nil {
		return err
	}
	return s.renderTransaction(c, x, newForm(nil), fiber.StatusOK)
}

func (s *Server) renderTransaction(c *fiber.Ctx, x transactionContext, f *form, status int) error {
	title := x.Name
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{
		Page: "transactions/show", Title: title, Nav: "transactions", Status: status,
		Data: transactionPage{Transaction: x, Form: f, Moves: movesFrom(x.Status)},
	})
}

func (s *Server) setTransactionStatus(c *fiber.Ctx) error {
	id, err := param(c, "id")
	if err != nil {
		return err
	}
	f := readForm(c, "version", "status")
	var t transaction.Transaction
	err = s.saveChange(c, change{
		form: f, now: []customer.Field{{Name: "status"}}, subject: id,
		save: func(version int) (_ []customer.Field, _ int, err error) {
			t, err = s.transactions.SetStatus(s.ctx(c), s.caller(c), id, version, transaction.Status(f.Values["status"]))
			return []customer.Field{{Name: "status", Value: string(t.Status)}}, t.Version, err
		},
	})
	if err == nil {
		return s.redirect(c, transactionPath(id), "toast.transaction_status", "status", s.say(c, "transaction_status."+string(t.Status)))
	}
	status, ok := s.complain(c, f, err)
	if !ok {
		return err
	}
	if o := f.Overlap; o.By != "" && !o.Own { // a button is no form to choose in: it is pressed again, or not
		f.Message = s.say(c, "conflict.status", "name", o.By, "status", s.say(c, "transaction_status."+string(t.Status)))
	}
	x, err := s.transactionOf(c, "overview")
	if err != nil {
		return err
	}
	return s.renderTransaction(c, x, f, status)
}

func (s *Server) showTransactionLog(c *fiber.Ctx) error {
	x, err := s.transactionOf(c, "log")
	if err != nil {
		return err
	}
	entries, err := s.auditOf(c, x.CustomerID, x.Path+"/log", store.SQL(` AND entry.transaction_id = ?`, x.ID))
	if err != nil {
		return err
	}
	return s.render(c, view{
		Page: "transactions/log", Title: x.Name + " · " + s.say(c, "tab.log"), Nav: "transactions",
		Data: struct {
			Transaction transactionContext
			Log         *frame
		}{x, &frame{D: entries}},
	})
}

// --- recording --------------------------------------------------------------------------------------------------

// transactionFields are the form's fields.
var transactionFields = []string{"name", "kind", "due", "responsible"}

// transactionForm is the data of the pages that add and change a transaction.
type transactionForm struct {
	Customer    *customerContext    // when adding
	Transaction *transactionContext // when changing
	Form        *form
	Action      string // where the form is sent
	Back        string
	Kinds       []option
	People      []option
}

func (s *Server) newTransaction(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "transactions")
	if err != nil {
		return err
	}
	f, err := newForm(map[string]string{"kind": transaction.OtherKind}).once()
	if err != nil {
		return err
	}
	return s.renderNewTransaction(c, cu, f, fiber.StatusOK)
}

func (s *Server) renderNewTransaction(c *fiber.Ctx, cu customerContext, f *form, status int) error {
	kinds, err := s.transactions.Choices(s.ctx(c), s.caller(c), cu.ID)
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
	d.Kinds = kindOptions(s.text(c).locale, kinds)
	title := cu.Name() + " · " + s.say(c, "transaction.add")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "transactions/form", Title: title, Nav: "customers", Status: status, Data: d})
}

// responsibles are offered as responsible; whoever is it now stays to be chosen.
func (s *Server) responsibles(c *fiber.Ctx, customerID uuid.UUID, now *transaction.Transaction) ([]option, error) {
	people, err := s.transactions.People(s.ctx(c), s.caller(c), customerID)
	if err != nil && !errors.Is(err, customer.ErrNotFound) { // who may process without seeing the customer chooses among few
		return nil, err
	}
	list := []option{{"", s.say(c, "transaction.nobody")}}
	for _, p := range people {
		list = append(list, option{p.ID.String(), p.Name})
	}
	if now != nil && now.ResponsibleID != uuid.Nil {
		own := option{now.ResponsibleID.String(), now.Responsible}
		if !slices.Contains(list, own) {
			list = append(list, own)
		}
	}
	return list, nil
}

func readTransaction(f *form) transaction.Form {
	return transaction.Form{
		Name: f.Values["name"], Kind: f.Values["kind"], Due: f.Values["due"], Responsible: f.Values["responsible"], Submission: f.Submission,
	}
}

func (s *Server) addTransaction(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "transactions")
	if err != nil {
		return err
	}
	f := readForm(c, transactionFields...)
	t, repeated, err := s.transactions.Create(s.ctx(c), s.caller(c), cu.ID, readTransaction(f))
	if err != nil {
		if status, ok := s.complain(c, f, err); ok {
			return s.renderNewTransaction(c, cu, f, status)
		}
		return err
	}
	to := transactionPath(t.ID)
	if may, err := s.transactions.Allows(s.caller(c), t, policies.Read); err != nil {
		return err
	} else if !may {
		to = cu.Path + "/transactions"
	}
	if repeated {
		return s.redirect(c, to, "")
	}
	return s.redirect(c, to, "toast.transaction_added", "number", t.Label())
}

func (s *Server) editTransaction(c *fiber.Ctx) error {
	x, err := s.transactionOf(c, "overview")
	if err != nil {
		return err
	}
	f := newForm(map[string]string{"version": strconv.Itoa(x.Version)})
	f.Was = transactionFieldsOf(x.Transaction)
	for _, field := range f.Was {
		f.Values[field.Name] = field.Value
	}
	return s.renderEditTransaction(c, transactionForm{Transaction: &x, Form: f}, fiber.StatusOK)
}

// transactionFieldsOf are the stored values of the form's fields.
func transactionFieldsOf(t transaction.Transaction) []customer.Field {
	f := transaction.FormOf(t)
	return []customer.Field{
		{Name: "name", Value: f.Name}, {Name: "kind", Value: f.Kind}, {Name: "due", Value: f.Due}, {Name: "responsible", Value: f.Responsible},
	}
}

func (s *Server) renderEditTransaction(c *fiber.Ctx, d transactionForm, status int) error {
	x := d.Transaction
	if !x.MayProcess {
		return policies.ErrForbidden
	}
	kinds, err := s.transactions.ChoicesOf(s.ctx(c), s.caller(c), x.Transaction)
	if err != nil {
		return err
	}
	if d.People, err = s.responsibles(c, x.CustomerID, &x.Transaction); err != nil {
		return err
	}
	d.Kinds, d.Action, d.Back = kindOptions(s.text(c).locale, kinds), x.Path+"/edit", x.Path
	d.Form.Overlap.inWords("kind", d.Kinds)
	d.Form.Overlap.inWords("responsible", d.People)
	title := x.Name + " · " + s.say(c, "transaction.edit")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "transactions/form", Title: title, Nav: "transactions", Status: status, Data: d})
}

func (s *Server) saveTransaction(c *fiber.Ctx) error {
	x, err := s.transactionOf(c, "overview")
	if err != nil {
		return err
	}
	f := readForm(c, append(slices.Clone(transactionFields), "version")...)
	err = s.saveChange(c, change{
		form: f, now: transactionFieldsOf(x.Transaction), subject: x.ID,
		save: func(version int) ([]customer.Field, int, error) {
			now, err := s.transactions.Update(s.ctx(c), s.caller(c), x.ID, version, readTransaction(f))
			if isVersion(err) {
				if x, err = s.transactionContextOf(c, now, "overview"); err == nil {
					err = transaction.ErrVersion
				}
			}
			return transactionFieldsOf(now), now.Version, err
		},
	})
	if err == nil {
		return s.redirectWith(c, x.Path, s.saved(c, f))
	}
	if status, ok := s.complain(c, f, err); ok {
		return s.renderEditTransaction(c, transactionForm{Transaction: &x, Form: f}, status)
	}
	return err
}
