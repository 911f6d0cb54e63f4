// Package customer serves the pages about customers: the overview, adding a customer, its data, its permanent deletion.
package customer

import (
	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/bulk"
	"kontor/app/customer"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/savedview"
	transactionpages "kontor/app/internal/web/transaction"
	"kontor/app/transaction"
	"kontor/policies"
)

// Options are the dependencies of the pages about customers. All are required.
type Options struct {
	Customers        *customer.Service
	Accounts         *account.Service
	Accesses         *access.Service
	Transactions     *transaction.Service
	Heads            *customerpage.Heads
	TransactionPages *transactionpages.Screens
	Views            *savedview.Screens
	Acts             *bulk.Service
	Mailbox          bool // the built-in mailbox takes e-mails or SMS
}

// Screens are the pages about customers.
type Screens struct {
	*kit.Kit
	customers        *customer.Service
	accounts         *account.Service
	mailbox          bool
	accesses         *access.Service
	transactions     *transaction.Service
	heads            *customerpage.Heads
	transactionPages *transactionpages.Screens
	views            *savedview.Screens
	acts             *bulk.Service
}

// New makes the screens.
func New(k *kit.Kit, o Options) *Screens {
	return &Screens{
		Kit: k, customers: o.Customers, accounts: o.Accounts, mailbox: o.Mailbox, accesses: o.Accesses, transactions: o.Transactions, heads: o.Heads, transactionPages: o.TransactionPages, views: o.Views,
		acts: o.Acts,
	}
}

// Place is the navigation entry of this feature.
func (s *Screens) Place() kit.Place {
	return kit.Place{ID: "customers", Key: "c", Href: "/customers", Icon: "users", Search: true, May: s.Allowed(policies.ObjectCustomer, "person", policies.List)}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{
		kit.Get("/customers", kit.Firm, s.listCustomers),
		kit.Get("/customers/cities", kit.Firm, s.suggestCities).ByItself(),
		kit.Get("/customers/new", kit.Firm, s.newCustomer),
		kit.Post("/customers/new", kit.Firm, s.switchType),
		kit.Post("/customers", kit.Firm, s.addCustomer),
		kit.Post("/customers/duplicates", kit.Firm, s.hintDuplicates).ByItself(),
		kit.Post("/customers/numbers", kit.Firm, s.numberOfNew).ByItself(),
		kit.Get("/customers/deletions/:id", kit.Firm, s.showDeletion),
		kit.Get("/customers/:id", kit.Firm, s.openCustomer),
		kit.Get("/customers/:id/data", kit.Firm, s.showCustomerData),
		kit.Post("/customers/:id/data", kit.Firm, s.saveCustomerData),
		kit.Post("/customers/:id/data/number", kit.Firm, s.numberOfCustomer).ByItself(),
		kit.Get("/customers/:id/delete", kit.Firm, s.askDeleteCustomer),
		kit.Post("/customers/:id/delete", kit.Firm, s.deleteCustomer),
	}
}
