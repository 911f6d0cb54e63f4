package courier

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
)

// FailingFilter narrows Failing; the zero value is all.
type FailingFilter struct {
	CustomerID, AccessID uuid.UUID
	Channel              Channel
}

// Failing are the messages that failed, and those that a restored backup cancelled, oldest first: of each person and way
// only the newest generation, since what it replaced is of no use.
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

// failing is what may be run again.
const failing = `(message.state = 'failed' OR message.state = 'cancelled' AND message.reason = '` + ReasonRestored + `')`

// ReasonRestored is why a message was cancelled that was on its way when a backup was made: it may have gone out since, and
// only a person can know.
const ReasonRestored = "restored"

// CancelRestored cancels what was on its way when the backup was made that tx's database comes from, and says how much.
func (s *Service) CancelRestored(ctx context.Context, tx bun.IDB) (cancelled int64, err error) {
	res, err := settling(tx, Cancelled, ReasonRestored, "", s.now()).Where("state IN (?)", bun.List(unsettled)).Exec(ctx)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// SMSFailure is why the newest SMS of an access's invitation failed for good, as an expression: the key of the reason, ""
// when it did not, or there is none. It takes expressions for the access's id and the invitation's generation.
func SMSFailure(access, generation string) string {
	return `COALESCE((SELECT CASE WHEN m.state <> 'failed' THEN '' WHEN m.reason = '' THEN 'internal' ELSE m.reason END
		FROM message AS m WHERE m.access_id = ` + access + ` AND m.channel = 'sms' AND m.generation = ` + generation + `
		ORDER BY m.created_at DESC, m.id DESC LIMIT 1), '')`
}
