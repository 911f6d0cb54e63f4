package audit

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/store"
)

// Group is a group of actions that people look for together; views/locales has a text for each ("audit_group.<id>").
type Group struct {
	ID      string
	Actions []Action
}

// Groups lists the groups in the order in which screens show them. Each action is in one group.
var Groups = []Group{
	{"customers", []Action{CustomerCreated, CustomerUpdated, CustomerDeleting, CustomerDeleted, CustomersImported}},
	{"accesses", []Action{
		AccessCreated, AccessUpdated, AccessResent, AccessWithdrawn, AccessRegistered, AccessDeactivated, AccessReactivated, AccessRemoved,
		AccessCodeAsked, AccessLinkAsked, AccessAddressFreed,
	}},
	{"authorisations", []Action{
		AdministratorAdded, AdministratorRemoved, ProcessorAdded, ProcessorRemoved, AuthorisationRestored,
		HandoverStarted, HandoverFinished, HandoverStopped, DeputyNamed, DeputyEnded,
	}},
	{"transactions", []Action{
		TransactionCreated, TransactionUpdated, TransactionMoved, KindAdded, KindRenamed, KindMoved, KindRetired, KindReactivated,
	}},
	{"documents", []Action{
		TransactionViewed, DocumentUploaded, DocumentReplaced, DocumentInfected, VersionRestored, SlotAnswered, SlotNotApplicable, SlotAccepted,
		SlotRejected, CommentWritten, ElementAdded, ElementChanged, ElementMoved, ElementDuplicated, ElementTrashed, ElementRestored,
	}},
	{"templates", []Action{
		TemplateAdded, TemplateChanged, TemplatePublished, TemplateDuplicated, TemplateRetired, TemplateReactivated, TemplateImported, TemplateExported,
	}},
	{"bulk", []Action{BulkDone, BulkReturned}},
	{"notes", []Action{NoteWritten, NoteChanged, NoteRemoved, NoteRestored}},
	{"people", []Action{
		AccountCreated, AccountUpdated, AccountRolesChanged, AccountDeactivated, AccountReactivated, AccountEmailAsked,
		AccountEmailChanged, AccountLinkSent, AccountAddressFreed,
	}},
	{"sign_in", []Action{
		AccountSignedIn, AccountSignedOut, AccountSignedOutAll, AccountSessionEnded, AccountSessionsEnded, AccountPasswordSet,
		AccountPasswordAsked, AccountUnlocked, SignInFailed, SignInUnknown, PasswordGuessed, SignInSlowed,
	}},
	{"requests", []Action{RequestRefused, RequestForeign, ReportRefused}},
	{"policies", []Action{
		PolicyProposed, PolicyPublished, PolicyRestored, PolicyReset, PolicyOfferDismissed, PolicyExpectationAdded, PolicyExpectationRemoved,
	}},
	{"firm", []Action{
		FirmUpdated, FirmMarkSet, FirmMarkRemoved, FirmHolidayAdded, FirmHolidaysAdded, FirmHolidayRemoved, FirmPhraseAdded, FirmPhraseChanged,
		FirmPhraseRemoved, FirmPhraseMoved,
	}},
	{"approvals", []Action{ApprovalProposed, ApprovalApproved, ApprovalPassed, ApprovalStopped, ApprovalExpired, ApprovalVoid}},
	{"data", []Action{Downloaded, DatabaseRestored}},
	{"queues", []Action{QueueTaskRun, QueueRun, QueueTaskDeleted, JobCancelled}},
}

// ActionsOf returns the actions of a group or, of an action, that action. It returns nil for any other text.
func ActionsOf(what string) []Action {
	for _, g := range Groups {
		if g.ID == what {
			return g.Actions
		}
		if slices.Contains(g.Actions, Action(what)) {
			return []Action{Action(what)}
		}
	}
	return nil
}

// Filter is what a page of the log is to show. Its conditions combine: an entry must meet all of them. A list that is
// nil excludes nothing; one that is empty finds nothing.
type Filter struct {
	Who         []uuid.UUID // who has acted; Nil stands for Kontor itself and for people who have not proved who they are
	Actions     []Action
	Customers   []uuid.UUID
	Transaction uuid.UUID // Nil: any, or none
	Subject     string    // exactly; "" for any
	From, To    time.Time // the moment of the first entry, and the moment before which the last one is; zero for no limit
	Address     Network
	Query       string // each word must be in the names of actor and subject, or in the address

	// Only is what the caller may see, as a condition about a table called entry.
	Only store.Condition

	After, Before string // cursors; opaque; an invalid one is ignored
}

// impossible says whether no entry can match.
func (f Filter) impossible() bool {
	return f.Who != nil && len(f.Who) == 0 || f.Actions != nil && len(f.Actions) == 0 || f.Customers != nil && len(f.Customers) == 0 ||
		f.Address.wrong || !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To)
}

// words returns the words of the search.
func (f Filter) words() []string { return strings.Fields(store.Fold(f.Query)) }

// Network is an IP address or a network, as somebody typed it. The zero value contains every address.
type Network struct {
	prefix netip.Prefix
	wrong  bool // what was typed is neither; nothing is in it
}

// ParseNetwork reads an address ("192.0.2.7"), a network ("192.0.2.0/24") or the beginning of an address ("192.0.2",
// "2001:db8:"). "" is every address.
func ParseNetwork(typed string) Network {
	if typed == "" {
		return Network{}
	}
	if strings.Contains(typed, "/") {
		p, err := netip.ParsePrefix(typed)
		return Network{prefix: p.Masked(), wrong: err != nil}
	}
	if !strings.HasSuffix(typed, "::") {
		if a, err := netip.ParseAddr(typed); err == nil {
			a = a.Unmap().WithZone("")
			return Network{prefix: netip.PrefixFrom(a, a.BitLen())}
		}
	}
	p, ok := beginning(typed)
	return Network{prefix: p, wrong: !ok}
}

// beginning reads the first numbers of an address, which are a network.
func beginning(typed string) (netip.Prefix, bool) {
	separator, base, bits, all := ".", 10, 8, 4
	if strings.Contains(typed, ":") {
		separator, base, bits, all = ":", 16, 16, 8
	}
	numbers := strings.Split(strings.TrimRight(typed, separator), separator)
	if len(numbers) >= all {
		return netip.Prefix{}, false
	}
	whole := make([]string, 0, all)
	for _, n := range numbers {
		if _, err := strconv.ParseUint(n, base, bits); err != nil {
			return netip.Prefix{}, false
		}
		whole = append(whole, n)
	}
	for len(whole) < all {
		whole = append(whole, "0")
	}
	a, err := netip.ParseAddr(strings.Join(whole, separator))
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, bits*len(numbers)), true
}

// any says whether every address is in the network, and entries without one as well.
func (n Network) any() bool { return !n.prefix.IsValid() && !n.wrong }

// single returns the only address of the network; ok is false if it has several.
func (n Network) single() (address string, ok bool) {
	return n.prefix.Addr().String(), n.prefix.IsValid() && n.prefix.IsSingleIP()
}

// contains says whether an entry's address is in the network.
func (n Network) contains(address string) bool {
	if n.any() {
		return true
	}
	a, err := netip.ParseAddr(address)
	return err == nil && n.prefix.Contains(a.Unmap().WithZone(""))
}

// begins returns the text with which each address of the network begins, "" if they have nothing in common. It ends
// with a separator. A zero of an IPv6 address may be left out, so the text ends before the first one.
func (n Network) begins() string {
	if !n.prefix.IsValid() {
		return ""
	}
	var text strings.Builder
	a := n.prefix.Addr()
	if a.Is4() {
		b := a.As4()
		for i := range n.prefix.Bits() / 8 {
			fmt.Fprintf(&text, "%d.", b[i])
		}
		return text.String()
	}
	b := a.As16()
	for i := range n.prefix.Bits() / 16 {
		group := int(b[2*i])<<8 | int(b[2*i+1])
		if group == 0 {
			break
		}
		fmt.Fprintf(&text, "%x:", group)
	}
	return text.String()
}
