package customer

import (
	"context"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// Candidate is somebody who may be added, as far as Known compares them. Data has been validated.
type Candidate struct {
	Type  Type
	Data  Data
	Email string
}

// Key is equal for candidates that Known takes for the same customer: by their reference or, without one, by type, name
// and address.
func (c Candidate) Key() string {
	if c.Data.Reference != "" {
		return "reference/" + c.Data.Reference
	}
	return c.name()
}

func (c Candidate) name() string {
	return string(c.Type) + "/" + sortName(c.Type, c.Data) + "/" + store.FoldEmail(c.Email)
}

// Found are the customers that there are already.
type Found struct {
	Same  uuid.UUID   // with the same Key; Nil: none
	Alike []uuid.UUID // who may be the same as well, see Duplicates
}

// existing is a customer as Known reads it.
type existing struct {
	ID        uuid.UUID `bun:"id"`
	Number    int64     `bun:"number"`
	Type      Type      `bun:"type"`
	NameSort  string    `bun:"name_sort"`
	Identity  string    `bun:"identity"`
	Reference string    `bun:"reference"`
	Email     string    `bun:"email_folded"` // of one of the accesses
}

// Known finds the customers that there are already, whoever may see them. db may be a tx.
func (s *Service) Known(ctx context.Context, db bun.IDB, list []Candidate) ([]Found, error) {
	var references, emails, identities []string
	for _, c := range list {
		if c.Data.Reference != "" {
			references = append(references, c.Data.Reference)
		}
		if c.Email != "" {
			emails = append(emails, store.FoldEmail(c.Email))
		}
		if same := identity(c.Type, c.Data); same != "" {
			identities = append(identities, same)
		}
	}
	byReference, byEmail, byIdentity := map[string][]existing{}, map[string][]existing{}, map[string][]existing{}
	q := func() *bun.SelectQuery {
		return db.NewSelect().Table(`customer`).ColumnExpr(`customer.id, customer.number, customer.type, customer.name_sort, customer.identity, customer.reference`).
			Where(`NOT customer.deleting`)
	}
	for _, look := range []struct {
		values []string
		query  *bun.SelectQuery
		into   map[string][]existing
		key    func(existing) string
	}{
		{references, q().Where(`customer.reference IN (?)`, bun.List(references)).Where(`customer.reference <> ''`), byReference,
			func(e existing) string { return e.Reference }},
		{emails, q().ColumnExpr(`a.email_folded`).Join(`JOIN access AS a ON a.customer_id = customer.id`).Where(`a.email_folded IN (?)`, bun.List(emails)),
			byEmail, func(e existing) string { return e.Email }},
		{identities, q().Where(`customer.identity IN (?)`, bun.List(identities)).Where(`customer.identity <> ''`), byIdentity,
			func(e existing) string { return e.Identity }},
	} {
		if len(look.values) == 0 {
			continue
		}
		var rows []existing
		if err := look.query.Scan(ctx, &rows); err != nil {
			return nil, err
		}
		slices.SortFunc(rows, func(a, b existing) int { return int(a.Number - b.Number) })
		for _, r := range rows {
			look.into[look.key(r)] = append(look.into[look.key(r)], r)
		}
	}
	found := make([]Found, len(list))
	for i, c := range list {
		found[i] = c.among(byReference[c.Data.Reference], byEmail[store.FoldEmail(c.Email)], byIdentity[identity(c.Type, c.Data)])
	}
	return found, nil
}

// among compares a candidate with the customers that have the same reference, address or identity.
func (c Candidate) among(byReference, byEmail, byIdentity []existing) (f Found) {
	if c.Data.Reference != "" && len(byReference) > 0 {
		f.Same = byReference[0].ID
		return f
	}
	name := sortName(c.Type, c.Data)
	for _, e := range append(slices.Clone(byEmail), byIdentity...) {
		if c.Data.Reference == "" && e.Email != "" && e.Type == c.Type && e.NameSort == name {
			return Found{Same: e.ID}
		}
		if !slices.Contains(f.Alike, e.ID) && len(f.Alike) < maxDuplicates {
			f.Alike = append(f.Alike, e.ID)
		}
	}
	return f
}

// Rows returns those of the customers that the caller may read, as the overview shows them.
func (s *Service) Rows(ctx context.Context, c account.Caller, ids []uuid.UUID) (map[uuid.UUID]Row, error) {
	sc, err := s.scopeOf(c, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read})
	if err != nil || sc.nothing || len(ids) == 0 {
		return nil, err
	}
	q := s.db.NewSelect().Table(`customer`).ColumnExpr(rowColumns).Where(`customer.id IN (?)`, bun.List(ids)).Where(`NOT customer.deleting`)
	if sc.where != nil {
		q.Where(`?`, sc.where)
	}
	var rows []rowRecord
	if err := q.Scan(ctx, &rows); err != nil {
		return nil, err
	}
	of := make(map[uuid.UUID]Row, len(rows))
	for _, r := range rows {
		of[r.ID] = r.row(s.now())
	}
	return of, nil
}
