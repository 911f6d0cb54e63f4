package customer

import (
	"context"
	"errors"
	"testing"

	"github.com/uptrace/bun"
)

// TestEachGuardOfAVersion: a form is out of date when somebody was quicker before it was read, even where it says what is
// so by now, and when somebody is between the reading and the writing.
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
				r, err := w.authorise(ctx, tx, w.anna, cu.ID, wantDelete)
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
