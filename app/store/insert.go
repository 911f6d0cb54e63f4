package store

import (
	"context"
	"runtime"
	"slices"

	"github.com/uptrace/bun"
)

// InsertAll inserts rows of a model, as many with each statement as SQLite inserts fastest. A connection keeps such a
// statement, so only the first is parsed.
func InsertAll[T any](ctx context.Context, tx bun.IDB, rows []T) error {
	for some := range slices.Chunk(rows, atOnce) {
		if _, err := tx.NewInsert().Model(&some).Returning("NULL").Exec(ctx); err != nil {
			return err
		}
		runtime.Gosched() // a request that waits for a processor goes first
	}
	return nil
}
