package document

import (
	"context"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/store"
	"kontor/app/transaction"
)

// Start adds a transaction with the elements of an outline. Errors: those of transaction.Create.
func (s *Service) Start(ctx context.Context, c account.Caller, customerID uuid.UUID, f transaction.Form, o Outline) (t transaction.Transaction, repeated bool, err error) {
	f.Build = func(ctx context.Context, tx bun.Tx, t transaction.Transaction) error {
		return s.Build(ctx, tx, c, t, o)
	}
	return s.Transactions.Create(ctx, c, customerID, f)
}

// Build makes the elements of an outline in a transaction that has none, in the caller's tx. start is the day of the start (ISO
// 8601), from which due dates are counted.
func (s *Service) Build(ctx context.Context, tx bun.Tx, c account.Caller, t transaction.Transaction, o Outline) error {
	start, err := time.Parse(time.DateOnly, s.Transactions.Today())
	if err != nil {
		return err
	}
	if err := s.Transactions.SetExtensible(ctx, tx, t.ID, o.Extensible); err != nil {
		return err
	}
	b := builder{s, tx, t, store.NullID(c.ID), start}
	if err := b.build(ctx, uuid.NullUUID{}, o.Elements); err != nil {
		return err
	}
	return s.recount(ctx, tx, t.ID)
}

type builder struct {
	s     *Service
	tx    bun.Tx
	of    transaction.Transaction
	by    uuid.NullUUID
	start time.Time
}

func (b builder) build(ctx context.Context, parent uuid.NullUUID, list []Planned) error {
	for i, p := range list {
		r := record{
			TransactionID: b.of.ID, CustomerID: b.of.CustomerID, ParentID: parent, Position: i, Type: p.Type, Name: p.Name, Help: p.Help,
			Planned: true, Internal: p.Internal, Extensible: p.Extensible, Optional: p.Optional, Duplicable: p.Duplicable,
			Answer: p.Answer, Required: p.Required, Types: strings.Join(p.Types, " "), CreatedBy: b.by,
		}
		if p.DueDays != nil {
			r.Due = b.start.AddDate(0, 0, *p.DueDays).Format(time.DateOnly)
		}
		id, err := b.s.insertElement(ctx, b.tx, r)
		if err != nil {
			return err
		}
		if err := b.build(ctx, store.NullID(id), p.Elements); err != nil {
			return err
		}
	}
	return nil
}

// Duplicate copies a folder or a slot with its structure, without what was given. Errors: policies.ErrForbidden, ErrFixed.
func (s *Service) Duplicate(ctx context.Context, c account.Caller, id uuid.UUID) (copied uuid.UUID, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		tree, e, err := s.holdElement(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if err := tree.allow(tree.Rights.Process); err != nil {
			return err
		}
		if !tree.MayDuplicate(e) {
			return ErrFixed
		}
		copied, err = s.duplicate(ctx, tx, c, tree, e)
		return err
	})
	return copied, err
}

// duplicate copies an element of a held transaction behind those with the same parent. What was planned stays planned, so the copy
// allows what the original allows; the copy itself may be removed.
func (s *Service) duplicate(ctx context.Context, tx bun.Tx, c account.Caller, tree Tree, e Element) (uuid.UUID, error) {
	copies := map[uuid.UUID]uuid.UUID{}
	for _, of := range append([]Element{e}, tree.Inside(e.ID)...) {
		if of.Type == File {
			continue
		}
		r := record{
			TransactionID: of.TransactionID, CustomerID: of.CustomerID, ParentID: store.NullID(of.ParentID), Position: of.Position, Type: of.Type,
			Name: of.Name, Help: of.Help, Planned: of.Planned, Internal: of.OwnInternal, Extensible: of.Extensible, Optional: of.Optional,
			Duplicable: of.Duplicable, Answer: of.Answer, Required: of.Required, Due: of.Due, Types: strings.Join(of.Types, " "),
			CreatedBy: store.NullID(c.ID),
		}
		if of.ID == e.ID {
			name, err := freeName(ctx, tx, of.TransactionID, of.ParentID, of.Name)
			if err != nil {
				return uuid.Nil, err
			}
			r.Name, r.Position, r.Planned = name, tree.behind(of.ParentID), false
		} else {
			r.ParentID = store.NullID(copies[of.ParentID])
		}
		id, err := s.insertElement(ctx, tx, r)
		if err != nil {
			return uuid.Nil, err
		}
		copies[of.ID] = id
	}
	return copies[e.ID], s.changed(ctx, tx, c, e.record(audit.ElementDuplicated, nil))
}

// MayDuplicate says whether the caller may copy an element with its structure.
func (t Tree) MayDuplicate(e Element) bool {
	switch {
	case !t.Rights.Process || t.Rights.Closed || len(t.Elements)+len(t.Inside(e.ID)) >= maxInTransaction:
		return false
	case e.Type == Folder:
		return e.Duplicable
	}
	return e.Type == Slot && t.mayAdd(e.ParentID)
}
