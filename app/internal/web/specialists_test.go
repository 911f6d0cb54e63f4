package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/handover"
	"kontor/policies"
)

func TestSpecialists(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	b.get("/specialists").want(t, http.StatusOK, "Anna Berg", "Active")
	b.get("/specialists?q=zzzz").want(t, http.StatusOK, "Nothing matches")

	wrong := b.send("/specialists", "name", "Jörg Weiß", "email", "no address", "role", "auditor", "role", "root", "id", "1")
	wrong.want(t, http.StatusUnprocessableEntity)
	assert.Contains(t, wrong.body, `value="Jörg Weiß"`, "the name is lost")
	second := w.specialist("ulla@kanzlei.example", policies.UserAdministrator)
	w.Tick(time.Minute)
	added := b.send("/specialists", "name", "Jörg Weiß", "email", "joerg@kanzlei.example", "role", "auditor")
	path := added.Header.Get("Location")
	added.goesTo(t, path)
	page := b.get(path)
	page.want(t, http.StatusOK, "Jörg Weiß", "No password yet", "Waiting for approval: Auditor")
	w.agree(second)
	for _, r := range policies.FirmRoles {
		assert.Contains(t, page.body, `value="`+string(r)+`"`, "no checkbox")
	}
	w.deliver()
	token := ""
	for _, m := range w.box() {
		if m.To == "joerg@kanzlei.example" && strings.Contains(m.Text, "/password/reset/") {
			token = linkTo("password/reset", m.Text)
		}
	}
	joerg := w.browser()
	joerg.send("/password/reset/"+token, "password", strong, "password_repeat", strong).goesTo(t, "/login")
	joerg.signIn("joerg@kanzlei.example", strong)
	joerg.get("/audit").want(t, http.StatusOK)
	joerg.get("/queues").want(t, http.StatusForbidden)
	joerg.get("/specialists/new").want(t, http.StatusForbidden)
	joerg.send("/specialists", "name", "X", "email", "x@kanzlei.example").want(t, http.StatusForbidden)
	joerg.send(path, "name", "X", "version", "1", "role", "user_administrator").want(t, http.StatusForbidden)

	b.send(path+"/deactivate").goesTo(t, path)
	joerg.get("/account").goesTo(t, "/login?next=%2Faccount") // at the very next request
	b.get(path).want(t, http.StatusOK, "Deactivated")
	assert.NotContains(t, b.get("/specialists").text(), "Jörg Weiß", "a deactivated one is listed without being asked for")
	b.get("/specialists?inactive=on").want(t, http.StatusOK, "Jörg Weiß")
	b.send(path+"/reactivate").goesTo(t, path)
	b.get(path).want(t, http.StatusOK, "Waiting for approval: reactivation")
	w.agree(second)
	joerg.signIn("joerg@kanzlei.example", strong)
}

// TestSpecialistConflict: a person who saves after somebody else has changed the same is told so, and keeps the typed
// values.
func TestSpecialistConflict(t *testing.T) {
	w := newWorld(t)
	a, err := w.Accounts.AddSpecialist(context.Background(), w.admin, account.SpecialistForm{Name: "Jörg Weiß", Email: "joerg@kanzlei.example"})
	must(t, err)
	b, path := w.signedIn(), "/specialists/"+a.ID.String()
	b.send(path, "name", "Jörg Weiss", "version", "1").goesTo(t, path)
	late := b.send(path, "name", "Georg Weiß", "version", "1")
	late.want(t, http.StatusConflict)
	assert.Contains(t, late.body, `value="Georg Weiß"`, "what was typed is lost")
}

// TestOneself: nobody can give themselves a role or deactivate themselves.
func TestOneself(t *testing.T) {
	w := newWorld(t)
	b, path := w.signedIn(), "/specialists/"+w.admin.ID.String()
	b.send(path+"/deactivate").want(t, http.StatusConflict)
	b.send(path, "name", "Anna Berg", "version", "1").want(t, http.StatusConflict) // the last of the guarded roles
	b.get("/account").want(t, http.StatusOK)
}

// TestSpecialistPages: the list is paged by cursor, and the next page keeps the search.
func TestSpecialistPages(t *testing.T) {
	w := newWorld(t)
	for i := range account.SpecialistPageSize + 5 {
		_, err := w.Accounts.AddSpecialist(context.Background(), w.admin, account.SpecialistForm{
			Name: "Berg " + string(rune('a'+i%26)), Email: "p" + strings.Repeat("x", i) + "@kanzlei.example",
		})
		must(t, err)
	}
	b := w.signedIn()
	page := b.get("/specialists?q=berg", "HX-Request", "true")
	page.want(t, http.StatusOK)
	assert.NotContains(t, page.body, "<html", "HTMX gets more than the table")
	assert.NotEmpty(t, page.Header.Get("Vary"), "HTMX gets more than the table")
	_, rest, found := strings.Cut(page.body, `href="/specialists?after=`)
	next, _, _ := strings.Cut(rest, `"`)
	require.True(t, found, "no next page")
	require.True(t, strings.HasSuffix(next, "&amp;q=berg"), "no next page: %q", next)
	second := b.get("/specialists?after=" + strings.ReplaceAll(next, "&amp;", "&"))
	second.want(t, http.StatusOK)
	assert.Equal(t, 6, strings.Count(second.body, `class="name"`), "on the second page")
}

// TestAssignmentsShown: the list and the page of a specialist user say how many assignments somebody has, or that there
// are more than were counted.
func TestAssignmentsShown(t *testing.T) {
	w := newWorld(t)
	paul := w.colleague("paul@kanzlei.example", 1)
	b := w.signedIn()
	row := func() string {
		return strings.TrimSpace(b.get("/specialists?q=paul").doc(t).Find("td.num").Text())
	}
	path := "/specialists/" + paul.ID.String()
	assert.Equal(t, "1", row(), "of one customer")
	b.get(path).want(t, http.StatusOK, "Customers administered 1 ")
	w.administers(paul, handover.AssignmentsCap-1)
	assert.Equal(t, "1,000", row(), "at the limit")
	b.get(path).want(t, http.StatusOK, "Customers administered 1,000 Business transactions processed 0 ")
	w.administers(paul, 1)
	assert.Equal(t, "1,000+", row(), "beyond the limit")
	b.get(path).want(t, http.StatusOK, "Customers administered 1,000+ Business transactions processed 0 ")
	b.get(path+"/deactivate").want(t, http.StatusOK, "Customers administered 1,001 ")
	b.language = "de"
	assert.Equal(t, "1.000+", row(), "in German")
	b.get(path).want(t, http.StatusOK, "Kunden als Administrator 1.000+ ")
}
