// Package handover passes a specialist user's assignments on: for good to others, or for a while to a deputy.
package handover

import (
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/policies"
)

// Options are what a Service is made of; all of them are needed.
type Options struct {
	DB        *store.DB
	Now       store.Clock
	Policy    *policies.Decider
	Audit     *audit.Log
	Customers *customer.Service
}

// Service hands over. Its methods authorise the caller.
type Service struct {
	o Options
}

// New makes the service.
func New(o Options) *Service { return &Service{o: o} }
