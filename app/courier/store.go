package courier

import (
	"context"
	"database/sql"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

var unsettled = []State{Queued, Sending}

func insertMessage(ctx context.Context, tx bun.IDB, m *Message) (added bool, err error) {
	res, err := tx.NewInsert().Model(m).On("CONFLICT (dedupe) DO NOTHING").Returning("NULL").Exec(ctx)
	return touched(res, err)
}

func loadMessage(ctx context.Context, db bun.IDB, id uuid.UUID) (Message, error) {
	var m Message
	err := db.NewSelect().Model(&m).Where("id = ?", id).Scan(ctx)
	return m, err
}

// loadForUpdate reads a message and locks it for a change in the same tx. SQLite has only one writer, so the tx is lock
// enough.
func loadForUpdate(ctx context.Context, db *store.DB, tx bun.IDB, id uuid.UUID) (Message, error) {
	var m Message
	q := tx.NewSelect().Model(&m).Where("id = ?", id)
	if db.IsPostgres() {
		q = q.For("UPDATE")
	}
	err := q.Scan(ctx)
	return m, err
}

// newestOfProvider finds the newest SMS with a gateway's own id. Gateways use an id more than once.
func newestOfProvider(ctx context.Context, db bun.IDB, providerID string) (uuid.UUID, error) {
	var id uuid.UUID
	err := db.NewSelect().Model((*Message)(nil)).Column("id").Where("provider_id = ?", providerID).
		Where("provider_id <> ''").Order("created_at DESC", "id DESC").Limit(1).Scan(ctx, &id)
	return id, err
}

func messagesOfAccesses(ctx context.Context, db bun.IDB, ids []uuid.UUID) ([]Message, error) {
	var messages []Message
	err := db.NewSelect().Model(&messages).Where("access_id IN (?)", bun.List(ids)).Order("created_at", "id").
		Relation("AttemptRows", func(q *bun.SelectQuery) *bun.SelectQuery { return q.Order("number", "id") }).Scan(ctx)
	return messages, err
}

// newerExists says whether a later generation was sent to the same person on the same channel.
func newerExists(ctx context.Context, tx bun.IDB, m Message) (bool, error) {
	q := tx.NewSelect().Model((*Message)(nil)).Where("channel = ?", m.Channel).Where("generation > ?", m.Generation)
	switch {
	case m.AccessID.Valid:
		q = q.Where("access_id = ?", m.AccessID.UUID)
	case m.AccountID.Valid:
		q = q.Where("account_id = ?", m.AccountID.UUID).Where("kind = ?", m.Kind)
	default:
		return false, nil
	}
	return q.Exists(ctx)
}

func cancelAccess(ctx context.Context, tx bun.IDB, access uuid.UUID, channels []Channel, now time.Time) error {
	q := cancelling(tx, now).Where("access_id = ?", access)
	if len(channels) > 0 {
		q = q.Where("channel IN (?)", bun.List(channels))
	}
	_, err := q.Exec(ctx)
	return err
}

func cancelAccount(ctx context.Context, tx bun.IDB, account uuid.UUID, kinds []Kind, now time.Time) error {
	q := cancelling(tx, now).Where("account_id = ?", account)
	if len(kinds) > 0 {
		q = q.Where("kind IN (?)", bun.List(kinds))
	}
	_, err := q.Exec(ctx)
	return err
}

func cancelling(tx bun.IDB, now time.Time) *bun.UpdateQuery {
	return settling(tx, outcome{state: Cancelled}, now).Where("state IN (?)", bun.List(unsettled))
}

func settling(tx bun.IDB, out outcome, now time.Time) *bun.UpdateQuery {
	return tx.NewUpdate().Model((*Message)(nil)).Set("state = ?", out.state).Set("reason = ?", out.reason).
		Set("detail = ?", out.detail).Set("settled_at = ?", now).
		Set("relay_at = NULL").Set("lease_until = NULL").Set("next_at = NULL")
}

// due selects the messages that the relay should look at, of all channels or of the named ones. Only PostgreSQL locks
// their rows: SQLite has no SKIP LOCKED and needs none.
func due(db *store.DB, channels []Channel, now time.Time) *bun.SelectQuery {
	q := db.NewSelect().Model((*Message)(nil)).Column("id").Where("relay_at <= ?", now).Order("relay_at")
	if len(channels) > 0 {
		q = q.Where("channel IN (?)", bun.List(channels))
	}
	if db.IsPostgres() {
		q = q.For("UPDATE SKIP LOCKED")
	}
	return q
}

// claim leases messages. It returns only those of their columns that tickets needs.
func claim(ctx context.Context, db *store.DB, due *bun.SelectQuery, until time.Time) (got []Message, err error) {
	err = db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		got = nil
		_, err := tx.NewUpdate().Model((*Message)(nil)).Set("relay_at = ?", until).Where("id IN (?)", due).
			Returning("id, channel, run, attempts, next_at, created_at").Exec(ctx, &got)
		if store.IsNoRows(err) {
			return nil
		}
		return err
	})
	return got, err
}

// postponeRelay makes the relay look only at this time at those of the messages that are still claimed. On PostgreSQL it
// leaves out messages whose rows are locked: to wait for an attempt that is about to begin would be of no use, and could
// be a deadlock.
func postponeRelay(ctx context.Context, db *store.DB, ids []uuid.UUID, claimed, at time.Time) error {
	those := db.NewSelect().Model((*Message)(nil)).Column("id").Where("id IN (?)", bun.List(ids)).Where("relay_at = ?", claimed).
		Where("state = ?", Queued)
	if db.IsPostgres() {
		those = those.For("UPDATE SKIP LOCKED")
	}
	_, err := db.NewUpdate().Model((*Message)(nil)).Set("relay_at = ?", at).Where("id IN (?)", those).Exec(ctx)
	return err
}

func relayAll(ctx context.Context, db bun.IDB, channels []Channel, now time.Time) error {
	q := db.NewUpdate().Model((*Message)(nil)).Set("relay_at = ?", now).Where("relay_at > ?", now)
	if len(channels) > 0 {
		q = q.Where("channel IN (?)", bun.List(channels))
	}
	_, err := q.Exec(ctx)
	return err
}

// takeLeases takes messages for one attempt each, and returns those that it got, by id. A message must be queued and due,
// or an earlier attempt's lease must have ended. The others can't be leased now, or never again.
func takeLeases(ctx context.Context, tx bun.IDB, list []Ticket, now, until time.Time) (map[uuid.UUID]Message, error) {
	var got []Message
	_, err := tx.NewUpdate().Model((*Message)(nil)).Set("state = ?", Sending).Set("attempts = attempts + 1").
		Set("lease_until = ?", until).Set("relay_at = ?", until).Set("next_at = NULL").
		Where("expires_at > ?", now).
		WhereGroup(" AND ", func(q *bun.UpdateQuery) *bun.UpdateQuery {
			for run, ids := range byRun(list) {
				q = q.WhereOr("run = ? AND id IN (?)", run, bun.List(ids))
			}
			return q
		}).
		WhereGroup(" AND ", func(q *bun.UpdateQuery) *bun.UpdateQuery {
			return q.Where("state = ? AND (next_at IS NULL OR next_at <= ?)", Queued, now).
				WhereOr("state = ? AND lease_until <= ?", Sending, now)
		}).Returning("*").Exec(ctx, &got)
	if store.IsNoRows(err) {
		return nil, nil
	}
	leased := make(map[uuid.UUID]Message, len(got))
	for _, m := range got {
		leased[m.ID] = m
	}
	return leased, err
}

func byRun(list []Ticket) map[int][]uuid.UUID {
	ids := map[int][]uuid.UUID{}
	for _, t := range list {
		ids[t.Run] = append(ids[t.Run], t.MessageID)
	}
	return ids
}

// prolong renews the lease of an attempt.
func prolong(ctx context.Context, tx bun.IDB, m Message, until time.Time) (bool, error) {
	q := tx.NewUpdate().Model((*Message)(nil)).Set("lease_until = ?", until).Set("relay_at = ?", until)
	return touched(mine(q, m).Exec(ctx))
}

// unlease cancels a leased message that turns out to need no attempt.
func unlease(ctx context.Context, tx bun.IDB, m Message, now time.Time) error {
	_, err := settling(tx, outcome{state: Cancelled}, now).Set("attempts = attempts - 1").Where("id = ?", m.ID).Exec(ctx)
	return err
}

// expire settles an expired message, unless it is being sent.
func expire(ctx context.Context, tx bun.IDB, m Message, now time.Time) (bool, error) {
	res, err := settling(tx, outcome{state: Failed, reason: reasonExpired}, now).Where("id = ?", m.ID).Where("run = ?", m.Run).
		WhereGroup(" AND ", func(q *bun.UpdateQuery) *bun.UpdateQuery {
			return q.Where("state = ?", Queued).WhereOr("state = ? AND lease_until <= ?", Sending, now)
		}).Exec(ctx)
	return touched(res, err)
}

func insertAttempts(ctx context.Context, tx bun.IDB, list ...Attempt) error {
	if len(list) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&list).Exec(ctx)
	return err
}

// reportNoted says whether the same report about the same try is among the message's attempts already.
func reportNoted(ctx context.Context, tx bun.IDB, a Attempt) (bool, error) {
	return tx.NewSelect().Model((*Attempt)(nil)).Where("message_id = ?", a.MessageID).
		Where("number = ?", a.Number).Where("outcome = ?", a.Outcome).Where("reason = ?", a.Reason).Where("detail = ?", a.Detail).
		Where("started_at = ended_at").Exists(ctx)
}

// lastNumber is the number of a message's last attempt in all its runs.
func lastNumber(ctx context.Context, tx bun.IDB, message uuid.UUID) (n int, err error) {
	err = tx.NewSelect().Model((*Attempt)(nil)).ColumnExpr("COALESCE(MAX(number), 0)").
		Where("message_id = ?", message).Scan(ctx, &n)
	return n, err
}

func closeAttempt(ctx context.Context, tx bun.IDB, a Attempt) error {
	_, err := tx.NewUpdate().Model(&a).Column("ended_at", "outcome", "reason", "detail", "next_at").
		WherePK().Exec(ctx)
	return err
}

// closeAccepted records that the other side accepted the messages of these attempts.
func closeAccepted(ctx context.Context, tx bun.IDB, attempts []uuid.UUID, now time.Time) error {
	_, err := tx.NewUpdate().Model((*Attempt)(nil)).Set("ended_at = ?", now).Set("outcome = ?", Accepted).
		Where("id IN (?)", bun.List(attempts)).Exec(ctx)
	return err
}

// accepted is a message that the other side accepted.
type accepted struct {
	ID         uuid.UUID `bun:"id,type:uuid"`
	Run        int       `bun:"run"`
	ProviderID string    `bun:"provider_id"`
}

// handOver records that the other side accepted the messages. It does not matter in which attempt: no second copy is
// needed. It returns the ids of those that were unsettled until now.
func handOver(ctx context.Context, tx bun.IDB, list []accepted, now time.Time) (ids []uuid.UUID, err error) {
	_, err = settling(tx, outcome{state: HandedOver}, now).With("accepted", tx.NewValues(&list)).TableExpr("accepted").
		Set("handed_over_at = ?", now).Set("provider_id = accepted.provider_id").
		Where("message.id = accepted.id").Where("message.run = accepted.run").Where("message.state IN (?)", bun.List(unsettled)).
		Returning("message.id").Exec(ctx, &ids)
	if store.IsNoRows(err) {
		return nil, nil
	}
	return ids, err
}

// mine restricts an update to a message that is still in this attempt: not cancelled and not taken over. Renewals of
// the lease and all outcomes but handOver use it.
func mine(q *bun.UpdateQuery, m Message) *bun.UpdateQuery {
	return q.Where("id = ?", m.ID).Where("run = ?", m.Run).Where("state = ?", Sending).Where("attempts = ?", m.Attempts)
}

func fail(ctx context.Context, tx bun.IDB, m Message, out outcome, now time.Time) (bool, error) {
	return touched(mine(settling(tx, out, now), m).Exec(ctx))
}

// queueAgain queues a message whose attempt failed. The relay leaves it to the queue's own retry at first.
func queueAgain(ctx context.Context, tx bun.IDB, m Message, out outcome) (bool, error) {
	q := tx.NewUpdate().Model((*Message)(nil)).Set("state = ?", Queued).Set("reason = ?", out.reason).Set("detail = ?", out.detail).
		Set("next_at = ?", out.next).Set("relay_at = ?", out.next.Add(relayMargin)).Set("lease_until = NULL")
	return touched(mine(q, m).Exec(ctx))
}

// reported settles a message by its provider's report, unless it is in a final state already.
func reported(ctx context.Context, tx bun.IDB, m Message, out outcome, now time.Time) (bool, error) {
	q := settling(tx, out, now).Where("id = ?", m.ID).
		Where("state IN (?)", bun.List([]State{Queued, Sending, HandedOver}))
	if m.HandedOverAt == nil && out.state == Delivered {
		q = q.Set("handed_over_at = ?", now)
	}
	return touched(q.Exec(ctx))
}

func runAgain(ctx context.Context, tx bun.IDB, id uuid.UUID, now time.Time) (bool, error) {
	res, err := tx.NewUpdate().Model((*Message)(nil)).Set("state = ?", Queued).Set("run = run + 1").
		Set("attempts = 0").Set("reason = ''").Set("detail = ''").Set("relay_at = ?", now).
		Set("lease_until = NULL").Set("next_at = NULL").Set("settled_at = NULL").Set("handed_over_at = NULL").
		Where("id = ?", id).Where(failing).Where("expires_at > ?", now).Exec(ctx)
	return touched(res, err)
}

// boxed is a row of the built-in mailbox.
type boxed struct {
	bun.BaseModel `bun:"table:mailbox"`

	ID        uuid.UUID     `bun:"id,pk"`
	MessageID uuid.NullUUID `bun:"message_id"`
	Sealed    []byte        `bun:"sealed"`
	CreatedAt time.Time     `bun:"created_at"`
}

// insertBoxed puts messages into the mailbox and deletes all but the newest keep messages.
func insertBoxed(ctx context.Context, tx bun.IDB, list []boxed, keep int) error {
	if _, err := tx.NewInsert().Model(&list).Exec(ctx); err != nil {
		return err
	}
	oldest := tx.NewSelect().Model((*boxed)(nil)).Column("id").Order("id DESC").Offset(int64(keep)).Limit(1)
	_, err := tx.NewDelete().Model((*boxed)(nil)).Where("id <= (?)", oldest).Exec(ctx)
	return err
}

func newestBoxed(ctx context.Context, db bun.IDB, limit int) ([]boxed, error) {
	var rows []boxed
	err := db.NewSelect().Model(&rows).Order("id DESC").Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// touched says whether an UPDATE or INSERT found its row.
func touched(res sql.Result, err error) (bool, error) {
	if store.IsNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

func cancelMessage(ctx context.Context, db bun.IDB, id uuid.UUID, now time.Time) error {
	_, err := cancelling(db, now).Where("id = ?", id).Exec(ctx)
	return err
}

func hurry(ctx context.Context, db bun.IDB, id uuid.UUID, now time.Time) error {
	_, err := db.NewUpdate().Model((*Message)(nil)).Set("next_at = NULL").Set("relay_at = ?", now).
		Where("id = ?", id).Where("state = ?", Queued).Exec(ctx)
	return err
}

const (
	// hurryMax is how many messages HurryAll makes due, and hurryChunk how many of them in one tx, so that others can
	// write in between.
	hurryMax   = 50_000
	hurryChunk = 2_000
)

func hurryAll(ctx context.Context, db *store.DB, channel Channel, now time.Time) error {
	for range hurryMax / hurryChunk {
		waiting := db.NewSelect().Model((*Message)(nil)).Column("id").Where("channel = ?", channel).Where("relay_at IS NOT NULL").
			Where("state = ?", Queued).Where("next_at > ?", now).Order("relay_at").Limit(hurryChunk)
		res, err := db.NewUpdate().Model((*Message)(nil)).Set("next_at = NULL").Set("relay_at = ?", now).
			Where("id IN (?)", waiting).Where("state = ?", Queued).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n < hurryChunk {
			return err
		}
	}
	return nil
}
