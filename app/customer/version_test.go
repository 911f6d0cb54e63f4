package customer

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
)

// TestEachGuardOfAVersion: a form is out of date when somebody else changed the customer before it was read, even if
// the form contains the current values, and when somebody else changes it between the reading and the writing.
func TestEachGuardOfAVersion(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		cu := w.add(w.anna, Person, anna(), "a@example.org")
		d := anna()
		d.City = "Ulm"
		now, err := w.Update(ctx, w.anna, cu.ID, cu.Version, d)
		require.NoError(t, err)
		got, err := w.Update(ctx, w.anna, cu.ID, cu.Version, d)
		assert.ErrorIs(t, err, ErrVersion, "the same again")
		assert.Equal(t, now.Version, got.Version, "the same again: version")
		write := func(version int) (done bool) {
			t.Helper()
			err := w.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				r, err := w.authorise(ctx, tx, w.anna, cu.ID, deletePermission)
				if err != nil {
					return err
				}
				done, err = w.update(ctx, tx, &r, version)
				return err
			})
			require.NoError(t, err)
			return done
		}
		assert.False(t, write(now.Version-1), "written to another version than the one that was read")
		assert.False(t, write(now.Version+1), "written to another version than the one that was read")
		assert.True(t, write(now.Version), "written to another version than the one that was read")
	})
}

// TestSubmissionsApart: a form's once-only key belongs to its sender. Another person who sends the same key adds their
// own customer.
func TestSubmissionsApart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		made := map[int64]bool{}
		for i, by := range []account.Caller{w.anna, w.ben, w.anna, w.ben} {
			cu, repeated, err := w.Add(ctx, by, Draft{Type: Person, Data: anna(), IdempotencyKey: "the same"}, nil)
			require.NoError(t, err)
			assert.Equal(t, i > 1, repeated, "repeated")
			made[cu.Number] = true
		}
		assert.Len(t, made, 2, "made")
	})
}
