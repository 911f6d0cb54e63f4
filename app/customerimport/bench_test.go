package customerimport

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kontor/app/customer"
	"kontor/app/store/storetest"

	"kontor/app/job"
)

// BenchmarkImport imports a file of KONTOR_BENCH_IMPORT customers (20,000 without it) while somebody reads the overview, and
// reports rows per second of the upload, the check and the import, the 99th percentile of reading with and without it, and
// how much memory the heap takes at most.
func BenchmarkImport(b *testing.B) {
	rows := 20_000
	if n, err := strconv.Atoi(os.Getenv("KONTOR_BENCH_IMPORT")); err == nil {
		rows = n
	}
	var file strings.Builder
	file.WriteString("Referenz;Vorname;Nachname;Firma;Straße;PLZ;Ort;Geburtsdatum;Telefon;Mail;Handy\r\n")
	for i := range rows {
		firm := ""
		if i%3 == 0 {
			firm = fmt.Sprintf("Bauer %d GmbH", i)
		}
		fmt.Fprintf(&file, "M-%d;Eva %s;Ende-%s;%s;Heidestraße %d;%05d;Köln;%d.%d.1980;0221 1%06d;eva%d@kunde.example;0171 3920%04d\r\n",
			i, letters(i/7), letters(i), firm, i%200, 10115+i%80000, 1+i%28, 1+i%12, i%1_000_000, i, i%10_000)
	}
	for b.Loop() {
		w := newWorld(b, storetest.SQLite(b))
		w.chunk = chunkRows
		var most uint64
		measure := func(name string, do func()) {
			stop, quiet := make(chan struct{}), make(chan []time.Duration)
			go func() { quiet <- w.readUntil(stop) }()
			began := time.Now()
			do()
			took := time.Since(began)
			close(stop)
			b.ReportMetric(float64(rows)/took.Seconds(), name+"-rows/s")
			b.ReportMetric(percentile(<-quiet), name+"-read-p99-ms")
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		}
		var imp Import
		measure("upload", func() {
			var err error
			if imp, err = w.Upload(w.Ctx, w.dora, []byte(file.String())); err != nil {
				b.Fatal(err)
			}
		})
		measure("check", func() {
			w.Must(w.Check(w.Ctx, w.dora, imp.ID, chosen(imp.Columns)))
			w.Must(w.work(job.ImportCheck, imp.ID))
		})
		measure("import", func() {
			w.Must(w.Start(w.Ctx, w.dora, imp.ID, Decision{}))
			w.Must(w.work(job.ImportRun, imp.ID))
		})
		if n := w.customersCount(); n != rows {
			b.Fatalf("%d customers, want %d", n, rows)
		}
		b.ReportMetric(percentile(w.readFor(2*time.Second)), "alone-read-p99-ms")
		b.ReportMetric(float64(most>>20), "heap-MB")
		b.ReportMetric(0, "ns/op")
	}
}

// letters writes a number in letters, so that names differ as those of people do.
func letters(n int) string {
	s := ""
	for ; n > 0 || s == ""; n /= 20 {
		s += string("aeioubdfghklmnprstwz"[n%20])
	}
	return s
}

func (w *world) readFor(d time.Duration) []time.Duration {
	stop := make(chan struct{})
	time.AfterFunc(d, func() { close(stop) })
	return w.readUntil(stop)
}

// readUntil reads the first page of the overview again and again, with pauses, and returns how long each took.
func (w *world) readUntil(stop <-chan struct{}) (took []time.Duration) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return took
		case <-tick.C:
		}
		began := time.Now()
		if _, err := w.customers.First(w.Ctx, w.dora, customer.Filter{}, 50); err != nil {
			w.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
}

// percentile is the 99th, in milliseconds.
func percentile(took []time.Duration) float64 {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return float64(took[len(took)*99/100].Microseconds()) / 1000
}
