package policy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/demo/demotest"
	"kontor/app/job"
	"kontor/app/policy"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// benchService is a service on a database of each kind with a policy administrator.
func benchService(b *testing.B, db *store.DB) (*policy.Service, account.Caller) {
	b.Helper()
	w := accounttest.NewFirm(b, db, time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC))
	decider, err := policies.New(policies.Default)
	if err != nil {
		b.Fatal(err)
	}
	log := audit.New(db, store.System)
	customers := customer.New(customer.Options{DB: db, Now: store.System, Decider: decider, Audit: log, Jobs: job.New(job.Options{DB: db, Now: store.System})})
	s := policy.New(policy.Options{
		DB: db, Now: store.System, Decider: decider, Audit: log, Customers: customers,
		Approvals:    approval.New(approval.Options{DB: db, Now: store.System, Audit: log, Courier: w.Post}),
		Transactions: transaction.New(transaction.Options{DB: db, Now: store.System, Decider: decider, Audit: log, Customers: customers}),
	})
	if err := s.Load(w.Ctx); err != nil {
		b.Fatal(err)
	}
	return s, w.Specialist("Petra Richter", policies.PolicyAdministrator)
}

func benchEach(b *testing.B, bench func(b *testing.B, db *store.DB)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { bench(b, storetest.Postgres(b)) })
}

// BenchmarkPublish300 measures the publication of a policy with 300 rules: checks, tx, and putting it in force in this
// process.
func BenchmarkPublish300(b *testing.B) {
	benchEach(b, func(b *testing.B, db *store.DB) {
		s, petra := benchService(b, db)
		ctx := context.Background()
		var many strings.Builder
		many.WriteString(policies.Default)
		for i := len(policy.DocumentOf(policies.Default).Rules); i < 300; i++ {
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
			if ok, err := policy.PutDraft(ctx, db, d); err != nil || !ok {
				b.Fatal(ok, err)
			}
			b.StartTimer()
			if _, err := s.Publish(ctx, petra, d.Edit+1, "x"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkWouldChange measures the counting over the customers of demotest, for its specialist users, without and with
// kinds.
func BenchmarkWouldChange(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchWouldChange(b, storetest.SQLiteURL(b)) })
	b.Run("postgres", func(b *testing.B) { benchWouldChange(b, storetest.PostgresURL(b)) })
}

// benchWouldChange needs a database of its own: it publishes a policy.
func benchWouldChange(b *testing.B, url string) {
	ctx, db := context.Background(), demotest.Seeded(b, url, demotest.Options(demotest.Customers(b)))
	s, petra := benchService(b, db)
	for name, rule := range map[string]policies.Rule{
		"relation":  policy.Deny("specialist, administrator, transaction, *, process"),
		"kind":      policy.Deny("specialist, administrator, transaction, other, process"),
		"unrelated": policy.Allow("specialist, *, transaction, *, read"),
		"customers": policy.Deny("specialist, administrator, customer, person, update"),
		"end_users": policy.Deny("end_user, access, transaction, *, read"),
	} {
		b.Run(name, func(b *testing.B) {
			d, err := s.Draft(ctx, petra)
			if err != nil {
				b.Fatal(err)
			}
			d.Text = policy.Exchange(policies.Default, "", rule.String())
			for b.Loop() {
				i, err := s.WouldChange(ctx, petra, d, time.Minute)
				if err != nil || i.Cut || i.Nothing() {
					b.Fatalf("%+v, %v", i, err)
				}
			}
		})
	}
}
