package web

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"kontor/app/access"
	"kontor/app/courier"
	"kontor/app/lang"
)

var pageLanguage = regexp.MustCompile(`<html lang="([a-z]+)">`)

// language is what the page says that it speaks.
func (a answer) language() string {
	if m := pageLanguage.FindStringSubmatch(a.body); m != nil {
		return m[1]
	}
	return ""
}

// inviteIn is an invitation to somebody new in a language; the token of its link.
func (w *world) inviteIn(locale, email string) string {
	w.Helper()
	_, err := w.accesses.Create(context.Background(), w.admin, w.customer,
		access.Form{FirstName: "Berta", LastName: "Kühn", Email: email, Locale: locale}, "")
	must(w.TB, err)
	return w.mailed("register", email)
}

// mailed is the token of the newest link of a kind that came to an address.
func (w *world) mailed(kind, email string) string {
	w.Helper()
	w.deliver()
	for _, m := range w.box() {
		if token := linkTo(kind, m.Text); m.To == email && token != "" {
			return token
		}
	}
	w.Fatalf("no link came to %s", email)
	return ""
}

// resetIn is a link to choose a new password for a user with a language.
func (w *world) resetIn(locale, email string) string {
	w.Helper()
	w.browser().send("/password/forgotten", "login", email)
	return w.mailed("password/reset", email)
}

// TestInvitationLanguage: the page of a link uses the language of the invitation, unless the browser prefers another of
// our languages or the person has chosen one on this site. So do the answers to its forms and the page for a link that is
// not valid any more.
func TestInvitationLanguage(t *testing.T) {
	w := newWorld(t) // LOCALE is en
	links := map[string]struct{ live, used, expired string }{}
	late := map[string]string{}
	for _, locale := range lang.All {
		late[locale] = w.inviteIn(locale, "late."+locale+"@kunde.example")
	}
	w.Tick(access.LinkLife + time.Second)
	for _, locale := range lang.All {
		someone := func(name string) string { return name + "." + locale + "@kunde.example" }
		used := w.inviteIn(locale, someone("used"))
		w.browser().send("/register/"+used, "password", strong, "password_repeat", strong).goesTo(t, "/portal")
		links[locale] = struct{ live, used, expired string }{w.inviteIn(locale, someone("live")), used, late[locale]}
	}
	for _, c := range []struct{ accept, invited, asked, kept, want string }{
		{"", "de", "", "", "de"},
		{"", "en", "", "", "en"},
		{"fr", "de", "", "", "de"},
		{"fr", "en", "", "", "en"},
		{"fr-CH, it;q=0.8", "de", "", "", "de"},
		{"*", "de", "", "", "de"},
		{"*;q=0.5", "de", "", "", "de"},
		{"*, en;q=0.5", "de", "", "", "de"},
		{"fr, *;q=0.1", "en", "", "", "en"},
		{"*, en;q=0", "en", "", "", "de"},
		{"en;q=0.9, de;q=0.8", "de", "", "", "en"},
		{"en;q=0.8, de;q=0.9", "en", "", "", "de"},
		{"en-US,en;q=0.5", "de", "", "", "en"},
		{"de-AT", "en", "", "", "de"},
		{"DE-ch", "en", "", "", "de"},
		{"fr, en;q=0.5", "de", "", "", "en"},
		{"de;q=0", "de", "", "", "de"}, // nothing of ours would do
		{"en;q=NaN", "de", "", "", "de"},
		{"en;q=x, ;;,=", "de", "", "", "de"},
		{"<script>", "de", "", "", "de"},
		{strings.Repeat("fr,", 500), "de", "", "", "de"},
		// what somebody chose here counts before all
		{"", "de", "en", "", "en"},
		{"de", "de", "en", "", "en"},
		{"en", "en", "de", "", "de"},
		{"de", "de", "", "en", "en"},
		{"en", "en", "", "de", "de"},
		{"de", "de", "de", "en", "de"},
		{"", "de", "", "en", "en"},
		// and nothing else that stands there
		{"", "de", "EN", "", "de"},
		{"", "de", "fr", "", "de"},
		{"", "de", "en,de", "", "de"},
		{"", "de", "../en", "", "de"},
		{"", "de", `"><script>alert(1)</script>`, "", "de"},
		{"", "de", "en\r\nSet-Cookie: a=b", "", "de"},
		{"", "de", strings.Repeat("en", 2000), "", "de"},
		{"", "de", "", "fr", "de"},
		{"", "de", "", "EN", "de"},
		{"", "de", "", "en-US", "de"},
		{"", "de", "", "<b>en</b>", "de"},
		{"", "de", "", strings.Repeat("en", 1000), "de"},
		{"", "de", "xx", "en", "en"},
	} {
		query := ""
		if c.asked != "" {
			query = "?lang=" + url.QueryEscape(c.asked)
		}
		name := c.accept + "|" + c.invited + "|" + c.asked + "|" + c.kept
		if len(name) > 60 {
			name = name[:60]
		}
		comes := func() *browser {
			b := w.browser()
			b.language = c.accept
			if c.kept != "" {
				b.cookies[languageName] = c.kept
			}
			return b
		}
		says := func(what string, a answer, status int) {
			t.Helper()
			if a.StatusCode != status || a.language() != c.want {
				t.Errorf("%q: %s is %d in %q, want %d in %s", name, what, a.StatusCode, a.language(), status, c.want)
			}
			for _, cookie := range a.Cookies() {
				if cookie.Name == languageName && cookie.Value != "de" && cookie.Value != "en" {
					t.Errorf("%q: the cookie holds %q", name, cookie.Value)
				}
			}
			if strings.Contains(a.body, "<script>alert") {
				t.Errorf("%q: what the address says is on the page of %s", name, what)
			}
		}
		l := links[c.invited]
		b := comes()
		says("the page", b.get("/register/"+l.live+query), http.StatusOK)
		says("the answer to the form", b.send("/register/"+l.live, "password", "short", "password_repeat", "short"), http.StatusUnprocessableEntity)
		says("a used link", comes().get("/register/"+l.used+query), http.StatusGone)
		says("an expired link", comes().get("/register/"+l.expired+query), http.StatusGone)
	}
}

const languageName = "__Host-kontor-language"

// TestLinkLanguage: the pages of the other links in mails use the language of the account, by the same rule, and so do
// the answers to their forms.
func TestLinkLanguage(t *testing.T) {
	w := newWorld(t)
	for _, locale := range lang.All {
		email := "konto." + locale + "@kunde.example"
		w.browser().send("/register/"+w.inviteIn(locale, email), "password", strong, "password_repeat", strong).goesTo(t, "/portal")
		says := func(b *browser, what, want string, a answer) {
			t.Helper()
			if a.language() != want {
				t.Errorf("%s, asked for %q: %s (%d) speaks %q, want %s", locale, b.language, what, a.StatusCode, a.language(), want)
			}
		}
		for accept, want := range map[string]string{"": locale, "fr": locale, "en": "en", "de": "de", "en;q=0.9, de;q=0.8": "en"} {
			w.Tick(time.Hour)
			b := w.browser()
			b.language = accept
			reset := "/password/reset/" + w.resetIn(locale, email)
			says(b, "choosing a password", want, b.get(reset))
			says(b, "a mistake in it", want, b.send(reset, "password", "x", "password_repeat", "y"))
			b.send(reset, "password", strong, "password_repeat", strong).goesTo(t, "/login")
			says(b, "signing in after it", want, b.get("/login"))
			other := w.browser()
			other.language = accept
			says(other, "the used link", want, other.get(reset))
			says(other, "the used link's form", want, other.send(reset, "password", strong, "password_repeat", strong))

			changed := "neu." + email
			own := w.browser().signIn(email, strong)
			own.send("/account/email", "email", changed, "email_password", strong).goesTo(t, "/account")
			confirm := "/account/email/" + w.mailed("account/email", changed)
			says(other, "confirming an address", want, other.get(confirm))
		}
	}
}

// TestRegisteredLanguage: after registering, and after signing out again, pages stay in the language of the registration.
func TestRegisteredLanguage(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.language = "fr"
	b.send("/register/"+w.inviteIn("de", "berta@kunde.example"), "password", strong, "password_repeat", strong).goesTo(t, "/portal")
	b.send("/logout").goesTo(t, "/login")
	if got := b.get("/login").language(); got != "de" {
		t.Errorf("the sign-in page speaks %q", got)
	}
	b.get("/login?lang=en")
	if got := b.get("/password/forgotten").language(); got != "en" {
		t.Errorf("what was chosen last is forgotten: %q", got)
	}
	b.signIn("berta@kunde.example", strong)
	if got := b.get("/portal?lang=en").language(); got != "de" {
		t.Errorf("the person's own setting counts less than what was chosen before signing in: %q", got)
	}
}

// TestUnknownLinkLanguage: a replaced link gets the same page as a link that never existed, whoever it was for.
func TestUnknownLinkLanguage(t *testing.T) {
	w := newWorld(t)
	old := w.inviteIn("de", "berta@kunde.example")
	rows, err := w.accesses.OfCustomer(context.Background(), w.admin, w.customer)
	must(t, err)
	_, err = w.accesses.Correct(context.Background(), w.admin, w.customer, rows[0].ID, rows[0].Version, access.Form{
		FirstName: "Berta", LastName: "Kühn", Email: "berta.neu@kunde.example", Locale: "de",
	})
	must(t, err)
	page := func(token string) string {
		b := w.browser()
		b.language = ""
		return b.get("/register/" + token).body
	}
	if page(old) != page(strings.Repeat("A", 43)) {
		t.Error("the page of a replaced link tells that there was one")
	}
}

// TestLanguageSwitch: pages for people who are not signed in offer the other language. The link keeps the rest of the
// address, and a malicious address can't lead to another site. An answer to a form has no switch, because the typed
// values would be lost.
func TestLanguageSwitch(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{
		"/login", "/password/forgotten", "/register/" + w.inviteIn("de", "berta@kunde.example"), "/register/" + strings.Repeat("A", 43),
		"/password/reset/" + w.resetIn("en", adminEmail),
		"/login?next=%2Faccount%3Fa%3Db%26c", "/login?lang=xx&lang=de", "/login?next=//evil.example&x=%22%3E%3Cb%3E", "/login?%zz&a=b;c",
	} {
		b := w.browser()
		b.language = "en"
		offer := b.get(path).doc(t).Find(`nav[aria-label="Language"] a`)
		href, _ := offer.Attr("href")
		if offer.Length() != 1 || offer.Text() != "Deutsch" || offer.AttrOr("lang", "") != "de" || !strings.HasPrefix(href, "?") {
			t.Errorf("%s: offers %q, %q", path, offer.Text(), href)
			continue
		}
		here, err := url.Parse(path)
		must(t, err)
		there, err := here.Parse(href)
		must(t, err)
		if there.Path != here.Path || there.Query().Get("next") != here.Query().Get("next") {
			t.Errorf("%s: leads to %s", path, there)
		}
		german := b.get(there.String())
		back := german.doc(t).Find(`nav[aria-label="Sprache"] a`)
		if german.language() != "de" || back.Text() != "English" {
			t.Errorf("%s: %s speaks %q and offers %q", path, there, german.language(), back.Text())
		}
		if strings.Contains(german.body, `"><b>`) && strings.Contains(path, "%3Cb%3E") {
			t.Errorf("%s: what the address says is on the page", path)
		}
		if got := b.get(here.Path).language(); got != "de" {
			t.Errorf("%s: the choice is not kept: %q", path, got)
		}
	}
	wrong := w.browser().send("/login", "login", "anna", "password", "wrong wrong wrong")
	if wrong.doc(t).Find(`nav[aria-label="Language"]`).Length() != 0 {
		t.Error("a page that holds what was typed has a link that loses it")
	}
	if w.signedIn().get("/account").doc(t).Find(`nav[aria-label="Language"]`).Length() != 0 {
		t.Error("who is signed in has their own setting")
	}
}

// TestLanguageCookie: the cookie contains two letters and is for this site only. It is not set if nobody chose a
// language.
func TestLanguageCookie(t *testing.T) {
	w := newWorld(t)
	set := func(a answer) *http.Cookie {
		for _, c := range a.Cookies() {
			if c.Name == languageName {
				return c
			}
		}
		return nil
	}
	for _, path := range []string{"/login", "/login?lang=", "/login?lang=fr", "/login?lang=DE", "/login?LANG=de", "/login?lang=de%00", "/login?lang=de%0d%0aSet-Cookie:a=b"} {
		if c := set(w.browser().get(path)); c != nil {
			t.Errorf("%s: sets %v", path, c)
		}
	}
	c := set(w.browser().get("/login?lang=de"))
	if c == nil || c.Value != "de" || !c.HttpOnly || !c.Secure || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 365*24*3600 {
		t.Errorf("the cookie: %v", c)
	}
}

// TestFirmLinks: every page that end users see shows the firm's links at the bottom, plain text as text, and nothing for
// a setting that is not set. Pages of specialist users show none.
func TestFirmLinks(t *testing.T) {
	const hostile = `"><script>alert(1)</script> Zimmer 3 & 4`
	all := []courier.FirmLink{
		{Key: "imprint", Href: "https://kanzlei.example/impressum?a=1&b=%22"}, {Key: "privacy", Href: "https://kanzlei.example/datenschutz"},
		{Key: "contact", Text: "040 1234567", Href: "tel:0401234567"},
	}
	for name, c := range map[string]struct {
		links  []courier.FirmLink
		says   string
		leads  []string
		absent []string
	}{
		"all":             {all, "Imprint · Privacy · Contact: 040 1234567", []string{all[0].Href, all[1].Href, all[2].Href}, nil},
		"none":            {nil, "", nil, []string{"Imprint", "Privacy", "Contact"}},
		"imprint":         {all[:1], "Imprint", []string{all[0].Href}, []string{"Privacy", "Contact:"}},
		"text":            {[]courier.FirmLink{{Key: "contact", Text: "Frau Berg, Zimmer 3"}}, "Contact: Frau Berg, Zimmer 3", nil, []string{"Imprint"}},
		"mail":            {[]courier.FirmLink{{Key: "contact", Text: "a@b.example", Href: "mailto:a@b.example"}}, "Contact: a@b.example", []string{"mailto:a@b.example"}, nil},
		"hostile":         {[]courier.FirmLink{{Key: "contact", Text: hostile}}, "Contact: " + hostile, nil, []string{"Imprint"}},
		"hostile address": {[]courier.FirmLink{{Key: "contact", Text: "x", Href: `mailto:"onclick=alert(1)"@b.example`}}, "Contact: x", []string{`mailto:%22onclick=alert%281%29%22@b.example`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.FirmLinks = c.links })
			end := w.endUser()
			end.send("/account", "locale", "en", "name", "Berta Kühn", "username", "berta")
			deal := w.transaction("Dachschaden")
			anybody := w.browser()
			used := w.inviteIn("de", "used@kunde.example")
			w.browser().send("/register/"+used, "password", strong, "password_repeat", strong)
			for _, x := range []struct {
				what string
				page answer
			}{
				{"sign-in", anybody.get("/login")}, {"forgotten", anybody.get("/password/forgotten")},
				{"forgotten, sent", anybody.send("/password/forgotten", "login", "nobody@x.example")},
				{"wrong password", anybody.send("/login", "login", "nobody", "password", "wrong wrong wrong")},
				{"invitation", anybody.get("/register/" + w.inviteIn("de", "live@kunde.example"))},
				{"used invitation", anybody.get("/register/" + used)}, {"unknown invitation", anybody.get("/register/" + strings.Repeat("A", 43))},
				{"reset", anybody.get("/password/reset/" + w.resetIn("en", adminEmail))}, {"confirm", anybody.get("/account/email/" + strings.Repeat("A", 43))},
				{"portal", end.get("/portal")}, {"their transaction", end.get("/portal/transactions/" + deal.ID.String())}, {"their account", end.get("/account")},
				{"not theirs", end.get("/customers")}, {"nowhere", end.get("/no-such-page")}, {"nowhere for anybody", anybody.get("/no-such-page")},
				{"refused", anybody.do(http.MethodPost, "/login", url.Values{"login": {"a"}})},
			} {
				doc := x.page.doc(t)
				if x.page.language() != "en" {
					t.Errorf("%s speaks %q", x.what, x.page.language())
				}
				foot := doc.Find("footer")
				said := strings.Join(strings.Fields(foot.Find("p").Text()), " ")
				if said != c.says {
					t.Errorf("%s (%d): says %q", x.what, x.page.StatusCode, said)
				}
				var leads []string
				for _, a := range foot.Find("p a").EachIter() {
					leads = append(leads, a.AttrOr("href", ""))
				}
				if strings.Join(leads, " ") != strings.Join(c.leads, " ") {
					t.Errorf("%s: leads to %q", x.what, leads)
				}
				for _, word := range c.absent {
					if strings.Contains(foot.Text(), word) {
						t.Errorf("%s: has %q", x.what, word)
					}
				}
				if strings.Contains(x.page.body, "<script>alert") || doc.Find("[onclick]").Length() != 0 {
					t.Errorf("%s: what the firm wrote is markup", x.what)
				}
			}
			firm := w.signedIn()
			for _, path := range []string{"/customers", "/no-such-page", "/account"} {
				if page := firm.get(path).doc(t); page.Find("footer").Length() != 0 {
					t.Errorf("%s of a specialist user has the firm's links", path)
				}
			}
		})
	}
}
