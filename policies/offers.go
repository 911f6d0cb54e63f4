package policies

import "slices"

// Offer is a set of rights that are new in a version of the program. A new installation has them in Default. An
// existing installation keeps its own policy, so the rights come to it as a draft: nothing is given silently.
type Offer struct {
	ID    string // stored in the database: never changed and never reused
	Rules []Rule // exactly as in Default
}

// Offers lists all offers, oldest first. The text ids "policy_offer.<id>" say what they are for.
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
	{ID: "views", Rules: []Rule{
		{UserAdministrator, Anything, ObjectView, Anything, Share, Allow},
	}},
	{ID: "audit_export", Rules: []Rule{
		{Auditor, Anything, ObjectAudit, Anything, Export, Allow},
	}},
	{ID: "customer_import", Rules: []Rule{
		{UserAdministrator, Anything, ObjectCustomer, Anything, Import, Allow},
		{DataAdministrator, Anything, ObjectCustomer, Anything, Import, Allow},
	}},
	{ID: "customer_export", Rules: []Rule{
		{UserAdministrator, Anything, ObjectCustomer, Anything, Export, Allow},
		{DataAdministrator, Anything, ObjectCustomer, Anything, Export, Allow},
	}},
	{ID: "transaction_export", Rules: []Rule{
		{UserAdministrator, Anything, ObjectTransaction, Anything, Export, Allow},
		{DataAdministrator, Anything, ObjectTransaction, Anything, Export, Allow},
	}},
	{ID: "notes", Rules: []Rule{
		{Specialist, Anything, ObjectNote, Anything, Read, Allow},
		{Specialist, Anything, ObjectNote, Anything, Create, Allow},
		{Auditor, Anything, ObjectNote, Anything, Read, Allow},
	}},
	{ID: "firm", Rules: []Rule{
		{UserAdministrator, Anything, ObjectFirm, Anything, Read, Allow},
		{UserAdministrator, Anything, ObjectFirm, Anything, Manage, Allow},
		{Auditor, Anything, ObjectFirm, Anything, Read, Allow},
	}},
	{ID: "documents", Rules: []Rule{
		{Specialist, "administrator", ObjectTransaction, Anything, Start, Allow},
		{Specialist, "administrator", ObjectTransaction, Anything, Upload, Allow},
		{Specialist, "administrator", ObjectTransaction, Anything, Answer, Allow},
		{Specialist, "administrator", ObjectTransaction, Anything, Review, Allow},
		{Specialist, "administrator", ObjectTransaction, Anything, Comment, Allow},
		{Specialist, "administrator", ObjectDocument, Anything, Read, Allow},
		{Specialist, "administrator", ObjectInternal, Anything, Read, Allow},
		{Specialist, "processor", ObjectTransaction, Anything, Upload, Allow},
		{Specialist, "processor", ObjectTransaction, Anything, Answer, Allow},
		{Specialist, "processor", ObjectTransaction, Anything, Review, Allow},
		{Specialist, "processor", ObjectTransaction, Anything, Comment, Allow},
		{Specialist, "processor", ObjectDocument, Anything, Read, Allow},
		{Specialist, "processor", ObjectInternal, Anything, Read, Allow},
		{EndUser, "access", ObjectTransaction, Anything, Start, Allow},
		{EndUser, "access", ObjectTransaction, Anything, Upload, Allow},
		{EndUser, "access", ObjectTransaction, Anything, Answer, Allow},
		{EndUser, "access", ObjectTransaction, Anything, Comment, Allow},
		{EndUser, "access", ObjectDocument, Anything, Read, Allow},
		{Auditor, Anything, ObjectInternal, Anything, Read, Allow},
	}},
}

// Missing returns the offer's rules that a policy does not contain.
func (o Offer) Missing(d Document) (rules []Rule) {
	for _, r := range o.Rules {
		if !slices.Contains(d.Rules, r) {
			rules = append(rules, r)
		}
	}
	return rules
}
