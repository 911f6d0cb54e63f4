package courier

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Kind is what a message is about; there is one Composer and one set of templates per kind.
type Kind string

// The kinds. The table kinds describes each of them.
const (
	Registration     Kind = "registration"
	JoinCustomer     Kind = "join_customer"
	RegistrationCode Kind = "registration_code"
	SetPassword      Kind = "set_password"
	ResetPassword    Kind = "reset_password"
	ConfirmEmail     Kind = "confirm_email"
	EmailChanged     Kind = "email_changed"
	ApprovalAsked    Kind = "approval_asked"
	EmailConfirmed   Kind = "email_confirmed"
	PasswordChanged  Kind = "password_changed"
	RolesChanged     Kind = "roles_changed"
	RoleGranted      Kind = "role_granted"
	DailySummary     Kind = "daily_summary"
)

// kindRow describes a kind. Its Composer is registered by the feature that posts it, and its templates are in
// views/mail.
type kindRow struct {
	kind       Kind
	channel    Channel
	answerable bool // a reply helps; other mails are about internal work, or tell people to ask the firm as usual
	sample     Data // data with which its templates are tested when the program starts
}

var kinds = []kindRow{
	{Registration, Email, true, sampleRegistration}, // with the registration link (access)
	{JoinCustomer, Email, true, sampleRegistration}, // with a link that adds the customer to an existing account (access)
	{RegistrationCode, SMS, false, sampleCode},      // with the registration code (access)
	{SetPassword, Email, false, sampleAccount},      // to a new specialist user (account)
	{ResetPassword, Email, true, sampleAccount},     // password forgotten (account)
	{ConfirmEmail, Email, true, sampleAccount},      // to the new address (account)
	{EmailChanged, Email, true, sampleAccount},      // to the old address (account)
	{EmailConfirmed, Email, true, sampleAccount},    // to the new address, once it is in use (account)
	{PasswordChanged, Email, true, sampleAccount},   // to a person with a new password (account)
	{RolesChanged, Email, false, sampleRoles},       // to a person whose roles have changed (account)
	{RoleGranted, Email, false, sampleRoles},        // to the holders of a role that another person was given (account)
	{ApprovalAsked, Email, false, sampleApproval},   // about an action that needs a second person (account, approval)
	{DailySummary, Email, false, sampleSummary},     // how much needs attention, to a person who wants it (attention)
}

func kindOf(kind Kind) (row kindRow, ok bool) {
	for _, k := range kinds {
		if k.kind == kind {
			return k, true
		}
	}
	return kindRow{}, false
}

// Data fills the templates of a kind. Its types are declared here, beside the kinds, because the templates in
// views/mail are tested with them.
type Data interface {
	// clean removes line breaks and control characters from what people typed, so that a name can't add a line to a
	// mail. firm is the firm's name, for data that has none.
	clean(firm string) Data
	// secrets returns the parts that grant access. They must not be stored if the other side repeats them in an answer.
	secrets() []string
}

// RegistrationData fills Registration and JoinCustomer.
type RegistrationData struct {
	Firm, Customer, Number, Name string
	Link                         string
	Expires                      time.Time
	HasCode                      bool // an SMS with a code goes out as well
}

var sampleRegistration = RegistrationData{
	Firm: "Kontor", Customer: "Anna Berg", Number: "K-10001", Name: "Anna Berg",
	Link: "https://example.org/register/token", Expires: sampleTime, HasCode: true,
}

func (d RegistrationData) clean(firm string) Data {
	d.Firm = cmp.Or(d.Firm, firm)
	cleanAll(&d.Firm, &d.Customer, &d.Number, &d.Name, &d.Link)
	return d
}

func (d RegistrationData) secrets() []string { return linkSecrets(d.Link) }

// CodeData fills RegistrationCode.
type CodeData struct {
	Firm, Code string // Code as XXXX-XXXX
	Number     string // of the customer, as in the mail with the link: shows which code belongs to which link
	Expires    time.Time
}

var sampleCode = CodeData{Firm: "Kontor", Code: "2345-6789", Number: "K-10001", Expires: sampleTime}

func (d CodeData) clean(firm string) Data {
	d.Firm = cmp.Or(d.Firm, firm)
	cleanAll(&d.Firm, &d.Code, &d.Number)
	return d
}

func (d CodeData) secrets() []string {
	return []string{d.Code, strings.ReplaceAll(d.Code, "-", ""), strings.ReplaceAll(d.Code, "-", " ")}
}

// AccountData fills SetPassword, ResetPassword, ConfirmEmail, EmailChanged, EmailConfirmed and PasswordChanged.
type AccountData struct {
	Firm, Name, Link, Email string // Email: the new address, for ConfirmEmail, EmailChanged and EmailConfirmed
	Expires                 time.Time
	At                      time.Time // when it was done, for PasswordChanged
}

var sampleAccount = AccountData{
	Firm: "Kontor", Name: "Anna Berg", Link: "https://example.org/password/reset/token",
	Email: "anna@example.org", Expires: sampleTime, At: sampleTime,
}

func (d AccountData) clean(firm string) Data {
	d.Firm = cmp.Or(d.Firm, firm)
	cleanAll(&d.Firm, &d.Name, &d.Link, &d.Email)
	return d
}

func (d AccountData) secrets() []string { return linkSecrets(d.Link) }

// RolesData fills RolesChanged and RoleGranted. Roles are keys; the templates show their names.
type RolesData struct {
	Firm, Name          string
	Person              string   // who was given the role, for RoleGranted
	Gained, Lost, Roles []string // Roles: all that the person has now, for RolesChanged
	At                  time.Time
}

var sampleRoles = RolesData{
	Firm: "Kontor", Name: "Anna Berg", Person: "Otto Ort", Gained: []string{"auditor"}, Lost: []string{"data_administrator"},
	Roles: []string{"auditor"}, At: sampleTime,
}

func (d RolesData) clean(firm string) Data {
	d.Firm = cmp.Or(d.Firm, firm)
	cleanAll(&d.Firm, &d.Name, &d.Person)
	return d
}

func (d RolesData) secrets() []string { return nil }

// ApprovalData fills ApprovalAsked.
type ApprovalData struct {
	Firm, Name, By string // By: the person who proposes
	Kind, About    string // what kind of proposal, and the name of what it is about
	Why, Link      string
	Until          time.Time // when it expires, or takes effect by itself if Passes
	Passes         bool      // nobody can approve it
	Yours          bool      // the recipient can approve it
	Own            bool      // the recipient made it
}

var sampleApproval = ApprovalData{
	Firm: "Kontor", Name: "Anna Berg", By: "Ben Cordes", Kind: "roles", About: "Cleo Dorn", Why: "Cover",
	Link: "https://example.org/approvals", Until: sampleTime, Passes: true,
}

func (d ApprovalData) clean(firm string) Data {
	d.Firm = cmp.Or(d.Firm, firm)
	cleanAll(&d.Firm, &d.Name, &d.By, &d.Kind, &d.About, &d.Why, &d.Link)
	return d
}

func (d ApprovalData) secrets() []string { return nil }

// SummaryData fills DailySummary. It names no customer and nobody but its reader.
type SummaryData struct {
	Firm, Name     string
	Lines          []SummaryLine
	At             time.Time // when the lines were counted
	Link, Settings string    // what needs attention; where the summary can be switched off
}

// SummaryLine is a section of *Needs attention*, by its key; the templates show its name.
type SummaryLine struct {
	Section string
	Count   int
	More    bool // there are more than Count
	Bare    bool // the name says it all, without the number
}

var sampleSummary = SummaryData{
	Firm: "Kontor", Name: "Anna Berg", Lines: []SummaryLine{
		{Section: "sending", Count: 1, More: false, Bare: true}, {Section: "invitations", Count: 3, More: false, Bare: false},
		{Section: "overdue", Count: 100, More: true, Bare: false},
	}, At: sampleTime, Link: "https://example.org/attention", Settings: "https://example.org/account",
}

// Total is the sum of the lines.
func (d SummaryData) Total() (n int) {
	for _, l := range d.Lines {
		n += l.Count
	}
	return n
}

// More says that there are more than Total.
func (d SummaryData) More() bool {
	return slices.ContainsFunc(d.Lines, func(l SummaryLine) bool { return l.More })
}

// First returns the first two lines, for the line that inboxes show.
func (d SummaryData) First() []SummaryLine { return d.Lines[:min(2, len(d.Lines))] }

func (d SummaryData) clean(firm string) Data {
	d.Firm = cmp.Or(d.Firm, firm)
	cleanAll(&d.Firm, &d.Name, &d.Link, &d.Settings)
	return d
}

func (d SummaryData) secrets() []string { return nil }

var sampleTime = time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC)

// sample returns an example of a message of a kind.
func sample(kind Kind, locale string) Content {
	k, _ := kindOf(kind)
	return Content{To: "anna@example.org", Locale: locale, Template: kind, Data: k.sample}
}

func cleanAll(fields ...*string) {
	for _, f := range fields {
		*f = oneLine(*f)
	}
}

func linkSecrets(link string) []string {
	secrets := []string{link}
	if u, err := url.Parse(link); err == nil {
		if token := u.Path[strings.LastIndexByte(u.Path, '/')+1:]; token != "" {
			secrets = append(secrets, token)
		}
	}
	return secrets
}
