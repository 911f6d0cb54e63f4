package customer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/erasure"
	"kontor/app/job"
	"kontor/app/store"
	"kontor/policies"
)

// Deletion is a permanent deletion: its progress while it runs, its receipt afterwards. It contains no personal data.
type Deletion struct {
	bun.BaseModel `bun:"table:deletion"`

	ID          uuid.UUID     `bun:"id,pk"`
	CustomerID  uuid.UUID     `bun:"customer_id"`
	Number      int64         `bun:"number"`
	Counts      string        `bun:"counts"` // JSON object with the keys of DeletionCounts
	Done        int64         `bun:"done"`   // rows deleted so far
	Total       int64         `bun:"total"`
	RequestedBy uuid.NullUUID `bun:"requested_by"`
	RequestedAt time.Time     `bun:"requested_at"`
	RecordedAt  *time.Time    `bun:"recorded_at"` // when it was recorded outside the database; see package erasure
	FinishedAt  *time.Time    `bun:"finished_at"`
}

// Label returns the customer's number as people see it.
func (d Deletion) Label() string { return Label(d.Number) }

// Took returns the counts in the receipt: what the deletion deleted.
func (d Deletion) Took() DeletionCounts {
	var c DeletionCounts
	_ = json.Unmarshal([]byte(d.Counts), &c) // written by Delete; anything else counts as nothing
	return c
}

// DeletionCounts counts what will be deleted, or was. The list parts says which part is counted where.
type DeletionCounts struct {
	Accesses     int64 `bun:"accesses" json:"accesses"`
	EndUsers     int64 `bun:"end_users" json:"end_users"` // accounts without an access elsewhere
	Transactions int64 `bun:"transactions" json:"transactions"`
	Documents    int64 `bun:"documents" json:"documents"` // all versions
	Notes        int64 `bun:"notes" json:"notes"`
	Messages     int64 `bun:"messages" json:"messages"`
	LogEntries   int64 `bun:"log_entries" json:"log_entries"`
}

// inlineRows is the maximum number of rows that a request deletes itself; the worker does larger deletions.
// deletionChunk is the number of rows in one tx, small enough that nobody has to wait for it.
const (
	inlineRows    = 500
	deletionChunk = 500
)

var deletePermission = policies.Permission{Object: policies.ObjectCustomer, Action: policies.Delete}

// WillDelete counts what a deletion would delete. ErrNotFound, policies.ErrForbidden.
func (s *Service) WillDelete(ctx context.Context, c account.Caller, id uuid.UUID) (Customer, DeletionCounts, error) {
	cu, err := s.Authorise(ctx, s.db, c, id, deletePermission)
	if err != nil {
		return Customer{}, DeletionCounts{}, err
	}
	counts, err := s.deletionCounts(ctx, s.db, id)
	return cu, counts, err
}

// Delete begins a permanent deletion. In one tx it hides the customer from everybody, cancels its messages, voids its
// links, signs out its end users without another access, and records the deletion. A small deletion is finished in the
// same call (FinishedAt is set). A large one is done by its job, and so is one that can't be recorded outside the
// database at present. Errors: ErrNotFound, policies.ErrForbidden, and ErrConfirm when confirm is not the customer's
// number.
func (s *Service) Delete(ctx context.Context, c account.Caller, id uuid.UUID, confirm string) (Deletion, error) {
	var d Deletion
	var work uuid.UUID
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		d, work, err = s.begin(ctx, tx, c, id, confirm)
		return err
	})
	if err != nil || d.Total > inlineRows {
		return d, err
	}
	if err := s.step(); err != nil {
		return d, err
	}
	if _, err := s.jobs.Run(ctx, work, nil); errors.Is(err, errUnrecorded) {
		return d, nil // the deletion is decided and continues when possible; its job shows the obstacle
	} else if err != nil {
		return d, err
	}
	return s.deletion(ctx, d.ID)
}

func (s *Service) begin(ctx context.Context, tx bun.Tx, c account.Caller, id uuid.UUID, confirm string) (d Deletion, work uuid.UUID, err error) {
	cu, err := s.Authorise(ctx, tx, c, id, deletePermission)
	if err != nil {
		return d, uuid.Nil, err
	}
	if n, ok := ParseNumber(confirm); !ok || n != cu.Number {
		return d, uuid.Nil, ErrConfirm.With("number", cu.Label())
	}
	return s.startDeletion(ctx, tx, c.Actor(), cu)
}

// startDeletion begins the deletion of a customer without a permission check, and adds the job that does it.
func (s *Service) startDeletion(ctx context.Context, tx bun.Tx, by audit.Actor, cu Customer) (d Deletion, work uuid.UUID, err error) {
	id := cu.ID
	if marked, err := s.markDeleting(ctx, tx, id); err != nil {
		return d, uuid.Nil, err
	} else if !marked { // somebody else began the deletion after it was read
		return d, uuid.Nil, ErrNotFound
	}
	counts, err := s.deletionCounts(ctx, tx, id)
	if err != nil {
		return d, uuid.Nil, err
	}
	if err := s.lockOut(ctx, tx, id); err != nil {
		return d, uuid.Nil, err
	}
	record := audit.Record{Action: audit.CustomerDeleting, CustomerID: id, SubjectID: id, Subject: cu.Label()}
	if err := s.audit.Write(ctx, tx, by, record); err != nil {
		return d, uuid.Nil, err
	}
	counts.LogEntries++
	asText, err := json.Marshal(counts)
	if err != nil {
		return d, uuid.Nil, err
	}
	d = Deletion{
		CustomerID: id, Number: cu.Number, Counts: string(asText), Total: counts.total(), RequestedAt: s.now(),
		RequestedBy: store.NullID(by.ID),
	}
	if d.ID, err = uuid.NewV7(); err != nil {
		return d, uuid.Nil, err
	}
	if err := s.insertDeletion(ctx, tx, d); err != nil {
		return d, uuid.Nil, err
	}
	work, err = s.jobs.Add(ctx, tx, d.order(d.Total <= inlineRows))
	return d, work, err
}

// DeletionOf returns a deletion, running or finished, to the person who requested it and to callers who may delete
// customers. ErrNotFound otherwise.
func (s *Service) DeletionOf(ctx context.Context, c account.Caller, deletion uuid.UUID) (Deletion, error) {
	d, err := s.deletion(ctx, deletion)
	if err != nil {
		return Deletion{}, err
	}
	if d.RequestedBy.Valid && d.RequestedBy.UUID == c.ID {
		return d, nil
	}
	if all, err := s.seesDeletions(c); err != nil {
		return Deletion{}, err
	} else if !all {
		return Deletion{}, ErrNotFound
	}
	return d, nil
}

// seesDeletions says whether the caller may see every deletion, whoever requested it: whoever may delete any customer. The
// type of a deleted customer is no longer known.
func (s *Service) seesDeletions(c account.Caller) (bool, error) {
	for _, t := range Types {
		if ok, err := s.allows(c, policies.None, t, deletePermission); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// deletionStep does one step of a deletion. It records the deletion outside the database, then deletes a chunk of the
// remaining rows, one kind of rows after the other. At the end it deletes the customer's log entries, empties SQLite's
// write-ahead log, so that no byte stays in the files, and writes the receipt (audit.CustomerDeleted, counts only).
func (s *Service) deletionStep(ctx context.Context, j job.Job) (job.Progress, error) {
	d, err := s.deletion(ctx, j.SubjectID)
	if err != nil {
		return job.Progress{}, err
	}
	p := job.Progress{Done: d.Done, Total: d.Total, Finished: d.FinishedAt != nil}
	if p.Finished {
		return p, nil
	}
	if err := s.CheckDependents(); err != nil {
		return p, err
	}
	if err := s.recordDeletion(ctx, d); err != nil {
		return p, err
	}
	gone, err := s.eraseChunk(ctx, d)
	if err != nil || gone > 0 {
		p.Done = min(d.Done+gone, d.Total)
		return p, err
	}
	if emptied, err := s.db.EmptyWAL(ctx); err != nil || !emptied {
		p.Pause = readersPause
		return p, err
	}
	if err := s.finishDeletion(ctx, d); err != nil {
		return p, err
	}
	p.Done, p.Finished = d.Total, true
	return p, nil
}

// readersPause is how long a deletion waits when readers prevent SQLite's write-ahead log from being emptied.
const readersPause = 2 * time.Second

// eraseChunk deletes a chunk of the first kind of rows that still has any.
func (s *Service) eraseChunk(ctx context.Context, d Deletion) (gone int64, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		gone = 0
		for _, erase := range s.erasers() {
			if gone, err = erase(ctx, tx, d, s.deletionChunk); err != nil {
				return err
			}
			if gone > 0 {
				return s.advance(ctx, tx, d.ID, gone)
			}
		}
		return nil
	})
	if err == nil {
		err = s.step()
	}
	return gone, err
}

func (s *Service) finishDeletion(ctx context.Context, d Deletion) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.finish(ctx, tx, d) })
	if err == nil {
		err = s.step()
	}
	return err
}

// Adopt adds jobs for unfinished deletions and switches that an older version of the program, without jobs, began.
func (s *Service) Adopt(ctx context.Context) error {
	deletions, err := s.openDeletions(ctx)
	if err != nil {
		return err
	}
	switches, err := s.openSwitches(ctx)
	if err != nil {
		return err
	}
	var orders []job.Order
	for _, d := range deletions {
		orders = append(orders, d.order(false))
	}
	for _, id := range switches {
		orders = append(orders, job.Order{Kind: job.AdministratorSwitch, SubjectID: id})
	}
	return s.jobs.Adopt(ctx, orders...)
}

// order returns the order for the job that does the deletion. The job does not refer to the customer, because the
// customer's row is deleted before the job ends.
func (d Deletion) order(held bool) job.Order {
	return job.Order{Kind: job.CustomerDeletion, SubjectID: d.ID, Total: d.Total, By: d.RequestedBy.UUID, Held: held}
}

// errUnrecorded says that a deletion could not be recorded outside the database and has to wait.
var errUnrecorded = errors.New("the deletion is not noted yet")

// recordDeletion records a deletion outside the database before anything is erased. The deletion is final then: begin
// was committed, and nothing can undo it. After a crash it may be recorded twice, which does no harm.
func (s *Service) recordDeletion(ctx context.Context, d Deletion) error {
	if d.RecordedAt != nil {
		return nil
	}
	if err := s.erased.Record(ctx, erasure.Subject{Kind: erasure.Customer, ID: d.CustomerID}); err != nil {
		return job.Because(job.ErasureLog, fmt.Errorf("%w: %w", errUnrecorded, err))
	}
	if err := s.markRecorded(ctx, s.db, d.ID); err != nil {
		return err
	}
	return s.step()
}

// Erasable says how deleted customers are found and erased again after a backup was restored.
func (s *Service) Erasable() erasure.Keeper {
	return erasure.Keeper{Kind: erasure.Customer, IDs: s.presentIDs, Erase: s.eraseAgain}
}

// eraseAgain completely deletes customers that were deleted before. These deletions are already recorded outside the
// database.
func (s *Service) eraseAgain(ctx context.Context, ids []uuid.UUID) error {
	for _, id := range ids {
		err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			number, err := s.numberOf(ctx, tx, id)
			if err != nil {
				return err
			}
			d, _, err := s.startDeletion(ctx, tx, account.System.Actor(), Customer{ID: id, Number: number})
			if err != nil {
				return err
			}
			return s.markRecorded(ctx, tx, d.ID)
		})
		if err != nil && !errors.Is(err, ErrNotFound) { // somebody else is deleting it
			return err
		}
	}
	_, err := s.jobs.Finish(ctx, job.CustomerDeletion)
	return err
}

// finish writes the receipt, once.
func (s *Service) finish(ctx context.Context, tx bun.Tx, d Deletion) error {
	first, err := s.markFinished(ctx, tx, d.ID)
	if err != nil || !first {
		return err
	}
	by := audit.Actor{ID: d.RequestedBy.UUID}
	if by.Name, err = s.accounts.NameOf(ctx, tx, by.ID); err != nil {
		return err
	}
	receipt := audit.Record{Action: audit.CustomerDeleted, SubjectID: d.ID, Subject: d.Label(), Detail: d.Took()}
	return s.audit.Write(ctx, tx, by, receipt)
}
