package attention

import (
	"fmt"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/approval"
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
	rights  []policies.Scope
	roles   []policies.Role
	persons []uuid.UUID
}

func (r count) holds(c account.Caller, now time.Time) bool {
	age := now.Sub(r.at)
	return age >= 0 && age < r.life && slices.Equal(r.roles, c.Roles) && slices.Equal(r.persons, c.For)
}

// kept returns the number that is kept for the caller. A new version of the policy that changes none of the rights on
// which the number depends leaves it as it is, except for those who count what a version settles: the new rights that are
// offered to who may change policies, and the proposals that guards of the system decide.
func (s *Service) kept(c account.Caller) (n int, ok bool) {
	r, ok := s.counts.Get(c.ID)
	if !ok || !r.holds(c, s.o.Now()) {
		return 0, false
	}
	if r.version == s.o.Decider.Version() {
		return r.n, true
	}
	rights, err := s.rights(c)
	same := err == nil && slices.EqualFunc(rights, r.rights, policies.Scope.Equal)
	return r.n, same && rights[slices.Index(Sections, Rights)].Nothing() && !approval.Guards(c.Roles)
}

// rights returns what the caller may act on in each section.
func (s *Service) rights(c account.Caller) ([]policies.Scope, error) {
	all := make([]policies.Scope, len(Sections))
	for i, section := range Sections {
		if _, some := permissions[section]; !some {
			continue
		}
		var err error
		if all[i], err = s.scope(c, section); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// begin returns a count before it is counted.
func (s *Service) begin(c account.Caller) (r count, err error) {
	r = count{at: s.o.Now(), version: s.o.Decider.Version(), roles: slices.Clone(c.Roles), persons: slices.Clone(c.For)}
	r.rights, err = s.rights(c)
	return r, err
}

// keep keeps a number whose count was begun as r, unless Forget was called or a policy was published meanwhile.
func (s *Service) keep(c account.Caller, n int, r count) {
	if s.o.Decider.Version() != r.version {
		return
	}
	if k, ok := s.counts.Get(c.ID); ok && k.life == 0 && k.at.After(r.at) {
		return
	}
	now := s.o.Now()
	r.n, r.at, r.life = n, now, max(countLife, countRest*now.Sub(r.at))
	s.counts.Add(c.ID, r)
}

// saw corrects the number that is kept for the caller after the page has shown n entries of all there are, or of more. r was
// begun before.
func (s *Service) saw(c account.Caller, r count, n int, more bool) {
	if !more {
		s.keep(c, min(n, countCap), r)
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
