package customer

import (
	"context"
	"errors"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// AccessStatus is the activity status of an access: whether the end user has activated it, and if not, why.
type AccessStatus string

// The statuses; locale keys "status.<status>".
const (
	Invited       AccessStatus = "invited"
	Registered    AccessStatus = "registered"
	LinkExpired   AccessStatus = "expired"
	Undeliverable AccessStatus = "undeliverable"
	Deactivated   AccessStatus = "deactivated"
	Waits         AccessStatus = "waiting"     // for approval: the address belongs to a specialist user
	NotInvited    AccessStatus = "not_invited" // it was imported without an invitation
)

// AccessState holds what the status of an access depends on.
type AccessState struct {
	LinkExpiresAt time.Time  `bun:"link_expires_at"`
	Undeliverable string     `bun:"undeliverable"` // key of the reason why the mail of the invitation failed, or ""
	RegisteredAt  *time.Time `bun:"registered_at"`
	DeactivatedAt *time.Time `bun:"deactivated_at"`
	Waiting       bool       `bun:"waiting"` // DeactivatedAt is set as well
	Uninvited     bool       `bun:"uninvited"`
}

// Status returns the status at the time now: the first that applies of Waits, Deactivated, Registered, NotInvited,
// Undeliverable and LinkExpired, otherwise Invited.
func (a AccessState) Status(now time.Time) AccessStatus {
	switch {
	case a.Waiting:
		return Waits
	case a.DeactivatedAt != nil:
		return Deactivated
	case a.RegisteredAt != nil:
		return Registered
	case a.Uninvited:
		return NotInvited
	case a.Undeliverable != "":
		return Undeliverable
	case !now.Before(a.LinkExpiresAt):
		return LinkExpired
	}
	return Invited
}

// AccessSummary sums up a customer's accesses. Worst is the first of Undeliverable, Waits, LinkExpired, Invited,
// NotInvited, Registered and Deactivated that at least one of them has, "" without an access.
type AccessSummary struct {
	Registered, Total int
	Worst             AccessStatus
}

// severity orders statuses for AccessSummary.Worst.
var severity = map[AccessStatus]int{Deactivated: 1, Registered: 2, NotInvited: 3, Invited: 4, LinkExpired: 5, Waits: 6, Undeliverable: 7}

// accessColumns are the columns of a customer that sum up its accesses, so that a list need not read them. Links expire
// without a change of the row. So the columns count every link as valid, and say when the first one expires.
type accessColumns struct {
	Total       int          `bun:"access_count"`
	Registered  int          `bun:"access_registered"`
	Worst       AccessStatus `bun:"access_worst"`
	FirstExpiry *time.Time   `bun:"access_expires_at"`
}

// sumUp computes the columns from all accesses of a customer.
func sumUp(accesses []accessState) (c accessColumns) {
	for _, a := range accesses {
		status := a.Status(time.Time{}) // before any link expires
		c.Total++
		if status == Registered {
			c.Registered++
		}
		if severity[status] > severity[c.Worst] {
			c.Worst = status
		}
		if status == Invited && (c.FirstExpiry == nil || a.LinkExpiresAt.Before(*c.FirstExpiry)) {
			c.FirstExpiry = &a.LinkExpiresAt
		}
	}
	return c
}

// summary returns the summary at the time now.
func (c accessColumns) summary(now time.Time) AccessSummary {
	s := AccessSummary{Registered: c.Registered, Total: c.Total, Worst: c.Worst}
	if c.FirstExpiry != nil && !now.Before(*c.FirstExpiry) && severity[LinkExpired] > severity[c.Worst] {
		s.Worst = LinkExpired
	}
	return s
}

// Accesses sums up the accesses of a customer. It does not authorise. ErrNotFound when there is no such customer.
func (s *Service) Accesses(ctx context.Context, id uuid.UUID) (AccessSummary, error) {
	var r record
	err := s.db.NewSelect().Model(&r).Column(`access_count`, `access_registered`, `access_worst`, `access_expires_at`).Where(`id = ?`, id).Scan(ctx)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return r.summary(s.now()), err
}

const (
	// summaryChunk is the number of customers whose summaries one query checks. With ten times as many, PostgreSQL would read
	// all accesses.
	summaryChunk = 1000
	// summaryRest is how many times as long as a query took nothing is checked afterwards, so that people notice nothing.
	summaryRest = 19
)

// CorrectAccessSummaries recomputes the customers whose row does not sum up their accesses as they are, and returns how
// many there were. There are none unless a version that does not know the summary has changed accesses meanwhile.
func (s *Service) CorrectAccessSummaries(ctx context.Context) (corrected int, err error) {
	var last int64
	if err := s.db.NewSelect().Model((*record)(nil)).ColumnExpr(`COALESCE(max(number), 0)`).Scan(ctx, &last); err != nil {
		return 0, err
	}
	for from := int64(0); from <= last; from += summaryChunk {
		began := time.Now()
		ids, err := s.wrongSummaries(ctx, from, from+summaryChunk)
		if err != nil {
			return corrected, err
		}
		if from+summaryChunk <= last {
			rest(ctx, summaryRest*time.Since(began))
		}
		for _, id := range ids {
			err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.Refresh(ctx, tx, id) })
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return corrected, err
			}
			corrected++
		}
	}
	return corrected, nil
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// wrongSummaries returns the customers with numbers in [from, to) whose row does not sum up their accesses. Its SQL is
// the same rule as sumUp.
func (s *Service) wrongSummaries(ctx context.Context, from, to int64) (ids []uuid.UUID, err error) {
	// Raw SQL: the expressions are the point of this query.
	err = s.db.NewRaw(`SELECT customer.id FROM customer LEFT JOIN (
			SELECT *, CASE WHEN waiting THEN 5 WHEN deactivated_at IS NOT NULL THEN 1 WHEN registered_at IS NOT NULL THEN 2
				WHEN uninvited THEN 3 WHEN undeliverable <> '' THEN 6 ELSE 4 END AS severity FROM access
		) AS a ON a.customer_id = customer.id
		WHERE customer.number >= ? AND customer.number < ? AND NOT customer.deleting
		GROUP BY customer.number
		HAVING customer.access_count <> count(a.id) OR customer.access_registered <> count(CASE WHEN a.severity = 2 THEN 1 END)
			OR customer.access_worst <> CASE max(a.severity) WHEN 6 THEN ? WHEN 5 THEN ? WHEN 4 THEN ? WHEN 3 THEN ? WHEN 2 THEN ? WHEN 1 THEN ? ELSE '' END
			OR customer.access_expires_at IS DISTINCT FROM min(CASE WHEN a.severity = 4 THEN a.link_expires_at END)`,
		from, to, Undeliverable, Waits, Invited, NotInvited, Registered, Deactivated).Scan(ctx, &ids)
	return ids, err
}
