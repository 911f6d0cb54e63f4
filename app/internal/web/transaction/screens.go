// Package transaction serves the pages about business transactions and their kinds.
package transaction

import (
	"context"

	"kontor/app/account"
	"kontor/app/bulk"
	"kontor/app/customer"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/document"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/savedview"
	"kontor/app/template"
	"kontor/app/transaction"
	"kontor/policies"
)

// Screens are the pages about transactions.
type Screens struct {
	*kit.Kit
	transactions *transaction.Service
	customers    *customer.Service
	heads        *customerpage.Heads
	views        *savedview.Screens
	acts         *bulk.Service
	documents    *document.Screens
	templates    *template.Service
}

// Options are the dependencies of the pages about transactions. All are required.
type Options struct {
	Transactions *transaction.Service
	Customers    *customer.Service
	Heads        *customerpage.Heads
	Views        *savedview.Screens
	Acts         *bulk.Service
	Documents    *document.Screens
	Templates    *template.Service
}

// New makes the screens.
func New(k *kit.Kit, o Options) *Screens {
	return &Screens{Kit: k, transactions: o.Transactions, customers: o.Customers, heads: o.Heads, views: o.Views, acts: o.Acts, documents: o.Documents, templates: o.Templates}
}

// Place is the navigation entry of the transactions.
func (s *Screens) Place() kit.Place {
	return kit.Place{ID: "transactions", Key: "t", Href: "/transactions", Icon: "briefcase", Search: true, May: func(_ context.Context, caller account.Caller) (bool, error) {
		return s.transactions.MaySeeAny(caller)
	}}
}

// KindPlace is the navigation entry of the kinds of transactions.
func (s *Screens) KindPlace() kit.Place {
	return kit.Place{ID: "transaction_kinds", Key: "k", Href: "/transaction-kinds", Icon: "tags", May: s.Allowed(policies.ObjectTemplate, "", policies.Read)}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return append(s.ExportRoutes(Exported, s.export),
		kit.Get(Exported, kit.Firm, s.listTransactions),
		kit.Get("/transactions/:id", kit.Firm, s.showTransaction),
		kit.Get("/transactions/:id/edit", kit.Firm, s.editTransaction),
		kit.Post("/transactions/:id/edit", kit.Firm, s.saveTransaction),
		kit.Post("/transactions/:id/status", kit.Firm, s.setTransactionStatus),
		kit.Get("/customers/:id/transactions", kit.Firm, s.listCustomerTransactions),
		kit.Get("/customers/:id/transactions/new", kit.Firm, s.newTransaction),
		kit.Post("/customers/:id/transactions", kit.Firm, s.addTransaction),
		kit.Get("/transaction-kinds", kit.Firm, s.listKinds),
		kit.Post("/transaction-kinds", kit.Firm, s.addKind),
		kit.Get("/transaction-kinds/:key", kit.Firm, s.showKind),
		kit.Post("/transaction-kinds/:key", kit.Firm, s.renameKind),
		kit.Post("/transaction-kinds/:key/move", kit.Firm, s.moveKind),
		kit.Post("/transaction-kinds/:key/retire", kit.Firm, s.onKind(s.transactions.RetireKind, "toast.kind_retired")),
		kit.Post("/transaction-kinds/:key/reactivate", kit.Firm, s.onKind(s.transactions.ReactivateKind, "toast.kind_reactivated")),
	)
}
