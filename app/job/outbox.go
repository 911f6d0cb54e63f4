package job

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
)

// Ticket is what the relay hands to the queue.
type Ticket struct {
	ID uuid.UUID
	// Due says that the job does not wait for a later time: a task of it that does is to run now.
	AtOnce bool
}

// Claim leases up to limit jobs that are due for the relay, oldest first. Whoever claims and then dies loses nothing: they
// are due again when the lease is over.
func (s *Service) Claim(ctx context.Context, limit int, lease time.Duration) ([]Ticket, error) {
	now := s.now()
	return s.claim(ctx, limit, now, now.Add(lease))
}

// Enqueued notes that the queue has these jobs: the relay looks again only after d, or later where a try is already
// appointed for later.
func (s *Service) Enqueued(ctx context.Context, ids []uuid.UUID, d time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	return s.postponeRelay(ctx, ids, s.now().Add(d))
}

// QueueLost makes every open job due for the relay now: the queue was wiped, or did not answer for a while.
func (s *Service) QueueLost(ctx context.Context) error { return s.relayAll(ctx) }

// Nudges returns the channel on which Add announces new jobs (capacity 1; a nudge may be lost, the sweep is certain).
func (s *Service) Nudges() <-chan struct{} { return s.nudges }

func (s *Service) nudge() {
	select {
	case s.nudges <- struct{}{}:
	default: // one is waiting already
	}
}
