package web

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/attention"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/handover"
	"kontor/app/transaction"
	"kontor/policies"
	"kontor/views"
)

// sampleViews are the models of the pages, each empty and filled: everything a template may ask for is asked for.
func sampleViews() map[string][]any {
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	wrong := newForm(map[string]string{"login": "x", "locale": "de", "name": `<b>"`})
	wrong.Message = "m"
	for _, field := range []string{"login", "password", "password_repeat", "code", "name", "username", "email", "roles", "current_password", "email_password"} {
		wrong.wrong(field, "w")
	}
	fresh := func() *form { return newForm(map[string]string{}) }
	id := uuid.Must(uuid.NewV7())
	person := account.Account{ID: id, Specialist: true, Active: true, Name: "Änne Groß-Öhlmann", Email: "a@b.example", Username: "a",
		PasswordHash: "x", LastSignInAt: &at, Roles: policies.FirmRoles, Version: 3}
	locales := []option{{"", "-"}, {"de", "Deutsch"}}
	rules := roleRules{Rules: []policies.Rule{{Role: policies.Auditor, Relation: "*", Object: policies.Transaction, Kind: "contract", Action: policies.Read, Effect: policies.Allow}},
		Includes: []policies.Role{policies.Specialist}}
	var roles []roleChoice
	for _, r := range policies.FirmRoles {
		roles = append(roles, roleChoice{Role: r, On: true, roleRules: rules})
	}
	inv := access.Invitation{Customer: "Hafen AG", CustomerNumber: "K-00001", FirstName: "Änne", Name: "Änne Groß", Username: "a@b.example", Expires: at}
	coded := inv
	coded.NeedsCode, coded.MobileEnd, coded.CodeLocked = true, "789", true
	joins := inv
	joins.HasAccount = true
	mail := courier.Mail{ID: id, Channel: courier.Email, To: "a@b.example", Subject: "S", Text: "t\nhttps://kontor.example/register/x", HTML: "<p>", At: at}
	sms := courier.Mail{ID: uuid.Must(uuid.NewV7()), Channel: courier.SMS, To: "+4915123456789", Text: "t", At: at}
	var entries []audit.Entry
	for _, detail := range []string{"", `{"city":["Kiel",""]}`, `{"accesses":2}`} {
		entries = append(entries, audit.Entry{ID: id, At: at, Actor: "Anna", Action: audit.CustomerUpdated, Subject: "K-00001", Detail: detail,
			CustomerID: uuid.NullUUID{UUID: id, Valid: true}})
	}
	entries = append(entries, audit.Entry{ID: id, At: at, Action: audit.SignInUnknown, Times: 3, LastAt: &at, Bucket: "x", Fold: "y", Detail: `["POST /login"]`},
		audit.Entry{ID: id, At: at, Action: audit.RequestRefused, Times: 1, LastAt: &at, Bucket: "x", Fold: "y", Address: "192.0.2.7"})
	sessions := []listedSession{{ListedSession: account.ListedSession{Session: account.Session{CreatedAt: at, LastSeenAt: at, Agent: "Firefox"}, Handle: "0f"}, Current: true, End: "/x"}, {}}
	somebody := handover.Person{ID: id, Name: "Änne Groß", Email: "a@b.example", Active: true}
	plan := handover.Plan{From: somebody, Targets: []handover.Target{{Person: somebody, Has: handover.Assignments{Administered: 2}}}, Move: true,
		Assignments: handover.Assignments{Administered: 3, Processed: 4000, Responsible: 1}, Customers: []customer.Row{{ID: id, Name: "Groß"}},
		Transactions: []handover.Example{{ID: id, Number: 7, Name: "Steuererklärung"}}}
	var deputies []handover.Deputyship
	for _, state := range handover.States {
		deputies = append(deputies, handover.Deputyship{ID: id, Specialist: "Anna", Deputy: "Ben", StartsAt: at, EndsAt: at.AddDate(0, 0, 3), By: "Eva", State: state})
	}
	owner := attention.Owner{ID: id, Number: 7, Type: customer.Company, Name: "Hafen AG"}
	parts := []attention.Part{{Section: attention.Sending, NoWorker: at, Queues: []courier.QueueTrouble{{Queues: []string{"mail", "sms"}, Reason: courier.QueueSilent, Since: at}}},
		{Section: attention.Channels, Channels: []courier.Trouble{{Channel: courier.SMS, Reason: "credit", Status: "402"}, {Channel: courier.Email, Reason: "auth"}}},
		{Section: attention.Invitations, Next: "n"}, {Section: attention.Administrators, Customers: []attention.Owner{owner}},
		{Section: attention.Accesses, Customers: []attention.Owner{owner}, Next: "n"},
		{Section: attention.Overdue, Late: []attention.Late{{ID: id, Number: 7, Name: "Vertrag", Due: "2026-11-01", Customer: owner}}}}
	for _, reason := range attention.Reasons {
		parts[2].Invitations = append(parts[2].Invitations, attention.Invitation{ID: id, Name: "Änne", Email: "a@b.example", Reason: reason, Detail: "mailbox_full", Customer: owner})
	}
	task := courier.TaskInfo{ID: id.String() + ":1", State: courier.TaskRetry, Retried: 1, LastError: "unreachable", NextRun: at}
	kinds := []transaction.Kind{{Key: "contract", NameEN: "Contract", NameDE: "Vertrag", Active: true}, {Key: "other", NameEN: "Other", NameDE: "Sonstiges"}}
	late := transactionRow{Late: true, KindName: "Contract", Transaction: transaction.Transaction{
		ID: id, Number: 10001, Name: "Mietvertrag", Kind: "contract", Status: transaction.InReview, Due: "2026-11-01", Responsible: "Änne", CreatedAt: at,
	}}
	list := transactionList{Path: "/transactions", Rows: []transactionRow{late}, Page: transaction.Page{Count: 1000, Capped: true}, Next: "/n", Prev: "/p",
		Kinds: locales, Statuses: locales, Dues: locales}
	return map[string][]any{
		"shell/problem": {problem{Status: 404, Heading: "problem.not_found", Message: "fault.page"},
			problem{Status: 500, Heading: "problem.internal", Message: "fault.internal", RequestID: "r"}},
		"search/index": {found{}, found{Query: "x"}, found{Query: "x", Transactions: &transaction.Page{Rows: list.Page.Rows}},
			found{Query: "x", Customers: &customer.Page{Rows: []customer.Row{{ID: id, Number: 7, Type: customer.Person, Name: "Groß, Änne", City: "Kiel"}}, Count: 1},
				Transactions: &transaction.Page{Rows: []transaction.Transaction{late.Transaction}, Count: 1000, Capped: true}}},
		"signin/login":          {fresh(), wrong},
		"signin/forgotten":      {forgotten{Form: fresh()}, forgotten{Form: wrong}, forgotten{Form: fresh(), Sent: true}},
		"signin/password":       {choosePassword{Form: fresh()}, choosePassword{wrong, person, "t"}},
		"signin/other_person":   {otherPerson{Name: "Änne Groß"}, otherPerson{Name: "Änne Groß", Typed: "x"}},
		"registration/done":     {registeredBeside{Name: "Änne Groß", Username: "a@b.example"}},
		"shell/held":            {nothingDone{Message: "fault.held", Back: "/x"}, nothingDone{Message: "fault.held_back", Back: "/"}},
		"signin/dead_link":      {dead{Message: "fault.link.unknown"}, dead{Message: "fault.link.used", Used: true}, dead{Message: "fault.link.expired", Next: "/x"}},
		"form/number":           {numberRead{}, numberRead{Said: "x"}, numberRead{Wrong: "x"}},
		"account/confirm_email": {emailLink{"t"}},
		"account/index": {
			ownAccount{Own: fresh(), Password: fresh(), Email: fresh()},
			ownAccount{Account: person, Own: wrong, Password: wrong, Email: wrong, EndUser: true, Locales: locales,
				Sessions: sessions},
		},
		"handover/deactivate": {deactivation{Person: somebody}, deactivation{Person: somebody, Path: "/x", Assignments: handover.Assignments{Administered: 1200},
			Left: customer.Left{Count: 3, Examples: []customer.Row{{ID: id, Number: 7, Type: customer.Person, Name: "Groß, Änne"}}}}},
		"handover/plan": {handoverPage{Form: fresh()}, handoverPage{Form: fresh(), Plan: plan}, handoverPage{Form: wrong, Plan: plan, Running: "/x",
			People: people{Many: true, Name: "to", More: true, Choices: []handover.Choice{{Person: somebody, Chosen: true}, {Person: somebody}}}}},
		"handover/handover": {handoverState{Path: "/x", Handover: handover.Handover{Total: 3000, Done: 7}},
			handoverState{Handover: handover.Handover{Total: 3, Done: 1, Move: true, StoppedFor: &id, FinishedAt: &at, From: somebody, Targets: []handover.Person{somebody}}, Again: "/x"},
			handoverState{Handover: handover.Handover{Total: 3, StoppedFor: &uuid.Nil, FinishedAt: &at, From: somebody}},
			handoverState{Handover: handover.Handover{Total: 3, Done: 3, FinishedAt: &at, From: somebody, Targets: []handover.Person{somebody, somebody}}}},
		"handover/deputies": {deputiesPage{Form: fresh(), Own: true}, deputiesPage{Form: wrong, Person: somebody, Manage: true, Deputies: deputies, StandsIn: deputies,
			People: people{Name: "deputy", Choices: []handover.Choice{{Person: somebody}}}}},
		"attention/index": {attentionPage{Form: fresh()}, attentionPage{Form: wrong, Parts: parts, Resent: &resent{Sent: 2, Failed: 1, Reasons: []string{"x"}}},
			attentionPage{Form: fresh(), One: true, Parts: parts[:1], Resent: &resent{Sent: 1}}},
		"specialists/index": {specialistList{}, specialistList{Manage: true, Filter: account.SpecialistFilter{Query: "x", Inactive: true},
			Page: account.SpecialistPage{Items: []account.Account{person, {}}, Next: "n"}, Cap: 10000,
			Assignments: map[uuid.UUID]handover.Assignments{id: {Administered: 10001}, uuid.Nil: {Processed: 3}}}},
		"specialists/form": {specialistForm{Form: fresh(), New: true}, specialistForm{Form: wrong, Account: person, Manage: true, Roles: roles, Locales: locales, Deputies: deputies, StandsIn: deputies},
			specialistForm{Form: fresh(), Account: account.Account{ID: id}, Manage: true, Sessions: sessions}, specialistForm{Form: fresh(), Account: person, Self: true, Manage: true}},
		"registration/register": {registration{Form: fresh(), Invitation: inv, Other: "Ben"}, registration{Form: wrong, Token: "t", CodeIn: "1 minute", Invitation: coded},
			registration{Form: fresh(), Invitation: coded}, registration{Form: fresh(), Invitation: joins}, registration{Form: fresh(), SignedAs: true, Invitation: joins}},
		"registration/expired": {expiredLink{Form: fresh()}, expiredLink{Form: wrong, Wait: "1 minute"}, expiredLink{Form: fresh(), Sent: true}},
		"portal/index": {portal{}, portal{Name: "Änne", Customers: []portalCustomer{
			{MyCustomer: access.MyCustomer{ID: id, Number: 7, Name: "Hafen AG"}},
			{MyCustomer: access.MyCustomer{ID: uuid.Must(uuid.NewV7())}, Rows: []transaction.Transaction{{Status: transaction.Closed}, late.Transaction}, Next: "/n", Prev: "/p"},
		}}},
		"portal/transaction": {portalTransaction{Transaction: late.Transaction, Owner: "Hafen AG"}, portalTransaction{Transaction: transaction.Transaction{Status: transaction.Closed}}},
		"transactions/index": {transactionList{Path: "/transactions"}, transactionList{Path: "/transactions"}, list,
			transactionList{Path: "/transactions", Filter: transaction.Filter{Query: "x"}}},
		"transactions/customer": {transactionList{Path: "/c/transactions", Customer: &customerContext{}, Add: true},
			transactionList{Path: "/c/transactions", Customer: &customerContext{}}},
		"transactions/show": {transactionPage{Transaction: transactionContext{transactionRow: late, MaySeeFirm: true, MayProcess: true}, Form: wrong, Moves: movesFrom(transaction.Open)},
			transactionPage{Transaction: transactionContext{transactionRow: transactionRow{Transaction: transaction.Transaction{Status: transaction.Closed}}}, Form: fresh()}},
		"transactions/form": {transactionForm{Customer: &customerContext{}, Form: fresh(), Kinds: locales, People: locales},
			transactionForm{Transaction: &transactionContext{transactionRow: late}, Form: &form{Overlap: overlap{
				Conflicts: []conflict{{Field: "kind", Mine: "a", Theirs: "b", MineSaid: "A", TheirsSaid: "B"}, {Field: "name", Mine: "a", changed: changed{By: "Ben", At: time.Unix(1, 0)}}},
				Also:      []string{"due"}}}},
			transactionForm{Transaction: &transactionContext{transactionRow: late}, Form: &form{Overlap: overlap{Also: []string{"due"}}}}},
		"transactions/log": {struct {
			Transaction transactionContext
			Log         *frame
		}{transactionContext{transactionRow: late}, &frame{D: auditPage{Entries: entries, Of: true}}}},
		"transactions/kinds": {kindsPage{Form: fresh(), Kinds: kinds}, kindsPage{Form: wrong, Kinds: kinds, Manage: true}},
		"transactions/kind":  {kindPage{Form: fresh(), Kind: kinds[0]}, kindPage{Form: wrong, Kind: kinds[1]}},
		"operation/audit":    {auditPage{}, auditPage{Entries: entries, Next: "/audit?after=x"}, auditPage{Entries: entries, Of: true}},
		"operation/queues": {queuePage{Away: courier.QueueFull, Queue: "mail", State: courier.TaskRetry}, queuePage{Queue: "sms", State: courier.TaskPending, States: courier.TaskStates},
			queuePage{Queue: "mail", State: courier.TaskRetry, States: courier.TaskStates, Manage: true, Page: 1, Next: 2,
				Queues: []courier.QueueInfo{{Name: "mail", Retry: 1200}, {Name: "sms"}}, All: 1200, Tasks: []queueTask{{TaskInfo: task, For: access.Addressee{CustomerID: task.MessageID, Customer: "Kühn, Berta", Number: "K-1", Person: "Berta Kühn"}}, {}}},
			queuePage{Queue: "sms", State: courier.TaskRetry, States: courier.TaskStates, Unknown: true, Warnings: []courier.QueueReason{courier.QueueEvicts},
				Queues: []courier.QueueInfo{{Name: "mail", Retry: 1200}, {Name: "sms", Away: courier.QueueSilent}}}},
		"operation/mailbox": {mailboxPage{}, mailboxPage{Mails: []courier.Mail{mail, sms}, Open: &mail}, mailboxPage{Mails: []courier.Mail{mail, sms}, Open: &sms}},
	}
}

// ownFolders are those whose pages sampleViews has.
var ownFolders = []string{"shell", "form", "search", "signin", "account", "specialists", "registration", "portal", "operation", "handover", "attention", "transactions"}

// TestEveryPageRenders: each page, filled and empty, in both languages, in both frames, without a missing text.
func TestEveryPageRenders(t *testing.T) {
	w := newWorld(t)
	missing := regexp.MustCompile(`\b(?:fault|status|audit|nav|register|account|specialist|session|queue|task_state|mailbox|portal|role|role_hint|link|field|count|reason|problem|attention|attention_hint|attention_reason|handover|deputy|deputy_state|deactivate|assignments|people|password|sign_in|forgotten|empty|page)\.[a-z_]+(?:\.[a-z_]+)*\b`)
	for page, models := range sampleViews() {
		for i, model := range models {
			for _, locale := range Locales {
				f := &frame{Title: "T", Firm: "Kanzlei", Locale: locale, CSRF: "c", D: model, Door: i%2 == 0,
					Search: &search{Path: "/search", Label: "search.all", Hint: "search.hint"}, Signed: &account.Signed{}, Toast: &toast{Text: "toast.saved"}}
				body, err := w.templates[locale].execute(page, f)
				if err != nil {
					t.Errorf("%s %d in %s: %v", page, i, locale, err)
					continue
				}
				f.Body = "x"
				if _, err := w.templates[locale].execute("shell/page", f); err != nil {
					t.Errorf("the frame of %s: %v", page, err)
				}
				text := answer{body: string(body)}.text()
				for _, id := range missing.FindAllString(text, -1) {
					t.Errorf("%s %d in %s shows the text id %s", page, i, locale, id)
				}
				if strings.Contains(text, "<no value>") || strings.Contains(text, "%!") {
					t.Errorf("%s %d in %s: a placeholder is empty: %s", page, i, locale, text)
				}
			}
		}
	}
}

// TestNoPageIsForgotten: every template of these folders is rendered above, or is part of another.
func TestNoPageIsForgotten(t *testing.T) {
	included := map[string]bool{"shell/page": true}
	for _, m := range regexp.MustCompile(`{{-?\s*template "([^"]+)"`).FindAllStringSubmatch(pageSources(t), -1) {
		included[m[1]] = true
	}
	samples := sampleViews()
	for _, folder := range ownFolders {
		files, err := fs.Glob(views.Pages(), folder+"/*.html")
		must(t, err)
		for _, file := range files {
			name := strings.TrimSuffix(file, ".html")
			if samples[name] == nil && !included[name] {
				t.Errorf("%s is neither rendered by a test nor part of a page", name)
			}
		}
	}
}
