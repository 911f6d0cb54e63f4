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
	"kontor/app/store"
	"kontor/policies"
)

// Deletion is a permanent deletion: its progress, then its receipt. Nothing in it is personal.
type Deletion struct {
	bun.BaseModel `bun:"table:deletion"`

	ID          uuid.UUID     `bun:"id,pk"`
	CustomerID  uuid.UUID     `bun:"customer_id"`
	Number      int64         `bun:"number"`
	Counts      string        `bun:"counts"` // JSON object, the keys of DeletionCounts
	Done        int64         `bun:"done"`   // rows gone so far
	Total       int64         `bun:"total"`
	RequestedBy uuid.NullUUID `bun:"requested_by"`
	RequestedAt time.Time     `bun:"requested_at"`
	RecordedAt  *time.Time    `bun:"recorded_at"` // when it was noted outside the database; see package erasure
	FinishedAt  *time.Time    `bun:"finished_at"`
}

// Label is the number of the customer as people see it.
func (d Deletion) Label() string { return Label(d.Number) }

// Took is what the deletion took, from its receipt.
func (d Deletion) Took() DeletionCounts {
	var c DeletionCounts
	_ = json.Unmarshal([]byte(d.Counts), &c) // written by Delete; whatever else stands there counts as nothing
	return c
}

// DeletionCounts is what will go, or went.
type DeletionCounts struct {
	Accesses     int64 `bun:"accesses" json:"accesses"`
	EndUsers     int64 `bun:"end_users" json:"end_users"` // accounts without an access elsewhere
	Transactions int64 `bun:"transactions" json:"transactions"`
	Messages     int64 `bun:"messages" json:"messages"`
	LogEntries   int64 `bun:"log_entries" json:"log_entries"`
}

func (c DeletionCounts) total() int64 {
	return c.Accesses + c.EndUsers + c.Transactions + c.Messages + c.LogEntries + 1 // the customer
}

// inlineRows is how much a request deletes itself; the worker does what is more.
const inlineRows = 500

var wantDelete = Want{policies.Customer, policies.Delete}

// WillDelete counts what a deletion takes. ErrNotFound, policies.ErrForbidden.
func (s *Service) WillDelete(ctx context.Context, c account.Caller, id uuid.UUID) (Customer, DeletionCounts, error) {
	cu, err := s.Authorise(ctx, s.db, c, id, wantDelete)
	if err != nil {
		return Customer{}, DeletionCounts{}, err
	}
	counts, err := s.deletionCounts(ctx, s.db, id)
	return cu, counts, err
}

// Delete begins a deletion for good. In one tx the customer is gone for everybody, its messages are cancelled, its
// links void, its end users without an access elsewhere signed out, and the deletion noted. A small one is finished in
// the same call (FinishedAt tells), a large one by ContinueDeletions, and so is one that can't be noted outside the database
// just now. Errors: ErrNotFound, policies.ErrForbidden, and ErrConfirm when confirm is not the customer's number.
func (s *Service) Delete(ctx context.Context, c account.Caller, id uuid.UUID, confirm string) (Deletion, error) {
	var d Deletion
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		d, err = s.begin(ctx, tx, c, id, confirm)
		return err
	})
	if err != nil || d.Total > inlineRows {
		return d, err
	}
	if err := s.step(); err != nil {
		return d, err
	}
	if _, err := s.continueDeletion(ctx, d, inlineRows); errors.Is(err, errUnrecorded) {
		return d, nil // it is decided and goes on as soon as it can: the worker says what is in the way
	} else if err != nil {
		return d, err
	}
	return s.deletion(ctx, d.ID)
}

func (s *Service) begin(ctx context.Context, tx bun.Tx, c account.Caller, id uuid.UUID, confirm string) (Deletion, error) {
	cu, err := s.Authorise(ctx, tx, c, id, wantDelete)
	if err != nil {
		return Deletion{}, err
	}
	if n, ok := ParseNumber(confirm); !ok || n != cu.Number {
		return Deletion{}, ErrConfirm.With("number", cu.Label())
	}
	return s.doom(ctx, tx, c.Actor(), cu)
}

// doom begins the deletion of a customer, whoever may want it.
func (s *Service) doom(ctx context.Context, tx bun.Tx, by audit.Actor, cu Customer) (Deletion, error) {
	id := cu.ID
	if marked, err := s.markDeleting(ctx, tx, id); err != nil {
		return Deletion{}, err
	} else if !marked { // somebody else did, since it was read
		return Deletion{}, ErrNotFound
	}
	counts, err := s.deletionCounts(ctx, tx, id)
	if err != nil {
		return Deletion{}, err
	}
	if err := s.lockOut(ctx, tx, id); err != nil {
		return Deletion{}, err
	}
	record := audit.Record{Action: audit.CustomerDeleting, CustomerID: id, SubjectID: id, Subject: cu.Label()}
	if err := s.audit.Write(ctx, tx, by, record); err != nil {
		return Deletion{}, err
	}
	counts.LogEntries++
	asText, err := json.Marshal(counts)
	if err != nil {
		return Deletion{}, err
	}
	d := Deletion{
		CustomerID: id, Number: cu.Number, Counts: string(asText), Total: counts.total(), RequestedAt: s.now(),
		RequestedBy: store.NullID(by.ID),
	}
	if d.ID, err = uuid.NewV7(); err != nil {
		return Deletion{}, err
	}
	return d, s.insertDeletion(ctx, tx, d)
}

// DeletionOf shows progress, then the receipt, to whoever asked for the deletion or may delete customers. ErrNotFound
// otherwise.
func (s *Service) DeletionOf(ctx context.Context, c account.Caller, deletion uuid.UUID) (Deletion, error) {
	d, err := s.deletion(ctx, deletion)
	if err != nil {
		return Deletion{}, err
	}
	if d.RequestedBy.Valid && d.RequestedBy.UUID == c.ID {
		return d, nil
	}
	for _, t := range Types { // of a deleted customer the type is no longer known
		if ok, err := s.allows(c, policies.None, t, wantDelete); err != nil {
			return Deletion{}, err
		} else if !ok {
			return Deletion{}, ErrNotFound
		}
	}
	return d, nil
}

// ContinueDeletions is the worker's: it takes each unfinished deletion further, chunk rows per tx, until all are done or
// ctx ends. It may be killed at any moment and run by several workers at once: each step deletes what is still there.
// At the end the customer's log goes too, the receipt is written (audit.CustomerDeleted, counts only), and SQLite's
// write-ahead log is emptied, so that no byte stays in the files.
func (s *Service) ContinueDeletions(ctx context.Context, chunk int) (finished int, err error) {
	open, err := s.openDeletions(ctx)
	if err != nil {
		return 0, err
	}
	for _, d := range open {
		done, err := s.continueDeletion(ctx, d, max(chunk, 1))
		if err != nil {
			return finished, err
		}
		if done {
			finished++
		}
	}
	return finished, nil
}

// continueDeletion does one deletion to its end; finished=false when readers kept SQLite's write-ahead log from being
// emptied (the next call tries again), or somebody else finished it.
func (s *Service) continueDeletion(ctx context.Context, d Deletion, chunk int) (finished bool, err error) {
	if err := s.CheckDependents(); err != nil {
		return false, err
	}
	if err := s.recordDeletion(ctx, d); err != nil {
		return false, err
	}
	for _, erase := range s.erasers() {
		for left := true; left; {
			err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				gone, err := erase(ctx, tx, d, chunk)
				if err != nil {
					return err
				}
				left = gone > 0
				return s.advance(ctx, tx, d.ID, gone)
			})
			if err == nil {
				err = s.step()
			}
			if err != nil {
				return false, err
			}
		}
	}
	if emptied, err := s.db.EmptyWAL(ctx); err != nil || !emptied {
		return false, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		finished, err = s.finish(ctx, tx, d)
		return err
	})
	if err == nil {
		err = s.step()
	}
	return finished, err
}

// errUnrecorded says that a deletion could not be noted outside the database, and so has to wait.
var errUnrecorded = errors.New("the deletion is not noted yet")

// recordDeletion notes a deletion outside the database before anything is erased. By then it is decided for good: begin has
// been committed, and nothing brings back whom it is about. After a crash it may be noted twice, which does no harm.
func (s *Service) recordDeletion(ctx context.Context, d Deletion) error {
	if d.RecordedAt != nil {
		return nil
	}
	if err := s.erased.Record(ctx, erasure.Subject{Kind: erasure.Customer, ID: d.CustomerID}); err != nil {
		return fmt.Errorf("%w: %w", errUnrecorded, err)
	}
	if err := s.markRecorded(ctx, s.db, d.ID); err != nil {
		return err
	}
	return s.step()
}

// Erasable is how customers are found again, and erased, after a backup was restored.
func (s *Service) Erasable() erasure.Keeper {
	return erasure.Keeper{Kind: erasure.Customer, IDs: s.presentIDs, Erase: s.eraseAgain}
}

// eraseAgain deletes customers that were deleted before, to the end. They are noted already.
func (s *Service) eraseAgain(ctx context.Context, ids []uuid.UUID) error {
	for _, id := range ids {
		err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			number, err := s.numberOf(ctx, tx, id)
			if err != nil {
				return err
			}
			d, err := s.doom(ctx, tx, account.System.Actor(), Customer{ID: id, Number: number})
			if err != nil {
				return err
			}
			return s.markRecorded(ctx, tx, d.ID)
		})
		if err != nil && !errors.Is(err, ErrNotFound) { // somebody else deletes it at this moment
			return err
		}
	}
	_, err := s.ContinueDeletions(ctx, inlineRows)
	return err
}

// finish writes the receipt, once.
func (s *Service) finish(ctx context.Context, tx bun.Tx, d Deletion) (bool, error) {
	first, err := s.markFinished(ctx, tx, d.ID)
	if err != nil || !first {
		return false, err
	}
	by := audit.Actor{ID: d.RequestedBy.UUID}
	if by.Name, err = s.accounts.NameOf(ctx, tx, by.ID); err != nil {
		return false, err
	}
	receipt := audit.Record{Action: audit.CustomerDeleted, SubjectID: d.ID, Subject: d.Label(), Detail: d.Took()}
	return true, s.audit.Write(ctx, tx, by, receipt)
}
