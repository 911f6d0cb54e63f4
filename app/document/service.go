package document

import (
	"context"
	"errors"
	"log/slog"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/blob"
	"kontor/app/customer"
	"kontor/app/filetype"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// Customers is what this package needs of customer.Service.
type Customers interface {
	AddDependent(p customer.Part, d customer.Dependent)
}

// Dependencies are what a Service needs. All are required. (The options of a folder are Options.)
type Dependencies struct {
	DB           *store.DB
	Now          store.Clock
	Decider      *policies.Decider
	Audit        *audit.Log
	Customers    Customers
	Transactions *transaction.Service
	Blobs        *blob.Service
	Types        filetype.Allowed // what the firm accepts
	Log          *slog.Logger
}

// Service keeps the elements of transactions. Its methods authorise the caller. For a transaction that the caller may not see they
// return transaction.ErrNotFound, for an element that they may not see ErrNotFound, for what they may see but not do
// policies.ErrForbidden. What changes something returns ErrClosed in a closed transaction.
type Service struct{ Dependencies }

// New makes the service. It registers the deletion of elements with their customer, and what becomes of elements whose
// document is infected.
func New(o Dependencies) *Service {
	s := &Service{o}
	o.Customers.AddDependent(customer.Documents, s.dependent())
	o.Blobs.OnInfected(s.infected)
	return s
}

// rights are what the caller may do in a transaction that was loaded for them.
func (s *Service) rights(c account.Caller, t transaction.Transaction) (r Rights, err error) {
	for _, w := range []struct {
		object policies.Object
		action policies.Action
		may    *bool
	}{
		{policies.ObjectTransaction, policies.Process, &r.Process},
		{policies.ObjectTransaction, policies.Upload, &r.Upload},
		{policies.ObjectTransaction, policies.Answer, &r.Answer},
		{policies.ObjectTransaction, policies.Review, &r.Review},
		{policies.ObjectTransaction, policies.Comment, &r.Comment},
		{policies.ObjectDocument, policies.Read, &r.Contents},
		{policies.ObjectInternal, policies.Read, &r.Internal},
	} {
		*w.may, err = s.Decider.Allows(policies.Request{Roles: c.Roles, Relation: t.Relation, Object: w.object, Kind: t.Kind, Action: w.action})
		if err != nil {
			return Rights{}, err
		}
	}
	r.Firm = t.Relation&(policies.Administrator|policies.Processor) != 0 || !c.Has(policies.EndUser)
	r.Closed = t.Status == transaction.Closed
	return r, nil
}

// Tree is a transaction with what it consists of, as the caller sees it.
type Tree struct {
	Transaction transaction.Transaction
	Rights      Rights
	Elements    []Element // each folder before what is in it
	Progress    Progress
}

// Find returns the element with an id; ErrNotFound.
func (t Tree) Find(id uuid.UUID) (Element, error) {
	for _, e := range t.Elements {
		if e.ID == id {
			return e, nil
		}
	}
	return Element{}, ErrNotFound
}

// In returns the elements in a folder, Nil for the root, in their order.
func (t Tree) In(parent uuid.UUID) (list []Element) {
	for _, e := range t.Elements {
		if e.ParentID == parent {
			list = append(list, e)
		}
	}
	return list
}

// Tree returns a transaction with its elements.
func (s *Service) Tree(ctx context.Context, c account.Caller, transactionID uuid.UUID) (Tree, error) {
	t, err := s.Transactions.Get(ctx, c, transactionID)
	if err != nil {
		return Tree{}, err
	}
	return s.treeOf(ctx, s.DB, c, t)
}

func (s *Service) treeOf(ctx context.Context, db bun.IDB, c account.Caller, t transaction.Transaction) (tree Tree, err error) {
	tree.Transaction = t
	if tree.Rights, err = s.rights(c, t); err != nil {
		return tree, err
	}
	list, err := elements(ctx, db, t.ID)
	if err != nil {
		return tree, err
	}
	if err := s.openAnswers(ctx, db, tree, list); err != nil {
		return tree, err
	}
	if err := countComments(ctx, db, tree, list); err != nil {
		return tree, err
	}
	all := arrange(list)
	tree.Progress = progressOf(all)
	for _, e := range all {
		if !e.Internal || tree.Rights.Internal {
			tree.Elements = append(tree.Elements, e)
		}
	}
	return tree, nil
}

// openAnswers decrypts the answers that are no documents, if the caller may read them.
func (s *Service) openAnswers(ctx context.Context, db bun.IDB, tree Tree, list []Element) error {
	sealed := false
	for i := range list {
		sealed = sealed || list[i].Latest != nil && list[i].Latest.Text != ""
	}
	if !sealed {
		return nil
	}
	texts, err := s.Blobs.Texts(ctx, db, tree.Transaction.CustomerID)
	if err != nil {
		return err
	}
	for i := range list {
		v := list[i].Latest
		if v == nil || v.Text == "" {
			continue
		}
		if !tree.Rights.Contents {
			v.Text = ""
		} else if v.Text, err = texts.Open(v.ID.String(), []byte(v.Text)); err != nil {
			return err
		}
	}
	return nil
}

// ElementOf returns an element that the caller may see, with the tree that it is in. The id of an element names its transaction,
// too.
func (s *Service) ElementOf(ctx context.Context, c account.Caller, id uuid.UUID) (Tree, Element, error) {
	return s.elementIn(ctx, s.DB, c, id)
}

func (s *Service) elementIn(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID) (tree Tree, e Element, err error) {
	transactionID, err := transactionOf(ctx, db, id)
	if err != nil {
		return tree, e, err
	}
	t, err := s.Transactions.GetIn(ctx, db, c, transactionID)
	if errors.Is(err, transaction.ErrNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return tree, e, err
	}
	if tree, err = s.treeOf(ctx, db, c, t); err != nil {
		return tree, e, err
	}
	e, err = tree.Find(id)
	return tree, e, err
}

// hold locks a transaction for a change, and returns it as it is then. Changes of one transaction are made one after the other.
func (s *Service) hold(ctx context.Context, tx bun.Tx, c account.Caller, transactionID uuid.UUID) (Tree, error) {
	t, err := s.Transactions.Hold(ctx, tx, c, transactionID)
	if err != nil {
		return Tree{}, err
	}
	return s.treeOf(ctx, tx, c, t)
}

// holdElement is hold for the transaction of an element. ErrNotFound.
func (s *Service) holdElement(ctx context.Context, tx bun.Tx, c account.Caller, id uuid.UUID) (tree Tree, e Element, err error) {
	transactionID, err := transactionOf(ctx, tx, id)
	if err != nil {
		return tree, e, err
	}
	tree, err = s.hold(ctx, tx, c, transactionID)
	if errors.Is(err, transaction.ErrNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return tree, e, err
	}
	e, err = tree.Find(id)
	return tree, e, err
}

// allow returns the error for what the caller may not do, or what can't be done in a closed transaction.
func (t Tree) allow(may bool) error {
	switch {
	case !may:
		return policies.ErrForbidden
	case t.Rights.Closed:
		return ErrClosed
	}
	return nil
}

// changed writes the log about an element, counts its transaction anew, and is the end of every change.
func (s *Service) changed(ctx context.Context, tx bun.Tx, c account.Caller, r audit.Record) error {
	if err := s.recount(ctx, tx, r.TransactionID); err != nil {
		return err
	}
	return s.Audit.Write(ctx, tx, c.Actor(), r)
}

// recount counts the slots of a transaction.
func (s *Service) recount(ctx context.Context, tx bun.Tx, transactionID uuid.UUID) error {
	list, err := elements(ctx, tx, transactionID)
	if err != nil {
		return err
	}
	p := progressOf(arrange(list))
	return s.Transactions.SetProgress(ctx, tx, transactionID, transaction.Progress(p))
}

// record is a log entry about an element.
func (e Element) record(action audit.Action, changes audit.Changes) audit.Record {
	var detail any
	if len(changes) > 0 {
		detail = changes
	}
	return audit.Record{
		Action: action, CustomerID: e.CustomerID, SubjectID: e.ID, Subject: e.Name, TransactionID: e.TransactionID, Detail: detail,
	}
}
