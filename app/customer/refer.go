package customer

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// Reference is what a link to a customer needs.
type Reference struct {
	Number int64
	// Authorised says that the caller may see who has access to the customer.
	Authorised bool
}

// Refer returns those of some customers that the caller may read, by id, in one query.
func (s *Service) Refer(ctx context.Context, c account.Caller, ids []uuid.UUID) (map[uuid.UUID]Reference, error) {
	readable, nothing, err := s.Readable(c)
	if err != nil || nothing || len(ids) == 0 {
		return nil, err
	}
	var authorised []store.Condition
	for _, object := range []policies.Object{policies.ObjectAccess, policies.ObjectAuthorisation} {
		where, nothing, err := s.Within(c, policies.Permission{Object: object, Action: policies.Read})
		if err != nil {
			return nil, err
		}
		if !nothing {
			authorised = append(authorised, store.All(where))
		}
	}
	var rows []struct {
		ID uuid.UUID `bun:"id"`
		Reference
	}
	err = s.db.NewSelect().Table("customer").ColumnExpr(`customer.id, customer.number`).ColumnExpr(`? AS authorised`, store.Any(authorised...)).
		Where(`customer.id IN (?)`, bun.List(ids)).Where(`NOT customer.deleting`).Where(`?`, store.All(readable)).Scan(ctx, &rows)
	list := make(map[uuid.UUID]Reference, len(rows))
	for _, r := range rows {
		list[r.ID] = r.Reference
	}
	return list, err
}

// IDByNumber returns the customer with a number, if there is one that is not being deleted. It does not ask who may know:
// the caller of it shows nothing of the customer but what its own rules allow.
func (s *Service) IDByNumber(ctx context.Context, number int64) (id uuid.UUID, found bool, err error) {
	err = s.db.NewSelect().Table("customer").Column("id").Where("number = ?", number).Where("NOT deleting").Scan(ctx, &id)
	if store.IsNoRows(err) {
		return uuid.Nil, false, nil
	}
	return id, err == nil, err
}

// Deletions returns those of some ids that are deletions which DeletionOf would return, in one query.
func (s *Service) Deletions(ctx context.Context, c account.Caller, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	all, err := s.seesDeletions(c)
	if err != nil {
		return nil, err
	}
	q := s.db.NewSelect().Table("deletion").Column("id").Where("id IN (?)", bun.List(ids))
	if !all {
		q.Where("requested_by = ?", c.ID)
	}
	var found []uuid.UUID
	err = q.Scan(ctx, &found)
	list := make(map[uuid.UUID]bool, len(found))
	for _, id := range found {
		list[id] = true
	}
	return list, err
}
