// Package attention finds what somebody in the firm should look at, and may act on: messages that failed, invitations
// that nobody answers, customers without administrator or access, transactions that are overdue.
package attention

import (
	"kontor/app/access"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// Options are what a Service is made of; all of them are needed.
type Options struct {
	DB           *store.DB
	Now          store.Clock
	Policy       *policies.Decider
	Customers    *customer.Service
	Accesses     *access.Service
	Transactions *transaction.Service
}

// Service finds. Its methods authorise the caller.
type Service struct {
	o Options
}

// New makes the service.
func New(o Options) *Service { return &Service{o: o} }
