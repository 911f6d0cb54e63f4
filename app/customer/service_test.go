package customer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/policies"
)

var errBoom = errors.New("boom")

func TestAdd(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		var seen Customer
		cu, repeated, err := w.Add(ctx, w.anna, Draft{Type: Person, Data: anna(), IdempotencyKey: "s1"}, func(ctx context.Context, tx bun.Tx, cu Customer) error {
			seen = cu
			return w.first("anna@example.org")(ctx, tx, cu)
		})
		require.NoError(t, err)
		require.False(t, repeated, "%v", repeated)
		require.Equal(t, "K-10001", cu.Label())
		require.Equal(t, "Anna Berg", cu.Name())
		require.Equal(t, "DE", cu.Country)
		require.Equal(t, 1, cu.Version)
		require.Equal(t, cu, seen, "first was told")
		got, err := w.Get(ctx, w.ben, cu.ID)
		require.NoError(t, err, "read again")
		assert.WithinDuration(t, testNow, got.CreatedAt, 0, "read again")
		assert.Equal(t, cu.Data, got.Data, "read again")
		assert.Equal(t, Person, got.Type, "read again")
		n := w.Number(`SELECT count(*) FROM customer_administrator WHERE customer_id = ? AND specialist_id = ? AND created_by = ?`, cu.ID, w.anna.ID, w.anna.ID)
		assert.Equal(t, 1, n, "who adds a customer is its administrator %d times", n)
		page, err := w.audit.Page(ctx, audit.Filter{Customers: []uuid.UUID{cu.ID}})
		log := page.Entries
		require.NoError(t, err)
		require.Len(t, log, 1, "log")
		assert.Equal(t, audit.CustomerCreated, log[0].Action)
		assert.Equal(t, "Anna Amt", log[0].Actor)
		assert.Equal(t, "192.0.2.1", log[0].Address)
		p, err := w.List(ctx, w.ben, Filter{Query: "anna@example.org"})
		require.NoError(t, err)
		require.Len(t, p.Rows, 1, "found")
		assert.Equal(t, "Berg, Anna", p.Rows[0].Name)
		assert.Equal(t, "K-10001", p.Rows[0].Label())

		again, repeated, err := w.Add(ctx, w.anna, Draft{Type: Person, Data: anna(), IdempotencyKey: "s1"}, func(context.Context, bun.Tx, Customer) error {
			t.Error("the first access is made twice")
			return nil
		})
		require.NoError(t, err, "sent twice")
		assert.True(t, repeated, "sent twice: %v", repeated)
		assert.Equal(t, cu.ID, again.ID, "sent twice")
		other, repeated, err := w.Add(ctx, w.ben, Draft{Type: Person, Data: anna(), IdempotencyKey: "s1"}, nil)
		require.NoError(t, err, "another's key")
		assert.False(t, repeated, "another's key: %v", repeated)
		assert.NotEqual(t, cu.ID, other.ID, "another's key")
	})
}

func TestAddRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		for name, c := range map[string]struct {
			caller account.Caller
			draft  Draft
			first  error
			want   error
		}{
			"an end user":            {w.end, Draft{Type: Person, Data: anna()}, nil, policies.ErrForbidden},
			"an auditor":             {w.auditor, Draft{Type: Person, Data: anna()}, nil, policies.ErrForbidden},
			"nobody":                 {account.Caller{}, Draft{Type: Person, Data: anna()}, nil, policies.ErrForbidden},
			"missing names":          {w.anna, Draft{Type: Person}, nil, fault.New(fault.Invalid, "form")},
			"no type":                {w.anna, Draft{Data: anna()}, nil, fault.New(fault.Invalid, "form")},
			"a fault of the first":   {w.anna, Draft{Type: Person, Data: anna(), IdempotencyKey: "s"}, fault.At("email", "required"), fault.At("email", "required")},
			"a failure of the first": {w.anna, Draft{Type: Person, Data: anna(), IdempotencyKey: "s"}, errBoom, errBoom},
		} {
			_, _, err := w.Add(ctx, c.caller, c.draft, func(context.Context, bun.Tx, Customer) error { return c.first })
			assert.ErrorIs(t, err, c.want, name)
		}
		n := w.Number(`SELECT count(*) FROM customer`) + w.Number(`SELECT count(*) FROM audit`)
		assert.Equal(t, 0, n, "rows are left of what was refused")
		cu := w.add(w.anna, Person, anna(), "a@example.org")
		number := int64(10001)
		if w.db.IsPostgres() {
			number += 2 // those that were rolled back
		}
		assert.Equal(t, number, cu.Number, "a refused customer took a number: %s", cu.Label())
	})
}

// TestAddAtOnce: one form that is sent many times makes one customer (S51). Other forms make their own, and no number
// is used twice.
func TestAddAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		ids, fresh := map[uuid.UUID]bool{}, 0
		for i := range 8 {
			wg.Go(func() {
				cu, repeated, err := w.Add(context.Background(), w.anna, Draft{Type: Person, Data: anna(), IdempotencyKey: "same"}, w.first("same@example.org"))
				assert.NoError(t, err)
				mu.Lock()
				defer mu.Unlock()
				ids[cu.ID] = true
				if !repeated {
					fresh++
				}
			})
			wg.Go(func() {
				_, _, err := w.Add(context.Background(), w.ben, Draft{Type: Company, Data: acme(), IdempotencyKey: fmt.Sprint(i)}, w.first("x@example.org"))
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.Len(t, ids, 1, "customers")
		assert.Equal(t, 1, fresh, "of them new")
		assert.Equal(t, 9, w.Number(`SELECT count(*) FROM customer`), "customers")
		assert.Equal(t, 9, w.Number(`SELECT count(*) FROM access`), "accesses")
	})
}

func TestUpdate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		cu := w.add(w.anna, Person, anna(), "a@example.org")
		d := cu.Data
		d.LastName, d.Phone, d.CompanyName = "Österberg", "0221 1234567", "not a person's"
		got, err := w.Update(ctx, w.ben, cu.ID, 1, d)
		require.NoError(t, err)
		require.Equal(t, 2, got.Version)
		require.Equal(t, "Österberg", got.LastName)
		require.Equal(t, "+492211234567", got.Phone)
		require.Empty(t, got.CompanyName)
		page, err := w.audit.Page(ctx, audit.Filter{Customers: []uuid.UUID{cu.ID}})
		log := page.Entries
		want := audit.Changes{"last_name": {"Berg", "Österberg"}, "phone": {"", "+492211234567"}}
		require.NoError(t, err)
		require.Len(t, log, 2, "log")
		assert.Equal(t, audit.CustomerUpdated, log[0].Action)
		assert.Equal(t, fmt.Sprint(want), fmt.Sprint(log[0].Changes()))
		for q, found := range map[string]int{"osterberg": 1, "Berg, Anna": 1, "berg a": 1, "xberg": 0} {
			p, err := w.List(ctx, w.anna, Filter{Query: q})
			require.NoError(t, err)
			assert.Equal(t, found, p.Count, "%q finds", q)
		}
		again, err := w.Update(ctx, w.ben, cu.ID, 2, got.Data)
		require.NoError(t, err, "without a change")
		assert.Equal(t, 2, again.Version, "without a change: version")
		now, err := w.Update(ctx, w.anna, cu.ID, 1, cu.Data)
		assert.ErrorIs(t, err, ErrVersion, "an old version")
		assert.Equal(t, "Österberg", now.LastName, "an old version")
		assert.Equal(t, 2, now.Version, "an old version")
		_, err = w.Update(ctx, w.anna, cu.ID, 2, Data{})
		assert.Equal(t, "first_name required, last_name required", complaints(err), "nothing typed")
		_, err = w.Update(ctx, w.auditor, cu.ID, 2, d)
		assert.ErrorIs(t, err, policies.ErrForbidden, "an auditor")
		for name, err := range map[string]error{
			"an end user": second(w.Update(ctx, w.end, cu.ID, 2, d)), "an unknown id": second(w.Update(ctx, w.anna, newID(), 2, d)),
		} {
			assert.ErrorIs(t, err, ErrNotFound, name)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// TestMayAndAuthorise: what the caller may not see does not exist for them; what they may see but not do is forbidden.
func TestMayAndAuthorise(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		cu := w.add(w.anna, Person, anna(), "a@example.org")
		remove := policies.Permission{Object: policies.ObjectAccess, Action: policies.Remove}
		update := policies.Permission{Object: policies.ObjectCustomer, Action: policies.Update}
		for _, c := range []struct {
			name                   string
			caller                 account.Caller
			update, delete, remove error
		}{
			{"the administrator", w.anna, nil, nil, nil},
			{"another specialist", w.ben, nil, policies.ErrForbidden, policies.ErrForbidden},
			{"the data administrator", w.data, nil, nil, policies.ErrForbidden},
			{"the auditor", w.auditor, policies.ErrForbidden, policies.ErrForbidden, policies.ErrForbidden},
			{"an end user", w.end, ErrNotFound, ErrNotFound, ErrNotFound},
			{"nobody", account.Caller{}, ErrNotFound, ErrNotFound, ErrNotFound},
		} {
			may, err := w.May(ctx, c.caller, cu, update, deletePermission, remove)
			require.NoError(t, err)
			for want, expected := range map[policies.Permission]error{update: c.update, deletePermission: c.delete, remove: c.remove} {
				_, err := w.Authorise(ctx, w.db, c.caller, cu.ID, want)
				assert.ErrorIs(t, err, expected, "%s, %v", c.name, want)
				assert.Equal(t, expected == nil, may[want], "%s: the button for %v is shown", c.name, want)
			}
		}
	})
}

func TestDuplicates(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.add(w.anna, Person, anna(), "anna@example.org")
		w.add(w.ben, Company, acme(), "info@example.org")
		same := anna()
		same.LastName, same.FirstName = "BERG", " Änna "
		elsewhere := acme()
		elsewhere.City = "Ulm"
		written := acme()
		written.CompanyName = "Mueller & Soehne GmbH"
		otherDay := anna()
		otherDay.DateOfBirth = "1980-03-01"
		noDay := anna()
		noDay.DateOfBirth = ""
		for name, c := range map[string]struct {
			caller account.Caller
			t      Type
			d      Data
			email  string
			want   []string
		}{
			"same e-mail":           {w.anna, Person, Data{}, " ANNA@example.org ", []string{"K-10001 duplicate.email"}},
			"same person":           {w.anna, Person, same, "", []string{"K-10001 duplicate.person"}},
			"same in two ways":      {w.anna, Person, same, "anna@example.org", []string{"K-10001 duplicate.email"}},
			"two different":         {w.anna, Person, same, "info@example.org", []string{"K-10002 duplicate.email", "K-10001 duplicate.person"}},
			"same company":          {w.anna, Company, written, "", []string{"K-10002 duplicate.company"}},
			"same company, Ulm":     {w.anna, Company, elsewhere, "", nil},
			"born on another day":   {w.anna, Person, otherDay, "", nil},
			"no day":                {w.anna, Person, noDay, "", nil},
			"nothing typed yet":     {w.anna, Person, Data{}, "", nil},
			"who may see none":      {w.end, Person, same, "anna@example.org", nil},
			"invalid, but the same": {w.anna, Person, func() Data { d := same; d.Phone = "x"; return d }(), "", []string{"K-10001 duplicate.person"}},
		} {
			var got []string
			list, err := w.Duplicates(ctx, c.caller, c.t, c.d, c.email)
			for _, d := range list {
				got = append(got, d.Label()+" "+d.Why)
			}
			require.NoError(t, err, name)
			assert.Equal(t, c.want, got, name)
		}
		for range 7 {
			w.add(w.anna, Person, anna(), "anna@example.org")
		}
		list, err := w.Duplicates(ctx, w.anna, Person, anna(), "anna@example.org")
		require.NoError(t, err)
		assert.Len(t, list, maxDuplicates, "hints")
	})
}

// TestTouch: search text and attention are updated when the accesses change.
func TestTouch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		cu := w.add(w.anna, Person, anna(), "first@example.org")
		who := w.anna
		found := func(f Filter) int {
			t.Helper()
			p, err := w.List(ctx, who, f)
			require.NoError(t, err)
			return p.Count
		}
		attention := func() int {
			t.Helper()
			return found(Filter{Attention: true})
		}
		assert.Equal(t, 0, attention(), "a fresh invitation needs attention")
		w.Tick(47 * time.Hour)
		assert.Equal(t, 0, attention(), "an invitation of 47 hours needs attention")
		w.Tick(time.Hour)
		assert.Equal(t, 1, attention(), "an expired invitation needs no attention")
		w.Exec(`UPDATE access SET registered_at = ?, email = 'second@example.org' WHERE customer_id = ?`, w.Now(), cu.ID)
		w.touch(cu.ID)
		assert.Equal(t, 0, attention(), "the change of the access was not taken over")
		assert.Equal(t, 1, found(Filter{Query: "second"}), "the change of the access was not taken over")
		assert.Equal(t, 0, found(Filter{Query: "first"}), "the change of the access was not taken over")
		w.Exec(`DELETE FROM customer_administrator WHERE customer_id = ?`, cu.ID)
		w.touch(cu.ID)
		assert.Equal(t, 0, attention(), "whoever does not administer it any more can't act on it")
		who = w.Person("Uta", true, policies.Specialist, policies.UserAdministrator)
		assert.Equal(t, 1, attention(), "without administrator there is no attention")
		assert.ErrorIs(t, w.Refresh(ctx, w.db, newID()), ErrNotFound, "touching nobody")
	})
}

// TestTouchAtOnce: accesses that several people add at the same time are all found.
func TestTouchAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		cu := w.add(w.anna, Person, anna(), "first@example.org")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				err := w.db.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
					if _, err := w.access(ctx, tx, cu.ID, fmt.Sprintf("mail%d@example.org", i), uuid.NullUUID{}); err != nil {
						return err
					}
					return w.Refresh(ctx, tx, cu.ID)
				})
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		for i := range 8 {
			p, err := w.List(context.Background(), w.anna, Filter{Query: fmt.Sprintf("mail%d", i)})
			require.NoError(t, err, "mail%d finds", i)
			assert.Equal(t, 1, p.Count)
		}
	})
}

// TestEditRaces: two people edit the same version at once. Each time one succeeds, the other gets an error, and nothing
// is lost (S55).
func TestEditRaces(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		cu := w.add(w.anna, Person, anna(), "a@example.org")
		rounds := racesFromEnv(60)
		for round := range rounds {
			var wg sync.WaitGroup
			var mu sync.Mutex
			won := 0
			for i, caller := range []account.Caller{w.anna, w.ben} {
				wg.Go(func() {
					d := cu.Data
					d.Note = fmt.Sprintf("round %d, person %d", round, i)
					now, err := w.Update(ctx, caller, cu.ID, cu.Version, d)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil && now.Note == d.Note:
						won++
					case !errors.Is(err, ErrVersion) || now.Version != cu.Version+1 || now.Note == d.Note || now.Note == cu.Note:
						t.Errorf("round %d: %+v, %v", round, now, err)
					}
				})
			}
			wg.Wait()
			next, err := w.Get(ctx, w.anna, cu.ID)
			require.NoError(t, err, "round %d", round)
			require.Equal(t, 1, won, "round %d: won", round)
			require.Equal(t, cu.Version+1, next.Version, "round %d: version %d to %d", round, cu.Version, next.Version)
			cu = next
		}
		n := w.Number(`SELECT count(*) FROM audit WHERE action = ?`, audit.CustomerUpdated)
		assert.Equal(t, rounds, n, "%d entries in the log for %d changes", n, rounds)
	})
}

// TestEditDeleteRaces: one person edits while another permanently deletes. The edit is saved before or refused, and
// nothing of the customer is left in either case (S55).
func TestEditDeleteRaces(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		for round := range racesFromEnv(30) {
			cu := w.add(w.anna, Person, anna(), "a@example.org")
			var wg sync.WaitGroup
			wg.Go(func() {
				d := cu.Data
				d.Note = "typed"
				if _, err := w.Update(ctx, w.ben, cu.ID, cu.Version, d); err != nil && !errors.Is(err, ErrNotFound) {
					t.Errorf("the edit: %v", err)
				}
			})
			wg.Go(func() {
				d, err := w.Delete(ctx, w.anna, cu.ID, cu.Label())
				assert.NoError(t, err, "the deletion: %+v", d)
			})
			wg.Wait()
			_, err := w.continueDeletions(ctx, 100)
			require.NoError(t, err)
			n := w.Number(`SELECT (SELECT count(*) FROM customer) + (SELECT count(*) FROM access)
				+ (SELECT count(*) FROM audit WHERE customer_id IS NOT NULL)`)
			require.Equal(t, 0, n, "round %d: rows are left", round)
			if round%50 != 0 {
				continue
			}
			require.Empty(t, w.references(cu.ID, cu.ID.String()), "left of %s", cu.Label())
		}
	})
}

func TestTend(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 40 {
			w.add(w.anna, Person, Data{FirstName: "Anna", LastName: fmt.Sprintf("Berg%d", i)}, "a@example.org")
		}
		for range 3 {
			require.NoError(t, w.MergeSearchIndex(context.Background()))
		}
		p, err := w.List(context.Background(), w.anna, Filter{Query: "erg"})
		require.NoError(t, err)
		assert.Equal(t, 40, p.Count, "found %d after merging", p.Count)
		if !w.db.IsPostgres() {
			n := w.Number(`SELECT count(DISTINCT segid) FROM customer_search_idx`)
			assert.LessOrEqual(t, n, 12, "the index still has %d segments", n)
		}
	})
}
