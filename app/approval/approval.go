// Package approval is the one mechanism for what takes a second person. Somebody proposes; somebody else, who held a
// guarding role before and was not put there by the proposer, approves; anybody who holds a guarding role can stop it.
// Where nobody can approve it, it takes effect after a wait of which everybody concerned is told by mail.
//
// Who may decide follows from facts alone (who holds which role, given by whom and when), never from the policy: a
// policy administrator must not be able to take the second person out of the way.
package approval

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/fault"
	"kontor/policies"
)

// Kind is what is proposed.
type Kind string

// The kinds; locale keys "approval.<kind>".
const (
	PolicyChange Kind = "policy"       // a draft that is to be published
	Roles        Kind = "roles"        // roles for an account
	Reactivation Kind = "reactivation" // of an account with guarding roles
	AccessOfOwn  Kind = "access"       // an end user's access for the address of a specialist user
	// These are for somebody whose account the proposer made lately.
	Assignment Kind = "assignment" // to customers or transactions
	Handover   Kind = "handover"   // of all assignments of somebody
	Deputy     Kind = "deputy"     // for somebody
)

// Kinds lists them.
var Kinds = []Kind{PolicyChange, Roles, Reactivation, AccessOfOwn, Assignment, Handover, Deputy}

// several are those of which somebody may propose more than one about the same person.
var several = []Kind{Assignment, Handover, Deputy}

// State is what became of a proposal; locale keys "approval_state.<state>".
type State string

// The states. Void: it had lost its point, or its proposer the right to it.
const (
	Waiting  State = "waiting"
	Approved State = "approved"
	Passed   State = "passed"
	Stopped  State = "stopped"
	Expired  State = "expired"
	Void     State = "void"
)

// States lists them.
var States = []State{Waiting, Approved, Passed, Stopped, Expired, Void}

// Approval is a proposal and what became of it.
type Approval struct {
	bun.BaseModel `bun:"table:approval"`

	ID          uuid.UUID     `bun:"id,pk"`
	Kind        Kind          `bun:"kind"`
	SubjectID   uuid.NullUUID `bun:"subject_id"`
	CustomerID  uuid.NullUUID `bun:"customer_id"`
	ConcernedID uuid.NullUUID `bun:"concerned_id"`
	Subject     string        `bun:"subject"`
	Detail      string        `bun:"detail"`
	Why         string        `bun:"why"`
	ProposedBy  uuid.UUID     `bun:"proposed_by"`
	Proposer    string        `bun:"proposer"`
	ProposedAt  time.Time     `bun:"proposed_at"`
	ExpiresAt   time.Time     `bun:"expires_at"`
	PassesAt    *time.Time    `bun:"passes_at"`
	State       State         `bun:"state"`
	DecidedBy   uuid.NullUUID `bun:"decided_by"`
	Decider     string        `bun:"decider"`
	DecidedAt   *time.Time    `bun:"decided_at"`
}

// Read reads the detail into what its feature proposed.
func (a Approval) Read(into any) error { return json.Unmarshal([]byte(a.Detail), into) }

// about says whether somebody made the proposal, or is whom it concerns.
func (a Approval) about(id uuid.UUID) bool {
	return id == a.ProposedBy || a.ConcernedID.Valid && id == a.ConcernedID.UUID
}

// Proposal is what a feature proposes.
type Proposal struct {
	Kind        Kind
	SubjectID   uuid.UUID // the account or access; Nil for a policy
	CustomerID  uuid.UUID // the proposal goes with this customer
	ConcernedID uuid.UUID // the account that would get something; Nil when there is none
	Subject     string    // a name for people
	Detail      any       // JSON for Apply
	Why         string
}

// Life is how long a proposal waits for a second person.
const Life = 7 * 24 * time.Hour

// apart is how long who was made, given a guarding role or deprived of one by somebody does not count as a person of
// their own beside them.
const apart = 30 * 24 * time.Hour

// Guarding are the roles that guard the system: who holds one is told of proposals and can stop them.
var Guarding = []policies.Role{
	policies.UserAdministrator, policies.PolicyAdministrator, policies.DataAdministrator, policies.Auditor,
}

// deciding are those whose holders approve. Auditors change nothing.
var deciding = Guarding[:3]

// Guards says whether one of the roles is a guarding one.
func Guards(roles []policies.Role) bool { return len(GuardsAmong(roles)) > 0 }

// GuardsAll says whether all of the guarding roles are among the roles: who holds them has nothing to gain.
func GuardsAll(roles []policies.Role) bool { return len(GuardsAmong(roles)) == len(Guarding) }

// GuardsAmong are the guarding ones of the roles.
func GuardsAmong(roles []policies.Role) (out []policies.Role) {
	for _, r := range roles {
		if slices.Contains(Guarding, r) {
			out = append(out, r)
		}
	}
	return out
}

var (
	// ErrNotFound is the answer to an approval that is not there, or not the caller's to see.
	ErrNotFound = fault.New(fault.NotFound, "approval.not_found")
	// ErrSettled is the answer to deciding what is decided, or has expired.
	ErrSettled = fault.New(fault.Conflict, "approval.settled")
	// ErrNotYours says that the caller is not the second person that it takes.
	ErrNotYours = fault.New(fault.Forbidden, "approval.not_yours")
	// ErrAsked is what a feature says when it did not do what the caller asked for but proposed it.
	ErrAsked = fault.New(fault.Conflict, "approval.asked")
	// ErrVoid is what Apply returns when the proposal has lost its point.
	ErrVoid = fault.New(fault.Conflict, "approval.void")
)

// event is a fact about somebody who holds a guarding role, or held one.
type event struct {
	bun.BaseModel `bun:"table:guard_event"`

	ID        uuid.UUID     `bun:"id,pk"`
	AccountID uuid.UUID     `bun:"account_id"`
	What      what          `bun:"what"`
	Role      policies.Role `bun:"role"` // "" is every role
	ByID      uuid.NullUUID `bun:"by_id"`
	At        time.Time     `bun:"at"`
}

type what string

const (
	made  what = "made"
	given what = "given"
	lost  what = "lost"
)

// guard is a specialist user who holds guarding roles, or lost one lately.
type guard struct {
	ID          uuid.UUID
	Name, Email string
	Locale      string
	Active      bool
	Password    bool // has one, so can sign in
	Roles       []policies.Role
	events      []event // since Life and apart ago
	did         []event // of these, what the guard did to others
	sides       sides
}

// sides says who counts as one: accounts of which one made the other within apart, and so on from each to the next, each
// with the same one of them. Who holds every guarding role has nothing to gain by whom they make, and joins nobody.
type sides map[uuid.UUID]uuid.UUID

func sidesOf(events []event, guards []guard, now time.Time) sides {
	s := sides{}
	for _, e := range events {
		if e.What != made || !e.ByID.Valid || !e.At.After(now.Add(-apart)) || excused(guards, e.ByID.UUID) {
			continue
		}
		from, to := s.of(e.AccountID), s.of(e.ByID.UUID)
		s[e.AccountID], s[e.ByID.UUID] = from, to
		for id, side := range s {
			if side == from {
				s[id] = to
			}
		}
	}
	return s
}

func (s sides) of(id uuid.UUID) uuid.UUID {
	if side, ok := s[id]; ok {
		return side
	}
	return id
}

// proposing says whether somebody counts as one with who made a proposal. An access may be held in the name of an end user,
// or of who invited one long ago: it is for whom it concerns.
func (s sides) proposing(a Approval, id uuid.UUID) bool {
	return s.of(id) == s.of(a.ProposedBy) || a.Kind == AccessOfOwn && a.ConcernedID.Valid && s.of(id) == s.of(a.ConcernedID.UUID)
}

// tied says whether the proposing side did this to the guard within apart.
func (g guard) tied(a Approval, now time.Time, w what) bool {
	return slices.ContainsFunc(g.events, func(e event) bool {
		return e.What == w && e.ByID.Valid && g.sides.proposing(a, e.ByID.UUID) && e.At.After(now.Add(-apart))
	})
}

// holds says whether the guard has a deciding role that counts for a proposal: had before it was made, and not given by
// the proposing side within apart.
func (g guard) holds(a Approval, now time.Time) bool {
	return slices.ContainsFunc(g.Roles, func(r policies.Role) bool {
		return slices.Contains(deciding, r) && !slices.ContainsFunc(g.events, func(e event) bool {
			byProposer := e.ByID.Valid && g.sides.proposing(a, e.ByID.UUID) && e.At.After(now.Add(-apart))
			return e.What == given && (e.Role == r || e.Role == "") && (byProposer || !e.At.Before(a.ProposedAt))
		})
	})
}

// put says whether the guard made somebody of the proposing side, or gave them a guarding role, within apart: else the two
// would take turns at proposing. Who holds every guarding role has nothing to gain by it.
func (g guard) put(a Approval, now time.Time) bool {
	return !g.all() && slices.ContainsFunc(g.did, func(e event) bool {
		return e.What != lost && g.sides.proposing(a, e.AccountID) && e.At.After(now.Add(-apart))
	})
}

// all says whether the guard holds every guarding role.
func (g guard) all() bool { return g.Active && GuardsAll(g.Roles) }

// decides says whether the guard is the second person that a proposal takes.
func (g guard) decides(a Approval, now time.Time) bool {
	own := a.about(g.ID) || g.sides.proposing(a, g.ID) || g.tied(a, now, made) || g.put(a, now)
	return g.Active && g.Password && !own && g.holds(a, now)
}

// removed says whether the proposing side took the guard out of the way: then the proposal waits as if the guard were there.
func (g guard) removed(a Approval, now time.Time) bool {
	return !a.about(g.ID) && g.tied(a, now, lost) && !g.tied(a, now, made)
}

// stops says whether the guard may stop a proposal.
func (g guard) stops() bool { return g.Active && g.Password && Guards(g.Roles) }

// waitsForSomebody says whether there is a second person for a proposal, so that it never takes effect by itself.
func waitsForSomebody(guards []guard, a Approval, now time.Time) bool {
	return slices.ContainsFunc(guards, func(g guard) bool { return g.decides(a, now) || g.removed(a, now) })
}

// excused says whether somebody holds every guarding role, and so has nothing to gain.
func excused(guards []guard, id uuid.UUID) bool {
	return slices.ContainsFunc(guards, func(g guard) bool { return g.ID == id && g.all() })
}
