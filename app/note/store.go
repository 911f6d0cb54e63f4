package note

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/store"
)

// record is a row of the table note.
type record struct {
	bun.BaseModel `bun:"table:note"`

	ID         uuid.UUID      `bun:"id,pk"`
	CustomerID uuid.UUID      `bun:"customer_id"`
	AuthorID   uuid.UUID      `bun:"author_id"`
	Text       string         `bun:"text"`
	Search     string         `bun:"search"`
	Submission sql.NullString `bun:"submission"`
	Version    int            `bun:"version"`
	CreatedAt  time.Time      `bun:"created_at"`
	ChangedAt  *time.Time     `bun:"changed_at"`
	RemovedAt  *time.Time     `bun:"removed_at"`
}

// kept selects the notes that were not removed, as rows of Note.
func kept(db bun.IDB) *bun.SelectQuery {
	return db.NewSelect().TableExpr(`note AS n`).Join(`JOIN account AS p ON p.id = n.author_id`).Where(`n.removed_at IS NULL`).
		ColumnExpr(`n.id, n.customer_id, n.author_id, p.name AS author, n.text, n.version, n.created_at, n.changed_at`)
}

func (s *Service) find(ctx context.Context, db bun.IDB, customerID, id uuid.UUID) (n Note, err error) {
	err = kept(db).Where(`n.id = ?`, id).Where(`n.customer_id = ?`, customerID).Scan(ctx, &n)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return n, err
}

// Find finds the notes of a reading: those of a customer with all words of the query. It reads the customer's notes along
// their index; one customer has few enough. The caller has checked that they may be read.
func (s *Service) Find(ctx context.Context, customerID uuid.UUID, query string, r listing.Reading[listing.Moment]) (found listing.Moments, err error) {
	q := s.DB.NewSelect().TableExpr(`note AS n`).ColumnExpr(`n.created_at AS at, n.id`).Where(`n.customer_id = ?`, customerID).Where(`n.removed_at IS NULL`)
	for _, word := range strings.Fields(store.Fold(query)) {
		q.Where(`?`, s.DB.Has(`n.search`, word))
	}
	o := listing.By(!r.Back, "n.created_at", "n.id")
	if r.From == nil {
		o.First(q, r.Limit)
	} else {
		o.First(q, r.Limit, r.From.At, r.From.ID)
	}
	err = q.Scan(ctx, &found.Hits)
	return found, err
}

// Load reads notes by their ids. The caller has checked that they may be read.
func (s *Service) Load(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Note, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var list []Note
	err := kept(s.DB).Where(`n.id IN (?)`, bun.List(ids)).Scan(ctx, &list)
	notes := make(map[uuid.UUID]Note, len(list))
	for _, n := range list {
		notes[n.ID] = n
	}
	return notes, err
}

// insert adds a note; fresh is false if its submission is there already.
func insert(ctx context.Context, tx bun.IDB, r record) (fresh bool, err error) {
	return touched(tx.NewInsert().Model(&r).On("CONFLICT (submission) DO NOTHING").Returning("NULL").Exec(ctx))
}

// update changes the text of a note, if it still has its version.
func update(ctx context.Context, tx bun.IDB, n Note, text string, now time.Time) (bool, error) {
	return touched(tx.NewUpdate().Model((*record)(nil)).Set(`text = ?`, text).Set(`search = ?`, store.SearchText(text)).
		Set(`version = version + 1`).Set(`changed_at = ?`, now).
		Where(`id = ?`, n.ID).Where(`version = ?`, n.Version).Where(`removed_at IS NULL`).Exec(ctx))
}

func remove(ctx context.Context, tx bun.IDB, id uuid.UUID, now time.Time) (bool, error) {
	return touched(tx.NewUpdate().Model((*record)(nil)).Set(`removed_at = ?`, now).Where(`id = ?`, id).Where(`removed_at IS NULL`).Exec(ctx))
}

// authorOf returns who wrote a note, also one that was removed; ErrUndone if nothing is left of it.
func authorOf(ctx context.Context, tx bun.IDB, customerID, id uuid.UUID) (author uuid.UUID, err error) {
	err = tx.NewSelect().Model((*record)(nil)).Column("author_id").Where(`id = ?`, id).Where(`customer_id = ?`, customerID).Scan(ctx, &author)
	if store.IsNoRows(err) {
		err = ErrUndone
	}
	return author, err
}

// restore puts a note back that was removed after since.
func restore(ctx context.Context, tx bun.IDB, id uuid.UUID, since time.Time) (bool, error) {
	return touched(tx.NewUpdate().Model((*record)(nil)).Set(`removed_at = NULL`).Where(`id = ?`, id).Where(`removed_at > ?`, since).Exec(ctx))
}

// purge deletes the notes that were removed before a time.
func purge(ctx context.Context, db bun.IDB, before time.Time) (int64, error) {
	return store.Affected(db.NewDelete().Model((*record)(nil)).Where(`removed_at IS NOT NULL`).Where(`removed_at <= ?`, before).Exec(ctx))
}

// countOfCustomer counts also the notes that can still be put back: they go as well.
func countOfCustomer(ctx context.Context, db bun.IDB, customerID uuid.UUID) (int64, error) {
	return db.NewSelect().Model((*record)(nil)).Where(`customer_id = ?`, customerID).Count(ctx)
}

func eraseOfCustomer(ctx context.Context, tx bun.IDB, customerID uuid.UUID, limit int) (int64, error) {
	some := tx.NewSelect().Model((*record)(nil)).Column("id").Where(`customer_id = ?`, customerID).Limit(int64(limit))
	return store.Affected(tx.NewDelete().Model((*record)(nil)).Where(`id IN (?)`, some).Exec(ctx))
}

func touched(res sql.Result, err error) (bool, error) {
	n, err := store.Affected(res, err)
	return n > 0, err
}
