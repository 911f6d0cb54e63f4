package handover

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
)

// Outlasting is something that a deputy arranged during a deputyship and that is still in effect after its end.
type Outlasting struct {
	Action     audit.Action `bun:"action"` // AccessCreated, AdministratorAdded or ProcessorAdded
	Subject    string       `bun:"subject"`
	At         time.Time    `bun:"at"`
	Deputy     string       `bun:"deputy"`
	EndedAt    time.Time    `bun:"ended_at"`
	CustomerID uuid.UUID    `bun:"customer_id"`
	Number     int64        `bun:"number"` // of the customer
}

// Label is the customer's number as people see it.
func (o Outlasting) Label() string { return customer.Label(o.Number) }

const (
	// lookBack is how long after the end of a deputyship its effects are listed.
	lookBack = 30 * 24 * time.Hour
	// outlastingMax is the maximum number of entries in the list.
	outlastingMax = 100
)

// Outlasts lists, newest first, what the caller's deputies arranged for the caller's customers and is still in effect.
// Customers that the deputy administers too are left out. An entry appears when the deputyship ends and stays for 30
// days.
func (s *Service) Outlasts(ctx context.Context, c account.Caller) ([]Outlasting, error) {
	now := s.o.Now()
	return s.outlasting(ctx, c.ID, now, now.Add(-lookBack))
}

// outlasting starts from the few deputyships that ended lately and finds the log entries of these deputies in that
// time. Most people had none. That is asked first, because planning the joins takes PostgreSQL milliseconds.
func (s *Service) outlasting(ctx context.Context, specialist uuid.UUID, now, since time.Time) (list []Outlasting, err error) {
	some, err := s.o.DB.NewSelect().Model((*deputyRow)(nil)).Where("specialist_id = ?", specialist).
		Where("ends_at <= ?", now).Where("ends_at > ?", since).Exists(ctx)
	if err != nil || !some {
		return nil, err
	}
	// Raw SQL: the order of the joins is the query plan.
	err = s.o.DB.NewRaw(`SELECT e.action, e.subject, e.at, p.name AS deputy, d.ends_at AS ended_at, k.id AS customer_id, k.number
		FROM deputy AS d JOIN account AS p ON p.id = d.deputy_id
		JOIN audit AS e ON e.actor_id = d.deputy_id AND e.at >= d.starts_at AND e.at < d.ends_at
		JOIN customer_administrator AS ca ON ca.customer_id = e.customer_id AND ca.specialist_id = d.specialist_id
		JOIN customer AS k ON k.id = e.customer_id AND NOT k.deleting
		WHERE d.specialist_id = ? AND d.ends_at <= ? AND d.ends_at > ?
		AND NOT EXISTS (SELECT 1 FROM customer_administrator AS o WHERE o.customer_id = k.id AND o.specialist_id = d.deputy_id)
		AND (e.action = ? AND EXISTS (SELECT 1 FROM access AS x WHERE x.id = e.subject_id)
			OR e.action = ? AND EXISTS (SELECT 1 FROM customer_administrator AS o WHERE o.customer_id = k.id AND o.specialist_id = e.subject_id)
			OR e.action = ? AND EXISTS (SELECT 1 FROM transaction_processor AS o
				WHERE o.transaction_id = e.transaction_id AND o.specialist_id = e.subject_id))
		ORDER BY e.id DESC LIMIT ?`, specialist, now, since,
		audit.AccessCreated, audit.AdministratorAdded, audit.ProcessorAdded, outlastingMax).Scan(ctx, &list)
	return list, err
}
