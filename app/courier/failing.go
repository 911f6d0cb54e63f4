package courier

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
)

// FailingFilter narrows the result of Failing; its zero value selects all.
type FailingFilter struct {
	CustomerID, AccessID uuid.UUID
	Channel              Channel
}

// Failing returns the messages that failed, and those that were cancelled because a backup was restored, oldest first.
// For each person and channel it returns only the newest generation, since older ones have been replaced.
func (s *Service) Failing(ctx context.Context, f FailingFilter) (list []Message, err error) {
	q := s.db.NewSelect().Model(&list).Where(failing).
		Where(`NOT EXISTS (SELECT 1 FROM message AS newer WHERE newer.channel = message.channel AND newer.generation > message.generation
			AND (newer.access_id = message.access_id OR newer.account_id = message.account_id AND newer.kind = message.kind))`).
		Order("message.created_at", "message.id")
	if f.CustomerID != uuid.Nil {
		q = q.Where("message.customer_id = ?", f.CustomerID)
	}
	if f.AccessID != uuid.Nil {
		q = q.Where("message.access_id = ?", f.AccessID)
	}
	if f.Channel != "" {
		q = q.Where("message.channel = ?", f.Channel)
	}
	return list, q.Scan(ctx)
}

// failing is the condition that a message may be run again.
const failing = `(message.state = 'failed' OR message.state = 'cancelled' AND message.reason = '` + ReasonRestored + `')`

// ReasonRestored is the reason of a message that was on its way when a backup was made, and was cancelled when that
// backup was restored. It may have been sent since then; only a person can find out.
const ReasonRestored = "restored"

// CancelRestored cancels the messages that were on their way when the restored backup was made. It returns how many
// they are.
func (s *Service) CancelRestored(ctx context.Context, tx bun.IDB) (cancelled int64, err error) {
	res, err := settling(tx, outcome{state: Cancelled, reason: ReasonRestored}, s.now()).Where("state IN (?)", bun.List(unsettled)).Exec(ctx)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// SMSFailure is an SQL expression for the reason why the newest SMS of an access's invitation failed for good: the key
// of the reason, or "" if it did not fail or there is none. The arguments are SQL expressions for the access's id and
// the invitation's generation.
func SMSFailure(access, generation string) string {
	return `COALESCE((SELECT CASE WHEN m.state <> 'failed' THEN '' WHEN m.reason = '' THEN 'internal' ELSE m.reason END
		FROM message AS m WHERE m.access_id = ` + access + ` AND m.channel = 'sms' AND m.generation = ` + generation + `
		ORDER BY m.created_at DESC, m.id DESC LIMIT 1), '')`
}
