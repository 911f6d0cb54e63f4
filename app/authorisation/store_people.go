package authorisation

import (
	"context"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// transactionFilter selects transactions of a customer: one, or the newest that match.
type transactionFilter struct {
	id    uuid.UUID
	query string // words of name and number
	but   []uuid.UUID
	limit int // one more is read, to know whether there are more; 0: all
}

// newestTransactions lists a customer's transactions that match a condition on t, newest first.
func newestTransactions(ctx context.Context, db bun.IDB, customerID uuid.UUID, visible store.Condition, f transactionFilter) (list []visibleTransaction, err error) {
	q := selectTransactions(db).TableExpr(`transactions AS t`).Where(`t.customer_id = ?`, customerID)
	if f.id != uuid.Nil {
		q.Where(`t.id = ?`, f.id)
	}
	for _, word := range strings.Fields(store.Fold(strings.ReplaceAll(f.query, "-", ""))) {
		q.Where(`t.name_folded LIKE ? OR 'v' || t.number LIKE ?`, "%"+word+"%", "%"+word+"%")
	}
	if len(f.but) > 0 {
		q.Where(`t.id NOT IN (?)`, bun.List(f.but))
	}
	if f.limit > 0 {
		q.Limit(int64(f.limit) + 1)
	}
	err = q.Where(`?`, store.All(visible)).OrderExpr(`t.created_at DESC, t.id DESC`).Scan(ctx, &list)
	return list, err
}

type assignedRow struct {
	PersonID      uuid.UUID         `bun:"person_id"`
	Relation      policies.Relation `bun:"relation"`
	TransactionID uuid.NullUUID     `bun:"transaction_id"`
	Number        int64             `bun:"number"`
	Transaction   string            `bun:"transaction"`
	Kind          string            `bun:"kind"`
	Since         time.Time         `bun:"since"`
	By            string            `bun:"by"`
	For           string            `bun:"stands_for"`
	Until         *time.Time        `bun:"until"`
}

// assignedOf lists the assignments of a customer; visible is a condition on the transaction t of an additional
// processor. It lists people's own assignments, and those that they have now as deputies.
func assignedOf(ctx context.Context, db bun.IDB, customerID uuid.UUID, visible store.Condition, now time.Time) (list []assignedRow, err error) {
	// Raw SQL: the deputies' rows are derived from the rows of the people they represent.
	err = db.NewRaw(`WITH assigned AS (
			SELECT a.specialist_id, 1 AS relation, CAST(NULL AS UUID) AS transaction_id, 0 AS number, '' AS transaction_name, '' AS kind, a.created_at, a.created_by
			FROM customer_administrator AS a WHERE a.customer_id = ?
			UNION ALL
			SELECT r.specialist_id, 2, r.transaction_id, t.number, t.name, t.kind, r.created_at, r.created_by
			FROM transaction_processor AS r JOIN transactions AS t ON t.id = r.transaction_id WHERE r.customer_id = ? AND ?
		), standing AS (
			SELECT assigned.*, specialist_id AS person_id, '' AS stands_for, CAST(NULL AS TIMESTAMPTZ) AS until FROM assigned
			UNION ALL
			SELECT assigned.*, d.deputy_id, s.name, d.ends_at FROM assigned JOIN deputy AS d ON d.specialist_id = assigned.specialist_id
				JOIN account AS s ON s.id = d.specialist_id JOIN account AS p ON p.id = d.deputy_id
			WHERE d.starts_at <= ? AND d.ends_at > ? AND p.specialist)
		SELECT f.person_id, f.relation, f.transaction_id, f.number, f.transaction_name AS "transaction", f.kind, f.created_at AS since,
			COALESCE(b.name, '') AS "by", f.stands_for, f.until
		FROM standing AS f LEFT JOIN account AS b ON b.id = f.created_by
		ORDER BY f.relation, f.number, f.stands_for, f.created_at`,
		customerID, customerID, store.All(visible), now, now).Scan(ctx, &list)
	return list, err
}

type personRow struct {
	account.Facts
	ID         uuid.UUID `bun:"id"`
	Name       string    `bun:"name"`
	NameSort   string    `bun:"name_sort"`
	Specialist bool      `bun:"specialist"`
	Active     bool      `bun:"active"`
}

// personColumns are the columns of personRow, from the table account with the alias p. A session is loaded with the
// same facts.
var personColumns = `p.id, p.name, p.name_sort, p.specialist, p.active, ` + account.FactsOf("p")

// person returns the person with the roles that a session of the account would have.
func (r personRow) person() Person {
	return Person{ID: r.ID, Name: r.Name, Specialist: r.Specialist, Active: r.Active, Roles: r.Roles(r.Specialist)}
}

// selectPeople begins a query of personRows, from the table account with the alias p.
func selectPeople(db bun.IDB) *bun.SelectQuery {
	return db.NewSelect().TableExpr(`account AS p`).ColumnExpr(personColumns)
}

func peopleByID(ctx context.Context, db bun.IDB, ids []uuid.UUID) (list []personRow, err error) {
	err = selectPeople(db).Where(`p.id IN (?)`, bun.List(ids)).Scan(ctx, &list)
	return list, err
}

// peopleByRole lists active specialist users who have one of the roles, ordered by name.
func peopleByRole(ctx context.Context, db bun.IDB, roles []policies.Role, name string, limit int) (list []personRow, err error) {
	err = selectPeople(db).Where(`p.specialist`).Where(`p.active`).
		Where(`EXISTS (SELECT 1 FROM account_role AS g WHERE g.account_id = p.id AND g.role IN (?))`, bun.List(roles)).
		Where(`?`, matching(name, nil)).OrderExpr(`p.name_sort, p.id`).Limit(int64(limit)).Scan(ctx, &list)
	return list, err
}
