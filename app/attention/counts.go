package attention

import (
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/policies"
)

const (
	// countLife is how long the number on the badge is cached. The lists on the page are never cached.
	countLife = 10 * time.Second
	// countsMax is the maximum number of people whose counts are cached. The most recently used ones are kept.
	countsMax = 10_000
)

// count is a cached number with everything that it depends on, except the contents of the database.
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

// remembered returns the cached result of Count for the caller.
func (s *Service) remembered(c account.Caller) (n int, ok bool) {
	r, ok := s.counts.Get(c.ID)
	return r.n, ok && r.holds(c, s.o.Decider.Version(), s.o.Now())
}

func (s *Service) remember(c account.Caller, n int) {
	s.counts.Add(c.ID, count{
		n: n, at: s.o.Now(), version: s.o.Decider.Version(), roles: slices.Clone(c.Roles), persons: slices.Clone(c.For),
	})
}

// Forget removes the cached count of a person, so that Count counts again.
func (s *Service) Forget(id uuid.UUID) { s.counts.Remove(id) }
