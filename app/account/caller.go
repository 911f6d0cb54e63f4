// Package account is the people who sign in: specialist users and end users, their passwords, sessions and roles.
package account

import (
	"github.com/gofrs/uuid/v5"

	"kontor/app/audit"
	"kontor/policies"
)

// Caller is who asks a service for something. Every service method that a person can reach takes one and authorises.
type Caller struct {
	ID        uuid.UUID   // the account; Nil: nobody is signed in
	For       []uuid.UUID // the specialist users whom the caller stands in for now, as their deputy
	Name      string
	Roles     []policies.Role // those given to a specialist user, and end_user for people with an access
	Locale    string          // de or en: of this request
	Address   string          // IP address
	RequestID string
}

// System is Kontor itself: the worker, the commands. It has no roles; the methods it may call say so.
var System = Caller{Name: "Kontor"}

// Actor is the caller as the log knows them.
func (c Caller) Actor() audit.Actor {
	return audit.Actor{ID: c.ID, Name: c.Name, Address: c.Address, RequestID: c.RequestID}
}

// Persons are those whose assignments count for the caller: their own and those of whom they stand in for.
func (c Caller) Persons() []uuid.UUID { return append([]uuid.UUID{c.ID}, c.For...) }

// Has says whether the caller has a role.
func (c Caller) Has(role policies.Role) bool {
	for _, r := range c.Roles {
		if r == role {
			return true
		}
	}
	return false
}
