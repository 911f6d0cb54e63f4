package savedview

import (
	"context"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// Options are the dependencies of a Service. All are required.
type Options struct {
	DB      *store.DB
	Now     store.Clock
	Decider *policies.Decider
}

// Service keeps the views.
type Service struct{ Options }

// New makes the service.
func New(o Options) *Service { return &Service{o} }

// MayShare says whether the caller may make views for everybody, and remove them.
func (s *Service) MayShare(c account.Caller) (bool, error) {
	return s.Decider.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectView, Action: policies.Share})
}

// Of returns the caller's views of a list and those for everybody, each in alphabetical order.
func (s *Service) Of(ctx context.Context, c account.Caller, list List) ([]View, error) {
	return s.read(ctx, c.ID, list)
}

// Save gives a filter a name. A view of the caller with this name is replaced. Errors: ErrName, ErrTooMany;
// policies.ErrForbidden if it is to be for everybody and the caller may not make such views.
func (s *Service) Save(ctx context.Context, c account.Caller, list List, v View) error {
	name, err := checkName(v.Name)
	if err != nil {
		return err
	}
	v.Query = Clean(list, v.Query)
	if !slices.Contains(Lists, list) || len(v.Query) > longestQuery {
		return ErrUnknown
	}
	if v.Shared {
		if ok, err := s.MayShare(c); err != nil {
			return err
		} else if !ok {
			return policies.ErrForbidden
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	r := record{ID: id, AccountID: c.ID, List: list, Name: name, Query: v.Query, Shared: v.Shared, CreatedAt: s.Now()}
	return s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.write(ctx, tx, r) })
}

// Remove removes a view: one's own, or one for everybody if the caller may make such views. ErrUnknown.
func (s *Service) Remove(ctx context.Context, c account.Caller, id uuid.UUID) error {
	share, err := s.MayShare(c)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.erase(ctx, tx, c.ID, id, share) })
}
