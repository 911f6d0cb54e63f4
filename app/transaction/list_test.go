package transaction

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/customer"
	"kontor/policies"
)

// TestListFor: a list has exactly what the person may read, newest first, and its count contains nothing else.
func TestListFor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one, two := w.create(w.anna, w.customer, "Eins"), w.create(w.anna, w.customer, "Zwei")
		other := w.addCustomer(w.clara, "Lang")
		three := w.create(w.clara, other, "Drei")
		w.entrust(two, w.ben)
		w.entrust(three, w.ben)
		w.access(w.customer.ID, w.end.ID)
		both := w.Person("Beides", true, policies.Specialist, policies.EndUser)
		w.access(other.ID, both.ID)
		w.entrust(one, both)
		deputy := w.Person("Vertretung", true, policies.Specialist)
		deputy.For = []uuid.UUID{w.ben.ID, w.anna.ID}
		for _, c := range []struct {
			who  account.Caller
			want []string
		}{
			{w.anna, []string{"Zwei", "Eins"}},
			{w.ben, []string{"Drei", "Zwei"}},
			{w.clara, []string{"Drei"}},
			{w.auditor, []string{"Drei", "Zwei", "Eins"}},
			{w.templates, nil},
			{w.end, []string{"Zwei", "Eins"}},
			{both, []string{"Drei", "Eins"}},
			{deputy, []string{"Drei", "Zwei", "Eins"}},
			{account.Caller{}, nil},
		} {
			if got := w.names(c.who, Filter{}); !slices.Equal(got, c.want) {
				t.Errorf("%s sees %v, want %v", c.who.Name, got, c.want)
			}
		}
		w.Exec(`UPDATE access SET deactivated_at = ? WHERE account_id = ?`, w.Now(), w.end.ID)
		if got := w.names(w.end, Filter{}); len(got) > 0 {
			t.Errorf("with a deactivated access: %v", got)
		}
		w.Exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, w.customer.ID)
		for _, c := range []struct {
			who  account.Caller
			want []string
		}{{w.anna, nil}, {w.ben, []string{"Drei"}}, {w.auditor, []string{"Drei"}}, {deputy, []string{"Drei"}}} {
			if got := w.names(c.who, Filter{}); !slices.Equal(got, c.want) {
				t.Errorf("while a customer is being deleted %s sees %v, want %v", c.who.Name, got, c.want)
			}
		}
		if _, err := w.OfCustomer(context.Background(), w.anna, w.customer.ID, Filter{}); !errors.Is(err, customer.ErrNotFound) {
			t.Errorf("list of a customer that is being deleted: %v", err)
		}
	})
}

// TestListMasks: a deny for one relation also holds for a person with two relations, whether they are the person's own
// or as a deputy.
func TestListMasks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Must(w.decider.Publish(1, `p, specialist, administrator, transaction, *, create, allow
p, specialist, *, customer, *, read, allow
p, specialist, administrator, transaction, *, read, allow
p, specialist, processor, transaction, contract, read, allow
p, specialist, access, transaction, contract, read, deny
p, end_user, access, transaction, *, read, allow
p, specialist, processor, transaction, tax_return, read, deny`))
		ctx := context.Background()
		for _, kind := range []string{"contract", "tax_return", "other"} {
			tr, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: kind, Kind: kind})
			w.Must(err)
			w.entrust(tr, w.ben)
		}
		w.access(w.customer.ID, w.end.ID)
		both := w.Person("Beides", true, policies.Specialist, policies.EndUser)
		w.access(w.customer.ID, both.ID)
		deputy := w.Person("Vertretung", true, policies.Specialist)
		deputy.For = []uuid.UUID{w.ben.ID, w.anna.ID}
		for _, c := range []struct {
			who  account.Caller
			want []string
		}{
			{w.anna, []string{"other", "tax_return", "contract"}},
			{w.ben, []string{"contract"}},
			{deputy, []string{"other", "contract"}},
			{w.end, []string{"other", "tax_return", "contract"}},
			{both, []string{"other", "tax_return"}},
		} {
			if got := w.names(c.who, Filter{}); !slices.Equal(got, c.want) {
				t.Errorf("%s sees %v, want %v", c.who.Name, got, c.want)
			}
		}
	})
}

// TestListFilters: filters and words, alone and combined, for people who see by relation, for one customer, and for
// all.
func TestListFilters(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		add := func(cu customer.Customer, f Form, to Status) Transaction {
			tr, _, err := w.Create(ctx, w.anna, cu.ID, f)
			w.Must(err)
			if to != Open {
				tr, err = w.SetStatus(ctx, w.anna, tr.ID, tr.Version, to)
				w.Must(err)
			}
			return tr
		}
		add(w.customer, Form{Name: "Einkommensteuer 2024", Kind: "tax_return", Due: "2026-11-23"}, Open)
		add(w.customer, Form{Name: "Einkommensteuer 2023", Kind: "tax_return", Due: "2026-11-01"}, Closed)
		lang := w.addCustomer(w.anna, "Läng")
		add(lang, Form{Name: "Mietvertrag", Kind: "contract", Due: "2026-11-24"}, InReview)
		add(lang, Form{Name: "Darlehen 100%", Kind: "loan_application", Due: "2026-12-01"}, Open)
		add(lang, Form{Name: "Brief", Kind: "correspondence", Due: "2026-12-02"}, Open)
		add(lang, Form{Name: "Notiz"}, Open)
		for _, c := range []struct {
			f    Filter
			want []string
		}{
			{Filter{Kind: "tax_return"}, []string{"Einkommensteuer 2023", "Einkommensteuer 2024"}},
			{Filter{Kind: "annual_accounts"}, nil},
			{Filter{Status: InReview}, []string{"Mietvertrag"}},
			{Filter{Status: Closed, Kind: "tax_return"}, []string{"Einkommensteuer 2023"}},
			{Filter{Due: Overdue}, []string{"Einkommensteuer 2024"}},
			{Filter{Due: ThisDue}, []string{"Darlehen 100%", "Mietvertrag"}},
			{Filter{Due: NoDue}, []string{"Notiz"}},
			{Filter{Due: Overdue, Status: Closed}, nil},
			{Filter{Customer: w.customer.Label()}, []string{"Einkommensteuer 2023", "Einkommensteuer 2024"}},
			{Filter{Customer: lang.ID.String(), Kind: "contract"}, []string{"Mietvertrag"}},
			{Filter{Customer: "K-99999"}, nil},
			{Filter{Customer: "nonsense"}, nil},
			{Filter{Query: "steuer"}, []string{"Einkommensteuer 2023", "Einkommensteuer 2024"}},
			{Filter{Query: "2024 STEUER"}, []string{"Einkommensteuer 2024"}},
			{Filter{Query: "V-10003"}, []string{"Mietvertrag"}},
			{Filter{Query: "v-10003 miet"}, []string{"Mietvertrag"}},
			{Filter{Query: "laeng"}, []string{"Notiz", "Brief", "Darlehen 100%", "Mietvertrag"}},
			{Filter{Query: "berta kuhn"}, []string{"Einkommensteuer 2023", "Einkommensteuer 2024"}},
			{Filter{Query: "d"}, []string{"Darlehen 100%"}},
			{Filter{Query: "n läng"}, []string{"Notiz"}},
			{Filter{Query: "leh 100%"}, []string{"Darlehen 100%"}},
			{Filter{Query: "%"}, []string{"Notiz", "Brief", "Darlehen 100%", "Mietvertrag", "Einkommensteuer 2023", "Einkommensteuer 2024"}},
			{Filter{Query: "läng", Status: Open, Due: ThisDue}, []string{"Darlehen 100%"}},
			{Filter{Query: "qwertz"}, nil},
			{Filter{Query: "steuer' OR 1=1"}, nil},
		} {
			deputy := account.Caller{ID: newID(), Name: "Vertretung", Roles: w.anna.Roles, For: []uuid.UUID{w.anna.ID}}
			for _, who := range []account.Caller{w.anna, w.auditor, deputy} {
				// the same by any way: the walk alone, the indexes at once, both
				for _, l := range []limits{defaultLimits, {first: 1, rare: 1000, batch: 3, count: 9}, {first: 2, rare: 1, walk: 3, gather: 1, count: 9, batch: 2}, {first: 1, rare: 1, walk: 3, gather: 100, count: 9, batch: 3}} {
					w.limits = l
					if got := w.names(who, c.f); !slices.Equal(got, c.want) {
						t.Errorf("%+v for %s by %+v: %v, want %v", c.f, who.Name, l, got, c.want)
					}
				}
				w.limits = defaultLimits
			}
			if got := w.names(w.clara, c.f); len(got) > 0 {
				t.Errorf("%+v for who sees nothing: %v", c.f, got)
			}
		}
	})
}

// TestRenamedCustomer: its transactions are found under the new name, and not under the old one.
func TestRenamedCustomer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.create(w.anna, w.customer, "Vertrag")
		_, err := w.customers.Update(context.Background(), w.anna, w.customer.ID, w.customer.Version,
			customer.Data{FirstName: "Berta", LastName: "Neumann", Locale: "de"})
		w.Must(err)
		w.limits = limits{first: 1, rare: 100, count: 100, batch: 16} // by the trigram index
		for query, want := range map[string]int{"neumann": 1, "kühn": 0, "vertrag": 1} {
			if got := w.names(w.anna, Filter{Query: query}); len(got) != want {
				t.Errorf("%q finds %v", query, got)
			}
		}
	})
}

// TestPages: cursors lead through a long list without gaps, also through rows with the same time.
func TestPages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const n = 2*PageSize + 7
		for i := range n {
			w.create(w.anna, w.customer, fmt.Sprintf("Nummer %03d", i))
		}
		w.Exec(`UPDATE transactions SET created_at = ?`, testNow)
		w.Exec(`UPDATE transaction_visible SET created_at = ?`, testNow)
		w.access(w.customer.ID, w.end.ID)
		for _, who := range []account.Caller{w.anna, w.auditor, w.end} {
			all := w.all(who, Filter{})
			if len(all) != n {
				t.Errorf("%s: %d rows", who.Name, len(all))
			}
			for i := 1; i < len(all); i++ {
				if all[i-1].ID.String() <= all[i].ID.String() {
					t.Errorf("%s: %s stands before %s", who.Name, all[i-1].Name, all[i].Name)
				}
			}
			p, err := w.List(context.Background(), who, Filter{After: "nonsense"})
			if err != nil || len(p.Rows) != PageSize || p.Prev != "" || p.Next == "" {
				t.Errorf("a broken cursor: %d rows, %v", len(p.Rows), err)
			}
			last := position{testNow.AddDate(-1, 0, 0), uuid.Nil}.encode()
			if p, err := w.List(context.Background(), who, Filter{After: last}); err != nil || len(p.Rows) != PageSize {
				t.Errorf("behind the end the first page is meant: %d rows, %v", len(p.Rows), err)
			}
		}
	})
}

// TestCount: counts stop at 1,000 and say so, in each way of counting. Transactions of a customer that is being deleted
// are not counted.
func TestCount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		other := w.addCustomer(w.anna, "Lang")
		w.InTx(func(_ context.Context, tx bun.Tx) error {
			for i := range CountCap + 5 {
				cu := w.customer
				if i < 10 {
					cu = other
				}
				rec := record{
					Number: int64(20_000 + i), ID: newID(), CustomerID: cu.ID, Name: fmt.Sprint("N ", i), NameFolded: fmt.Sprint("n ", i), Kind: OtherKind,
					Status: Open, Search: " n", Version: 1, CreatedAt: w.Now(), UpdatedAt: testNow,
				}
				if _, err := tx.NewInsert().Model(&rec).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		})
		if _, err := assignment.Rebuild(ctx, w.db); err != nil {
			t.Fatal(err)
		}
		w.access(w.customer.ID, w.end.ID)
		w.access(other.ID, w.end.ID)
		deputy := account.Caller{ID: newID(), Name: "Vertretung", Roles: w.anna.Roles, For: []uuid.UUID{w.anna.ID}}
		check := func(count int, capped bool) {
			t.Helper()
			for _, who := range []account.Caller{w.anna, w.auditor, w.end, deputy} {
				for _, f := range []Filter{{}, {Kind: OtherKind}, {Status: Open}} {
					p, err := w.List(ctx, who, f)
					if err != nil || p.Count != count || p.Capped != capped {
						t.Errorf("%+v for %s: %d, %v, %v; want %d, %v", f, who.Name, p.Count, p.Capped, err, count, capped)
					}
				}
			}
		}
		check(CountCap, true)
		w.Exec(`UPDATE customer SET deleting = TRUE WHERE id = ?`, other.ID)
		check(CountCap-5, false)
	})
}

func FuzzCursor(f *testing.F) {
	f.Add(position{testNow, uuid.Must(uuid.NewV7())}.encode())
	f.Add("")
	f.Add(strings.Repeat("\n", 34)) // a decoder that skips line breaks reads nothing
	f.Fuzz(func(t *testing.T, s string) {
		if p, ok := decode(s); ok && p.encode() != s {
			t.Errorf("%q is read and written as %q", s, p.encode())
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("V-10001 Müller")
	f.Fuzz(func(t *testing.T, q string) {
		if terms, ok := parseQuery(q); ok && len(terms.Needles) == 0 {
			t.Error("nothing to search for")
		}
	})
}
