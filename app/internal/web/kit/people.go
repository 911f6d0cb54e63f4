package kit

import (
	"github.com/gofrs/uuid/v5"

	"kontor/policies"
)

// People is a choice of specialist users, for the template form/people: the chosen ones first, then who matches the
// search.
type People struct {
	Field   string // the name under which the ids are sent
	Many    bool   // several people may be chosen
	Offered []Offered
	More    bool // a search finds others
	Cap     int  // up to which number Customers is counted
}

// Offered is a specialist user who can be chosen.
type Offered struct {
	ID            uuid.UUID
	Name, Email   string
	Roles         []policies.Role
	Customers     int64 // how many customers they administer
	On            bool  // chosen
	In            bool  // is already what the choice is about, so there is nothing to choose
	Administrator bool  // of the customer that the choice is about
	Processes     int   // the number of its transactions that they process
}
