package audit

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	transactionpages "kontor/app/internal/web/transaction"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// auditPage is the data of a page of the log: of all customers, of one customer, or of one transaction.
type auditPage struct {
	Customer    *customerpage.Head     // nil: the log is not about one customer
	Transaction *transactionpages.Head // nil: nor about one transaction

	Path   string
	Asked  asked
	Found  understood
	Groups []whatGroup
	Chips  []chip
	Page   audit.Page
	Rows   []Row
	Next   string // addresses of the next and the previous page
	Prev   string
	Export string // the query of the address of the log as a file; "" if the person may not export
	Beyond bool   // the page begins where another one has ended, and has nothing
	Empty  kit.Empty
}

// Searched says that the page ends because it has looked at enough entries, and not because it has enough.
func (p auditPage) Searched() bool { return !p.Until().IsZero() }

// Until is how far the page has looked, where it ends because of that.
func (p auditPage) Until() time.Time { return p.Page.Until }

// Newest is the address of the first page.
func (p auditPage) Newest() string { return p.Asked.address(p.Path, "", "") }

// WithoutWho is the way out of the choice of one person; nil if none is chosen by the id of their account.
func (p auditPage) WithoutWho() *chip {
	if p.Found.Person == nil {
		return nil
	}
	a := p.Asked
	a.Who = ""
	return &chip{Text: p.Found.Person.Name, Href: a.address(p.Path, "", "")}
}

// Row is an entry with its links, "" where there is none.
type Row struct {
	audit.Entry
	WhoHref string // what else this person has done
	Href    string // what it is about
	// Customer is the number of the customer if neither the page nor the link is about it.
	Customer, CustomerHref string
}

func (s *Screens) showAudit(c *fiber.Ctx) error {
	if err := s.Require(c, policies.ObjectAudit, policies.Read); err != nil {
		return err
	}
	d := auditPage{Path: Path, Asked: readAsked(c, true)}
	may, err := s.Policy.Allows(policies.Request{Roles: s.Caller(c).Roles, Object: policies.ObjectAudit, Action: policies.Export})
	if err != nil {
		return err
	}
	if may {
		_, query, _ := strings.Cut(d.Asked.address(Path, "", ""), "?")
		d.Export = "?" + query
	}
	return s.renderLog(c, d, audit.Filter{}, kit.View{Page: "audit/index", Title: s.Say(c, "nav.audit"), Nav: "audit"})
}

func (s *Screens) showCustomerLog(c *fiber.Ctx) error {
	cu, err := s.o.Heads.Of(c, "log")
	if err != nil {
		return err
	}
	d := auditPage{Customer: &cu, Path: LogPath(cu), Asked: readAsked(c, false)}
	return s.renderLog(c, d, audit.Filter{Customers: []uuid.UUID{cu.ID}}, kit.View{
		Page: "audit/customer", Title: cu.Name() + " · " + s.Say(c, "tab.log"), Nav: "customers",
	})
}

func (s *Screens) showTransactionLog(c *fiber.Ctx) error {
	x, err := s.o.TransactionPages.Of(c, "log")
	if err != nil {
		return err
	}
	d := auditPage{Transaction: &x, Path: x.Path + "/log", Asked: readAsked(c, false)}
	return s.renderLog(c, d, audit.Filter{Customers: []uuid.UUID{x.CustomerID}, Transaction: x.ID}, kit.View{
		Page: "audit/transaction", Title: x.Name + " · " + s.Say(c, "tab.log"), Nav: "transactions",
	})
}

// renderLog answers with the page of the log that the address names. The caller must have checked the permission. scope
// is what the page is about.
func (s *Screens) renderLog(c *fiber.Ctx, d auditPage, scope audit.Filter, v kit.View) (err error) {
	ctx, r := s.Ctx(c), s.reader(c)
	if scope, err = r.within(ctx, scope); err != nil {
		return err
	}
	if d.Found, err = r.understand(ctx, d.Asked, scope, !kit.IsFragment(c)); err != nil {
		return err
	}
	if d.Page, err = s.Audit.Page(ctx, d.Found.Filter); err != nil {
		return err
	}
	if d.Rows, err = r.rows(ctx, d); err != nil {
		return err
	}
	d.Chips = r.chipsOf(d.Path, d.Asked)
	switch {
	case d.Transaction != nil:
		d.Groups = r.whatGroups(ofTransactions)
	case d.Customer != nil:
		d.Groups = r.whatGroups(ofCustomers)
	default:
		d.Groups = r.whatGroups(nil)
	}
	if d.Page.Next != "" {
		d.Next = d.Asked.address(d.Path, "after", d.Page.Next)
	}
	if d.Page.Prev != "" {
		d.Prev = d.Asked.address(d.Path, "before", d.Page.Prev)
	}
	d.Beyond = len(d.Rows) == 0 && d.Asked.After != ""
	d.Empty = kit.Empty{List: "log", Why: kit.EmptinessOf(d.Asked.narrow(), scope.Only == nil), Clear: d.Path}
	v.Fragment, v.Data = "audit/entries", d
	return s.Render(c, v)
}

// within adds what the reader may see: nothing about transactions that they may not see. It also writes the counts that
// wait to be written; the page works without them.
func (r reader) within(ctx context.Context, scope audit.Filter) (_ audit.Filter, err error) {
	if err := r.Audit.Flush(ctx); err != nil {
		r.Log.Warn("the log could not be written", "error", err)
	}
	transactions, err := r.o.Transactions.Logged(r.caller, "entry")
	if err != nil {
		return scope, err
	}
	notes, err := r.o.Notes.Logged(r.caller, "entry")
	switch {
	case transactions == nil:
		scope.Only = notes
	case notes == nil:
		scope.Only = transactions
	default:
		scope.Only = store.All(transactions, notes)
	}
	return scope, err
}

// RowsOf returns entries about a customer with their links, for another page about this customer.
func (s *Screens) RowsOf(c *fiber.Ctx, cu customerpage.Head, entries []audit.Entry) ([]Row, error) {
	return s.reader(c).rows(s.Ctx(c), auditPage{Customer: &cu, Path: LogPath(cu), Page: audit.Page{Entries: entries}})
}

// LogPath is the address of a customer's log.
func LogPath(cu customerpage.Head) string { return cu.Path + "/log" }

// rows are the entries of a page with their links.
func (r reader) rows(ctx context.Context, d auditPage) ([]Row, error) {
	objects, err := r.objectsOf(ctx, d)
	if err != nil {
		return nil, err
	}
	if err := r.sayKinds(ctx, d.Page.Entries); err != nil {
		return nil, err
	}
	rows := make([]Row, len(d.Page.Entries))
	for i, e := range d.Page.Entries {
		rows[i] = Row{Entry: e, WhoHref: d.whoAddress(e)}
		if rows[i].Href, err = objects.link(e); err != nil {
			return nil, err
		}
		ref, there := objects.customers[e.CustomerID.UUID]
		if path := kit.CustomerPath(e.CustomerID.UUID); there && d.Customer == nil && d.Transaction == nil && rows[i].Href != path {
			rows[i].Customer, rows[i].CustomerHref = customer.Label(ref.Number), path
		}
	}
	return rows, nil
}

// whoAddress is the address of what else the person has done who has done this; "" if the page shows that already.
func (d auditPage) whoAddress(e audit.Entry) string {
	a := d.Asked
	if a.Who = nobody; e.ActorID.Valid {
		a.Who = e.ActorID.UUID.String()
	}
	if a.Who == d.Asked.Who {
		return ""
	}
	return a.address(d.Path, "", "")
}

// sayKinds replaces the keys of kinds of transactions by their names, which are stored in the database.
func (r reader) sayKinds(ctx context.Context, entries []audit.Entry) error {
	var kinds []transaction.Kind
	for i, e := range entries {
		changes := e.Changes()
		was, ok := changes["kind"]
		if !ok {
			continue
		}
		if kinds == nil {
			var err error
			if kinds, err = r.o.Transactions.Kinds(ctx); err != nil {
				return err
			}
		}
		locale := r.text.Locale
		changes["kind"] = [2]string{transactionpages.KindName(locale, kinds, was[0]), transactionpages.KindName(locale, kinds, was[1])}
		detail, err := json.Marshal(changes)
		if err != nil {
			return err
		}
		entries[i].Detail = string(detail)
	}
	return nil
}
