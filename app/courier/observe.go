package courier

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/store"
)

// Attempted is a channel, and the outcome of an attempt on it.
type Attempted struct {
	Channel Channel
	Outcome Outcome
}

// noteAttempt counts an attempt for Attempts.
func (s *Service) noteAttempt(a Attempted) {
	s.attemptsMu.Lock()
	defer s.attemptsMu.Unlock()
	s.attempts[a]++
}

// Attempts returns how many attempts this process has made since it started. Every channel and possible outcome has an
// entry, even if its count is 0.
func (s *Service) Attempts() map[Attempted]uint64 {
	counts := map[Attempted]uint64{}
	for _, c := range []Channel{Email, SMS} {
		for _, o := range []Outcome{Accepted, Temporary, Permanent} {
			counts[Attempted{c, o}] = 0
		}
	}
	s.attemptsMu.Lock()
	defer s.attemptsMu.Unlock()
	for a, n := range s.attempts {
		counts[a] = n
	}
	return counts
}

// Waiting describes the unsettled messages of a channel.
type Waiting struct {
	Messages map[State]int // unsettled messages
	Oldest   time.Time     // when the oldest of them was created; zero if there is none
	Due      time.Time     // the earliest time at which one is to be tried, or its attempt is to be over; zero if there is none
}

// Outbox returns what waits on each channel. It reads only unsettled messages.
func Outbox(ctx context.Context, db *store.DB) (map[Channel]Waiting, error) {
	var rows []struct {
		Channel Channel `bun:"channel"`
		State   State   `bun:"state"`
		N       int     `bun:"n"`
	}
	err := db.NewSelect().Model((*Message)(nil)).Column("channel", "state").ColumnExpr("count(*) AS n").
		Where("relay_at IS NOT NULL").Group("channel", "state").Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	all := map[Channel]Waiting{}
	for _, r := range rows {
		if all[r.Channel].Messages == nil {
			w := Waiting{Messages: map[State]int{}}
			var err error
			if w.Oldest, err = oldestWaiting(ctx, db, r.Channel); err != nil {
				return nil, err
			}
			if w.Due, err = firstDue(ctx, db, r.Channel); err != nil {
				return nil, err
			}
			all[r.Channel] = w
		}
		all[r.Channel].Messages[r.State] = r.N
	}
	return all, nil
}

func oldestWaiting(ctx context.Context, db bun.IDB, c Channel) (at time.Time, err error) {
	err = db.NewSelect().Model((*Message)(nil)).Column("created_at").Where("channel = ?", c).Where("relay_at IS NOT NULL").
		Order("created_at").Limit(1).Scan(ctx, &at)
	if store.IsNoRows(err) {
		return time.Time{}, nil
	}
	return at, err
}

// firstDue returns the earliest time at which a message is to be tried. A message that is being sent is due when the
// lease of its attempt ends.
func firstDue(ctx context.Context, db bun.IDB, c Channel) (at time.Time, err error) {
	var row struct {
		LeaseUntil *time.Time `bun:"lease_until"`
		NextAt     *time.Time `bun:"next_at"`
		CreatedAt  time.Time  `bun:"created_at"`
	}
	err = db.NewSelect().Model((*Message)(nil)).Column("lease_until", "next_at", "created_at").
		Where("channel = ?", c).Where("relay_at IS NOT NULL").
		OrderExpr("COALESCE(lease_until, next_at, created_at)").Limit(1).Scan(ctx, &row)
	switch {
	case store.IsNoRows(err):
		return time.Time{}, nil
	case row.LeaseUntil != nil:
		return *row.LeaseUntil, err
	case row.NextAt != nil:
		return *row.NextAt, err
	}
	return row.CreatedAt, err
}

// Failing returns the channels that are in trouble (see Trouble), and since when.
func Failing(ctx context.Context, db *store.DB) (map[Channel]time.Time, error) {
	list, err := troubles(ctx, db)
	since := map[Channel]time.Time{}
	for _, t := range list {
		since[t.Channel] = t.Since
	}
	return since, err
}
