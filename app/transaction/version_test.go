package transaction

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
)

// TestEachGuardOfAVersion: a form is out of date when somebody else changed the transaction before it was read, and
// when somebody else changes it between the reading and the writing.
func TestEachGuardOfAVersion(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		was := w.create(w.anna, w.customer, "Contract")
		now, err := w.SetStatus(ctx, w.anna, was.ID, was.Version, InReview)
		w.Must(err)
		form := Form{Name: "Contract", Kind: was.Kind}
		got, err := w.Update(ctx, w.anna, was.ID, was.Version, form)
		assert.ErrorIs(t, err, ErrVersion, "saving what is so already")
		assert.Equal(t, now.Version, got.Version, "saving what is so already: version")
		got, err = w.SetStatus(ctx, w.anna, was.ID, was.Version, InReview)
		assert.ErrorIs(t, err, ErrVersion, "moving to where it is already")
		assert.Equal(t, now.Version, got.Version, "moving to where it is already: version")
		for name, write := range map[string]func(tx bun.IDB, t Transaction) (bool, error){
			"saving": func(tx bun.IDB, t Transaction) (bool, error) {
				return w.update(ctx, tx, t, recorded{Name: "Contract", Kind: t.Kind})
			},
			"moving": func(tx bun.IDB, t Transaction) (bool, error) { return w.setStatus(ctx, tx, t, Closed) },
		} {
			for _, off := range []int{-1, 1, 0} {
				w.InTx(func(ctx context.Context, tx bun.Tx) error {
					seen, err := w.find(ctx, tx, w.anna, was.ID)
					w.Must(err)
					seen.Version += off
					done, err := write(tx, seen)
					assert.Equal(t, off == 0, done, "%s at version : done", name)
					return err
				})
			}
		}
	})
}

// TestSubmissionsApart: a form's once-only key belongs to its sender. Another person who sends the same key adds their
// own transaction.
func TestSubmissionsApart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.addAdministrator(w.customer, w.ben)
		made := map[string]bool{}
		for _, c := range []struct {
			by       account.Caller
			name     string
			repeated bool
		}{{w.anna, "Anna's", false}, {w.ben, "Ben's", false}, {w.anna, "Anna's again", true}, {w.ben, "Ben's again", true}} {
			got, repeated, err := w.Create(ctx, c.by, w.customer.ID, Form{Name: c.name, IdempotencyKey: "the same"})
			require.NoError(t, err, c.name)
			assert.Equal(t, c.repeated, repeated, "%s: repeated", c.name)
			made[got.Name] = true
		}
		require.Len(t, made, 2, "made")
		assert.True(t, made["Anna's"])
		assert.True(t, made["Ben's"])
	})
}
