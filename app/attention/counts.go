package attention

import (
	"slices"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/policies"
)

const (
	// countLife is how old a number on the badge may be. What the page lists is always as it is.
	countLife = 10 * time.Second
	// countsMax is how many people's numbers are kept.
	countsMax = 10_000
)

// counts remembers what Count found, for people for whom it takes long.
type counts struct {
	mu sync.Mutex
	of map[uuid.UUID]remembered
}

// remembered is a number with all that it depends on, except what is in the database.
type remembered struct {
	n       int
	at      time.Time
	version int // of the policy
	roles   []policies.Role
	persons []uuid.UUID
}

func (r remembered) holds(c account.Caller, version int, now time.Time) bool {
	age := now.Sub(r.at)
	return age >= 0 && age < countLife && r.version == version && slices.Equal(r.roles, c.Roles) && slices.Equal(r.persons, c.For)
}

func (m *counts) get(c account.Caller, version int, now time.Time) (n int, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.of[c.ID]
	return r.n, ok && r.holds(c, version, now)
}

func (m *counts) put(c account.Caller, version int, now time.Time, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil || len(m.of) >= countsMax {
		m.of = map[uuid.UUID]remembered{}
	}
	m.of[c.ID] = remembered{n: n, at: now, version: version, roles: slices.Clone(c.Roles), persons: slices.Clone(c.For)}
}

func (m *counts) forget(id uuid.UUID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, id)
}
