package customer

import (
	"context"
	"errors"
	"testing"

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
		if err != nil {
			t.Fatal(err)
		}
		if got, err := w.Update(ctx, w.anna, cu.ID, cu.Version, d); !errors.Is(err, ErrVersion) || got.Version != now.Version {
			t.Errorf("the same again: version %d, %v", got.Version, err)
		}
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
			if err != nil {
				t.Fatal(err)
			}
			return done
		}
		if write(now.Version-1) || write(now.Version+1) || !write(now.Version) {
			t.Error("written to another version than the one that was read")
		}
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
			if err != nil || repeated != (i > 1) {
				t.Errorf("%d: repeated %v, %v", i, repeated, err)
			}
			made[cu.Number] = true
		}
		if len(made) != 2 {
			t.Errorf("made %v", made)
		}
	})
}
