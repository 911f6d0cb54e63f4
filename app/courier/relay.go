package courier

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
)

// Ticket is what the relay hands to the queue: the only payload.
type Ticket struct {
	MessageID uuid.UUID
	Channel   Channel
	Run       int
	Attempt   int // attempts made so far in this run
	// Due says that no later time is appointed for its next try: a task of the message that waits is to run now.
	AtOnce bool
}

// Claim leases up to limit due messages (relay_at <= now) for lease and returns their tickets, oldest first: of all channels,
// or of the ones named. Whoever claims and then dies loses nothing: they are due again when the lease is over.
func (s *Service) Claim(ctx context.Context, limit int, lease time.Duration, channels ...Channel) ([]Ticket, error) {
	now := s.now()
	return claim(ctx, s.db, channels, limit, now, now.Add(lease))
}

// Enqueued notes that the queue has these messages: the relay looks again only after d, or later where a try is
// already appointed for later.
func (s *Service) Enqueued(ctx context.Context, ids []uuid.UUID, d time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	return postponeRelay(ctx, s.db, ids, s.now().Add(d))
}

// QueueLost makes every unsettled message, or every one of the channels named, due for the relay now: the queue was wiped, or
// did not answer for a while. A message that waits for its next try still waits for it: Deliver answers with the rest of the time.
func (s *Service) QueueLost(ctx context.Context, channels ...Channel) error {
	return relayAll(ctx, s.db, channels, s.now())
}
