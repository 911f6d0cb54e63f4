package attention_test

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
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/attention"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/demo"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/migrations"
	"kontor/policies"
)

// benchDB opens a seeded database with KONTOR_BENCH_CUSTOMERS customers, 20,000 unless it says otherwise, one in two
// hundred of which needs attention, a transaction each, one in a hundred of which is overdue. With KONTOR_BENCH_DIR it is
// kept there (on PostgreSQL as database kontor_bench_attention_<customers>) and found again by the next run.
func benchDB(b *testing.B, postgres bool) *store.DB {
	b.Helper()
	ctx, n, keep := context.Background(), 20_000, os.Getenv("KONTOR_BENCH_DIR")
	if s := os.Getenv("KONTOR_BENCH_CUSTOMERS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	var at string
	switch {
	case postgres && keep != "":
		at = keptPostgres(b, fmt.Sprintf("kontor_bench_attention_%d", n))
	case postgres:
		at = storetest.PostgresURL(b)
	case keep != "":
		at = "sqlite://" + filepath.Join(keep, fmt.Sprintf("attention-%d.db", n))
	default:
		at = storetest.SQLiteURL(b)
	}
	db, err := store.Open(ctx, at)
	must(b, err)
	b.Cleanup(func() { _ = db.Close() })
	_, err = migrations.Apply(ctx, db.DB)
	must(b, err)
	count := func(sql string) (n int) {
		must(b, db.NewRaw(sql).Scan(ctx, &n))
		return n
	}
	if count(`SELECT count(*) FROM customer`) == 0 {
		must(b, demo.Seed(ctx, db, demo.SeedOptions{Customers: n, TransactionsPerCustomer: 1, Assignments: n, Specialists: 50, Seed: 1}, nil))
	}
	if count(`SELECT count(*) FROM (SELECT 1 FROM transaction_visible LIMIT 1) AS v`) == 0 {
		_, err = assignment.Rebuild(ctx, db)
		must(b, err)
	}
	if count(`SELECT count(*) FROM (SELECT 1 FROM transactions WHERE due = '2025-06-01' LIMIT 1) AS t`) == 0 {
		_, err = db.ExecContext(ctx, `UPDATE transactions SET due = '2025-06-01', status = 'open' WHERE number % 100 = 0`)
		must(b, err)
		_, err = db.ExecContext(ctx, `ANALYZE`)
		must(b, err)
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
	must(b, err)
	defer func() { _ = admin.Close() }()
	there, err := admin.NewSelect().TableExpr("pg_database").Where("datname = ?", name).Exists(ctx)
	must(b, err)
	if !there {
		_, err := admin.ExecContext(ctx, "CREATE DATABASE ?", bun.Ident(name))
		must(b, err)
	}
	u, err := url.Parse(base)
	must(b, err)
	u.Path = "/" + name
	return u.String()
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAttention is what the badge costs on every page, and the page itself, for people with few customers, with a
// fiftieth and with a third of all, and for who may act on all.
func BenchmarkAttention(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			db := benchDB(b, kind == "postgres")
			ctx := context.Background()
			policy, err := policies.New(policies.Default)
			must(b, err)
			customers := customer.New(customer.Options{DB: db, Now: store.System, Policy: policy, Audit: audit.New(db, store.System)})
			transactions := transaction.New(transaction.Options{DB: db, Now: store.System, Zone: time.UTC, Policy: policy, Customers: customers})
			s := attention.New(attention.Options{DB: db, Now: store.System, Zone: time.UTC, Policy: policy, Customers: customers, Transactions: transactions})
			var holders []uuid.UUID
			must(b, db.NewRaw(`SELECT specialist_id FROM customer_administrator GROUP BY specialist_id ORDER BY count(*) DESC`).Scan(ctx, &holders))
			roles := []policies.Role{policies.Specialist}
			for _, c := range []struct {
				name   string
				caller account.Caller
			}{
				{"with 60", account.Caller{ID: few(b, db), Roles: roles}},
				{"with a fiftieth", account.Caller{ID: holders[len(holders)/2], Roles: roles}},
				{"with a third", account.Caller{ID: holders[0], Roles: roles}},
				{"with none", account.Caller{ID: uuid.Must(uuid.NewV7()), Roles: roles}},
				{"of all", account.Caller{ID: holders[0], Roles: append(roles, policies.UserAdministrator)}},
			} {
				b.Run(c.name+"/badge", func(b *testing.B) {
					measure(b, func() (int, error) { s.Forget(c.caller.ID); return s.Count(ctx, c.caller) })
				})
				b.Run(c.name+"/page", func(b *testing.B) {
					measure(b, func() (n int, err error) {
						parts, err := s.Parts(ctx, c.caller)
						for _, p := range parts {
							n += p.Len()
						}
						return n, err
					})
				})
			}
		})
	}
}

// few is a specialist user with 60 customers.
func few(b *testing.B, db *store.DB) (id uuid.UUID) {
	b.Helper()
	ctx, email := context.Background(), "few@bench.example"
	err := db.NewRaw(`SELECT id FROM account WHERE email = ?`, email).Scan(ctx, &id)
	if err == nil {
		return id
	}
	id = uuid.Must(uuid.NewV7())
	must(b, db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO account (id, specialist, name, username, username_folded, email, email_folded, created_at)
			VALUES (?, TRUE, 'Few', ?, ?, ?, ?, ?)`, id, email, email, email, email, store.System()); err != nil {
			return err
		}
		var customers []uuid.UUID
		if err := tx.NewRaw(`SELECT id FROM customer ORDER BY id LIMIT 60`).Scan(ctx, &customers); err != nil {
			return err
		}
		for _, c := range customers {
			if _, err := assignment.Appoint(ctx, tx, assignment.Administrator{CustomerID: c, SpecialistID: id, CreatedAt: store.System(), CreatedBy: id}); err != nil {
				return err
			}
		}
		return nil
	}))
	return id
}

func measure(b *testing.B, read func() (int, error)) {
	n, err := read() // the first one reads from disk
	must(b, err)
	var took []time.Duration
	for b.Loop() {
		begin := time.Now()
		_, err := read()
		must(b, err)
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(n), "found")
}
