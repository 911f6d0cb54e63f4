package handover

import (
	"context"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
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

// asker returns the person who requested something, of any account type; account.ErrUnknown.
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

// selectActive begins a query of active specialist users, from the table account with the alias p.
func selectActive(db bun.IDB) *bun.SelectQuery {
	return db.NewSelect().TableExpr(`account AS p`).ColumnExpr(personColumns).Where(`p.specialist`).Where(`p.active`)
}

// active returns those of the ids that belong to active specialist users, in the order of the ids.
func (s *Service) active(ctx context.Context, db bun.IDB, ids []uuid.UUID) ([]Person, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var found []Person
	err := selectActive(db).Where(`p.id IN (?)`, bun.List(ids)).Scan(ctx, &found)
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

// Profile is what a choice shows of a person beside the name.
type Profile struct {
	Customers int64 `bun:"customers"` // number of the customers that they administer, at most AssignmentsCap + 1
	account.Facts
}

// addProfiles loads the profiles of all choices with one query.
func (s *Service) addProfiles(ctx context.Context, list []Choice) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(list))
	for i, p := range list {
		ids[i] = p.ID
	}
	var found []struct {
		ID uuid.UUID `bun:"id"`
		Profile
	}
	err := s.o.DB.NewSelect().TableExpr(`account AS p`).ColumnExpr(`p.id`).ColumnExpr(assignment.LoadOf("p", AssignmentsCap)+` AS customers`).
		ColumnExpr(account.FactsOf("p")).Where(`p.id IN (?)`, bun.List(ids)).Scan(ctx, &found)
	for _, f := range found {
		list[slices.Index(ids, f.ID)].Profile = f.Profile
	}
	return err
}

// search finds active specialist users by name.
func (s *Service) search(ctx context.Context, words []string, not []uuid.UUID, limit int) (list []Person, err error) {
	q := selectActive(s.o.DB).Where(`p.id NOT IN (?)`, bun.List(not))
	for _, w := range words { // folded words contain no LIKE wildcard
		q.Where(`p.search LIKE ?`, "%"+w+"%")
	}
	err = q.OrderExpr(`p.name_sort, p.id`).Limit(int64(limit)).Scan(ctx, &list)
	return list, err
}

// lockPeople prevents concurrent arrangements between these people until the tx ends. All txs lock in the same order.
func (s *Service) lockPeople(ctx context.Context, tx bun.IDB, ids []uuid.UUID) error {
	if !s.o.DB.IsPostgres() {
		return nil
	}
	_, err := tx.NewSelect().Table("account").ColumnExpr(`1`).Where(`id IN (?)`, bun.List(ids)).Order("id").For("NO KEY UPDATE").Exec(ctx)
	return err
}

// gone returns the first target that is no longer an active specialist user, nil when all are active, and uuid.Nil when
// there are no targets left. It keeps the active ones active until the tx ends.
func (s *Service) gone(ctx context.Context, tx bun.IDB, targets []Person) (*uuid.UUID, error) {
	if len(targets) == 0 {
		return &uuid.Nil, nil
	}
	ids := make([]uuid.UUID, len(targets))
	for i, t := range targets {
		ids[i] = t.ID
	}
	q := tx.NewSelect().Table("account").Column("id").Where(`id IN (?)`, bun.List(ids)).Where(`specialist`).Where(`active`).Order("id")
	if s.o.DB.IsPostgres() {
		q.For("SHARE")
	}
	var active []uuid.UUID
	if err := q.Scan(ctx, &active); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.Contains(active, id) {
			return &id, nil
		}
	}
	return nil, nil
}

// assignments counts the assignments of a person; each count stops at most.
func (s *Service) assignments(ctx context.Context, db bun.IDB, id uuid.UUID, most int64) (a Assignments, err error) {
	// Raw SQL: the query returns one row of counts, from no table.
	err = db.NewRaw(`SELECT
		(SELECT count(*) FROM (SELECT 1 FROM customer_administrator AS a WHERE a.specialist_id = ? LIMIT ?) AS n) AS administered,
		(SELECT count(*) FROM (SELECT 1 FROM transaction_processor AS x WHERE x.specialist_id = ? LIMIT ?) AS n) AS processed,
		(SELECT count(*) FROM (SELECT 1 FROM transactions AS t WHERE t.responsible_id = ? LIMIT ?) AS n) AS responsible`,
		id, most, id, most, id, most).Scan(ctx, &a)
	return a, err
}

// totals counts the customers that people administer and the transactions that they process, together. It reads at most
// so many rows for each person.
func (s *Service) totals(ctx context.Context, ids []uuid.UUID, most int64) (map[uuid.UUID]int64, error) {
	out := make(map[uuid.UUID]int64, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	var rows []struct {
		ID    uuid.UUID `bun:"id"`
		Total int64     `bun:"total"`
	}
	// Raw SQL: each person's rows have a limit of their own.
	err := s.o.DB.NewRaw(`SELECT p.id, (SELECT count(*) FROM (
			SELECT 1 FROM customer_administrator AS a WHERE a.specialist_id = p.id
			UNION ALL SELECT 1 FROM transaction_processor AS x WHERE x.specialist_id = p.id LIMIT ?) AS n) AS total
		FROM account AS p WHERE p.id IN (?)`, most, bun.List(ids)).Scan(ctx, &rows)
	for _, r := range rows {
		out[r.ID] = r.Total
	}
	return out, err
}

// shared counts the assignments of one person that another person has as well.
func (s *Service) shared(ctx context.Context, from, to uuid.UUID) (a Assignments, err error) {
	// Raw SQL: the query returns one row of counts, from no table.
	err = s.o.DB.NewRaw(`SELECT
		(SELECT count(*) FROM customer_administrator AS a WHERE a.specialist_id = ?
			AND EXISTS (SELECT 1 FROM customer_administrator AS b WHERE b.customer_id = a.customer_id AND b.specialist_id = ?)) AS administered,
		(SELECT count(*) FROM transaction_processor AS a WHERE a.specialist_id = ?
			AND EXISTS (SELECT 1 FROM transaction_processor AS b WHERE b.transaction_id = a.transaction_id AND b.specialist_id = ?)) AS processed,
		0 AS responsible`, from, to, from, to).Scan(ctx, &a)
	return a, err
}

// exampleTransactions returns some of the transactions that a person processes. It searches a limited number of them.
func (s *Service) exampleTransactions(ctx context.Context, from uuid.UUID, within store.Condition) (list []Example, err error) {
	seen := s.o.DB.NewSelect().TableExpr(`transaction_processor AS x`).Column("x.transaction_id").
		Where(`x.specialist_id = ?`, from).Order("x.customer_id").Limit(2000)
	err = s.o.DB.NewSelect().TableExpr(`(?) AS seen`, seen).ColumnExpr(`t.id, t.number, t.name`).
		Join(`JOIN transactions AS t ON t.id = seen.transaction_id`).Join(`JOIN customer AS k ON k.id = t.customer_id`).
		Where(`NOT k.deleting`).Where(`?`, store.All(within)).Order("t.number").Limit(10).Scan(ctx, &list)
	return list, err
}

// --- handovers ---------------------------------------------------------------------------------------------------

// target is a recipient of a handover. A handover has at least one.
type target struct {
	bun.BaseModel `bun:"table:handover_target"`

	HandoverID   uuid.UUID `bun:"handover_id,pk"`
	SpecialistID uuid.UUID `bun:"specialist_id,pk"`
	Position     int       `bun:"position"`
}

func (s *Service) insert(ctx context.Context, tx bun.IDB, h Handover) error {
	if _, err := tx.NewInsert().Model(&h).Exec(ctx); err != nil {
		return err
	}
	targets := make([]target, len(h.Targets))
	for i, t := range h.Targets {
		targets[i] = target{HandoverID: h.ID, SpecialistID: t.ID, Position: i}
	}
	_, err := tx.NewInsert().Model(&targets).Exec(ctx)
	return err
}

func (s *Service) isRunning(ctx context.Context, tx bun.IDB, from uuid.UUID) (bool, error) {
	_, ok, err := s.running(ctx, tx, from)
	return ok, err
}

func (s *Service) running(ctx context.Context, db bun.IDB, from uuid.UUID) (id uuid.UUID, ok bool, err error) {
	err = db.NewSelect().Model((*Handover)(nil)).Column("id").Where("from_id = ?", from).Where("finished_at IS NULL").Limit(1).Scan(ctx, &id)
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

// lock is load, and locks the handover's row until the tx ends.
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
	return db.NewSelect().TableExpr(`handover_target AS t`).ColumnExpr(personColumns).
		Join(`JOIN account AS p ON p.id = t.specialist_id`).Where(`t.handover_id = ?`, h.ID).Order("t.position").Scan(ctx, &h.Targets)
}

func (s *Service) save(ctx context.Context, tx bun.IDB, h Handover) error {
	_, err := tx.NewUpdate().Model(&h).Column("done", "phase", "at_customer", "at_transaction", "finished_at", "stopped_for").WherePK().Exec(ctx)
	return err
}

// heldCustomers returns the next customers that the first person of a handover administers, in the order of the ids.
// Customers that are being deleted are left out: the deletion removes their assignments.
func (s *Service) heldCustomers(ctx context.Context, tx bun.IDB, h Handover, limit int) (ids []uuid.UUID, err error) {
	err = tx.NewSelect().TableExpr(`customer_administrator AS a`).Column("a.customer_id").
		Join(`JOIN customer AS k ON k.id = a.customer_id AND NOT k.deleting`).
		Where(`a.specialist_id = ?`, h.FromID).Where(`a.customer_id > ?`, h.AtCustomer).Order("a.customer_id").Limit(int64(limit)).Scan(ctx, &ids)
	return ids, err
}

// held is a transaction that is assigned to a person.
type held struct {
	CustomerID    uuid.UUID `bun:"customer_id"`
	TransactionID uuid.UUID `bun:"transaction_id"`
	Number        int64     `bun:"number"`
	Name          string    `bun:"name"`
}

// heldTransactions does the same for the transactions of which that person is an additional processor.
func (s *Service) heldTransactions(ctx context.Context, tx bun.IDB, h Handover, limit int) (list []held, err error) {
	err = tx.NewSelect().TableExpr(`transaction_processor AS x`).ColumnExpr(`x.customer_id, x.transaction_id, t.number, t.name`).
		Join(`JOIN transactions AS t ON t.id = x.transaction_id`).
		Join(`JOIN customer AS k ON k.id = x.customer_id AND NOT k.deleting`).
		Where(`x.specialist_id = ?`, h.FromID).Where(`(x.customer_id, x.transaction_id) > (?, ?)`, h.AtCustomer, h.AtTransaction).
		Order("x.customer_id", "x.transaction_id").Limit(int64(limit)).Scan(ctx, &list)
	return list, err
}

func (s *Service) answersFor(ctx context.Context, tx bun.IDB, specialist uuid.UUID, limit int) (list []held, err error) {
	err = tx.NewSelect().TableExpr(`transactions AS t`).ColumnExpr(`t.customer_id, t.id AS transaction_id, t.number, t.name`).
		Join(`JOIN customer AS k ON k.id = t.customer_id AND NOT k.deleting`).
		Where(`t.responsible_id = ?`, specialist).Order("t.id").Limit(int64(limit)).Scan(ctx, &list)
	return list, err
}

// --- deputies ----------------------------------------------------------------------------------------------------

type deputyRow struct {
	bun.BaseModel `bun:"table:deputy"`

	ID           uuid.UUID `bun:"id,pk"`
	SpecialistID uuid.UUID `bun:"specialist_id"`
	DeputyID     uuid.UUID `bun:"deputy_id"`
	StartsAt     time.Time `bun:"starts_at"`
	EndsAt       time.Time `bun:"ends_at"`
	CreatedAt    time.Time `bun:"created_at"`
	CreatedBy    uuid.UUID `bun:"created_by"`
}

// selectDeputyships begins a query of Deputyships, from the table deputy with the alias d.
func selectDeputyships(db bun.IDB) *bun.SelectQuery {
	return db.NewSelect().TableExpr(`deputy AS d`).ColumnExpr(`d.id, d.specialist_id, s.name AS specialist`).
		ColumnExpr(`d.deputy_id, p.name AS deputy, d.starts_at, d.ends_at, COALESCE(b.name, '') AS by_name`).
		Join(`JOIN account AS s ON s.id = d.specialist_id`).Join(`JOIN account AS p ON p.id = d.deputy_id`).
		Join(`LEFT JOIN account AS b ON b.id = d.created_by`)
}

func (s *Service) deputyships(ctx context.Context, column string, id uuid.UUID) (list []Deputyship, err error) {
	err = selectDeputyships(s.o.DB).Where(`d.? = ?`, bun.Ident(column), id).Order("d.ends_at DESC", "d.id").Limit(pastMax).Scan(ctx, &list)
	return list, err
}

// overlapping finds a deputyship of the same two people that overlaps d.
func (s *Service) overlapping(ctx context.Context, tx bun.IDB, d Deputyship) (other Deputyship, ok bool, err error) {
	err = selectDeputyships(tx).Where(`d.specialist_id = ?`, d.SpecialistID).Where(`d.deputy_id = ?`, d.DeputyID).
		Where(`d.starts_at < ?`, d.EndsAt).Where(`d.ends_at > ?`, d.StartsAt).Order("d.starts_at").Limit(1).Scan(ctx, &other)
	if store.IsNoRows(err) {
		return other, false, nil
	}
	return other, err == nil, err
}

func (s *Service) insertDeputy(ctx context.Context, tx bun.IDB, d Deputyship, by uuid.UUID, now time.Time) error {
	r := deputyRow{
		ID: d.ID, SpecialistID: d.SpecialistID, DeputyID: d.DeputyID, StartsAt: d.StartsAt, EndsAt: d.EndsAt, CreatedAt: now, CreatedBy: by,
	}
	_, err := tx.NewInsert().Model(&r).Exec(ctx)
	return err
}

// lockDeputy finds a deputyship of a specialist user and locks it until the tx ends.
func (s *Service) lockDeputy(ctx context.Context, tx bun.IDB, specialist, id uuid.UUID) (d Deputyship, err error) {
	q := selectDeputyships(tx).Where(`d.id = ?`, id).Where(`d.specialist_id = ?`, specialist)
	if s.o.DB.IsPostgres() {
		q.For("UPDATE OF d")
	}
	err = q.Scan(ctx, &d)
	return d, err
}

// openOf returns the current and future deputyships in which somebody is the deputy.
func (s *Service) openOf(ctx context.Context, tx bun.IDB, deputy uuid.UUID, now time.Time) (list []Deputyship, err error) {
	err = selectDeputyships(tx).Where(`d.deputy_id = ?`, deputy).Where(`d.ends_at > ?`, now).Order("d.id").Scan(ctx, &list)
	return list, err
}

func (s *Service) deleteDeputy(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	_, err := tx.NewDelete().Model((*deputyRow)(nil)).Where(`id = ?`, id).Exec(ctx)
	return err
}

func (s *Service) endDeputy(ctx context.Context, tx bun.IDB, id uuid.UUID, at time.Time) error {
	_, err := tx.NewUpdate().Model((*deputyRow)(nil)).Set(`ends_at = ?`, at).Where(`id = ?`, id).Exec(ctx)
	return err
}

// day returns the date of a moment in the firm's time zone.
func (s *Service) day(at time.Time) string { return at.In(s.o.Zone).Format(time.DateOnly) }
