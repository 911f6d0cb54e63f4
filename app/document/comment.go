package document

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/policies"
)

// Comment is what somebody has written about an element.
type Comment struct {
	ID       uuid.UUID
	Text     string
	Internal bool // not for end users
	By       string
	At       time.Time
}

// Remark is a comment that is to be written.
type Remark struct {
	Text     string
	Internal bool
}

// remark is a Remark with what its author may do.
type remark struct {
	Remark
	rights Rights
}

func (r Remark) by(t Tree) remark { return remark{r, t.Rights} }

// Comment writes about an element. Errors: policies.ErrForbidden, Invalid at comment ("required", "too_long",
// "control_characters").
func (s *Service) Comment(ctx context.Context, c account.Caller, id uuid.UUID, r Remark) (e Element, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var tree Tree
		if tree, e, err = s.holdElement(ctx, tx, c, id); err != nil {
			return err
		}
		if err := tree.allow(tree.Rights.Comment); err != nil {
			return err
		}
		return s.comment(ctx, tx, c, e, r.by(tree))
	})
	return e, err
}

// comment is Comment in a held transaction.
func (s *Service) comment(ctx context.Context, tx bun.Tx, c account.Caller, e Element, r remark) error {
	text := entry.Text(r.Text)
	switch {
	case !r.rights.Comment, r.Internal && !r.rights.Internal:
		return policies.ErrForbidden
	case !entry.IsText(text, true):
		return fault.At("comment", "control_characters")
	case !entry.Says(text):
		return fault.At("comment", "required")
	case utf8.RuneCountInString(text) > MaxText:
		return fault.At("comment", "too_long").With("max", MaxText)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	sealed, err := s.Blobs.Seal(ctx, tx, e.CustomerID, id.String(), text)
	if err != nil {
		return err
	}
	values := map[string]any{
		"id": id, "element_id": e.ID, "customer_id": e.CustomerID, "internal": r.Internal, "text": sealed, "author_id": c.ID, "created_at": s.Now(),
	}
	if _, err := tx.NewInsert().Model(&values).Table("element_comment").Exec(ctx); err != nil {
		return err
	}
	return s.Audit.Write(ctx, tx, c.Actor(), e.record(audit.CommentWritten, nil))
}

// Comments returns what was written about an element that the caller may see, the oldest first.
func (s *Service) Comments(ctx context.Context, tree Tree, e Element) (list []Comment, err error) {
	var found []struct {
		ID       uuid.UUID `bun:"id"`
		Text     []byte    `bun:"text"`
		Internal bool      `bun:"internal"`
		By       string    `bun:"by"`
		At       time.Time `bun:"created_at"`
	}
	q := s.DB.NewSelect().TableExpr(`element_comment AS c`).Join(`JOIN account AS p ON p.id = c.author_id`).
		ColumnExpr(`c.id, c.text, c.internal, c.created_at, p.name AS by`).Where(`c.element_id = ?`, e.ID).OrderExpr(`c.created_at, c.id`)
	if !tree.Rights.Internal {
		q.Where(`NOT c.internal`)
	}
	if err := q.Scan(ctx, &found); err != nil || len(found) == 0 {
		return nil, err
	}
	texts, err := s.Blobs.Texts(ctx, s.DB, e.CustomerID)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		c := Comment{ID: f.ID, Internal: f.Internal, By: f.By, At: f.At}
		if c.Text, err = texts.Open(f.ID.String(), f.Text); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// countComments counts the comments of elements that the caller may see.
func countComments(ctx context.Context, db bun.IDB, tree Tree, list []Element) error {
	var counts []struct {
		ID uuid.UUID `bun:"element_id"`
		N  int       `bun:"n"`
	}
	q := db.NewSelect().TableExpr(`element_comment AS c`).Join(`JOIN element AS e ON e.id = c.element_id`).ColumnExpr(`c.element_id, COUNT(*) AS n`).
		Where(`e.transaction_id = ?`, tree.Transaction.ID).GroupExpr(`c.element_id`)
	if !tree.Rights.Internal {
		q.Where(`NOT c.internal`)
	}
	if err := q.Scan(ctx, &counts); err != nil {
		return err
	}
	of := make(map[uuid.UUID]int, len(counts))
	for _, c := range counts {
		of[c.ID] = c.N
	}
	for i := range list {
		list[i].Comments = of[list[i].ID]
	}
	return nil
}
