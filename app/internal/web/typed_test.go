package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/effort"
	"kontor/app/internal/web/kit"
)

// ourSite is what a browser says of a form that it sends from a page of ours.
var ourSite = []string{"Sec-Fetch-Site", "same-origin", "Origin", baseURL}

// typedInto says for every form what is typed into it, and is there again when it is not carried out; a nil form has
// nothing to type, and a sentence says that nothing was done. Fields in brackets are sent and must not come back.
func (w *world) typedInto(x things) map[string]url.Values {
	customer := url.Values{
		"type": {"company"}, "company_name": {`Software "Update" <GmbH>`}, "legal_form": {"GmbH"}, "first_name": {"Änne"}, "last_name": {"O'Groß"},
		"street": {"Kai 1 & 2"}, "postal_code": {"20355"}, "city": {"Hamburg"}, "country": {"DE"}, "phone": {"040 1234567"},
		"note": {"eins\nzwei"}, "locale": {"de"}, "email": {"neu@kunde.example"}, "mobile": {"0171 2345678"},
		"submission": {"0193a3c0-0000-7000-8000-000000000001"},
	}
	person := url.Values{
		"salutation": {"mx"}, "title": {"Dr."}, "first_name": {"Änne"}, "last_name": {"Neu"}, "date_of_birth": {"1970-01-02"},
		"note": {"lang\ngetippt"}, "city": {"Kiel"}, "version": {"1"}, "was_city": {""}, "was_note": {""},
	}
	transaction := url.Values{"name": {"Vertrag <neu>"}, "kind": {"contract"}, "due": {"2027-01-31"}}
	someone := x.specialist.String()
	return map[string]url.Values{
		"POST /account":                      {"name": {"Anna Neu"}, "username": {"anna.neu"}, "locale": {"de"}, "shortcuts": {"on"}},
		"POST /account/appearance":           {"theme": {"dark"}, "density": {"compact"}},
		"POST /account/email":                {"email": {"anders@kanzlei.example"}, "[email_password]": {"geheim-1"}},
		"POST /account/mails":                {"daily_summary": {"workdays"}},
		"POST /account/password":             {"[current_password]": {"geheim-1"}, "[password]": {"geheim-2"}, "[password_repeat]": {"geheim-3"}},
		"POST /customers":                    customer,
		"POST /customers/new":                customer,
		"POST /customers/:id/data":           person,
		"POST /customers/:id/delete":         {"confirm": {"K-12345"}},
		"POST /customers/:id/accesses":       {"first_name": {"Otto"}, "last_name": {"Ort"}, "email": {"otto@kunde.example"}, "mobile": {"0171 2345678"}, "locale": {"en"}},
		"POST /customers/:id/notes":          {"note": {"Ruft zurück,\nsagt <Otto>"}},
		"POST /customers/:id/notes/:nid":     {"note": {"Ruft doch nicht zurück"}, "version": {"1"}},
		"POST /customers/:id/accesses/:aid":  {"first_name": {"Otto"}, "last_name": {"Ort"}, "email": {"otto@kunde.example"}, "locale": {"en"}, "version": {"1"}},
		"POST /customers/:id/administrators": {"specialist": {someone}, "q": {"kollegin"}},
		"POST /customers/:id/processors":     {"specialist": {someone}, "transaction": {x.transaction.String()}},
		"POST /customers/:id/transactions":   transaction,
		"POST /transactions/:id/documents":   nil,
		"POST /transactions/:id/elements":    {"type": {"slot"}, "name": {"Beleg <neu>"}, "help": {"Alle\nSeiten"}, "answer": {"text"}, "due": {"2027-01-31"}},
		"POST /documents/:id/versions":       nil,
		"POST /elements/:id":                 {"name": {"Beleg <neu>"}, "help": {"Alle\nSeiten"}, "due": {"2027-01-31"}, "version": {"2"}},
		"POST /elements/:id/answer":          nil,
		"POST /elements/:id/accept":          nil,
		"POST /elements/:id/reject":          {"number": {"1"}, "reason": {"Seite 2 <fehlt>"}},
		"POST /elements/:id/comments":        {"comment": {"Bitte <noch> einmal"}},
		"POST /elements/:id/move":            {"parent": {""}, "position": {"3"}},
		"POST /elements/:id/duplicate":       nil,
		"POST /elements/:id/delete":          nil,
		"POST /elements/:id/restore":         nil,
		"POST /transactions/:id/edit":        {"name": {"Vertrag <neu>"}, "kind": {"contract"}, "due": {"2027-01-31"}, "version": {"1"}},
		"POST /transaction-kinds":            {"key": {"neu_e"}, "name_en": {"New"}, "name_de": {"Neu"}},
		"POST /transaction-kinds/:key":       {"name_en": {"Deal"}, "name_de": {"Handel"}, "version": {"1"}},
		"POST /specialists":                  {"name": {"Eva Neu"}, "email": {"eva@kanzlei.example"}, "locale": {"de"}, "role": {"specialist", "auditor"}},
		"POST /specialists/:id":              {"name": {"Kolle Gin"}, "locale": {"de"}, "role": {"specialist"}, "version": {"1"}},
		"POST /specialists/:id/deputies":     {"deputy": {w.idOf("ben@kanzlei.example")}, "from": {"2026-12-01"}, "until": {"2026-12-02"}},
		"POST /bulk":                         {"due": {"2026-12-24"}},
		"POST /views":                        {"name": {"Meine <Firmen>"}, "list": {"customers"}, "query": {"type=company"}, "shared": {"1"}},
		"POST /templates":                    {"name": {"Bau <neu>"}, "kind": {"contract"}, "audience": {"public"}, "transaction_name": {"Ihr Bau"}, "description": {"eins\nzwei"}},
		"POST /templates/:id/elements":       {"name": {"Pass <neu>"}, "what": {"text"}, "into": {"0"}},
		"POST /templates/:id/elements/:element": {
			"name": {"Pass <neu>"}, "help": {"eins\nzwei"}, "answer": {"date"}, "required": {"on"}, "due_days": {"14"}, "internal": {"on"}, "types_pdf": {"on"}, "version": {"4"},
		},
		"POST /templates/:id/settings": {"name": {"Bau <neu>"}, "kind": {"contract"}, "audience": {"public"}, "transaction_name": {"Ihr Bau"}, "description": {"eins\nzwei"}, "version": {"4"}},
		"POST /templates/:id/publish":  {"comment": {"weil <es> so ist"}, "version": {"4"}},
		"POST /firm": {
			"firm_name": {"Kanzlei <Neu>"}, "firm_contact": {"Frau Öhl"}, "firm_address": {"Kai 1\n20457 Hamburg"}, "firm_phone": {"040 1234567"},
			"firm_email": {"neu@kanzlei.example"}, "firm_website": {"www.kanzlei.example"}, "firm_imprint": {"https://a.example/i"}, "firm_privacy": {""}, "version": {"2"},
		},
		"POST /firm/sign-in":                     {"sign_in_brand": {"no"}, "sign_in_contact": {"no"}, "sign_in_hint_de": {"Rufen\nSie an"}, "sign_in_hint_en": {"Call"}, "last_sign_in": {"nobody"}, "version": {"2"}},
		"POST /firm/defaults":                    {"new_locale": {"de"}, "own_locale": {"de"}, "default_theme": {"dark"}, "default_density": {"compact"}, "summary_auditor": {"daily"}, "version": {"2"}},
		"POST /firm/holidays":                    {"day": {"2027-01-04"}, "holiday_name": {"Brücken<tag>"}},
		"POST /firm/holidays/public":             {"state": {"hh"}},
		"POST /firm/phrases":                     {"german": {"Ruft <zurück>"}, "english": {"Will call back"}},
		"POST /firm/phrases/:id":                 {"german": {"Ruft <nicht> zurück"}, "english": {"Won't call back"}, "version": {"2"}},
		"POST /policies/expectations":            {"role": {"auditor"}, "effect": {"deny"}, "object": {"transaction"}, "kind": {"contract"}, "action": {"read"}},
		"POST /policies/draft/rules":             {"role": {"auditor"}, "relation": {"*"}, "object": {"transaction"}, "kind": {"contract"}, "action": {"read"}, "effect": {"allow"}},
		"POST /policies/draft/inclusions":        {"who": {"auditor"}, "includes": {"specialist"}},
		"POST /policies/draft/publish":           {"comment": {"weil <es> so ist"}},
		"POST /policies/draft/propose":           {"comment": {"weil <es> so ist"}},
		"POST /policies/draft/text":              {"text": {"p, auditor, *, transaction, contract, read, allow\n# und mehr"}},
		"POST /policies/versions/:version/draft": nil,
		"POST /register/:token":                  {"[code]": {"2345-6789"}, "[password]": {"geheim-2"}, "[password_repeat]": {"geheim-3"}},
		"POST /password/forgotten":               {"login": {"berta@kunde.example"}},
		"POST /password/reset/:token":            {"[password]": {"geheim-2"}, "[password_repeat]": {"geheim-3"}},
		"POST /login":                            {"login": {"berta@kunde.example"}, "next": {"/account"}, "[password]": {"geheim-2"}},

		"POST /specialists/:id/handover": nil, "POST /policies/versions/:version/restore": nil,
		"POST /account/email/:token": nil, "POST /account/sessions": nil, "POST /account/sessions/:session/end": nil, "POST /approvals/:id/approve": nil,
		"POST /approvals/:id/stop": nil, "POST /attention/resend": nil, "POST /customers/:id/notes/:nid/remove": nil, "POST /customers/:id/notes/:nid/restore": nil, "POST /customers/:id/accesses/:aid/deactivate": nil,
		"POST /customers/:id/accesses/:aid/reactivate": nil, "POST /customers/:id/accesses/:aid/resend": nil, "POST /customers/:id/accesses/:aid/try": nil,
		"POST /customers/:id/authorisations/remove": nil, "POST /customers/:id/authorisations/undo/:removal": nil,
		"POST /customers/import": nil, "POST /customers/imports/:id/check": nil, "POST /customers/imports/:id/again": nil,
		"POST /customers/imports/:id/start": nil, "POST /customers/imports/:id/cancel": nil,
		"POST /bulk/:id/start": nil, "POST /bulk/:id/give-up": nil, "POST /bulk/:id/stop": nil, "POST /bulk/:id/take-back": nil,
		"POST /customers/duplicates": nil, "POST /customers/numbers": nil,
		"POST /firm/mark": nil, "POST /firm/mark/remove": nil, "POST /firm/holidays/remove": nil, "POST /firm/phrases/:id/move": nil, "POST /firm/phrases/:id/remove": nil,
		"POST /customers/:id/data/number": nil, "POST /customers/:id/accesses/number": nil, "POST /logout": nil, "POST /policies/draft/cells": nil, "POST /policies/draft/discard": nil, "POST /policies/draft/inclusions/remove": nil,
		"POST /policies/draft/offers/:id/dismiss": nil, "POST /policies/draft/offers/:id/take": nil, "POST /policies/draft/rebase": nil,
		"POST /policies/draft/rules/remove": nil, "POST /policies/draft/rules/return": nil, "POST /policies/draft/undo": nil,
		"POST /policies/expectations/:id/remove": nil, "POST /queues/:queue/:task/delete": nil, "POST /queues/:queue/:task/run": nil, "POST /queues/:queue/run": nil, "POST /queues/jobs/:job/cancel": nil,
		"POST /register/:token/code": nil, "POST /register/:token/link": nil, "POST /register/:token/opened": nil,
		"POST /specialists/:id/deactivate": nil, "POST /specialists/:id/deputies/:did/end": nil, "POST /specialists/:id/reactivate": nil,
		"POST /specialists/:id/resend": nil, "POST /specialists/:id/try": nil, "POST /specialists/:id/sessions/:session/end": nil, "POST /specialists/:id/sessions/end": nil,
		"POST /transaction-kinds/:key/move": nil, "POST /transaction-kinds/:key/reactivate": nil, "POST /transaction-kinds/:key/retire": nil,
		"POST /templates/import":                          nil,
		"POST /templates/gallery/:language/:ready":        nil,
		"POST /templates/:id/options":                     nil,
		"POST /templates/:id/put":                         nil,
		"POST /templates/:id/elements/:element/move":      nil,
		"POST /templates/:id/elements/:element/duplicate": nil,
		"POST /templates/:id/elements/:element/remove":    nil,
		"POST /templates/:id/undo/:revision":              nil,
		"POST /templates/:id/discard":                     nil,
		"POST /templates/:id/duplicate":                   nil,
		"POST /templates/:id/retire":                      nil,
		"POST /templates/:id/reactivate":                  nil,
		"POST /transactions/:id/status":                   nil, "POST /views/:id/remove": nil, "POST /views/columns": nil,
	}
}

// sentBy is what a browser would send with a form of the page: every control that counts, by name.
func sentBy(form *goquery.Selection) url.Values {
	sent := url.Values{}
	form.Find("input, textarea, select").Each(func(_ int, e *goquery.Selection) {
		name, value := e.AttrOr("name", ""), e.AttrOr("value", "")
		switch goquery.NodeName(e) {
		case "textarea":
			value = e.Text()
		case "select":
			value = e.Find("option[selected]").AttrOr("value", e.Find("option").First().AttrOr("value", ""))
		default:
			if kind := e.AttrOr("type", "text"); kind == "checkbox" || kind == "radio" {
				if _, on := e.Attr("checked"); !on {
					return
				}
				value = e.AttrOr("value", "on")
			}
		}
		sent.Add(name, value)
	})
	return sent
}

// wantTyped fails unless a form of the page would send what was typed; it returns what the form would send.
func (a answer) wantTyped(t testing.TB, typedIn url.Values) url.Values {
	t.Helper()
	var best url.Values
	missing := []string{"no form at all"}
	a.doc(t).Find("form[method=post]").Each(func(_ int, form *goquery.Selection) {
		sent := sentBy(form)
		var lacks []string
		for name, values := range typedIn {
			for _, value := range values {
				if name[0] != '[' && !slices.Contains(sent[name], value) {
					lacks = append(lacks, fmt.Sprintf("%s=%q (has %q)", name, value, sent[name]))
				}
			}
		}
		if best == nil || len(lacks) < len(missing) {
			best, missing = sent, lacks
		}
	})
	assert.Empty(t, missing, "not there again")
	for name, values := range typedIn {
		if name[0] == '[' && strings.Contains(a.body, values[0]) {
			t.Errorf("%s is on the page", name)
		}
	}
	return best
}

// plain is what is sent: brackets only say what must not come back.
func plain(typedIn url.Values) url.Values {
	sent := url.Values{}
	for name, values := range typedIn {
		sent[strings.Trim(name, "[]")] = values
	}
	return sent
}

// wantSentence fails unless the page says that nothing was done.
func (a answer) wantSentence(t testing.TB) {
	t.Helper()
	for _, said := range []string{
		"nothing has been saved yet", "Nothing was changed", "wasn't carried out", "nothing was saved", "Nothing was saved",
	} {
		if strings.Contains(a.text(), said) {
			return
		}
	}
	t.Errorf("nothing says that nothing was done: %d %s", a.StatusCode, a.text())
}

// TestTypedTextSurvives: for every form of the router, the typed text is shown again, or a sentence says that nothing was
// done. It covers a session that has ended before the person signs in again, and a person who has signed in again in
// another tab. Nothing is carried out, and no password or code is sent back.
func TestTypedTextSurvives(t *testing.T) {
	w := newWorld(t)
	w.guardAll(adminEmail)
	x := w.furnish()
	w.specialist("ben@kanzlei.example")
	w.signedIn().send(kit.DraftPath+"/rules", append(denyProcess, "edit", "0")...).goesTo(t, kit.DraftPath)
	rows := w.typedInto(x)
	tables := slices.DeleteFunc(w.allTables(), func(name string) bool { return slices.Contains(signInTables, name) })
	for n, r := range w.table() {
		if !r.Changes() || r.Audience == kit.Automatic || r.Takes == kit.RawBody { // the script sends those, and keeps what it sends
			continue
		}
		name := r.Method + " " + r.Path
		row, known := rows[name]
		if !assert.True(t, known, "%s has no row", name) {
			continue
		}
		delete(rows, name)
		if n%effort.Every(7) != 0 {
			continue
		}
		path := x.address(t, r.Path)
		t.Run(name, func(t *testing.T) {
			w.TB = t
			defer func() { w.TB = t }()
			before := w.dump(tables...)
			b := w.signedIn()
			if r.Audience == kit.Anyone {
				b = w.browser()
			}
			form := plain(row)
			form.Set(kit.CSRFField, b.token())

			// The page belongs to a former session: the person signed in again, or the browser lost its cookies.
			clear(b.cookies)
			if r.Audience != kit.Anyone {
				b.signIn(adminEmail, strong)
			}
			a := b.do(r.Method, path, form, ourSite...)
			if r.Background {
				assert.Equal(t, http.StatusForbidden, a.StatusCode, "while typing: %s", a.text())
				assert.Equal(t, "Forbidden", a.body, "while typing")
			} else {
				assert.Equal(t, http.StatusForbidden, a.StatusCode, "stale: status")
				a.wantSentence(t)
			}
			if row != nil {
				again := a.wantTyped(t, row)
				if fits := b.do(r.Method, "/account/sessions/x/end", url.Values{kit.CSRFField: again[kit.CSRFField]}); r.Audience != kit.Anyone && fits.StatusCode == http.StatusForbidden {
					t.Error("the form that is there again has no good token")
				}
			}
			w.same(t, before, w.dump(tables...))
			if r.Audience == kit.Anyone || r.Background {
				return
			}

			// The session has ended.
			clear(b.cookies)
			a = b.do(r.Method, path, form, ourSite...)
			a.want(t, http.StatusUnauthorized)
			a.wantSentence(t)
			for name, values := range row {
				if name[0] == '[' && strings.Contains(a.body, values[0]) {
					t.Errorf("%s is on the page", name)
				}
			}
			sealed := sentBy(a.doc(t).Find(`form[action="/login"]`))
			require.NotEmpty(t, sealed.Get(kit.TypedField), "nothing is kept")
			sealed.Set("login", adminEmail)
			if r.Path == "/account" { // a mistake loses nothing
				sealed.Set("password", "wrong")
				a = b.do(http.MethodPost, "/login", sealed, ourSite...)
				a.want(t, http.StatusUnauthorized)
				sealed = sentBy(a.doc(t).Find(`form[action="/login"]`))
				w.Tick(2 * time.Second)
			}
			sealed.Set("password", strong)
			a = b.do(http.MethodPost, "/login", sealed, ourSite...)
			a.want(t, http.StatusOK)
			a.wantSentence(t)
			if row != nil {
				a.wantTyped(t, row)
			}
			w.same(t, before, w.dump(tables...))
		})
	}
	for name := range rows {
		t.Errorf("%s is no route any more", name)
	}
}

// signInTables are those that signing in writes to.
var signInTables = []string{"session", "account", "audit", "sign_in_throttle", "known_browser"}

// same fails for each table in which something was written.
func (w *world) same(t *testing.T, before, after string) {
	t.Helper()
	was := strings.Split(before, "\n")
	for _, line := range strings.Split(after, "\n") {
		assert.Contains(t, was, line, "written")
	}
	assert.Len(t, after, len(before), "bytes were")
}

// lostForm is a form that came without a session, and the sign-in form that keeps it.
func (w *world) lostForm(t *testing.T, b *browser, fields url.Values) url.Values {
	t.Helper()
	fields.Set(kit.CSRFField, b.token())
	clear(b.cookies)
	a := b.do(http.MethodPost, "/account", fields, ourSite...)
	a.want(t, http.StatusUnauthorized)
	return sentBy(a.doc(t).Find(`form[action="/login"]`))
}

// TestTypedGoesBackToItsOwner: the typed values are given back to the same account only, for a quarter of an hour, and
// only unchanged.
func TestTypedGoesBackToItsOwner(t *testing.T) {
	w := newWorld(t)
	w.specialist("ben@kanzlei.example")
	secret := url.Values{"name": {"Streng geheim"}}
	in := func(sealed url.Values, login string) answer {
		t.Helper()
		b := w.browser()
		form := url.Values{kit.CSRFField: {b.token()}, "login": {login}, "password": {strong}, kit.TypedField: sealed[kit.TypedField], "next": sealed["next"]}
		a := b.do(http.MethodPost, "/login", form)
		if a.StatusCode == http.StatusSeeOther {
			return b.get(a.Header.Get("Location"))
		}
		return a
	}
	sealed := w.lostForm(t, w.signedIn(), secret)
	in(sealed, adminEmail).want(t, http.StatusOK, "nothing has been saved yet")

	a := in(sealed, "ben@kanzlei.example")
	a.want(t, http.StatusOK, "belonged to another account and wasn't saved")
	assert.NotContains(t, a.body, "Streng geheim", "somebody else sees what was typed")
	w.Tick(kit.TypedLife + time.Second)
	a = in(sealed, adminEmail)
	a.want(t, http.StatusOK, "wasn't saved, because it is more than 15 minutes old")
	assert.NotContains(t, a.body, "Streng geheim", "it is kept for longer than it says")
	for _, bent := range []string{"x", sealed.Get(kit.TypedField)[1:], strings.Repeat("A", 200), "%%%"} {
		a := in(url.Values{kit.TypedField: {bent}, "next": {"/account"}}, adminEmail)
		assert.NotContains(t, a.body, "Streng geheim", "bent")
		assert.Equal(t, http.StatusOK, a.StatusCode, "bent")
	}
	// Text that is too long is refused at once and not kept.
	b := w.signedIn()
	big := url.Values{kit.CSRFField: {b.token()}, "name": {strings.Repeat("x", 40<<10)}, "username": {strings.Repeat("y", 30<<10)}}
	clear(b.cookies)
	a = b.do(http.MethodPost, "/account", big, ourSite...)
	a.want(t, http.StatusUnauthorized, "too long to keep, so nothing was saved")
	assert.Empty(t, sentBy(a.doc(t).Find(`form[action="/login"]`)).Get(kit.TypedField), "too much is kept")
	// The longest text that is allowed is kept until the end.
	sealed = w.lostForm(t, w.signedIn(), url.Values{"name": {strings.Repeat("ä", 15<<10)}, "username": {strings.Repeat("y", 30<<10)}})
	a = in(sealed, adminEmail)
	a.want(t, http.StatusOK, "nothing has been saved yet")
	a.wantTyped(t, url.Values{"username": {strings.Repeat("y", 30<<10)}})
}

// TestTypedNowhereElse: the typed values are in no address, cookie or table on the way.
func TestTypedNowhereElse(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	form := url.Values{kit.CSRFField: {b.token()}, "name": {"Streng geheim"}}
	clear(b.cookies)
	a := b.do(http.MethodPost, "/account", form, ourSite...)
	assert.NotContains(t, a.body, "geheim", "the sign-in page shows it")
	for name, value := range b.cookies {
		assert.LessOrEqual(t, len(value), 100, "cookie %s has %d bytes", name, len(value))
	}
	assert.Empty(t, a.Header.Get("Location")+a.Header.Get("HX-Redirect"), "it goes elsewhere")
	assert.NotContains(t, w.dump(w.allTables()...), "geheim", "it is stored")
}

// TestOtherPersonsForm: a form from the page of one person is not carried out for another person who is signed in. The
// other person learns nothing of it, and the owner gets it back after signing in.
func TestOtherPersonsForm(t *testing.T) {
	w := newWorld(t)
	w.specialist("ben@kanzlei.example")
	b := w.signedIn()
	form := url.Values{kit.CSRFField: {b.token()}, "name": {"Streng geheim"}, "username": {"x"}}
	clear(b.cookies)
	b.signIn("ben@kanzlei.example", strong)
	a := b.do(http.MethodPost, "/account", form, ourSite...)
	a.want(t, http.StatusForbidden, "Ben@kanzlei.example is signed in with this browser", "Nothing was saved", "Sign out")
	assert.NotContains(t, a.body, "geheim", "Ben sees what Anna typed, or who she is")
	assert.NotContains(t, a.body, "Anna", "Ben sees what Anna typed, or who she is")
	out := sentBy(a.doc(t).Find(`main form[action="/logout"]`).Last())
	a = b.do(http.MethodPost, "/logout", out, ourSite...)
	a.want(t, http.StatusOK, "Sign in")
	in := sentBy(a.doc(t).Find(`form[action="/login"]`))
	in.Set("login", adminEmail)
	in.Set("password", strong)
	a = b.do(http.MethodPost, "/login", in, ourSite...)
	a.want(t, http.StatusOK)
	a.wantTyped(t, url.Values{"name": {"Streng geheim"}})
}

// TestTypedIsOurs: nothing from another site is kept or shown again, whatever token it has obtained (S18).
func TestTypedIsOurs(t *testing.T) {
	w := newWorld(t)
	mine := w.signedIn()
	page := mine.token()
	nobody := w.browser().token()
	for name, c := range map[string]struct {
		signedIn bool
		path     string
		token    string
		headers  []string
	}{
		"cross-site, signed out":                {false, "/account", page, []string{"Sec-Fetch-Site", "cross-site"}},
		"cross-site, signed in anew":            {true, "/account", page, []string{"Sec-Fetch-Site", "cross-site"}},
		"foreign Origin, signed in anew":        {true, "/account", page, []string{"Origin", "https://evil.example"}},
		"no token of a page, signed in":         {true, "/account", "", ourSite},
		"a page of nobody, signed in":           {true, "/account", nobody, ourSite},
		"a page of nobody, signed out":          {false, "/account", nobody, ourSite},
		"a made-up page":                        {false, "/account", strings.Repeat("A", len(page)), ourSite},
		"sign-in, nothing says where from":      {false, "/login", nobody, nil},
		"sign-in, cross-site":                   {false, "/login", nobody, []string{"Sec-Fetch-Site", "cross-site"}},
		"forgotten password, same-site":         {false, "/password/forgotten", nobody, []string{"Sec-Fetch-Site", "same-site"}},
		"sign-in, no token":                     {false, "/login", "", ourSite},
		"registration, nothing says where from": {false, "/register/x", nobody, nil},
	} {
		b := w.browser()
		if c.signedIn {
			b = w.signedIn()
		}
		a := b.do(http.MethodPost, c.path, url.Values{kit.CSRFField: {c.token}, "name": {"von anderswo"}, "login": {"von anderswo"}}, c.headers...)
		assert.Equal(t, http.StatusForbidden, a.StatusCode, "%s: %s", name, a.text())
		assert.NotContains(t, a.body, "von anderswo", name)
		assert.NotContains(t, a.body, `name="`+kit.TypedField, name)
	}
}

// TestSecondSignInTab: if somebody has signed in meanwhile, the sign-in form in an older tab redirects to the next page
// and does not check the password. Another person can still sign in with it.
func TestSecondSignInTab(t *testing.T) {
	w := newWorld(t)
	w.specialist("ben@kanzlei.example")
	b := w.browser()
	token := b.token() // of the second tab
	b.signIn(adminEmail, strong)
	form := func(login string) url.Values {
		return url.Values{kit.CSRFField: {token}, "login": {login}, "password": {strong}, "next": {"/account"}}
	}
	session := b.cookies["__Host-kontor-session"]
	b.do(http.MethodPost, "/login", form(strings.ToUpper(adminEmail)), ourSite...).goesTo(t, "/account")
	assert.Equal(t, session, b.cookies["__Host-kontor-session"], "the session is another")
	b.do(http.MethodPost, "/login", form("ben@kanzlei.example"), ourSite...).goesTo(t, "/account")
	b.get("/account").want(t, http.StatusOK, "Ben@kanzlei.example")

	// The browser was restored with the page, but without its cookie.
	c := w.browser()
	old := url.Values{kit.CSRFField: {c.token()}, "login": {adminEmail}, "password": {strong}}
	clear(c.cookies)
	a := c.do(http.MethodPost, "/login", old, ourSite...)
	a.want(t, http.StatusForbidden, "Check what you typed and send it again", "Enter passwords and codes again")
	again := a.wantTyped(t, url.Values{"login": {adminEmail}})
	again.Set("password", strong)
	a = c.do(http.MethodPost, "/login", again, ourSite...)
	assert.Equal(t, http.StatusSeeOther, a.StatusCode, a.text())
	d := w.signedIn()
	d.do(http.MethodPost, "/login", old, ourSite...).goesTo(t, "/customers")
}

// TestTwoPeopleAtOneBrowser: the registration page of one person works although another person has signed in since, and
// says so.
func TestTwoPeopleAtOneBrowser(t *testing.T) {
	w := newWorld(t)
	link, code := w.invite("berta@kunde.example", "+4915123456789")
	b := w.browser()
	page := sentBy(b.get("/register/" + link).doc(t).Find("form#register"))
	b.signIn(adminEmail, strong)
	b.get("/register/"+link).want(t, http.StatusOK, "Anna Berg is signed in with this browser", "Sign out")
	page.Set("code", code)
	page.Set("password", strong)
	page.Set("password_repeat", strong)
	a := b.do(http.MethodPost, "/register/"+link, page, ourSite...)
	a.want(t, http.StatusOK, "You are registered", "Anna Berg is still signed in")
	out := sentBy(a.doc(t).Find(`main > form[action="/logout"]`))
	b.do(http.MethodPost, "/logout", out, ourSite...).goesTo(t, "/login")
	sign := b.get("/login")
	sign.want(t, http.StatusOK)
	sign.wantTyped(t, url.Values{"login": {"berta@kunde.example"}})

	// Signing out on the registration page leads back to it.
	again, _ := w.invite("cora@kunde.example", "")
	b.signIn(adminEmail, strong)
	out = sentBy(b.get("/register/" + again).doc(t).Find(`.note form[action="/logout"]`))
	b.do(http.MethodPost, "/logout", out, ourSite...).goesTo(t, "/register/"+again)
}

// TestTypedWithHTMX: a form that HTMX sends is answered with a page that replaces the whole page.
func TestTypedWithHTMX(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	form := url.Values{kit.CSRFField: {b.token()}, "type": {"company"}, "company_name": {"Neu GmbH"}}
	clear(b.cookies)
	htmx := append([]string{"HX-Request", "true", "HX-Current-URL", baseURL + "/customers/new?type=company"}, ourSite...)
	for _, boosted := range []bool{false, true} {
		headers := htmx
		if boosted {
			headers = append(slices.Clone(htmx), "HX-Boosted", "true")
		}
		a := b.do(http.MethodPost, "/customers/new", form, headers...)
		a.want(t, http.StatusUnprocessableEntity, "nothing has been saved yet")
		assert.Equal(t, "body", a.Header.Get("HX-Retarget"))
		assert.Empty(t, a.Header.Get("HX-Redirect"))
		assert.True(t, strings.HasPrefix(a.body, "<!DOCTYPE html>"))
		in := sentBy(a.doc(t).Find(`form[action="/login"]`))
		assert.Equal(t, "/customers/new?type=company", in.Get("next"), "next is %q", in.Get("next"))
		in.Set("login", adminEmail)
		in.Set("password", strong)
		a = w.browser().withToken(in).do(http.MethodPost, "/login", in)
		a.want(t, http.StatusOK)
		a.wantTyped(t, url.Values{"company_name": {"Neu GmbH"}})
	}
	fresh := w.signedIn()
	a := fresh.do(http.MethodPost, "/customers/new", form, htmx...)
	a.want(t, http.StatusUnprocessableEntity)
	assert.Equal(t, "body", a.Header.Get("HX-Retarget"))
	assert.True(t, strings.HasPrefix(a.body, "<!DOCTYPE html>"))
	a.wantTyped(t, url.Values{"company_name": {"Neu GmbH"}})
}

// withToken puts this browser's token into a form.
func (b *browser) withToken(form url.Values) *browser {
	form.Set(kit.CSRFField, b.token())
	return b
}

// TestPageOwner: a token names the owner of its page, and nothing else is accepted as a token.
func TestPageOwner(t *testing.T) {
	w := newWorld(t)
	a := w.signedIn()
	of, ok := w.OwnerOf(a.token())
	require.True(t, ok, "%v", ok)
	assert.Equal(t, w.admin.ID, of)
	of, ok = w.OwnerOf(w.browser().token())
	require.True(t, ok, "nobody's: %v", ok)
	assert.Equal(t, uuid.Nil, of, "nobody's")
	for _, bent := range []string{"", "x", a.token()[1:], a.token() + "A", strings.Repeat("A", 300)} {
		_, ok := w.OwnerOf(bent)
		assert.False(t, ok, "%.20s is a token", bent)
	}
}

// TestNeverKept: NeverKept covers every field of a template whose value a browser hides or fills in with a code.
func TestNeverKept(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	b := w.signedIn()
	seen := 0
	for _, page := range []answer{
		b.get("/account"), w.browser().get("/login"), w.browser().get("/register/" + x.register), w.browser().get("/password/reset/" + x.reset),
	} {
		page.doc(t).Find("input[type=password], input[type=file], input[autocomplete=one-time-code], input[name=_csrf]").Each(func(_ int, e *goquery.Selection) {
			seen++
			if name := e.AttrOr("name", ""); !kit.NeverKept(name) {
				t.Errorf("%s would be kept", name)
			}
		})
	}
	assert.GreaterOrEqual(t, seen, 10, "only %d fields", seen)
	assert.False(t, kit.NeverKept("comment"), "a plain field is dropped")
	assert.False(t, kit.NeverKept("postal_code"), "a plain field is dropped")
	assert.False(t, kit.NeverKept("name"), "a plain field is dropped")
}
