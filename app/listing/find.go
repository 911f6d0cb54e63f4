package listing

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"kontor/app/store"
)

// Way is one strategy to find the rows that r asks for. done is false if it did not find them within its bounds.
type Way[K any] func(ctx context.Context, r Reading[K]) (f Found[K], done bool, err error)

// Counter counts a list up to CountCap+1. more says that it stopped earlier, and that there are more rows.
type Counter func(ctx context.Context) (count int, more bool, err error)

// Find tries one way after the other until one finds what r asks for; the last one must. If that way did not count the
// list, and may not have seen all of it, Find calls count, unless r is Uncounted.
func Find[K any](ctx context.Context, r Reading[K], count Counter, ways ...Way[K]) (f Found[K], err error) {
	for done, i := false, 0; !done; i++ {
		if f, done, err = ways[i](ctx, r); err != nil {
			return Found[K]{}, err
		}
	}
	switch {
	case f.Counted:
		return f, nil
	case r.From == nil && len(f.Hits) < r.Limit: // these are all rows
		f.Count, f.Counted = len(f.Hits), true
		return f, nil
	case r.Uncounted:
		f.Count = len(f.Hits)
		return f, nil
	}
	f.Count, f.More, err = count(ctx)
	f.Count = max(f.Count, len(f.Hits)) // count may have looked at fewer rows
	return f, err
}

// Count counts the rows of a query up to CountCap+1. What the query selects does not matter: it may be 1.
func Count(ctx context.Context, db bun.IDB, rows *bun.SelectQuery) (n int, err error) {
	err = db.NewSelect().TableExpr(`(?) AS counted`, rows.Limit(CountCap+1)).ColumnExpr(`count(*)`).Scan(ctx, &n)
	return n, err
}

// Avoiding runs a query for which PostgreSQL's planner avoids some kinds of scans ("seqscan", "indexscan"). It is for
// searches with a trigram index. PostgreSQL's estimates for LIKE are rough. If they are wrong, PostgreSQL scans the
// table or another index in the hope of finding enough rows, which takes long.
func Avoiding(ctx context.Context, db *store.DB, scans []string, query func(db bun.IDB) error) error {
	if !db.IsPostgres() {
		return query(db)
	}
	settings := "SET LOCAL enable_" + strings.Join(scans, " = off; SET LOCAL enable_") + " = off"
	return db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		// Raw SQL: it changes settings.
		if _, err := tx.ExecContext(ctx, settings); err != nil {
			return err
		}
		return query(tx)
	})
}
