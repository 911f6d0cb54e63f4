package attention

import (
	"fmt"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/policies"
)

const (
	// countLife is how long the number on the badge is kept at least. The lists on the page are never kept.
	countLife = 10 * time.Second
	// countRest is how many times as long as it took to count a number is kept. So however long it takes, and on a busy
	// database it takes longer, the number of one person takes no more than a thousandth of a processor.
	countRest = 1000
	// countsMax is the maximum number of people whose numbers are kept. The most recently used ones are.
	countsMax = 10_000
)

// count is a number with everything that it depends on, except the contents of the database.
type count struct {
	n       int
	at      time.Time
	life    time.Duration // 0: it was forgotten
	version int           // of the policy
	roles   []policies.Role
	persons []uuid.UUID
}

func (r count) holds(c account.Caller, version int, now time.Time) bool {
	age := now.Sub(r.at)
	return age >= 0 && age < r.life && r.version == version && slices.Equal(r.roles, c.Roles) && slices.Equal(r.persons, c.For)
}

// kept returns the number that is kept for the caller.
func (s *Service) kept(c account.Caller) (n int, ok bool) {
	r, ok := s.counts.Get(c.ID)
	return r.n, ok && r.holds(c, s.o.Decider.Version(), s.o.Now())
}

// keep keeps a number that began to be counted at a time, unless Forget was called meanwhile.
func (s *Service) keep(c account.Caller, n int, began time.Time) {
	if r, ok := s.counts.Get(c.ID); ok && r.life == 0 && r.at.After(began) {
		return
	}
	now := s.o.Now()
	s.counts.Add(c.ID, count{
		n: n, at: now, life: max(countLife, countRest*now.Sub(began)), version: s.o.Decider.Version(), roles: slices.Clone(c.Roles), persons: slices.Clone(c.For),
	})
}

// saw corrects the number that is kept for the caller after the page has shown n entries of all there are, or of more.
func (s *Service) saw(c account.Caller, n int, more bool) {
	if !more {
		s.keep(c, min(n, countCap), s.o.Now())
	} else if k, ok := s.kept(c); ok && k <= n {
		s.Forget(c.ID)
	}
}

// Forget removes the number that is kept for a person, so that Count counts again. A number that is being counted is not
// kept either.
func (s *Service) Forget(id uuid.UUID) {
	s.counts.Add(id, count{at: s.o.Now()})
}

// countKey names the number of a caller while it is being counted, with everything that it depends on. After Forget it is
// another one.
func (s *Service) countKey(c account.Caller) string {
	r, _ := s.counts.Get(c.ID)
	return fmt.Sprint(c.ID, c.Roles, c.For, s.o.Decider.Version(), r.at)
}
