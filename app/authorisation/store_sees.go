package authorisation

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/customer"
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

// customerColumns of ownedRow, of a table customer.
const customerColumns = `customer.number AS customer_number, customer.type AS customer_type,
	CASE WHEN customer.type = 'company' THEN customer.company_name WHEN customer.first_name = '' THEN customer.last_name
		ELSE customer.last_name || ', ' || customer.first_name END AS customer_name`

const (
	fromAdministered = ` FROM customer_administrator AS a JOIN customer ON customer.id = a.customer_id AND NOT customer.deleting
		WHERE a.specialist_id = ?`
	fromProcessed = ` FROM transaction_processor AS r JOIN transactions AS t ON t.id = r.transaction_id
		JOIN customer ON customer.id = r.customer_id AND NOT customer.deleting WHERE r.specialist_id = ?`
)

// administeredBy lists the customers that a specialist user administers, narrowed by a condition on customer, in the order
// of the index customer_administrator_specialist: a deep page costs what the first one does.
func administeredBy(ctx context.Context, db bun.IDB, id uuid.UUID, visible store.Condition, after uuid.UUID, limit int) (list []ownedRow, err error) {
	q := store.SQL(`SELECT a.customer_id, a.created_at AS since, `+customerColumns+fromAdministered, id)
	q.Add(` AND a.customer_id > ?`, after)
	q.Add(` AND ?`, store.All(visible))
	q.Add(` ORDER BY a.customer_id LIMIT ?`, limit)
	return list, scan(ctx, db, q, &list)
}

func countAdministered(ctx context.Context, db bun.IDB, id uuid.UUID, visible store.Condition, limit int) (n int, err error) {
	q := store.SQL(`SELECT count(*) FROM (SELECT 1`+fromAdministered, id)
	q.Add(` AND ?`, store.All(visible))
	q.Add(` LIMIT ?) AS capped`, limit)
	return n, scan(ctx, db, q, &n)
}

// allProcessedBy lists the transactions that a specialist user is an additional processor of, narrowed by a condition on
// t, by customer.
func allProcessedBy(ctx context.Context, db bun.IDB, id uuid.UUID, visible store.Condition, after place, limit int) (list []ownedRow, err error) {
	q := store.SQL(`SELECT r.customer_id, r.transaction_id, t.number, t.name, r.created_at AS since, `+customerColumns+fromProcessed, id)
	q.Add(` AND (r.customer_id, r.transaction_id) > (?, ?)`, after.customer, after.transaction)
	q.Add(` AND ?`, store.All(visible))
	q.Add(` ORDER BY r.customer_id, r.transaction_id LIMIT ?`, limit)
	return list, scan(ctx, db, q, &list)
}

func countProcessed(ctx context.Context, db bun.IDB, id uuid.UUID, visible store.Condition, limit int) (n int, err error) {
	q := store.SQL(`SELECT count(*) FROM (SELECT 1`+fromProcessed, id)
	q.Add(` AND ?`, store.All(visible))
	q.Add(` LIMIT ?) AS capped`, limit)
	return n, scan(ctx, db, q, &n)
}

// standingFor lists those for whom a specialist user stands in at a moment.
func standingFor(ctx context.Context, db bun.IDB, id uuid.UUID, now time.Time) (list []Standing, err error) {
	return list, scan(ctx, db, store.SQL(`SELECT s.id, s.name, d.ends_at AS until FROM deputy AS d JOIN account AS s ON s.id = d.specialist_id
		WHERE d.deputy_id = ? AND d.starts_at <= ? AND d.ends_at > ? ORDER BY s.name_sort, s.id`, id, now, now), &list)
}
