package attention_test

import (
	"context"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/attention"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/demo/demotest"
	"kontor/app/handover"
	"kontor/app/job"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// nothing is a courier whose ways all work.
type nothing struct{}

func (nothing) Troubles(context.Context) ([]courier.Trouble, error) { return nil, nil }
func (nothing) CountTroubles(context.Context) (int, error)          { return 0, nil }
func (nothing) Known() []courier.QueueTrouble                       { return nil }

// BenchmarkAttention measures the badge, which every page shows, and the page itself, for people with 17 customers,
// with a fiftieth and with a tenth of all, and for a person who may act on all. One in a hundred transactions is
// overdue, and one in four hundred customers needs attention.
func BenchmarkAttention(b *testing.B) {
	today := time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return today }
	demotest.Each(b, func(b *testing.B, db *store.DB) {
		ctx := context.Background()
		policy, err := policies.New(policies.Default)
		must(b, err)
		customers := customer.New(customer.Options{DB: db, Now: now, Decider: policy, Audit: audit.New(db, now), Jobs: job.New(job.Options{DB: db, Now: now})})
		transactions := transaction.New(transaction.Options{DB: db, Now: now, Zone: time.UTC, Decider: policy, Customers: customers})
		s := attention.New(attention.Options{DB: db, Now: now, Zone: time.UTC, Decider: policy, Customers: customers, Transactions: transactions,
			Offers: none{}, Approvals: none{}, Deputies: none{}, Courier: nothing{}, Queue: nothing{}, NoWorker: func() (never time.Time) { return never }})
		first := demotest.Specialist(b, db, 1)
		roles := []policies.Role{policies.Specialist}
		for _, c := range []struct {
			name   string
			caller account.Caller
		}{
			{"with 17", account.Caller{ID: demotest.Specialist(b, db, demotest.Specialists), Roles: roles}},
			{"with a fiftieth", account.Caller{ID: demotest.Specialist(b, db, 2), Roles: roles}},
			{"with a tenth", account.Caller{ID: first, Roles: roles}},
			{"with none", account.Caller{ID: uuid.Must(uuid.NewV7()), Roles: roles}},
			{"of all", account.Caller{ID: first, Roles: append(roles, policies.UserAdministrator)}},
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

func measure(b *testing.B, read func() (int, error)) {
	var n int
	demotest.Measure(b, func() (err error) {
		n, err = read()
		return err
	})
	b.ReportMetric(float64(n), "found")
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// none offers no rights.
type none struct{}

func (none) Awaiting(context.Context, uuid.UUID) ([]approval.Approval, error)        { return nil, nil }
func (none) Outlasts(context.Context, account.Caller) ([]handover.Outlasting, error) { return nil, nil }
func (none) Waiting(context.Context, account.Caller) (int, error)                    { return 0, nil }
