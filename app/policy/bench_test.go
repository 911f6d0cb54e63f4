package policy

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/demo"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// benchService is a service on a database of each kind with a policy administrator.
func benchService(b *testing.B, db *store.DB) (*Service, account.Caller) {
	b.Helper()
	w := &world{T: new(testing.T), ctx: context.Background(), db: db, time: time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)}
	decider, err := policies.New(policies.Default)
	if err != nil {
		b.Fatal(err)
	}
	log := audit.New(db, store.System)
	customers := customer.New(customer.Options{DB: db, Now: store.System, Policy: decider, Audit: log, Courier: noCourier{}})
	s := New(Options{DB: db, Now: store.System, Decider: decider, Audit: log, Customers: customers, Transactions: transaction.New(
		transaction.Options{DB: db, Now: store.System, Policy: decider, Audit: log, Customers: customers})})
	if err := s.Load(w.ctx); err != nil {
		b.Fatal(err)
	}
	return s, w.person("Petra Richter", policies.PolicyAdministrator)
}

func benchEach(b *testing.B, bench func(b *testing.B, db *store.DB)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { bench(b, storetest.Postgres(b)) })
}

// BenchmarkPublish300 is a publication of a policy of 300 rules: checks, tx, and in force in this process.
func BenchmarkPublish300(b *testing.B) {
	benchEach(b, func(b *testing.B, db *store.DB) {
		s, petra := benchService(b, db)
		ctx := context.Background()
		var many strings.Builder
		many.WriteString(policies.Default)
		for i := len(document(policies.Default).Rules); i < 300; i++ {
			fmt.Fprintf(&many, "p, %s, %s, transaction, kind_%d, %s, deny\n", policies.Roles[i%7], []string{"processor", "administrator"}[i/7%2],
				i/28, []policies.Action{policies.Read, policies.Process}[i/14%2])
		}
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			text := many.String() + fmt.Sprintf("# %d\n", i)
			d, err := s.Draft(ctx, petra)
			if err != nil {
				b.Fatal(err)
			}
			d.Text = text
			if ok, err := putDraft(ctx, db, d); err != nil || !ok {
				b.Fatal(ok, err)
			}
			b.StartTimer()
			if _, err := s.Publish(ctx, petra, d.Edit+1, "x"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkWouldChange counts over KONTOR_BENCH_CUSTOMERS customers (20,000) with three transactions each, for 50
// specialist users: without and with kinds.
func BenchmarkWouldChange(b *testing.B) {
	n := 20_000
	if s := os.Getenv("KONTOR_BENCH_CUSTOMERS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	benchEach(b, func(b *testing.B, db *store.DB) {
		ctx := context.Background()
		if err := demo.Seed(ctx, db, demo.SeedOptions{Customers: n, TransactionsPerCustomer: 3, Assignments: n, Specialists: 50, Seed: 1}, nil); err != nil {
			b.Fatal(err)
		}
		if _, err := assignment.Rebuild(ctx, db); err != nil {
			b.Fatal(err)
		}
		s, petra := benchService(b, db)
		for name, rule := range map[string]policies.Rule{
			"relation":  deny("specialist, administrator, transaction, *, process"),
			"kind":      deny("specialist, administrator, transaction, other, process"),
			"unrelated": allow("specialist, *, transaction, *, read"),
			"customers": deny("specialist, administrator, customer, person, update"),
			"end_users": deny("end_user, access, transaction, *, read"),
		} {
			b.Run(name, func(b *testing.B) {
				d, err := s.Draft(ctx, petra)
				if err != nil {
					b.Fatal(err)
				}
				d.Text = exchange(policies.Default, "", rule.String())
				for b.Loop() {
					i, err := s.WouldChange(ctx, petra, d, time.Minute)
					if err != nil || i.Cut || i.Nothing() {
						b.Fatalf("%+v, %v", i, err)
					}
				}
			})
		}
	})
}
