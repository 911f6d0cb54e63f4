package courier

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
)

// channelRow is a channel that refused something since it last accepted a message. Since is NULL while only single
// numbers were refused. The row exists as long as channel_refusal has rows of the channel, so one DELETE shows whether
// there is anything to clean up.
type channelRow struct {
	bun.BaseModel `bun:"table:channel_state"`

	Channel Channel    `bun:"channel,pk"`
	Since   *time.Time `bun:"since"`
	LastAt  *time.Time `bun:"last_at"`
	Reason  string     `bun:"reason"`
	Status  string     `bun:"status"`
}

func channelWorks(ctx context.Context, tx bun.IDB, c Channel) error {
	res, err := tx.NewDelete().Model((*channelRow)(nil)).Where("channel = ?", c).Exec(ctx)
	some, err := touched(res, err)
	if err != nil || !some {
		return err
	}
	if _, err = tx.NewDelete().Table("channel_refusal").Where("channel = ?", c).Exec(ctx); err != nil {
		return err
	}
	_, err = tx.NewUpdate().Table("channel_pace").Set("away = FALSE").Set("probe_at = NULL").Where("channel = ?", c).Exec(ctx)
	return err
}

// raise records a refusal of the firm. If the channel is in trouble already, the time since when stays as it is.
func raise(ctx context.Context, tx bun.IDB, t Trouble) error {
	row := channelRow{Channel: t.Channel, Since: &t.Since, LastAt: &t.LastAt, Reason: t.Reason, Status: t.Status}
	_, err := tx.NewInsert().Model(&row).On("CONFLICT (channel) DO UPDATE").
		Set("since = COALESCE(channel_row.since, EXCLUDED.since)").Set("last_at = EXCLUDED.last_at").
		Set("reason = EXCLUDED.reason").Set("status = EXCLUDED.status").Exec(ctx)
	return err
}

// refusalRow is a message whose number was refused since its channel last accepted a message.
type refusalRow struct {
	bun.BaseModel `bun:"table:channel_refusal"`

	MessageID uuid.UUID `bun:"message_id,pk"`
	Channel   Channel   `bun:"channel"`
	At        time.Time `bun:"at"`
}

// noteRefused records that the number of m was refused. It returns all messages whose numbers were refused since the
// channel last accepted a message, including m. It locks the channel's row first, so that the last of several
// concurrent refusals sees the others.
func noteRefused(ctx context.Context, tx bun.IDB, m Message, now time.Time) (all []Message, err error) {
	_, err = tx.NewInsert().Model(&channelRow{Channel: m.Channel}).On("CONFLICT (channel) DO UPDATE").
		Set("channel = EXCLUDED.channel").Exec(ctx)
	if err != nil {
		return nil, err
	}
	_, err = tx.NewInsert().Model(&refusalRow{MessageID: m.ID, Channel: m.Channel, At: now}).
		On("CONFLICT (message_id) DO UPDATE").Set("at = EXCLUDED.at").Exec(ctx)
	if err != nil {
		return nil, err
	}
	err = tx.NewSelect().Model(&all).Where("id IN (SELECT r.message_id FROM channel_refusal AS r WHERE r.channel = ?)", m.Channel).
		Order("id").Scan(ctx)
	return all, err
}

// reopen queues a message again that has ended, unless its state has changed since m was read.
func reopen(ctx context.Context, tx bun.IDB, m Message, out outcome) (bool, error) {
	res, err := tx.NewUpdate().Model((*Message)(nil)).Set("state = ?", Queued).Set("reason = ?", out.reason).Set("detail = ?", out.detail).
		Set("next_at = ?", out.next).Set("relay_at = ?", out.next).Set("lease_until = NULL").Set("settled_at = NULL").
		Set("handed_over_at = NULL").Where("id = ?", m.ID).Where("state = ?", m.State).Where("run = ?", m.Run).Exec(ctx)
	return touched(res, err)
}

// renameFailure changes the reason of a message that failed for good.
func renameFailure(ctx context.Context, tx bun.IDB, m Message, reason string) error {
	_, err := tx.NewUpdate().Model((*Message)(nil)).Set("reason = ?", reason).Where("id = ?", m.ID).
		Where("state = ?", Failed).Exec(ctx)
	return err
}

func troubles(ctx context.Context, db bun.IDB) (list []Trouble, err error) {
	err = db.NewSelect().Model((*channelRow)(nil)).Where("since IS NOT NULL").Order("channel").Scan(ctx, &list)
	return list, err
}

func countTroubles(ctx context.Context, db bun.IDB) (n int, err error) {
	err = db.NewSelect().Model((*channelRow)(nil)).ColumnExpr("count(*)").Where("since IS NOT NULL").Scan(ctx, &n)
	return n, err
}

// countWaiting counts the messages of a channel that failed and will be tried again, up to waitingCap.
func countWaiting(ctx context.Context, db bun.IDB, c Channel) (n int, err error) {
	some := db.NewSelect().Model((*Message)(nil)).ColumnExpr("1").Where("relay_at IS NOT NULL").Where("channel = ?", c).
		Where("state = ?", Queued).Where("reason <> ''").Limit(waitingCap)
	err = db.NewSelect().TableExpr("(?) AS waiting", some).ColumnExpr("count(*)").Scan(ctx, &n)
	return n, err
}
