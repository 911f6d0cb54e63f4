package audit

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/handover"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// objects are what entries are about, as far as it still exists and the reader may see it. An entry about anything else
// has no link.
type objects struct {
	reader
	customers    map[uuid.UUID]customer.Reference
	accesses     map[uuid.UUID]bool
	transactions map[uuid.UUID]bool
	specialists  map[uuid.UUID]bool
	deletions    map[uuid.UUID]bool
	handovers    []handover.Began
}

// idSet collects ids, each once.
type idSet struct {
	list []uuid.UUID
	has  map[uuid.UUID]bool
}

func (s *idSet) add(id uuid.NullUUID) {
	if id.Valid && !s.has[id.UUID] {
		if s.has == nil {
			s.has = map[uuid.UUID]bool{}
		}
		s.has[id.UUID] = true
		s.list = append(s.list, id.UUID)
	}
}

// subjectKind is the first part of an action: what kind of object it was done to.
func subjectKind(a audit.Action) string {
	kind, _, _ := strings.Cut(string(a), ".")
	return kind
}

// objectsOf finds the objects of entries, with one query for each kind of object. What the page itself is about is known.
func (r reader) objectsOf(ctx context.Context, d auditPage) (o objects, err error) {
	entries := d.Page.Entries
	var customers, accesses, transactions, people, deletions, handed idSet
	for _, e := range entries {
		customers.add(e.CustomerID)
		transactions.add(e.TransactionID)
		switch subjectKind(e.Action) {
		case "access":
			accesses.add(e.SubjectID)
		case "account", "sign_in", "deputy":
			people.add(e.SubjectID)
		case "handover":
			handed.add(e.SubjectID)
		}
		if e.Action == audit.CustomerDeleted {
			deletions.add(e.SubjectID)
		}
	}
	o.reader = r
	if d.Customer != nil {
		o.customers = map[uuid.UUID]customer.Reference{
			d.Customer.ID: {Number: d.Customer.Number, Authorised: d.Customer.MayReadAccess() || d.Customer.MayReadAssigned()},
		}
	} else if o.customers, err = r.o.Customers.Refer(ctx, r.caller, customers.list); err != nil {
		return o, err
	}
	if o.accesses, err = r.o.Accesses.Among(ctx, accesses.list); err != nil {
		return o, err
	}
	if d.Transaction != nil {
		o.transactions = map[uuid.UUID]bool{d.Transaction.ID: true}
	} else if o.transactions, err = r.o.Transactions.Among(ctx, r.caller, transactions.list); err != nil {
		return o, err
	}
	if o.specialists, err = r.o.Accounts.SpecialistsAmong(ctx, r.caller, people.list); err != nil {
		return o, err
	}
	if o.deletions, err = r.o.Customers.Deletions(ctx, r.caller, deletions.list); err != nil {
		return o, err
	}
	o.handovers, err = r.o.Handovers.BeganFrom(ctx, r.caller, handed.list)
	return o, err
}

// link returns the address of what an entry is about, "" if there is none.
func (o objects) link(e audit.Entry) (string, error) {
	switch subjectKind(e.Action) {
	case "customer":
		if e.Action == audit.CustomerDeleted {
			return when(o.deletions[e.SubjectID.UUID], "/customers/deletions/"+e.SubjectID.UUID.String()), nil
		}
		return o.customer(e), nil
	case "access":
		return when(o.accesses[e.SubjectID.UUID], o.authorisations(e)), nil
	case "note":
		if at := o.customer(e); at != "" {
			return at + "/history?sort=notes", nil
		}
		return "", nil
	case "administrator", "processor", "authorisation":
		return o.authorisations(e), nil
	case "transaction":
		return when(o.transactions[e.TransactionID.UUID], "/transactions/"+e.TransactionID.UUID.String()), nil
	case "account", "sign_in":
		return when(o.specialists[e.SubjectID.UUID], kit.SpecialistPath(e.SubjectID.UUID)), nil
	case "deputy":
		return when(o.specialists[e.SubjectID.UUID], kit.SpecialistPath(e.SubjectID.UUID)+"/deputies"), nil
	case "handover":
		return o.handover(e), nil
	case "policy":
		return o.policy(e)
	}
	return o.place(e)
}

func when(there bool, address string) string {
	if !there {
		return ""
	}
	return address
}

// customer is the page of an entry's customer.
func (o objects) customer(e audit.Entry) string {
	_, there := o.customers[e.CustomerID.UUID]
	return when(there, kit.CustomerPath(e.CustomerID.UUID))
}

// authorisations is the page that shows who has access to an entry's customer.
func (o objects) authorisations(e audit.Entry) string {
	return when(o.customers[e.CustomerID.UUID].Authorised, kit.CustomerPath(e.CustomerID.UUID)+"/authorisations")
}

// handover is the page of the handover that an entry is about: of those from the same person, the last one before it.
func (o objects) handover(e audit.Entry) string {
	for _, h := range o.handovers { // the newest first
		if h.FromID == e.SubjectID.UUID && !h.RequestedAt.After(e.At.Add(time.Second)) {
			return kit.SpecialistPath(h.FromID) + "/handovers/" + h.ID.String()
		}
	}
	return ""
}

// versionNumber finds the number in the label of a policy's version; see policy.Version.
var versionNumber = regexp.MustCompile(`^Version (\d+)\b`)

// policy is the page of the version, the draft or the expectations.
func (o objects) policy(e audit.Entry) (string, error) {
	switch e.Action {
	case audit.PolicyProposed, audit.PolicyOfferDismissed:
		return o.may(policies.ObjectPolicy, policies.Manage, kit.DraftPath)
	case audit.PolicyExpectationAdded, audit.PolicyExpectationRemoved:
		return o.may(policies.ObjectPolicy, policies.Read, "/policies")
	}
	if version := versionNumber.FindStringSubmatch(e.Subject); version != nil {
		return o.may(policies.ObjectPolicy, policies.Read, "/policies/versions/"+version[1])
	}
	return "", nil
}

// place is the page where the objects of an entry are kept, if they have no pages of their own.
func (o objects) place(e audit.Entry) (string, error) {
	switch subjectKind(e.Action) {
	case "kind":
		return o.may(policies.ObjectTemplate, policies.Read, "/transaction-kinds")
	case "template":
		return o.may(policies.ObjectTemplate, policies.Read, "/templates/"+e.SubjectID.UUID.String())
	case "approval":
		return o.may(policies.ObjectApproval, policies.Read, kit.ApprovalsPath)
	case "queue":
		queue, _, _ := strings.Cut(e.Subject, " ")
		return o.may(policies.ObjectQueue, policies.Read, "/queues?queue="+url.QueryEscape(queue))
	case "job":
		return o.may(policies.ObjectQueue, policies.Read, "/queues")
	case "firm":
		return o.may(policies.ObjectFirm, policies.Read, firmPage(e.Action))
	}
	return o.customer(e), nil
}

// firmPage is the page where the firm sets what an entry is about.
func firmPage(a audit.Action) string {
	switch {
	case strings.Contains(string(a), "holiday"):
		return "/firm/holidays"
	case strings.Contains(string(a), "phrase"):
		return "/firm/phrases"
	}
	return "/firm"
}

// may returns an address if the reader has a permission that needs no relation.
func (o objects) may(object policies.Object, action policies.Action, address string) (string, error) {
	ok, err := o.Policy.Allows(policies.Request{Roles: o.caller.Roles, Object: object, Action: action})
	return when(ok && err == nil, address), err
}
