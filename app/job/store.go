package job

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/lease"
	"kontor/app/store"
)

// insert adds a job. If a job of the same kind and subject is open, insert records that it was requested again; that
// job then no longer waits for its next try.
func insert(ctx context.Context, tx bun.IDB, j Job) (id uuid.UUID, err error) {
	_, err = tx.NewInsert().Model(&j).On("CONFLICT (kind, subject_id) WHERE finished_at IS NULL DO UPDATE").
		Set("asked = job.asked + 1").Set("next_at = NULL").
		Set("relay_at = CASE WHEN job.state = ? THEN EXCLUDED.relay_at ELSE job.relay_at END", Waiting).
		Returning("id").Exec(ctx, &id)
	return id, err
}

func (s *Service) byID(ctx context.Context, id uuid.UUID) (j Job, err error) {
	err = s.db.NewSelect().Model(&j).Where("id = ?", id).Scan(ctx)
	return j, orNotFound(err)
}

// lock loads a job and keeps others from changing it until the tx ends.
func (s *Service) lock(ctx context.Context, tx bun.IDB, id uuid.UUID) (j Job, err error) {
	q := tx.NewSelect().Model(&j).Where("id = ?", id)
	if s.db.IsPostgres() {
		q = q.For("UPDATE")
	}
	return j, orNotFound(q.Scan(ctx))
}

func (s *Service) newestOf(ctx context.Context, k Kind, subject uuid.UUID) (j Job, err error) {
	err = s.db.NewSelect().Model(&j).Where("subject_id = ?", subject).Where("kind = ?", k).
		Order("requested_at DESC", "id DESC").Limit(1).Scan(ctx)
	return j, orNotFound(err)
}

func orNotFound(err error) error {
	if store.IsNoRows(err) {
		return ErrNotFound
	}
	return err
}

func (s *Service) open(ctx context.Context, limit int) (list []Job, err error) {
	err = s.db.NewSelect().Model(&list).Where("finished_at IS NULL").Order("requested_at", "id").Limit(int64(limit)).Scan(ctx)
	return list, err
}

func (s *Service) recent(ctx context.Context, limit int) (list []Job, err error) {
	err = s.db.NewSelect().Model(&list).Where("finished_at IS NOT NULL").Order("finished_at DESC", "id DESC").Limit(int64(limit)).Scan(ctx)
	return list, err
}

func (s *Service) openOf(ctx context.Context, k Kind) (ids []uuid.UUID, err error) {
	err = s.db.NewSelect().Model((*Job)(nil)).Column("id").Where("finished_at IS NULL").Where("kind = ?", k).Order("requested_at", "id").Scan(ctx, &ids)
	return ids, err
}

func (s *Service) isOpen(ctx context.Context, tx bun.IDB, k Kind, subject uuid.UUID) (bool, error) {
	return tx.NewSelect().Model((*Job)(nil)).Where("kind = ?", k).Where("subject_id = ?", subject).Where("finished_at IS NULL").Exists(ctx)
}

func (s *Service) openKinds(ctx context.Context) (kinds []Kind, err error) {
	err = s.db.NewSelect().Model((*Job)(nil)).ColumnExpr("DISTINCT kind").Where("finished_at IS NULL").Order("kind").Scan(ctx, &kinds)
	return kinds, err
}

func (s *Service) forget(ctx context.Context, before time.Time) error {
	_, err := s.db.NewDelete().Model((*Job)(nil)).Where("finished_at < ?", before).Exec(ctx)
	return err
}

// --- the relay ---------------------------------------------------------------------------------------------------

func (s *Service) claim(ctx context.Context, limit int, now, until time.Time) ([]Ticket, error) {
	due := s.db.NewSelect().Model((*Job)(nil)).Column("id").Where("relay_at <= ?", now).Order("relay_at", "id").Limit(int64(limit))
	if s.db.IsPostgres() {
		due = due.For("UPDATE SKIP LOCKED")
	}
	var got []Job
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		got = nil
		_, err := tx.NewUpdate().Model((*Job)(nil)).Set("relay_at = ?", until).Where("id IN (?)", due).
			Returning("id, next_at, requested_at").Exec(ctx, &got)
		if store.IsNoRows(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(got, func(a, b Job) int {
		return cmp.Or(a.RequestedAt.Compare(b.RequestedAt), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	tickets := make([]Ticket, len(got))
	for i, j := range got {
		tickets[i] = Ticket{ID: j.ID, AtOnce: j.NextAt == nil || !j.NextAt.After(now), Claimed: until}
	}
	return tickets, nil
}

// postponeRelay makes the relay look only at this time at those of the jobs that are still claimed.
func (s *Service) postponeRelay(ctx context.Context, ids []uuid.UUID, claimed, at time.Time) error {
	_, err := s.db.NewUpdate().Model((*Job)(nil)).Set("relay_at = ?", at).Where("id IN (?)", bun.List(ids)).
		Where("relay_at = ?", claimed).Where("state = ?", Waiting).Exec(ctx)
	return err
}

func (s *Service) relayAll(ctx context.Context) error {
	now := s.now()
	_, err := s.db.NewUpdate().Model((*Job)(nil)).Set("relay_at = ?", now).Where("relay_at > ?", now).Exec(ctx)
	return err
}

// --- a run -------------------------------------------------------------------------------------------------------

// take leases a job on which nobody works. With hurry it also takes a job that waits for its next try.
func (s *Service) take(ctx context.Context, id uuid.UUID, hurry bool) (j Job, got bool, err error) {
	now := s.now()
	until := now.Add(lease.Time)
	q := s.db.NewUpdate().Model(&j).Set("state = ?", Running).Set("run = run + 1").Set("next_at = NULL").
		Set("lease_until = ?", until).Set("relay_at = ?", until).
		Where("id = ?", id).Where("finished_at IS NULL").Where("lease_until IS NULL OR lease_until <= ?", now)
	if !hurry {
		q = q.Where("next_at IS NULL OR next_at <= ?", now)
	}
	got, err = touched(q.Returning("*").Exec(ctx))
	return j, got, err
}

// mine restricts an update to a job that is still in this run, neither cancelled nor taken over.
func mine(db bun.IDB, j *Job) *bun.UpdateQuery {
	return db.NewUpdate().Model(j).Where("id = ?", j.ID).Where("run = ?", j.Run).Where("state = ?", Running)
}

func (s *Service) prolong(ctx context.Context, j Job) (kept bool, err error) {
	until := s.now().Add(lease.Time)
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		kept, err = touched(mine(tx, &j).Set("lease_until = ?", until).Set("relay_at = ?", until).Exec(ctx))
		return err
	})
	return kept, err
}

// advance records a chunk that was done, and reloads the job.
func (s *Service) advance(ctx context.Context, j *Job, p Progress) (kept bool, err error) {
	until := s.now().Add(lease.Time)
	return touched(mine(s.db, j).Set("done = ?", p.Done).Set("total = ?", p.Total).Set("attempts = 0").Set("reason = ''").
		Set("lease_until = ?", until).Set("relay_at = ?", until).Returning("*").Exec(ctx))
}

// finish records that a job is done, unless it was requested again since it was loaded.
func (s *Service) finish(ctx context.Context, j Job, p Progress) (bool, error) {
	return touched(ended(mine(s.db, &j), Done, s.now()).Set("done = ?", p.Done).Set("total = ?", p.Total).Set("attempts = 0").Set("reason = ''").
		Where("asked = ?", j.Asked).Exec(ctx))
}

func (s *Service) fail(ctx context.Context, j Job, reason Reason) error {
	_, err := ended(mine(s.db, &j), Failed, s.now()).Set("attempts = attempts + 1").Set("reason = ?", reason).Exec(ctx)
	return err
}

// postpone releases a job after a failure.
func (s *Service) postpone(ctx context.Context, j Job, reason Reason, next time.Time) error {
	_, err := returned(mine(s.db, &j), next).Set("next_at = ?", next).Set("attempts = attempts + 1").Set("reason = ?", reason).Exec(ctx)
	return err
}

// giveBack releases a job without a failure.
func (s *Service) giveBack(ctx context.Context, j Job, next time.Time) error {
	_, err := returned(mine(s.db, &j), next).Set("next_at = ?", next).Exec(ctx)
	return err
}

func returned(q *bun.UpdateQuery, next time.Time) *bun.UpdateQuery {
	return q.Set("state = ?", Waiting).Set("lease_until = NULL").Set("relay_at = ?", next)
}

func ended(q *bun.UpdateQuery, state State, now time.Time) *bun.UpdateQuery {
	return q.Set("state = ?", state).Set("finished_at = ?", now).Set("relay_at = NULL").Set("next_at = NULL").Set("lease_until = NULL")
}

func (s *Service) cancelOpen(ctx context.Context, tx bun.IDB, column string, id uuid.UUID) error {
	_, err := ended(tx.NewUpdate().Model((*Job)(nil)), Cancelled, s.now()).Where("? = ?", bun.Ident(column), id).Where("finished_at IS NULL").Exec(ctx)
	return err
}

func (s *Service) releaseAll(ctx context.Context, tx bun.IDB) error {
	_, err := returned(tx.NewUpdate().Model((*Job)(nil)), s.now()).Where("finished_at IS NULL").Exec(ctx)
	return err
}

// touched says whether an UPDATE found its row.
func touched(res sql.Result, err error) (bool, error) {
	if store.IsNoRows(err) {
		return false, nil
	}
	n, err := store.Affected(res, err)
	return n > 0, err
}
