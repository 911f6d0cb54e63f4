package savedview

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
)

// record is a row of the table saved_view.
type record struct {
	bun.BaseModel `bun:"table:saved_view"`

	ID        uuid.UUID `bun:"id,pk"`
	AccountID uuid.UUID `bun:"account_id"`
	List      List      `bun:"list"`
	Name      string    `bun:"name"`
	Query     string    `bun:"query"`
	Shared    bool      `bun:"shared"`
	CreatedAt time.Time `bun:"created_at"`
}

func (s *Service) read(ctx context.Context, account uuid.UUID, list List) (views []View, err error) {
	of := func() *bun.SelectQuery {
		return s.DB.NewSelect().Model((*record)(nil)).Column("id", "name", "query", "shared").ColumnExpr("account_id = ? AS own", account).Where("list = ?", list)
	}
	own := of().Where("account_id = ?", account)
	others := of().Where("shared").Where("account_id <> ?", account)
	err = s.DB.NewSelect().TableExpr("(?) AS v", own.UnionAll(others)).Order("own DESC", "name", "id").Limit(mostShown).Scan(ctx, &views)
	return views, err
}

// write adds a view, or replaces the one with its name.
func (s *Service) write(ctx context.Context, tx bun.Tx, r record) error {
	var names []string
	if err := tx.NewSelect().Model((*record)(nil)).Column("name").Where("account_id = ?", r.AccountID).Where("list = ?", r.List).Scan(ctx, &names); err != nil {
		return err
	}
	there := false
	for _, name := range names {
		there = there || name == r.Name
	}
	if !there && len(names) >= MostOwn {
		return ErrTooMany
	}
	_, err := tx.NewInsert().Model(&r).On("CONFLICT (account_id, list, name) DO UPDATE").
		Set("query = EXCLUDED.query").Set("shared = EXCLUDED.shared").Exec(ctx)
	return err
}

func (s *Service) erase(ctx context.Context, tx bun.Tx, account, id uuid.UUID, shared bool) error {
	q := tx.NewDelete().Model((*record)(nil)).Where("id = ?", id)
	if shared {
		q.Where("account_id = ? OR shared", account)
	} else {
		q.Where("account_id = ?", account)
	}
	res, err := q.Exec(ctx)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		if err != nil {
			return err
		}
		return ErrUnknown
	}
	return nil
}
