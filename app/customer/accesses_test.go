package customer

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestAccessSummary: what is summed up without the time gives at any time what the statuses of that time give.
func TestAccessSummary(t *testing.T) {
	at := func(hours int) *time.Time { w := testNow.Add(time.Duration(hours) * time.Hour); return &w }
	random := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		accesses := make([]accessState, random.IntN(5))
		for i := range accesses {
			a := &accesses[i]
			a.LinkExpiresAt = *at(random.IntN(6))
			a.Undeliverable = []string{"", "", "refused"}[random.IntN(3)]
			a.RegisteredAt = []*time.Time{nil, nil, at(0)}[random.IntN(3)]
			a.DeactivatedAt = []*time.Time{nil, nil, at(0)}[random.IntN(3)]
			a.Waiting = a.DeactivatedAt != nil && random.IntN(2) == 0
		}
		columns := sumUp(accesses)
		for hours := range 7 {
			now := *at(hours - 1)
			var want AccessSummary
			for _, a := range accesses {
				status := a.Status(now)
				want.Total++
				if status == Registered {
					want.Registered++
				}
				if severity[status] > severity[want.Worst] {
					want.Worst = status
				}
			}
			if !assert.Equal(t, want, columns.summary(now), "%+v at %v", accesses, now) {
				return
			}
		}
	}
}
