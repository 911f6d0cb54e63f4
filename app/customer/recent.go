package customer

import (
	"context"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
)

// RecentMost is how many customers Recent returns at most.
const RecentMost = 8

// noteEvery is the accuracy of opened_at. Showing a page reads the database and must not write to it every time.
const noteEvery = time.Minute

// Opened notes that the caller has opened a customer's page, at most once a minute. The caller may read the customer; the
// page has checked that. While the database can't be written, nothing is noted, and that is no error.
func (s *Service) Opened(ctx context.Context, c account.Caller, id uuid.UUID) error {
	now := s.now()
	if c.ID.IsNil() || !s.opened.isDue(openedKey{c.ID, id}, now) {
		return nil
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := putRecent(ctx, tx, recent{AccountID: c.ID, CustomerID: id, OpenedAt: now}); err != nil {
			return err
		}
		return trimRecent(ctx, tx, c.ID)
	})
	switch {
	case store.IsForeignKey(err): // the customer has just been deleted
		return nil
	case store.Outage(err) != nil:
		return nil //nolint:nilerr // what can be read can still be shown
	}
	return err
}

// Recent returns the customers that the caller has opened last, the last one first; only those that the caller may still
// read.
func (s *Service) Recent(ctx context.Context, c account.Caller) ([]Row, error) {
	where, nothing, err := s.Readable(c)
	if err != nil || nothing {
		return nil, err
	}
	q := s.from("customer").ColumnExpr(rowColumns).Join("JOIN recent_customer AS r ON r.customer_id = customer.id").
		Where("r.account_id = ?", c.ID).Order("r.opened_at DESC", "customer.number").Limit(RecentMost)
	if where != nil {
		q.Where("?", where)
	}
	var records []rowRecord
	if err := q.Scan(ctx, &records); err != nil {
		return nil, err
	}
	rows := make([]Row, len(records))
	for i := range records {
		rows[i] = records[i].row(s.now())
	}
	return rows, nil
}

// recent says when a person opened a customer's page last.
type recent struct {
	bun.BaseModel `bun:"table:recent_customer"`

	AccountID  uuid.UUID `bun:"account_id,pk"`
	CustomerID uuid.UUID `bun:"customer_id,pk"`
	OpenedAt   time.Time `bun:"opened_at"`
}

func putRecent(ctx context.Context, tx bun.IDB, r recent) error {
	_, err := tx.NewInsert().Model(&r).On("CONFLICT (account_id, customer_id) DO UPDATE").Set("opened_at = EXCLUDED.opened_at").Exec(ctx)
	return err
}

// trimRecent deletes all but a person's newest rows.
func trimRecent(ctx context.Context, tx bun.IDB, account uuid.UUID) error {
	newest := tx.NewSelect().Model((*recent)(nil)).Column("customer_id").Where("account_id = ?", account).
		Order("opened_at DESC", "customer_id").Limit(RecentMost)
	_, err := tx.NewDelete().Model((*recent)(nil)).Where("account_id = ?", account).Where("customer_id NOT IN (?)", newest).Exec(ctx)
	return err
}

// openedKey is a person and a customer whose page they have opened.
type openedKey struct{ person, customer uuid.UUID }

// opened knows what this process has noted in the last minute.
type opened struct {
	mu    sync.Mutex
	since time.Time          // when now was emptied
	now   map[openedKey]bool // noted since then
}

// isDue says whether it is to be noted that a person opens a customer's page, and remembers that it was. What it knows is
// forgotten once a minute, so it stays small; at worst something is noted twice.
func (o *opened) isDue(k openedKey, at time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now == nil || at.Sub(o.since) >= noteEvery {
		o.since, o.now = at, map[openedKey]bool{}
	}
	due := !o.now[k]
	o.now[k] = true
	return due
}
