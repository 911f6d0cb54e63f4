package customer

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// leaving is which accounts go with a customer: those of its accesses that have none elsewhere and do not work for the
// firm. It takes the customer's id twice.
const leaving = `SELECT p.id FROM account AS p WHERE NOT p.specialist
	AND p.id IN (SELECT a.account_id FROM access AS a WHERE a.customer_id = ?)
	AND NOT EXISTS (SELECT 1 FROM access AS b WHERE b.account_id = p.id AND b.customer_id <> ?)`

func (s *Service) deletionCounts(ctx context.Context, db bun.IDB, id uuid.UUID) (c DeletionCounts, err error) {
	err = db.NewRaw(`SELECT
		(SELECT count(*) FROM access WHERE customer_id = ?) AS accesses,
		(SELECT count(*) FROM (`+leaving+`) AS l) AS end_users,
		(SELECT count(*) FROM transactions WHERE customer_id = ?) AS transactions,
		(SELECT count(*) FROM message WHERE customer_id = ?) AS messages,
		(SELECT count(*) FROM audit WHERE customer_id = ?) AS log_entries`, id, id, id, id, id, id).Scan(ctx, &c)
	return c, err
}

func (s *Service) markDeleting(ctx context.Context, tx bun.IDB, id uuid.UUID) (bool, error) {
	return affected(ctx, tx, `UPDATE customer SET deleting = TRUE WHERE id = ? AND NOT deleting`, id)
}

func (s *Service) accessIDs(ctx context.Context, tx bun.IDB, id uuid.UUID) (ids []uuid.UUID, err error) {
	err = tx.NewRaw(`SELECT id FROM access WHERE customer_id = ?`, id).Scan(ctx, &ids)
	return ids, err
}

// lockOut voids the customer's links and codes and ends the sessions of end users who have nothing else here.
func (s *Service) lockOut(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	for _, q := range []store.Clause{
		store.SQL(`DELETE FROM link WHERE customer_id = ?`, id),
		store.SQL(`DELETE FROM link WHERE subject_id IN (SELECT id FROM access WHERE customer_id = ?)`, id),
		store.SQL(`DELETE FROM access_code WHERE access_id IN (SELECT id FROM access WHERE customer_id = ?)`, id),
		store.SQL(`DELETE FROM session WHERE account_id IN (`+leaving+`)`, id, id),
	} {
		if _, err := tx.ExecContext(ctx, q.SQL, q.Args...); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) insertDeletion(ctx context.Context, tx bun.IDB, d Deletion) error {
	_, err := tx.NewInsert().Model(&d).Exec(ctx)
	return err
}

func (s *Service) deletion(ctx context.Context, id uuid.UUID) (d Deletion, err error) {
	err = s.db.NewSelect().Model(&d).Where("id = ?", id).Scan(ctx)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return d, err
}

func (s *Service) openDeletions(ctx context.Context) (list []Deletion, err error) {
	err = s.db.NewSelect().Model(&list).Where("finished_at IS NULL").Order("requested_at").Scan(ctx)
	return list, err
}

// advance notes progress. What appeared after the counting (an attempt's report, a line in the log) may make it more than
// was expected.
func (s *Service) advance(ctx context.Context, tx bun.IDB, id uuid.UUID, gone int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE deletion SET done = CASE WHEN done + ? > total THEN total ELSE done + ? END
		WHERE id = ? AND finished_at IS NULL`, gone, gone, id)
	return err
}

// presentIDs are the customers that are not being deleted.
func (s *Service) presentIDs(ctx context.Context) (ids []uuid.UUID, err error) {
	return ids, s.db.NewRaw(`SELECT id FROM customer WHERE NOT deleting`).Scan(ctx, &ids)
}

func (s *Service) numberOf(ctx context.Context, tx bun.IDB, id uuid.UUID) (number int64, err error) {
	err = tx.NewRaw(`SELECT number FROM customer WHERE id = ?`, id).Scan(ctx, &number)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return number, err
}

func (s *Service) markRecorded(ctx context.Context, db bun.IDB, id uuid.UUID) error {
	_, err := db.ExecContext(ctx, `UPDATE deletion SET recorded_at = ? WHERE id = ?`, s.now(), id)
	return err
}

func (s *Service) markFinished(ctx context.Context, tx bun.IDB, id uuid.UUID) (bool, error) {
	return affected(ctx, tx, `UPDATE deletion SET done = total, finished_at = ? WHERE id = ? AND finished_at IS NULL`, s.now(), id)
}

func (s *Service) accountName(ctx context.Context, tx bun.IDB, id uuid.NullUUID) (name string, err error) {
	err = tx.NewRaw(`SELECT name FROM account WHERE id = ?`, id).Scan(ctx, &name)
	if store.IsNoRows(err) {
		err = nil
	}
	return name, err
}

// eraser deletes up to chunk rows of one kind and says how many it took; 0 ends its turn.
type eraser func(ctx context.Context, tx bun.Tx, d Deletion, chunk int) (gone int64, err error)

// erasers in the order in which they run: what refers to something goes before it, the customer last.
func (s *Service) erasers() []eraser {
	return []eraser{
		s.eraseTransactions, eraseBy("message", "id"), eraseBy("link", "hash"), s.eraseAccesses,
		eraseBy("customer_administrator", "specialist_id"), eraseBy("audit", "id"), s.eraseCustomer,
	}
}

// eraseBy erases a table's rows of the customer, in chunks of key.
func eraseBy(table, key string) eraser {
	return func(ctx context.Context, tx bun.Tx, d Deletion, chunk int) (int64, error) {
		res, err := tx.ExecContext(ctx, `DELETE FROM ? WHERE customer_id = ? AND ? IN (SELECT ? FROM ? WHERE customer_id = ? LIMIT ?)`,
			bun.Ident(table), d.CustomerID, bun.Ident(key), bun.Ident(key), bun.Ident(table), d.CustomerID, chunk)
		if err != nil {
			return 0, err
		}
		return res.RowsAffected()
	}
}

// eraseTransactions erases transactions: processors, index and expectations go by cascade, the entries in SQLite's search
// index here.
func (s *Service) eraseTransactions(ctx context.Context, tx bun.Tx, d Deletion, chunk int) (int64, error) {
	if !s.db.IsPostgres() {
		_, err := tx.ExecContext(ctx, `DELETE FROM transaction_search WHERE rowid IN
			(SELECT number FROM transactions WHERE customer_id = ? ORDER BY number LIMIT ?)`, d.CustomerID, chunk)
		if err != nil {
			return 0, err
		}
	}
	res, err := tx.ExecContext(ctx, `DELETE FROM transactions WHERE number IN
		(SELECT number FROM transactions WHERE customer_id = ? ORDER BY number LIMIT ?)`, d.CustomerID, chunk)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// eraseAccesses erases accesses, and with them, in the same tx, the accounts that lose their last one. So no account is
// left that nothing refers to.
func (s *Service) eraseAccesses(ctx context.Context, tx bun.Tx, d Deletion, chunk int) (int64, error) {
	var accesses []struct {
		ID        uuid.UUID     `bun:"id"`
		AccountID uuid.NullUUID `bun:"account_id"`
	}
	err := tx.NewRaw(`SELECT id, account_id FROM access WHERE customer_id = ? LIMIT ?`, d.CustomerID, chunk).Scan(ctx, &accesses)
	if err != nil || len(accesses) == 0 {
		return 0, err
	}
	var ids, accounts []uuid.UUID
	for _, a := range accesses {
		ids = append(ids, a.ID)
		if a.AccountID.Valid {
			accounts = append(accounts, a.AccountID.UUID)
		}
	}
	for _, sql := range []string{
		`DELETE FROM message WHERE access_id IN (?)`, `DELETE FROM link WHERE subject_id IN (?)`, `DELETE FROM access WHERE id IN (?)`,
	} {
		if _, err := tx.ExecContext(ctx, sql, bun.List(ids)); err != nil {
			return 0, err
		}
	}
	gone := int64(len(ids))
	if len(accounts) == 0 {
		return gone, nil
	}
	left, err := s.people.Erase(ctx, tx, accounts...)
	return gone + int64(len(left)), err
}

// eraseCustomer erases the row itself, its entry in the search index and the words that nobody else has. A tx that was already at work on the customer
// ends before the row can go; what it wrote where no foreign key leads is looked for again after that.
func (s *Service) eraseCustomer(ctx context.Context, tx bun.Tx, d Deletion, _ int) (int64, error) {
	if err := s.unindex(ctx, tx, d.Number); err != nil {
		return 0, err
	}
	words, err := s.wordsOf(ctx, tx, d.Number)
	if err != nil {
		return 0, err
	}
	var gone int64
	for _, sql := range []string{
		`DELETE FROM customer WHERE id = ?`, `DELETE FROM link WHERE customer_id = ?`, `DELETE FROM audit WHERE customer_id = ?`,
	} {
		res, err := tx.ExecContext(ctx, sql, d.CustomerID)
		if err != nil {
			return 0, err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, err
		}
		gone += n
	}
	return gone, s.unlearn(ctx, tx, d.Number, words)
}

func affected(ctx context.Context, tx bun.IDB, sql string, args ...any) (bool, error) {
	res, err := tx.ExecContext(ctx, sql, args...)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
