package transaction

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/store"
)

// record is a row of the table transactions.
type record struct {
	bun.BaseModel `bun:"table:transactions"`

	Number        int64          `bun:"number,pk"`
	ID            uuid.UUID      `bun:"id"`
	CustomerID    uuid.UUID      `bun:"customer_id"`
	Name          string         `bun:"name"`
	NameFolded    string         `bun:"name_folded"`
	Kind          string         `bun:"kind"`
	Status        Status         `bun:"status"`
	Due           string         `bun:"due"`
	ResponsibleID uuid.NullUUID  `bun:"responsible_id"`
	Search        string         `bun:"search"`
	Submission    sql.NullString `bun:"submission"`
	Version       int            `bun:"version"`
	CreatedAt     time.Time      `bun:"created_at"`
	CreatedBy     uuid.NullUUID  `bun:"created_by"`
	UpdatedAt     time.Time      `bun:"updated_at"`
}

// person is a specialist user named in a form.
type person struct {
	ID     uuid.UUID `bun:"id"`
	Name   string    `bun:"name"`
	Active bool      `bun:"active"`
}

func (s *Service) specialist(ctx context.Context, db bun.IDB, id uuid.UUID) (p person, found bool, err error) {
	a, _, err := account.ByID(ctx, db, id)
	if err != nil || !a.Specialist {
		return person{}, false, err
	}
	return person{ID: a.ID, Name: a.Name, Active: a.Active}, true, nil
}

func (s *Service) people(ctx context.Context, customerID, self uuid.UUID) (list []Person, err error) {
	err = s.db.NewSelect().Table(`account`).Column(`id`, `name`).Where(`specialist`).Where(`active`).
		Where(`id = ? OR id IN (SELECT a.specialist_id FROM customer_administrator AS a WHERE a.customer_id = ?)
			OR id IN (SELECT p.specialist_id FROM transaction_processor AS p WHERE p.customer_id = ?)`, self, customerID, customerID).
		Order(`name_sort`, `id`).Scan(ctx, &list)
	return list, err
}

// submitted finds the transaction that was created by an earlier submission.
func (s *Service) submitted(ctx context.Context, db bun.IDB, submission string) (id uuid.UUID, found bool, err error) {
	err = db.NewSelect().Model((*record)(nil)).Column(`id`).Where(`submission = ?`, submission).Scan(ctx, &id)
	if store.IsNoRows(err) {
		return uuid.Nil, false, nil
	}
	return id, err == nil, err
}

// insert takes the next number and writes the transaction with its search text. On PostgreSQL it locks the customer's
// row before it reads the name. Otherwise a concurrent renaming and this insert would not see each other.
func (s *Service) insert(ctx context.Context, tx bun.IDB, r *record) error {
	name, err := s.customerName(ctx, tx, r.CustomerID)
	if err != nil {
		return err
	}
	if r.Number, err = Counter.Next(ctx, tx); err != nil {
		return err
	}
	r.Search = searchText(r.Number, r.Name, r.Kind, name)
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return err
	}
	return s.index(ctx, tx, r.Number, r.Search)
}

func (s *Service) customerName(ctx context.Context, tx bun.IDB, id uuid.UUID) (string, error) {
	var cu struct {
		Type        customer.Type `bun:"type"`
		FirstName   string        `bun:"first_name"`
		LastName    string        `bun:"last_name"`
		CompanyName string        `bun:"company_name"`
	}
	q := tx.NewSelect().Table(`customer`).Column(`type`, `first_name`, `last_name`, `company_name`).Where(`id = ?`, id)
	err := s.locked(q, `NO KEY UPDATE`).Scan(ctx, &cu)
	if store.IsNoRows(err) {
		err = customer.ErrNotFound
	}
	d := customer.Data{FirstName: cu.FirstName, LastName: cu.LastName, CompanyName: cu.CompanyName}
	return customer.Customer{Type: cu.Type, Data: d}.Name(), err
}

// locked makes a query lock its rows until the tx ends. On SQLite a writing tx is alone anyway.
func (s *Service) locked(q *bun.SelectQuery, strength string) *bun.SelectQuery {
	if s.db.IsPostgres() {
		q.For(strength)
	}
	return q
}

// index writes a search text to SQLite's search index. On PostgreSQL the index belongs to the table.
func (s *Service) index(ctx context.Context, tx bun.IDB, number int64, search string) error {
	if s.db.IsPostgres() {
		return nil
	}
	if _, err := tx.NewDelete().Table(`transaction_search`).Where(`rowid = ?`, number).Exec(ctx); err != nil {
		return err
	}
	// Raw SQL: a virtual table is addressed by its rowid.
	_, err := tx.ExecContext(ctx, `INSERT INTO transaction_search (rowid, text) VALUES (?, ?)`, number, store.TrigramText(search))
	return err
}

// newVersion begins an update that creates a new version.
func (s *Service) newVersion(tx bun.IDB) *bun.UpdateQuery {
	return tx.NewUpdate().Model((*record)(nil)).Set(`updated_at = ?`, s.now()).Set(`version = version + 1`)
}

// update writes a form if the transaction still has the version that was read; done=false otherwise.
func (s *Service) update(ctx context.Context, tx bun.IDB, t Transaction, r recorded) (done bool, err error) {
	name, err := s.customerName(ctx, tx, t.CustomerID)
	if err != nil {
		return false, err
	}
	search := searchText(t.Number, r.Name, r.Kind, name)
	done, err = affected(s.newVersion(tx).Where(`number = ?`, t.Number).Where(`version = ?`, t.Version).
		Set(`name = ?`, r.Name).Set(`name_folded = ?`, store.FoldName(r.Name)).Set(`kind = ?`, r.Kind).Set(`due = ?`, r.Due).
		Set(`responsible_id = ?`, store.NullID(r.Responsible.ID)).Set(`search = ?`, search).Exec(ctx))
	if err != nil || !done || r.Name == t.Name && r.Kind == t.Kind {
		return done, err
	}
	return true, s.index(ctx, tx, t.Number, search)
}

func (s *Service) setStatus(ctx context.Context, tx bun.IDB, t Transaction, to Status) (done bool, err error) {
	return affected(s.newVersion(tx).Where(`number = ?`, t.Number).Where(`version = ?`, t.Version).Set(`status = ?`, to).Exec(ctx))
}

// SetResponsible makes a specialist user responsible for transactions, inside the caller's tx. The calling code checks
// the permission and writes the log.
func (s *Service) SetResponsible(ctx context.Context, tx bun.IDB, ids []uuid.UUID, to uuid.UUID) error {
	_, err := s.newVersion(tx).Where(`id IN (?)`, bun.List(ids)).Set(`responsible_id = ?`, to).Exec(ctx)
	return err
}

// refreshSearch rewrites the search texts of a customer's transactions.
func (s *Service) refreshSearch(ctx context.Context, tx bun.IDB, customerID uuid.UUID, customerName string) error {
	var rows []struct {
		Number int64  `bun:"number"`
		Name   string `bun:"name"`
		Kind   string `bun:"kind"`
	}
	err := tx.NewSelect().Model((*record)(nil)).Column(`number`, `name`, `kind`).Where(`customer_id = ?`, customerID).
		Order(`number`).Scan(ctx, &rows)
	if err != nil {
		return err
	}
	for _, r := range rows {
		search := searchText(r.Number, r.Name, r.Kind, customerName)
		_, err := tx.NewUpdate().Model((*record)(nil)).Set(`search = ?`, search).Where(`number = ?`, r.Number).Exec(ctx)
		if err != nil {
			return err
		}
		if err := s.index(ctx, tx, r.Number, search); err != nil {
			return err
		}
	}
	return nil
}

// fillSearch writes the search texts for one customer that has transactions without them; found=false when there is no
// such customer.
func (s *Service) fillSearch(ctx context.Context, tx bun.IDB) (found bool, err error) {
	var id uuid.UUID
	err = tx.NewSelect().Model((*record)(nil)).Column(`customer_id`).Where(`search = ''`).Limit(1).Scan(ctx, &id)
	if store.IsNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	name, err := s.customerName(ctx, tx, id)
	if err != nil {
		return false, err
	}
	return true, s.refreshSearch(ctx, tx, id, name)
}

// --- kinds ------------------------------------------------------------------------------------------------------

// kindRow is a kind as it is stored.
type kindRow struct {
	bun.BaseModel `bun:"table:transaction_kind"`

	Kind
}

const kindColumns = `key, name_en, name_de, position, active, version`

// AllKinds returns all kinds in their order, including retired ones. The caller must check permissions before.
func AllKinds(ctx context.Context, db bun.IDB) ([]Kind, error) {
	list, err := store.Once(ctx, db, kindsKey{}, func() (list []Kind, err error) {
		err = db.NewSelect().Table(`transaction_kind`).ColumnExpr(kindColumns).Order(`position`, `key`).Scan(ctx, &list)
		return list, err
	})
	return slices.Clone(list), err
}

// kindsKey names all kinds for store.Once.
type kindsKey struct{}

// kindActive says whether a kind can be chosen. On PostgreSQL the kind stays unchanged until the tx ends.
func (s *Service) kindActive(ctx context.Context, db bun.IDB, key string) (active bool, err error) {
	q := db.NewSelect().Table(`transaction_kind`).Column(`active`).Where(`key = ?`, key)
	err = s.locked(q, `SHARE`).Scan(ctx, &active)
	if store.IsNoRows(err) {
		return false, nil
	}
	return active, err
}

func (s *Service) lockKind(ctx context.Context, tx bun.IDB, key string) (k Kind, err error) {
	q := tx.NewSelect().Table(`transaction_kind`).ColumnExpr(kindColumns).Where(`key = ?`, key)
	err = s.locked(q, `UPDATE`).Scan(ctx, &k)
	if store.IsNoRows(err) {
		err = ErrKindNotFound
	}
	return k, err
}

func (s *Service) lockKinds(ctx context.Context, tx bun.IDB) (list []Kind, err error) {
	q := tx.NewSelect().Table(`transaction_kind`).ColumnExpr(kindColumns).Order(`position`, `key`)
	err = s.locked(q, `UPDATE`).Scan(ctx, &list)
	return list, err
}

// nextPosition returns a position after all kinds except OtherKind.
func (s *Service) nextPosition(ctx context.Context, tx bun.IDB) (n int, err error) {
	kinds, err := s.lockKinds(ctx, tx)
	if err != nil {
		return 0, err
	}
	for _, k := range kinds {
		if k.Key != OtherKind {
			n = max(n, k.Position)
		}
	}
	for _, k := range kinds { // keep OtherKind last if it is last
		if k.Key == OtherKind && k.Position > n && k.Position <= n+10 {
			k.Position = n + 20
			return n + 10, s.placeKind(ctx, tx, k)
		}
	}
	return n + 10, nil
}

func (s *Service) insertKind(ctx context.Context, tx bun.IDB, k Kind) error {
	_, err := tx.NewInsert().Model(&kindRow{Kind: k}).Exec(ctx)
	return err
}

func (s *Service) updateKind(ctx context.Context, tx bun.IDB, k Kind) error {
	_, err := tx.NewUpdate().Model(&kindRow{Kind: k}).Column(`name_en`, `name_de`, `active`, `version`).Where(`key = ?`, k.Key).Exec(ctx)
	return err
}

func (s *Service) placeKind(ctx context.Context, tx bun.IDB, k Kind) error {
	_, err := tx.NewUpdate().Model(&kindRow{Kind: k}).Column(`position`).Where(`key = ?`, k.Key).Exec(ctx)
	return err
}

func affected(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
