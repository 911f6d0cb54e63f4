package courier_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// BenchmarkDeliver delivers one message, from its ticket until it is handed over, to a mail server on loopback, with
// many deliveries at the same time.
func BenchmarkDeliver(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			peer := couriertest.NewSMTPPeer(b)
			w := newWorld(b, open(b), func(o *courier.Options) { o.SMTPURL = peer.URL() })
			ctx := context.Background()
			w.inTx(func(ctx context.Context, tx bun.Tx) error {
				for i := range b.N {
					p := w.mailPost()
					p.Dedupe = fmt.Sprint(i)
					if err := w.svc.Enqueue(ctx, tx, p); err != nil {
						return err
					}
				}
				return nil
			})
			tickets, err := w.svc.Claim(ctx, b.N, time.Hour)
			if err != nil || len(tickets) != b.N {
				b.Fatalf("%d tickets, %v", len(tickets), err)
			}
			var next atomic.Int64
			b.SetParallelism(8)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := w.svc.Deliver(ctx, tickets[next.Add(1)-1]); err != nil {
						b.Error(err)
					}
				}
			})
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
			if len(peer.Mails()) != b.N {
				b.Errorf("%d of %d mails came", len(peer.Mails()), b.N)
			}
		})
	}
}
