package customer

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/policies"
	"kontor/policies/policytest"
)

// policyIs puts the default policy with more rules in force.
func (w *world) policyIs(more string) {
	w.Helper()
	require.NoError(w, policytest.Publish(w.decider, w.decider.Version()+1, policies.Default+more))
}

// TestDeactivatedAccessIsNoRelation: an access that is deactivated or not registered yet is no relation to the
// customer, in single decisions, in lists and in what needs attention.
func TestDeactivatedAccessIsNoRelation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.policyIs("\np, end_user, access, customer, *, read, allow\np, end_user, access, customer, *, list, allow\n")
		cu := w.add(w.anna, Person, anna(), "pending@example.org")
		a := w.mustAccess(cu.ID, "eva@example.org", uuid.NullUUID{UUID: w.end.ID, Valid: true})
		w.Exec(`UPDATE customer SET invitation_at = ?`, w.Now())
		check := func(what string, related bool) {
			t.Helper()
			_, err := w.Get(ctx, w.end, cu.ID)
			r, errR := w.Relation(ctx, w.db, w.end, cu.ID)
			assert.NotEqual(t, related, errors.Is(err, ErrNotFound), "%s: relation", what)
			if assert.NoError(t, errR, what) {
				assert.Equal(t, related, r == policies.Access, what)
				assert.False(t, !related && r != policies.None, "%s", what)
			}
			p, err := w.List(ctx, w.end, Filter{})
			listed := len(p.Rows) == 1
			if assert.NoError(t, err, "%s: listed %v", what, p.Rows) {
				assert.Equal(t, related, listed, "%s: listed %v", what, p.Rows)
			}
			at, err := w.Attending(ctx, w.end, OpenInvitation, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read})
			require.NoError(t, err, what)
			require.True(t, at.Few, "%s: %+v", what, at)
			var ids []uuid.UUID
			require.NoError(t, w.db.NewRaw(`SELECT customer.id FROM (?) AS customer`, at.Table).Scan(ctx, &ids))
			assert.Equal(t, related, slices.Contains(ids, cu.ID), "%s: needs attention", what)
			var mine []uuid.UUID
			q := relatedTo(w.end, policies.Access)
			err = w.db.NewRaw(`?`, q).Scan(ctx, &mine)
			if assert.NoError(t, err, what) {
				assert.Equal(t, related, len(mine) == 1, "%s: related", what)
			}
		}
		check("registered", true)
		w.Exec(`UPDATE access SET deactivated_at = registered_at WHERE id = ?`, a)
		check("deactivated", false)
		w.Exec(`UPDATE access SET deactivated_at = NULL, registered_at = NULL WHERE id = ?`, a)
		check("not registered", false)
	})
}

// TestDuplicatesAreReadable: a hint never names a customer that the caller may not read, nor one that is being deleted.
func TestDuplicatesAreReadable(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.policyIs("\np, specialist, *, customer, person, read, deny\np, end_user, access, customer, *, read, allow\n")
		w.add(w.anna, Company, acme(), "one@example.org")
		hidden := w.add(w.anna, Person, anna(), "one@example.org")
		w.mustAccess(hidden.ID, "eva@example.org", uuid.NullUUID{UUID: w.end.ID, Valid: true})
		other := w.add(w.anna, Person, anna(), "one@example.org")
		labels := func(list []Duplicate, err error) (out []string) {
			t.Helper()
			require.NoError(t, err)
			for _, d := range list {
				out = append(out, d.Label())
			}
			return out
		}
		assert.Equal(t, []string{"K-10001"}, labels(w.Duplicates(ctx, w.anna, Person, anna(), "one@example.org")), "who may read companies is shown")
		assert.Equal(t, []string{hidden.Label()}, labels(w.Duplicates(ctx, w.end, Person, anna(), "one@example.org")), "who may read one person is shown")
		w.policyIs("")
		w.Exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, other.ID)
		assert.Equal(t, []string{"K-10001", hidden.Label()}, labels(w.Duplicates(ctx, w.anna, Person, anna(), "one@example.org")), "with one that is being deleted")
	})
}

// TestDeputyStandsIn: the deputy of an administrator counts as administrator during the deputyship, in single decisions
// and in lists; nobody else does.
func TestDeputyStandsIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		cu := w.add(w.anna, Person, anna(), "a@example.org")
		deputy := w.ben
		deputy.For = []uuid.UUID{w.anna.ID}
		for name, c := range map[string]struct {
			caller account.Caller
			want   policies.Relation
		}{"the administrator": {w.anna, policies.Administrator}, "a deputy": {deputy, policies.Administrator}, "a colleague": {w.ben, policies.None}} {
			r, err := w.Relation(ctx, w.db, c.caller, cu.ID)
			require.NoError(t, err, name)
			assert.Equal(t, c.want, r, name)
			_, err = w.Authorise(ctx, w.db, c.caller, cu.ID, deletePermission)
			assert.Equal(t, c.want != policies.None, err == nil, name)
		}
	})
}

// TestMarkedOnce: of two concurrent deletions of a customer only one begins.
func TestMarkedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		cu := w.add(w.anna, Person, anna(), "a@example.org")
		for i, want := range []bool{true, false} {
			marked, err := w.markDeleting(ctx, w.db, cu.ID)
			require.NoError(t, err, "%d", i)
			assert.Equal(t, want, marked, "%d", i)
		}
	})
}
