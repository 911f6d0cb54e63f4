package authorisation

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/customer"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/app/transaction"
)

// ownedRow is an assignment with its customer.
type ownedRow struct {
	CustomerID     uuid.UUID     `bun:"customer_id"`
	CustomerNumber int64         `bun:"customer_number"`
	CustomerType   customer.Type `bun:"customer_type"`
	CustomerName   string        `bun:"customer_name"`
	TransactionID  uuid.UUID     `bun:"transaction_id"`
	Number         int64         `bun:"number"`
	Name           string        `bun:"name"`
	Since          time.Time     `bun:"since"`
}

func (r ownedRow) owner() transaction.Owner {
	return transaction.Owner{Number: r.CustomerNumber, Type: r.CustomerType, Name: r.CustomerName}
}

// customerColumns are the customer columns of ownedRow, from the table customer.
const customerColumns = `customer.number AS customer_number, customer.type AS customer_type,
	CASE WHEN customer.type = 'company' THEN customer.company_name WHEN customer.first_name = '' THEN customer.last_name
		ELSE customer.last_name || ', ' || customer.first_name END AS customer_name`

func selectAdministered(db bun.IDB, id uuid.UUID, visible store.Condition) *bun.SelectQuery {
	return db.NewSelect().TableExpr(`customer_administrator AS a`).
		Join(`JOIN customer ON customer.id = a.customer_id AND NOT customer.deleting`).
		Where(`a.specialist_id = ?`, id).Where(`?`, store.All(visible))
}

func selectProcessed(db bun.IDB, id uuid.UUID, visible store.Condition) *bun.SelectQuery {
	return db.NewSelect().TableExpr(`transaction_processor AS r`).Join(`JOIN transactions AS t ON t.id = r.transaction_id`).
		Join(`JOIN customer ON customer.id = r.customer_id AND NOT customer.deleting`).
		Where(`r.specialist_id = ?`, id).Where(`?`, store.All(visible))
}

// countUpTo counts the rows of a query and stops at limit.
func countUpTo(ctx context.Context, db bun.IDB, q *bun.SelectQuery, limit int) (n int, err error) {
	err = db.NewSelect().TableExpr(`(?) AS capped`, q.ColumnExpr(`1`).Limit(int64(limit))).ColumnExpr(`count(*)`).Scan(ctx, &n)
	return n, err
}

// administeredBy lists a page of the customers that a specialist user administers and that match a condition on
// customer, and one more row if there are more. The order is that of the index customer_administrator_specialist, so a
// late page costs no more than the first.
func administeredBy(ctx context.Context, db bun.IDB, id uuid.UUID, visible store.Condition, after uuid.UUID) (list []ownedRow, err error) {
	q := selectAdministered(db, id, visible).ColumnExpr(`a.customer_id, a.created_at AS since, ` + customerColumns)
	err = listing.By(false, `a.customer_id`).First(q, listing.PageSize+1, after).Scan(ctx, &list)
	return list, err
}

func countAdministered(ctx context.Context, db bun.IDB, id uuid.UUID, visible store.Condition, limit int) (n int, err error) {
	return countUpTo(ctx, db, selectAdministered(db, id, visible), limit)
}

// allProcessedBy does the same for the transactions of which a specialist user is an additional processor and which
// match a condition on t. They are ordered by customer.
func allProcessedBy(ctx context.Context, db bun.IDB, id uuid.UUID, visible store.Condition, after place) (list []ownedRow, err error) {
	q := selectProcessed(db, id, visible).
		ColumnExpr(`r.customer_id, r.transaction_id, t.number, t.name, r.created_at AS since, ` + customerColumns)
	err = listing.By(false, `r.customer_id`, `r.transaction_id`).First(q, listing.PageSize+1, after.customer, after.transaction).Scan(ctx, &list)
	return list, err
}

func countProcessed(ctx context.Context, db bun.IDB, id uuid.UUID, visible store.Condition, limit int) (n int, err error) {
	return countUpTo(ctx, db, selectProcessed(db, id, visible), limit)
}

// standingFor lists the people whom a specialist user represents as a deputy at this time.
func standingFor(ctx context.Context, db bun.IDB, id uuid.UUID, now time.Time) (list []Represented, err error) {
	err = db.NewSelect().TableExpr(`deputy AS d`).ColumnExpr(`s.id, s.name, d.ends_at AS until`).
		Join(`JOIN account AS s ON s.id = d.specialist_id`).
		Where(`d.deputy_id = ?`, id).Where(`d.starts_at <= ?`, now).Where(`d.ends_at > ?`, now).
		OrderExpr(`s.name_sort, s.id`).Scan(ctx, &list)
	return list, err
}
