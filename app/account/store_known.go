package account

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// knownBrowser is a browser that an account has signed in with. Its id stays the same when its token changes, so its
// counter of wrong passwords stays, too.
type knownBrowser struct {
	bun.BaseModel `bun:"table:known_browser"`

	ID        uuid.UUID `bun:"id,pk"`
	AccountID uuid.UUID `bun:"account_id"`
	TokenHash string    `bun:"token_hash"`
	SeenAt    time.Time `bun:"seen_at"`
}

func findBrowser(ctx context.Context, db bun.IDB, account uuid.UUID, hash string, since time.Time) (uuid.UUID, error) {
	var id uuid.UUID
	err := db.NewSelect().Model((*knownBrowser)(nil)).Column("id").Where("token_hash = ?", hash).
		Where("account_id = ?", account).Where("seen_at > ?", since).Scan(ctx, &id)
	if store.IsNoRows(err) {
		return uuid.Nil, nil
	}
	return id, err
}

// moveBrowser replaces a browser's token, for all accounts that know the browser.
func moveBrowser(ctx context.Context, tx bun.IDB, from, to string) error {
	_, err := tx.NewUpdate().Model((*knownBrowser)(nil)).Set("token_hash = ?", to).Where("token_hash = ?", from).Exec(ctx)
	return err
}

func putBrowser(ctx context.Context, tx bun.IDB, b knownBrowser) error {
	_, err := tx.NewInsert().Model(&b).On("CONFLICT (token_hash, account_id) DO UPDATE").Set("seen_at = EXCLUDED.seen_at").
		Returning("NULL").Exec(ctx)
	return err
}

// trimBrowsers deletes all but the most recently used browsers of an account.
func trimBrowsers(ctx context.Context, tx bun.IDB, account uuid.UUID, most int) error {
	newest := tx.NewSelect().Model((*knownBrowser)(nil)).Column("id").Where("account_id = ?", account).
		Order("seen_at DESC", "id DESC").Limit(int64(most))
	_, err := tx.NewDelete().Model((*knownBrowser)(nil)).Where("account_id = ?", account).Where("id NOT IN (?)", newest).Exec(ctx)
	return err
}
