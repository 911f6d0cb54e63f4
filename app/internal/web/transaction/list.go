package transaction

import (
	"errors"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/bulk"
	"kontor/app/customer"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/savedview"
	"kontor/app/internal/web/text"
	saved "kontor/app/savedview"
	"kontor/app/transaction"
	"kontor/policies"
)

// seesAllTransactions says whether the caller sees every business transaction, whatever their relation to it.
func (s *Screens) seesAllTransactions(c account.Caller) (bool, error) {
	scope, err := s.Policy.Scope(c.Roles, policies.ObjectTransaction, policies.Read)
	return err == nil && scope.Everything(), err
}

// SeesAllOf says whether the caller sees every business transaction of one customer.
func (s *Screens) SeesAllOf(c *fiber.Ctx, cu customerpage.Head) (bool, error) {
	related, err := s.customers.RelationTo(s.Ctx(c), s.Caller(c), cu.ID)
	if err != nil {
		return false, err
	}
	scope, err := s.Policy.Scope(s.Caller(c).Roles, policies.ObjectTransaction, policies.Read)
	return err == nil && FullFor(scope, related), err
}

// FullFor says whether somebody with these relations to a customer sees all of its transactions, whether or not they are
// an additional processor of a transaction.
func FullFor(scope policies.Scope, related policies.Relation) bool {
	return scope.For(related&^policies.Processor).Full() && scope.For(related|policies.Processor).Full()
}

// ShownHits is how many results of a group are shown.
const ShownHits = 5

// OfSearch is the filter for a search: a customer's number finds the transactions of that customer.
func OfSearch(query string) transaction.Filter {
	if _, ok := customer.ParseNumber(query); ok {
		return transaction.Filter{Customer: query}
	}
	return transaction.Filter{Query: query}
}

// Find returns the first results of a search, nil if there are none.
func (s *Screens) Find(c *fiber.Ctx, query string) (*transaction.Page, error) {
	page, err := s.transactions.First(s.Ctx(c), s.Caller(c), OfSearch(query), ShownHits)
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	return &page, nil
}

// transactionList is the data of a list of transactions: all that a person sees, or those of one customer.
type transactionList struct {
	Customer *customerpage.Head // nil: the list is not about one customer
	Path     string
	Filter   transaction.Filter
	Page     transaction.Page
	Groups   []group
	Heads    []kit.Column
	Kinds    []text.Option
	Statuses []text.Option
	Dues     []text.Option
	People   []text.Option // who can be asked for as responsible; none in a fragment, which leaves the form as it is
	Sort     string        // the order in the address, "" if it is the usual one
	Work     string        // address of the work list with the same filter; "" if this is it, or if there is none
	Next     string        // addresses of the next and the previous page
	Prev     string
	Views    []savedview.Link
	Without  []string // columns that the person has not chosen
	// ColumnsPath is the address of the page that chooses them; "" in the list of one customer.
	ColumnsPath string
	Export      string // the query of the address of an export of this list; "" if the person may not export
	NewView     string // address of the page that names the filter; "" if there is none
	Add         bool   // the caller may add a transaction for the customer
	// Selection is what can be done with rows that are ticked; nil if nothing can.
	Selection *kit.Selection
	Empty     kit.Empty
}

// group is a part of a list.
type group struct {
	Name transaction.Group // "": the list has no parts
	Rows []listRow
}

// listRow is what a row of a list shows, the same for everybody. It is the key under which the rendered row is kept, so it
// has nothing else.
type listRow struct {
	ID                uuid.UUID
	Label             string
	Name              string
	Owner, OwnerLabel string // the customer; "" if the list is about one customer
	KindName          string
	Due               string
	Late              bool // it should have been closed before today
	Responsible       string
	Status            transaction.Status
	Tick              bool // it can be ticked
	Progress          transaction.Progress
}

type transactionRow struct {
	transaction.Transaction
	KindName string
	Late     bool // it should have been closed before today
}

// readList reads what My transactions is asked for.
func readList(c *fiber.Ctx) transactionList {
	d := transactionList{Path: "/transactions", Filter: readTransactionFilter(c)}
	d.Filter.Customer = kit.QueryTerm(c, "customer")
	d.readSort(c)
	return d
}

// readSort reads the order from an address. Without one, My transactions is a work list.
func (d *transactionList) readSort(c *fiber.Ctx) {
	if d.Sort = c.Query("sort"); d.Sort == newest {
		d.Sort = byNumber
	}
	if !slices.Contains(transaction.Sorts, strings.TrimPrefix(d.Sort, "-")) {
		d.Sort = ""
	}
	if d.Filter.Sort = d.Sort; d.Sort == "" && d.Customer == nil && d.Filter.Query == "" && d.Filter.Customer == "" {
		d.Filter.Sort = transaction.ByWork
	}
}

// ReadList reads the filter of My transactions from an address, without the page.
func ReadList(c *fiber.Ctx) transaction.Filter {
	f := readList(c).Filter
	f.After, f.Before = "", ""
	return f
}

// ListURL is the address of My transactions with the filter in an address.
func ListURL(c *fiber.Ctx) string { return readList(c).url("", "") }

func (s *Screens) listTransactions(c *fiber.Ctx) error {
	d := readList(c)
	var err error
	if d.Page, err = s.transactions.List(s.Ctx(c), s.Caller(c), d.Filter); err != nil {
		return err
	}
	return s.renderTransactions(c, d, kit.View{Page: "transaction/index", Title: s.Say(c, "nav.transactions"), Nav: "transactions"})
}

func (s *Screens) listCustomerTransactions(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "transactions")
	if err != nil {
		return err
	}
	d := transactionList{Customer: &cu, Path: cu.Path + "/transactions", Filter: readTransactionFilter(c)}
	d.readSort(c)
	if d.Page, err = s.transactions.OfCustomer(s.Ctx(c), s.Caller(c), cu.ID, d.Filter); err != nil {
		return err
	}
	kinds, err := s.transactions.Choices(s.Ctx(c), s.Caller(c), cu.ID)
	if err != nil {
		return err
	}
	d.Add = len(kinds) > 0
	title := cu.Name() + " · " + s.Say(c, "tab.transactions")
	return s.renderTransactions(c, d, kit.View{Page: "transaction/customer", Title: title, Nav: "customers"})
}

func (s *Screens) renderTransactions(c *fiber.Ctx, d transactionList, v kit.View) (err error) {
	if d.Empty, err = s.noTransactions(c, d); err != nil {
		return err
	}
	kinds, err := s.transactions.Kinds(s.Ctx(c))
	if err != nil {
		return err
	}
	if d.Selection, err = s.selection(c, d); err != nil {
		return err
	}
	d.Groups, d.Heads = s.groups(c, d, kinds), headsOf(d)
	if !kit.IsFragment(c) {
		if d.People, err = s.askedFor(c, d.Filter); err != nil {
			return err
		}
		if d.Customer == nil {
			if d.Views, err = s.views.Links(c, saved.Transactions, d.url("", "")); err != nil {
				return err
			}
		}
	}
	d.Without = s.views.Without(c, saved.Transactions, strings.TrimPrefix(d.Sort, "-"))
	if d.Customer == nil && d.Sort != "" && d.Filter.Query == "" && d.Filter.Customer == "" {
		work := d
		work.Sort = ""
		d.Work = work.url("", "")
	}
	if _, query, _ := strings.Cut(d.url("", ""), "?"); d.Customer == nil {
		d.ColumnsPath = savedview.ColumnsPath(saved.Transactions, query)
		if err := s.transactions.MayExport(s.Caller(c)); err == nil {
			d.Export = "?" + query
		} else if !errors.Is(err, policies.ErrForbidden) {
			return err
		}
		d.NewView = savedview.NewPath(saved.Transactions, query)
	}
	any := text.Option{Value: "", Text: s.Say(c, "filter.any")}
	d.Kinds, d.Statuses, d.Dues = append([]text.Option{any}, kindOptions(s.Text(c).Locale, kinds)...), []text.Option{any}, []text.Option{any}
	for _, status := range transaction.Statuses {
		d.Statuses = append(d.Statuses, text.Option{Value: string(status), Text: s.Say(c, "transaction_status."+string(status))})
	}
	for _, due := range transaction.Dues {
		d.Dues = append(d.Dues, text.Option{Value: string(due), Text: s.Say(c, "transaction_due."+string(due))})
	}
	if d.Page.Next != "" {
		d.Next = d.url("after", d.Page.Next)
	}
	if d.Page.Prev != "" {
		d.Prev = d.url("before", d.Page.Prev)
	}
	v.Fragment, v.Data = "transaction/table", d
	return s.Render(c, v)
}

// selection says what can be done with ticked rows of My transactions.
func (s *Screens) selection(c *fiber.Ctx, d transactionList) (*kit.Selection, error) {
	if d.Customer != nil {
		return nil, nil
	}
	if err := s.acts.May(s.Caller(c), bulk.Due); errors.Is(err, policies.ErrForbidden) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	chosen := &kit.Selection{Acts: []string{string(bulk.Responsible), string(bulk.Due), string(bulk.Status)}, Filter: fieldsOf(d)}
	if d.Page.Next != "" || d.Page.Prev != "" {
		chosen.Everything = s.Everything(c, d.Page.Count, d.Page.Capped)
	}
	return chosen, nil
}

// fieldsOf are the parameters of the list's address, without the page.
func fieldsOf(d transactionList) (list []kit.Field) {
	f := d.Filter
	for _, field := range []kit.Field{
		{Name: "q", Value: f.Query}, {Name: "kind", Value: f.Kind}, {Name: "status", Value: string(f.Status)}, {Name: "due", Value: string(f.Due)},
		{Name: "responsible", Value: f.Responsible}, {Name: "customer", Value: f.Customer}, {Name: "sort", Value: d.Sort},
	} {
		if field.Value != "" {
			list = append(list, field)
		}
	}
	return list
}

// Values of the parameter sort for a list with the newest first: the present one, and that of addresses that people have kept.
const (
	byNumber = "-number"
	newest   = "newest"
)

// url is the address of the list. cursor is "" for the first page.
func (d transactionList) url(cursor, value string) string {
	q := addressOf(d.Path, d.Filter)
	q.Add("sort", d.Sort)
	if cursor != "" {
		q.Add(cursor, value)
	}
	return q.String()
}

// groups divides the rows of a page by the groups of a work list.
func (s *Screens) groups(c *fiber.Ctx, d transactionList, kinds []transaction.Kind) (list []group) {
	for _, t := range s.transactionRows(c, d.Page.Rows, kinds) {
		var of transaction.Group
		if d.Filter.Sort == transaction.ByWork {
			of = s.transactions.GroupOf(t.Transaction)
		}
		if len(list) == 0 || list[len(list)-1].Name != of {
			list = append(list, group{Name: of})
		}
		last := &list[len(list)-1]
		row := t.listed(d.Customer == nil)
		row.Tick = d.Selection != nil
		last.Rows = append(last.Rows, row)
	}
	return list
}

// columns are the columns of the list, with the order that sorts it by each. The name stands above the customer's.
var columns = []struct {
	id, sort string
	low      bool
}{
	{"customers.number", "number", false}, {"field.name", "name", false}, {"attention.customer", "customer", false}, {"field.kind", "kind", true},
	{"field.due", "due", false}, {"field.responsible", "responsible", false}, {"field.status", "status", false},
}

// headsOf makes the heads of the columns. Clicking the active column reverses its order. A search is sorted by number only.
func headsOf(d transactionList) (heads []kit.Column) {
	in, searches := d.Filter.Sort, d.Filter.Searches()
	if in == "" || d.Unsorted() {
		in = byNumber
	}
	for _, column := range columns {
		h := kit.Column{Text: column.id, Low: column.low}
		if !searches || column.sort == "number" {
			g := d
			h.Sort, g.Sort = "none", column.sort
			switch in {
			case column.sort:
				h.Sort, g.Sort = "ascending", "-"+column.sort
			case "-" + column.sort:
				h.Sort = "descending"
			}
			h.Href = g.url("", "")
		}
		switch {
		case column.id != "attention.customer":
			heads = append(heads, h)
		case d.Customer == nil:
			heads[len(heads)-1].Second = &h
		}
	}
	return heads
}

// Unsorted says whether a search is not in the order that was asked for.
func (d transactionList) Unsorted() bool {
	return d.Filter.Searches() && d.Sort != "" && strings.TrimPrefix(d.Sort, "-") != "number"
}

// askedFor are the people of whom the responsible one can be asked for.
func (s *Screens) askedFor(c *fiber.Ctx, f transaction.Filter) ([]text.Option, error) {
	options := []text.Option{
		{Text: s.Say(c, "filter.any")}, {Value: transaction.Me, Text: s.Say(c, "filter.me")}, {Value: transaction.Nobody, Text: s.Say(c, "transaction.nobody")},
	}
	people, err := s.customers.Administrators(s.Ctx(c), s.Caller(c))
	if err != nil {
		return nil, err
	}
	for _, one := range people {
		if one.ID != s.Caller(c).ID {
			options = append(options, text.Option{Value: one.ID.String(), Text: one.Name})
		}
	}
	if f.Responsible != "" && !slices.ContainsFunc(options, func(o text.Option) bool { return o.Value == f.Responsible }) {
		options = append(options, text.Option{Value: f.Responsible, Text: s.Say(c, "customers.other_administrator")})
	}
	return options, nil
}

// noTransactions says why a list of transactions has no rows.
func (s *Screens) noTransactions(c *fiber.Ctx, d transactionList) (kit.Empty, error) {
	e := kit.Empty{List: "transactions", Clear: d.Path}
	var all bool
	var err error
	if d.Customer != nil {
		all, err = s.SeesAllOf(c, *d.Customer)
		if d.Add {
			e.Hint, e.Next, e.Do, e.Icon = "transactions.none_hint", d.Path+"/new", "transaction.add", "plus"
		}
	} else {
		all, err = s.seesAllTransactions(s.Caller(c))
		e.Hint, e.Next, e.Do = "transactions.none_mine", "/customers", "nav.customers"
	}
	e.Why = kit.EmptinessOf(d.Filter.Narrow(), all)
	return e, err
}

func (s *Screens) transactionRows(c *fiber.Ctx, list []transaction.Transaction, kinds []transaction.Kind) []transactionRow {
	today, locale := s.transactions.Today(), s.Text(c).Locale
	rows := make([]transactionRow, len(list))
	for i, t := range list {
		rows[i] = transactionRow{Transaction: t, KindName: KindName(locale, kinds, t.Kind), Late: t.Overdue(today)}
	}
	return rows
}

// listed returns what a list shows of a transaction, with its customer or without.
func (t transactionRow) listed(owner bool) listRow {
	r := listRow{
		ID: t.ID, Label: t.Label(), Name: t.Name, KindName: t.KindName, Due: t.Due, Late: t.Late, Responsible: t.Responsible, Status: t.Status, Progress: t.Progress,
	}
	if owner {
		r.Owner, r.OwnerLabel = t.Customer.Name, t.Customer.Label()
	}
	return r
}

// KindName is the name of a kind. It returns an unknown key unchanged.
func KindName(locale string, kinds []transaction.Kind, key string) string {
	i := slices.IndexFunc(kinds, func(k transaction.Kind) bool { return k.Key == key })
	if i < 0 {
		return key
	}
	return kinds[i].Name(locale)
}

func kindOptions(locale string, kinds []transaction.Kind) []text.Option {
	list := make([]text.Option, len(kinds))
	for i, k := range kinds {
		list[i] = text.Option{Value: k.Key, Text: k.Name(locale)}
	}
	return list
}

func readTransactionFilter(c *fiber.Ctx) transaction.Filter {
	f := transaction.Filter{Query: kit.QueryTerm(c, "q"), Kind: c.Query("kind"), After: c.Query("after"), Before: c.Query("before")}
	if status := transaction.Status(c.Query("status")); slices.Contains(transaction.Statuses, status) {
		f.Status = status
	}
	if due := transaction.Due(c.Query("due")); slices.Contains(transaction.Dues, due) {
		f.Due = due
	}
	switch who := c.Query("responsible"); who {
	case transaction.Me, transaction.Nobody:
		f.Responsible = who
	default:
		if id := uuid.FromStringOrNil(who); id != uuid.Nil {
			f.Responsible = id.String()
		}
	}
	return f
}

// URL is the address of a list with this filter. cursor is "" for the first page.
func URL(path string, f transaction.Filter, cursor, value string) string {
	q := addressOf(path, f)
	if cursor != "" {
		q.Add(cursor, value)
	}
	return q.String()
}

func addressOf(path string, f transaction.Filter) *kit.Query {
	q := kit.NewQuery(path)
	q.Add("q", f.Query)
	q.Add("kind", f.Kind)
	q.Add("status", string(f.Status))
	q.Add("due", string(f.Due))
	q.Add("responsible", f.Responsible)
	q.Add("customer", f.Customer)
	return q
}
