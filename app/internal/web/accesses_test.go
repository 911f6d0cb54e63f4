package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/access"
	"kontor/app/courier"
)

// path is where the world's customer is.
func (w *world) path() string { return "/customers/" + w.customer.String() }

// row is the customer's access with an address.
func (w *world) row(email string) access.Row {
	w.Helper()
	rows, err := w.accesses.OfCustomer(context.Background(), w.admin, w.customer)
	must(w.TB, err)
	i := slices.IndexFunc(rows, func(r access.Row) bool { return r.Email == email })
	require.GreaterOrEqual(w, i, 0, "no access of %s", email)
	return rows[i]
}

func wordsOf(s *goquery.Selection) (all []string) {
	s.Each(func(_ int, n *goquery.Selection) { all = append(all, strings.Join(strings.Fields(n.Text()), " ")) })
	return all
}

func TestAuthorisations(t *testing.T) {
	w := newWorld(t)
	w.invite("berta@kunde.example", "+4915123456789")
	b := w.signedIn()
	doc := b.get(w.path() + "/authorisations").doc(t)
	id := w.row("berta@kunde.example").ID.String()
	for selector, want := range map[string]string{
		"h1": "Berta Kühn",
		".tabs [aria-current] > span:first-child": "Authorisations",
		"#g-accesses":             "Accesses",
		"#g-administrators":       "Administrators",
		"#g-processors":           "Additional processors",
		"header a":                "Create new access",
		"#accesses .tag":          "Invited",
		"#resend-" + id:           "Send again",
		"#timeline-" + id + " h3": "E-mail Handed over",
	} {
		assert.Equal(t, want, strings.Join(strings.Fields(doc.Find(selector).First().Text()), " "), selector)
	}
	got := wordsOf(doc.Find("[aria-labelledby=g-administrators] tbody td.wide"))
	require.Len(t, got, 2, "administrators")
	assert.Equal(t, "Anna Berg", got[0], "administrators")
	assert.True(t, strings.HasPrefix(got[1], "All business transactions · since"), "administrators")
	for _, missing := range wordsOf(doc.Find("#accesses time:not([datetime])")) {
		t.Errorf("the time %q is for people only", missing)
	}
	w.specialist("kollege@kanzlei.example")
	doc = w.browser().signIn("kollege@kanzlei.example", strong).get(w.path() + "/authorisations").doc(t)
	got = wordsOf(doc.Find("#accesses form, #accesses button:not([data-copy]), #accesses a:not([id^=why-]), header a, .bar, [type=checkbox]"))
	assert.Empty(t, got, "who does not administer the customer is offered")
}

// TestAsksAgain: an open page refreshes itself until everything is settled. It gets an answer only if something has
// changed, and it does not keep the session alive.
func TestAsksAgain(t *testing.T) {
	w := newWorld(t)
	w.invite("berta@kunde.example", "")
	b := w.signedIn()
	hx := []string{"HX-Request", "true"}
	for _, tab := range []string{"/authorisations", "/deliveries"} {
		ask := attr(b.get(w.path()+tab).doc(t), "[hx-trigger='every 2s']", "hx-get")
		require.True(t, strings.HasPrefix(ask, w.path()+tab+"?seen="), "%s asks for %q", tab, ask)
		a := b.get(ask, hx...)
		assert.Equal(t, http.StatusNoContent, a.StatusCode, "%s: nothing has changed, but %d comes", tab, a.StatusCode)
		assert.Empty(t, a.body, "%s: nothing has changed", tab)
		b.get(ask).want(t, http.StatusOK, "Invited") // the same address as a page
		w.Tick(15 * time.Second)
		b.send(w.path()+"/accesses/"+w.row("berta@kunde.example").ID.String()+"/resend", "from", "deliveries").goesTo(t, w.path()+"/deliveries")
		a = b.get(ask, hx...)
		a.want(t, http.StatusOK, "Queued")
		next := attr(a.doc(t), "[hx-get]", "hx-get")
		assert.NotEqual(t, ask, next, "%s: after %q comes %q", tab, ask, next)
		assert.NotEmpty(t, next, tab)
		assert.NotContains(t, a.body, "<html", tab)
		w.deliver()
	}
	ask := attr(b.get(w.path()+"/deliveries").doc(t), "[hx-get*=seen]", "hx-get")
	for range 29 {
		require.Equal(t, http.StatusNoContent, b.get(ask, hx...).StatusCode)
		w.Tick(time.Minute)
	}
	w.Tick(2 * time.Minute)
	a := b.get(ask, hx...)
	assert.Equal(t, http.StatusUnauthorized, a.StatusCode, "a page left open keeps its session")
	assert.NotEmpty(t, a.Header.Get("HX-Redirect"), "a page left open keeps its session")
	w.Tick(48 * time.Hour)
	doc := w.signedIn().get(w.path() + "/authorisations").doc(t)
	assert.Zero(t, doc.Find("#accesses [hx-get]").Length(), "all is settled, yet: %s", doc.Find("#accesses").Text())
	assert.Equal(t, "Link expired", doc.Find("#accesses .tag").First().Text(), "all is settled, yet: %s", doc.Find("#accesses").Text())
	assert.Zero(t, doc.Find("details[open]").Length(), "all is settled, yet: %s", doc.Find("#accesses").Text())
}

// TestMessageStates: the page shows the actual state of each message.
func TestMessageStates(t *testing.T) {
	w := newWorld(t)
	w.invite("berta@kunde.example", "")
	b := w.signedIn()
	for state, want := range map[courier.State]string{
		courier.Queued: "Queued", courier.Sending: "Sending", courier.HandedOver: "Handed over", courier.Delivered: "Delivered", courier.Failed: "Failed",
		courier.Cancelled: "Cancelled",
	} {
		_, err := w.DB.NewUpdate().Table("message").Set("state = ?", state).Set("reason = 'unknown_recipient'").Where("TRUE").Exec(context.Background())
		must(t, err)
		for _, tab := range []string{"/authorisations", "/deliveries"} {
			assert.Equal(t, want, b.get(w.path()+tab).doc(t).Find(".lines h3 .tag").Text(), "%s%s says", state, tab)
		}
	}
}

func TestCreateAccess(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	key := attr(b.get(w.path()+"/accesses/new").doc(t), "[name=submission]", "value")
	typed := []string{"submission", key, "first_name", "Ines", "last_name", "Vogt", "email", "ines@kunde.example", "mobile", "", "locale", "en"}
	for range 2 {
		b.send(w.path()+"/accesses", typed...).goesTo(t, w.path()+"/authorisations")
	}
	doc := b.get(w.path() + "/authorisations").doc(t)
	assert.Equal(t, []string{"Ines Vogt"}, wordsOf(doc.Find("#accesses .name")), "a form sent twice made")
	assert.Contains(t, doc.Find(".toast-line").Text(), "Ines Vogt", "the page says")
	again := b.send(w.path()+"/accesses", "first_name", "I", "last_name", "V", "email", "INES@kunde.example", "locale", "en")
	again.want(t, http.StatusUnprocessableEntity)
	assert.Equal(t, "INES@kunde.example", attr(again.doc(t), "[name=email]", "value"), "what was typed became")
	b.get("/customers/"+w.person("Fremd", "fremd@kunde.example").String()+"/accesses/"+w.row("ines@kunde.example").ID.String()).want(t, http.StatusNotFound)
}

// TestCorrectAccess: correcting an address makes the old link invalid. If two people correct at the same time, the second
// sees both values.
func TestCorrectAccess(t *testing.T) {
	w := newWorld(t)
	token, _ := w.invite("bertha@kunde.example", "")
	b := w.signedIn()
	at := w.path() + "/accesses/" + w.row("bertha@kunde.example").ID.String()
	doc := b.get(at).doc(t)
	version := attr(doc, "[name=version]", "value")
	was := []string{"version", version, "was_first_name", "Berta", "was_last_name", "Kühn", "was_email", "bertha@kunde.example", "was_mobile", "", "was_locale", "de", "locale", "de"}
	require.Equal(t, 5, doc.Find("[name^=was_]").Length(), "%d fields remember what they held", doc.Find("[name^=was_]").Length())
	w.Tick(time.Minute)
	b.send(at, append(slices.Clone(was), "first_name", "Berta", "last_name", "Kühn", "email", "berta@kunde.example", "mobile", "")...).goesTo(t, w.path()+"/authorisations")
	b.get(w.path()+"/authorisations").want(t, http.StatusOK, "berta@kunde.example", "The old link no longer works")
	w.browser().get("/register/"+token).want(t, http.StatusNotFound)

	// A change of the other person alone stays, and no new mail goes to the former address.
	b.send(at, append(slices.Clone(was), "first_name", "Berta", "last_name", "Kühn-Berg", "email", "bertha@kunde.example", "mobile", "")...).goesTo(t, w.path()+"/authorisations")
	b.get(w.path()+"/authorisations").want(t, http.StatusOK, "In another window you had already changed: E-mail address")
	assert.Equal(t, "Kühn-Berg", w.row("berta@kunde.example").LastName, "saved")
	late := b.send(at, append(slices.Clone(was), "first_name", "Berta", "last_name", "Kühn", "email", "third@kunde.example", "mobile", "")...)
	late.want(t, http.StatusConflict, "third@kunde.example", "berta@kunde.example")
	doc = late.doc(t)
	assert.Equal(t, 2, doc.Find("[name=keep_email]").Length(), "to be chosen: %s", doc.Find(".conflicts").Text())
	assert.Equal(t, 0, doc.Find("[name=keep_last_name]").Length(), "to be chosen: %s", doc.Find(".conflicts").Text())
	b.send(at, "version", "x", "first_name", "B", "last_name", "K", "email", "evil@kunde.example", "locale", "de").want(t, http.StatusConflict)
}

// TestRegisteredAddress: the address of a registered person can be read but not changed by the firm.
func TestRegisteredAddress(t *testing.T) {
	w := newWorld(t)
	w.endUser()
	b := w.signedIn()
	at := w.path() + "/accesses/" + w.row("berta@kunde.example").ID.String()
	doc := b.get(at).doc(t)
	assert.Zero(t, doc.Find("[name=email]").Length(), "the address can be typed over")
	assert.Contains(t, doc.Find("dl.fixed").Text(), "@", "the address can be typed over")
	b.send(at, "version", attr(doc, "[name=version]", "value"), "first_name", "Bertha", "last_name", "Kühn", "email", "evil@example.org", "locale", "de").goesTo(t, w.path()+"/authorisations")
	assert.Equal(t, "Bertha", w.row("berta@kunde.example").FirstName)
	page := b.get(w.path() + "/authorisations").doc(t)
	assert.Zero(t, page.Find("[id^=resend-]").Length(), page.Find("#accesses").Text())
	assert.Zero(t, page.Find("#accesses [hx-get]").Length(), page.Find("#accesses").Text())
	assert.Equal(t, "Registered", page.Find("#accesses .tag").First().Text(), page.Find("#accesses").Text())
}

func TestSendAgain(t *testing.T) {
	w := newWorld(t)
	token, _ := w.invite("berta@kunde.example", "")
	b := w.signedIn()
	resend := w.path() + "/accesses/" + w.row("berta@kunde.example").ID.String() + "/resend"
	b.send(resend).goesTo(t, w.path()+"/authorisations")
	assert.Contains(t, b.get(w.path()+"/authorisations").doc(t).Find(".toast-line").Text(), "so nothing more was sent", "nothing was sent, and the page says")
	w.Tick(time.Minute)
	b.send(resend).goesTo(t, w.path()+"/authorisations")
	b.get(w.path()+"/authorisations").want(t, http.StatusOK, "The previous one no longer works")
	w.browser().get("/register/"+token).want(t, http.StatusNotFound)
	w.specialist("kollege@kanzlei.example")
	w.browser().signIn("kollege@kanzlei.example", strong).send(resend).want(t, http.StatusForbidden)
}

// TestSwitch: deactivating and reactivating an access.
func TestSwitch(t *testing.T) {
	w := newWorld(t)
	w.invite("berta@kunde.example", "")
	w.invite("anna@kunde.example", "")
	b := w.signedIn()
	berta := w.path() + "/accesses/" + w.row("berta@kunde.example").ID.String()
	status := func() access.Status { return w.row("berta@kunde.example").Status }
	b.send(berta+"/deactivate").goesTo(t, w.path()+"/authorisations")
	doc := b.get(w.path() + "/authorisations").doc(t)
	assert.Equal(t, access.Deactivated, status(), doc.Find("#accesses").Text())
	assert.Equal(t, 1, doc.Find("[formaction='"+berta+"/reactivate']").Length(), doc.Find("#accesses").Text())
	assert.Equal(t, 0, doc.Find("[formaction='"+berta+"/resend']").Length(), doc.Find("#accesses").Text())
	b.send(berta+"/reactivate").goesTo(t, w.path()+"/authorisations")
	assert.Equal(t, access.Invited, status())
}
