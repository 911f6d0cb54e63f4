package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/job"
	"kontor/policies"
)

// colleague adds a specialist user who administers n customers.
func (w *world) colleague(email string, n int) account.Caller {
	w.Helper()
	c := w.specialist(email)
	for range n {
		_, _, err := w.customers.Add(context.Background(), c, customer.Draft{Type: customer.Company, Data: customer.Data{
			CompanyName: "Firma von " + email, FirstName: "E", LastName: "E", Locale: "de",
		}}, nil)
		must(w.TB, err)
	}
	return c
}

// administers adds n customers, without anything else, and makes somebody their administrator.
func (w *world) administers(c account.Caller, n int) {
	w.Helper()
	first := 20000 + w.Number(`SELECT count(*) FROM customer`)
	w.InTx(func(ctx context.Context, tx bun.Tx) error {
		for i := range n {
			id := uuid.Must(uuid.NewV7())
			if _, err := tx.ExecContext(ctx, `INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at)
				VALUES (?, ?, 'person', 'de', '', '', '', ?, ?)`, first+i, id, w.Clock.Now(), w.Clock.Now()); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO customer_administrator (customer_id, specialist_id, created_at, created_by)
				VALUES (?, ?, ?, ?)`, id, c.ID, w.Clock.Now(), w.admin.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestHandOver does a handover as a user administrator without JavaScript: from the person's page, through the question
// before a deactivation, to the chosen people.
func TestHandOver(t *testing.T) {
	w := newWorld(t)
	from, to := w.colleague("paul@kanzlei.example", 2), w.colleague("maria@kanzlei.example", 0)
	b, path := w.signedIn(), "/specialists/"+from.ID.String()
	page := b.get(path)
	page.want(t, http.StatusOK, "Assignments", "Customers administered 2", "What this role may do")
	href, _ := page.doc(t).Find(`a:contains("Deactivate")`).Attr("href")
	assert.Equal(t, path+"/deactivate", href, "Deactivate leads")
	b.get("/specialists").want(t, http.StatusOK, "Assignments")

	ask := b.get(path + "/deactivate")
	ask.want(t, http.StatusOK, "Deactivate Paul@kanzlei.example?", "2 customers would be left without an active administrator", "Firma von paul@kanzlei.example")
	href, _ = ask.doc(t).Find(`a:contains("Hand over first")`).Attr("href")
	assert.Equal(t, path+"/handover", href, "Hand over first leads")

	plan := b.get(path + "/handover?q=maria")
	plan.want(t, http.StatusOK, "Maria@kanzlei.example")
	assert.Equal(t, 1, plan.doc(t).Find(`input[name=to]`).Length(), "others are offered, or something could be done before it was said")
	assert.Equal(t, 0, plan.doc(t).Find(`form[method=post][action$="/handover"]`).Length(), "others are offered, or something could be done before it was said")
	assert.NotContains(t, plan.text(), "Anna Berg has", "the caller is offered")
	assert.Equal(t, 0, plan.doc(t).Find(`input[name=to][value="`+w.admin.ID.String()+`"]`).Length(), "the caller is offered")
	part := b.get(path+"/handover?q=maria&to="+to.ID.String(), "HX-Request", "true")
	assert.NotContains(t, part.body, "<html", "HTMX gets more than the people, or the choice is lost")
	assert.Equal(t, 1, part.doc(t).Find(`input[name=to][checked]`).Length(), "HTMX gets more than the people, or the choice is lost")
	preview := b.get(path + "/handover?mode=move&to=" + to.ID.String())
	preview.want(t, http.StatusOK, "After the handover", "no longer has any")
	v, _ := preview.doc(t).Find(`form[method=post] input[name=to]`).Attr("value")
	assert.Equal(t, to.ID.String(), v, "would hand over")
	b.get(path+"/handover?to="+w.admin.ID.String()).want(t, http.StatusUnprocessableEntity, "You can't give assignments to yourself")
	b.send(path+"/handover", "mode", "move").want(t, http.StatusUnprocessableEntity, "Specialist users")
	b.send(path+"/handover", "to", "x", "mode", "move").want(t, http.StatusUnprocessableEntity, "Choose active specialist users")

	done := b.send(path+"/handover", "to", to.ID.String(), "mode", "move")
	state := b.get(done.Header.Get("Location"))
	state.want(t, http.StatusOK, "The assignments have been handed over", "Maria@kanzlei.example")
	assert.Equal(t, 0, state.doc(t).Find(`[hx-trigger*=every]`).Length(), "what is done goes on asking")
	b.send(path+"/handover", "to", to.ID.String(), "mode", "move").want(t, http.StatusConflict, "no assignments")
	after := b.get(path + "/deactivate")
	after.want(t, http.StatusOK)
	assert.NotContains(t, after.text(), "would be left", "customers would still be left")
	b.send(path+"/deactivate").goesTo(t, path)
	b.get("/audit").want(t, http.StatusOK, "Assignments handed over", "Administrator removed", "Handover: Paul@kanzlei.example → Maria@kanzlei.example")
}

// TestHandOverStops: a recipient is deactivated during the handover. The page says why the handover stopped, in both
// languages, and links to a handover of the rest to other people.
func TestHandOverStops(t *testing.T) {
	w := newWorld(t)
	from, heir, other := w.colleague("paul@kanzlei.example", 0), w.colleague("maria@kanzlei.example", 0), w.colleague("otto@kanzlei.example", 0)
	w.administers(from, 201) // more than a request hands over
	b, path := w.signedIn(), "/specialists/"+from.ID.String()
	at := b.send(path+"/handover", "to", other.ID.String(), "to", heir.ID.String(), "mode", "move").Header.Get("Location")
	b.get(at).want(t, http.StatusOK, "Handing over: 0 of 201")
	b.send("/specialists/"+heir.ID.String()+"/deactivate").goesTo(t, "/specialists/"+heir.ID.String())
	_, err := w.jobs.Finish(context.Background(), job.Handover)
	must(t, err)
	page := b.get(at)
	page.want(t, http.StatusOK, "The handover stopped", "Maria@kanzlei.example is no longer an active specialist user.", "Paul@kanzlei.example still has the rest", "0 of 201")
	assert.Equal(t, 0, page.doc(t).Find(`[hx-trigger*=every]`).Length(), "it goes on asking, or says that it is done")
	assert.NotContains(t, page.text(), "have been handed over", "it goes on asking, or says that it is done")
	b.language = "de"
	b.get(at).want(t, http.StatusOK, "Die Übergabe ist angehalten", "Maria@kanzlei.example ist kein aktiver Fachanwender mehr.")
	b.language = "en"
	again := attr(page.doc(t), `.actions a:contains("Hand over the rest")`, "href")
	require.Equal(t, path+"/handover?to="+other.ID.String(), again, "the rest is handed over at")
	b.get(again).want(t, http.StatusOK, "After the handover")
	b.get("/audit").want(t, http.StatusOK, "Handover stopped")
	w.specialist("rita@kanzlei.example", policies.Auditor)
	read := w.browser().signIn("rita@kanzlei.example", strong).get(at)
	assert.Equal(t, http.StatusOK, read.StatusCode, "an auditor gets")
	assert.NotContains(t, read.text(), "Hand over the rest")
	next := b.send(path+"/handover", "to", other.ID.String(), "mode", "move").Header.Get("Location")
	for range 2 {
		_, err = w.jobs.Finish(context.Background(), job.Handover)
		must(t, err)
	}
	b.get(next).want(t, http.StatusOK, "The assignments have been handed over")
}

// TestDeactivateLeaves: customers whose only administrator is deactivated are listed under Needs attention for people who
// can do something about it.
func TestDeactivateLeaves(t *testing.T) {
	w := newWorld(t)
	from := w.colleague("paul@kanzlei.example", 1)
	other := w.colleague("maria@kanzlei.example", 0)
	b, m := w.signedIn(), w.browser().signIn("maria@kanzlei.example", strong)
	path := "/specialists/" + from.ID.String()
	assert.Equal(t, 0, b.get("/attention").doc(t).Find(`#s-administrators`).Length(), "somebody is without administrator")
	b.send(path+"/deactivate").goesTo(t, path)
	page := b.get("/attention")
	page.want(t, http.StatusOK, "Customers without administrator", "Firma von paul@kanzlei.example")
	assert.NotContains(t, m.get("/attention").text(), "Firma von paul", "a colleague is shown what they can't act on")
	b.send(path+"/reactivate").goesTo(t, path)
	assert.Equal(t, 0, b.get("/attention").doc(t).Find(`#s-administrators`).Length(), "reactivating does not help")
	_ = other
}

// TestDeputies: a specialist user names a deputy for themselves, sees the entry, and ends it. After mistakes the typed
// values stay.
func TestDeputies(t *testing.T) {
	w := newWorld(t)
	me, deputy := w.colleague("paul@kanzlei.example", 1), w.colleague("maria@kanzlei.example", 0)
	b := w.browser().signIn("paul@kanzlei.example", strong)
	path := "/specialists/" + me.ID.String() + "/deputies"
	href, _ := b.get("/account").doc(t).Find(`a:contains("Name a deputy")`).Attr("href")
	assert.Equal(t, path, href, "Manage own access leads")
	b.get(path).want(t, http.StatusOK, "No deputy has been named", "Maria@kanzlei.example")
	b.get("/specialists/"+deputy.ID.String()+"/deputies").want(t, http.StatusForbidden)
	wrong := b.send(path, "deputy", deputy.ID.String(), "from", "2026-11-30", "until", "2026-11-29")
	wrong.want(t, http.StatusUnprocessableEntity, "The last day can't be before the first day")
	doc := wrong.doc(t)
	v, _ := doc.Find("#f-from").Attr("value")
	assert.Equal(t, "2026-11-30", v, "what was typed is lost")
	assert.Equal(t, 1, doc.Find(`input[name=deputy][checked]`).Length(), "what was typed is lost")
	assert.True(t, strings.HasPrefix(doc.Find("title").Text(), "Error:"), "what was typed is lost")
	assert.Equal(t, 1, doc.Find(`#summary a[href="#f-until"]`).Length(), "the summary does not lead to the field")
	b.send(path, "deputy", deputy.ID.String(), "from", "2026-11-24", "until", "2026-11-30").goesTo(t, path)
	b.send(path, "deputy", deputy.ID.String(), "from", "2026-11-29", "until", "2026-12-24").want(t, http.StatusUnprocessableEntity, "is already the deputy from 24 November 2026 to 30 November 2026")
	page := b.get(path)
	page.want(t, http.StatusOK, "Maria@kanzlei.example", "Current", "End now", "24 November 2026 – 30 November 2026")
	w.browser().signIn("maria@kanzlei.example", strong).get("/specialists/"+deputy.ID.String()+"/deputies").want(t, http.StatusOK, "Stands in for others", "Paul@kanzlei.example")
	end, _ := page.doc(t).Find(`form[action$="/end"]`).Attr("action")
	w.Tick(time.Minute)
	b.send(end).goesTo(t, path)
	b.get(path).want(t, http.StatusOK, "Ended")
	w.signedIn().get("/audit").want(t, http.StatusOK, "Deputy named", "Deputy: – → Maria@kanzlei.example", "Last day: – → 30 November 2026", "Deputy arrangement ended")
}

// TestAttentionSection: a section with many entries shows the first ones, and all of them on a page of its own. An empty
// section leads to the page of all.
func TestAttentionSection(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	for i := range 10 { // one more is the world's own
		_, _, err := w.customers.Add(context.Background(), w.admin, customer.Draft{Type: customer.Company, Data: customer.Data{
			CompanyName: fmt.Sprintf("Hafen %d AG", i), FirstName: "Eva", LastName: "Ende", Locale: "de",
		}}, nil)
		must(t, err)
	}
	doc := b.get("/attention").doc(t)
	assert.Equal(t, 10, doc.Find(`section[aria-labelledby=s-accesses] tbody tr`).Length(), "shown at first")
	assert.Contains(t, strings.Join(strings.Fields(doc.Find(`section[aria-labelledby=s-accesses] header .tag`).Text()), ""), "10+")
	more, _ := doc.Find(`section[aria-labelledby=s-accesses] .pages a`).Attr("href")
	require.Equal(t, "/attention?section=accesses", more)
	whole := b.get(more)
	whole.want(t, http.StatusOK, "Back to “Needs attention”")
	assert.Equal(t, 11, whole.doc(t).Find(`section[aria-labelledby=s-accesses] tbody tr`).Length(), "in the section")
	assert.Equal(t, 0, whole.doc(t).Find(`.pages a`).Length(), "there is no more")
	empty := b.get("/attention?section=invitations")
	empty.want(t, http.StatusOK, "Customers without access")
	assert.NotContains(t, empty.text(), "Back to “Needs attention”")
}

// TestAttentionPage: selected invitations are sent again; those that can't be sent are named with the reason, and the
// badge changes.
func TestAttentionPage(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	b := w.signedIn()
	all := b.get("/attention")
	all.want(t, http.StatusOK, "Customers without access", "Berta") // the world's customer has no access yet
	add := func(name string) uuid.UUID {
		a, err := w.accesses.Create(ctx, w.admin, w.customer, access.Form{FirstName: name, LastName: "Kühn", Email: strings.ToLower(name) + "@kunde.example", Locale: "de"}, "")
		must(t, err)
		return a.ID
	}
	one, two, three := add("Eins"), add("Zwei"), add("Drei")
	w.Tick(time.Minute)
	b.get("/attention").want(t, http.StatusOK, "Nothing needs your attention")
	w.Tick(access.LinkLife)
	b.signIn(adminEmail, strong)
	page := b.get("/attention")
	page.want(t, http.StatusOK, "Link expired", "Eins Kühn", "K-10001")
	doc := page.doc(t)
	require.Equal(t, 3, doc.Find(`form[action="/attention/resend"] input[name=access]`).Length(), "to tick")
	badge := strings.TrimSpace(doc.Find(`nav a[href="/attention"] .n`).Text())
	assert.Equal(t, "3", badge, "the badge says")
	label, _ := doc.Find(`input[name=access]`).First().Attr("aria-label")
	assert.True(t, strings.HasPrefix(label, "Select "), "a checkbox is called %q", label)
	b.send("/attention/resend").want(t, http.StatusUnprocessableEntity, "Select at least one invitation")
	must(t, w.accesses.Deactivate(ctx, w.admin, w.customer, three))
	b.send("/attention/resend", "access", one.String(), "access", two.String(), "access", three.String(), "access", uuid.Must(uuid.NewV7()).String()).goesTo(t, "/attention")
	said := b.get("/attention")
	said.want(t, http.StatusOK, "2 invitations are on their way again", "2 invitations weren't sent", "Drei Kühn: This access is deactivated", "Nothing needs your attention")
	assert.NotContains(t, b.get("/attention").text(), "on their way", "it is said twice")
	assert.Equal(t, 0, said.doc(t).Find(`nav a[href="/attention"] .n`).Length(), "the badge stays")
	b.get("/attention?section=nonsense&after=x").want(t, http.StatusOK)
	b.get("/attention?section=invitations&after="+url.QueryEscape(evil)).want(t, http.StatusOK)
	w.specialist("revision@kanzlei.example", policies.Auditor)
	assert.NotContains(t, w.browser().signIn("revision@kanzlei.example", strong).get("/attention").text(), "Kühn", "an auditor is shown what they can't act on")
}
