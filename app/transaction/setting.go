package transaction

import (
	"context"
	"errors"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/fault"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/policies"
)

// The fields that can be set alone.
const (
	FieldResponsible = "responsible" // the id of a specialist user, or "" for nobody
	FieldDue         = "due"         // ISO 8601, or "" for none
	FieldStatus      = "status"
)

// Setting is a value that one field of a transaction gets.
type Setting struct {
	Field, Value string
	// If is the value that the field must have now; nil: any.
	If *string
}

// ErrOther says that a field does not have the value of Setting.If.
var ErrOther = fault.New(fault.Conflict, "transaction.other_value")

// Value returns the value of a field as a Setting has it.
func (t Transaction) Value(field string) string {
	switch field {
	case FieldDue:
		return t.Due
	case FieldStatus:
		return string(t.Status)
	}
	return FormOf(t).Responsible
}

// CheckSetting says what is wrong with a value, whatever transaction gets it. Errors: Invalid at the field, as Update and
// SetStatus.
func (s *Service) CheckSetting(ctx context.Context, set Setting) error {
	if set.Field == FieldStatus {
		if !slices.Contains(Statuses, Status(set.Value)) {
			return fault.At(set.Field, "transaction.status_unknown")
		}
		return nil
	}
	_, err := s.validate(ctx, s.db, set.on(Form{Name: "x", Kind: OtherKind}), Transaction{Kind: OtherKind})
	return err
}

// on puts the value into a form.
func (set Setting) on(f Form) Form {
	if set.Field == FieldDue {
		f.Due = set.Value
	} else {
		f.Responsible = set.Value
	}
	return f
}

// Set sets one field of a transaction, inside the caller's tx, with the rules and the log entries of Update and SetStatus.
// It returns the transaction as it was before. changed says whether it had another value. Errors: those of Update and
// SetStatus, ErrVersion only if somebody changes it at this moment; ErrOther.
func (s *Service) Set(ctx context.Context, tx bun.Tx, c account.Caller, id uuid.UUID, set Setting) (was Transaction, changed bool, err error) {
	was, err = s.authorise(ctx, tx, c, id, policies.Process)
	if err != nil {
		return Transaction{}, false, err
	}
	if set.If != nil && was.Value(set.Field) != *set.If {
		return was, false, ErrOther
	}
	var now Transaction
	if set.Field == FieldStatus {
		now, err = s.move(ctx, tx, c, was, moved{Status(set.Value), was.Version})
	} else {
		now, err = s.save(ctx, tx, c, was, sent{set.on(FormOf(was)), was.Version})
	}
	return was, err == nil && now.Version != was.Version, err
}

// MayProcessAny returns policies.ErrForbidden unless the caller may process some transactions.
func (s *Service) MayProcessAny(c account.Caller) error {
	for _, action := range []policies.Action{policies.Read, policies.Process} {
		scope, err := s.decider.Scope(c.Roles, policies.ObjectTransaction, action)
		if err == nil && scope.Nothing() {
			err = policies.ErrForbidden
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Matching returns the ids of the transactions that List shows with a filter, at most most of them.
func (s *Service) Matching(ctx context.Context, c account.Caller, f Filter, most int) (ids []uuid.UUID, err error) {
	of, ok, err := s.ownerOf(ctx, f.Customer)
	if err != nil || !ok {
		return nil, err
	}
	l, ok, err := s.list(ctx, c, of, f)
	if err != nil || !ok {
		return nil, err
	}
	seen := map[uuid.UUID]bool{}
	err = s.each(ctx, l, func(rows []Transaction) error {
		for _, t := range rows {
			if len(ids) < most && !seen[t.ID] { // one that is changed meanwhile may come twice
				seen[t.ID], ids = true, append(ids, t.ID)
			}
		}
		if len(ids) >= most {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return ids, err
}

// errEnough ends the reading of a list.
var errEnough = errors.New("enough")

// each reads a list, part by part.
func (s *Service) each(ctx context.Context, l *list, each func(rows []Transaction) error) error {
	if l.order.by != byNumber {
		return listing.Each(ctx, sortedList{l}, exportPage, each)
	}
	return listing.Each(ctx, l, exportPage, each)
}

// CustomersOf returns the customers of transactions by their ids, whoever may see them.
func (s *Service) CustomersOf(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]uuid.UUID, error) {
	var rows []struct {
		ID         uuid.UUID `bun:"id"`
		CustomerID uuid.UUID `bun:"customer_id"`
	}
	of := make(map[uuid.UUID]uuid.UUID, len(ids))
	for part := range slices.Chunk(ids, exportPage) {
		rows = rows[:0]
		err := living(s.db.NewSelect().TableExpr(`transactions AS t`).ColumnExpr(`t.id, t.customer_id`).Where(`t.id IN (?)`, bun.List(part))).Scan(ctx, &rows)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			of[r.ID] = r.CustomerID
		}
	}
	return of, nil
}

// Readable returns those of the transactions that the caller may read, by their ids.
func (s *Service) Readable(ctx context.Context, c account.Caller, ids []uuid.UUID) (map[uuid.UUID]Transaction, error) {
	within, nothing, err := s.Within(c, policies.Read, "t")
	if err != nil || nothing || len(ids) == 0 {
		return nil, err
	}
	var list []row
	err = s.rows(s.db, c).Where(`t.id IN (?)`, bun.List(ids)).Where(`?`, store.All(within)).Scan(ctx, &list)
	of := make(map[uuid.UUID]Transaction, len(list))
	for _, r := range list {
		of[r.ID] = r.transaction()
	}
	return of, err
}
