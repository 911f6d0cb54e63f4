package customer

import (
	"context"
	"errors"
	"fmt"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
)

// Part is one kind of rows that go with a customer.
type Part string

// The parts. What goes by a foreign key's cascade is none: codes and attempts, approvals, removals that can be undone.
const (
	Transactions   Part = "transactions"
	Messages       Part = "messages"
	Links          Part = "links"
	Accesses       Part = "accesses"
	EndUsers       Part = "end users" // accounts without an access elsewhere
	Administrators Part = "administrators"
	LogEntries     Part = "log entries"
	Jobs           Part = "jobs" // which end; their rows go by the cascade
)

// parts in the order in which they are locked out and erased: what refers to something goes before it.
var parts = []Part{Transactions, Messages, Links, Accesses, EndUsers, Administrators, LogEntries, Jobs}

// Dependent is how a part is counted, locked out and erased. The package that owns the rows supplies it, so that nobody
// else writes them. A nil function has nothing to do.
type Dependent struct {
	// Count counts the customer's rows, for the question whether to delete and for the receipt.
	Count func(ctx context.Context, db bun.IDB, customer uuid.UUID) (int64, error)
	// LockOut ends at once what still lets people in or is about to reach them. It runs in the tx that begins the deletion.
	LockOut func(ctx context.Context, tx bun.IDB, customer uuid.UUID) error
	// Erase deletes up to limit of the customer's rows, and what goes with them, and says how many it took; 0 means that
	// there are none left.
	Erase func(ctx context.Context, tx bun.IDB, customer uuid.UUID, limit int) (gone int64, err error)
}

// AddDependent says how a part is deleted. Features that stand on this one call it when they are made, so wherever there
// is the feature its rows are deleted; those below are added by New.
func (s *Service) AddDependent(p Part, d Dependent) { s.dependents[p] = d }

// CheckDependents returns an error when it is not known of some part how it is deleted. Nothing can be deleted then.
func (s *Service) CheckDependents() error {
	for _, p := range parts {
		if _, ok := s.dependents[p]; !ok {
			return fmt.Errorf("customers can't be deleted: nobody erases their %s", p)
		}
	}
	if s.accounts == nil {
		return errors.New("customers can't be deleted: nobody knows the names of accounts")
	}
	return nil
}

func (s *Service) deletionCounts(ctx context.Context, db bun.IDB, id uuid.UUID) (c DeletionCounts, err error) {
	if err := s.CheckDependents(); err != nil {
		return c, err
	}
	for p, n := range map[Part]*int64{
		Accesses: &c.Accesses, EndUsers: &c.EndUsers, Transactions: &c.Transactions, Messages: &c.Messages,
		LogEntries: &c.LogEntries,
	} {
		if *n, err = s.dependents[p].Count(ctx, db, id); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (s *Service) lockOut(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	for _, p := range parts {
		if lockOut := s.dependents[p].LockOut; lockOut != nil {
			if err := lockOut(ctx, tx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// eraser deletes up to chunk rows of one kind and says how many it took; 0: there are none left.
type eraser func(ctx context.Context, tx bun.IDB, d Deletion, chunk int) (gone int64, err error)

// erasers in the order in which they run, the customer last.
func (s *Service) erasers() (list []eraser) {
	for _, p := range parts {
		if erase := s.dependents[p].Erase; erase != nil {
			list = append(list, func(ctx context.Context, tx bun.IDB, d Deletion, chunk int) (int64, error) {
				return erase(ctx, tx, d.CustomerID, chunk)
			})
		}
	}
	return append(list, s.eraseCustomer)
}

// eraseCustomer erases the row itself, its entry in the search index and the words that nobody else has. A tx that was
// already at work on the customer ends before the row can go; what it wrote where no foreign key leads is looked for again
// after that.
func (s *Service) eraseCustomer(ctx context.Context, tx bun.IDB, d Deletion, chunk int) (int64, error) {
	if err := s.unindex(ctx, tx, d.Number); err != nil {
		return 0, err
	}
	words, err := s.wordsOf(ctx, tx, d.Number)
	if err != nil {
		return 0, err
	}
	gone, err := s.deleteCustomer(ctx, tx, d.CustomerID)
	if err != nil {
		return 0, err
	}
	for _, p := range parts {
		erase := s.dependents[p].Erase
		for left := erase != nil; left; {
			n, err := erase(ctx, tx, d.CustomerID, chunk)
			if err != nil {
				return 0, err
			}
			gone += n
			left = n > 0
		}
	}
	return gone, s.unlearn(ctx, tx, d.Number, words)
}
