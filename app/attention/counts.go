package attention

import (
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/policies"
)

const (
	// countLife is how long the number on the badge is kept. The lists on the page are never kept.
	countLife = 10 * time.Second
	// countsMax is the maximum number of people whose numbers are kept. The most recently used ones are.
	countsMax = 10_000
)

// count is a number with everything that it depends on, except the contents of the database.
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

// kept returns the number that is kept for the caller.
func (s *Service) kept(c account.Caller) (n int, ok bool) {
	r, ok := s.counts.Get(c.ID)
	return r.n, ok && r.holds(c, s.o.Decider.Version(), s.o.Now())
}

func (s *Service) keep(c account.Caller, n int) {
	s.counts.Add(c.ID, count{
		n: n, at: s.o.Now(), version: s.o.Decider.Version(), roles: slices.Clone(c.Roles), persons: slices.Clone(c.For),
	})
}

// saw corrects the number that is kept for the caller after the page has shown n entries of all there are, or of more.
func (s *Service) saw(c account.Caller, n int, more bool) {
	if !more {
		s.keep(c, min(n, countCap))
	} else if k, ok := s.kept(c); ok && k <= n {
		s.Forget(c.ID)
	}
}

// Forget removes the number that is kept for a person, so that Count counts again.
func (s *Service) Forget(id uuid.UUID) { s.counts.Remove(id) }
