package store

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
)

// Folded is a column that holds folded addresses or logins, with the function that folds them.
type Folded struct {
	Table, Key, Column string
	Fold               func(string) string
}

// Refold folds again the values that an earlier version folded differently: addresses whose domain is not in ASCII, and
// logins with invisible characters. If the new form belongs to another row already (two accounts, one for each
// spelling), both rows stay as they are: nothing is merged, and both people sign in with the spelling they have. This
// is logged with the ids. Running Refold twice changes nothing.
func (db *DB) Refold(ctx context.Context, log *slog.Logger, columns ...Folded) error {
	for _, f := range columns {
		if err := db.refold(ctx, log, f); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) refold(ctx context.Context, log *slog.Logger, f Folded) error {
	var rows []struct {
		Key   uuid.UUID `bun:"key"`
		Value string    `bun:"value"`
	}
	foreign := `%s GLOB '*[^ -~]*'`
	if db.IsPostgres() {
		foreign = `%s ~ '[^ -~]'`
	}
	q := db.NewSelect().TableExpr("?", bun.Ident(f.Table)).
		ColumnExpr("? AS key, ? AS value", bun.Ident(f.Key), bun.Ident(f.Column))
	if err := q.Where(fmt.Sprintf(foreign, f.Column)).Scan(ctx, &rows); err != nil {
		return err
	}
	for _, r := range rows {
		to := f.Fold(r.Value)
		if to == r.Value {
			continue
		}
		err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewUpdate().TableExpr("?", bun.Ident(f.Table)).Set("? = ?", bun.Ident(f.Column), to).
				Where("? = ?", bun.Ident(f.Key), r.Key).Where("? = ?", bun.Ident(f.Column), r.Value).Exec(ctx)
			return err
		})
		if IsUnique(err, f.Table+"."+f.Column) {
			log.WarnContext(ctx, "two spellings of one address: both stay", "table", f.Table, "column", f.Column, "id", r.Key)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}
