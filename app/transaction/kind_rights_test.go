package transaction

import (
	"context"
	"slices"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/policies"
	"kontor/policies/policytest"
)

// TestKeepingKinds: a person who may only read the kinds can't change any, and OtherKind can't be retired.
func TestKeepingKinds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.Must(policytest.Publish(w.decider, w.decider.Version()+1, policies.Default+"\np, specialist, *, template, *, read, allow\n"))
		read, manage, err := w.MayKeepKinds(w.anna)
		require.NoError(t, err)
		require.True(t, read, "may read %v", read)
		require.False(t, manage, "manage %v", manage)
		form := KindForm{Key: "new", NameEN: "New", NameDE: "Neu"}
		for name, act := range map[string]func() error{
			"add":        func() error { _, err := w.AddKind(ctx, w.anna, form); return err },
			"rename":     func() error { _, err := w.RenameKind(ctx, w.anna, "contract", 1, form); return err },
			"retire":     func() error { _, err := w.RetireKind(ctx, w.anna, "contract"); return err },
			"reactivate": func() error { _, err := w.ReactivateKind(ctx, w.anna, "contract"); return err },
			"move":       func() error { return w.MoveKind(ctx, w.anna, "contract", false) },
		} {
			assert.ErrorIs(t, act(), policies.ErrForbidden, name)
		}
		_, err = w.RetireKind(ctx, w.templates, OtherKind)
		require.Error(t, err, "retiring what has no kind")
		assert.Equal(t, "conflict: kind.other_stays", err.Error(), "retiring what has no kind")
		_, err = w.ReactivateKind(ctx, w.templates, OtherKind)
		assert.NoError(t, err, "it is active")
		_, err = w.RenameKind(ctx, w.templates, "contract", 2, form)
		assert.ErrorIs(t, err, ErrVersion, "renaming another version")
		n := w.Number(`SELECT count(*) FROM transaction_kind WHERE version <> 1 OR NOT active OR key = 'new'`)
		assert.Equal(t, 0, n, "kinds have changed")
	})
}

// TestAddingNone: a person who may add no transaction of any kind gets this answer first, whatever the form contains.
func TestAddingNone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		_, _, err := w.Create(ctx, w.auditor, w.customer.ID, Form{Name: "", Kind: "nonsense"})
		assert.ErrorIs(t, err, policies.ErrForbidden, "an empty form")
	})
}

// TestDeputyProcesses: the deputy of an additional processor may process the transaction during the deputyship.
func TestDeputyProcesses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		made := w.create(w.anna, w.customer, "Contract")
		w.addProcessor(made, w.ben)
		deputy := w.clara
		deputy.For = []uuid.UUID{w.ben.ID}
		for name, c := range map[string]struct {
			caller account.Caller
			want   error
		}{"the processor": {w.ben, nil}, "a deputy": {deputy, nil}, "a colleague": {w.clara, ErrNotFound}} {
			_, err := w.authorise(ctx, w.db, c.caller, made.ID, policies.Process)
			assert.ErrorIs(t, err, c.want, name)
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
		assert.False(t, offered(w.Choices(ctx, w.anna, w.customer.ID)), "a retired kind is offered, or is not to what has it")
		assert.False(t, offered(w.ChoicesOf(ctx, w.anna, new)), "a retired kind is offered, or is not to what has it")
		assert.True(t, offered(w.ChoicesOf(ctx, w.anna, has)), "a retired kind is offered, or is not to what has it")
		_, _, err = w.Create(ctx, w.anna, w.customer.ID, Form{Name: "Newer", Kind: "contract"})
		assert.Error(t, err, "a new one of a retired kind")
		_, err = w.Update(ctx, w.anna, new.ID, new.Version, Form{Name: "New", Kind: "contract"})
		assert.Error(t, err, "one is changed into a retired kind")
		_, err = w.Update(ctx, w.anna, has.ID, has.Version, Form{Name: "Renamed", Kind: "contract"})
		assert.NoError(t, err, "what has it is renamed")
	})
}
