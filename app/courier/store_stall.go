package courier

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// stall is the row of a message that its channel refused.
type stall struct {
	bun.BaseModel `bun:"table:message_stall"`

	MessageID uuid.UUID  `bun:"message_id,pk"`
	Channel   Channel    `bun:"channel"`
	Tries     int        `bun:"tries"`
	Step      int        `bun:"step"`
	Resumed   int        `bun:"resumed"`
	ResumeAt  *time.Time `bun:"resume_at"`
	Unsure    bool       `bun:"unsure"`

	stored, changed bool
}

// loadStalls returns the rows of messages, by their ids. It is called inside the tx that records an outcome. Nobody else
// changes the row of a message that is being sent.
func loadStalls(ctx context.Context, tx bun.IDB, ids []uuid.UUID) (map[uuid.UUID]stall, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []stall
	err := tx.NewSelect().Model(&rows).Where("message_id IN (?)", bun.List(ids)).Scan(ctx)
	of := make(map[uuid.UUID]stall, len(rows))
	for _, st := range rows {
		st.stored = true
		of[st.MessageID] = st
	}
	return of, err
}

// keep stores what an attempt has changed, or deletes the row if the message is settled.
func (st *stall) keep(ctx context.Context, tx bun.IDB, state State) error {
	switch {
	case state == Queued && st.changed:
		return saveStall(ctx, tx, *st)
	case state != Queued && st.stored:
		return forgetStall(ctx, tx, st.MessageID)
	}
	return nil
}

func saveStall(ctx context.Context, tx bun.IDB, st stall) error {
	_, err := tx.NewInsert().Model(&st).On("CONFLICT (message_id) DO UPDATE").
		Set("tries = EXCLUDED.tries").Set("step = EXCLUDED.step").Set("resumed = EXCLUDED.resumed").
		Set("resume_at = EXCLUDED.resume_at").Set("unsure = EXCLUDED.unsure").Exec(ctx)
	return err
}

func forgetStall(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	_, err := tx.NewDelete().Model((*stall)(nil)).Where("message_id = ?", id).Exec(ctx)
	return err
}

func troubleOf(ctx context.Context, db bun.IDB, c Channel) (t Trouble, found bool, err error) {
	err = db.NewSelect().Model((*channelRow)(nil)).Where("channel = ?", c).Where("since IS NOT NULL").Scan(ctx, &t)
	if store.IsNoRows(err) {
		return t, false, nil
	}
	return t, err == nil, err
}

func anyStalled(ctx context.Context, db bun.IDB, c Channel) (bool, error) {
	return db.NewSelect().Model((*stall)(nil)).Where("channel = ?", c).Where("resume_at IS NOT NULL").Exists(ctx)
}

// turn is work on a channel that one process does at a time. column is the column of channel_pace that says when it is
// due next.
type turn struct {
	channel Channel
	column  string
}

const (
	toProbe  = "probe_at"
	toResume = "resume_at"
)

// take says whether this process may do the work now. If so, the work is due again at next.
func (t turn) take(ctx context.Context, db bun.IDB, now, next time.Time) (bool, error) {
	// Raw SQL: the column is named in five places.
	res, err := db.NewRaw(`INSERT INTO channel_pace (channel, ?0) VALUES (?1, ?3) ON CONFLICT (channel) DO UPDATE SET ?0 = EXCLUDED.?0
		WHERE channel_pace.?0 IS NULL OR channel_pace.?0 <= ?2`, bun.Ident(t.column), t.channel, now, next).Exec(ctx)
	return touched(res, err)
}

// waiting selects the messages that wait for their channel, without those that are due already.
func waiting(db *store.DB, tx bun.IDB, c Channel, now time.Time) *bun.SelectQuery {
	q := tx.NewSelect().TableExpr("message_stall AS s").Join("JOIN message AS m ON m.id = s.message_id").Column("s.message_id").
		Where("s.channel = ?", c).Where("s.resume_at <= ?", now).Where("m.state = ?", Queued).Where("m.next_at > ?", now)
	if db.IsPostgres() {
		q = q.For("UPDATE OF m, s SKIP LOCKED")
	}
	return q
}

// longestStalled returns those of the waiting messages that may be released first.
func longestStalled(ctx context.Context, waiting *bun.SelectQuery, limit int) (ids []uuid.UUID, err error) {
	err = waiting.Order("s.resume_at", "s.message_id").Limit(int64(limit)).Scan(ctx, &ids)
	return ids, err
}

// leastTried picks from the waiting messages the one with which to probe their channel: the one with the fewest tries,
// so that each has its turn.
func leastTried(ctx context.Context, waiting *bun.SelectQuery, unsure bool) ([]uuid.UUID, bool, error) {
	q := waiting.Order("s.unsure", "s.tries", "s.message_id").Limit(1)
	if !unsure {
		q = q.Where("NOT s.unsure")
	}
	var ids []uuid.UUID
	err := q.Scan(ctx, &ids)
	return ids, len(ids) > 0, err
}

// letGo releases messages: they are due at once.
func letGo(ctx context.Context, tx bun.IDB, ids []uuid.UUID, now time.Time) error {
	_, err := tx.NewUpdate().Model((*Message)(nil)).Set("next_at = NULL").Set("relay_at = ?", now).
		Where("id IN (?)", bun.List(ids)).Where("state = ?", Queued).Exec(ctx)
	return err
}

// resumed records that messages were released because their channel works. At the first time their schedule starts
// again.
func resumed(ctx context.Context, tx bun.IDB, ids []uuid.UUID) error {
	_, err := tx.NewUpdate().Model((*stall)(nil)).Set("step = CASE WHEN resumed = 0 THEN 0 ELSE step END").Set("resumed = resumed + 1").Set("resume_at = NULL").
		Where("message_id IN (?)", bun.List(ids)).Exec(ctx)
	return err
}

// forgetSettled removes the rows of messages that were settled in another way than by an attempt.
func forgetSettled(ctx context.Context, tx bun.IDB, c Channel) error {
	stalled := tx.NewSelect().Model((*stall)(nil)).Column("message_id").Where("channel = ?", c)
	settled := tx.NewSelect().Model((*Message)(nil)).Column("id").Where("id IN (?)", stalled).Where("state NOT IN (?, ?)", Queued, Sending)
	_, err := tx.NewDelete().Model((*stall)(nil)).Where("channel = ?", c).Where("message_id IN (?)", settled).Exec(ctx)
	return err
}

// noteAway records that a probe could not reach the other side, unless the trouble is over meanwhile.
func noteAway(ctx context.Context, tx bun.IDB, t Trouble) error {
	if _, err := tx.NewUpdate().Table("channel_pace").Set("away = TRUE").Where("channel = ?", t.Channel).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.NewUpdate().Model((*channelRow)(nil)).Set("last_at = ?", t.LastAt).Set("reason = ?", t.Reason).Set("status = ?", t.Status).
		Where("channel = ?", t.Channel).Where("since IS NOT NULL").Exec(ctx)
	return err
}

// notAway records that a probe reached the other side. news is true if the last probe did not.
func notAway(ctx context.Context, tx bun.IDB, c Channel) (news bool, err error) {
	res, err := tx.NewUpdate().Table("channel_pace").Set("away = FALSE").Where("channel = ?", c).Where("away").Exec(ctx)
	return touched(res, err)
}
