package audit

import (
	"encoding/json"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	transactionpages "kontor/app/internal/web/transaction"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// customerLog is the data of a customer's tab Log.
type customerLog struct {
	Customer customerpage.Head
	Log      *kit.Frame // data of the shared list of entries
}

func (s *Screens) showCustomerLog(c *fiber.Ctx) error {
	cu, err := s.heads.Of(c, "log")
	if err != nil {
		return err
	}
	entries, err := s.auditOf(c, cu.ID, cu.Path+"/log")
	if err != nil {
		return err
	}
	return s.Render(c, kit.View{
		Page: "audit/customer", Title: cu.Name() + " · " + s.Say(c, "tab.log"), Nav: "customers",
		Data: customerLog{Customer: cu, Log: &kit.Frame{D: entries}},
	})
}

// auditPage is the data of a page of the log, either of one customer or of all customers.
type auditPage struct {
	Empty   kit.Empty
	Entries []audit.Entry
	Next    string // address of the next page
	Of      bool   // the page is about one customer, so the entries do not name the customer
}

func (s *Screens) showAudit(c *fiber.Ctx) error {
	if err := s.Require(c, policies.ObjectAudit, policies.Read); err != nil {
		return err
	}
	d, err := s.auditOf(c, uuid.Nil, "/audit")
	if err != nil {
		return err
	}
	return s.Render(c, kit.View{Page: "audit/index", Title: s.Say(c, "nav.audit"), Nav: "audit", Data: d})
}

// auditOf reads the page of the log that the address names. The caller must have checked the permission. It leaves out
// entries about transactions that the person may not see.
func (s *Screens) auditOf(c *fiber.Ctx, customerID uuid.UUID, path string, only ...store.Condition) (auditPage, error) {
	before := uuid.FromStringOrNil(c.Query("after"))
	visible, err := s.transactions.Logged(s.Caller(c), "entry")
	if err != nil {
		return auditPage{}, err
	}
	if err := s.Audit.Flush(s.Ctx(c)); err != nil { // it adds the latest counts; the page works without them
		s.Log.Warn("the log could not be written", "error", err)
	}
	entries, more, err := s.Audit.Page(s.Ctx(c), customerID, before, append(only, visible)...)
	if err == nil {
		err = s.sayKinds(c, entries)
	}
	d := auditPage{
		Entries: entries, Of: customerID != uuid.Nil,
		Empty: kit.Empty{List: "log", Why: kit.EmptinessOf(before != uuid.Nil, visible == nil), Clear: path},
	}
	if more {
		d.Next = path + "?after=" + entries[len(entries)-1].ID.String()
	}
	return d, err
}

// sayKinds replaces the keys of kinds of transactions by their names, which are stored in the database.
func (s *Screens) sayKinds(c *fiber.Ctx, entries []audit.Entry) error {
	var kinds []transaction.Kind
	for i, e := range entries {
		changes := e.Changes()
		was, ok := changes["kind"]
		if !ok {
			continue
		}
		if kinds == nil {
			var err error
			if kinds, err = s.transactions.Kinds(s.Ctx(c)); err != nil {
				return err
			}
		}
		locale := s.Text(c).Locale
		changes["kind"] = [2]string{transactionpages.KindName(locale, kinds, was[0]), transactionpages.KindName(locale, kinds, was[1])}
		detail, err := json.Marshal(changes)
		if err != nil {
			return err
		}
		entries[i].Detail = string(detail)
	}
	return nil
}

// transactionLog is the data of a transaction's tab Log.
type transactionLog struct {
	Transaction transactionpages.Head
	Log         *kit.Frame
}

func (s *Screens) showTransactionLog(c *fiber.Ctx) error {
	x, err := s.transactionPages.Of(c, "log")
	if err != nil {
		return err
	}
	entries, err := s.auditOf(c, x.CustomerID, x.Path+"/log", bun.SafeQuery(`entry.transaction_id = ?`, x.ID))
	if err != nil {
		return err
	}
	return s.Render(c, kit.View{
		Page: "audit/transaction", Title: x.Name + " · " + s.Say(c, "tab.log"), Nav: "transactions",
		Data: transactionLog{Transaction: x, Log: &kit.Frame{D: entries}},
	})
}
