package transaction

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/store"
	"kontor/policies"
)

var wantCustomer = policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read}

// recorded is a validated form.
type recorded struct {
	Name, Kind, Due string
	Responsible     person
}

// maxName is the maximum length of a name, in characters.
const maxName = 200

// Create adds a transaction to a customer, adds it to the index of visible transactions, and writes the log. repeated
// says that the same caller sent the same submission before: then nothing happens, and t is the transaction of the
// first submission. Errors: customer.ErrNotFound; policies.ErrForbidden when the caller may not add a transaction of
// that kind; Invalid at name ("required", "too_long", "control_characters", ErrNameTaken), kind
// ("transaction.kind_unknown", also for a retired kind), due ("date.malformed") and responsible
// ("transaction.responsible_unknown").
func (s *Service) Create(ctx context.Context, c account.Caller, customerID uuid.UUID, f Form) (t Transaction, repeated bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		t, repeated, err = s.create(ctx, tx, c, customerID, f)
		return err
	})
	switch {
	case store.IsUnique(err, "transactions.submission"): // a concurrent request sent the same form
		var id uuid.UUID
		if id, repeated, err = s.submitted(ctx, s.db, f.submission(c).String); err == nil && repeated {
			t, err = s.Get(ctx, c, id)
		}
	case store.IsUnique(err, "transactions.name_folded"):
		err = ErrNameTaken
	}
	if err != nil {
		return Transaction{}, false, err
	}
	return t, repeated, nil
}

// submission identifies a form that was sent once; null without an IdempotencyKey. The caller's id makes the key unique
// among callers, as for customers.
func (f Form) submission(c account.Caller) sql.NullString {
	if f.IdempotencyKey == "" {
		return sql.NullString{}
	}
	return sql.NullString{String: c.ID.String() + "/" + f.IdempotencyKey, Valid: true}
}

// create is Create inside a tx.
func (s *Service) create(ctx context.Context, tx bun.Tx, c account.Caller, customerID uuid.UUID, f Form) (t Transaction, repeated bool, err error) {
	if _, err := s.customers.Authorise(ctx, tx, c, customerID, wantCustomer); err != nil {
		return t, false, err
	}
	related, err := s.customers.Relation(ctx, tx, c, customerID)
	if err != nil {
		return t, false, err
	}
	kinds, err := s.kindsFor(c, related, policies.Create)
	if err != nil {
		return t, false, err
	}
	if kinds.Empty() {
		return t, false, policies.ErrForbidden
	}
	submission := f.submission(c)
	if submission.Valid {
		if id, found, err := s.submitted(ctx, tx, submission.String); err != nil {
			return t, false, err
		} else if found {
			t, err = s.authorise(ctx, tx, c, id, policies.Read)
			return t, true, err
		}
	}
	r, err := s.validate(ctx, tx, f, Transaction{})
	if err != nil {
		return t, false, err
	}
	if err := s.decider.Require(policies.Request{
		Roles: c.Roles, Relation: related, Object: policies.ObjectTransaction, Kind: r.Kind, Action: policies.Create,
	}); err != nil {
		return t, false, err
	}
	now := s.now()
	rec := record{
		CustomerID: customerID, Name: r.Name, NameFolded: store.FoldName(r.Name), Kind: r.Kind, Status: Open, Due: r.Due,
		ResponsibleID: store.NullID(r.Responsible.ID), Submission: submission, Version: 1, CreatedAt: now, CreatedBy: store.NullID(c.ID), UpdatedAt: now,
	}
	if rec.ID, err = uuid.NewV7(); err != nil {
		return t, false, err
	}
	if err := s.insert(ctx, tx, &rec); err != nil {
		return t, false, err
	}
	if err := assignment.Added(ctx, tx, customerID, rec.ID); err != nil {
		return t, false, err
	}
	if t, err = s.find(ctx, tx, c, rec.ID); err != nil {
		return t, false, err
	}
	if f.Build != nil {
		if err := f.Build(ctx, tx, t); err != nil {
			return t, false, err
		}
	}
	return t, false, s.audit.Write(ctx, tx, c.Actor(), t.record(audit.TransactionCreated, audit.Changes{
		"kind": {"", t.Kind}, "due": {"", t.Due}, "responsible": {"", t.Responsible},
	}))
}

// Update saves a form, if the transaction still has the version that was edited. A form without changes changes
// nothing. Errors: ErrNotFound, policies.ErrForbidden, Invalid as Create, and at kind "transaction.kind_forbidden" for
// a kind with which the caller could no longer process it; ErrVersion when somebody else changed it first: then the
// current transaction is returned.
func (s *Service) Update(ctx context.Context, c account.Caller, id uuid.UUID, version int, f Form) (t Transaction, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		t, err = s.authorise(ctx, tx, c, id, policies.Process)
		if err != nil {
			return err
		}
		t, err = s.save(ctx, tx, c, t, sent{f, version})
		return err
	})
	if store.IsUnique(err, "transactions.name_folded") {
		err = ErrNameTaken
	}
	if err != nil && !errors.Is(err, ErrVersion) {
		return Transaction{}, err
	}
	return t, err
}

// SetStatus changes the status of a transaction. A closed transaction may be opened again. Errors: as Update, and
// Invalid at status ("transaction.status_unknown").
func (s *Service) SetStatus(ctx context.Context, c account.Caller, id uuid.UUID, version int, to Status) (t Transaction, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		t, err = s.authorise(ctx, tx, c, id, policies.Process)
		if err != nil {
			return err
		}
		t, err = s.move(ctx, tx, c, t, moved{to, version})
		return err
	})
	if err != nil && !errors.Is(err, ErrVersion) {
		return Transaction{}, err
	}
	return t, err
}

// sent is a form that was sent about a version.
type sent struct {
	Form
	version int
}

// save is Update of a transaction that was authorised, inside a tx.
func (s *Service) save(ctx context.Context, tx bun.Tx, c account.Caller, t Transaction, f sent) (Transaction, error) {
	r, err := s.validate(ctx, tx, f.Form, t)
	if err != nil {
		return t, err
	}
	if r.Kind != t.Kind {
		changed := t
		changed.Kind = r.Kind
		if ok, err := s.Allows(c, changed, policies.Process); err != nil {
			return t, err
		} else if !ok {
			return t, fault.At("kind", "transaction.kind_forbidden")
		}
	}
	changes := audit.Changes{}
	for field, values := range map[string][2]string{
		"name": {t.Name, r.Name}, "kind": {t.Kind, r.Kind}, "due": {t.Due, r.Due}, "responsible": {t.Responsible, r.Responsible.Name},
	} {
		if values[0] != values[1] {
			changes[field] = values
		}
	}
	return s.change(ctx, tx, c, t, edit{
		version: f.version, unchanged: len(changes) == 0 && t.ResponsibleID == r.Responsible.ID,
		write:  func() (bool, error) { return s.update(ctx, tx, t, r) },
		action: audit.TransactionUpdated, changes: changes,
	})
}

// moved is a status that was chosen for a version.
type moved struct {
	to      Status
	version int
}

// move is SetStatus of a transaction that was authorised, inside a tx.
func (s *Service) move(ctx context.Context, tx bun.Tx, c account.Caller, t Transaction, m moved) (Transaction, error) {
	if !slices.Contains(Statuses, m.to) {
		return t, fault.At("status", "transaction.status_unknown")
	}
	return s.change(ctx, tx, c, t, edit{
		version: m.version, unchanged: t.Status == m.to,
		write:  func() (bool, error) { return s.setStatus(ctx, tx, t, m.to) },
		action: audit.TransactionMoved, changes: audit.Changes{"status": {string(t.Status), string(m.to)}},
	})
}

// edit is a change of a transaction that a caller wants to make.
type edit struct {
	version   int  // the version that the caller has seen
	unchanged bool // nothing is to be written
	// write writes it. It returns false when that version no longer exists.
	write   func() (done bool, err error)
	action  audit.Action
	changes audit.Changes
}

// change makes an edit of t, and writes the log.
func (s *Service) change(ctx context.Context, tx bun.Tx, c account.Caller, t Transaction, e edit) (Transaction, error) {
	if t.Version != e.version {
		return t, ErrVersion
	}
	if e.unchanged {
		return t, nil
	}
	done, err := e.write()
	if err != nil {
		return t, err
	}
	now, err := s.find(ctx, tx, c, t.ID)
	if err != nil {
		return t, err
	}
	if !done { // changed since it was read
		return now, ErrVersion
	}
	return now, s.audit.Write(ctx, tx, c.Actor(), now.record(e.action, e.changes))
}

// record returns a log entry about the transaction. Changes from a value to the same value are left out.
func (t Transaction) record(action audit.Action, changes audit.Changes) audit.Record {
	for field, values := range changes {
		if values[0] == values[1] {
			delete(changes, field)
		}
	}
	return audit.Record{
		Action: action, CustomerID: t.CustomerID, SubjectID: t.ID, Subject: t.Label() + " " + t.Name, TransactionID: t.ID, Detail: changes,
	}
}

// validate checks a form. was is the transaction before: a value that stays the same is valid even if it can't be
// chosen any more.
func (s *Service) validate(ctx context.Context, db bun.IDB, f Form, was Transaction) (r recorded, err error) {
	var form fault.Form
	name, complaint := customer.CleanLine(f.Name)
	switch {
	case complaint != "":
		form.Add("name", complaint)
	case !entry.Says(name):
		form.Add("name", "required")
	case utf8.RuneCountInString(name) > maxName:
		form.AddError(fault.At("name", "too_long").With("max", maxName))
	}
	r = recorded{Name: name, Kind: f.Kind, Due: entry.Key(f.Due)}
	if r.Kind == "" {
		r.Kind = OtherKind
	}
	if r.Kind != was.Kind {
		if known, err := s.kindActive(ctx, db, r.Kind); err != nil {
			return r, err
		} else if !known {
			form.Add("kind", "transaction.kind_unknown")
		}
	}
	if r.Due != "" {
		if day, err := time.Parse(time.DateOnly, r.Due); err != nil || day.Year() < 1900 {
			form.Add("due", "date.malformed")
		}
	}
	if f.Responsible != "" {
		id, malformed := uuid.FromString(f.Responsible)
		found := malformed == nil
		if found {
			r.Responsible, found, err = s.specialist(ctx, db, id)
			if err != nil {
				return r, err
			}
		}
		if !found || !r.Responsible.Active && r.Responsible.ID != was.ResponsibleID {
			form.Add("responsible", "transaction.responsible_unknown")
		}
	}
	return r, form.Err()
}

// customerRenamed updates the search texts of a customer's transactions, in the tx in which the customer's name
// changes.
func (s *Service) customerRenamed(ctx context.Context, tx bun.IDB, cu customer.Customer) error {
	return s.refreshSearch(ctx, tx, cu.ID, cu.Name())
}

// MergeSearchIndex maintains the search index; the worker calls it. It writes the search texts of transactions that got
// none in a migration, and merges SQLite's index.
func (s *Service) MergeSearchIndex(ctx context.Context) error {
	for more := true; more; {
		err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
			more, err = s.fillSearch(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return s.db.MergeSearchIndex(ctx, "transaction_search")
}

// People returns the people offered as responsible for a customer's transactions, ordered by name: the customer's
// active administrators and processors, and the caller if they are a specialist user. customer.ErrNotFound.
func (s *Service) People(ctx context.Context, c account.Caller, customerID uuid.UUID) ([]Person, error) {
	if _, err := s.customers.Authorise(ctx, s.db, c, customerID, wantCustomer); err != nil {
		return nil, err
	}
	return s.people(ctx, customerID, c.ID)
}

// Derived holds the columns of a transaction's row that are computed from the others, for code that writes rows in
// bulk.
type Derived struct {
	NameFolded, Search string
	Trigrams           string // the text of SQLite's transaction_search
}

// Derive computes these columns. customerName is the customer's Name.
func Derive(number int64, name, kind, customerName string) Derived {
	search := searchText(number, name, kind, customerName)
	return Derived{NameFolded: store.FoldName(name), Search: search, Trigrams: store.TrigramText(search)}
}

// searchText is the text in which a transaction is searched. It also contains the kind behind a character that no
// folded word has, so the trigram index can also answer a search within a kind.
func searchText(number int64, name, kind, customerName string) string {
	return store.SearchText(name, strings.ReplaceAll(Label(number), "-", ""), customerName) + " " + kindNeedle(kind)
}

func kindNeedle(kind string) string { return "=" + kind }
