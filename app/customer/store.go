package customer

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/courier"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/policies"
)

// record is a row of the table customer.
type record struct {
	bun.BaseModel `bun:"table:customer"`

	Number int64     `bun:"number,pk"`
	ID     uuid.UUID `bun:"id"`
	Type   Type      `bun:"type"`
	Data
	NameSort string         `bun:"name_sort"`
	CitySort string         `bun:"city_sort"`
	Search   string         `bun:"search"`
	Details  sql.NullString `bun:"details"` // not valid: not computed yet
	Identity string         `bun:"identity"`
	needs
	accessColumns
	Submission sql.NullString `bun:"submission"`
	Version    int            `bun:"version"`
	Deleting   bool           `bun:"deleting"`
	CreatedAt  time.Time      `bun:"created_at"`
	CreatedBy  uuid.NullUUID  `bun:"created_by"`
	UpdatedAt  time.Time      `bun:"updated_at"`
}

// set sets the data and the columns that are computed from them.
func (r *record) set(d Data) {
	r.Data, r.NameSort, r.CitySort, r.Identity = d, sortName(r.Type, d), citySort(d.City), identity(r.Type, d)
}

func (r record) customer() Customer {
	return Customer{
		ID: r.ID, Number: r.Number, Type: r.Type, Data: r.Data, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		accesses: r.accessColumns,
	}
}

func (r record) row(now time.Time) Row {
	return Row{
		ID: r.ID, Number: r.Number, Version: r.Version, Type: r.Type, Name: listName(r.Type, r.Data), City: r.City, Changed: r.UpdatedAt, Access: r.summary(now),
	}
}

// rowRecord is the part of a record that a list shows.
type rowRecord struct {
	position
	ID          uuid.UUID `bun:"id"`
	Version     int       `bun:"version"`
	Type        Type      `bun:"type"`
	FirstName   string    `bun:"first_name"`
	LastName    string    `bun:"last_name"`
	CompanyName string    `bun:"company_name"`
	CityName    string    `bun:"city"`
	accessColumns
}

func (r *rowRecord) row(now time.Time) Row {
	name := listName(r.Type, Data{FirstName: r.FirstName, LastName: r.LastName, CompanyName: r.CompanyName})
	return Row{ID: r.ID, Number: r.Number, Version: r.Version, Type: r.Type, Name: name, City: r.CityName, Changed: r.Changed, Access: r.summary(now)}
}

// relationTo returns an expression for the caller's relations to a row of the table customer. It leaves out relations
// that are not in of, on which the answer does not depend.
func relationTo(c account.Caller, of policies.Relation) store.Condition {
	administrator, processor, access := bun.SafeQuery(`0`), bun.SafeQuery(`0`), bun.SafeQuery(`0`)
	if of&policies.Administrator != 0 {
		administrator = bun.SafeQuery(`CASE WHEN EXISTS (SELECT 1 FROM customer_administrator AS ra
			WHERE ra.customer_id = customer.id AND ra.specialist_id IN (?)) THEN 1 ELSE 0 END`, store.BindList(c.Persons()))
	}
	if of&policies.Processor != 0 {
		processor = bun.SafeQuery(`CASE WHEN EXISTS (SELECT 1 FROM transaction_processor AS rp
			WHERE rp.customer_id = customer.id AND rp.specialist_id IN (?)) THEN 2 ELSE 0 END`, store.BindList(c.Persons()))
	}
	if of&policies.Access != 0 {
		access = bun.SafeQuery(`CASE WHEN EXISTS (SELECT 1 FROM access AS rx WHERE rx.customer_id = customer.id AND rx.account_id = ?
			AND rx.registered_at IS NOT NULL AND rx.deactivated_at IS NULL) THEN 4 ELSE 0 END`, store.Bind(c.ID))
	}
	return bun.SafeQuery(`(? + ? + ?)`, administrator, processor, access)
}

// anyRelation is the set of all relations that a person can have to a customer.
const anyRelation = policies.Administrator | policies.Processor | policies.Access

// related is a customer with somebody's relations to it.
type related struct {
	record
	Relation policies.Relation `bun:"relation"`
}

// relatedKey names a related for store.Once.
type relatedKey struct {
	customer uuid.UUID
	persons  string // whose relations
}

// find loads a customer that is not being deleted, with the caller's relations to it; ErrNotFound. In a tx it keeps the
// customer until the tx ends: a deletion waits for the tx, and then also deletes what the tx wrote. Outside of one, a
// request that changes nothing reads a customer once.
func (s *Service) find(ctx context.Context, db bun.IDB, id uuid.UUID, c account.Caller) (record, policies.Relation, error) {
	r, err := store.Once(ctx, db, relatedKey{id, fmt.Sprint(c.Persons())}, func() (related, error) { return s.read(ctx, db, id, c) })
	return r.record, r.Relation, err
}

func (s *Service) read(ctx context.Context, db bun.IDB, id uuid.UUID, c account.Caller) (r related, err error) {
	q := db.NewSelect().ColumnExpr(`customer.*, ? AS relation`, relationTo(c, anyRelation)).Table(`customer`).
		Where(`customer.id = ?`, id).Where(`NOT customer.deleting`)
	if _, inTx := db.(bun.Tx); inTx && s.db.IsPostgres() { // on SQLite a tx is alone anyway
		q.For(`KEY SHARE OF customer`)
	}
	err = q.Scan(ctx, &r)
	if store.IsNoRows(err) {
		return related{}, ErrNotFound
	}
	return r, err
}

// relation returns the caller's relations to a customer; ErrNotFound.
func (s *Service) relation(ctx context.Context, db bun.IDB, id uuid.UUID, c account.Caller) (r policies.Relation, err error) {
	if _, inTx := db.(bun.Tx); !inTx { // the customer has been read with the relations
		_, r, err = s.find(ctx, db, id, c)
		return r, err
	}
	err = db.NewSelect().ColumnExpr(`?`, relationTo(c, anyRelation)).Table(`customer`).Where(`customer.id = ?`, id).Scan(ctx, &r)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return r, err
}

// IDOf finds a customer by its number, for commands, which may read all customers. ErrNotFound.
func IDOf(ctx context.Context, db bun.IDB, number int64) (id uuid.UUID, err error) {
	err = db.NewSelect().Model((*record)(nil)).Column("id").Where("number = ?", number).Scan(ctx, &id)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return id, err
}

// Any says whether there is any customer.
func Any(ctx context.Context, db bun.IDB) (bool, error) {
	return db.NewSelect().Model((*record)(nil)).Exists(ctx)
}

// submitted finds the customer that was created by an earlier submission.
func (s *Service) submitted(ctx context.Context, db bun.IDB, submission string) (id uuid.UUID, found bool, err error) {
	err = db.NewSelect().Model((*record)(nil)).Column("id").Where("submission = ?", submission).Scan(ctx, &id)
	if store.IsNoRows(err) {
		return uuid.Nil, false, nil
	}
	return id, err == nil, err
}

// insert gives the records of additions the next numbers, and writes them with their texts.
func (s *Service) insert(ctx context.Context, tx bun.IDB, records []record, list []addition) error {
	numbers, err := Counter.Take(ctx, tx, len(records))
	if err != nil {
		return err
	}
	var words []string
	for i := range records {
		records[i].Number = numbers[i]
		records[i].setTexts(list[i].texts)
		words = append(words, records[i].vocabulary()...)
	}
	if err := store.InsertAll(ctx, tx, records); err != nil {
		return err
	}
	slices.Sort(words)
	if err := s.learn(ctx, tx, slices.Compact(words)); err != nil {
		return err
	}
	return s.index(ctx, tx, records...)
}

// countActive is 1 if a specialist user is active, so that they count as an administrator, and otherwise 0.
func (s *Service) countActive(ctx context.Context, tx bun.IDB, id uuid.UUID) (int, error) {
	if id == uuid.Nil {
		return 0, nil
	}
	n, err := tx.NewSelect().Table("account").Where("id = ?", id).Where("active").Count(ctx)
	return int(n), err
}

// update writes data if the customer still has the version that was edited; done=false otherwise.
func (s *Service) update(ctx context.Context, tx bun.IDB, r *record, version int) (done bool, err error) {
	res, err := tx.NewUpdate().Model(r).
		ExcludeColumn("number", "id", "type", "search", "details", "no_administrator_since", "no_access_since", "invitation_at", "attention_at",
			"access_count", "access_registered", "access_worst", "access_expires_at", "submission", "version", "deleting", "created_at", "created_by").
		Set("version = version + 1").
		Where("id = ?", r.ID).Where("version = ?", version).Where("NOT deleting").Exec(ctx)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// lock loads a customer before a change of what is derived from it and its accesses. On PostgreSQL it waits for other
// txs that do the same. The lock is NO KEY UPDATE, because a tx that has just added an access already holds a share
// lock on the key.
func (s *Service) lock(ctx context.Context, tx bun.IDB, id uuid.UUID) (r record, err error) {
	q := tx.NewSelect().Model(&r).Where("id = ?", id)
	if s.db.IsPostgres() {
		q = q.For("NO KEY UPDATE")
	}
	if err = q.Scan(ctx); store.IsNoRows(err) {
		err = ErrNotFound
	}
	return r, err
}

// accessStates returns the accesses of customers, oldest first.
func (s *Service) accessStates(ctx context.Context, tx bun.IDB, ids []uuid.UUID) (list []accessState, err error) {
	// Raw SQL: it runs with every change of a customer, and composing it would take as long as running it.
	err = tx.NewRaw(`SELECT a.customer_id, a.first_name, a.last_name, a.email, a.mobile, a.invited_at, a.link_expires_at, a.undeliverable,
		a.registered_at, a.deactivated_at, a.waiting, a.uninvited, `+courier.SMSFailure("a.id", "a.generation")+` <> '' AS code_failed
		FROM access AS a WHERE a.customer_id IN (?) ORDER BY a.created_at, a.id`, bun.List(ids)).Scan(ctx, &list)
	return list, err
}

// countAdministrators counts the active administrators of customers. Customers without any are not in the map.
func (s *Service) countAdministrators(ctx context.Context, tx bun.IDB, ids []uuid.UUID) (map[uuid.UUID]int, error) {
	var rows []struct {
		CustomerID uuid.UUID `bun:"customer_id"`
		N          int       `bun:"n"`
	}
	// Raw SQL: it runs with every change of a customer, and composing it would take as long as running it.
	err := tx.NewRaw(`SELECT a.customer_id, count(*) AS n FROM customer_administrator AS a JOIN account AS p ON p.id = a.specialist_id AND p.active
		WHERE a.customer_id IN (?) GROUP BY a.customer_id`, bun.List(ids)).Scan(ctx, &rows)
	n := make(map[uuid.UUID]int, len(rows))
	for _, r := range rows {
		n[r.CustomerID] = r.N
	}
	return n, err
}

// saveDerived writes what is derived from a customer and its accesses, including the search index and the vocabulary.
// changed is old with its new derived columns.
func (s *Service) saveDerived(ctx context.Context, tx bun.IDB, old, changed record) error {
	// Raw SQL: it runs with every change of a customer, and composing it would take as long as running it.
	_, err := tx.ExecContext(ctx, `UPDATE customer SET search = ?, details = ?, no_administrator_since = ?, no_access_since = ?, invitation_at = ?,
		attention_at = ?, access_count = ?, access_registered = ?, access_worst = ?, access_expires_at = ? WHERE number = ?`,
		changed.Search, changed.Details, changed.NoAdministrator, changed.NoAccess, changed.OpenInvitation, changed.AttentionAt,
		changed.Total, changed.Registered, changed.Worst, changed.FirstExpiry, store.Bind(changed.Number))
	if err != nil || changed.Search == old.Search && changed.Details == old.Details {
		return err
	}
	before, after := old.vocabulary(), changed.vocabulary()
	if err := s.learn(ctx, tx, without(after, before)); err != nil {
		return err
	}
	if err := s.unlearn(ctx, tx, changed.Number, without(before, after)); err != nil || s.db.IsPostgres() {
		return err
	}
	if err := s.unindex(ctx, tx, changed.Number); err != nil {
		return err
	}
	return s.index(ctx, tx, changed)
}

// index writes customers into SQLite's search index, which does not have them. On PostgreSQL the index belongs to the table.
func (s *Service) index(ctx context.Context, tx bun.IDB, records ...record) error {
	if s.db.IsPostgres() {
		return nil
	}
	texts := make([]store.Condition, len(records))
	for i, r := range records {
		texts[i] = bun.SafeQuery(`(?, ?)`, r.Number, trigramText(r.Search, r.Details.String))
	}
	// Raw SQL: a virtual table is addressed by its rowid.
	_, err := tx.ExecContext(ctx, `INSERT INTO customer_search (rowid, text) VALUES ?`, bun.List(texts))
	return err
}

// unindex removes a customer from SQLite's search index. On PostgreSQL the index belongs to the table.
func (s *Service) unindex(ctx context.Context, tx bun.IDB, number int64) error {
	if s.db.IsPostgres() {
		return nil
	}
	_, err := tx.NewDelete().Table("customer_search").Where("rowid = ?", number).Exec(ctx)
	return err
}

// duplicates finds up to limit customers that have the e-mail address at an access, or the same identity.
func (s *Service) duplicates(ctx context.Context, sc scope, email, identity string, limit int) (list []Duplicate, err error) {
	seen := map[uuid.UUID]bool{}
	look := func(why, condition string, args ...any) error {
		if len(list) >= limit {
			return nil
		}
		q := s.from(`customer`).ColumnExpr(`customer.*`).Where(condition, args...)
		if sc.where != nil {
			q.Where(`?`, sc.where)
		}
		var rows []record
		if err := listing.By(false, `customer.number`).First(q, limit).Scan(ctx, &rows); err != nil {
			return err
		}
		for _, r := range rows {
			if seen[r.ID] || len(list) >= limit {
				continue
			}
			seen[r.ID] = true
			reason := why
			if reason == "" {
				reason = "duplicate." + string(r.Type)
			}
			list = append(list, Duplicate{Row: r.row(s.now()), Why: reason})
		}
		return nil
	}
	if email != "" {
		err = look("duplicate.email", `customer.id IN (SELECT a.customer_id FROM access AS a WHERE a.email_folded = ?)`, email)
	}
	if identity != "" && err == nil {
		err = look("", `customer.identity = ? AND customer.identity <> ''`, identity)
	}
	return list, err
}
