package customer

import (
	"time"

	"github.com/uptrace/bun"

	"kontor/policies"
)

// Need is one kind of reason why a customer needs attention. Its value is the column of the table customer that says
// from when on; an index of that column has the customers in this order.
type Need string

// The needs.
const (
	NoAdministrator Need = "no_administrator_since" // no active specialist user administers the customer
	NoAccess        Need = "no_access_since"        // nobody has, or had, access
	OpenInvitation  Need = "invitation_at"          // the mail or SMS failed, the link expires, or the reminder period ends
)

// Needs lists them.
var Needs = []Need{NoAdministrator, NoAccess, OpenInvitation}

// Acts says which permission acting on a need takes: inviting again, determining an administrator, adding an access.
var Acts = map[Need]policies.Permission{
	OpenInvitation:  {Object: policies.ObjectAccess, Action: policies.Resend},
	NoAdministrator: {Object: policies.ObjectAuthorisation, Action: policies.Manage},
	NoAccess:        {Object: policies.ObjectAccess, Action: policies.Create},
}

// needIndexes are the indexes of the needs, for SQLite, which has no statistics to choose an index.
var needIndexes = map[Need]string{
	NoAdministrator: "customer_no_administrator", NoAccess: "customer_no_access", OpenInvitation: "customer_invitation",
}

// needs says from when on a customer needs attention; a zero time: never.
type needs struct {
	NoAdministrator bun.NullTime `bun:"no_administrator_since"`
	NoAccess        bun.NullTime `bun:"no_access_since"`
	OpenInvitation  bun.NullTime `bun:"invitation_at"` // of the first of the invitations; it may be in the future
	AttentionAt     bun.NullTime `bun:"attention_at"`  // the earliest of these
}

// needsOf computes the needs of a customer with these accesses and this number of active administrators. before is the
// previous result: a need that continues keeps its time.
func needsOf(accesses []accessState, administrators int, before needs, now time.Time, reminder time.Duration) (n needs) {
	if administrators == 0 {
		n.NoAdministrator = sinceThen(before.NoAdministrator, now)
	}
	if len(accesses) == 0 {
		n.NoAccess = sinceThen(before.NoAccess, now)
	}
	for _, a := range accesses {
		switch {
		case a.DeactivatedAt != nil, a.RegisteredAt != nil, a.Uninvited:
		case a.Undeliverable != "" || a.CodeFailed:
			n.OpenInvitation = earlier(n.OpenInvitation, sinceThen(before.OpenInvitation, now))
		default:
			n.OpenInvitation = earlier(n.OpenInvitation, moment(a.InvitedAt.Add(reminder)))
			n.OpenInvitation = earlier(n.OpenInvitation, moment(a.LinkExpiresAt))
		}
	}
	n.AttentionAt = earlier(n.OpenInvitation, earlier(n.NoAdministrator, n.NoAccess))
	return n
}

func moment(at time.Time) bun.NullTime { return bun.NullTime{Time: at.UTC()} }

// sinceThen returns the time of a need that there is now: that of before if it began earlier.
func sinceThen(before bun.NullTime, now time.Time) bun.NullTime {
	if !before.IsZero() && before.Before(now) {
		return moment(before.Time)
	}
	return moment(now)
}

// earlier returns the earlier of two times. A zero time is never.
func earlier(a, b bun.NullTime) bun.NullTime {
	if a.IsZero() || !b.IsZero() && b.Before(a.Time) {
		return b
	}
	return a
}

// equal says whether both are the same times, whatever their time zones.
func (n needs) equal(o needs) bool {
	return n.NoAdministrator.Equal(o.NoAdministrator.Time) && n.NoAccess.Equal(o.NoAccess.Time) &&
		n.OpenInvitation.Equal(o.OpenInvitation.Time) && n.AttentionAt.Equal(o.AttentionAt.Time)
}
