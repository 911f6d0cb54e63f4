package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// view is one answer: a page, and the part of it that HTMX gets.
type view struct {
	Page     string  // template of the page's content
	Fragment string  // template of the part an HTMX request gets; "" means the whole content
	Title    string  // already in the person's language
	Nav      string  // which entry of the navigation is the current one
	Door     bool    // one column for end users and sign-in, without navigation
	Search   *search // of the frame where it fills a list on this page; nil: it shows what it finds below itself
	Wide     bool    // a door page with more than a form on it
	Status   int     // 200 when 0
	Data     any
}

// frame is what every template gets: the page's data as .D, and what the frame around it needs.
type frame struct {
	Title     string
	Firm      string
	Logo      *brandLogo // nil: Kontor's mark
	Locale    string
	CSRF      string
	Signed    *account.Signed
	Shortcuts bool
	Nav       []navEntry
	Search    *search
	Toast     *toast
	Held      string           // that a form was not carried out, on a page that does not say so itself
	Notice    string           // that messages are not delivered, in words
	Languages []languageChoice // the switch; nil for who is signed in
	Links     []firmLink       // of the firm, on pages that end users see
	Door      bool
	Wide      bool
	Body      template.HTML
	D         any
}

type navEntry struct {
	Href, Icon, Text string // Text is a text id
	Current          bool
	Badge            int
}

// render answers with a page, or with its fragment if and only if HTMX asks for one. Page and fragment are the same
// template; both stand under one address, hence Vary.
func (s *Server) render(c *fiber.Ctx, v view) error {
	c.Vary("HX-Request", "HX-Boosted", "HX-History-Restore-Request", fiber.HeaderAcceptLanguage, fiber.HeaderCookie)
	t := s.text(c)
	pages := s.templates[t.locale]
	f := &frame{
		Title: v.Title, Firm: s.firm, Logo: s.logo, Locale: t.locale, CSRF: s.csrfToken(c), Signed: signed(c), Door: v.Door, Wide: v.Wide, D: v.Data,
	}
	f.Search = v.Search
	f.Shortcuts = f.Signed != nil && f.Signed.Account.Shortcuts
	if v.Status != 0 {
		c.Status(v.Status)
	}
	c.Type("html", "utf-8")
	if isFragment(c) && v.Fragment != "" {
		body, err := pages.execute(v.Fragment, f)
		if err != nil {
			return err
		}
		return c.Send(body)
	}
	f.Toast = s.takeToast(c)
	if h := heldOf(c); h != nil && !h.said {
		f.Held = s.sentence(c, h)
	}
	if v.Door {
		f.Languages, f.Links = s.languages(c), s.firmLinksOf()
	}
	if !v.Door {
		if err := s.navigation(c, f, v.Nav); err != nil {
			return err
		}
		var err error
		if f.Notice, err = s.notice(t); err != nil {
			return err
		}
	}
	body, err := pages.execute(v.Page, f)
	if err != nil {
		return err
	}
	f.Body = template.HTML(body) // the output of html/template, escaped already
	shell, err := pages.execute("shell/page", f)
	if err != nil {
		return err
	}
	return c.Send(shell)
}

// isFragment is the one place that decides between fragment and page.
func isFragment(c *fiber.Ctx) bool {
	return c.Locals(wholeKey) == nil && c.Get("HX-Request") == "true" && c.Get("HX-Boosted") != "true" && c.Get("HX-History-Restore-Request") != "true"
}

// errorTitle begins the title of a page with errors, as screen readers want to hear it first.
func (s *Server) errorTitle(c *fiber.Ctx, title string) string {
	return s.text(c).say("error_prefix") + " " + title
}

// place is an entry of the navigation.
type place struct {
	id, href, icon string
	search         bool // who may go there finds something with the search of the frame
	may            func(account.Caller) (bool, error)
	badge          func(context.Context, account.Caller) (int, error) // how much waits there; nil: nothing can
}

// allowed is a place's may where the policy asks for no relation to anything.
func (s *Server) allowed(o policies.Object, kind string, a policies.Action) func(account.Caller) (bool, error) {
	return func(caller account.Caller) (bool, error) {
		return s.policy.Allows(policies.Request{Roles: caller.Roles, Object: o, Kind: kind, Action: a})
	}
}

// mayUse lists the places that a person may use.
func (s *Server) mayUse(caller account.Caller) (places []place, err error) {
	for _, p := range s.places {
		ok, err := p.may(caller)
		if err != nil {
			return nil, err
		}
		if ok {
			places = append(places, p)
		}
	}
	return places, nil
}

// navigation fills in what this person may use, and the search for those who may find something.
func (s *Server) navigation(c *fiber.Ctx, f *frame, current string) error {
	caller := s.caller(c)
	places, err := s.mayUse(caller)
	if err != nil {
		return err
	}
	for _, p := range places {
		if f.Search == nil && p.search {
			f.Search = &search{Path: "/search", Label: "search.all", Hint: "search.hint"}
		}
		entry := navEntry{Href: p.href, Icon: p.icon, Text: "nav." + p.id, Current: p.id == current}
		if p.badge != nil {
			if entry.Badge, err = p.badge(s.ctx(c), caller); err != nil {
				return err
			}
		}
		f.Nav = append(f.Nav, entry)
	}
	return nil
}

// toast is a line that says what was done, on the page after it. Never an error.
type toast struct {
	Text string         `json:"t"` // text id
	Args map[string]any `json:"a,omitempty"`
	// Code is the number that a registration code goes to, E.164, "" for none.
	Code string `json:"c,omitempty"`
	// Undo is the address that a button on it posts to, "" for none.
	Undo string `json:"u,omitempty"`
}

const toastCookie = "toast"

// redirect answers a successful form: 303, or HX-Redirect for HTMX, with a toast on the next page ("" for none).
func (s *Server) redirect(c *fiber.Ctx, to, toastText string, args ...any) error {
	return s.redirectWith(c, to, toast{Text: toastText, Args: argMap(args)})
}

// redirectWith is redirect with a toast that may have a button.
func (s *Server) redirectWith(c *fiber.Ctx, to string, t toast) error {
	if heldOf(c) != nil { // what it says has not been done
		return store.ErrHeld
	}
	if t.Text != "" {
		raw, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if err := s.setSealed(c, toastCookie, raw); err != nil {
			return err
		}
	}
	if c.Get("HX-Request") == "true" && c.Get("HX-Boosted") != "true" {
		c.Set("HX-Redirect", to)
		return c.SendStatus(fiber.StatusOK)
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

func (s *Server) takeToast(c *fiber.Ctx) *toast {
	raw := s.takeSealed(c, toastCookie)
	var t toast
	if raw == nil || json.Unmarshal(raw, &t) != nil {
		return nil
	}
	return &t
}

// setSealed leaves something with the browser for its next page, readable only by us.
func (s *Server) setSealed(c *fiber.Ctx, name string, value []byte) error {
	sealed, err := s.key.Seal("cookie "+name, value)
	if err != nil {
		return err
	}
	c.Cookie(&fiber.Cookie{
		Name: s.cookieName("kontor-" + name), Value: base64.RawURLEncoding.EncodeToString(sealed), Path: "/", MaxAge: 120,
		HTTPOnly: true, Secure: s.secure, SameSite: "Lax",
	})
	return nil
}

// takeSealed returns what setSealed left, once; nil when there is nothing.
func (s *Server) takeSealed(c *fiber.Ctx, name string) []byte {
	sealed, err := base64.RawURLEncoding.DecodeString(c.Cookies(s.cookieName("kontor-" + name)))
	if err != nil || len(sealed) == 0 {
		return nil
	}
	c.Cookie(&fiber.Cookie{Name: s.cookieName("kontor-" + name), Path: "/", MaxAge: -1, HTTPOnly: true, Secure: s.secure, SameSite: "Lax"})
	value, err := s.key.Open("cookie "+name, sealed)
	if err != nil {
		return nil
	}
	return value
}

// localPath returns next if it is a path of this site, else fallback: "//evil", "/\evil", "https:…" are not (S42).
func localPath(next, fallback string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return fallback
	}
	return next
}

// say is a shorthand for handlers.
func (s *Server) say(c *fiber.Ctx, id string, args ...any) string { return s.text(c).say(id, args...) }

// text picks the language: the person's setting, else what they chose on a page of ours, else Accept-Language, else LOCALE.
func (s *Server) text(c *fiber.Ctx) *texts {
	if t, ok := c.Locals(textKey).(*texts); ok {
		return t
	}
	locale := ""
	if p := signed(c); p != nil {
		locale = p.Account.Locale
	}
	if s.templates[locale] == nil {
		locale = s.pickLanguage(c, s.locale)
	}
	t := s.templates[locale].texts
	c.Locals(textKey, t)
	return t
}
