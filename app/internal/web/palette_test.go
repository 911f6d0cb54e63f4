package web

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"

	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

func TestPalette(t *testing.T) { storetest.Each(t, paletteOffersWhatOneMay) }

// paletteOffersWhatOneMay: the palette finds the customers, transactions and people that a person may see, and offers
// what they may do, in groups. Of anything else there is no entry and no heading.
func paletteOffersWhatOneMay(t *testing.T, db *store.DB) {
	w := newWorldOn(t, db)
	roof := w.transaction("Dachschaden")
	w.addProcessor(roof.ID, w.specialist("ben@kanzlei.example").ID)
	auditor := w.specialist("rita@kanzlei.example", policies.Auditor)
	anna, ben := w.signedIn(), w.browser().signIn("ben@kanzlei.example", strong)
	rita := w.browser().signIn("rita@kanzlei.example", strong)
	always := []string{"Manage own access", "Theme: System", "Theme: Light", "Theme: Dark", "Sign out"}
	for _, c := range []struct {
		who     string
		b       *browser
		query   string
		groups  []string
		entries []string
	}{
		{"administrator", anna, "kühn", []string{"Customers", "Business transactions"}, []string{"Kühn, Berta", "Dachschaden"}},
		{"administrator", anna, "dachsch", []string{"Business transactions"}, []string{"Dachschaden"}},
		{"administrator", anna, "rita", []string{"Specialist users"}, []string{auditor.Name}},
		{"administrator", anna, "add", []string{"Actions"}, []string{"Add customer", "Add specialist user", "Add template"}},
		{"administrator", anna, "transactions my", []string{"Actions"}, []string{"My transactions"}},
		{"administrator", anna, "theme dark", []string{"Actions"}, []string{"Theme: Dark"}},
		{"administrator", anna, "nirgends", nil, nil},
		{"processor", ben, "dachsch", []string{"Business transactions"}, []string{"Dachschaden"}},
		{"processor", ben, "add", []string{"Actions"}, []string{"Add customer"}},
		{"processor", ben, "policies", nil, nil},
		{"auditor", rita, "add", nil, nil},
		{"auditor", rita, "log", []string{"Actions"}, []string{"Log"}},
		{"auditor", rita, "", []string{"Actions"}, append([]string{"Customer overview", "My transactions", "Approvals", "Specialist users", "Firm", "Policies", "Log"}, always...)},
	} {
		a := c.b.get("/palette?q="+url.QueryEscape(c.query), "HX-Request", "true")
		a.want(t, http.StatusOK)
		doc := a.doc(t)
		assert.Equal(t, c.groups, wordsOf(doc.Find(".of")), "%s with %q", c.who, c.query)
		assert.Equal(t, c.entries, wordsOf(doc.Find("[role=option] .name")), "%s with %q", c.who, c.query)
		assert.Equal(t, 1, doc.Find("[data-found]").Length(), "%s with %q: nothing is said", c.who, c.query)
		doc.Find("button[role=option]").Each(func(_ int, b *goquery.Selection) {
			form := b.AttrOr("form", "")
			assert.Equal(t, 1, doc.Find("form[method=post]#"+form).Length(), "an entry sends the form %q", form)
		})
	}
	w.publish(policies.Default + "\np, specialist, *, customer, *, read, deny\np, specialist, *, customer, *, list, deny\np, specialist, *, specialist, *, read, deny\n")
	for query, want := range map[string][]string{"k%C3%BChn": {"Business transactions"}, "rita": nil} {
		assert.Equal(t, want, wordsOf(ben.get("/palette?q="+query, "HX-Request", "true").doc(t).Find(".of")), "what the policy refuses")
	}
	anna.get("/palette?q=k%C3%BChn").goesTo(t, "/search?q=k%C3%BChn") // without script
}

// TestRecentCustomers: the palette and the page of the search show the customers that the person has opened, and below
// the field of another page nothing shows until something is looked for.
func TestRecentCustomers(t *testing.T) {
	w := newWorld(t)
	w.person("Vogt", "vogt@kunde.example")
	w.specialist("ben@kanzlei.example")
	anna, ben := w.signedIn(), w.browser().signIn("ben@kanzlei.example", strong)
	names := func(b *browser, path, in string, headers ...string) []string {
		t.Helper()
		return wordsOf(b.get(path, headers...).doc(t).Find(in + " .name"))
	}
	hits, part := ".hits", []string{"HX-Request", "true"}
	assert.Empty(t, names(anna, "/search", hits))
	anna.get(w.path()+"/authorisations", part...).want(t, http.StatusOK) // a fragment that the page fetches by itself
	assert.Empty(t, names(anna, "/search", hits), "a fragment is no visit")
	anna.get(w.path()+"/authorisations").want(t, http.StatusOK)
	kuehn := []string{"Kühn, Berta"}
	assert.Equal(t, kuehn, names(anna, "/search", hits))
	assert.Equal(t, kuehn, names(anna, "/search", hits, append(part, "HX-Target", "hits")...))
	assert.Empty(t, names(anna, "/search", hits, append(part, "HX-Target", "found")...), "below the field")
	assert.Equal(t, kuehn, names(anna, "/palette", "[aria-label='Opened last']", part...))
	assert.Empty(t, names(ben, "/palette", "[aria-label='Opened last']", part...), "somebody else's")
}
