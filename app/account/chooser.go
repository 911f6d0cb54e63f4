package account

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/preference"
	"kontor/policies"
)

// Chooser is a specialist user who can sign in, with the value that they have chosen for one preference.
type Chooser struct {
	ID     uuid.UUID `bun:"id"`
	Name   string    `bun:"name"`
	Email  string    `bun:"email"`
	Locale string    `bun:"locale"` // as in Account
	Value  string    `bun:"value"`
}

// ChoosersAfter returns specialist users who can sign in and for whom something holds for a preference: at most limit of
// them, those after an id, in the order of their ids. Either they have chosen it, or the firm has for one of their roles.
// Others are not among them, so this is for preferences that ask for something that nobody gets unasked.
func (s *Service) ChoosersAfter(ctx context.Context, name preference.Name, after uuid.UUID, limit int) ([]Chooser, error) {
	return s.findChoosers(ctx, s.db, choosersAfter(s.db, name, s.chosenFor(name), after, limit), name)
}

func choosersAfter(db bun.IDB, name preference.Name, roles []policies.Role, after uuid.UUID, limit int) *bun.SelectQuery {
	if len(roles) == 0 {
		return selectChoosers(db, name).Where("p.account_id > ?", after).Order("p.account_id").Limit(int64(limit))
	}
	return selectUnchosen(db, name, roles).Where("a.id > ?", after).Order("a.id").Limit(int64(limit))
}

// chosenFor are the roles for which the firm has chosen another value of a preference than the program has.
func (s *Service) chosenFor(name preference.Name) (roles []policies.Role) {
	for _, r := range policies.FirmRoles {
		if s.firm.Preferences([]policies.Role{r}).Get(name) != preference.Chosen(nil).Get(name) {
			roles = append(roles, r)
		}
	}
	return roles
}

// ChoosersAmong returns those of the accounts that ChoosersAfter would return, by id.
func (s *Service) ChoosersAmong(ctx context.Context, db bun.IDB, name preference.Name, ids []uuid.UUID) (map[uuid.UUID]Chooser, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	q := selectChoosers(db, name)
	if roles := s.chosenFor(name); len(roles) > 0 {
		q = selectUnchosen(db, name, roles)
	}
	list, err := s.findChoosers(ctx, db, q.Where("a.id IN (?)", bun.List(ids)), name)
	found := make(map[uuid.UUID]Chooser, len(list))
	for _, x := range list {
		found[x.ID] = x
	}
	return found, err
}

func selectChoosers(db bun.IDB, name preference.Name) *bun.SelectQuery {
	return ofChoosers(db.NewSelect().TableExpr("preference AS p").Join("JOIN account AS a ON a.id = p.account_id").Where("p.name = ?", name))
}

// selectUnchosen also finds people who have chosen nothing and have one of the roles. Their value is "".
func selectUnchosen(db bun.IDB, name preference.Name, roles []policies.Role) *bun.SelectQuery {
	having := db.NewSelect().TableExpr("account_role AS r").ColumnExpr("1").Where("r.account_id = a.id").Where("r.role IN (?)", bun.List(roles))
	return ofChoosers(db.NewSelect().TableExpr("account AS a").Join("LEFT JOIN preference AS p ON p.account_id = a.id AND p.name = ?", name).
		Where("(p.value IS NOT NULL OR EXISTS (?))", having))
}

func ofChoosers(q *bun.SelectQuery) *bun.SelectQuery {
	return q.ColumnExpr("a.id, a.name, a.email, a.locale, COALESCE(p.value, '') AS value").
		Where("a.specialist").Where("a.active").Where("a.password_hash <> ''")
}

func (s *Service) findChoosers(ctx context.Context, db bun.IDB, q *bun.SelectQuery, name preference.Name) (list []Chooser, err error) {
	if err = q.Scan(ctx, &list); err != nil {
		return nil, err
	}
	var open []uuid.UUID // who has chosen nothing, or what there is not any more
	chosen := make([]preference.Chosen, len(list))
	for i, x := range list {
		if chosen[i] = (preference.Chosen{name: x.Value}).Or(nil); len(chosen[i]) == 0 {
			open = append(open, x.ID)
		}
	}
	roles, err := rolesOf(ctx, db, open)
	for i, x := range list {
		list[i].Value = chosen[i].Or(s.firm.Preferences(roles[x.ID])).Get(name)
	}
	return list, err
}

// rolesOf loads the roles of some accounts.
func rolesOf(ctx context.Context, db bun.IDB, ids []uuid.UUID) (map[uuid.UUID][]policies.Role, error) {
	of := map[uuid.UUID][]policies.Role{}
	if len(ids) == 0 {
		return of, nil
	}
	var rows []struct {
		AccountID uuid.UUID     `bun:"account_id"`
		Role      policies.Role `bun:"role"`
	}
	err := db.NewSelect().Table("account_role").Column("account_id", "role").Where("account_id IN (?)", bun.List(ids)).Scan(ctx, &rows)
	for _, r := range rows {
		of[r.AccountID] = append(of[r.AccountID], r.Role)
	}
	return of, err
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
