package customer_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/demo"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
	"kontor/policies"
)

// benchCustomers is how many customers the benchmarks have: KONTOR_BENCH_CUSTOMERS, or 20,000.
func benchCustomers(b *testing.B) int {
	b.Helper()
	s := os.Getenv("KONTOR_BENCH_CUSTOMERS")
	if s == "" {
		return 20_000
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		b.Fatalf("KONTOR_BENCH_CUSTOMERS = %q is no number of customers", s)
	}
	return n
}

// benchDB opens a seeded database. With KONTOR_BENCH_DIR it is kept there (on PostgreSQL as database
// kontor_bench_<customers>) and found again by the next run: a million takes minutes to make.
func benchDB(b *testing.B, postgres bool) *store.DB {
	b.Helper()
	ctx, n, keep := context.Background(), benchCustomers(b), os.Getenv("KONTOR_BENCH_DIR")
	var at string
	switch {
	case postgres && keep != "":
		at = keptPostgres(b, fmt.Sprintf("kontor_bench_%d", n))
	case postgres:
		at = storetest.PostgresURL(b)
	case keep != "":
		at = "sqlite://" + filepath.Join(keep, fmt.Sprintf("bench-%d.db", n))
	default:
		at = storetest.SQLiteURL(b)
	}
	db, err := store.Open(ctx, at)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if _, err := migrations.Apply(ctx, db.DB); err != nil {
		b.Fatal(err)
	}
	var have int
	if err := db.NewRaw("SELECT count(*) FROM customer").Scan(ctx, &have); err != nil {
		b.Fatal(err)
	}
	if have == 0 {
		begin := time.Now()
		o := demo.SeedOptions{Customers: n, TransactionsPerCustomer: 1, Assignments: n, Specialists: 50, Seed: 1}
		if err := demo.Seed(ctx, db, o, nil); err != nil {
			b.Fatal(err)
		}
		b.Logf("seeded %d customers in %s", n, time.Since(begin).Round(time.Millisecond))
	}
	return db
}

func keptPostgres(b *testing.B, name string) string {
	b.Helper()
	base := os.Getenv("KONTOR_TEST_POSTGRES")
	if base == "" {
		b.Skip("KONTOR_TEST_POSTGRES is not set")
	}
	ctx := context.Background()
	admin, err := store.Open(ctx, base)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if there, err := admin.NewSelect().TableExpr("pg_database").Where("datname = ?", name).Exists(ctx); err != nil {
		b.Fatal(err)
	} else if !there {
		if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
			b.Fatal(err)
		}
	}
	u, err := url.Parse(base)
	if err != nil {
		b.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func benchService(b *testing.B, db *store.DB) (*customer.Service, account.Caller) {
	b.Helper()
	policy, err := policies.New(policies.Default)
	if err != nil {
		b.Fatal(err)
	}
	s := customer.New(customer.Options{DB: db, Now: store.System, Policy: policy, Audit: audit.New(db, store.System)})
	id := uuid.Must(uuid.NewV7())
	return s, account.Caller{ID: id, Name: "Bench", Roles: []policies.Role{policies.Specialist}}
}

// BenchmarkList reads pages of the overview. p50-µs and p99-µs are what a page takes at these percentiles; rows and count say what
// was found.
func BenchmarkList(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			db := benchDB(b, kind == "postgres")
			s, caller := benchService(b, db)
			deep := deepCursor(b, db, s, caller)
			for _, c := range []struct {
				name   string
				filter customer.Filter
			}{
				{"first", customer.Filter{}},
				{"deep", customer.Filter{After: deep}},
				{"by_number_descending", customer.Filter{Sort: "-number"}},
				{"companies", customer.Filter{Type: customer.Company}},
				{"attention", customer.Filter{Attention: true}},
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
				b.Run(c.name, func(b *testing.B) { benchPage(b, s, caller, c.filter) })
			}
		})
	}
}

func benchPage(b *testing.B, s *customer.Service, caller account.Caller, f customer.Filter) {
	b.ReportAllocs()
	var took []time.Duration
	p, err := s.List(context.Background(), caller, f) // the first one reads from disk
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		begin := time.Now()
		if p, err = s.List(context.Background(), caller, f); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
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

// BenchmarkAdd adds customers to a seeded database, durably, as a form does. p99/p50 says whether an insert ever pays
// for the others (index merges).
func BenchmarkAdd(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			db := benchDB(b, kind == "postgres")
			s, caller := benchService(b, db)
			ctx := context.Background()
			if err := db.NewRaw("SELECT id FROM account WHERE specialist ORDER BY created_at, id LIMIT 1").Scan(ctx, &caller.ID); err != nil {
				b.Fatal(err)
			}
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				begin := time.Now()
				d := customer.Data{FirstName: "Anna", LastName: fmt.Sprintf("Zuwachs%d", i), City: "Köln"}
				if _, _, err := s.Add(ctx, caller, customer.Draft{Type: customer.Person, Data: d}, nil); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			p50, p99 := took[len(took)/2], took[len(took)*99/100]
			b.ReportMetric(float64(p50.Microseconds()), "p50-µs")
			b.ReportMetric(float64(p99.Microseconds()), "p99-µs")
			b.ReportMetric(float64(p99)/float64(p50), "p99/p50")
		})
	}
}
