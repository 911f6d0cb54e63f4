package customer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
)

// Part is one kind of rows that are deleted with a customer.
type Part string

// The parts. Rows that a foreign key's cascade deletes are not listed: codes, attempts, approvals, removals that can be
// undone, who opened the customer last, rows of bulk acts.
const (
	Documents      Part = "documents"
	Transactions   Part = "transactions"
	Notes          Part = "notes"
	Messages       Part = "messages"
	Links          Part = "links"
	Accesses       Part = "accesses"
	EndUsers       Part = "end users" // accounts without an access elsewhere
	Administrators Part = "administrators"
	LogEntries     Part = "log entries"
	Jobs           Part = "jobs" // they are cancelled; the cascade deletes their rows
)

// parts lists the parts in the order in which they are locked out and erased: rows are erased before the rows to which
// they refer. People are told the count of a part that has a place in DeletionCounts.
var parts = []struct {
	Part
	count func(*DeletionCounts) *int64 // the place of the part's count; nil: it is not counted
}{
	{Documents, func(c *DeletionCounts) *int64 { return &c.Documents }},
	{Transactions, func(c *DeletionCounts) *int64 { return &c.Transactions }},
	{Notes, func(c *DeletionCounts) *int64 { return &c.Notes }},
	{Messages, func(c *DeletionCounts) *int64 { return &c.Messages }},
	{Links, nil},
	{Accesses, func(c *DeletionCounts) *int64 { return &c.Accesses }},
	{EndUsers, func(c *DeletionCounts) *int64 { return &c.EndUsers }},
	{Administrators, nil},
	{LogEntries, func(c *DeletionCounts) *int64 { return &c.LogEntries }},
	{Jobs, nil},
}

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
// rows of every package in use are deleted. New registers the parts of the packages below. CheckDependents finds a part
// that is registered twice.
func (s *Service) AddDependent(p Part, d Dependent) {
	if _, twice := s.dependents[p]; twice {
		s.twice = append(s.twice, p)
	}
	s.dependents[p] = d
}

// CheckDependents returns an error when a part has no registered deletion or two, when a registered part is not one of
// parts, and when a part is counted on one side only. Then no customer can be deleted.
func (s *Service) CheckDependents() error {
	if len(s.twice) > 0 {
		return fmt.Errorf("customers can't be deleted: two features erase their %s", slices.Min(s.twice))
	}
	unlisted := maps.Clone(s.dependents)
	for _, p := range parts {
		d, ok := s.dependents[p.Part]
		switch {
		case !ok:
			return fmt.Errorf("customers can't be deleted: nobody erases their %s", p.Part)
		case d.Count == nil && p.count != nil:
			return fmt.Errorf("customers can't be deleted: nobody counts their %s", p.Part)
		case d.Count != nil && p.count == nil:
			return fmt.Errorf("customers can't be deleted: their %s are counted, but have no place in the counts", p.Part)
		}
		delete(unlisted, p.Part)
	}
	if len(unlisted) > 0 {
		first := slices.Min(slices.Collect(maps.Keys(unlisted)))
		return fmt.Errorf("customers can't be deleted: their %s have no place among the parts", first)
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
	for _, p := range parts {
		if p.count == nil {
			continue
		}
		if *p.count(&c), err = s.dependents[p.Part].Count(ctx, db, id); err != nil {
			return c, err
		}
	}
	return c, nil
}

// total returns the number of rows that a deletion deletes, the customer's own included.
func (c DeletionCounts) total() int64 {
	sum := int64(1)
	for _, p := range parts {
		if p.count != nil {
			sum += *p.count(&c)
		}
	}
	return sum
}

func (s *Service) lockOut(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	for _, p := range parts {
		if lockOut := s.dependents[p.Part].LockOut; lockOut != nil {
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
		if erase := s.dependents[p.Part].Erase; erase != nil {
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
		erase := s.dependents[p.Part].Erase
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
