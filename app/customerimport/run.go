package customerimport

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/job"
)

// referenceTries is how often a chunk is tried again whose reference somebody else has given to a customer meanwhile.
const referenceTries = 3

// importChunks is how many chunks a step adds.
const importChunks = 10

// ready is a chunk whose rows have been read and validated, which needs no tx.
type ready struct {
	chunk
	list []judged
	err  error
}

// importStep adds the good rows of the next chunks, each chunk in one tx: all of them or, if the process is killed, none.
// What was added by then, by an earlier try or by another import, is there already. While a chunk is added, the next one is
// read.
func (s *Service) importStep(ctx context.Context, j job.Job) (job.Progress, error) {
	r, err := load(ctx, s.o.DB, j.SubjectID)
	if errors.Is(err, ErrNotFound) || err == nil && r.State != Importing {
		return job.Progress{Finished: true}, nil
	}
	if err != nil {
		return job.Progress{}, err
	}
	c, err := s.caller(ctx, r)
	if err != nil || c.ID == uuid.Nil {
		return job.Progress{Finished: err == nil}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for next := range s.prepare(ctx, c, r) {
		err := next.err
		for try := 1; err == nil; try++ {
			added := r
			err = s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				added = r
				return s.addChunk(ctx, tx, c, &added, next)
			})
			if err == nil {
				r = added
				break
			}
			if isReference(err) && try < referenceTries {
				err = nil
			}
		}
		switch {
		case errors.Is(err, ErrState): // cancelled meanwhile, or another worker was quicker
			return job.Progress{Done: s.shown(r).Done, Total: r.TotalRows}, nil
		case err != nil:
			return job.Progress{}, err
		}
		if err := s.step(); err != nil {
			return job.Progress{}, err
		}
	}
	return job.Progress{Done: s.shown(r).Done, Total: r.TotalRows, Finished: r.NextChunk >= r.Chunks}, ctx.Err()
}

// prepare reads the next chunks of a step, one ahead, until ctx ends.
func (s *Service) prepare(ctx context.Context, c account.Caller, r record) <-chan ready {
	chunks := make(chan ready, 1)
	go func() {
		defer close(chunks)
		for n := r.NextChunk; n < min(r.NextChunk+importChunks, r.Chunks); n++ {
			var next ready
			err := fault.Caught(func() error {
				next = s.readChunk(ctx, c, r, n)
				return next.err
			})
			next.err = err
			select {
			case chunks <- next:
			case <-ctx.Done():
				return
			}
			if next.err != nil {
				return
			}
		}
	}()
	return chunks
}

// readChunk reads and validates the rows of a chunk. Those that were found to be the same as a row above stay so.
func (s *Service) readChunk(ctx context.Context, c account.Caller, r record, number int) (next ready) {
	chunks, err := chunksAt(ctx, s.o.DB, r.ID, number, 1)
	if err != nil {
		return ready{err: err}
	}
	if len(chunks) == 0 || chunks[0].Number != number { // erased meanwhile
		return ready{err: ErrState}
	}
	next.chunk = chunks[0]
	columns, err := s.columns(r)
	if err != nil {
		return ready{err: err}
	}
	marks, rows, err := s.opened(next.chunk)
	if err != nil {
		return ready{err: err}
	}
	if next.list, err = s.read(c, reader{columns}, rows); err != nil {
		return ready{err: err}
	}
	for i := range next.list {
		j := &next.list[i]
		if i < len(marks) && marks[i].Verdict == Repeated && j.Verdict == Good {
			j.Mark = marks[i]
		}
		if j.Verdict == Good {
			j.newcomer.Draft = j.newcomer.Draft.Prepared()
		}
	}
	return next
}

// addChunk adds the good rows of a chunk. r is the import after that.
func (s *Service) addChunk(ctx context.Context, tx bun.Tx, c account.Caller, r *record, next ready) error {
	if err := lockImports(ctx, s.o.DB, tx); err != nil {
		return err
	}
	was, list := *r, slices.Clone(next.list)
	if err := s.addRows(ctx, tx, c, r, list); err != nil {
		return err
	}
	sum := parseCounts(r.Counts)
	if err := s.sealMarks(&next.chunk, list, sum); err != nil {
		return err
	}
	if err := saveVerdicts(ctx, tx, next.chunk); err != nil {
		return err
	}
	r.NextChunk, r.Counts = r.NextChunk+1, sum.String()
	over := r.NextChunk >= r.Chunks
	err := advance(ctx, tx, was, func(q *bun.UpdateQuery) {
		q.Set("next_chunk = ?", r.NextChunk).Set("counts = ?", r.Counts).Set("invite_at = ?", r.InviteAt)
		if over {
			q.Set("state = ?", Done).Set("finished_at = ?", s.o.Now())
		}
	})
	if err != nil || !over {
		return err
	}
	if err := eraseCells(ctx, tx, r.ID); err != nil {
		return err
	}
	return s.o.Audit.Write(ctx, tx, c.Actor(), audit.Record{Action: audit.CustomersImported, SubjectID: r.ID, Detail: sum})
}

// addRows adds the good ones of rows, and notes what became of each row.
func (s *Service) addRows(ctx context.Context, tx bun.Tx, c account.Caller, r *record, list []judged) error {
	if err := s.judge(ctx, tx, c, list); err != nil {
		return err
	}
	var good []*judged
	var newcomers []access.Newcomer
	for i := range list {
		j := &list[i]
		if j.Verdict == Good || j.Verdict == Waits || j.Verdict == Duplicate && r.Duplicates {
			if j.newcomer.Invite = r.Invite; r.Invite {
				j.newcomer.InvitedAt = r.nextInvitation(s.o.Now())
			}
			good, newcomers = append(good, j), append(newcomers, j.newcomer)
		}
	}
	if len(newcomers) == 0 {
		return nil
	}
	added, waiting, err := s.o.Accesses.AddCustomers(ctx, tx, c, newcomers)
	if err != nil {
		return err
	}
	for i, j := range good {
		if j.Verdict, j.Customers = Added, []uuid.UUID{added[i].ID}; waiting[added[i].ID] {
			j.Verdict = Waits
		}
	}
	return nil
}

// nextInvitation returns when the next person is invited, so that Pace is kept.
func (r *record) nextInvitation(now time.Time) time.Time {
	at := now
	if r.InviteAt != nil && r.InviteAt.After(now) {
		at = *r.InviteAt
	}
	next := at.Add(time.Minute / Pace)
	r.InviteAt = &next
	return at
}

// isReference says whether somebody else has given the reference of a row to a customer meanwhile.
func isReference(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && slices.ContainsFunc(e.Fields, func(f *fault.Error) bool { return errors.Is(f, customer.ErrReference) })
}
