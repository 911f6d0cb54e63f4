package transaction

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/policies"
)

// TestKeepingKinds: a person who may only read the kinds can't change any, and OtherKind can't be retired.
func TestKeepingKinds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.Must(w.decider.Publish(w.decider.Version()+1, policies.Default+"\np, specialist, *, template, *, read, allow\n"))
		if read, manage, err := w.MayKeepKinds(w.anna); err != nil || !read || manage {
			t.Fatalf("may read %v, manage %v, %v", read, manage, err)
		}
		form := KindForm{Key: "new", NameEN: "New", NameDE: "Neu"}
		for name, act := range map[string]func() error{
			"add":        func() error { _, err := w.AddKind(ctx, w.anna, form); return err },
			"rename":     func() error { _, err := w.RenameKind(ctx, w.anna, "contract", 1, form); return err },
			"retire":     func() error { _, err := w.RetireKind(ctx, w.anna, "contract"); return err },
			"reactivate": func() error { _, err := w.ReactivateKind(ctx, w.anna, "contract"); return err },
			"move":       func() error { return w.MoveKind(ctx, w.anna, "contract", false) },
		} {
			if err := act(); !errors.Is(err, policies.ErrForbidden) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := w.RetireKind(ctx, w.templates, OtherKind); err == nil || err.Error() != "conflict: kind.other_stays" {
			t.Errorf("retiring what has no kind: %v", err)
		}
		if _, err := w.ReactivateKind(ctx, w.templates, OtherKind); err != nil {
			t.Errorf("it is active: %v", err)
		}
		if _, err := w.RenameKind(ctx, w.templates, "contract", 2, form); !errors.Is(err, ErrVersion) {
			t.Errorf("renaming another version: %v", err)
		}
		if n := w.Number(`SELECT count(*) FROM transaction_kind WHERE version <> 1 OR NOT active OR key = 'new'`); n != 0 {
			t.Errorf("%d kinds have changed", n)
		}
	})
}

// TestAddingNone: a person who may add no transaction of any kind gets this answer first, whatever the form contains.
func TestAddingNone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		if _, _, err := w.Create(ctx, w.auditor, w.customer.ID, Form{Name: "", Kind: "nonsense"}); !errors.Is(err, policies.ErrForbidden) {
			t.Errorf("an empty form: %v", err)
		}
	})
}

// TestDeputyProcesses: the deputy of an additional processor may process the transaction during the deputyship.
func TestDeputyProcesses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		made := w.create(w.anna, w.customer, "Contract")
		w.entrust(made, w.ben)
		deputy := w.clara
		deputy.For = []uuid.UUID{w.ben.ID}
		for name, c := range map[string]struct {
			caller account.Caller
			want   error
		}{"the processor": {w.ben, nil}, "a deputy": {deputy, nil}, "a colleague": {w.clara, ErrNotFound}} {
			if _, err := w.Authorise(ctx, w.db, c.caller, made.ID, policies.Process); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
	})
}

// TestRetiredKinds: a retired kind can't be chosen for anything new; transactions that have it keep it.
func TestRetiredKinds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		has, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: "Old", Kind: "contract"})
		w.Must(err)
		new := w.create(w.anna, w.customer, "New")
		_, err = w.RetireKind(ctx, w.templates, "contract")
		w.Must(err)
		offered := func(list []Kind, err error) bool {
			t.Helper()
			w.Must(err)
			return slices.ContainsFunc(list, func(k Kind) bool { return k.Key == "contract" })
		}
		if offered(w.Choices(ctx, w.anna, w.customer.ID)) || offered(w.ChoicesOf(ctx, w.anna, new)) || !offered(w.ChoicesOf(ctx, w.anna, has)) {
			t.Error("a retired kind is offered, or is not to what has it")
		}
		if _, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: "Newer", Kind: "contract"}); err == nil {
			t.Error("a new one of a retired kind")
		}
		if _, err := w.Update(ctx, w.anna, new.ID, new.Version, Form{Name: "New", Kind: "contract"}); err == nil {
			t.Error("one is changed into a retired kind")
		}
		if _, err := w.Update(ctx, w.anna, has.ID, has.Version, Form{Name: "Renamed", Kind: "contract"}); err != nil {
			t.Errorf("what has it is renamed: %v", err)
		}
	})
}
