package handover

import (
	"context"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
)

// --- people ------------------------------------------------------------------------------------------------------

const personColumns = `p.id, p.name, p.email, p.active`

// person finds a specialist user; account.ErrUnknown.
func (s *Service) person(ctx context.Context, db bun.IDB, id uuid.UUID) (Person, error) {
	a, _, err := account.ByID(ctx, db, id)
	if err == nil && !a.Specialist {
		err = account.ErrUnknown
	}
	return personOf(a), err
}

// asker is who asked for something, whoever they are.
func (s *Service) asker(ctx context.Context, db bun.IDB, id uuid.UUID) (Person, error) {
	a, there, err := account.ByID(ctx, db, id)
	if err == nil && !there {
		err = account.ErrUnknown
	}
	return personOf(a), err
}

func personOf(a account.Account) Person {
	return Person{ID: a.ID, Name: a.Name, Email: a.Email, Active: a.Active}
}

// active finds those of the ids that are active specialist users', in the order of the ids.
func (s *Service) active(ctx context.Context, db bun.IDB, ids []uuid.UUID) ([]Person, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var found []Person
	err := db.NewRaw(`SELECT `+personColumns+` FROM account AS p WHERE p.id IN (?) AND p.specialist AND p.active`, bun.List(ids)).Scan(ctx, &found)
	var list []Person
	for _, id := range unique(ids) {
		for _, p := range found {
			if p.ID == id {
				list = append(list, p)
			}
		}
	}
	return list, err
}

// search finds active specialist users by name.
func (s *Service) search(ctx context.Context, words []string, not []uuid.UUID, limit int) (list []Person, err error) {
	q := store.SQL(`SELECT `+personColumns+` FROM account AS p WHERE p.specialist AND p.active AND p.id NOT IN (?)`, bun.List(not))
	for _, w := range words { // folded words are letters and digits: nothing of LIKE's own is in them
		q.Add(` AND p.search LIKE ?`, "%"+w+"%")
	}
	q.Add(` ORDER BY p.name_sort, p.id LIMIT ?`, limit)
	err = s.o.DB.NewRaw(q.SQL, q.Args...).Scan(ctx, &list)
	return list, err
}

// lockPeople keeps others from arranging anything between these people until the tx ends, in one order for all.
func (s *Service) lockPeople(ctx context.Context, tx bun.IDB, ids []uuid.UUID) error {
	if !s.o.DB.IsPostgres() {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT 1 FROM account WHERE id IN (?) ORDER BY id FOR NO KEY UPDATE`, bun.List(ids))
	return err
}

// gone is the first of those who take over that is no active specialist user any more, nil when all are; uuid.Nil when
// there is nobody left. Those who are active stay so until the tx ends.
func (s *Service) gone(ctx context.Context, tx bun.IDB, targets []Person) (*uuid.UUID, error) {
	if len(targets) == 0 {
		return &uuid.Nil, nil
	}
	ids := make([]uuid.UUID, len(targets))
	for i, t := range targets {
		ids[i] = t.ID
	}
	q := `SELECT id FROM account WHERE id IN (?) AND specialist AND active ORDER BY id`
	if s.o.DB.IsPostgres() {
		q += ` FOR SHARE`
	}
	var active []uuid.UUID
	if err := tx.NewRaw(q, bun.List(ids)).Scan(ctx, &active); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.Contains(active, id) {
			return &id, nil
		}
	}
	return nil, nil
}

// assignments counts what people have, up to most of each.
func (s *Service) assignments(ctx context.Context, db bun.IDB, ids []uuid.UUID, most int64) (map[uuid.UUID]Assignments, error) {
	out := make(map[uuid.UUID]Assignments, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	var rows []struct {
		ID uuid.UUID `bun:"id"`
		Assignments
	}
	err := db.NewRaw(`SELECT p.id,
		(SELECT count(*) FROM (SELECT 1 FROM customer_administrator AS a WHERE a.specialist_id = p.id LIMIT ?) AS n) AS administered,
		(SELECT count(*) FROM (SELECT 1 FROM transaction_processor AS x WHERE x.specialist_id = p.id LIMIT ?) AS n) AS processed,
		(SELECT count(*) FROM (SELECT 1 FROM transactions AS t WHERE t.responsible_id = p.id LIMIT ?) AS n) AS responsible
		FROM account AS p WHERE p.id IN (?)`, most, most, most, bun.List(ids)).Scan(ctx, &rows)
	for _, r := range rows {
		out[r.ID] = r.Assignments
	}
	return out, err
}

// shared counts what of one person's assignments another has as well.
func (s *Service) shared(ctx context.Context, from, to uuid.UUID) (a Assignments, err error) {
	err = s.o.DB.NewRaw(`SELECT
		(SELECT count(*) FROM customer_administrator AS a WHERE a.specialist_id = ?
			AND EXISTS (SELECT 1 FROM customer_administrator AS b WHERE b.customer_id = a.customer_id AND b.specialist_id = ?)) AS administered,
		(SELECT count(*) FROM transaction_processor AS a WHERE a.specialist_id = ?
			AND EXISTS (SELECT 1 FROM transaction_processor AS b WHERE b.transaction_id = a.transaction_id AND b.specialist_id = ?)) AS processed,
		0 AS responsible`, from, to, from, to).Scan(ctx, &a)
	return a, err
}

// exampleTransactions are some of those that a person processes, of which so many are looked at.
func (s *Service) exampleTransactions(ctx context.Context, from uuid.UUID, within store.Condition) (list []Example, err error) {
	q := store.SQL(`SELECT t.id, t.number, t.name FROM (SELECT x.transaction_id FROM transaction_processor AS x WHERE x.specialist_id = ?
		ORDER BY x.customer_id LIMIT 2000) AS seen JOIN transactions AS t ON t.id = seen.transaction_id
		JOIN customer AS k ON k.id = t.customer_id WHERE NOT k.deleting`, from)
	q.Add(` AND ?`, store.All(within))
	q.Add(` ORDER BY t.number LIMIT 10`)
	err = s.o.DB.NewRaw(q.SQL, q.Args...).Scan(ctx, &list)
	return list, err
}

// --- handovers ---------------------------------------------------------------------------------------------------

func (s *Service) insert(ctx context.Context, tx bun.IDB, h Handover) error {
	if _, err := tx.NewInsert().Model(&h).Exec(ctx); err != nil {
		return err
	}
	for i, t := range h.Targets {
		_, err := tx.ExecContext(ctx, `INSERT INTO handover_target (handover_id, specialist_id, position) VALUES (?, ?, ?)`, h.ID, t.ID, i)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) isRunning(ctx context.Context, tx bun.IDB, from uuid.UUID) (bool, error) {
	_, ok, err := s.running(ctx, tx, from)
	return ok, err
}

func (s *Service) running(ctx context.Context, db bun.IDB, from uuid.UUID) (id uuid.UUID, ok bool, err error) {
	err = db.NewRaw(`SELECT id FROM handover WHERE from_id = ? AND finished_at IS NULL LIMIT 1`, from).Scan(ctx, &id)
	if store.IsNoRows(err) {
		return uuid.Nil, false, nil
	}
	return id, err == nil, err
}

func (s *Service) open(ctx context.Context) (list []Handover, err error) {
	err = s.o.DB.NewSelect().Model(&list).Where("finished_at IS NULL").Order("requested_at", "id").Scan(ctx)
	return list, err
}

// load loads a handover with its people; ErrNotFound.
func (s *Service) load(ctx context.Context, db bun.IDB, id uuid.UUID) (h Handover, err error) {
	if err = db.NewSelect().Model(&h).Where("id = ?", id).Scan(ctx); store.IsNoRows(err) {
		return h, ErrNotFound
	}
	if err != nil {
		return h, err
	}
	return h, s.loadPeople(ctx, db, &h)
}

// lock is load that keeps the handover from others until the tx ends.
func (s *Service) lock(ctx context.Context, tx bun.IDB, id uuid.UUID) (h Handover, err error) {
	q := tx.NewSelect().Model(&h).Where("id = ?", id)
	if s.o.DB.IsPostgres() {
		q = q.For("UPDATE")
	}
	if err := q.Scan(ctx); err != nil {
		return h, err
	}
	return h, s.loadPeople(ctx, tx, &h)
}

func (s *Service) loadPeople(ctx context.Context, db bun.IDB, h *Handover) (err error) {
	if h.From, err = s.person(ctx, db, h.FromID); err != nil {
		return err
	}
	return db.NewRaw(`SELECT `+personColumns+` FROM handover_target AS t JOIN account AS p ON p.id = t.specialist_id
		WHERE t.handover_id = ? ORDER BY t.position`, h.ID).Scan(ctx, &h.Targets)
}

func (s *Service) save(ctx context.Context, tx bun.IDB, h Handover) error {
	_, err := tx.NewUpdate().Model(&h).Column("done", "phase", "at_customer", "at_transaction", "finished_at", "stopped_for").WherePK().Exec(ctx)
	return err
}

// heldCustomers are customers that a person administers, behind one of them, in the order of their ids. Customers that
// are being deleted take care of themselves.
func (s *Service) heldCustomers(ctx context.Context, tx bun.IDB, specialist, after uuid.UUID, limit int) (ids []uuid.UUID, err error) {
	err = tx.NewRaw(`SELECT a.customer_id FROM customer_administrator AS a JOIN customer AS k ON k.id = a.customer_id AND NOT k.deleting
		WHERE a.specialist_id = ? AND a.customer_id > ? ORDER BY a.customer_id LIMIT ?`, specialist, after, limit).Scan(ctx, &ids)
	return ids, err
}

// held is a transaction that a person has to do with.
type held struct {
	CustomerID    uuid.UUID `bun:"customer_id"`
	TransactionID uuid.UUID `bun:"transaction_id"`
	Number        int64     `bun:"number"`
	Name          string    `bun:"name"`
}

func (s *Service) heldTransactions(ctx context.Context, tx bun.IDB, specialist, customer, transaction uuid.UUID, limit int) (list []held, err error) {
	err = tx.NewRaw(`SELECT x.customer_id, x.transaction_id, t.number, t.name FROM transaction_processor AS x
		JOIN transactions AS t ON t.id = x.transaction_id JOIN customer AS k ON k.id = x.customer_id AND NOT k.deleting
		WHERE x.specialist_id = ? AND (x.customer_id, x.transaction_id) > (?, ?) ORDER BY x.customer_id, x.transaction_id LIMIT ?`,
		specialist, customer, transaction, limit).Scan(ctx, &list)
	return list, err
}

func (s *Service) answersFor(ctx context.Context, tx bun.IDB, specialist uuid.UUID, limit int) (list []held, err error) {
	err = tx.NewRaw(`SELECT t.customer_id, t.id AS transaction_id, t.number, t.name FROM transactions AS t
		JOIN customer AS k ON k.id = t.customer_id AND NOT k.deleting WHERE t.responsible_id = ? ORDER BY t.id LIMIT ?`, specialist, limit).Scan(ctx, &list)
	return list, err
}

// --- deputies ----------------------------------------------------------------------------------------------------

const deputyColumns = `d.id, d.specialist_id, s.name AS specialist, d.deputy_id, p.name AS deputy, d.starts_at, d.ends_at, COALESCE(b.name, '') AS by_name
	FROM deputy AS d JOIN account AS s ON s.id = d.specialist_id JOIN account AS p ON p.id = d.deputy_id LEFT JOIN account AS b ON b.id = d.created_by`

func (s *Service) deputyships(ctx context.Context, column string, id uuid.UUID) (list []Deputyship, err error) {
	err = s.o.DB.NewRaw(`SELECT `+deputyColumns+` WHERE d.? = ? ORDER BY d.ends_at DESC, d.id LIMIT ?`, bun.Ident(column), id, pastMax).Scan(ctx, &list)
	return list, err
}

// overlapping finds a deputyship of the same two people that has an instant in common with a period.
func (s *Service) overlapping(ctx context.Context, tx bun.IDB, specialist, deputy uuid.UUID, starts, ends time.Time) (d Deputyship, ok bool, err error) {
	err = tx.NewRaw(`SELECT `+deputyColumns+` WHERE d.specialist_id = ? AND d.deputy_id = ? AND d.starts_at < ? AND d.ends_at > ?
		ORDER BY d.starts_at LIMIT 1`, specialist, deputy, ends, starts).Scan(ctx, &d)
	if store.IsNoRows(err) {
		return d, false, nil
	}
	return d, err == nil, err
}

func (s *Service) insertDeputy(ctx context.Context, tx bun.IDB, d Deputyship, by uuid.UUID, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO deputy (id, specialist_id, deputy_id, starts_at, ends_at, created_at, created_by)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, d.ID, d.SpecialistID, d.DeputyID, d.StartsAt, d.EndsAt, now, by)
	return err
}

// lockDeputy finds a deputyship of a specialist user and keeps others from ending it until the tx ends.
func (s *Service) lockDeputy(ctx context.Context, tx bun.IDB, specialist, id uuid.UUID) (d Deputyship, err error) {
	q := `SELECT ` + deputyColumns + ` WHERE d.id = ? AND d.specialist_id = ?`
	if s.o.DB.IsPostgres() {
		q += ` FOR UPDATE OF d`
	}
	return d, tx.NewRaw(q, id, specialist).Scan(ctx, &d)
}

// openOf are the deputyships in which somebody stands in, now or later.
func (s *Service) openOf(ctx context.Context, tx bun.IDB, deputy uuid.UUID, now time.Time) (list []Deputyship, err error) {
	err = tx.NewRaw(`SELECT `+deputyColumns+` WHERE d.deputy_id = ? AND d.ends_at > ? ORDER BY d.id`, deputy, now).Scan(ctx, &list)
	return list, err
}

func (s *Service) deleteDeputy(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM deputy WHERE id = ?`, id)
	return err
}

func (s *Service) endDeputy(ctx context.Context, tx bun.IDB, id uuid.UUID, at time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE deputy SET ends_at = ? WHERE id = ?`, at, id)
	return err
}

// day writes the local day of a moment.
func (s *Service) day(at time.Time) string { return at.In(s.o.Zone).Format(time.DateOnly) }
