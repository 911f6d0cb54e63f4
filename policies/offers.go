package policies

import "slices"

// Offer is rights that are new in a version of the program. An installation that starts has them in Default; one that
// exists is asked: its policy is its own, so they come to it as a draft, and nothing is given silently.
type Offer struct {
	ID    string // kept in the database: never changed, never used again
	Rules []Rule // as they stand in Default
}

// Offers lists all of them, the oldest first. Text ids "policy_offer.<id>" say what they are for.
var Offers = []Offer{
	{ID: "mailbox", Rules: []Rule{
		{UserAdministrator, Anything, ObjectMailbox, Anything, Read, Allow},
	}},
	{ID: "approval", Rules: []Rule{
		{UserAdministrator, Anything, ObjectApproval, Anything, Read, Allow},
		{PolicyAdministrator, Anything, ObjectApproval, Anything, Read, Allow},
		{DataAdministrator, Anything, ObjectApproval, Anything, Read, Allow},
		{Auditor, Anything, ObjectApproval, Anything, Read, Allow},
	}},
}

// Missing are those of its rules that a policy lacks.
func (o Offer) Missing(d Document) (rules []Rule) {
	for _, r := range o.Rules {
		if !slices.Contains(d.Rules, r) {
			rules = append(rules, r)
		}
	}
	return rules
}
