package transaction

import (
	"context"
	"fmt"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/store"
	"kontor/policies"
)

// relationTo returns an expression for the caller's relations to the transaction in a row of the table. It leaves out
// relations that are not in of, on which the answer does not depend.
func relationTo(c account.Caller, table string, of policies.Relation) store.Condition {
	administrator, processor, access, t := bun.SafeQuery(`0`), bun.SafeQuery(`0`), bun.SafeQuery(`0`), bun.Ident(table)
	if of&policies.Administrator != 0 {
		administrator = bun.SafeQuery(`CASE WHEN EXISTS (SELECT 1 FROM customer_administrator AS ra
			WHERE ra.customer_id = ?.customer_id AND ra.specialist_id IN (?)) THEN 1 ELSE 0 END`, t, bun.List(c.Persons()))
	}
	if of&policies.Processor != 0 {
		processor = bun.SafeQuery(`CASE WHEN EXISTS (SELECT 1 FROM transaction_processor AS rp
			WHERE rp.transaction_id = ?.id AND rp.specialist_id IN (?)) THEN 2 ELSE 0 END`, t, bun.List(c.Persons()))
	}
	if of&policies.Access != 0 {
		access = bun.SafeQuery(`CASE WHEN EXISTS (SELECT 1 FROM access AS rx WHERE rx.customer_id = ?.customer_id AND rx.account_id = ?
			AND rx.registered_at IS NOT NULL AND rx.deactivated_at IS NULL) THEN 4 ELSE 0 END`, t, c.ID)
	}
	return bun.SafeQuery(`(? + ? + ?)`, administrator, processor, access)
}

// allowed returns the condition that the policy allows an action with a transaction; mask and kind are expressions for
// the caller's relations and the kind.
func allowed(scope policies.Scope, mask, kind string) store.Condition {
	condition, kinds := scope.SQL(mask, kind)
	return bun.SafeQuery(condition, kinds...)
}

// anyRelation is the set of all relations that a person can have to a transaction.
const anyRelation = policies.Administrator | policies.Processor | policies.Access

// row is a transaction as it is read, with the columns that lists show besides.
type row struct {
	ID             uuid.UUID         `bun:"id"`
	Number         int64             `bun:"number"`
	CustomerID     uuid.UUID         `bun:"customer_id"`
	Name           string            `bun:"name"`
	Kind           string            `bun:"kind"`
	Status         Status            `bun:"status"`
	Due            string            `bun:"due"`
	ResponsibleID  uuid.NullUUID     `bun:"responsible_id"`
	Responsible    string            `bun:"responsible"`
	Version        int               `bun:"version"`
	CreatedAt      time.Time         `bun:"created_at"`
	UpdatedAt      time.Time         `bun:"updated_at"`
	CustomerNumber int64             `bun:"customer_number"`
	CustomerType   customer.Type     `bun:"customer_type"`
	CustomerName   string            `bun:"customer_name"`
	Asked          int               `bun:"asked"`
	Answered       int               `bun:"answered"`
	ToReview       int               `bun:"to_review"`
	Extensible     bool              `bun:"extensible"`
	Viewed         bool              `bun:"viewed"`
	Relation       policies.Relation `bun:"relation"`
}

// columns are the columns of row without the relation, from the tables t (transactions), k (customer) and p (account of
// the responsible person).
const columns = `t.id, t.number, t.customer_id, t.name, t.kind, t.status, t.due, t.responsible_id, COALESCE(p.name, '') AS responsible,
	t.version, t.created_at, t.updated_at, t.asked, t.answered, t.to_review, t.extensible, t.viewed_at IS NOT NULL AS viewed, k.number AS customer_number, k.type AS customer_type,
	CASE WHEN k.type = 'company' THEN k.company_name WHEN k.first_name = '' THEN k.last_name
		ELSE k.last_name || ', ' || k.first_name END AS customer_name`

// joined joins the tables k and p. A customer that is being deleted is hidden from everybody, with its transactions.
const joined = ` JOIN customer AS k ON k.id = t.customer_id AND NOT k.deleting LEFT JOIN account AS p ON p.id = t.responsible_id`

func (r row) transaction() Transaction {
	return Transaction{
		ID: r.ID, Number: r.Number, CustomerID: r.CustomerID, Name: r.Name, Kind: r.Kind, Status: r.Status, Due: r.Due,
		ResponsibleID: r.ResponsibleID.UUID, Responsible: r.Responsible, Version: r.Version, CreatedAt: r.CreatedAt,
		UpdatedAt: r.UpdatedAt, Relation: r.Relation, Extensible: r.Extensible, Viewed: r.Viewed,
		Progress: Progress{Asked: r.Asked, Answered: r.Answered, ToReview: r.ToReview},
		Customer: Owner{Number: r.CustomerNumber, Type: r.CustomerType, Name: r.CustomerName},
	}
}

// find loads a transaction with the caller's relations to it; ErrNotFound. In a tx it keeps the customer from being
// deleted until the tx ends.
func (s *Service) find(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID) (Transaction, error) {
	key := transactionKey{id, fmt.Sprint(c.Persons())}
	return store.Once(ctx, db, key, func() (Transaction, error) { return s.read(ctx, db, c, id) })
}

// transactionKey names a transaction with somebody's relations to it for store.Once.
type transactionKey struct {
	id      uuid.UUID
	persons string // whose relations
}

func (s *Service) read(ctx context.Context, db bun.IDB, c account.Caller, id uuid.UUID) (Transaction, error) {
	var r row
	q := s.rows(db, c).Where(`t.id = ?`, id)
	if _, inTx := db.(bun.Tx); inTx && s.db.IsPostgres() {
		q.For(`KEY SHARE OF k`)
	}
	err := q.Scan(ctx, &r)
	if store.IsNoRows(err) {
		return Transaction{}, ErrNotFound
	}
	return r.transaction(), err
}

// rows begins a query of rows, with the caller's relations to each transaction.
func (s *Service) rows(db bun.IDB, c account.Caller) *bun.SelectQuery {
	return db.NewSelect().ColumnExpr(columns).ColumnExpr(`? AS relation`, relationTo(c, "t", anyRelation)).
		TableExpr(`transactions AS t` + joined)
}

// byNumber loads the transactions with these numbers that still exist.
func (s *Service) byNumber(ctx context.Context, c account.Caller, numbers []int64) (map[int64]Transaction, error) {
	var list []row
	err := s.rows(s.db, c).Where(`t.number IN (?)`, bun.List(numbers)).Scan(ctx, &list)
	rows := make(map[int64]Transaction, len(list))
	for _, r := range list {
		rows[r.Number] = r.transaction()
	}
	return rows, err
}
