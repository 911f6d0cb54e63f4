package courier

import (
	"cmp"
	"net/url"
	"strings"
	"time"
)

// Kind is what a message is about; there is one Composer and one set of templates per kind.
type Kind string

// The kinds; what is to be known of each stands in the table kinds.
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
)

// kindRow is what is to be known of a kind, but for its Composer, which the feature that posts it registers, and its
// templates in views/mail.
type kindRow struct {
	kind       Kind
	channel    Channel
	answerable bool // an answer to the firm helps; other mails are about work inside the firm, or ask to call people as always
	sample     Data // what its templates are tried with when the program starts
}

var kinds = []kindRow{
	{Registration, Email, true, sampleRegistration}, // with the registration link (access)
	{JoinCustomer, Email, true, sampleRegistration}, // with a link that adds the customer to an existing account (access)
	{RegistrationCode, SMS, false, sampleCode},      // with the registration code (access)
	{SetPassword, Email, false, sampleAccount},      // to a new specialist user (account)
	{ResetPassword, Email, true, sampleAccount},     // password forgotten (account)
	{ConfirmEmail, Email, true, sampleAccount},      // to the new address (account)
	{EmailChanged, Email, true, sampleAccount},      // to the old address (account)
	{EmailConfirmed, Email, true, sampleAccount},    // to the new address, once it counts (account)
	{PasswordChanged, Email, true, sampleAccount},   // to who has a new password (account)
	{RolesChanged, Email, false, sampleRoles},       // to who has other roles now (account)
	{RoleGranted, Email, false, sampleRoles},        // to who holds a role that somebody else was given (account)
	{ApprovalAsked, Email, false, sampleApproval},   // about what takes a second person (account, approval)
}

func kindOf(kind Kind) (row kindRow, ok bool) {
	for _, k := range kinds {
		if k.kind == kind {
			return k, true
		}
	}
	return kindRow{}, false
}

// Kinds lists the kinds.
func Kinds() []Kind {
	all := make([]Kind, len(kinds))
	for i, k := range kinds {
		all[i] = k.kind
	}
	return all
}

// Data is what the templates of a kind are filled with. The types stand here, beside the kinds, because the templates in
// views/mail are tried with them.
type Data interface {
	// clean takes line breaks and control characters out of what people typed: a name must not be able to add a line to a
	// mail. firm is the firm's name, for data that has none.
	clean(firm string) Data
	// secrets are the parts that let somebody in: they must not be kept where the other side repeats them in an answer.
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
	Number     string // of the customer, as the mail with the link names it: who has several of them knows which is which
	Expires    time.Time
}

var sampleCode = CodeData{Firm: "Kontor", Code: "2345-6789", Number: "K-10001", Expires: sampleTime}

func (d CodeData) clean(firm string) Data {
	d.Firm = cmp.Or(d.Firm, firm)
	cleanAll(&d.Firm, &d.Code)
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

// RolesData fills RolesChanged and RoleGranted. Roles are keys, which the templates say in words.
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
	Firm, Name, By string // By: who proposes
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

var sampleTime = time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC)

// sample is a message of a kind to nobody.
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
