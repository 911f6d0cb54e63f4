package web

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/transaction"
	"kontor/policies"
)

func (s *Server) transactionPlace() place {
	return place{id: "transactions", href: "/transactions", icon: "briefcase", search: true, may: s.transactions.MaySeeAny}
}

func (s *Server) kindPlace() place {
	return place{id: "transaction_kinds", href: "/transaction-kinds", icon: "tags", may: s.allowed(policies.Template, "", policies.Read)}
}

func (s *Server) transactionRoutes() []route {
	return []route{
		get("/transactions", firm, s.listTransactions),
		get("/transactions/:id", firm, s.showTransaction),
		get("/transactions/:id/edit", firm, s.editTransaction),
		post("/transactions/:id/edit", firm, s.saveTransaction),
		post("/transactions/:id/status", firm, s.setTransactionStatus),
		get("/customers/:id/transactions", firm, s.listCustomerTransactions),
		get("/customers/:id/transactions/new", firm, s.newTransaction),
		post("/customers/:id/transactions", firm, s.addTransaction),
		get("/transaction-kinds", firm, s.listKinds),
		post("/transaction-kinds", firm, s.addKind),
		get("/transaction-kinds/:key", firm, s.showKind),
		post("/transaction-kinds/:key", firm, s.renameKind),
		post("/transaction-kinds/:key/move", firm, s.moveKind),
		post("/transaction-kinds/:key/retire", firm, s.onKind(s.transactions.RetireKind, "toast.kind_retired")),
		post("/transaction-kinds/:key/reactivate", firm, s.onKind(s.transactions.ReactivateKind, "toast.kind_reactivated")),
	}
}

// transactionList is the data of a list of transactions: all that a person sees, or those of one customer.
type transactionList struct {
	Customer *customerContext // nil: of all
	Path     string
	Filter   transaction.Filter
	Page     transaction.Page
	Rows     []transactionRow
	Kinds    []option
	Statuses []option
	Dues     []option
	Next     string // addresses of the pages beside this one
	Prev     string
	Add      bool // the caller may add one to the customer
	Empty    empty
}

type transactionRow struct {
	transaction.Transaction
	KindName string
	Late     bool // should have been closed before today
}

func (s *Server) listTransactions(c *fiber.Ctx) error {
	d := transactionList{Path: "/transactions", Filter: readTransactionFilter(c)}
	d.Filter.Customer = queryTerm(c, "customer")
	var err error
	if d.Page, err = s.transactions.List(s.ctx(c), s.caller(c), d.Filter); err != nil {
		return err
	}
	return s.renderTransactions(c, d, view{Page: "transactions/index", Title: s.say(c, "nav.transactions"), Nav: "transactions"})
}

func (s *Server) listCustomerTransactions(c *fiber.Ctx) error {
	cu, err := s.customerOf(c, "transactions")
	if err != nil {
		return err
	}
	d := transactionList{Customer: &cu, Path: cu.Path + "/transactions", Filter: readTransactionFilter(c)}
	if d.Page, err = s.transactions.OfCustomer(s.ctx(c), s.caller(c), cu.ID, d.Filter); err != nil {
		return err
	}
	kinds, err := s.transactions.Choices(s.ctx(c), s.caller(c), cu.ID)
	if err != nil {
		return err
	}
	d.Add = len(kinds) > 0
	title := cu.Name() + " · " + s.say(c, "tab.transactions")
	return s.renderTransactions(c, d, view{Page: "transactions/customer", Title: title, Nav: "customers"})
}

func (s *Server) renderTransactions(c *fiber.Ctx, d transactionList, v view) (err error) {
	if d.Empty, err = s.noTransactions(c, d); err != nil {
		return err
	}
	kinds, err := s.transactions.Kinds(s.ctx(c))
	if err != nil {
		return err
	}
	d.Rows = s.transactionRows(c, d.Page.Rows, kinds)
	any := option{"", s.say(c, "filter.any")}
	d.Kinds, d.Statuses, d.Dues = append([]option{any}, kindOptions(s.text(c).locale, kinds)...), []option{any}, []option{any}
	for _, status := range transaction.Statuses {
		d.Statuses = append(d.Statuses, option{string(status), s.say(c, "transaction_status."+string(status))})
	}
	for _, due := range transaction.Dues {
		d.Dues = append(d.Dues, option{string(due), s.say(c, "transaction_due."+string(due))})
	}
	if d.Page.Next != "" {
		d.Next = transactionsURL(d.Path, d.Filter, "after", d.Page.Next)
	}
	if d.Page.Prev != "" {
		d.Prev = transactionsURL(d.Path, d.Filter, "before", d.Page.Prev)
	}
	v.Fragment, v.Data = "transactions/table", d
	return s.render(c, v)
}

// noTransactions says why a list of transactions has no rows.
func (s *Server) noTransactions(c *fiber.Ctx, d transactionList) (empty, error) {
	e := empty{List: "transactions", Clear: d.Path}
	var all bool
	var err error
	if d.Customer != nil {
		all, err = s.seesAllOf(c, *d.Customer)
		if d.Add {
			e.Hint, e.Next, e.Do, e.Icon = "transactions.none_hint", d.Path+"/new", "transaction.add", "plus"
		}
	} else {
		all, err = s.seesAllTransactions(s.caller(c))
		e.Hint, e.Next, e.Do = "transactions.none_mine", "/customers", "nav.customers"
	}
	e.Why = emptinessOf(d.Filter.Narrow(), all)
	return e, err
}

func (s *Server) transactionRows(c *fiber.Ctx, list []transaction.Transaction, kinds []transaction.Kind) []transactionRow {
	today, locale := s.transactions.Today(), s.text(c).locale
	rows := make([]transactionRow, len(list))
	for i, t := range list {
		rows[i] = transactionRow{Transaction: t, KindName: kindName(locale, kinds, t.Kind), Late: t.Overdue(today)}
	}
	return rows
}

// kindName is a kind in words; what is no kind is shown as it is.
func kindName(locale string, kinds []transaction.Kind, key string) string {
	i := slices.IndexFunc(kinds, func(k transaction.Kind) bool { return k.Key == key })
	if i < 0 {
		return key
	}
	return kinds[i].Name(locale)
}

func kindOptions(locale string, kinds []transaction.Kind) []option {
	list := make([]option, len(kinds))
	for i, k := range kinds {
		list[i] = option{k.Key, k.Name(locale)}
	}
	return list
}

func readTransactionFilter(c *fiber.Ctx) transaction.Filter {
	f := transaction.Filter{Query: queryTerm(c, "q"), Kind: c.Query("kind"), After: c.Query("after"), Before: c.Query("before")}
	if status := transaction.Status(c.Query("status")); slices.Contains(transaction.Statuses, status) {
		f.Status = status
	}
	if due := transaction.Due(c.Query("due")); slices.Contains(transaction.Dues, due) {
		f.Due = due
	}
	return f
}

// transactionsURL writes the state of a list into an address; cursor is "" for the first page.
func transactionsURL(path string, f transaction.Filter, cursor, value string) string {
	q := newQuery(path)
	q.add("q", f.Query)
	q.add("kind", f.Kind)
	q.add("status", string(f.Status))
	q.add("due", string(f.Due))
	q.add("customer", f.Customer)
	if cursor != "" {
		q.add(cursor, value)
	}
	return q.String()
}
