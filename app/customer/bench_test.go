package customer_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/demo/demotest"
	"kontor/app/job"
	"kontor/app/store"
	"kontor/policies"
)

func benchService(b *testing.B, db *store.DB) (*customer.Service, account.Caller) {
	b.Helper()
	policy, err := policies.New(policies.Default)
	if err != nil {
		b.Fatal(err)
	}
	s := customer.New(customer.Options{DB: db, Now: store.System, Decider: policy, Audit: audit.New(db, store.System), Jobs: job.New(job.Options{DB: db, Now: store.System})})
	id := uuid.Must(uuid.NewV7())
	return s, account.Caller{ID: id, Name: "Bench", Roles: []policies.Role{policies.Specialist}}
}

// BenchmarkList reads pages of the overview. p50-µs and p99-µs are these percentiles of the time for a page; rows and
// count say what was found.
func BenchmarkList(b *testing.B) {
	demotest.Each(b, func(b *testing.B, db *store.DB) {
		s, caller := benchService(b, db)
		deep := deepCursor(b, db, s, caller)
		caller.ID = demotest.Specialist(b, db, 1)
		few := demotest.Specialist(b, db, demotest.Specialists).String()
		for _, c := range []struct {
			name   string
			filter customer.Filter
		}{
			{"first", customer.Filter{}},
			{"deep", customer.Filter{After: deep}},
			{"by_number_descending", customer.Filter{Sort: "-number"}},
			{"companies", customer.Filter{Type: customer.Company}},
			{"attention", customer.Filter{Attention: true}},
			{"sort/city", customer.Filter{Sort: "city"}},
			{"sort/type_descending", customer.Filter{Sort: "-type"}},
			{"sort/status", customer.Filter{Sort: "status"}},
			{"sort/changed_descending", customer.Filter{Sort: "-changed"}},
			{"filter/mine", customer.Filter{Administrator: customer.Me}},
			{"filter/few_of_another", customer.Filter{Administrator: few}},
			{"filter/mine_companies_by_city", customer.Filter{Administrator: customer.Me, Type: customer.Company, Sort: "city"}},
			{"filter/mine_registered", customer.Filter{Administrator: customer.Me, Status: customer.Registered}},
			{"filter/mine_undeliverable", customer.Filter{Administrator: customer.Me, Status: customer.Undeliverable}},
			{"filter/nobody", customer.Filter{Administrator: customer.Nobody}},
			{"filter/registered", customer.Filter{Status: customer.Registered}},
			{"filter/registered_by_number", customer.Filter{Status: customer.Registered, Sort: "-number"}},
			{"filter/expired", customer.Filter{Status: customer.LinkExpired}},
			{"filter/undeliverable_by_changed", customer.Filter{Status: customer.Undeliverable, Sort: "-changed"}},
			{"filter/city", customer.Filter{City: "Köln"}},
			{"filter/city_by_number", customer.Filter{City: "Köln", Sort: "-number"}},
			{"filter/city_companies_deactivated", customer.Filter{City: "Köln", Type: customer.Company, Status: customer.Deactivated}},
			{"filter/attention_companies_by_status", customer.Filter{Attention: true, Type: customer.Company, Sort: "status"}},
			{"search/müller_in_köln", customer.Filter{Query: "müller", City: "Köln"}},
			{"search/stein_by_city", customer.Filter{Query: "stein", Sort: "city"}},
			{"search/stein_mine", customer.Filter{Query: "stein", Administrator: customer.Me}},
			{"search/e_deactivated_by_status", customer.Filter{Query: "e", Status: customer.Deactivated, Sort: "status"}},
			{"search/stein", customer.Filter{Query: "stein"}},
			{"search/stein_by_number", customer.Filter{Query: "stein", Sort: "number"}},
			{"search/stein_companies", customer.Filter{Query: "stein", Type: customer.Company}},
			{"search/umlaut_müller", customer.Filter{Query: "Müller"}},
			{"search/umlaut_mueller", customer.Filter{Query: "mueller"}},
			{"search/two_characters", customer.Filter{Query: "be"}},
			{"search/one_character", customer.Filter{Query: "x"}},
			{"search/one_frequent_character", customer.Filter{Query: "e"}},
			{"search/Berg_Anna", customer.Filter{Query: "Berg Anna"}},
			{"search/Anna_Müller", customer.Filter{Query: "Anna Müller"}},
			{"search/München", customer.Filter{Query: "München"}},
			{"search/end_of_alphabet_immermann", customer.Filter{Query: "immermann"}},
			{"search/ermann", customer.Filter{Query: "ermann"}},
			{"search/rare_xylander_zoë", customer.Filter{Query: "xylander zoë"}},
			{"search/number", customer.Filter{Query: "K-10777"}},
			{"search/email", customer.Filter{Query: "anna.mueller.1"}},
			{"search/domain", customer.Filter{Query: "example.org"}},
			{"search/absent", customer.Filter{Query: "qwertzuiop"}},
			{"search/absent_of_frequent_parts", customer.Filter{Query: "steinschmidtmann"}},
		} {
			b.Run(c.name, func(b *testing.B) {
				benchPage(b, func() (customer.Page, error) { return s.List(context.Background(), caller, c.filter) })
			})
			if c.filter.Query != "" { // as the search of every page asks
				b.Run("first_"+c.name, func(b *testing.B) {
					benchPage(b, func() (customer.Page, error) { return s.First(context.Background(), caller, c.filter, 5) })
				})
			}
		}
	})
}

func benchPage(b *testing.B, read func() (customer.Page, error)) {
	b.Helper()
	var p customer.Page
	demotest.Measure(b, func() (err error) {
		p, err = read()
		return err
	})
	b.ReportMetric(float64(len(p.Rows)), "rows")
	b.ReportMetric(float64(p.Count), "count")
}

// deepCursor is the cursor of a page in the middle of the list.
func deepCursor(b *testing.B, db *store.DB, s *customer.Service, caller account.Caller) string {
	b.Helper()
	var name string
	ctx := context.Background()
	err := db.NewRaw("SELECT name_sort FROM customer WHERE name_sort > 'lm' AND NOT deleting ORDER BY name_sort, number LIMIT 1").Scan(ctx, &name)
	if err != nil {
		b.Fatal(err)
	}
	p, err := s.List(ctx, caller, customer.Filter{Query: name})
	if err != nil || len(p.Rows) == 0 {
		b.Fatalf("a page around %q: %d rows, %v", name, len(p.Rows), err)
	}
	return customer.CursorAt(name, p.Rows[0].Number)
}

// BenchmarkAdd adds customers to a seeded database, durably, like a form, and removes them at the end. p99 compared
// with p50 shows whether some inserts pay for others (index merges).
func BenchmarkAdd(b *testing.B) {
	demotest.Each(b, func(b *testing.B, db *store.DB) {
		s, caller := benchService(b, db)
		caller.ID = demotest.Specialist(b, db, 1)
		added := 0
		b.Cleanup(func() {
			remove(b, db, "zuwachs", added)
			if err := s.MergeSearchIndex(context.Background()); err != nil { // as the worker does
				b.Error(err)
			}
		})
		demotest.Measure(b, func() error {
			added++
			d := customer.Data{FirstName: "Anna", LastName: fmt.Sprintf("Zuwachs%d", added), City: "Köln"}
			_, _, err := s.Add(context.Background(), caller, customer.Draft{Type: customer.Person, Data: d}, nil)
			return err
		})
	})
}

// remove deletes the customers of a name, and what is said of them.
func remove(b *testing.B, db *store.DB, name string, want int) {
	b.Helper()
	ctx, gone := context.Background(), `(SELECT %s FROM customer WHERE name_sort >= ? AND name_sort < ?)`
	statements := []string{`DELETE FROM audit WHERE customer_id IN ` + fmt.Sprintf(gone, "id"), `DELETE FROM customer WHERE name_sort >= ? AND name_sort < ?`}
	if !db.IsPostgres() {
		statements = append([]string{`DELETE FROM customer_search WHERE rowid IN ` + fmt.Sprintf(gone, "number")}, statements...)
	}
	var n int64
	for _, sql := range statements {
		res, err := db.ExecContext(ctx, sql, name, name+"~")
		if err != nil {
			b.Fatal(err)
		}
		n, _ = res.RowsAffected()
	}
	if int(n) != want {
		b.Errorf("took away %d customers of %d", n, want)
	}
}
