package job

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
)

// Ticket is what the relay hands to the queue.
type Ticket struct {
	ID uuid.UUID
	// AtOnce says that the job is due now. If the queue holds a task of the job that waits for a later time, the task
	// must run now.
	AtOnce bool
	// Claimed is until when the job is claimed.
	Claimed time.Time
}

// Claim leases up to limit jobs that are due for the relay, oldest first. If the caller dies after that, the jobs are
// due again when the lease ends.
func (s *Service) Claim(ctx context.Context, limit int, lease time.Duration) ([]Ticket, error) {
	now := s.now()
	return s.claim(ctx, limit, now, now.Add(lease))
}

// Enqueued records that the queue holds these jobs, which were claimed until then. The relay looks at them again after d.
// Nothing is changed of those to which something has happened since.
func (s *Service) Enqueued(ctx context.Context, ids []uuid.UUID, claimed time.Time, d time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	return s.postponeRelay(ctx, ids, claimed, s.now().Add(d))
}

// QueueLost makes every open job due for the relay now, because the queue was wiped or did not answer for a while.
func (s *Service) QueueLost(ctx context.Context) error { return s.relayAll(ctx) }

// Nudges returns the channel on which Add announces new jobs. Its capacity is 1: a nudge may be lost, but the periodic
// sweep of the relay finds every job.
func (s *Service) Nudges() <-chan struct{} { return s.nudges }

func (s *Service) nudge() {
	select {
	case s.nudges <- struct{}{}:
	default: // a nudge is waiting already
	}
}
