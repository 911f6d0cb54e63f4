package web

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/access"
	"kontor/app/effort"
	"kontor/app/firm"
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
		{"de;q=0", "de", "", "", "de"}, // no language of the program would do
		{"en;q=NaN", "de", "", "", "de"},
		{"en;q=x, ;;,=", "de", "", "", "de"},
		{"<script>", "de", "", "", "de"},
		{strings.Repeat("fr,", 500), "de", "", "", "de"},
		// The language that somebody chose here comes first.
		{"", "de", "en", "", "en"},
		{"de", "de", "en", "", "en"},
		{"en", "en", "de", "", "de"},
		{"de", "de", "", "en", "en"},
		{"en", "en", "", "de", "de"},
		{"de", "de", "de", "en", "de"},
		{"", "de", "", "en", "en"},
		// Other values of the cookie are ignored.
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
			assert.Equal(t, status, a.StatusCode, "%q: %s is %d in %q, want %d in %s", name, what, a.StatusCode, a.language(), status, c.want)
			assert.Equal(t, c.want, a.language(), "%q", name)
			for _, cookie := range a.Cookies() {
				if cookie.Name == languageName && cookie.Value != "de" && cookie.Value != "en" {
					t.Errorf("%q: the cookie holds %q", name, cookie.Value)
				}
			}
			assert.NotContains(t, a.body, "<script>alert", "%q: what the address says is on the page of %s", name, what)
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
			assert.Equal(t, want, a.language(), "%s, asked for %q: %s speaks", locale, b.language, what)
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
	assert.Equal(t, "de", b.get("/login").language(), "the sign-in page speaks")
	b.get("/login?lang=en")
	assert.Equal(t, "en", b.get("/password/forgotten").language(), "what was chosen last is forgotten")
	b.signIn("berta@kunde.example", strong)
	assert.Equal(t, "de", b.get("/portal?lang=en").language())
}

// TestUnknownLinkLanguage: a replaced link gets the same page as a link that never existed, whoever it was for.
func TestUnknownLinkLanguage(t *testing.T) {
	w := newWorld(t)
	old := w.inviteIn("de", "berta@kunde.example")
	rows, err := w.accesses.OfCustomer(context.Background(), w.admin, w.customer)
	must(t, err)
	_, err = w.accesses.Correct(context.Background(), w.admin, w.customer, rows[0].ID, access.Correction{Form: access.Form{
		FirstName: "Berta", LastName: "Kühn", Email: "berta.neu@kunde.example", Locale: "de",
	}, Version: rows[0].Version})
	must(t, err)
	page := func(token string) string {
		b := w.browser()
		b.language = ""
		return b.get("/register/" + token).body
	}
	assert.Equal(t, page(strings.Repeat("A", 43)), page(old), "the page of a replaced link tells that there was one")
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
		if !assert.Equal(t, 1, offer.Length(), path) {
			continue
		}
		if !assert.Equal(t, "Deutsch", offer.Text(), "%s: offers", path) {
			continue
		}
		if !assert.Equal(t, "de", offer.AttrOr("lang", ""), path) {
			continue
		}
		if !assert.True(t, strings.HasPrefix(href, "?"), "%s: %q", path, href) {
			continue
		}
		here, err := url.Parse(path)
		must(t, err)
		there, err := here.Parse(href)
		must(t, err)
		assert.Equal(t, here.Path, there.Path, "%s: leads", path)
		assert.Equal(t, here.Query().Get("next"), there.Query().Get("next"), path)
		german := b.get(there.String())
		back := german.doc(t).Find(`nav[aria-label="Sprache"] a`)
		assert.Equal(t, "de", german.language(), "%s: %s speaks %q and offers %q", path, there, german.language(), back.Text())
		assert.Equal(t, "English", back.Text(), path)
		if strings.Contains(german.body, `"><b>`) && strings.Contains(path, "%3Cb%3E") {
			t.Errorf("%s: what the address says is on the page", path)
		}
		assert.Equal(t, "de", b.get(here.Path).language(), "%s: the choice is not kept", path)
	}
	wrong := w.browser().send("/login", "login", "anna", "password", "wrong wrong wrong")
	assert.Equal(t, 0, wrong.doc(t).Find(`nav[aria-label="Language"]`).Length(), "a page that holds what was typed has a link that loses it")
	assert.Equal(t, 0, w.signedIn().get("/account").doc(t).Find(`nav[aria-label="Language"]`).Length(), "who is signed in has their own setting")
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
		assert.Nil(t, set(w.browser().get(path)), "%s: sets", path)
	}
	c := set(w.browser().get("/login?lang=de"))
	require.NotNil(t, c, "the cookie")
	assert.Equal(t, "de", c.Value, "the cookie")
	assert.True(t, c.HttpOnly, "the cookie")
	assert.True(t, c.Secure, "the cookie")
	assert.Equal(t, "/", c.Path, "the cookie")
	assert.Empty(t, c.Domain, "the cookie")
	assert.Equal(t, http.SameSiteLaxMode, c.SameSite, "the cookie")
	assert.Equal(t, 365*24*3600, c.MaxAge, "the cookie")
}

// TestFirmLinks: every page that end users see shows the firm's links at the bottom, plain text as text, and nothing for
// a setting that is not set. Pages of specialist users show none.
func TestFirmLinks(t *testing.T) {
	const hostile = `"><script>alert(1)</script> Zimmer 3 & 4`
	all := firm.Start{Imprint: "https://kanzlei.example/impressum?a=1&b=%22", Privacy: "https://kanzlei.example/datenschutz", Contact: "040 1234567"}
	for name, c := range map[string]struct {
		start  firm.Start
		says   string
		leads  []string
		absent []string
	}{
		"all":     {all, "Imprint · Privacy · Contact: 040 1234567", []string{all.Imprint, all.Privacy, "tel:0401234567"}, nil},
		"none":    {firm.Start{}, "", nil, []string{"Imprint", "Privacy", "Contact"}},
		"imprint": {firm.Start{Imprint: all.Imprint}, "Imprint", []string{all.Imprint}, []string{"Privacy", "Contact:"}},
		"text":    {firm.Start{Contact: "Frau Berg, Zimmer 3"}, "Contact: Frau Berg, Zimmer 3", nil, []string{"Imprint"}},
		"mail":    {firm.Start{Contact: "a@b.example"}, "Contact: a@b.example", []string{"mailto:a@b.example"}, nil},
		"hostile": {firm.Start{Contact: hostile}, "Contact: " + hostile, nil, []string{"Imprint"}},
	} {
		t.Run(name, func(t *testing.T) {
			if !effort.Chosen(t, 3) {
				return
			}
			w := newWorld(t, beginning(c.start))
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
				assert.Equal(t, "en", x.page.language())
				foot := doc.Find("footer")
				said := strings.Join(strings.Fields(foot.Find("p").Text()), " ")
				assert.Equal(t, c.says, said, "%s (%d): says", x.what, x.page.StatusCode)
				var leads []string
				for _, a := range foot.Find("p a").EachIter() {
					leads = append(leads, a.AttrOr("href", ""))
				}
				assert.Equal(t, strings.Join(c.leads, " "), strings.Join(leads, " "), "%s: leads", x.what)
				for _, word := range c.absent {
					assert.NotContains(t, foot.Text(), word, "%s: has", x.what)
				}
				assert.NotContains(t, x.page.body, "<script>alert", "what the firm wrote is markup")
				assert.Equal(t, 0, doc.Find("[onclick]").Length(), "what the firm wrote is markup")
			}
			firm := w.signedIn()
			for _, path := range []string{"/customers", "/no-such-page", "/account"} {
				assert.Equal(t, 0, firm.get(path).doc(t).Find("footer").Length(), "%s of a specialist user has the firm's links", path)
			}
		})
	}
}
