// Package search serves the search over customers and business transactions.
package search

import (
	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/transaction"
)

// Screens are the pages of the search.
type Screens struct {
	*kit.Kit
	customers        *customer.Service
	transactionPages *transaction.Screens
}

// New makes the screens.
func New(
	k *kit.Kit, customers *customer.Service, transactionPages *transaction.Screens,
) *Screens {
	return &Screens{Kit: k, customers: customers, transactionPages: transactionPages}
}

// Routes are the addresses of these pages.
func (s *Screens) Routes() []kit.Route {
	return []kit.Route{kit.Get("/search", kit.Firm, s.find)}
}
