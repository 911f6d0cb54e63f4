package approval

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"

	"kontor/app/store"
	"kontor/policies"
)

var (
	start = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	day   = 24 * time.Hour
	anna  = uuid.Must(uuid.FromString("01a00000-0000-7000-8000-000000000001")) // proposes
	ben   = uuid.Must(uuid.FromString("01a00000-0000-7000-8000-000000000002"))
	cleo  = uuid.Must(uuid.FromString("01a00000-0000-7000-8000-000000000003"))
)

func did(w what, role policies.Role, by uuid.UUID, ago time.Duration) event {
	return event{What: w, Role: role, ByID: store.NullID(by), At: start.Add(-ago)}
}

// TestWhoDecides: who can approve a proposal that Anna made today.
func TestWhoDecides(t *testing.T) {
	const user, policy = policies.UserAdministrator, policies.PolicyAdministrator
	able := guard{ID: ben, Active: true, Password: true, Roles: []policies.Role{user}}
	with := func(change func(*guard)) guard { g := able; change(&g); return g }
	events := func(list ...event) guard { return with(func(g *guard) { g.events = list }) }
	// deeds are a guard with what they did to somebody.
	deeds := func(somebody uuid.UUID, list ...event) guard {
		for i := range list {
			list[i].AccountID = somebody
		}
		return with(func(g *guard) { g.did = list })
	}
	for _, tt := range []struct {
		name      string
		guard     guard
		concerned uuid.UUID
		now       time.Duration // since the proposal
		decides   bool
		removed   bool // counts as an account although Anna has removed them
		stops     bool
	}{
		{"a user administrator", able, uuid.Nil, 0, true, false, true},
		{"a policy administrator", with(func(g *guard) { g.Roles = []policies.Role{policy} }), uuid.Nil, 0, true, false, true},
		{"a data administrator", with(func(g *guard) { g.Roles = []policies.Role{policies.DataAdministrator} }), uuid.Nil, 0, true, false, true},
		{"an auditor changes nothing", with(func(g *guard) { g.Roles = []policies.Role{policies.Auditor} }), uuid.Nil, 0, false, false, true},
		{"nobody", with(func(g *guard) { g.Roles = nil }), uuid.Nil, 0, false, false, false},
		{"deactivated", with(func(g *guard) { g.Active = false }), uuid.Nil, 0, false, false, false},
		{"without a password", with(func(g *guard) { g.Password = false }), uuid.Nil, 0, false, false, false},
		{"the proposer", with(func(g *guard) { g.ID = anna }), uuid.Nil, 0, false, false, true},
		{"whom it concerns", able, ben, 0, false, false, true},
		{"whom it does not concern", able, cleo, 0, true, false, true},

		{"made by the proposer", events(did(made, "", anna, day)), uuid.Nil, 0, false, false, true},
		{"made by the proposer 30 days ago", events(did(made, "", anna, 30*day)), uuid.Nil, 0, true, false, true},
		{"made by the proposer 30 days ago when it is decided", events(did(made, "", anna, 28*day)), uuid.Nil, 2 * day, true, false, true},
		{"made by somebody else", events(did(made, "", cleo, day)), uuid.Nil, 0, true, false, true},
		{"made by a command", events(did(made, "", uuid.Nil, day)), uuid.Nil, 0, true, false, true},
		{"given the role by the proposer", events(did(given, user, anna, day)), uuid.Nil, 0, false, false, true},
		{"given all they have by the proposer", events(did(given, "", anna, day)), uuid.Nil, 0, false, false, true},
		{"given another role by the proposer", events(did(given, policy, anna, day)), uuid.Nil, 0, true, false, true},
		{"given the role by somebody else", events(did(given, user, cleo, day)), uuid.Nil, 0, true, false, true},
		{"given the role by somebody else since", events(did(given, user, cleo, -time.Hour)), uuid.Nil, day, false, false, true},
		{"given the role by a command since", events(did(given, user, uuid.Nil, -time.Hour)), uuid.Nil, day, false, false, true},

		{"who made the proposer", deeds(anna, did(made, "", ben, day)), uuid.Nil, 0, false, false, true},
		{"who made the proposer 30 days ago", deeds(anna, did(made, "", ben, 30*day)), uuid.Nil, 0, true, false, true},
		{"who made somebody else", deeds(cleo, did(made, "", ben, day)), uuid.Nil, 0, true, false, true},
		{"who gave the proposer a role", deeds(anna, did(given, policy, ben, day)), uuid.Nil, 0, false, false, true},
		{"who took a role from the proposer", deeds(anna, did(lost, policy, ben, day)), uuid.Nil, 0, true, false, true},
		{"who made the proposer and has nothing to gain", func() guard {
			g := deeds(anna, did(made, "", ben, day))
			g.Roles = Guarding
			return g
		}(), uuid.Nil, 0, true, false, true},

		{"deactivated by the proposer, about themselves", with(func(g *guard) { g.Active, g.events = false, []event{did(lost, user, anna, day)} }), ben, 0, false, false, false},
		{"deactivated by the proposer", with(func(g *guard) { g.Active, g.events = false, []event{did(lost, user, anna, day)} }), uuid.Nil, 0, false, true, false},
		{"deactivated by the proposer 30 days ago", with(func(g *guard) { g.Active, g.events = false, []event{did(lost, user, anna, 30*day)} }), uuid.Nil, 0, false, false, false},
		{"deactivated by somebody else", with(func(g *guard) { g.Active, g.events = false, []event{did(lost, user, cleo, day)} }), uuid.Nil, 0, false, false, false},
		{"deprived of the role by the proposer", with(func(g *guard) { g.Roles, g.events = nil, []event{did(lost, user, anna, day)} }), uuid.Nil, 0, false, true, false},
		{"an auditor deprived by the proposer", with(func(g *guard) { g.Roles, g.events = nil, []event{did(lost, policies.Auditor, anna, day)} }), uuid.Nil, 0, false, true, false},
		{"deactivated by the proposer, and whom it concerns", with(func(g *guard) { g.Active, g.events = false, []event{did(lost, user, anna, day)} }), ben, 0, false, false, false},
		{"made and deactivated by the proposer", with(func(g *guard) {
			g.Active, g.events = false, []event{did(made, "", anna, 2*day), did(lost, user, anna, day)}
		}), uuid.Nil, 0, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := Approval{ProposedBy: anna, ConcernedID: store.NullID(tt.concerned), ProposedAt: start}
			now := start.Add(tt.now)
			assert.Equal(t, tt.decides, tt.guard.decides(a, now), "decides")
			assert.Equal(t, tt.removed, tt.guard.removed(a, now), "removed")
			assert.Equal(t, tt.stops, tt.guard.stops(), "stops")
		})
	}
}

func TestExcused(t *testing.T) {
	all := guard{ID: anna, Active: true, Roles: Guarding}
	most := guard{ID: ben, Active: true, Roles: Guarding[:3]}
	gone := guard{ID: cleo, Roles: Guarding}
	for id, want := range map[uuid.UUID]bool{anna: true, ben: false, cleo: false, uuid.Nil: false} {
		assert.Equal(t, want, excused([]guard{all, most, gone}, id), id)
	}
}

// TestSides: accounts of which one made the other count as one person, whichever of them proposes, removes or gains
// something.
func TestSides(t *testing.T) {
	const user = policies.UserAdministrator
	deed := func(w what, whom, by uuid.UUID, ago time.Duration) event {
		return event{AccountID: whom, What: w, Role: user, ByID: store.NullID(by), At: start.Add(-ago)}
	}
	// Anna made Cleo. Ben can decide. Dora is anybody else.
	dora := uuid.Must(uuid.FromString("01a00000-0000-7000-8000-000000000004"))
	annaMadeCleo := deed(made, cleo, anna, day)
	for _, tt := range []struct {
		name             string
		events           []event
		all              uuid.UUID // holds every guarding role
		by               uuid.UUID
		kind             Kind
		concerned        uuid.UUID
		decides, removed bool
	}{
		{"nothing between them", nil, uuid.Nil, cleo, Roles, uuid.Nil, true, false},
		{"another made by the same", []event{annaMadeCleo, deed(made, ben, anna, day)}, uuid.Nil, cleo, Roles, uuid.Nil, false, false},
		{"by way of two", []event{annaMadeCleo, deed(made, dora, cleo, day), deed(made, ben, dora, day)}, uuid.Nil, anna, Roles, uuid.Nil, false, false},
		{"another made by the same, 30 days ago", []event{deed(made, cleo, anna, 30*day), deed(made, ben, anna, day)}, uuid.Nil, cleo, Roles, uuid.Nil, true, false},
		{"another made by who holds every role", []event{annaMadeCleo, deed(made, ben, anna, day)}, anna, cleo, Roles, uuid.Nil, true, false},
		{"given the role by the proposer's maker", []event{annaMadeCleo, deed(given, ben, anna, day)}, uuid.Nil, cleo, Roles, uuid.Nil, false, false},
		{"removed by the proposer's maker", []event{annaMadeCleo, deed(lost, ben, anna, day)}, uuid.Nil, cleo, Roles, uuid.Nil, true, true},
		{"removed by somebody else", []event{annaMadeCleo, deed(lost, ben, dora, day)}, uuid.Nil, cleo, Roles, uuid.Nil, true, false},
		{"an access for who made them", []event{deed(made, ben, anna, day)}, uuid.Nil, dora, AccessOfOwn, anna, false, false},
		{"an access for whom they made", []event{deed(made, anna, ben, day)}, uuid.Nil, dora, AccessOfOwn, anna, false, false},
		{"an access for who removed them", []event{deed(lost, ben, anna, day)}, uuid.Nil, dora, AccessOfOwn, anna, true, true},
		{"roles for whom they made", []event{deed(made, anna, ben, day)}, uuid.Nil, dora, Roles, anna, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			people := []guard{{ID: ben, Active: true, Password: true, Roles: []policies.Role{user}}}
			if tt.all != uuid.Nil {
				people = append(people, guard{ID: tt.all, Active: true, Password: true, Roles: Guarding})
			}
			g := people[0]
			g.sides = sidesOf(tt.events, people, start)
			for _, e := range tt.events {
				if e.AccountID == ben {
					g.events = append(g.events, e)
				}
				if e.ByID.UUID == ben {
					g.did = append(g.did, e)
				}
			}
			a := Approval{Kind: tt.kind, ProposedBy: tt.by, ConcernedID: store.NullID(tt.concerned), ProposedAt: start}
			assert.Equal(t, tt.decides, g.decides(a, start), "decides")
			assert.Equal(t, tt.removed, g.removed(a, start), "removed")
		})
	}
}
