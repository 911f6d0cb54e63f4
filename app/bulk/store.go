package bulk

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/store"
)

// record is a row of the table bulk_act.
type record struct {
	bun.BaseModel `bun:"table:bulk_act"`

	ID          uuid.UUID      `bun:"id,pk"`
	Kind        Kind           `bun:"kind"`
	Value       string         `bun:"value"`
	State       State          `bun:"state"`
	RequestedBy uuid.UUID      `bun:"requested_by"`
	RequestedAt time.Time      `bun:"requested_at"`
	Submission  sql.NullString `bun:"submission"`
	Total       int64          `bun:"total"`
	FinishedAt  *time.Time     `bun:"finished_at"`
	ReturnedAt  *time.Time     `bun:"returned_at"`
}

// row is a row of the table bulk_row.
type row struct {
	bun.BaseModel `bun:"table:bulk_row"`

	ActID      uuid.UUID     `bun:"act_id,pk"`
	Place      int           `bun:"place,pk"`
	CustomerID uuid.NullUUID `bun:"customer_id"`
	SubjectID  uuid.UUID     `bun:"subject_id"`
	Verdict    Verdict       `bun:"verdict"`
	Why        string        `bun:"why"`
	Was        string        `bun:"was"`
}

// load loads an act; ErrNotFound.
func load(ctx context.Context, db bun.IDB, id uuid.UUID) (r record, err error) {
	err = db.NewSelect().Model(&r).Where("id = ?", id).Scan(ctx)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return r, err
}

// submitted finds the act that a form has made before; ErrNotFound.
func submitted(ctx context.Context, db bun.IDB, submission string) (r record, err error) {
	err = db.NewSelect().Model(&r).Where("submission = ?", submission).Scan(ctx)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return r, err
}

// ofPerson returns the last acts of a person, the newest first.
func ofPerson(ctx context.Context, db bun.IDB, person uuid.UUID, limit int) (list []record, err error) {
	err = db.NewSelect().Model(&list).Where("requested_by = ?", person).Order("requested_at DESC", "id DESC").Limit(int64(limit)).Scan(ctx)
	return list, err
}

// insert writes an act with its rows.
func insert(ctx context.Context, tx bun.IDB, r record, rows []row) error {
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return err
	}
	return store.InsertAll(ctx, tx, rows)
}

// advance makes an act go on from one state to another, unless somebody else has made it go on in the meantime; then it is
// ErrState.
func advance(ctx context.Context, tx bun.IDB, was record, to State, set func(*bun.UpdateQuery)) error {
	q := tx.NewUpdate().Model((*record)(nil)).Set("state = ?", to).Where("id = ?", was.ID).Where("state = ?", was.State)
	set(q)
	n, err := store.Affected(q.Exec(ctx))
	if err == nil && n == 0 {
		err = ErrState
	}
	return err
}

// rowsWith returns the next rows with one of the verdicts.
func rowsWith(ctx context.Context, db bun.IDB, act uuid.UUID, verdicts []Verdict, limit int) (list []row, err error) {
	err = db.NewSelect().Model(&list).Where("act_id = ?", act).Where("verdict IN (?)", bun.List(verdicts)).
		Order("verdict", "place").Limit(int64(limit)).Scan(ctx)
	return list, err
}

// settle gives a row a verdict. done is false if somebody else has settled it in the meantime.
func settle(ctx context.Context, tx bun.IDB, r row, o outcome) (done bool, err error) {
	n, err := store.Affected(tx.NewUpdate().Model((*row)(nil)).Set("verdict = ?", o.verdict).Set("why = ?", o.why).Set("was = ?", o.was).
		Where("act_id = ?", r.ActID).Where("place = ?", r.Place).Where("verdict = ?", r.Verdict).Exec(ctx))
	return n > 0, err
}

// settleAll gives all rows with one of some verdicts another one.
func settleAll(ctx context.Context, tx bun.IDB, act uuid.UUID, from []Verdict, to Verdict) error {
	_, err := tx.NewUpdate().Model((*row)(nil)).Set("verdict = ?", to).Where("act_id = ?", act).Where("verdict IN (?)", bun.List(from)).Exec(ctx)
	return err
}

// countsOf counts the rows of acts by their verdicts.
func countsOf(ctx context.Context, db bun.IDB, acts ...uuid.UUID) (map[uuid.UUID]Counts, error) {
	of := make(map[uuid.UUID]Counts, len(acts))
	for _, id := range acts {
		of[id] = Counts{}
	}
	if len(acts) == 0 {
		return of, nil
	}
	var list []struct {
		ActID   uuid.UUID `bun:"act_id"`
		Verdict Verdict   `bun:"verdict"`
		N       int64     `bun:"n"`
	}
	err := db.NewSelect().Table("bulk_row").ColumnExpr("act_id, verdict, count(*) AS n").Where("act_id IN (?)", bun.List(acts)).
		GroupExpr("act_id, verdict").Scan(ctx, &list)
	for _, c := range list {
		of[c.ActID][c.Verdict] = c.N
	}
	return of, err
}

// page selects rows of an act in their order, with one verdict ("": all).
func page(db bun.IDB, act uuid.UUID, only Verdict) *bun.SelectQuery {
	q := db.NewSelect().Table("bulk_row").Where("act_id = ?", act)
	if only != "" {
		q.Where("verdict = ?", only)
	}
	return q
}

// forget deletes acts that were asked for before a moment, with their rows.
func forget(ctx context.Context, tx bun.IDB, before time.Time) error {
	_, err := tx.NewDelete().Model((*record)(nil)).Where("requested_at < ?", before).Exec(ctx)
	return err
}

// namesOf returns the names of people, in alphabetical order.
func namesOf(ctx context.Context, db bun.IDB, people []uuid.UUID) (names []string, err error) {
	if len(people) == 0 {
		return nil, nil
	}
	err = db.NewSelect().Table("account").Column("name").Where("id IN (?)", bun.List(people)).Order("name_sort", "id").Scan(ctx, &names)
	return names, err
}

// selectPeople selects active specialist users, in alphabetical order.
func selectPeople(db bun.IDB) *bun.SelectQuery {
	return db.NewSelect().TableExpr("account AS p").ColumnExpr("p.id, p.name, p.email").ColumnExpr(account.FactsOf("p")).
		ColumnExpr(assignment.LoadOf("p", LoadCap) + " AS customers").Where("p.specialist").Where("p.active").OrderExpr("p.name_sort, p.id")
}

// offer returns the chosen people, and up to limit others whose name, username or e-mail has the words of a search.
func offer(ctx context.Context, db bun.IDB, query string, chosen []uuid.UUID, limit int) (list, found []Offered, err error) {
	if len(chosen) > 0 {
		if err := selectPeople(db).Where("p.id IN (?)", bun.List(chosen)).Scan(ctx, &list); err != nil {
			return nil, nil, err
		}
	}
	q := selectPeople(db).Limit(int64(limit))
	if len(chosen) > 0 {
		q.Where("p.id NOT IN (?)", bun.List(chosen))
	}
	for _, word := range strings.Fields(store.Fold(query)) { // folded words contain no LIKE wildcard
		q.Where("p.search LIKE ?", "%"+word+"%")
	}
	return list, found, q.Scan(ctx, &found)
}
