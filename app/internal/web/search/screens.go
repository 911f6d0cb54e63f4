// Package search serves the search over customers and business transactions.
package search

import (
	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/transaction"
)

// Screens are the pages of the search.
type Screens struct {
	*kit.Kit
	customers        *customer.Service
	accounts         *account.Service
	transactionPages *transaction.Screens
	offered          []kit.Action
}

// Options are what the search finds, and what its palette offers to do.
type Options struct {
	Customers        *customer.Service
	Accounts         *account.Service
	TransactionPages *transaction.Screens
	Actions          []kit.Action
}

// New makes the screens.
func New(k *kit.Kit, o Options) *Screens {
	return &Screens{Kit: k, customers: o.Customers, accounts: o.Accounts, transactionPages: o.TransactionPages, offered: o.Actions}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{kit.Get("/search", kit.Firm, s.find), kit.Get("/palette", kit.Firm, s.showPalette)}
}
