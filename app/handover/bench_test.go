package handover

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

// BenchmarkHandover moves 1,000 customers with five transactions each to one colleague, in the chunks of the worker,
// including index, log and attention. ms/tx is the longest time that others wait for one tx.
func BenchmarkHandover(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			var db *store.DB
			if kind == "postgres" {
				db = storetest.Postgres(b)
			} else {
				db = storetest.SQLite(b)
			}
			w := newWorld(b, db)
			const customers, transactions = 1000, 5
			w.Must(w.fill(customers, transactions))
			from, to := w.anna, w.ben
			var longest time.Duration
			begin := time.Now()
			w.step = func() error {
				longest, begin = max(longest, time.Since(begin)), time.Now()
				return nil
			}
			for b.Loop() {
				if _, err := w.Start(w.Ctx, w.admin, from.ID, []uuid.UUID{to.ID}, true); err != nil {
					b.Fatal(err)
				}
				begin = time.Now()
				if n, err := w.work(w.Ctx, 25); n != 1 || err != nil {
					b.Fatal(n, err)
				}
				from, to = to, from
			}
			b.ReportMetric(float64(longest.Microseconds())/1000, "ms/tx")
			w.consistent()
		})
	}
}
