package customer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
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
		if err != nil || repeated || cu.Label() != "K-10001" || cu.Name() != "Anna Berg" || cu.Country != "DE" || cu.Version != 1 || seen != cu {
			t.Fatalf("%+v, %v, %v; first was told %+v", cu, repeated, err, seen)
		}
		if got, err := w.Get(ctx, w.ben, cu.ID); err != nil || !got.CreatedAt.Equal(testNow) || got.Data != cu.Data || got.Type != Person {
			t.Errorf("read again: %+v, %v", got, err)
		}
		if n := w.Number(`SELECT count(*) FROM customer_administrator WHERE customer_id = ? AND specialist_id = ? AND created_by = ?`, cu.ID, w.anna.ID, w.anna.ID); n != 1 {
			t.Errorf("who adds a customer is its administrator %d times", n)
		}
		log, _, err := w.audit.Page(ctx, cu.ID, uuid.Nil)
		if err != nil || len(log) != 1 || log[0].Action != audit.CustomerCreated || log[0].Actor != "Anna Amt" || log[0].Address != "192.0.2.1" {
			t.Errorf("log %+v, %v", log, err)
		}
		if p, err := w.List(ctx, w.ben, Filter{Query: "anna@example.org"}); err != nil || len(p.Rows) != 1 || p.Rows[0].Name != "Berg, Anna" || p.Rows[0].Label() != "K-10001" {
			t.Errorf("found %+v, %v", p, err)
		}

		again, repeated, err := w.Add(ctx, w.anna, Draft{Type: Person, Data: anna(), IdempotencyKey: "s1"}, func(context.Context, bun.Tx, Customer) error {
			t.Error("the first access is made twice")
			return nil
		})
		if err != nil || !repeated || again.ID != cu.ID {
			t.Errorf("sent twice: %+v, %v, %v", again, repeated, err)
		}
		other, repeated, err := w.Add(ctx, w.ben, Draft{Type: Person, Data: anna(), IdempotencyKey: "s1"}, nil)
		if err != nil || repeated || other.ID == cu.ID {
			t.Errorf("another's key: %+v, %v, %v", other, repeated, err)
		}
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
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		if n := w.Number(`SELECT count(*) FROM customer`) + w.Number(`SELECT count(*) FROM audit`); n != 0 {
			t.Errorf("%d rows are left of what was refused", n)
		}
		if cu := w.add(w.anna, Person, anna(), "a@example.org"); cu.Number != 10001 {
			t.Errorf("a refused customer took a number: %s", cu.Label())
		}
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
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				ids[cu.ID] = true
				if !repeated {
					fresh++
				}
			})
			wg.Go(func() {
				if _, _, err := w.Add(context.Background(), w.ben, Draft{Type: Company, Data: acme(), IdempotencyKey: fmt.Sprint(i)}, w.first("x@example.org")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(ids) != 1 || fresh != 1 {
			t.Errorf("%d customers, %d of them new; want one", len(ids), fresh)
		}
		if n := w.Number(`SELECT count(*) FROM customer`); n != 9 {
			t.Errorf("%d customers, want 9", n)
		}
		if n := w.Number(`SELECT count(*) FROM access`); n != 9 {
			t.Errorf("%d accesses, want 9", n)
		}
	})
}

func TestUpdate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		cu := w.add(w.anna, Person, anna(), "a@example.org")
		d := cu.Data
		d.LastName, d.Phone, d.CompanyName = "Österberg", "0221 1234567", "not a person's"
		got, err := w.Update(ctx, w.ben, cu.ID, 1, d)
		if err != nil || got.Version != 2 || got.LastName != "Österberg" || got.Phone != "+492211234567" || got.CompanyName != "" {
			t.Fatalf("%+v, %v", got, err)
		}
		log, _, err := w.audit.Page(ctx, cu.ID, uuid.Nil)
		want := audit.Changes{"last_name": {"Berg", "Österberg"}, "phone": {"", "+492211234567"}}
		if err != nil || len(log) != 2 || log[0].Action != audit.CustomerUpdated || fmt.Sprint(log[0].Changes()) != fmt.Sprint(want) {
			t.Errorf("log %+v, %v; want %v", log, err, want)
		}
		for q, found := range map[string]int{"osterberg": 1, "Berg, Anna": 1, "berg a": 1, "xberg": 0} {
			if p, err := w.List(ctx, w.anna, Filter{Query: q}); err != nil || p.Count != found {
				t.Errorf("%q finds %d, %v; want %d", q, p.Count, err, found)
			}
		}
		if again, err := w.Update(ctx, w.ben, cu.ID, 2, got.Data); err != nil || again.Version != 2 {
			t.Errorf("without a change: version %d, %v", again.Version, err)
		}
		if now, err := w.Update(ctx, w.anna, cu.ID, 1, cu.Data); !errors.Is(err, ErrVersion) || now.LastName != "Österberg" || now.Version != 2 {
			t.Errorf("an old version: %+v, %v", now, err)
		}
		if _, err := w.Update(ctx, w.anna, cu.ID, 2, Data{}); complaints(err) != "first_name required, last_name required" {
			t.Errorf("nothing typed: %v", err)
		}
		if _, err := w.Update(ctx, w.auditor, cu.ID, 2, d); !errors.Is(err, policies.ErrForbidden) {
			t.Errorf("an auditor: %v", err)
		}
		for name, err := range map[string]error{
			"an end user": second(w.Update(ctx, w.end, cu.ID, 2, d)), "an unknown id": second(w.Update(ctx, w.anna, newID(), 2, d)),
		} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
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
			if err != nil {
				t.Fatal(err)
			}
			for want, expected := range map[policies.Permission]error{update: c.update, deletePermission: c.delete, remove: c.remove} {
				if _, err := w.Authorise(ctx, w.db, c.caller, cu.ID, want); !errors.Is(err, expected) {
					t.Errorf("%s, %v: %v, want %v", c.name, want, err, expected)
				}
				if may[want] != (expected == nil) {
					t.Errorf("%s: the button for %v is shown: %v", c.name, want, may[want])
				}
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
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
			}
		}
		for range 7 {
			w.add(w.anna, Person, anna(), "anna@example.org")
		}
		if list, err := w.Duplicates(ctx, w.anna, Person, anna(), "anna@example.org"); err != nil || len(list) != maxDuplicates {
			t.Errorf("%d hints, %v; want %d", len(list), err, maxDuplicates)
		}
	})
}

// TestTouch: search text and attention are updated when the accesses change.
func TestTouch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		cu := w.add(w.anna, Person, anna(), "first@example.org")
		found := func(f Filter) int {
			t.Helper()
			p, err := w.List(ctx, w.anna, f)
			if err != nil {
				t.Fatal(err)
			}
			return p.Count
		}
		attention := func() int {
			t.Helper()
			return found(Filter{Attention: true})
		}
		if attention() != 0 {
			t.Error("a fresh invitation needs attention")
		}
		w.Tick(47 * time.Hour)
		if attention() != 0 {
			t.Error("an invitation of 47 hours needs attention")
		}
		w.Tick(time.Hour)
		if attention() != 1 {
			t.Error("an expired invitation needs no attention")
		}
		w.Exec(`UPDATE access SET registered_at = ?, email = 'second@example.org' WHERE customer_id = ?`, w.Now(), cu.ID)
		w.touch(cu.ID)
		if attention() != 0 || found(Filter{Query: "second"}) != 1 || found(Filter{Query: "first"}) != 0 {
			t.Error("the change of the access was not taken over")
		}
		w.Exec(`DELETE FROM customer_administrator WHERE customer_id = ?`, cu.ID)
		w.touch(cu.ID)
		if attention() != 1 {
			t.Error("without administrator there is no attention")
		}
		if err := w.Refresh(ctx, w.db, newID()); !errors.Is(err, ErrNotFound) {
			t.Errorf("touching nobody: %v", err)
		}
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
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i := range 8 {
			if p, err := w.List(context.Background(), w.anna, Filter{Query: fmt.Sprintf("mail%d", i)}); err != nil || p.Count != 1 {
				t.Errorf("mail%d finds %d, %v", i, p.Count, err)
			}
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
			if err != nil || won != 1 || next.Version != cu.Version+1 {
				t.Fatalf("round %d: %d won, version %d to %d, %v", round, won, cu.Version, next.Version, err)
			}
			cu = next
		}
		if n := w.Number(`SELECT count(*) FROM audit WHERE action = ?`, audit.CustomerUpdated); n != rounds {
			t.Errorf("%d entries in the log for %d changes", n, rounds)
		}
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
				if d, err := w.Delete(ctx, w.anna, cu.ID, cu.Label()); err != nil {
					t.Errorf("the deletion: %+v, %v", d, err)
				}
			})
			wg.Wait()
			if _, err := w.continueDeletions(ctx, 100); err != nil {
				t.Fatal(err)
			}
			if n := w.Number(`SELECT (SELECT count(*) FROM customer) + (SELECT count(*) FROM access)
				+ (SELECT count(*) FROM audit WHERE customer_id IS NOT NULL)`); n != 0 {
				t.Fatalf("round %d: %d rows are left", round, n)
			}
			if round%50 != 0 {
				continue
			}
			if left := w.references(cu.ID, cu.ID.String()); len(left) > 0 {
				t.Fatalf("left of %s: %s", cu.Label(), strings.Join(left, ", "))
			}
		}
	})
}

func TestTend(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 40 {
			w.add(w.anna, Person, Data{FirstName: "Anna", LastName: fmt.Sprintf("Berg%d", i)}, "a@example.org")
		}
		for range 3 {
			if err := w.MergeSearchIndex(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if p, err := w.List(context.Background(), w.anna, Filter{Query: "erg"}); err != nil || p.Count != 40 {
			t.Errorf("found %d after merging, %v", p.Count, err)
		}
		if !w.db.IsPostgres() {
			if n := w.Number(`SELECT count(DISTINCT segid) FROM customer_search_idx`); n > 12 {
				t.Errorf("the index still has %d segments", n)
			}
		}
	})
}
