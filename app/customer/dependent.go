package customer

import (
	"context"
	"errors"
	"fmt"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
)

// Part is one kind of rows that are deleted with a customer.
type Part string

// The parts. Rows that a foreign key's cascade deletes are not listed: codes, attempts, approvals, removals that can be
// undone.
const (
	Transactions   Part = "transactions"
	Messages       Part = "messages"
	Links          Part = "links"
	Accesses       Part = "accesses"
	EndUsers       Part = "end users" // accounts without an access elsewhere
	Administrators Part = "administrators"
	LogEntries     Part = "log entries"
	Jobs           Part = "jobs" // they are cancelled; the cascade deletes their rows
)

// parts lists the parts in the order in which they are locked out and erased: rows are erased before the rows to which
// they refer.
var parts = []Part{Transactions, Messages, Links, Accesses, EndUsers, Administrators, LogEntries, Jobs}

// Dependent says how a part is counted, locked out and erased. The package that owns the rows supplies it, so that only
// this package writes them. A nil function does nothing.
type Dependent struct {
	// Count counts the customer's rows, for the confirmation page and for the receipt.
	Count func(ctx context.Context, db bun.IDB, customer uuid.UUID) (int64, error)
	// LockOut immediately ends what still gives people access or is about to reach them. It runs in the tx that begins
	// the deletion.
	LockOut func(ctx context.Context, tx bun.IDB, customer uuid.UUID) error
	// Erase deletes up to limit of the customer's rows, with everything that belongs to them, and returns the number of
	// deleted rows; 0 means that none are left.
	Erase func(ctx context.Context, tx bun.IDB, customer uuid.UUID, limit int) (gone int64, err error)
}

// AddDependent registers how a part is deleted. Packages that depend on this one call it in their constructors, so the
// rows of every package in use are deleted. New registers the parts of the packages below.
func (s *Service) AddDependent(p Part, d Dependent) { s.dependents[p] = d }

// CheckDependents returns an error when a part has no registered deletion. Then no customer can be deleted.
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

// eraser deletes up to chunk rows of one kind and returns the number of deleted rows; 0: none are left.
type eraser func(ctx context.Context, tx bun.IDB, d Deletion, chunk int) (gone int64, err error)

// erasers returns the erasers in the order in which they run, the customer's last.
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

// eraseCustomer deletes the customer's row, its entry in the search index, and the words that no other customer has.
// The row can only be deleted after other txs on this customer have ended. These txs may have added rows that no
// foreign key covers, so all parts are erased again afterwards.
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
