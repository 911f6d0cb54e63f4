// Package approval is the only mechanism for actions that need a second person. One person proposes an action. Another
// person approves it, who held a guarding role before and did not get it from the proposer. Everybody who holds a
// guarding role can stop it. If nobody can approve a proposal, it takes effect after a waiting time; everybody
// concerned is told so by mail.
//
// Who may decide depends only on facts (who holds which role, given by whom and when), never on the policy: a policy
// administrator must not be able to abolish the second person.
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

// Kind says what is proposed.
type Kind string

// The kinds; locale keys "approval.<kind>".
const (
	PolicyChange Kind = "policy"       // publishing a draft
	Roles        Kind = "roles"        // roles for an account
	Reactivation Kind = "reactivation" // reactivating an account with guarding roles
	AccessOfOwn  Kind = "access"       // an end user's access for the address of a specialist user
	// These kinds are for a person whose account the proposer made recently.
	Assignment Kind = "assignment" // to customers or transactions
	Handover   Kind = "handover"   // taking over all assignments of somebody
	Deputy     Kind = "deputy"     // standing in for somebody
)

// kinds lists all kinds.
var kinds = []Kind{PolicyChange, Roles, Reactivation, AccessOfOwn, Assignment, Handover, Deputy}

// several are the kinds that somebody may propose more than once about the same person.
var several = []Kind{Assignment, Handover, Deputy}

// State is the state of a proposal; locale keys "approval_state.<state>".
type State string

// The states. Passed means that it took effect after the waiting time without an approval. Void means that it became
// pointless, or that its proposer lost the right to it.
const (
	Waiting  State = "waiting"
	Approved State = "approved"
	Passed   State = "passed"
	Stopped  State = "stopped"
	Expired  State = "expired"
	Void     State = "void"
)

// Approval is a proposal and its result.
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

// Read decodes the detail into the type that the feature proposed.
func (a Approval) Read(into any) error { return json.Unmarshal([]byte(a.Detail), into) }

// about says whether the account made the proposal or is the one that it concerns.
func (a Approval) about(id uuid.UUID) bool {
	return id == a.ProposedBy || a.ConcernedID.Valid && id == a.ConcernedID.UUID
}

// Proposal is what a feature proposes.
type Proposal struct {
	Kind        Kind
	SubjectID   uuid.UUID // the account or access; Nil for a policy
	CustomerID  uuid.UUID // the proposal is deleted with this customer
	ConcernedID uuid.UUID // the account that would gain something; Nil when there is none
	Subject     string    // a name for display
	Detail      any       // JSON for Apply
	Why         string
}

// Life is how long a proposal waits for a second person.
const Life = 7 * 24 * time.Hour

// apart is a period after one person made another's account, or gave them a guarding role or took one from them. During
// that period the other person does not count as independent of the first.
const apart = 30 * 24 * time.Hour

// Guarding are the roles that guard the system. Their holders are told of proposals and can stop them.
var Guarding = []policies.Role{
	policies.UserAdministrator, policies.PolicyAdministrator, policies.DataAdministrator, policies.Auditor,
}

// deciding are the guarding roles whose holders can approve. Auditors change nothing, so they cannot.
var deciding = Guarding[:3]

// Guards says whether at least one of the roles is a guarding role.
func Guards(roles []policies.Role) bool { return len(GuardsAmong(roles)) > 0 }

// GuardsAll says whether roles contains all guarding roles. A person who holds them all has nothing to gain.
func GuardsAll(roles []policies.Role) bool { return len(GuardsAmong(roles)) == len(Guarding) }

// GuardsAmong returns those of the roles that are guarding roles.
func GuardsAmong(roles []policies.Role) (out []policies.Role) {
	for _, r := range roles {
		if slices.Contains(Guarding, r) {
			out = append(out, r)
		}
	}
	return out
}

var (
	// ErrNotFound says that an approval does not exist or that the caller may not see it.
	ErrNotFound = fault.New(fault.NotFound, "approval.not_found")
	// ErrSettled says that a proposal is already decided or has expired.
	ErrSettled = fault.New(fault.Conflict, "approval.settled")
	// ErrNotYours says that the caller is not a second person who can approve the proposal.
	ErrNotYours = fault.New(fault.Forbidden, "approval.not_yours")
	// ErrAsked is returned by a feature that has proposed what the caller asked for instead of doing it.
	ErrAsked = fault.New(fault.Conflict, "approval.asked")
	// ErrVoid is returned by Apply when the proposal has become pointless.
	ErrVoid = fault.New(fault.Conflict, "approval.void")
)

// event records that the account of a holder, or former holder, of guarding roles was made, or gained or lost a role.
type event struct {
	bun.BaseModel `bun:"table:guard_event"`

	ID        uuid.UUID     `bun:"id,pk"`
	AccountID uuid.UUID     `bun:"account_id"`
	What      what          `bun:"what"`
	Role      policies.Role `bun:"role"` // "" means every role
	ByID      uuid.NullUUID `bun:"by_id"`
	At        time.Time     `bun:"at"`
}

type what string

const (
	made  what = "made"
	given what = "given"
	lost  what = "lost"
)

// guard is a specialist user who holds guarding roles, or lost one recently.
type guard struct {
	ID          uuid.UUID
	Name, Email string
	Locale      string
	Active      bool
	Password    bool // has a password, so can sign in
	Roles       []policies.Role
	events      []event // what happened to the guard within the last apart + Life
	did         []event // what the guard did to others in that time
	sides       sides
}

// sides groups accounts that count as one person: one of them made the other within apart, directly or through further
// accounts. It maps each account to one account that represents its group. An account that holds every guarding role
// has nothing to gain from the accounts it makes, so it joins no group.
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

// proposing says whether the account counts as one person with the proposer. An access may be proposed in the name of
// an end user, or of somebody who invited the person long ago. So for an access, the account that it concerns counts as
// proposer as well.
func (s sides) proposing(a Approval, id uuid.UUID) bool {
	return s.of(id) == s.of(a.ProposedBy) || a.Kind == AccessOfOwn && a.ConcernedID.Valid && s.of(id) == s.of(a.ConcernedID.UUID)
}

// tied says whether the proposing side did w to the guard within apart.
func (g guard) tied(a Approval, now time.Time, w what) bool {
	return slices.ContainsFunc(g.events, func(e event) bool {
		return e.What == w && e.ByID.Valid && g.sides.proposing(a, e.ByID.UUID) && e.At.After(now.Add(-apart))
	})
}

// holds says whether the guard has a deciding role that counts for a proposal. The guard must have had it before the
// proposal, and the proposing side must not have given it within apart.
func (g guard) holds(a Approval, now time.Time) bool {
	return slices.ContainsFunc(g.Roles, func(r policies.Role) bool {
		return slices.Contains(deciding, r) && !slices.ContainsFunc(g.events, func(e event) bool {
			byProposer := e.ByID.Valid && g.sides.proposing(a, e.ByID.UUID) && e.At.After(now.Add(-apart))
			return e.What == given && (e.Role == r || e.Role == "") && (byProposer || !e.At.Before(a.ProposedAt))
		})
	})
}

// put says whether the guard made an account of the proposing side, or gave it a guarding role, within apart. Otherwise
// the two could approve each other's proposals. It does not apply to a guard who holds every guarding role and so has
// nothing to gain.
func (g guard) put(a Approval, now time.Time) bool {
	return !g.all() && slices.ContainsFunc(g.did, func(e event) bool {
		return e.What != lost && g.sides.proposing(a, e.AccountID) && e.At.After(now.Add(-apart))
	})
}

// all says whether the guard holds every guarding role.
func (g guard) all() bool { return g.Active && GuardsAll(g.Roles) }

// decides says whether the guard can approve a proposal as the second person.
func (g guard) decides(a Approval, now time.Time) bool {
	own := a.about(g.ID) || g.sides.proposing(a, g.ID) || g.tied(a, now, made) || g.put(a, now)
	return g.Active && g.Password && !own && g.holds(a, now)
}

// removed says whether the proposing side took a guarding role from the guard. Then the proposal waits as if the guard
// could still decide it.
func (g guard) removed(a Approval, now time.Time) bool {
	return !a.about(g.ID) && g.tied(a, now, lost) && !g.tied(a, now, made)
}

// stops says whether the guard may stop a proposal.
func (g guard) stops() bool { return g.Active && g.Password && Guards(g.Roles) }

// waitsForSomebody says whether a second person exists for a proposal. Then it never takes effect without an approval.
func waitsForSomebody(guards []guard, a Approval, now time.Time) bool {
	return slices.ContainsFunc(guards, func(g guard) bool { return g.decides(a, now) || g.removed(a, now) })
}

// excused says whether an account holds every guarding role, and so has nothing to gain.
func excused(guards []guard, id uuid.UUID) bool {
	return slices.ContainsFunc(guards, func(g guard) bool { return g.ID == id && g.all() })
}
