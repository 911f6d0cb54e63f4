package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

// TestHold: for a held context everything can be read and nothing written, inside and outside of a tx, whatever the
// statement looks like.
func TestHold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		_, err := db.ExecContext(ctx, `CREATE TABLE held (id INTEGER PRIMARY KEY, note TEXT)`)
		require.NoError(t, err)
		t.Cleanup(func() { _, _ = db.ExecContext(ctx, `DROP TABLE held`) })
		_, err = db.ExecContext(ctx, `INSERT INTO held (id, note) VALUES (1, 'UPDATE me')`)
		require.NoError(t, err)
		held := store.Hold(ctx)
		type row struct {
			bun.BaseModel `bun:"table:held"`
			ID            int    `bun:"id,pk"`
			Note          string `bun:"note"`
		}
		for name, write := range map[string]func() error{
			"a tx": func() error {
				return db.InTx(held, func(context.Context, bun.Tx) error { t.Error("fn was called"); return nil })
			},
			"a batch": func() error {
				return store.NewBatch(db, func(context.Context, bun.Tx, []int) error { t.Error("work was called"); return nil }).Do(held, 1)
			},
			"insert": func() error { _, err := db.NewInsert().Model(&row{ID: 2}).Exec(held); return err },
			"update": func() error { _, err := db.NewUpdate().Model(&row{ID: 1}).WherePK().Exec(held); return err },
			"delete": func() error { _, err := db.NewDelete().Model(&row{ID: 1}).WherePK().Exec(held); return err },
			"raw":    func() error { _, err := db.NewRaw(`UPDATE held SET note = 'x'`).Exec(held); return err },
			"returning": func() error {
				return db.NewRaw(`UPDATE held SET note = 'x' RETURNING id`).Scan(held, new(int))
			},
			"exec": func() error { _, err := db.ExecContext(held, ` delete from held`); return err },
			"query": func() error {
				rows, err := db.QueryContext(held, "\n\tinsert into held (id) values (3) returning id")
				if err != nil {
					return err
				}
				defer rows.Close()
				for rows.Next() {
				}
				return rows.Err()
			},
			"table": func() error { _, err := db.ExecContext(held, `ALTER TABLE held ADD COLUMN more TEXT`); return err },
			"a tx of bun's own": func() error {
				return db.RunInTx(held, nil, func(ctx context.Context, tx bun.Tx) error {
					_, err := tx.NewDelete().Model(&row{ID: 1}).WherePK().Exec(ctx)
					return err
				})
			},
		} {
			if err := write(); !errors.Is(err, store.ErrHeld) && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
			var all []row
			err := db.NewSelect().Model(&all).Scan(held)
			require.NoError(t, err, name)
			require.Len(t, all, 1, name)
			require.Equal(t, "UPDATE me", all[0].Note, name)
		}
		var n int
		err = db.NewRaw("\n\tWITH\n\tx AS (SELECT id FROM held) SELECT count(*) FROM x").Scan(held, &n)
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		for _, typed := range []string{"Software Update GmbH", "O'Neill; DELETE FROM held", "insert into"} {
			_, err := db.NewSelect().Model((*row)(nil)).Where("note = ?", typed).Count(held)
			assert.NoError(t, err, "%q was searched for", typed)
		}
		assert.NoError(t, db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewDelete().Model(&row{ID: 1}).WherePK().Exec(ctx)
			return err
		}), "a context that is not held")
	})
}
