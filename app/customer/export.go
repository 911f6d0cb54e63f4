package customer

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// exportPage is how many customers one query of an export reads.
const exportPage = 500

// Exported is a customer of an export.
type Exported struct {
	Customer
	Access Contact // the first access; empty if there is none, or if the caller may not read it
}

// MayExport returns policies.ErrForbidden unless the caller may export some customers.
func (s *Service) MayExport(c account.Caller) error {
	sc, err := s.scopeOf(c, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Export})
	if err == nil && sc.nothing {
		err = policies.ErrForbidden
	}
	return err
}

// Export calls each for the customers that List shows with the filter, in its order, and that the caller may export and
// read. It reads them page by page, so that customers who are added or renamed meanwhile may be missing or come twice.
// Errors: policies.ErrForbidden; those of each.
func (s *Service) Export(ctx context.Context, c account.Caller, f Filter, each func(Exported) error) error {
	l, err := s.overview(c, f)
	if err != nil {
		return err
	}
	within := []store.Condition{}
	if l.scope.where != nil {
		within = append(within, l.scope.where)
	}
	for _, a := range []policies.Action{policies.Export, policies.Read} {
		sc, err := s.scopeOf(c, policies.Permission{Object: policies.ObjectCustomer, Action: a})
		if err != nil {
			return err
		}
		if sc.nothing {
			return policies.ErrForbidden
		}
		if sc.where != nil {
			within = append(within, sc.where)
		}
	}
	if len(within) > 0 {
		l.scope.where = store.All(within...)
	}
	return l.each(ctx, func(hits []position) error {
		list, err := s.exported(ctx, c, hits)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := each(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// each reads a list, part by part.
func (l *overview) each(ctx context.Context, each func(hits []position) error) error {
	for r := (reading{Limit: exportPage, Uncounted: true}); ; {
		find := l.find
		if r.From == nil {
			find = l.Find // an empty search is for words of similar spelling, as the list does it
		}
		found, err := find(ctx, r)
		if err != nil || len(found.Hits) == 0 {
			return err
		}
		if err := each(found.Hits); err != nil {
			return err
		}
		if len(found.Hits) < r.Limit {
			return nil
		}
		last := found.Hits[len(found.Hits)-1]
		r.From = &last
	}
}

// exported loads the customers at these positions, as far as they still exist.
func (s *Service) exported(ctx context.Context, c account.Caller, hits []position) ([]Exported, error) {
	numbers := make([]int64, len(hits))
	for i, h := range hits {
		numbers[i] = h.Number
	}
	var rows []record
	err := s.from(`customer`).ColumnExpr(`customer.*`).Where(`customer.number IN (?)`, bun.List(numbers)).Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	accesses, err := s.firstAccesses(ctx, c, numbers)
	if err != nil {
		return nil, err
	}
	of := make(map[int64]record, len(rows))
	for _, r := range rows {
		of[r.Number] = r
	}
	list := make([]Exported, 0, len(hits))
	for _, n := range numbers {
		if r, there := of[n]; there {
			list = append(list, Exported{r.customer(), accesses[r.ID]})
		}
	}
	return list, nil
}

// firstAccesses returns the first accesses of customers, as far as the caller may read them.
func (s *Service) firstAccesses(ctx context.Context, c account.Caller, numbers []int64) (map[uuid.UUID]Contact, error) {
	sc, err := s.scopeOf(c, policies.Permission{Object: policies.ObjectAccess, Action: policies.Read})
	if err != nil || sc.nothing {
		return nil, err
	}
	q := s.from(`customer`).ColumnExpr(`a.customer_id, a.first_name, a.last_name, a.email, a.mobile`).Join(`JOIN access AS a ON a.customer_id = customer.id`).
		Where(`customer.number IN (?)`, bun.List(numbers)).OrderExpr(`a.created_at, a.id`)
	if sc.where != nil {
		q.Where(`?`, sc.where)
	}
	var states []accessState
	if err := q.Scan(ctx, &states); err != nil {
		return nil, err
	}
	first := make(map[uuid.UUID]Contact, len(states))
	for _, a := range states {
		if _, has := first[a.CustomerID]; !has {
			first[a.CustomerID] = a.contact()
		}
	}
	return first, nil
}
