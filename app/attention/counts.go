package attention

import (
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/policies"
)

const (
	// countLife is how old a number on the badge may be. What the page lists is always as it is.
	countLife = 10 * time.Second
	// countsMax is how many people's numbers are kept, of those who looked last.
	countsMax = 10_000
)

// count is a number with all that it depends on, except what is in the database.
type count struct {
	n       int
	at      time.Time
	version int // of the policy
	roles   []policies.Role
	persons []uuid.UUID
}

func (r count) holds(c account.Caller, version int, now time.Time) bool {
	age := now.Sub(r.at)
	return age >= 0 && age < countLife && r.version == version && slices.Equal(r.roles, c.Roles) && slices.Equal(r.persons, c.For)
}

// remembered is what Count found for the caller not long ago.
func (s *Service) remembered(c account.Caller) (n int, ok bool) {
	r, ok := s.counts.Get(c.ID)
	return r.n, ok && r.holds(c, s.o.Decider.Version(), s.o.Now())
}

func (s *Service) remember(c account.Caller, n int) {
	s.counts.Add(c.ID, count{
		n: n, at: s.o.Now(), version: s.o.Decider.Version(), roles: slices.Clone(c.Roles), persons: slices.Clone(c.For),
	})
}

// Forget has Count count anew for somebody.
func (s *Service) Forget(id uuid.UUID) { s.counts.Remove(id) }
