package transaction_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/demo"
	"kontor/app/demo/demotest"
	"kontor/app/job"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

func benchService(b *testing.B, db *store.DB) *transaction.Service {
	b.Helper()
	policy, err := policies.New(policies.Default)
	if err != nil {
		b.Fatal(err)
	}
	log := audit.New(db, store.System)
	customers := customer.New(customer.Options{DB: db, Now: store.System, Decider: policy, Audit: log, Jobs: job.New(job.Options{DB: db, Now: store.System})})
	return transaction.New(transaction.Options{DB: db, Now: store.System, Decider: policy, Audit: log, Customers: customers})
}

// seeded is one of the specialist users that Seed made: 1 sees a tenth of all transactions, the last one 51.
func seeded(b *testing.B, db *store.DB, n int) account.Caller {
	b.Helper()
	return account.Caller{ID: demotest.Specialist(b, db, n), Roles: []policies.Role{policies.Specialist}}
}

// BenchmarkMyTransactions reads pages of My transactions for a person who sees 51, for one who sees a tenth of all, for
// a deputy of both, and for an auditor, who sees all. rows and count say what was found.
func BenchmarkMyTransactions(b *testing.B) {
	demotest.Each(b, func(b *testing.B, db *store.DB) {
		s := benchService(b, db)
		few, many := seeded(b, db, demotest.Specialists), seeded(b, db, 1)
		deputy := account.Caller{ID: uuid.Must(uuid.NewV7()), Roles: many.Roles, For: []uuid.UUID{many.ID, few.ID, seeded(b, db, 2).ID}}
		auditor := account.Caller{ID: uuid.Must(uuid.NewV7()), Roles: []policies.Role{policies.Auditor}}
		for _, who := range []struct {
			name   string
			caller account.Caller
		}{{"few", few}, {"many", many}, {"deputy", deputy}, {"auditor", auditor}} {
			b.Run(who.name, func(b *testing.B) { benchLists(b, s, who.caller) })
		}
	})
}

func benchLists(b *testing.B, s *transaction.Service, caller account.Caller) {
	ctx := context.Background()
	for _, c := range []struct {
		name   string
		filter transaction.Filter
	}{
		{"first", transaction.Filter{}},
		{"deep", transaction.Filter{After: deepCursor(b, s, caller, transaction.Filter{})}},
		{"kind", transaction.Filter{Kind: "loan_application"}},
		{"status", transaction.Filter{Status: transaction.InReview}},
		{"overdue", transaction.Filter{Due: transaction.Overdue}},
		{"due_this_week", transaction.Filter{Due: transaction.ThisDue}},
		{"search/frequent", transaction.Filter{Query: "Einkommensteuer"}},
		{"search/frequent_of_a_kind_it_never_has", transaction.Filter{Query: "Einkommensteuer", Kind: "contract"}},
		{"search/two_words", transaction.Filter{Query: "müller grundst"}},
		{"search/rare_name", transaction.Filter{Query: "xylander"}},
		{"search/one_letter", transaction.Filter{Query: "x"}},
		{"search/number", transaction.Filter{Query: "V-10777"}},
		{"search/absent", transaction.Filter{Query: "qwertzuiop"}},
		{"search/absent_of_frequent_parts", transaction.Filter{Query: "einkommenssteuerung"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			benchPage(b, func() (transaction.Page, error) { return s.List(ctx, caller, c.filter) })
		})
		if c.filter.Query != "" { // as the search of every page asks
			b.Run("first_"+c.name, func(b *testing.B) {
				benchPage(b, func() (transaction.Page, error) { return s.First(ctx, caller, c.filter, 5) })
			})
		}
	}
}

// BenchmarkSorts reads My transactions in each order, the first page and one far behind, for somebody who sees 51, for one who
// sees a tenth of all, and for an auditor, who sees all; then with filters that find few and many.
func BenchmarkSorts(b *testing.B) {
	demotest.Each(b, func(b *testing.B, db *store.DB) {
		s, ctx := benchService(b, db), context.Background()
		auditor := account.Caller{ID: uuid.Must(uuid.NewV7()), Roles: []policies.Role{policies.Auditor}}
		for _, who := range []struct {
			name   string
			caller account.Caller
		}{{"few", seeded(b, db, demotest.Specialists)}, {"many", seeded(b, db, 1)}, {"auditor", auditor}} {
			var filters []transaction.Filter
			for _, sort := range transaction.Sorts {
				first := transaction.Filter{Sort: sort}
				deep := transaction.Filter{Sort: "-" + sort}
				deep.After = deepCursor(b, s, who.caller, deep)
				filters = append(filters, first, deep)
			}
			for _, sort := range []string{"name", "customer", "due"} {
				filters = append(filters, transaction.Filter{Sort: sort, Kind: "loan_application"}, transaction.Filter{Sort: sort, Status: transaction.InReview},
					transaction.Filter{Sort: sort, Due: transaction.ThisDue}, transaction.Filter{Sort: sort, Responsible: transaction.Me})
			}
			for _, f := range filters {
				name := fmt.Sprintf("%s/by_%s/%s%s%s%s", who.name, f.Sort, f.Kind, f.Status, f.Due, f.Responsible)
				if f.After != "" {
					name += "deep"
				}
				b.Run(name, func(b *testing.B) {
					benchPage(b, func() (transaction.Page, error) { return s.List(ctx, who.caller, f) })
				})
			}
		}
	})
}

func benchPage(b *testing.B, read func() (transaction.Page, error)) {
	b.Helper()
	var p transaction.Page
	demotest.Measure(b, func() (err error) {
		p, err = read()
		return err
	})
	b.ReportMetric(float64(len(p.Rows)), "rows")
	b.ReportMetric(float64(p.Count), "count")
}

// deepCursor is the cursor of a page far behind in somebody's list, or of its end.
func deepCursor(b *testing.B, s *transaction.Service, c account.Caller, f transaction.Filter) (cursor string) {
	b.Helper()
	for range 40 {
		f.After = cursor
		p, err := s.List(context.Background(), c, f)
		if err != nil {
			b.Fatal(err)
		}
		if p.Next == "" {
			break
		}
		cursor = p.Next
	}
	return cursor
}

// BenchmarkAddAdministrator makes somebody administrator of a customer with 10,000 transactions and reverts it, durably.
func BenchmarkAddAdministrator(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			at := storetest.SQLiteURL
			if kind == "postgres" {
				at = storetest.PostgresURL
			}
			db := demotest.Seeded(b, at(b), demo.SeedOptions{Customers: 1, TransactionsPerCustomer: 10_000, Assignments: 1, Specialists: 3, Seed: 1})
			ctx, who := context.Background(), seeded(b, db, 2)
			var id uuid.UUID
			if err := db.NewRaw(`SELECT id FROM customer`).Scan(ctx, &id); err != nil {
				b.Fatal(err)
			}
			b.Run("add", func(b *testing.B) {
				demotest.Measure(b, func() error {
					if err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
						_, err := assignment.AddAdministrator(ctx, tx, assignment.Administrator{
							CustomerID: id, SpecialistID: who.ID, CreatedAt: store.System(), CreatedBy: who.ID,
						})
						return err
					}); err != nil {
						return err
					}
					return db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
						_, _, err := assignment.RemoveAdministrator(ctx, tx, id, who.ID)
						return err
					})
				})
			})
		})
	}
}

// BenchmarkDecide measures one decision including its facts, by authorise, with as many assignments as there are
// customers. The time is the same at 1,000 and at KONTOR_BENCH_CUSTOMERS. BenchmarkAllows of package policies measures
// the part of the policy alone.
func BenchmarkDecide(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		for _, n := range []int{1000, demotest.Customers(b)} {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				db := demotest.DB(b, kind, n)
				s, ctx, c := benchService(b, db), context.Background(), seeded(b, db, 1)
				p, err := s.List(ctx, c, transaction.Filter{})
				if err != nil || len(p.Rows) == 0 {
					b.Fatal(len(p.Rows), err)
				}
				i := 0
				demotest.Measure(b, func() error {
					i++
					_, err := s.Authorise(ctx, db, c, p.Rows[i%len(p.Rows)].ID, policies.Process)
					return err
				})
			})
		}
	}
}
