package demo

import (
	"context"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
)

// Step is a step of the tour: what is seen where. Text ids "tour.<key>" and "tour_go.<key>".
type Step struct{ Key, Href string }

// Keys of the steps, in their order.
const (
	stepBounced   = "bounced"
	stepOrphan    = "orphan"
	stepApproval  = "approval"
	stepViews     = "views"
	stepImport    = "import"
	stepBulk      = "bulk"
	stepHistory   = "history"
	stepPolicy    = "policy"
	stepDeputy    = "deputy"
	stepDeleted   = "deleted"
	bouncedPerson = "Ursula Hoffmann"
	orphanPerson  = "Renate Schmitt"
	longHistory   = "Hafen Logistik"
)

// There says whether the demo firm is in this database.
func (s Services) There(ctx context.Context) (bool, error) {
	_, there, err := s.Accounts.ByEmail(ctx, s.DB, staff[0].email)
	return there, err
}

// Tour returns the steps of the tour for somebody. What is not there any more, or is somebody else's, has no step.
func (s Services) Tour(ctx context.Context, c account.Caller) (steps []Step, err error) {
	add := func(key, href string) { steps = append(steps, Step{key, href}) }
	about := func(key, name, page string) error {
		id, _, err := s.find(ctx, c, name)
		if err == nil && id != uuid.Nil {
			add(key, "/customers/"+id.String()+page)
		}
		return err
	}
	if err := about(stepBounced, bouncedPerson, "/authorisations"); err != nil {
		return nil, err
	}
	if err := about(stepOrphan, orphanPerson, "/administrators"); err != nil {
		return nil, err
	}
	add(stepApproval, "/approvals")
	add(stepViews, "/transactions?due=overdue")
	if list, err := s.Imports.List(ctx, c); err != nil {
		return nil, err
	} else if len(list) > 0 {
		add(stepImport, "/customers/imports/"+list[len(list)-1].ID.String())
	}
	if list, err := s.Bulk.Recent(ctx, c); err != nil {
		return nil, err
	} else if len(list) > 0 {
		add(stepBulk, "/bulk/"+list[len(list)-1].ID.String())
	}
	if err := about(stepHistory, longHistory, "/history"); err != nil {
		return nil, err
	}
	add(stepPolicy, "/policies/draft")
	if a, there, err := s.Accounts.ByEmail(ctx, s.DB, "gross@"+domain); err != nil {
		return nil, err
	} else if there {
		add(stepDeputy, "/specialists/"+a.ID.String()+"#g-deputies")
	}
	add(stepDeleted, "/audit?what=customer.deleted")
	return steps, nil
}
