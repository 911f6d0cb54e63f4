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
	"kontor/app/preference"
	"kontor/app/store"
	"kontor/policies"
)

// Account is a person who signs in.
type Account struct {
	bun.BaseModel `bun:"table:account"`

	ID             uuid.UUID  `bun:"id,pk"`
	Specialist     bool       `bun:"specialist"` // the person works for the firm
	Name           string     `bun:"name"`
	NameSort       string     `bun:"name_sort"` // store.SortKey of the name
	Search         string     `bun:"search"`    // store.Fold of name, username and e-mail
	Username       string     `bun:"username"`
	UsernameFolded string     `bun:"username_folded"`
	Email          string     `bun:"email"`
	EmailFolded    string     `bun:"email_folded"`
	PendingEmail   string     `bun:"pending_email"` // requested with AskEmail, not confirmed yet
	PasswordHash   string     `bun:"password_hash"` // "" until the person has chosen one
	Locale         string     `bun:"locale"`        // de, en, or "" for the language the browser asks for
	Shortcuts      bool       `bun:"shortcuts"`
	Active         bool       `bun:"active"`
	Version        int        `bun:"version"`
	CreatedAt      time.Time  `bun:"created_at"`
	LastSignInAt   *time.Time `bun:"last_sign_in_at"`

	Roles  []policies.Role   `bun:"-"` // the roles stored for the account, loaded together with it
	Chosen preference.Chosen `bun:"-"` // the preferences; only Authenticate and Erase load them
}

// Session is a signed-in browser.
type Session struct {
	bun.BaseModel `bun:"table:session"`

	IDHash     string    `bun:"id_hash,pk"` // secret.HashToken of the cookie's value
	AccountID  uuid.UUID `bun:"account_id"`
	CreatedAt  time.Time `bun:"created_at"`
	LastSeenAt time.Time `bun:"last_seen_at"` // accurate to one minute
	ExpiresAt  time.Time `bun:"expires_at"`   // the session ends then even if it is in use
	Address    string    `bun:"address"`
	Agent      string    `bun:"agent"`
}

// Browser is where a request comes from.
type Browser struct {
	Address, Agent string
	Known          string // the token from Remember that identifies the browser, "" without one
	RequestID      string // for the log
}

// Signed is a session together with the account it belongs to.
type Signed struct {
	Account Account
	Session Session
	Roles   []policies.Role // all roles, as in Caller
	For     []uuid.UUID     // as in Caller
}

var (
	// ErrSignIn is the answer to every sign-in that fails, whatever the reason.
	ErrSignIn = fault.New(fault.Unauthenticated, "sign_in.wrong")
	// ErrNobody is the answer to a caller who is not signed in.
	ErrNobody = fault.New(fault.Unauthenticated, "sign_in.needed")
	// ErrUnknown is the answer to an id that belongs to no account, or to an account that is not a specialist user's.
	ErrUnknown = fault.New(fault.NotFound, "account.unknown")
	// ErrVersion says that somebody else has changed the account in the meantime.
	ErrVersion = fault.New(fault.Conflict, "version")
	// ErrLastHolder says that nobody would hold a role any more that at least one person must hold.
	ErrLastHolder = fault.New(fault.Conflict, "role.last")
	// ErrSelf says that people can't deactivate themselves.
	ErrSelf = fault.New(fault.Conflict, "account.self")
)

// maxText is the maximum length of a name or username, in characters.
const maxText = 200

// locales are the languages a person can choose; "" leaves it to the browser.
var locales = []string{"", lang.German, lang.English}

// guarded are the roles that at least one person must always hold. If nobody held them, nobody could grant them again.
var guarded = []policies.Role{policies.UserAdministrator, policies.PolicyAdministrator}

// complainText cleans a mandatory line of text in place. It returns nil when the text is valid.
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

// complainEmail checks an e-mail address and normalises it in place. It returns nil when the address is valid.
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

// complainUsername checks a username. A username that looks like an e-mail address must be the person's own address, so
// that a login never matches two people.
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
	if !slices.Contains(locales, locale) {
		return fault.At(field, "locale.unknown")
	}
	return nil
}

// inOrder returns the roles without duplicates, in the order of policies.Roles. ok is false when roles contains a role
// that a specialist user cannot have.
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

// maySignIn says whether a person may sign in: they work for the firm, or they have access to a customer's portal. A
// specialist user without any role may sign in but can do nothing else.
func maySignIn(a Account, hasAccess bool) bool { return a.Active && (a.Specialist || hasAccess) }

// allRoles returns all roles of a person: those granted to a specialist user, and end user if the person has an access.
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

// setName, setEmail and setUsername also update the folded copies of what the person typed.
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

// personal returns the person's own data that their password must not be made of.
func (a Account) personal() []string { return []string{a.Name, a.Email, a.Username} }
