// Package demotest gives benchmarks a database that Seed has filled, and measures the time of operations on it.
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

	"kontor/app/demo"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
)

// Customers is the number of customers in benchmarks: KONTOR_BENCH_CUSTOMERS, or 20,000. Each customer has three
// transactions and one of 50 specialist users as its administrator.
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

// Specialists is the number of specialist users. The first one administers a tenth of all customers, the last one 17.
const Specialists = demo.MeasuredSpecialists

// Options are the options for seeding this number of customers.
func Options(customers int) demo.SeedOptions {
	return demo.Measured(customers)
}

// Each runs bench on SQLite and, if KONTOR_TEST_POSTGRES is set, on PostgreSQL, with Customers customers each.
func Each(b *testing.B, bench func(b *testing.B, db *store.DB)) {
	b.Helper()
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) { bench(b, DB(b, kind, Customers(b))) })
	}
}

// DB opens a seeded database of a kind, "sqlite" or "postgres". If KONTOR_BENCH_DIR is set, the database is kept there as
// kontor_bench_<customers>.db (on PostgreSQL as a database of that name) and used again by later runs of any package,
// because seeding a million customers takes minutes. A benchmark that adds rows must remove them at the end.
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

// Seeded opens a database, migrates it, and fills it if it has no customer.
func Seeded(b *testing.B, url string, o demo.SeedOptions) *store.DB {
	b.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, url)
	must(b, err)
	b.Cleanup(func() { _ = db.Close() })
	_, err = migrations.Apply(ctx, db.DB)
	must(b, err)
	begin := time.Now()
	seeded, err := demo.SeedOnce(ctx, db, o)
	must(b, err)
	if seeded {
		b.Logf("seeded %d customers in %s", o.Customers, time.Since(begin).Round(time.Millisecond))
	}
	return db
}

// Specialist is the id of the n-th specialist user, counted from 1.
func Specialist(b *testing.B, db *store.DB, n int) (id uuid.UUID) {
	b.Helper()
	email := fmt.Sprintf("specialist%d@example.net", n)
	must(b, db.NewSelect().Table("account").Column("id").Where("email = ?", email).Scan(context.Background(), &id))
	return id
}

// Measure runs do repeatedly. It reports the percentiles p50-µs and p99-µs, and the minimum min-µs. On a machine that
// does other work, too, only the minimum tells the cost of the operation.
func Measure(b *testing.B, do func() error) {
	b.Helper()
	b.ReportAllocs()
	must(b, do()) // the first run reads from disk
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
