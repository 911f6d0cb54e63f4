package bulk

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/store/storetest"
)

// BenchmarkAct checks, does and takes back an act on KONTOR_BENCH_BULK transactions (10,000 without it), and reports rows per
// second of each.
func BenchmarkAct(b *testing.B) {
	rows := Max
	if n, err := strconv.Atoi(os.Getenv("KONTOR_BENCH_BULK")); err == nil {
		rows = n
	}
	for b.Loop() {
		w := newWorld(b, storetest.SQLite(b))
		list := make([]uuid.UUID, rows)
		now := w.Now()
		for i := range list {
			list[i] = uuid.Must(uuid.NewV7())
			w.Exec(`INSERT INTO transactions (number, id, customer_id, name, name_folded, search, kind, created_at, updated_at) VALUES (?, ?, ?, ?, ?, 'x', 'other', ?, ?)`,
				50_000+i, list[i], w.mine.ID, fmt.Sprint("Akte ", i), fmt.Sprint("akte ", i), now, now)
		}
		measure := func(name string, do func()) {
			began := time.Now()
			do()
			b.ReportMetric(float64(rows)/time.Since(began).Seconds(), name+"-rows/s")
		}
		var a Act
		measure("check", func() { a = w.begin(w.anna, Order{Kind: Due, Value: "2026-12-24", IDs: list}) })
		measure("do", func() {
			w.Must(w.Start(w.Ctx, w.anna, a.ID))
			w.Must(w.worker(w.get(w.anna, a.ID)))
		})
		measure("take-back", func() {
			w.Must(w.TakeBack(w.Ctx, w.anna, a.ID))
			w.Must(w.worker(w.get(w.anna, a.ID)))
		})
	}
}
