package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// ownForms are the forms that everybody has who is signed in.
var ownForms = []string{"/logout", "/account", "/account/appearance", "/account/email", "/account/mails", "/account/password", "/account/sessions", "/views", "/views/columns"}

// TestNoDeadEnds: starting at the first page after signing in, an auditor, a person without roles and a specialist user
// follow every link that they see. No link leads to a refusal. A person who may not change anything sees no form that
// would.
func TestNoDeadEnds(t *testing.T) {
	for who, want := range map[string]struct {
		lands string
		pages int // at least
		only  []string
	}{
		"auditor":    {"/customers", 20, ownForms},
		"no role":    {"/account", 1, ownForms},
		"specialist": {"/customers", 12, nil},
	} {
		t.Run(who, func(t *testing.T) {
			w := newWorld(t)
			b := w.asker(who)
			w.furnish()
			start := b.get("/")
			start.goesTo(t, want.lands)
			assert.Equal(t, want.lands, b.get("/login").Header.Get("Location"), "the sign-in page leads")
			seen, open := map[string]bool{want.lands: true}, []string{want.lands}
			for len(open) > 0 && len(seen) < 300 {
				path := open[0]
				open = open[1:]
				a := b.get(path)
				if to := a.Header.Get("Location"); a.StatusCode == http.StatusSeeOther || a.StatusCode == http.StatusFound {
					a = b.get(to)
				}
				if !assert.Less(t, a.StatusCode, 400, path) {
					continue
				}
				if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
					continue
				}
				doc := a.doc(t)
				doc.Find("form[method=post]:has(button:not([type=button]))").Each(func(_ int, f *goquery.Selection) {
					action := f.AttrOr("action", path)
					if want.only != nil && f.Find("fieldset[disabled]").Length() == 0 && !strings.HasPrefix(action, "/account/sessions/") && !slices.Contains(want.only, action) {
						t.Errorf("%s has a form for %s", path, action)
					}
				})
				doc.Find("a[href^='/']").Each(func(_ int, link *goquery.Selection) {
					to, _, _ := strings.Cut(link.AttrOr("href", ""), "#")
					if !seen[to] && !strings.Contains(to, "after=") {
						seen[to] = true
						open = append(open, to)
					}
				})
			}
			assert.GreaterOrEqual(t, len(seen), want.pages, "only %d pages", len(seen))
		})
	}
}

// TestNoRole: a person without roles can sign in, has only their own account, and is told so. There is no search and no
// navigation.
func TestNoRole(t *testing.T) {
	w := newWorld(t)
	b := w.asker("no role")
	page := b.get("/account")
	page.want(t, http.StatusOK, "You don't have a role yet")
	doc := page.doc(t)
	assert.Equal(t, 0, doc.Find("#nav a, form[role=search], #dep").Length(), "entries of what they may not use")
	b.send("/account", "name", "Neu Name", "username", "wer@kanzlei.example").goesTo(t, "/account")
	b.get("/customers").want(t, http.StatusForbidden)
	b.get("/attention").want(t, http.StatusForbidden)
	w.signedIn().get("/specialists").want(t, http.StatusOK, "No role")
}

// TestAuditorChangesNothing: an auditor sends every form of the program, filled in as well as possible. No row changes,
// except in their own account.
func TestAuditorChangesNothing(t *testing.T) {
	w := newWorld(t)
	b := w.asker("auditor")
	x := w.furnish()
	id := func(s string) []string { return []string{s} }
	form := url.Values{
		"name": {"X"}, "email": {"x@kanzlei.example"}, "first_name": {"X"}, "last_name": {"Y"}, "city": {"Z"}, "type": {"person"}, "locale": {"de"},
		"version": {"1"}, "edit": {"0"}, "confirm": {"K-10001"}, "confirmed": {"yes"}, "access": id(x.access.String()), "role": {"auditor"},
		"administrator": id(w.admin.ID.String()), "specialist": id(x.specialist.String()), "transaction": id(x.transaction.String()),
		"kind": {"contract"}, "status": {"closed"}, "to": id(w.admin.ID.String()), "mode": {"copy"}, "deputy": id(w.admin.ID.String()),
		"from": {"2026-11-24"}, "until": {"2026-11-25"}, "comment": {"x"}, "text": {""}, "object": {"audit"}, "action": {"read"}, "effect": {"allow"}, "relation": {"*"},
	}
	form.Set(kit.CSRFField, b.token())
	tables := slices.DeleteFunc(w.allTables(), func(name string) bool { return name == "session" || name == "sign_in_throttle" })
	before := w.dump(tables...)
	for _, r := range w.table() {
		if r.Method == http.MethodGet || r.Audience != kit.Firm {
			continue
		}
		path := x.address(t, r.Path)
		a := b.do(r.Method, path, form)
		switch a.StatusCode {
		case http.StatusForbidden, http.StatusNotFound:
		default:
			// The page asks, no data of theirs were changed, or it is about their own mails.
			if !slices.Contains([]string{"/customers/duplicates", "/customers/:id/authorisations/undo/:removal", "/account/mails"}, r.Path) {
				t.Errorf("%s is %d: %s", r.Path, a.StatusCode, a.text())
			}
		}
		if after := w.dump(tables...); after != before {
			t.Errorf("%s changed something", r.Path)
			before = after
		}
	}
	me := "/specialists/" + w.idOf("wer@kanzlei.example")
	b.get(me+"/deputies").want(t, http.StatusOK)
	b.send(me+"/deputies", "deputy", w.admin.ID.String(), "from", "2026-11-24", "until", "2026-11-25").want(t, http.StatusForbidden)
	b.get("/account").want(t, http.StatusOK)
	b.send("/account", "name", "Rita", "username", "wer@kanzlei.example").goesTo(t, "/account")
}

func (w *world) idOf(email string) string {
	w.Helper()
	a, ok, err := w.Accounts.ByEmail(context.Background(), w.DB, email)
	must(w.TB, err)
	require.True(w, ok, email)
	return a.ID.String()
}

// TestRolesForm: the form lists specialist among the roles and preselects it for a new user. The stored roles are the
// selected ones.
func TestRolesForm(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	chosen := func(path string) (list []string) {
		b.get(path).doc(t).Find("input[name=role][checked]").Each(func(_ int, s *goquery.Selection) { list = append(list, s.AttrOr("value", "")) })
		return list
	}
	assert.Equal(t, []string{"specialist"}, chosen("/specialists/new"), "a new user begins")
	second := w.specialist("ulla@kanzlei.example", policies.UserAdministrator)
	w.Tick(time.Minute)
	for _, given := range [][]string{{"auditor"}, nil, {"specialist", "auditor"}, {"data_administrator"}} {
		pairs := []string{"name", "Neu", "email", strings.Join(given, ".") + "x@kanzlei.example"}
		for _, r := range given {
			pairs = append(pairs, "role", r)
		}
		path := b.send("/specialists", pairs...).Header.Get("Location")
		w.agree(second)
		assert.Equal(t, given, chosen(path), "becomes")
		// The roles are removed and given again.
		b.send(path, "name", "Neu", "version", "1", "role", "specialist").goesTo(t, path)
		assert.Equal(t, []string{"specialist"}, chosen(path), "changed")
	}
	w.specialist("rita@kanzlei.example", policies.Auditor)
	b.get("/specialists").want(t, http.StatusOK, "Auditor")
}
