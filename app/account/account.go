package account

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/lang"
	"kontor/app/store"
	"kontor/policies"
)

// Account is a person who signs in.
type Account struct {
	bun.BaseModel `bun:"table:account"`

	ID             uuid.UUID  `bun:"id,pk"`
	Specialist     bool       `bun:"specialist"` // works for the firm
	Name           string     `bun:"name"`
	NameSort       string     `bun:"name_sort"` // store.SortKey of the name
	Search         string     `bun:"search"`    // store.Fold of name, username and e-mail
	Username       string     `bun:"username"`
	UsernameFolded string     `bun:"username_folded"`
	Email          string     `bun:"email"`
	EmailFolded    string     `bun:"email_folded"`
	PendingEmail   string     `bun:"pending_email"` // asked for with AskEmail and not confirmed yet
	PasswordHash   string     `bun:"password_hash"` // "" until the person has chosen one
	Locale         string     `bun:"locale"`        // de, en, or "": as the browser asks
	Shortcuts      bool       `bun:"shortcuts"`
	Active         bool       `bun:"active"`
	Version        int        `bun:"version"`
	CreatedAt      time.Time  `bun:"created_at"`
	LastSignInAt   *time.Time `bun:"last_sign_in_at"`

	Roles []policies.Role `bun:"-"` // those given, loaded with the account
}

// Session is a signed-in browser.
type Session struct {
	bun.BaseModel `bun:"table:session"`

	IDHash     string    `bun:"id_hash,pk"` // secret.HashToken of the cookie's value
	AccountID  uuid.UUID `bun:"account_id"`
	CreatedAt  time.Time `bun:"created_at"`
	LastSeenAt time.Time `bun:"last_seen_at"` // exact to a minute
	ExpiresAt  time.Time `bun:"expires_at"`   // whatever happens
	Address    string    `bun:"address"`
	Agent      string    `bun:"agent"`
}

// Browser is where a request comes from.
type Browser struct {
	Address, Agent string
	Known          string // the token by which Remember knows it again, "" without one
	RequestID      string // for the log
}

// Signed is who a session belongs to.
type Signed struct {
	Account Account
	Session Session
	Roles   []policies.Role // all, as for Caller
	For     []uuid.UUID     // as for Caller
}

var (
	// ErrSignIn is the answer to every sign-in that fails, whatever the reason.
	ErrSignIn = fault.New(fault.Unauthenticated, "sign_in.wrong")
	// ErrNobody is the answer to a caller who is not signed in.
	ErrNobody = fault.New(fault.Unauthenticated, "sign_in.needed")
	// ErrUnknown is the answer to the id of an account that is none, or none of a specialist user.
	ErrUnknown = fault.New(fault.NotFound, "account.unknown")
	// ErrVersion says that somebody else has changed the account meanwhile.
	ErrVersion = fault.New(fault.Conflict, "version")
	// ErrLastHolder says that nobody would be left who holds a role that the firm can't be without.
	ErrLastHolder = fault.New(fault.Conflict, "role.last")
	// ErrSelf says that people can't deactivate themselves.
	ErrSelf = fault.New(fault.Conflict, "account.self")
)

// maxText is the length of a name or username, in characters.
const maxText = 200

// Locales are the languages a person can choose; "" leaves it to the browser.
var Locales = []string{"", lang.German, lang.English}

// guarded are the roles that somebody must always have: without them nobody could give them back.
var guarded = []policies.Role{policies.UserAdministrator, policies.PolicyAdministrator}

// complainText cleans a line of text that is mandatory, in place; nil when there is nothing to complain about.
func complainText(field string, s *string) *fault.Error {
	*s = entry.Line(*s)
	switch {
	case !entry.IsText(*s, false):
		return fault.At(field, "control_characters")
	case !entry.Says(*s):
		return fault.At(field, "required")
	case utf8.RuneCountInString(*s) > maxText:
		return fault.At(field, "too_long").With("max", maxText)
	}
	return nil
}

// complainEmail normalises the address in place.
func complainEmail(field string, email *string) *fault.Error {
	normalised, message := ValidEmail(*email)
	switch message {
	case "":
		*email = normalised
		return nil
	case "too_long":
		return fault.At(field, message).With("max", maxEmail)
	}
	return fault.At(field, message)
}

// complainUsername: a username that looks like an e-mail address must be the person's own, so that no login can ever
// mean two people.
func complainUsername(field string, username *string, email string) *fault.Error {
	if f := complainText(field, username); f != nil {
		return f
	}
	folded := store.FoldEmail(*username)
	if strings.ContainsAny(folded, "@ ") && folded != store.FoldEmail(email) {
		return fault.At(field, "username.malformed")
	}
	return nil
}

func complainLocale(field, locale string) *fault.Error {
	if !slices.Contains(Locales, locale) {
		return fault.At(field, "locale.unknown")
	}
	return nil
}

// inOrder returns the roles that a specialist user can have, each once, in the order of policies.Roles. ok is false
// when there is another one among them.
func inOrder(roles []policies.Role) (sorted []policies.Role, ok bool) {
	for _, r := range roles {
		if !slices.Contains(policies.FirmRoles, r) {
			return nil, false
		}
	}
	for _, r := range policies.FirmRoles {
		if slices.Contains(roles, r) {
			sorted = append(sorted, r)
		}
	}
	return sorted, true
}

// maySignIn says whether there is anything here for a person: the own account, or a customer's portal. A specialist user
// without any role may sign in and do nothing else.
func maySignIn(a Account, hasAccess bool) bool { return a.Active && (a.Specialist || hasAccess) }

// allRoles is everything a person is: the roles given to a specialist user, end user of a customer.
func allRoles(a Account, hasAccess bool) []policies.Role {
	var roles []policies.Role
	if a.Specialist {
		roles, _ = inOrder(a.Roles)
	}
	if hasAccess {
		roles = append(roles, policies.EndUser)
	}
	return roles
}

// setName, setEmail and setUsername keep the folded copies beside what people typed.
func (a *Account) setName(name string) { a.Name, a.NameSort = name, store.SortKey(name); a.index() }
func (a *Account) setEmail(email string) {
	a.Email, a.EmailFolded = email, store.FoldEmail(email)
	a.index()
}
func (a *Account) setUsername(username string) {
	a.Username, a.UsernameFolded = username, store.FoldEmail(username)
	a.index()
}
func (a *Account) index() {
	a.Search = store.Fold(strings.Join(append(store.Spellings(a.Email), a.Name, a.Username, a.Email), " "))
}

// personal is what a password of this person must not be made of.
func (a Account) personal() []string { return []string{a.Name, a.Email, a.Username} }
