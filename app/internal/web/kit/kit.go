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
	Logo           *static.Logo // shown in place of Kontor's logo; nil: none

	Decider *policies.Decider
	Audit   *audit.Log
	Clients *client.Resolver
	Key     secret.Key
	Now     store.Clock
	Log     *slog.Logger
	// Accounts keeps what people choose for themselves.
	Accounts Chooser

	BaseURL *url.URL // the beginning of every link
	Firm    string
	// Links are the firm's own links, shown at the bottom of every page that end users see.
	Links  []FirmLink
	Locale string // the default language
	Zone   *time.Location
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
	Logo   *static.Logo

	clients     *client.Resolver
	accounts    Chooser
	templates   map[string]*templates
	places      []Place
	textFields  []TextField
	baseURL     string
	origin      string // scheme and host of BaseURL
	firm        string
	links       []FirmLink
	locale      string
	undelivered string
}

// New makes a Kit and parses all templates in each language.
func New(o Options) (*Kit, error) {
	k := &Kit{
		Now: o.Now, Log: o.Log, Policy: o.Decider, Zone: o.Zone, Key: o.Key, Audit: o.Audit, Logo: o.Logo, Secure: o.BaseURL.Scheme == "https",
		clients: o.Clients, accounts: o.Accounts, baseURL: strings.TrimRight(o.BaseURL.String(), "/"),
		origin: o.BaseURL.Scheme + "://" + o.BaseURL.Host, firm: o.Firm, links: o.Links, locale: o.Locale,
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

// Firm is the firm's name.
func (k *Kit) Firm() string { return k.firm }

// OwnName says whether the firm has set a name of its own.
func (k *Kit) OwnName() bool { return k.firm != defaultFirm }

// defaultFirm is the default of FIRM_NAME.
const defaultFirm = "Kontor"

// Show sets the entries of the navigation in their order. It must be called once, before the first request.
func (k *Kit) Show(places ...Place) { k.places = places }

// Require asks the policy for a permission that needs no relation to a record.
func (k *Kit) Require(c *fiber.Ctx, object policies.Object, action policies.Action) error {
	return k.Policy.Require(policies.Request{Roles: k.Caller(c).Roles, Object: object, Action: action})
}
