package transaction

import (
	"context"

	"kontor/app/account"
	"kontor/policies"
)

// exportPage is how many transactions an export reads at a time.
const exportPage = 500

// MayExport returns policies.ErrForbidden unless the caller may export some transactions.
func (s *Service) MayExport(c account.Caller) error {
	for _, action := range []policies.Action{policies.Read, policies.Export} {
		scope, err := s.decider.Scope(c.Roles, policies.ObjectTransaction, action)
		if err == nil && scope.Nothing() {
			err = policies.ErrForbidden
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Export calls each for the transactions that List shows with the filter, in its order, and that the caller may export. It
// reads them page by page, so that those that are added or changed meanwhile may be missing or come twice. Errors:
// policies.ErrForbidden; those of each.
func (s *Service) Export(ctx context.Context, c account.Caller, f Filter, each func(Transaction) error) error {
	if err := s.MayExport(c); err != nil {
		return err
	}
	of, ok, err := s.ownerOf(ctx, f.Customer)
	if err != nil || !ok {
		return err
	}
	l, ok, err := s.list(ctx, c, of, f)
	if err != nil || !ok {
		return err
	}
	rows := func(rows []Transaction) error {
		for _, t := range rows {
			may, err := s.Allows(c, t, policies.Export)
			if err == nil && may {
				err = each(t)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return s.each(ctx, l, rows)
}
