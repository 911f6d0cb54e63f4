// Package policy keeps the policies that package policies decides with: published versions, the draft, what must hold
// for publishing, and what a draft would change.
package policy

import (
	"kontor/app/audit"
	"kontor/app/store"
	"kontor/policies"
)

// Options are what a Service is made of; all of them are needed.
type Options struct {
	DB      *store.DB
	Now     store.Clock
	Decider *policies.Decider // of this process: publishing puts the new version in force here at once
	Audit   *audit.Log
}

// Service keeps policies. Its methods authorise the caller.
type Service struct {
	o Options
}

// New makes the service.
func New(o Options) *Service { return &Service{o: o} }
