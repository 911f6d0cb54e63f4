package courier

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
)

// Ticket is what the relay hands to the queue. The queue holds no other data.
type Ticket struct {
	MessageID uuid.UUID
	Channel   Channel
	Run       int
	Attempt   int // attempts made so far in this run
	// AtOnce says that the message is due now. If the queue holds a task of the message that waits for a later time,
	// that task must run now.
	AtOnce bool
	// Claimed is until when the message is claimed.
	Claimed time.Time
}

// Claim leases up to limit due messages (relay_at <= now) for lease, and returns their tickets, oldest first. It claims
// messages of all channels, or of the named ones. If the caller dies after that, the messages are due again when the
// lease ends.
func (s *Service) Claim(ctx context.Context, limit int, lease time.Duration, channels ...Channel) ([]Ticket, error) {
	now := s.now()
	until := now.Add(lease)
	got, err := claim(ctx, s.db, due(s.db, channels, now).Limit(int64(limit)), until)
	return tickets(got, now, until), err
}

// tickets returns the tickets of claimed messages, oldest first.
func tickets(claimed []Message, now, until time.Time) []Ticket {
	slices.SortFunc(claimed, func(a, b Message) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	list := make([]Ticket, len(claimed))
	for i, m := range claimed {
		list[i] = Ticket{
			MessageID: m.ID, Channel: m.Channel, Run: m.Run, Attempt: m.Attempts, AtOnce: m.NextAt == nil || !m.NextAt.After(now), Claimed: until,
		}
	}
	return list
}

// Enqueued records that the queue holds these messages, which were claimed until then. The relay looks at them again after
// d. Nothing is changed of those to which something has happened since.
func (s *Service) Enqueued(ctx context.Context, ids []uuid.UUID, claimed time.Time, d time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	return postponeRelay(ctx, s.db, ids, claimed, s.now().Add(d))
}

// QueueLost makes every unsettled message due for the relay now, of all channels or of the named ones, because the
// queue was wiped or did not answer for a while. A message that waits for its next try still waits for it: Deliver
// returns the remaining time.
func (s *Service) QueueLost(ctx context.Context, channels ...Channel) error {
	return relayAll(ctx, s.db, channels, s.now())
}
