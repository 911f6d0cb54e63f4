package authorisation

import (
	"context"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"kontor/app/account"
	"kontor/app/store"
)

// person is a specialist user by name.
type person struct {
	ID   uuid.UUID `bun:"id"`
	Name string    `bun:"name"`
}

func scan(ctx context.Context, db bun.IDB, q store.Clause, into any) error {
	return db.NewRaw(q.SQL, q.Args...).Scan(ctx, into)
}

// locked keeps the rows of a table alias from changing until the tx ends, where the database has row locks.
func locked(db bun.IDB, q *store.Clause, strength string) {
	if db.Dialect().Name() == dialect.PG {
		q.Add(` FOR ` + strength)
	}
}

func administratorsOf(ctx context.Context, db bun.IDB, customerID uuid.UUID) (list []AdministratorRow, err error) {
	err = scan(ctx, db, store.SQL(`SELECT a.specialist_id, p.name, p.active, a.created_at AS since, COALESCE(b.name, '') AS "by"
		FROM customer_administrator AS a JOIN account AS p ON p.id = a.specialist_id LEFT JOIN account AS b ON b.id = a.created_by
		WHERE a.customer_id = ? ORDER BY p.name_sort, p.id`, customerID), &list)
	return list, err
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

// processorsOf lists who processes which of a customer's transactions, narrowed by a condition on t.
func processorsOf(ctx context.Context, db bun.IDB, customerID uuid.UUID, visible store.Condition) (list []processorRow, err error) {
	q := store.SQL(`SELECT r.specialist_id, p.name AS person, p.active, t.id AS transaction_id, t.number, t.name,
		r.created_at AS since, COALESCE(b.name, '') AS "by"
		FROM transaction_processor AS r JOIN transactions AS t ON t.id = r.transaction_id JOIN account AS p ON p.id = r.specialist_id
		LEFT JOIN account AS b ON b.id = r.created_by WHERE r.customer_id = ?`, customerID)
	q.Add(` AND ?`, store.All(visible))
	q.Add(` ORDER BY p.name_sort, p.id, t.number`)
	return list, scan(ctx, db, q, &list)
}

// chosen and matching are conditions on the people to offer, an account p.
func chosen(ids []uuid.UUID) store.Clause { return store.SQL(` AND p.id IN (?)`, bun.List(ids)) }

func matching(query string, but []uuid.UUID) (q store.Clause) {
	for _, word := range strings.Fields(store.Fold(query)) { // folded words are letters and digits: nothing of LIKE's own is in them
		q.Add(` AND p.search LIKE ?`, "%"+word+"%")
	}
	if len(but) > 0 {
		q.Add(` AND p.id NOT IN (?)`, bun.List(but))
	}
	return q
}

// candidates lists active specialist users. visible is a condition on t, a transaction.
func candidates(ctx context.Context, db bun.IDB, customerID uuid.UUID, visible store.Condition, which store.Clause, limit int) (list []Candidate, err error) {
	q := store.SQL(`SELECT p.id, p.name, p.email,
		EXISTS (SELECT 1 FROM customer_administrator AS a WHERE a.customer_id = ? AND a.specialist_id = p.id) AS administrator,
		(SELECT count(*) FROM transaction_processor AS r JOIN transactions AS t ON t.id = r.transaction_id
			WHERE r.customer_id = ? AND r.specialist_id = p.id`, customerID, customerID)
	q.Add(` AND ?`, store.All(visible))
	q.Add(`) AS processes FROM account AS p WHERE p.specialist AND p.active`)
	q.Append(which)
	q.Add(` ORDER BY p.name_sort, p.id LIMIT ?`, limit)
	return list, scan(ctx, db, q, &list)
}

// lockActive loads those of the specialist users who are active, by name; they stay so until the tx ends.
func lockActive(ctx context.Context, tx bun.IDB, ids []uuid.UUID) (list []person, err error) {
	q := store.SQL(`SELECT id, name FROM account WHERE id IN (?) AND specialist AND active ORDER BY name_sort, id`, bun.List(ids))
	locked(tx, &q, "SHARE")
	return list, scan(ctx, tx, q, &list)
}

// administering says which of the specialist users administer the customer.
func administering(ctx context.Context, db bun.IDB, customerID uuid.UUID, specialists []uuid.UUID) (map[uuid.UUID]bool, error) {
	var ids []uuid.UUID
	err := scan(ctx, db, store.SQL(`SELECT specialist_id FROM customer_administrator WHERE customer_id = ? AND specialist_id IN (?)`,
		customerID, bun.List(specialists)), &ids)
	set := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set, err
}

func countActiveAdministrators(ctx context.Context, tx bun.IDB, customerID uuid.UUID) (n int, err error) {
	return n, scan(ctx, tx, store.SQL(`SELECT count(*) FROM customer_administrator AS a JOIN account AS p ON p.id = a.specialist_id
		WHERE a.customer_id = ? AND p.active`, customerID), &n)
}

// countProcessing counts the pairs of these people and transactions that are assigned.
func countProcessing(ctx context.Context, db bun.IDB, specialists, transactions []uuid.UUID) (n int, err error) {
	return n, scan(ctx, db, store.SQL(`SELECT count(*) FROM transaction_processor WHERE specialist_id IN (?) AND transaction_id IN (?)`,
		bun.List(specialists), bun.List(transactions)), &n)
}

// visibleTransaction is a transaction that the caller may see.
type visibleTransaction struct {
	ID     uuid.UUID `bun:"id"`
	Number int64     `bun:"number"`
	Name   string    `bun:"name"`
	Kind   string    `bun:"kind"`
}

// transactionsOf lists a customer's transactions that a condition on t lets through, by number; only those with the ids,
// if there are any.
func transactionsOf(ctx context.Context, db bun.IDB, customerID uuid.UUID, visible store.Condition, ids []uuid.UUID) (list []visibleTransaction, err error) {
	q := store.SQL(`SELECT t.id, t.number, t.name, t.kind FROM transactions AS t WHERE t.customer_id = ?`, customerID)
	if len(ids) > 0 {
		q.Add(` AND t.id IN (?)`, bun.List(ids))
	}
	q.Add(` AND ?`, store.All(visible))
	q.Add(` ORDER BY t.number`)
	return list, scan(ctx, db, q, &list)
}

// processedBy lists those of a customer's transactions that a specialist user is an additional processor of, narrowed by a
// condition on t, by number.
func processedBy(ctx context.Context, db bun.IDB, customerID, specialistID uuid.UUID, visible store.Condition) (list []visibleTransaction, err error) {
	q := store.SQL(`SELECT t.id, t.number, t.name, t.kind FROM transaction_processor AS r JOIN transactions AS t ON t.id = r.transaction_id
		WHERE r.customer_id = ? AND r.specialist_id = ?`, customerID, specialistID)
	q.Add(` AND ?`, store.All(visible))
	q.Add(` ORDER BY t.number`)
	return list, scan(ctx, db, q, &list)
}

// named finds a specialist user's name; "" when there is none.
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

// takeRemoval deletes a removal and returns it: of two who undo it at once, one gets it. ok=false when there is none of
// this person's that is still good.
func takeRemoval(ctx context.Context, tx bun.IDB, id, by uuid.UUID, now time.Time) (r removalRow, ok bool, err error) {
	err = scan(ctx, tx, store.SQL(`DELETE FROM authorisation_removal WHERE id = ? AND removed_by = ? AND expires_at > ?
		RETURNING id, customer_id, removed_by, expires_at, sealed`, id, by, now), &r)
	if store.IsNoRows(err) {
		return r, false, nil
	}
	return r, err == nil, err
}

// removalsOf lists what a person can undo at a customer, newest first.
func removalsOf(ctx context.Context, db bun.IDB, customerID, by uuid.UUID, now time.Time) (list []removalRow, err error) {
	return list, scan(ctx, db, store.SQL(`SELECT id, customer_id, removed_by, expires_at, sealed FROM authorisation_removal
		WHERE customer_id = ? AND removed_by = ? AND expires_at > ? ORDER BY expires_at DESC, id DESC`, customerID, by, now), &list)
}

// endRemovals takes from people what they could undo at a customer: from now on it is as if the time were over.
func endRemovals(ctx context.Context, tx bun.IDB, customerID uuid.UUID, by []uuid.UUID, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE authorisation_removal SET expires_at = ? WHERE customer_id = ? AND removed_by IN (?) AND expires_at > ?`,
		ended(now), customerID, bun.List(by), ended(now))
	return err
}

func allSealed(ctx context.Context, db bun.IDB) (list [][]byte, err error) {
	return list, scan(ctx, db, store.SQL(`SELECT sealed FROM authorisation_removal`), &list)
}

// endExpired decides for good that what is past its time can't be undone, whatever time it is for another process, and
// returns it.
func endExpired(ctx context.Context, db bun.IDB, now time.Time) (list []removalRow, err error) {
	err = scan(ctx, db, store.SQL(`UPDATE authorisation_removal SET expires_at = ? WHERE expires_at <= ?
		RETURNING id, customer_id, removed_by, expires_at, sealed`, ended(now), now), &list)
	return list, err
}

// ended is when a removal has been over for so long that no clock of an installation says otherwise.
func ended(now time.Time) time.Time { return now.Add(-UndoLife) }

func deleteRemovals(ctx context.Context, tx bun.IDB, ids []uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM authorisation_removal WHERE id IN (?)`, bun.List(ids))
	return err
}
