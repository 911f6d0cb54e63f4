package courier

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/listing"
)

// OfAccess returns all messages of one access with their attempts, oldest first, inside the caller's tx.
func (s *Service) OfAccess(ctx context.Context, tx bun.IDB, access uuid.UUID) ([]Message, error) {
	return messagesOfAccesses(ctx, tx, []uuid.UUID{access})
}

// StatesOf returns the states of an access's messages of a generation, inside the caller's tx. They stay so until the tx ends.
func (s *Service) StatesOf(ctx context.Context, tx bun.IDB, access uuid.UUID, generation int) (states []State, err error) {
	q := tx.NewSelect().Model((*Message)(nil)).Column("state").Where("access_id = ?", access).Where("generation = ?", generation).Order("id")
	if s.db.IsPostgres() {
		q.For("UPDATE")
	}
	return states, q.Scan(ctx, &states)
}

// PutBack restores messages that were deleted with their access, inside the tx that restores the access. They belong to
// the account that the access has by then. They are only a record: nothing is sent. A message that was not settled is
// cancelled.
func (s *Service) PutBack(ctx context.Context, tx bun.IDB, list []Message, account uuid.NullUUID) error {
	for _, m := range list {
		if m.AccountID.Valid {
			m.AccountID = account
		}
		m.ApprovalID = uuid.NullUUID{} // the approval ended with the access
		m.RelayAt, m.LeaseUntil, m.NextAt = nil, nil, nil
		if m.State == Queued || m.State == Sending {
			now := s.now()
			m.State, m.SettledAt = Cancelled, &now
		}
		if _, err := tx.NewInsert().Model(&m).Exec(ctx); err != nil {
			return err
		}
		for _, a := range m.AttemptRows {
			a.NextAt = nil
			if _, err := tx.NewInsert().Model(&a).Exec(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Find finds the messages of a reading: those to a customer's accesses, by the time at which they were queued. The caller has
// checked that they may be read.
func (s *Service) Find(ctx context.Context, customer uuid.UUID, r listing.Reading[listing.Moment]) (found listing.Moments, err error) {
	o := listing.By(!r.Back, "created_at", "id")
	q := s.db.NewSelect().Model((*Message)(nil)).ColumnExpr("created_at AS at, id").Where("customer_id = ?", customer).Where("access_id IS NOT NULL")
	if r.From == nil {
		o.First(q, r.Limit)
	} else {
		o.First(q, r.Limit, r.From.At, r.From.ID)
	}
	err = q.Scan(ctx, &found.Hits)
	return found, err
}

// Load reads messages by their ids, without their attempts. The caller has checked that they may be read.
func (s *Service) Load(ctx context.Context, ids []uuid.UUID) (list []Message, err error) {
	if len(ids) > 0 {
		err = s.db.NewSelect().Model(&list).Where("id IN (?)", bun.List(ids)).Scan(ctx)
	}
	return list, err
}
