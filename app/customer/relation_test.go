package customer

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/policies"
)

// policyIs puts the default policy with more rules in force.
func (w *world) policyIs(more string) {
	w.Helper()
	if err := w.decider.Publish(w.decider.Version()+1, policies.Default+more); err != nil {
		w.Fatal(err)
	}
}

// TestDeactivatedAccessIsNoRelation: an access that is deactivated or not registered yet is no relation to the
// customer, in single decisions, in lists and in what needs attention.
func TestDeactivatedAccessIsNoRelation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.policyIs("\np, end_user, access, customer, *, read, allow\np, end_user, access, customer, *, list, allow\n")
		cu := w.add(w.anna, Person, anna(), "pending@example.org")
		a := w.mustAccess(cu.ID, "eva@example.org", uuid.NullUUID{UUID: w.end.ID, Valid: true})
		w.Exec(`UPDATE customer SET attention_at = ?`, w.Now())
		check := func(what string, related bool) {
			t.Helper()
			_, err := w.Get(ctx, w.end, cu.ID)
			r, errR := w.Relation(ctx, w.db, w.end, cu.ID)
			if errors.Is(err, ErrNotFound) == related || errR != nil || (r == policies.Access) != related || !related && r != policies.None {
				t.Errorf("%s: %v, relation %v, %v", what, err, r, errR)
			}
			p, err := w.List(ctx, w.end, Filter{})
			if listed := len(p.Rows) == 1; err != nil || listed != related {
				t.Errorf("%s: listed %v, %v", what, p.Rows, err)
			}
			at, err := w.Attending(ctx, w.end, policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read})
			if err != nil || !at.Few {
				t.Fatalf("%s: %+v, %v", what, at, err)
			}
			var ids []uuid.UUID
			if err := w.db.NewRaw(`SELECT customer.id FROM (?) AS customer`, at.Table).Scan(ctx, &ids); err != nil {
				t.Fatal(err)
			}
			if slices.Contains(ids, cu.ID) != related {
				t.Errorf("%s: needs attention of %v", what, ids)
			}
			var mine []uuid.UUID
			q := relatedTo(w.end, policies.Access)
			if err := w.db.NewRaw(`?`, q).Scan(ctx, &mine); err != nil || (len(mine) == 1) != related {
				t.Errorf("%s: related to %v, %v", what, mine, err)
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
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range list {
				out = append(out, d.Label())
			}
			return out
		}
		if got := labels(w.Duplicates(ctx, w.anna, Person, anna(), "one@example.org")); !slices.Equal(got, []string{"K-10001"}) {
			t.Errorf("who may read companies is shown %v", got)
		}
		if got := labels(w.Duplicates(ctx, w.end, Person, anna(), "one@example.org")); !slices.Equal(got, []string{hidden.Label()}) {
			t.Errorf("who may read one person is shown %v", got)
		}
		w.policyIs("")
		w.Exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, other.ID)
		if got := labels(w.Duplicates(ctx, w.anna, Person, anna(), "one@example.org")); !slices.Equal(got, []string{"K-10001", hidden.Label()}) {
			t.Errorf("with one that is being deleted: %v", got)
		}
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
			if r, err := w.Relation(ctx, w.db, c.caller, cu.ID); err != nil || r != c.want {
				t.Errorf("%s: %v, %v", name, r, err)
			}
			if _, err := w.Authorise(ctx, w.db, c.caller, cu.ID, deletePermission); (err == nil) != (c.want != policies.None) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestMarkedOnce: of two concurrent deletions of a customer only one begins.
func TestMarkedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		cu := w.add(w.anna, Person, anna(), "a@example.org")
		for i, want := range []bool{true, false} {
			if marked, err := w.markDeleting(ctx, w.db, cu.ID); err != nil || marked != want {
				t.Errorf("%d: %v, %v", i, marked, err)
			}
		}
	})
}
