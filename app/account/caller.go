// Package account manages the people who sign in, specialist users and end users: their passwords, sessions and roles.
package account

import (
	"github.com/gofrs/uuid/v5"

	"kontor/app/audit"
	"kontor/policies"
)

// Caller is the person who calls a service. Every service method that a person can reach takes a Caller and authorises
// it.
type Caller struct {
	ID        uuid.UUID   // the account; Nil: nobody is signed in
	For       []uuid.UUID // the specialist users whose deputy the caller is now
	Name      string
	Roles     []policies.Role // roles granted to a specialist user; end_user for people with an access
	Locale    string          // de or en, for this request
	Address   string          // IP address
	RequestID string
}

// System is Kontor itself: the worker and the commands. It has no roles. The methods that System may call say so.
var System = Caller{Name: "Kontor"}

// Actor returns the caller as an actor for the log.
func (c Caller) Actor() audit.Actor {
	return audit.Actor{ID: c.ID, Name: c.Name, Address: c.Address, RequestID: c.RequestID}
}

// Persons returns the accounts whose assignments count for the caller: the caller's own and those of For.
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
