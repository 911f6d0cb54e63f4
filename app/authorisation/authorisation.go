// Package authorisation is who may see and work on what of a customer, at a glance: assigning administrators and
// additional processors, removing authorisations with undo, and why somebody sees something.
package authorisation

import (
	"kontor/app/access"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// Options are what a Service is made of; all of them are needed.
type Options struct {
	DB           *store.DB
	Now          store.Clock
	Key          secret.Key
	Policy       *policies.Decider
	Audit        *audit.Log
	Customers    *customer.Service
	Accesses     *access.Service
	Transactions *transaction.Service
}

// Service keeps authorisations. Its methods authorise the caller: what they may not see is NotFound, what they may see
// but not do is policies.ErrForbidden.
type Service struct {
	o Options
}

// New makes the service.
func New(o Options) *Service { return &Service{o: o} }
