package authorisation

import (
	"context"
	"strings"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// MatrixFilter selects the people and transactions of a matrix.
type MatrixFilter struct {
	Name        string // of people; folded words
	Transaction string // name or number of transactions; folded words
	// Transactions is the maximum number of columns, the newest transactions; 0: MatrixColumns.
	Transactions int
}

// MatrixColumns and MatrixByRole are limits of a matrix on the screen: the number of transactions, and the number of
// people who see transactions by role alone.
const (
	MatrixColumns = 200
	MatrixByRole  = 50
)

// Column is a transaction of a matrix.
type Column struct {
	ID     uuid.UUID
	Number int64
	Name   string
	Kind   string
}

// Label is the transaction's number as people see it.
func (c Column) Label() string { return transaction.Label(c.Number) }

// Cell is what a person may do with something, and why. Sources is empty when Level is Nothing.
type Cell struct {
	Level   Level
	Sources []Source
}

// MatrixRow is a person's row: a cell for the customer as a whole (all its transactions of every kind), and one for
// each transaction.
type MatrixRow struct {
	Person
	Whole Cell
	Cells []Cell // in the order of Matrix.Columns
}

// Matrix has a row for each person, with cells for the customer as a whole and for each of its transactions that the
// caller may see.
type Matrix struct {
	Customer    customer.Customer
	Columns     []Column
	Rows        []MatrixRow
	MoreColumns bool // there are more transactions
	MoreByRole  bool // there are more people who see by role alone
}

// Matrix shows who may do what with which transaction. The people are administrators, additional processors, end users
// with an access, deputies of these, and specialist users who see transactions by role alone. Errors: NotFound,
// Forbidden (authorisation read).
func (s *Service) Matrix(ctx context.Context, c account.Caller, customerID uuid.UUID, f MatrixFilter) (Matrix, error) {
	limit := f.Transactions
	if limit == 0 {
		limit = MatrixColumns
	}
	k, err := s.relatedTo(ctx, c, customerID, transactionFilter{query: f.Transaction, limit: limit})
	if err != nil {
		return Matrix{}, err
	}
	m := Matrix{Customer: k.customer, MoreColumns: k.moreTransact}
	if m.MoreByRole, err = s.addByRole(ctx, k, f.Name, MatrixByRole); err != nil {
		return Matrix{}, err
	}
	for _, t := range k.transactions {
		m.Columns = append(m.Columns, Column(t))
	}
	words := strings.Fields(store.Fold(f.Name))
	for _, p := range k.byName() {
		if !p.called(words) {
			continue
		}
		row, something, err := k.row(p)
		if err != nil {
			return Matrix{}, err
		}
		if something || len(p.facts) > 0 || !p.Specialist {
			m.Rows = append(m.Rows, row)
		}
	}
	return m, nil
}

// called says whether a person's name contains all words.
func (p *subject) called(words []string) bool {
	name := store.Fold(p.Name)
	for _, w := range words {
		if !strings.Contains(name, w) {
			return false
		}
	}
	return true
}

// row makes a person's row; something says that at least one cell has a level.
func (k *related) row(p *subject) (row MatrixRow, something bool, err error) {
	row = MatrixRow{Person: p.Person, Cells: make([]Cell, len(k.transactions))}
	if row.Whole, err = k.whole(p); err != nil {
		return row, false, err
	}
	something = row.Whole.Level > Nothing
	for i, t := range k.transactions {
		if row.Cells[i], err = k.cell(p, t); err != nil {
			return row, false, err
		}
		something = something || row.Cells[i].Level > Nothing
	}
	return row, something, nil
}

// whole returns what a person may do with all transactions of the customer. Additional processing of some transactions
// does not count.
func (k *related) whole(p *subject) (Cell, error) {
	level, err := k.decider.level(p.Person, p.to(uuid.Nil)&^policies.Processor, anyKind)
	if err != nil || level == Nothing {
		return Cell{}, err
	}
	return Cell{level, p.sourcesOf(uuid.Nil, true)}, nil
}

func (k *related) cell(p *subject, t visibleTransaction) (Cell, error) {
	level, err := k.decider.level(p.Person, p.to(t.ID), t.Kind)
	if err != nil || level == Nothing {
		return Cell{}, err
	}
	return Cell{level, p.sourcesOf(t.ID, false)}, nil
}

// Seer is a person who sees a transaction.
type Seer struct {
	Person
	Cell
	Facts []Fact          // those that matter for the transaction
	Via   []policies.Role // the chain of roles through which the rule that allows it applies to the person
}

// SeenBy lists, ordered by name, who sees a transaction. more says that further people see it by role alone. Errors:
// NotFound when the caller may not see the transaction, Forbidden (authorisation read of its customer).
func (s *Service) SeenBy(ctx context.Context, c account.Caller, transactionID uuid.UUID) (list []Seer, more bool, err error) {
	t, err := s.transactions.Get(ctx, c, transactionID)
	if err != nil {
		return nil, false, err
	}
	k, err := s.relatedTo(ctx, c, t.CustomerID, transactionFilter{id: t.ID})
	if err != nil {
		return nil, false, err
	}
	if more, err = s.addByRole(ctx, k, "", MatrixByRole); err != nil {
		return nil, false, err
	}
	for _, p := range k.byName() {
		cell, err := k.cell(p, visibleTransaction{ID: t.ID, Kind: t.Kind})
		if err != nil {
			return nil, false, err
		}
		if cell.Level == Nothing {
			continue
		}
		v, err := s.explain(p, p.to(t.ID), policies.ObjectTransaction, t.Kind, policies.Read)
		if err != nil {
			return nil, false, err
		}
		list = append(list, Seer{Person: p.Person, Cell: cell, Facts: p.factsAbout(t.ID), Via: v.Via})
	}
	return list, more, nil
}

func (p *subject) factsAbout(transactionID uuid.UUID) (list []Fact) {
	for _, f := range p.facts {
		if f.counts(transactionID) {
			list = append(list, f)
		}
	}
	return list
}
