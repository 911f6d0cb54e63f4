package kit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"html/template"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/fault"
	"kontor/app/internal/web/text"
	"kontor/app/store"
	"kontor/policies"
)

// ToApprovals answers an action that was proposed for approval instead of carried out.
func (k *Kit) ToApprovals(c *fiber.Ctx) error {
	return k.Redirect(c, ApprovalsPath, "toast.approval_asked")
}

// View is one answer: a page, and the part of it that HTMX requests get.
type View struct {
	Page         string  // template of the page's content
	Fragment     string  // template of the part for HTMX requests; "" means the whole content
	Title        string  // already in the person's language
	Nav          string  // id of the current entry of the navigation
	SingleColumn bool    // one column for end users and sign-in, without navigation
	Strangers    bool    // anybody may open it: of the firm it shows only what the firm wants strangers to see
	Search       *Search // the search field of the frame if it fills a list on this page; nil: its results appear below it
	Wide         bool    // a page with one column that shows more than a form
	Status       int     // 200 when 0
	Data         any
}

// Frame is the data of every template: the page's data as .D, and the data of the frame around it.
type Frame struct {
	Title        string
	Firm         string
	Logo         *Mark  // nil: Kontor's mark
	Hint         string // what the firm says to people who want to sign in
	Locale       string
	CSRF         string
	Signed       *account.Signed
	Theme        string // light or dark; "" leaves it to the browser
	Compact      bool   // the rows of lists take less room
	Shortcuts    bool
	Nav          []navEntry
	Search       *Search
	Toast        *Toast
	Held         string           // the sentence that a form was not carried out, if the page itself does not say so
	Notice       string           // the sentence that messages are not delivered
	Languages    []languageChoice // the language switch; nil if somebody is signed in
	Links        []FirmLink       // the firm's links, on pages that end users see
	SingleColumn bool
	Wide         bool
	Body         template.HTML
	D            any
}

type navEntry struct {
	Href, Icon, Text string // Text is a text id
	Key              string // pressed after g it leads there
	Current          bool
	Badge            int
}

// Render answers with a page, or with its fragment if HTMX asks for one. Page and fragment use the same template and have
// the same address, so it sets Vary.
func (k *Kit) Render(c *fiber.Ctx, v View) error {
	c.Vary("HX-Request", "HX-Boosted", "HX-History-Restore-Request", fiber.HeaderAcceptLanguage, fiber.HeaderCookie)
	t := k.Text(c)
	pages := k.templates[t.Locale]
	f := &Frame{
		Title: v.Title, Locale: t.Locale, CSRF: k.csrfToken(c), Signed: Signed(c), SingleColumn: v.SingleColumn, Wide: v.Wide, D: v.Data,
	}
	f.Search = v.Search
	f.letterhead(k.firm(), v)
	f.look(k.Preferences(c))
	f.Shortcuts = f.Signed != nil && f.Signed.Account.Shortcuts
	if v.Status != 0 {
		c.Status(v.Status)
	}
	c.Type("html", "utf-8")
	if IsFragment(c) && v.Fragment != "" {
		return send(c, pages, v.Fragment, f)
	}
	f.Toast = k.takeToast(c)
	if h := HeldOf(c); h != nil && !h.Said {
		f.Held = k.Sentence(c, h)
	}
	if v.SingleColumn {
		f.Languages = k.languages(c)
	}
	if !v.SingleColumn {
		if err := k.navigation(c, f, v.Nav); err != nil {
			return err
		}
		var err error
		if f.Notice, err = k.notice(t); err != nil {
			return err
		}
	}
	var err error
	if f.Body, err = pages.execute(v.Page, f); err != nil {
		return err
	}
	return send(c, pages, "shell/page", f)
}

// send writes a template to the answer, whole or not at all.
func send(c *fiber.Ctx, pages *templates, name string, f *Frame) error {
	c.Response().ResetBody()
	err := pages.write(c.Response().BodyWriter(), name, f)
	if err != nil {
		c.Response().ResetBody()
	}
	return err
}

// IsFragment says whether a request gets a fragment instead of a page. It is the only place that decides this.
func IsFragment(c *fiber.Ctx) bool {
	return c.Locals(wholeKey) == nil && c.Get("HX-Request") == "true" && c.Get("HX-Boosted") != "true" && c.Get("HX-History-Restore-Request") != "true"
}

// ErrorTitle puts the error prefix in front of the title of a page with errors, because screen readers read the title
// first.
func (k *Kit) ErrorTitle(c *fiber.Ctx, title string) string {
	return k.Text(c).Say("error_prefix") + " " + title
}

// Place is an entry of the navigation.
type Place struct {
	ID, Href, Icon string
	Key            string // the letter that leads there when it is pressed after g
	Search         bool   // the search of the frame finds something for people who may open this place
	May            func(context.Context, account.Caller) (bool, error)
	Badge          func(context.Context, account.Caller) (int, error) // number of open items there; nil: no badge
}

// Allowed returns a Place.May for permissions that need no relation to a record.
func (k *Kit) Allowed(o policies.Object, kind string, a policies.Action) func(context.Context, account.Caller) (bool, error) {
	return func(_ context.Context, caller account.Caller) (bool, error) {
		return k.Policy.Allows(policies.Request{Roles: caller.Roles, Object: o, Kind: kind, Action: a})
	}
}

// Action is something that a person can do from anywhere, besides going to a place.
type Action struct {
	Text, Href, Icon string // Text is a text id
	May              func(context.Context, account.Caller) (bool, error)
}

// PlacesOf returns the places that the person may open, in the order of the navigation.
func (k *Kit) PlacesOf(c *fiber.Ctx) ([]Place, error) { return k.mayUse(k.Ctx(c), k.Caller(c)) }

// mayUse returns the places that a person may open.
func (k *Kit) mayUse(ctx context.Context, caller account.Caller) (places []Place, err error) {
	for _, p := range k.places {
		ok, err := p.May(ctx, caller)
		if err != nil {
			return nil, err
		}
		if ok {
			places = append(places, p)
		}
	}
	return places, nil
}

// navigation adds the places that the person may open, and the search for people who may search.
func (k *Kit) navigation(c *fiber.Ctx, f *Frame, current string) error {
	caller := k.Caller(c)
	places, err := k.mayUse(k.Ctx(c), caller)
	if err != nil {
		return err
	}
	for _, p := range places {
		if f.Search == nil && p.Search {
			f.Search = &Search{Path: "/search", Label: "search.all", Hint: "search.hint"}
		}
		entry := navEntry{Href: p.Href, Icon: p.Icon, Text: "nav." + p.ID, Key: p.Key, Current: p.ID == current}
		if p.Badge != nil {
			if entry.Badge, err = p.Badge(k.Ctx(c), caller); err != nil {
				return err
			}
		}
		f.Nav = append(f.Nav, entry)
	}
	return nil
}

// Toast is a line on the next page that says what was done. It is never an error.
type Toast struct {
	Text string         `json:"t"` // text id
	Args map[string]any `json:"a,omitempty"`
	// Code is the telephone number that a registration code was sent to, E.164, "" for none.
	Code string `json:"c,omitempty"`
	// Undo is the address that the toast's button posts to, "" for no button.
	Undo string `json:"u,omitempty"`
}

const toastCookie = "toast"

// Redirect answers a form that was carried out: with 303, or with HX-Redirect for HTMX. toastText is the toast on the
// next page, "" for none.
func (k *Kit) Redirect(c *fiber.Ctx, to, toastText string, args ...any) error {
	return k.RedirectWith(c, to, Toast{Text: toastText, Args: text.ArgMap(args)})
}

// RedirectWith is Redirect with a whole Toast, which may have a button.
func (k *Kit) RedirectWith(c *fiber.Ctx, to string, t Toast) error {
	if HeldOf(c) != nil { // what the toast says was not done
		return store.ErrHeld
	}
	if t.Text != "" {
		raw, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if err := k.SetSealed(c, toastCookie, raw); err != nil {
			return err
		}
	}
	if c.Get("HX-Request") == "true" && c.Get("HX-Boosted") != "true" {
		c.Set("HX-Redirect", to)
		return c.SendStatus(fiber.StatusOK)
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

func (k *Kit) takeToast(c *fiber.Ctx) *Toast {
	raw := k.TakeSealed(c, toastCookie)
	var t Toast
	if raw == nil || json.Unmarshal(raw, &t) != nil {
		return nil
	}
	return &t
}

// SetSealed stores a value in an encrypted cookie, for the next page of this browser.
func (k *Kit) SetSealed(c *fiber.Ctx, name string, value []byte) error {
	sealed, err := k.Key.Seal("cookie "+name, value)
	if err != nil {
		return err
	}
	c.Cookie(&fiber.Cookie{
		Name: k.CookieName("kontor-" + name), Value: base64.RawURLEncoding.EncodeToString(sealed), Path: "/", MaxAge: 120,
		HTTPOnly: true, Secure: k.Secure, SameSite: "Lax",
	})
	return nil
}

// TakeSealed returns the value of SetSealed and deletes the cookie; nil when there is none.
func (k *Kit) TakeSealed(c *fiber.Ctx, name string) []byte {
	sealed, err := base64.RawURLEncoding.DecodeString(c.Cookies(k.CookieName("kontor-" + name)))
	if err != nil || len(sealed) == 0 {
		return nil
	}
	c.Cookie(&fiber.Cookie{Name: k.CookieName("kontor-" + name), Path: "/", MaxAge: -1, HTTPOnly: true, Secure: k.Secure, SameSite: "Lax"})
	value, err := k.Key.Open("cookie "+name, sealed)
	if err != nil {
		return nil
	}
	return value
}

// Say returns a text in the person's language.
func (k *Kit) Say(c *fiber.Ctx, id string, args ...any) string { return k.Text(c).Say(id, args...) }

// Text returns the texts in the person's language: that of their setting, else the one chosen on this site, else the one
// from Accept-Language, else LOCALE.
func (k *Kit) Text(c *fiber.Ctx) *text.Texts {
	if t, ok := c.Locals(textKey).(*text.Texts); ok {
		return t
	}
	locale := ""
	if p := Signed(c); p != nil {
		locale = p.Account.Locale
	}
	if k.templates[locale] == nil {
		locale = k.pickLanguage(c, k.locale())
	}
	t := k.templates[locale].Texts
	c.Locals(textKey, t)
	return t
}

// TextsIn returns the texts of a locale, which must be one of lang.All.
func (k *Kit) TextsIn(locale string) *text.Texts { return k.templates[locale].Texts }

// Search is the search field of the frame.
type Search struct {
	Path        string // address that it sends the search to
	Target      string // element that it fills while somebody types; "" is the sheet below it
	Label, Hint string // text ids
	Query       string // its current value
}

// Beside runs f at the same time as the rest of a request. wait returns the error of f when f has ended.
func Beside(f func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- fault.Caught(f) }()
	return func() error { return <-done }
}
