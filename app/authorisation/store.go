package authorisation

import (
	"context"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/store"
)

// person is a specialist user with their name.
type person struct {
	ID   uuid.UUID `bun:"id"`
	Name string    `bun:"name"`
}

// locked locks the rows of a query until the tx ends, if the database has row locks.
func locked(q *bun.SelectQuery, strength string) *bun.SelectQuery {
	if q.Dialect().Name() == dialect.PG {
		return q.For(strength)
	}
	return q
}

func administratorsOf(ctx context.Context, db bun.IDB, customerID uuid.UUID) (list []AdministratorRow, err error) {
	err = db.NewSelect().TableExpr(`customer_administrator AS a`).
		ColumnExpr(`a.specialist_id, p.name, p.active, a.created_at AS since, COALESCE(b.name, '') AS "by"`).
		Join(`JOIN account AS p ON p.id = a.specialist_id`).Join(`LEFT JOIN account AS b ON b.id = a.created_by`).
		Where(`a.customer_id = ?`, customerID).OrderExpr(`p.name_sort, p.id`).Scan(ctx, &list)
	return list, err
}

// namesCap is how many names AdministratorNames reads at most.
const namesCap = 100

// AdministratorNames returns the names of a customer's active administrators, in alphabetical order, up to a hundred. The caller
// may read the customer's authorisations; the page has checked that.
func (s *Service) AdministratorNames(ctx context.Context, customerID uuid.UUID) (names []string, err error) {
	err = s.db.NewSelect().TableExpr(`customer_administrator AS a`).ColumnExpr(`p.name`).Join(`JOIN account AS p ON p.id = a.specialist_id`).
		Where(`a.customer_id = ?`, customerID).Where(`p.active`).OrderExpr(`p.name_sort, p.id`).Limit(namesCap).Scan(ctx, &names)
	return names, err
}

type processorRow struct {
	SpecialistID  uuid.UUID `bun:"specialist_id"`
	Person        string    `bun:"person"`
	Active        bool      `bun:"active"`
	TransactionID uuid.UUID `bun:"transaction_id"`
	Number        int64     `bun:"number"`
	Name          string    `bun:"name"`
	Since         time.Time `bun:"since"`
	By            string    `bun:"by"`
}

// processorsOf lists the processors of a customer with their transactions; visible is a condition on transactions t.
func processorsOf(ctx context.Context, db bun.IDB, customerID uuid.UUID, visible store.Condition) (list []processorRow, err error) {
	err = db.NewSelect().TableExpr(`transaction_processor AS r`).
		ColumnExpr(`r.specialist_id, p.name AS person, p.active, t.id AS transaction_id, t.number, t.name`).
		ColumnExpr(`r.created_at AS since, COALESCE(b.name, '') AS "by"`).
		Join(`JOIN transactions AS t ON t.id = r.transaction_id`).Join(`JOIN account AS p ON p.id = r.specialist_id`).
		Join(`LEFT JOIN account AS b ON b.id = r.created_by`).
		Where(`r.customer_id = ?`, customerID).Where(`?`, store.All(visible)).
		OrderExpr(`p.name_sort, p.id, t.number`).Scan(ctx, &list)
	return list, err
}

// chosen and matching are conditions on the account p of a person to offer.
func chosen(ids []uuid.UUID) store.Condition { return bun.SafeQuery(`p.id IN (?)`, bun.List(ids)) }

func matching(query string, but []uuid.UUID) store.Condition {
	conditions := matchingWords(query)
	if len(but) > 0 {
		conditions = append(conditions, bun.SafeQuery(`p.id NOT IN (?)`, bun.List(but)))
	}
	return store.All(conditions...)
}

// matchingWords returns a condition for each word of a query: the name of p contains it.
func matchingWords(query string) (each []store.Condition) {
	for _, word := range strings.Fields(store.Fold(query)) { // folded words contain no LIKE wildcard
		each = append(each, bun.SafeQuery(`p.search LIKE ?`, "%"+word+"%"))
	}
	return each
}

// personFilter selects people to offer: those who match a condition on the account p.
type personFilter struct {
	which store.Condition
	limit int
}

// candidates lists active specialist users. visible is a condition on transactions t.
func candidates(ctx context.Context, db bun.IDB, customerID uuid.UUID, visible store.Condition, f personFilter) (list []Candidate, err error) {
	processes := db.NewSelect().TableExpr(`transaction_processor AS r`).ColumnExpr(`count(*)`).
		Join(`JOIN transactions AS t ON t.id = r.transaction_id`).
		Where(`r.customer_id = ?`, customerID).Where(`r.specialist_id = p.id`).Where(`?`, store.All(visible))
	err = db.NewSelect().TableExpr(`account AS p`).ColumnExpr(`p.id, p.name, p.email`).
		ColumnExpr(`EXISTS (SELECT 1 FROM customer_administrator AS a WHERE a.customer_id = ? AND a.specialist_id = p.id) AS administrator`, customerID).
		ColumnExpr(`(?) AS processes`, processes).ColumnExpr(assignment.LoadOf("p", CustomersCap)+` AS customers`).ColumnExpr(account.FactsOf("p")).
		Where(`p.specialist`).Where(`p.active`).Where(`?`, f.which).OrderExpr(`p.name_sort, p.id`).Limit(int64(f.limit)).Scan(ctx, &list)
	return list, err
}

// lockActive loads those of the specialist users who are active, ordered by name. They stay active until the tx ends.
func lockActive(ctx context.Context, tx bun.IDB, ids []uuid.UUID) (list []person, err error) {
	err = locked(tx.NewSelect().Table("account"), "SHARE").Column("id", "name").
		Where(`id IN (?)`, bun.List(ids)).Where(`specialist`).Where(`active`).OrderExpr(`name_sort, id`).Scan(ctx, &list)
	return list, err
}

// administering says which of the specialist users administer the customer.
func administering(ctx context.Context, db bun.IDB, customerID uuid.UUID, specialists []uuid.UUID) (map[uuid.UUID]bool, error) {
	var ids []uuid.UUID
	err := db.NewSelect().Table("customer_administrator").Column("specialist_id").
		Where(`customer_id = ?`, customerID).Where(`specialist_id IN (?)`, bun.List(specialists)).Scan(ctx, &ids)
	set := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set, err
}

func countActiveAdministrators(ctx context.Context, tx bun.IDB, customerID uuid.UUID) (n int, err error) {
	err = tx.NewSelect().TableExpr(`customer_administrator AS a`).ColumnExpr(`count(*)`).
		Join(`JOIN account AS p ON p.id = a.specialist_id`).Where(`a.customer_id = ?`, customerID).Where(`p.active`).Scan(ctx, &n)
	return n, err
}

// countProcessing counts the existing assignments between these people and transactions.
func countProcessing(ctx context.Context, db bun.IDB, specialists, transactions []uuid.UUID) (n int, err error) {
	err = db.NewSelect().Table("transaction_processor").ColumnExpr(`count(*)`).
		Where(`specialist_id IN (?)`, bun.List(specialists)).Where(`transaction_id IN (?)`, bun.List(transactions)).Scan(ctx, &n)
	return n, err
}

// visibleTransaction is a transaction that the caller may see.
type visibleTransaction struct {
	ID     uuid.UUID `bun:"id"`
	Number int64     `bun:"number"`
	Name   string    `bun:"name"`
	Kind   string    `bun:"kind"`
}

// selectTransactions begins a query of visibleTransactions, from the table transactions with the alias t.
func selectTransactions(db bun.IDB) *bun.SelectQuery {
	return db.NewSelect().ColumnExpr(`t.id, t.number, t.name, t.kind`)
}

// transactionsOf lists a customer's transactions that match a condition on t, ordered by number. If there are ids, it
// lists only those.
func transactionsOf(ctx context.Context, db bun.IDB, customerID uuid.UUID, visible store.Condition, ids []uuid.UUID) (list []visibleTransaction, err error) {
	q := selectTransactions(db).TableExpr(`transactions AS t`).Where(`t.customer_id = ?`, customerID)
	if len(ids) > 0 {
		q.Where(`t.id IN (?)`, bun.List(ids))
	}
	err = q.Where(`?`, store.All(visible)).Order("t.number").Scan(ctx, &list)
	return list, err
}

// processedBy lists the customer's transactions of which a specialist user is an additional processor and which match a
// condition on t, ordered by number.
func processedBy(ctx context.Context, db bun.IDB, customerID, specialistID uuid.UUID, visible store.Condition) (list []visibleTransaction, err error) {
	err = selectTransactions(db).TableExpr(`transaction_processor AS r`).Join(`JOIN transactions AS t ON t.id = r.transaction_id`).
		Where(`r.customer_id = ?`, customerID).Where(`r.specialist_id = ?`, specialistID).Where(`?`, store.All(visible)).
		Order("t.number").Scan(ctx, &list)
	return list, err
}

// named returns a specialist user with their name; "" when there is none.
func named(ctx context.Context, db bun.IDB, id uuid.UUID) (person, error) {
	a, _, err := account.ByID(ctx, db, id)
	return person{ID: a.ID, Name: a.Name}, err
}

// --- removals that can be undone --------------------------------------------------------------------------------

type removalRow struct {
	bun.BaseModel `bun:"table:authorisation_removal"`

	ID         uuid.UUID `bun:"id,pk"`
	CustomerID uuid.UUID `bun:"customer_id"`
	RemovedBy  uuid.UUID `bun:"removed_by"`
	ExpiresAt  time.Time `bun:"expires_at"`
	Sealed     []byte    `bun:"sealed"`
}

func insertRemoval(ctx context.Context, tx bun.IDB, r removalRow) error {
	_, err := tx.NewInsert().Model(&r).Exec(ctx)
	return err
}

// takeRemoval deletes a removal and returns it. If two requests undo it at once, only one gets it. ok is false when
// this person has no such removal that can still be undone.
func takeRemoval(ctx context.Context, tx bun.IDB, id, by uuid.UUID, now time.Time) (r removalRow, ok bool, err error) {
	err = tx.NewDelete().Model(&r).Where("id = ?", id).Where("removed_by = ?", by).Where("expires_at > ?", now).Returning("*").Scan(ctx)
	if store.IsNoRows(err) {
		return r, false, nil
	}
	return r, err == nil, err
}

// removalsOf lists the removals that a person can undo at a customer, newest first.
func removalsOf(ctx context.Context, db bun.IDB, customerID, by uuid.UUID, now time.Time) (list []removalRow, err error) {
	err = db.NewSelect().Model(&list).Where("customer_id = ?", customerID).Where("removed_by = ?", by).Where("expires_at > ?", now).
		Order("expires_at DESC", "id DESC").Scan(ctx)
	return list, err
}

// endRemovals ends the time in which these people can undo their removals at a customer.
func endRemovals(ctx context.Context, tx bun.IDB, customerID uuid.UUID, by []uuid.UUID, now time.Time) error {
	_, err := tx.NewUpdate().Model((*removalRow)(nil)).Set("expires_at = ?", ended(now)).
		Where("customer_id = ?", customerID).Where("removed_by IN (?)", bun.List(by)).Where("expires_at > ?", ended(now)).Exec(ctx)
	return err
}

func allSealed(ctx context.Context, db bun.IDB) (list [][]byte, err error) {
	err = db.NewSelect().Model((*removalRow)(nil)).Column("sealed").Scan(ctx, &list)
	return list, err
}

// endExpired returns the removals whose time is over. It first sets their end so far back that no other process,
// whatever its clock says, can still undo them.
func endExpired(ctx context.Context, db bun.IDB, now time.Time) (list []removalRow, err error) {
	err = db.NewUpdate().Model(&list).Set("expires_at = ?", ended(now)).Where("expires_at <= ?", now).Returning("*").Scan(ctx)
	return list, err
}

// ended returns an end that is over for every clock of an installation.
func ended(now time.Time) time.Time { return now.Add(-UndoLife) }

func deleteRemovals(ctx context.Context, tx bun.IDB, ids []uuid.UUID) error {
	_, err := tx.NewDelete().Model((*removalRow)(nil)).Where("id IN (?)", bun.List(ids)).Exec(ctx)
	return err
}
