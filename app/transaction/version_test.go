package transaction

import (
	"context"
	"errors"
	"testing"

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
		if got, err := w.Update(ctx, w.anna, was.ID, was.Version, form); !errors.Is(err, ErrVersion) || got.Version != now.Version {
			t.Errorf("saving what is so already: version %d, %v", got.Version, err)
		}
		if got, err := w.SetStatus(ctx, w.anna, was.ID, was.Version, InReview); !errors.Is(err, ErrVersion) || got.Version != now.Version {
			t.Errorf("moving to where it is already: version %d, %v", got.Version, err)
		}
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
					if done != (off == 0) {
						t.Errorf("%s at version %+d: done %v", name, off, done)
					}
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
		w.appoint(w.customer, w.ben)
		made := map[string]bool{}
		for _, c := range []struct {
			by       account.Caller
			name     string
			repeated bool
		}{{w.anna, "Anna's", false}, {w.ben, "Ben's", false}, {w.anna, "Anna's again", true}, {w.ben, "Ben's again", true}} {
			got, repeated, err := w.Create(ctx, c.by, w.customer.ID, Form{Name: c.name, IdempotencyKey: "the same"})
			if err != nil || repeated != c.repeated {
				t.Errorf("%s: repeated %v, %v", c.name, repeated, err)
			}
			made[got.Name] = true
		}
		if len(made) != 2 || !made["Anna's"] || !made["Ben's"] {
			t.Errorf("made %v", made)
		}
	})
}
