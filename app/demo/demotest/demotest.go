// Package demotest gives benchmarks a database that Seed filled, and says how long things take on it.
package demotest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/customer"
	"kontor/app/demo"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
)

// Customers is how many customers the benchmarks have, each with three transactions and one administrator among 50
// specialist users: KONTOR_BENCH_CUSTOMERS, or 20,000.
func Customers(b *testing.B) int {
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

// Specialists is how many specialist users there are. The first administers a tenth of all customers, the last one 17.
const Specialists = 50

// Options are what so many customers are seeded with.
func Options(customers int) demo.SeedOptions {
	return demo.SeedOptions{Customers: customers, TransactionsPerCustomer: 3, Assignments: customers, Specialists: Specialists, Seed: 1}
}

// Each runs bench on SQLite and, when KONTOR_TEST_POSTGRES names one, on PostgreSQL, each with Customers customers.
func Each(b *testing.B, bench func(b *testing.B, db *store.DB)) {
	b.Helper()
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) { bench(b, DB(b, kind, Customers(b))) })
	}
}

// DB opens a seeded database of a kind, "sqlite" or "postgres". With KONTOR_BENCH_DIR it is kept there as
// kontor_bench_<customers>.db (on PostgreSQL as database of that name) and found again by the next run, of whatever
// package: a million customers take minutes to make. A benchmark that adds to it takes that away in the end.
func DB(b *testing.B, kind string, customers int) *store.DB {
	b.Helper()
	keep, name, o := os.Getenv("KONTOR_BENCH_DIR"), fmt.Sprintf("kontor_bench_%d", customers), Options(customers)
	switch {
	case kind == "postgres" && keep != "":
		return Seeded(b, storetest.KeptPostgresURL(b, name), o)
	case kind == "postgres":
		return Seeded(b, storetest.PostgresURL(b), o)
	case keep != "":
		return Seeded(b, "sqlite://"+filepath.Join(keep, name+".db"), o)
	}
	return Seeded(b, storetest.SQLiteURL(b), o)
}

// Seeded opens a database, migrates it and, when it has no customer, fills it.
func Seeded(b *testing.B, url string, o demo.SeedOptions) *store.DB {
	b.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, url)
	must(b, err)
	b.Cleanup(func() { _ = db.Close() })
	_, err = migrations.Apply(ctx, db.DB)
	must(b, err)
	some, err := customer.Any(ctx, db)
	must(b, err)
	if !some {
		begin := time.Now()
		must(b, demo.Seed(ctx, db, o, nil))
		b.Logf("seeded %d customers in %s", o.Customers, time.Since(begin).Round(time.Millisecond))
	}
	return db
}

// Specialist is the n-th of the specialist users, counted from 1.
func Specialist(b *testing.B, db *store.DB, n int) (id uuid.UUID) {
	b.Helper()
	email := fmt.Sprintf("specialist%d@example.net", n)
	must(b, db.NewRaw(`SELECT id FROM account WHERE email = ?`, email).Scan(context.Background(), &id))
	return id
}

// Measure runs something over and over. p50-µs and p99-µs are what it takes at these percentiles, min-µs what it took at
// best: on a machine that does other things as well only that says what the work is.
func Measure(b *testing.B, do func() error) {
	b.Helper()
	b.ReportAllocs()
	must(b, do()) // the first one reads from disk
	var took []time.Duration
	for b.Loop() {
		begin := time.Now()
		must(b, do())
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	p50, p99 := took[len(took)/2], took[len(took)*99/100]
	b.ReportMetric(float64(took[0].Microseconds()), "min-µs")
	b.ReportMetric(float64(p50.Microseconds()), "p50-µs")
	b.ReportMetric(float64(p99.Microseconds()), "p99-µs")
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
