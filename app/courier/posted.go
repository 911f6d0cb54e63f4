package courier

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
)

// Posted returns which of some Post.Dedupe belong to a message, whatever became of it.
func (s *Service) Posted(ctx context.Context, dedupes []string) (map[string]bool, error) {
	if len(dedupes) == 0 {
		return nil, nil
	}
	var found []string
	err := s.db.NewSelect().Model((*Message)(nil)).Column("dedupe").Where("dedupe IN (?)", bun.List(dedupes)).Scan(ctx, &found)
	posted := make(map[string]bool, len(found))
	for _, d := range found {
		posted[d] = true
	}
	return posted, err
}

// Forget deletes the settled messages of one kind to an account that were posted before a time. It is for messages that
// come again and again. It leaves a message that found out that its address is refused, because Kontor would otherwise
// send to that address again.
func (s *Service) Forget(ctx context.Context, tx bun.IDB, account uuid.UUID, kind Kind, before time.Time) error {
	refusals := tx.NewSelect().Model((*refusedAddress)(nil)).ColumnExpr("1").Where("refused_address.message_id = message.id")
	_, err := tx.NewDelete().Model((*Message)(nil)).Where("account_id = ?", account).Where("kind = ?", kind).
		Where("created_at < ?", before).Where("state NOT IN (?)", bun.List(unsettled)).Where("NOT EXISTS (?)", refusals).Exec(ctx)
	return err
}
