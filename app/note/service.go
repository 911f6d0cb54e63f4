package note

import (
	"context"
	"database/sql"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/policies"
)

// Customers is what this package needs of customer.Service.
type Customers interface {
	Authorise(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID, w policies.Permission) (customer.Customer, error)
	Within(c account.Caller, w policies.Permission) (where store.Condition, nothing bool, err error)
	AddDependent(p customer.Part, d customer.Dependent)
}

// Options are the dependencies of a Service. All are required.
type Options struct {
	DB        *store.DB
	Now       store.Clock
	Audit     *audit.Log
	Customers Customers
}

// Service keeps notes. The log says what was done, without the text. Its methods authorise the caller: customer.ErrNotFound for a customer that the caller may not read,
// policies.ErrForbidden for one whose notes they may not read or write.
type Service struct{ Options }

// New makes the service. It registers the deletion of notes with their customer.
func New(o Options) *Service {
	s := &Service{o}
	o.Customers.AddDependent(customer.Notes, customer.Dependent{Count: countOfCustomer, Erase: eraseOfCustomer})
	return s
}

// Get loads a note. ErrNotFound.
func (s *Service) Get(ctx context.Context, c account.Caller, customerID, id uuid.UUID) (Note, error) {
	if _, err := s.Customers.Authorise(ctx, s.DB, c, customerID, WantRead); err != nil {
		return Note{}, err
	}
	return s.find(ctx, s.DB, customerID, id)
}

// Write adds a note. submission is the form's once-only key, "" for none: if the same caller sends it twice, there is one
// note. Errors: Invalid at note ("required", "too_long", "control_characters").
func (s *Service) Write(ctx context.Context, c account.Caller, customerID uuid.UUID, text, submission string) error {
	err := s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := s.Customers.Authorise(ctx, tx, c, customerID, WantCreate); err != nil {
			return err
		}
		text, err := checkText(text)
		if err != nil {
			return err
		}
		r := record{CustomerID: customerID, AuthorID: c.ID, Text: text, Search: store.SearchText(text), Version: 1, CreatedAt: s.Now()}
		if submission != "" { // the caller's id makes the key unique among callers
			r.Submission = sql.NullString{String: c.ID.String() + "/" + submission, Valid: true}
		}
		if r.ID, err = uuid.NewV7(); err != nil {
			return err
		}
		if fresh, err := insert(ctx, tx, r); err != nil || !fresh {
			return err
		}
		return s.Audit.Write(ctx, tx, c.Actor(), audit.Record{Action: audit.NoteWritten, CustomerID: customerID, SubjectID: r.ID})
	})
	return err
}

// Edit is a new text for a note whose version the caller has seen.
type Edit struct {
	Text    string
	Version int
}

// Change changes a note of the caller. With the same text nothing happens. Errors: ErrNotFound; policies.ErrForbidden for
// somebody else's note; Invalid as Write; ErrVersion when it was changed since: then the current note is returned.
func (s *Service) Change(ctx context.Context, c account.Caller, customerID, id uuid.UUID, e Edit) (n Note, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if n, err = s.own(ctx, tx, c, customerID, id); err != nil {
			return err
		}
		text, err := checkText(e.Text)
		switch {
		case err != nil:
			return err
		case n.Version != e.Version:
			return ErrVersion
		case n.Text == text:
			return nil
		}
		changed, err := update(ctx, tx, n, text, s.Now())
		if err != nil {
			return err
		}
		if n, err = s.find(ctx, tx, customerID, id); err != nil {
			return err
		}
		if !changed { // since it was read
			return ErrVersion
		}
		return s.Audit.Write(ctx, tx, c.Actor(), audit.Record{Action: audit.NoteChanged, CustomerID: customerID, SubjectID: id})
	})
	return n, err
}

// Remove removes a note of the caller, which Restore can put back for UndoLife. Errors as Change.
func (s *Service) Remove(ctx context.Context, c account.Caller, customerID, id uuid.UUID) error {
	return s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := s.own(ctx, tx, c, customerID, id); err != nil {
			return err
		}
		if done, err := remove(ctx, tx, id, s.Now()); err != nil {
			return err
		} else if !done {
			return ErrNotFound
		}
		return s.Audit.Write(ctx, tx, c.Actor(), audit.Record{Action: audit.NoteRemoved, CustomerID: customerID, SubjectID: id})
	})
}

// Restore puts back a note that the caller has removed less than UndoLife ago. Errors: ErrUndone; policies.ErrForbidden for
// somebody else's note.
func (s *Service) Restore(ctx context.Context, c account.Caller, customerID, id uuid.UUID) error {
	return s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := s.Customers.Authorise(ctx, tx, c, customerID, WantCreate); err != nil {
			return err
		}
		author, err := authorOf(ctx, tx, customerID, id)
		if err != nil {
			return err
		}
		if author != c.ID {
			return policies.ErrForbidden
		}
		if done, err := restore(ctx, tx, id, s.Now().Add(-UndoLife)); err != nil {
			return err
		} else if !done {
			return ErrUndone
		}
		return s.Audit.Write(ctx, tx, c.Actor(), audit.Record{Action: audit.NoteRestored, CustomerID: customerID, SubjectID: id})
	})
}

// own loads a note that the caller may change.
func (s *Service) own(ctx context.Context, tx bun.Tx, c account.Caller, customerID, id uuid.UUID) (Note, error) {
	if _, err := s.Customers.Authorise(ctx, tx, c, customerID, WantRead); err != nil {
		return Note{}, err
	}
	n, err := s.find(ctx, tx, customerID, id)
	if err != nil {
		return Note{}, err
	}
	if n.AuthorID != c.ID {
		return Note{}, policies.ErrForbidden
	}
	_, err = s.Customers.Authorise(ctx, tx, c, customerID, WantCreate)
	return n, err
}

// Logged returns the condition that a log entry (a row of the table alias) is not about a note, or about a customer whose
// notes the caller may read. It is nil when the caller may read all.
func (s *Service) Logged(c account.Caller, alias string) (store.Condition, error) {
	within, nothing, err := s.Customers.Within(c, WantRead)
	log := bun.Ident(alias)
	if err != nil || nothing {
		return bun.SafeQuery(`?.action NOT IN (?)`, log, bun.List(logged)), err
	}
	if within == nil {
		return nil, nil
	}
	return bun.SafeQuery(`(?.action NOT IN (?) OR EXISTS (SELECT 1 FROM customer WHERE customer.id = ?.customer_id AND ?))`,
		log, bun.List(logged), log, within), nil
}

// logged are the actions in the log that are about notes.
var logged = []audit.Action{audit.NoteWritten, audit.NoteChanged, audit.NoteRemoved, audit.NoteRestored}

// Purge deletes the notes that can't be put back any more, and on SQLite their bytes in the files. The worker calls it.
func (s *Service) Purge(ctx context.Context) error {
	gone, err := purge(ctx, s.DB, s.Now().Add(-UndoLife))
	if err != nil || gone == 0 {
		return err
	}
	_, err = s.DB.EmptyWAL(ctx) // if readers prevent it, the WAL is overwritten a little later
	return err
}
