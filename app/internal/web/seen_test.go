package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/internal/web/kit"
	"kontor/app/job"
	"kontor/app/lang"
	"kontor/policies"
)

// counted are the counted rows of an action.
func (w *world) counted(a audit.Action) (rows []audit.Entry) {
	w.Helper()
	must(w.TB, w.Audit.Flush(context.Background()))
	must(w.TB, w.DB.NewSelect().Model(&rows).Where("action = ?", a).Order("id").Scan(context.Background()))
	return rows
}

// TestRefusalsAreSeen: the log page shows who was refused what and how often, in both languages, and the program's log
// has a line for each with the request's id.
func TestRefusalsAreSeen(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.HookSecret = "of the provider" })
	var lines strings.Builder
	w.Audit.Tell(textLog(&lines))
	w.specialist("otto@kanzlei.example")
	otto := w.browser().signIn("otto@kanzlei.example", strong)
	for range 3 {
		otto.get("/audit").want(t, http.StatusForbidden)
	}
	refused := otto.send("/policies/draft/publish")
	refused.want(t, http.StatusForbidden)
	otto.do(http.MethodPost, "/account", url.Values{kit.CSRFField: {"x"}}).want(t, http.StatusForbidden)
	stranger := w.browser()
	stranger.do(http.MethodPost, "/login", url.Values{kit.CSRFField: {stranger.token()}}, "Origin", "https://evil.example").want(t, http.StatusForbidden)
	stranger.hook("/hooks/sms", "{}", "guessed").want(t, http.StatusUnauthorized)
	stranger.get("/customers").goesTo(t, "/login?next=%2Fcustomers") // not signed in is no refusal
	otto.get("/nothing/here").want(t, http.StatusNotFound)

	rows := w.counted(audit.RequestRefused)
	require.Len(t, rows, 1, "refused")
	assert.EqualValues(t, 4, rows[0].Times, "refused")
	assert.Equal(t, "Otto@kanzlei.example", rows[0].Actor, "refused")
	assert.Equal(t, "GET /audit, POST /policies/draft/publish", strings.Join(rows[0].Places(), ", "), "refused")
	rows = w.counted(audit.RequestForeign)
	require.Len(t, rows, 2, "foreign")
	assert.EqualValues(t, 2, rows[0].Times+rows[1].Times, "foreign")
	assert.Len(t, w.counted(audit.ReportRefused), 1, "reports")
	said := lines.String()
	assert.Contains(t, said, "level=INFO msg=security event=request.refused request="+refused.Header.Get("X-Request-Id"), "the log says")
	assert.Contains(t, said, `route="POST /policies/draft/publish"`)
	assert.NotContains(t, said, "otto")
	assert.NotContains(t, said, "Otto")
	admin := w.signedIn()
	for language, words := range map[string][]string{
		"en": {"Request refused: not allowed", "4 times, last 24 November 2026, 09:00", "POST /policies/draft/publish", "Request refused: it came from another website", "Unknown", "Delivery report refused: wrong signature"},
		"de": {"Anfrage abgewiesen: nicht erlaubt", "4-mal, zuletzt 24. November 2026, 09:00", "Anfrage abgewiesen: Sie kam von einer fremden Website", "Unbekannt", "Zustellbericht abgewiesen: falsche Signatur"},
	} {
		admin.language = language
		admin.get("/audit").want(t, http.StatusOK, words...)
	}
}

// TestFloodOfRefusals: a thousand refusals cause no write while they arrive, and one row in the end.
func TestFloodOfRefusals(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	before := w.dump("audit")
	for range 1000 {
		b.do(http.MethodPost, "/logout", url.Values{})
	}
	assert.Equal(t, before, w.dump("audit"), "refusing writes to the database")
	rows := w.counted(audit.RequestForeign)
	require.Len(t, rows, 1)
	assert.EqualValues(t, 1000, rows[0].Times)
	// Refusals continue while the database can't be reached.
	must(t, w.DB.Close())
	b.do(http.MethodPost, "/logout", url.Values{}).want(t, http.StatusForbidden)
}

// TestFailedSignInsAreSeen: a failed sign-in to an account is logged with its name. One to an unknown account is logged
// without what was typed, because people type passwords there.
func TestFailedSignInsAreSeen(t *testing.T) {
	const typed = "Geheim-Wolke-Tisch-77"
	var all strings.Builder
	w := newWorld(t, func(o *Options) { o.Log = textLog(&all) })
	w.Audit.Tell(textLog(&all))
	w.browser().send("/login", "login", adminEmail, "password", typed).want(t, http.StatusUnauthorized)
	for range 3 {
		w.browser().send("/login", "login", typed, "password", strong).want(t, http.StatusUnauthorized)
	}
	for range 10 {
		w.browser().send("/login", "login", adminEmail, "password", typed)
	}
	w.Tick(20 * time.Minute)
	admin := w.signedIn()
	page := admin.get("/audit")
	page.want(t, http.StatusOK, "Sign-in failed: wrong password Anna Berg", "Sign-in failed: unknown e-mail address or username 3 times", "Sign-in blocked: too many failed attempts Anna Berg")
	for what, text := range map[string]string{"the page": page.body, "the log": all.String(), "the database": w.dump(w.allTables()...)} {
		assert.NotContains(t, text, typed, "%s holds what was typed as a login", what)
		assert.NotContains(t, text, strings.ToLower(typed), "%s holds what was typed as a login", what)
	}
	assert.NotContains(t, all.String(), adminEmail, "the log holds a name")
	assert.NotContains(t, all.String(), "Anna", "the log holds a name")
}

// TestDownloadsAreSeen: a file is sent only if a row was written to the log.
func TestDownloadsAreSeen(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	path := "/customers/" + w.customer.String() + "/authorisations/matrix.csv"
	for range 2 {
		b.get(path).want(t, http.StatusOK)
	}
	b.do(http.MethodHead, path, nil)
	rows := w.counted(audit.Downloaded)
	require.Len(t, rows, 1)
	assert.EqualValues(t, 2, rows[0].Times)
	assert.Equal(t, w.customer, rows[0].CustomerID.UUID)
	assert.Equal(t, "Anna Berg", rows[0].Actor)
	b.get("/customers/"+w.customer.String()+"/log").want(t, http.StatusOK, "Downloaded as a file", "2 times")
	_, err := w.DB.NewRaw("ALTER TABLE audit RENAME TO away").Exec(context.Background())
	must(t, err)
	a := b.get(path)
	assert.Equal(t, http.StatusInternalServerError, a.StatusCode, "without a log: %s", a.Header.Get("Content-Type"))
	assert.NotContains(t, a.Header.Get("Content-Type"), "csv", "without a log")
}

// TestSecurityMetrics: there is a counter for each event from the start.
func TestSecurityMetrics(t *testing.T) {
	w := newWorld(t)
	scrape := func() string {
		res := httptest.NewRecorder()
		w.metrics.handler().ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return res.Body.String()
	}
	for _, event := range []audit.Action{audit.SignInFailed, audit.RequestRefused, audit.AccountPasswordSet, audit.Downloaded} {
		line := `kontor_security_events_total{event="` + string(event) + `"} 0`
		assert.Contains(t, scrape(), line)
	}
	w.browser().send("/login", "login", adminEmail, "password", "wrong wrong wrong")
	b := w.signedIn()
	b.send("/logout").goesTo(t, "/login")
	for _, line := range []string{`{event="sign_in.failed"} 1`, `{event="account.signed_in"} 1`, `{event="account.signed_out"} 1`} {
		assert.Contains(t, scrape(), "kontor_security_events_total"+line)
	}
}

// TestEveryEventHasWords: every event that the log counts has a text.
func TestEveryEventHasWords(t *testing.T) {
	w := newWorld(t)
	for action := range w.Audit.Counts() {
		for _, locale := range lang.All {
			id := "audit." + string(action)
			assert.NotEqual(t, id, w.TextsIn(locale).Say(id), "no words")
		}
	}
}

// TestNamesInMails: mails use the same names for roles and for the firm's links as pages.
func TestNamesInMails(t *testing.T) {
	for _, locale := range lang.All {
		for prefix, file := range map[string]string{"role.": "roles", "firm.": "firm"} {
			inMails := string(mustRead(t, repoRoot(t)+"/views/mail/"+file+"."+locale+".json"))
			for id, text := range localeFile(t, locale) {
				if key, ok := strings.CutPrefix(id, prefix); ok && !strings.Contains(inMails, `"`+key+`": `+text) {
					t.Errorf("%s: %s is not %s in views/mail/%s.%s.json", locale, key, text, file, locale)
				}
			}
		}
	}
}

// TestOwnSessions: the page can end each session separately; ending that of this browser signs out.
func TestOwnSessions(t *testing.T) {
	w := newWorld(t)
	one := w.signedIn()
	w.Tick(time.Minute)
	two := w.signedIn()
	w.Tick(time.Minute)
	mine := w.signedIn()
	ends := func(path string) (ends []string) {
		page, err := goquery.NewDocumentFromReader(strings.NewReader(mine.get(path).body))
		must(t, err)
		page.Find(`form[action$="/end"]`).Each(func(_ int, f *goquery.Selection) { ends = append(ends, f.AttrOr("action", "")) })
		return ends
	}
	alive := func(b *browser) bool { return b.get("/account").StatusCode == http.StatusOK }
	list := ends("/account") // newest first: mine, two, one
	require.Len(t, list, 3, "buttons")
	mine.send(list[2]).goesTo(t, "/account")
	mine.send(list[2]).goesTo(t, "/account") // a second click
	assert.False(t, alive(one), "alive: %v %v %v", alive(one), alive(two), alive(mine))
	assert.True(t, alive(two), "alive")
	assert.True(t, alive(mine), "alive")
	out := mine.send(list[0])
	out.goesTo(t, "/login")
	got := out.Header.Get("Clear-Site-Data")
	assert.Equal(t, `"cache", "storage"`, got, "Clear-Site-Data")
	assert.Empty(t, mine.cookies["__Host-kontor-session"], "cookies")
	assert.True(t, alive(two), "the other session %v", alive(two))
	// The handle of another person's session ends nothing.
	w.specialist("otto@kanzlei.example")
	otto := w.browser().signIn("otto@kanzlei.example", strong)
	mine.signIn(adminEmail, strong)
	for _, end := range ends("/account") {
		otto.send(end).goesTo(t, "/account")
	}
	assert.True(t, alive(two), "somebody else has ended a session")
	assert.True(t, alive(mine), "somebody else has ended a session")
}

// TestSignOutClears: every way of signing out, over HTTPS and behind an HTTPS proxy, asks the browser to clear its data,
// but not its cookies. No other answer does.
func TestSignOutClears(t *testing.T) {
	for _, base := range []string{baseURL, "http://127.0.0.1:3000"} {
		w := newWorld(t, func(o *Options) { o.BaseURL = base })
		name := w.SessionCookie()
		for _, path := range []string{"/logout", "/account/sessions"} {
			b := w.signedIn()
			a := b.send(path)
			a.goesTo(t, "/login")
			assert.Equal(t, `"cache", "storage"`, a.Header.Get("Clear-Site-Data"), "%s %s: Clear-Site-Data", base, path)
			expired := false
			for _, c := range a.Cookies() {
				expired = expired || c.Name == name && c.MaxAge < 0
			}
			_, kept := b.cookies[w.CookieName("kontor-browser")]
			assert.True(t, expired, "%s %s: session expired %v, cookies left %v", base, path, expired, b.cookies)
			assert.True(t, kept, "%s %s: cookies left %v", base, path, b.cookies)
			b.get("/login").want(t, http.StatusOK, "signed out")
		}
		b := w.signedIn()
		for _, a := range []answer{b.get("/account"), b.get("/login"), b.send("/account", "name", "Anna Berg", "username", "anna")} {
			assert.Empty(t, a.Header.Get("Clear-Site-Data"), "%s clears", a.Request.URL)
		}
	}
}

// TestNewPasswordNewID: after a new password the browser has another session id, and the old id is not valid any more.
func TestNewPasswordNewID(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	const cookie = "__Host-kontor-session"
	before := b.cookies[cookie]
	thief := w.browser()
	thief.cookies[cookie] = before
	const fresh = "Sieben Amseln am Kanal"
	b.send("/account/password", "current_password", "wrong wrong", "password", fresh, "password_repeat", fresh).want(t, http.StatusUnprocessableEntity)
	assert.Equal(t, before, b.cookies[cookie], "a refused change renews the id")
	b.send("/account/password", "current_password", strong, "password", fresh, "password_repeat", fresh).goesTo(t, "/account")
	assert.NotEqual(t, before, b.cookies[cookie], "the id is the old one")
	thief.get("/account").goesTo(t, "/login?next=%2Faccount")
	b.send("/account", "name", "Anna Tal", "username", "anna").goesTo(t, "/account") // forms continue to work, too
	w.deliver()
	mail := w.box()[0]
	assert.Equal(t, adminEmail, mail.To, "mail")
	assert.Equal(t, "Your password was changed", mail.Subject)
	assert.NotContains(t, mail.Text+mail.HTML, "http")
}

// TestSomebodysSessions: administrators see and end sessions on the person's page. People who may only read do not see
// them.
func TestSomebodysSessions(t *testing.T) {
	w := newWorld(t)
	otto := w.specialist("otto@kanzlei.example")
	w.specialist("revi@kanzlei.example", policies.Auditor)
	path := "/specialists/" + otto.ID.String()
	admin, auditor := w.signedIn(), w.browser().signIn("revi@kanzlei.example", strong)
	admin.get(path).want(t, http.StatusOK, "This account isn't signed in anywhere.")
	one := w.browser().signIn("otto@kanzlei.example", strong)
	w.Tick(time.Minute)
	two := w.browser().signIn("otto@kanzlei.example", strong)
	w.Tick(time.Minute)
	three := w.browser().signIn("otto@kanzlei.example", strong)
	alive := func(b *browser) bool { return b.get("/account").StatusCode == http.StatusOK }

	page, err := goquery.NewDocumentFromReader(strings.NewReader(admin.get(path).body))
	must(t, err)
	buttons := page.Find(`form[action^="` + path + `/sessions/"][action$="/end"]`)
	// One button ends all sessions, and three end one each.
	require.Equal(t, 4, buttons.Length(), "buttons")
	read := auditor.get(path)
	assert.Equal(t, http.StatusOK, read.StatusCode, "the auditor sees sessions")
	assert.NotContains(t, read.body, "/sessions/", "the auditor sees sessions")
	assert.NotContains(t, read.text(), "Where this person is signed in", "the auditor sees sessions")
	end := buttons.Eq(3).AttrOr("action", "") // the oldest
	auditor.send(end).want(t, http.StatusForbidden)
	admin.send(end).goesTo(t, path)
	assert.False(t, alive(one), "alive: %v %v %v", alive(one), alive(two), alive(three))
	assert.True(t, alive(two), "alive")
	assert.True(t, alive(three), "alive")
	auditor.send(path+"/sessions/end").want(t, http.StatusForbidden)
	admin.send(path+"/sessions/end").goesTo(t, path)
	assert.False(t, alive(two), "all of Otto's were to end, and only his")
	assert.False(t, alive(three), "all of Otto's were to end, and only his")
	assert.True(t, alive(admin), "all of Otto's were to end, and only his")
	assert.True(t, alive(auditor), "all of Otto's were to end, and only his")
	for language, words := range map[string][]string{"en": {"Session ended", "All sessions ended"}, "de": {"Sitzung beendet", "Alle Sitzungen beendet"}} {
		admin.language = language
		admin.get("/audit").want(t, http.StatusOK, words...)
	}
}

// TestRolesAreMailed: a change of roles is mailed to the person, in the person's language.
func TestRolesAreMailed(t *testing.T) {
	w := newWorld(t)
	otto, second := w.specialist("otto@kanzlei.example"), w.specialist("ulla@kanzlei.example", policies.UserAdministrator)
	w.Tick(time.Minute)
	must(t, w.Accounts.UpdateOwn(context.Background(), otto, account.Own{Name: "Otto Ort", Username: "otto", Locale: "de"}))
	w.signedIn().send("/specialists/"+otto.ID.String(), "name", "Otto Ort", "locale", "de", "version", "2", "role", "auditor").
		goesTo(t, "/specialists/"+otto.ID.String())
	w.agree(second)
	w.deliver()
	subjects := map[string]string{}
	for _, m := range w.box() {
		if strings.Contains(m.Subject, "second person") || strings.Contains(m.Subject, "zweite Person") {
			continue
		}
		subjects[m.To] = m.Subject
		assert.NotContains(t, m.Text+m.HTML, "http", "a link")
	}
	assert.Equal(t, "Ihre Rollen wurden geändert", subjects["otto@kanzlei.example"], "mails")
	assert.Equal(t, "Somebody was given a role that you have too", subjects[adminEmail])
}

// TestDeletedIsUnseen: deleting a customer also deletes the counts about its end users, whether they are written before
// or after the deletion.
func TestDeletedIsUnseen(t *testing.T) {
	for _, flushedBefore := range []bool{true, false} {
		w := newWorld(t)
		ctx := context.Background()
		b := w.endUser()
		b.do(http.MethodPost, "/account", url.Values{}).want(t, http.StatusForbidden)
		w.browser().send("/login", "login", "berta@kunde.example", "password", "wrong wrong wrong").want(t, http.StatusUnauthorized)
		if flushedBefore {
			for _, a := range []audit.Action{audit.RequestForeign, audit.SignInFailed} {
				rows := w.counted(a)
				require.Len(t, rows, 1, a)
				require.Equal(t, "Berta Kühn", rows[0].Actor+rows[0].Subject, a)
			}
		}
		cu, err := w.customers.Get(ctx, w.admin, w.customer)
		must(t, err)
		_, err = w.customers.Delete(ctx, w.admin, cu.ID, cu.Label())
		must(t, err)
		for left := 1; left > 0; {
			left, err = w.jobs.Finish(ctx, job.CustomerDeletion)
			must(t, err)
		}
		must(t, w.Audit.Flush(ctx))
		log := w.dump("audit")
		assert.NotContains(t, log, "Berta", "%v; the log still names the end user", flushedBefore)
		assert.NotContains(t, log, "Kühn", "%v; the log still names the end user", flushedBefore)
	}
}
