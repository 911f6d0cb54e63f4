package courier

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
)

// channelRow is a way that refused something since it last took a message. since is NULL while nothing but single
// numbers was refused. There is one as long as there are rows in channel_refusal, so one DELETE finds out that there is
// nothing to tidy up.
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

// raise notes a refusal of the firm; since when stays what it was.
func raise(ctx context.Context, tx bun.IDB, t Trouble) error {
	row := channelRow{Channel: t.Channel, Since: &t.Since, LastAt: &t.LastAt, Reason: t.Reason, Status: t.Status}
	_, err := tx.NewInsert().Model(&row).On("CONFLICT (channel) DO UPDATE").
		Set("since = COALESCE(channel_row.since, EXCLUDED.since)").Set("last_at = EXCLUDED.last_at").
		Set("reason = EXCLUDED.reason").Set("status = EXCLUDED.status").Exec(ctx)
	return err
}

// refusalRow is a message whose number was refused since its way last took one.
type refusalRow struct {
	bun.BaseModel `bun:"table:channel_refusal"`

	MessageID uuid.UUID `bun:"message_id,pk"`
	Channel   Channel   `bun:"channel"`
	At        time.Time `bun:"at"`
}

// noteRefused notes that the number of m was refused and returns all messages whose numbers were since the way last
// took one, m among them. The row of the way is locked first: of three at once the last sees the others.
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

// reopen has a message tried again that had come to an end, in the state from.
func reopen(ctx context.Context, tx bun.IDB, m Message, from State, reason, detail string, next time.Time) (bool, error) {
	res, err := tx.NewUpdate().Model((*Message)(nil)).Set("state = ?", Queued).Set("reason = ?", reason).Set("detail = ?", detail).
		Set("next_at = ?", next).Set("relay_at = ?", next).Set("lease_until = NULL").Set("settled_at = NULL").
		Set("handed_over_at = NULL").Where("id = ?", m.ID).Where("state = ?", from).Where("run = ?", m.Run).Exec(ctx)
	return touched(res, err)
}

// renameFailure gives a message that failed for good another reason.
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

// countWaiting counts the messages of a way that were tried in vain and are tried again, up to WaitingCap.
func countWaiting(ctx context.Context, db bun.IDB, c Channel) (n int, err error) {
	some := db.NewSelect().Model((*Message)(nil)).ColumnExpr("1").Where("relay_at IS NOT NULL").Where("channel = ?", c).
		Where("state = ?", Queued).Where("reason <> ''").Limit(WaitingCap)
	err = db.NewSelect().TableExpr("(?) AS waiting", some).ColumnExpr("count(*)").Scan(ctx, &n)
	return n, err
}
