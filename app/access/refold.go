package access

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
)

// folded are the columns that hold addresses and logins folded, and how they are.
var folded = []struct {
	table, key, column string
	fold               func(string) string
}{
	{"account", "id", "email_folded", store.FoldEmail},
	{"account", "id", "username_folded", store.FoldEmail},
	{"access", "id", "email_folded", store.FoldEmail},
	{"access", "id", "approved", store.FoldEmail},
	{"former_address", "account_id", "mailbox", account.Mailbox},
}

// Refold folds again what an earlier version folded otherwise: addresses whose domain is not written in ASCII, and logins
// with characters that nobody sees. Where the folded form belongs to somebody else already (two accounts, one for each
// spelling), both stay as they are, nobody is merged, and both sign in with the spelling they have; that is logged with
// the ids. Doing it twice does nothing.
func (s *Service) Refold(ctx context.Context, log *slog.Logger) error {
	for _, f := range folded {
		var rows []struct {
			Key   uuid.UUID `bun:"key"`
			Value string    `bun:"value"`
		}
		foreign := `%s GLOB '*[^ -~]*'`
		if s.db.IsPostgres() {
			foreign = `%s ~ '[^ -~]'`
		}
		q := s.db.NewSelect().TableExpr("?", bun.Ident(f.table)).ColumnExpr("? AS key, ? AS value", bun.Ident(f.key), bun.Ident(f.column))
		if err := q.Where(fmt.Sprintf(foreign, f.column)).Scan(ctx, &rows); err != nil {
			return err
		}
		for _, r := range rows {
			to := f.fold(r.Value)
			if to == r.Value {
				continue
			}
			err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.NewUpdate().TableExpr("?", bun.Ident(f.table)).Set("? = ?", bun.Ident(f.column), to).
					Where("? = ?", bun.Ident(f.key), r.Key).Where("? = ?", bun.Ident(f.column), r.Value).Exec(ctx)
				return err
			})
			if store.IsUnique(err, f.table+"."+f.column) {
				log.WarnContext(ctx, "two spellings of one address: both stay", "table", f.table, "column", f.column, "id", r.Key)
				continue
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
