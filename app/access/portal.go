package access

import (
	"context"
	"slices"
	"strings"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// MyCustomer is a customer as its end user sees it.
type MyCustomer struct {
	ID     uuid.UUID
	Number int64
	Name   string
}

// Mine lists by name the customers to which the caller has an active access. Error: Forbidden for a caller who may not
// read the portal even with an access.
func (s *Service) Mine(ctx context.Context, c account.Caller) ([]MyCustomer, error) {
	may := map[policies.Relation]bool{}
	for _, rel := range []policies.Relation{policies.Access, policies.Access | policies.Administrator} {
		ok, err := s.decider.Allows(policies.Request{
			Roles: c.Roles, Relation: rel, Object: policies.ObjectPortal, Action: policies.Read,
		})
		if err != nil {
			return nil, err
		}
		may[rel] = ok
	}
	if !may[policies.Access] && !may[policies.Access|policies.Administrator] {
		return nil, policies.ErrForbidden
	}
	rows, err := customersOf(ctx, s.db, c.ID)
	if err != nil {
		return nil, err
	}
	var out []MyCustomer
	for _, r := range rows { // one person has few customers, so the list is not paged
		if may[r.relation()] {
			out = append(out, MyCustomer{ID: r.ID, Number: r.Number, Name: r.customer().Name()})
		}
	}
	slices.SortFunc(out, func(a, b MyCustomer) int {
		if n := strings.Compare(store.SortKey(a.Name), store.SortKey(b.Name)); n != 0 {
			return n
		}
		return int(a.Number - b.Number)
	})
	return out, nil
}
