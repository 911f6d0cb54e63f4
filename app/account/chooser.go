package account

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/preference"
)

// Chooser is a specialist user who can sign in, with the value that they have chosen for one preference.
type Chooser struct {
	ID     uuid.UUID `bun:"id"`
	Name   string    `bun:"name"`
	Email  string    `bun:"email"`
	Locale string    `bun:"locale"` // as in Account
	Value  string    `bun:"value"`
}

// ChoosersAfter returns specialist users who can sign in and have chosen something for a preference: at most limit of
// them, those after an id, in the order of their ids. Whoever has chosen nothing is not among them, so this is for
// preferences that ask for something that nobody gets without a choice.
func (s *Service) ChoosersAfter(ctx context.Context, name preference.Name, after uuid.UUID, limit int) ([]Chooser, error) {
	return findChoosers(ctx, choosersAfter(s.db, name, after, limit), name)
}

func choosersAfter(db bun.IDB, name preference.Name, after uuid.UUID, limit int) *bun.SelectQuery {
	return selectChoosers(db, name).Where("p.account_id > ?", after).Order("p.account_id").Limit(int64(limit))
}

// ChoosersAmong returns those of the accounts that ChoosersAfter would return, by id.
func (s *Service) ChoosersAmong(ctx context.Context, db bun.IDB, name preference.Name, ids []uuid.UUID) (map[uuid.UUID]Chooser, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := findChoosers(ctx, selectChoosers(db, name).Where("p.account_id IN (?)", bun.List(ids)), name)
	found := make(map[uuid.UUID]Chooser, len(list))
	for _, x := range list {
		found[x.ID] = x
	}
	return found, err
}

func selectChoosers(db bun.IDB, name preference.Name) *bun.SelectQuery {
	return db.NewSelect().TableExpr("preference AS p").Join("JOIN account AS a ON a.id = p.account_id").
		ColumnExpr("a.id, a.name, a.email, a.locale, p.value").Where("p.name = ?", name).
		Where("a.specialist").Where("a.active").Where("a.password_hash <> ''")
}

func findChoosers(ctx context.Context, q *bun.SelectQuery, name preference.Name) (list []Chooser, err error) {
	err = q.Scan(ctx, &list)
	for i, x := range list {
		list[i].Value = preference.Chosen{name: x.Value}.Get(name)
	}
	return list, err
}

// PresentCaller returns a person as a caller with the roles that they have now, and with those whose deputy they are now,
// as a session would. It returns ErrNobody when they can no longer sign in.
func (s *Service) PresentCaller(ctx context.Context, id uuid.UUID) (Caller, error) {
	return s.PresentCallerIn(ctx, s.db, id)
}

// PresentCallerIn is PresentCaller inside a tx.
func (s *Service) PresentCallerIn(ctx context.Context, db bun.IDB, id uuid.UUID) (Caller, error) {
	c, err := s.CallerOf(ctx, db, id)
	if err != nil {
		return Caller{}, err
	}
	now := s.now()
	err = db.NewSelect().Table("deputy").Column("specialist_id").Where("deputy_id = ?", id).
		Where("starts_at <= ?", now).Where("ends_at > ?", now).Scan(ctx, &c.For)
	return c, err
}
