// Package kit holds what all screens share: pages and the frame around them, forms and their complaints, texts in the
// person's language, the session and its CSRF token, CSV files.
package kit

import (
	"io/fs"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/audit"
	"kontor/app/firm"
	"kontor/app/internal/web/client"
	"kontor/app/internal/web/static"
	"kontor/app/internal/web/text"
	"kontor/app/lang"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/policies"
)

// Options are the parts and settings of a Kit.
type Options struct {
	Pages, Locales fs.FS // of package views
	Static         *static.Files

	Decider *policies.Decider
	Audit   *audit.Log
	Clients *client.Resolver
	Key     secret.Key
	Now     store.Clock
	Log     *slog.Logger
	// Accounts keeps what people choose for themselves.
	Accounts Chooser

	BaseURL *url.URL             // the beginning of every link
	Firm    func() *firm.Profile // what the firm has set, now
	Zone    *time.Location
	// Undelivered says for which messages the mailbox is the only destination although customers wait for them: all,
	// email, sms; "" for none. Every page of a specialist user shows a notice about it.
	Undelivered string
}

// Kit is what the screens of each feature are built with. The screens embed it.
type Kit struct {
	Now    store.Clock
	Log    *slog.Logger
	Policy *policies.Decider
	Secure bool // served over HTTPS
	Zone   *time.Location
	Key    secret.Key
	Audit  *audit.Log

	clients     *client.Resolver
	accounts    Chooser
	templates   map[string]*templates
	places      []Place
	textFields  []TextField
	baseURL     string
	origin      string // scheme and host of BaseURL
	firm        func() *firm.Profile
	undelivered string
}

// New makes a Kit and parses all templates in each language.
func New(o Options) (*Kit, error) {
	k := &Kit{
		Now: o.Now, Log: o.Log, Policy: o.Decider, Zone: o.Zone, Key: o.Key, Audit: o.Audit, Secure: o.BaseURL.Scheme == "https",
		clients: o.Clients, accounts: o.Accounts, baseURL: strings.TrimRight(o.BaseURL.String(), "/"),
		origin: o.BaseURL.Scheme + "://" + o.BaseURL.Host, firm: o.Firm,
		undelivered: o.Undelivered, templates: map[string]*templates{}, textFields: textFields,
	}
	for _, locale := range lang.All {
		tx, err := text.Load(o.Locales, locale, o.Zone)
		if err != nil {
			return nil, err
		}
		if k.templates[locale], err = loadTemplates(o.Pages, tx, o.Static, o.Now); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Firm is what the firm has set about itself.
func (k *Kit) Firm() *firm.Profile { return k.firm() }

// locale is the language where nobody has chosen one.
func (k *Kit) locale() string { return k.firm().Settings[firm.OwnLocale] }

// Show sets the entries of the navigation in their order. It must be called once, before the first request.
func (k *Kit) Show(places ...Place) { k.places = places }

// Require asks the policy for a permission that needs no relation to a record.
func (k *Kit) Require(c *fiber.Ctx, object policies.Object, action policies.Action) error {
	return k.Policy.Require(policies.Request{Roles: k.Caller(c).Roles, Object: object, Action: action})
}
