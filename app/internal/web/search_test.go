package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kontor/app/internal/web/transaction"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

func TestSearchFindsWhatOneMaySee(t *testing.T) { storetest.Each(t, searchFindsWhatOneMaySee) }

// searchFindsWhatOneMaySee: customers and business transactions, by name, number and the customer's name, each person's
// own; of what they may not see there is no row, no count and no heading, on the page and as one types.
func searchFindsWhatOneMaySee(t *testing.T, db *store.DB) {
	w := newWorldOn(t, db)
	roof, taxes := w.transaction("Dachschaden"), w.transaction("Steuer 2025")
	vogt := w.person("Vogt", "vogt@kunde.example") // has the number of a transaction, and its letter
	for i := range transaction.ShownHits {
		w.transaction(fmt.Sprintf("Steuer %d", 2010+i))
	}
	w.addProcessor(roof.ID, w.specialist("ben@kanzlei.example").ID)
	w.specialist("clara@kanzlei.example")
	anna, ben, clara := w.signedIn(), w.browser().signIn("ben@kanzlei.example", strong), w.browser().signIn("clara@kanzlei.example", strong)
	kuehn := "Kühn, Berta"
	for _, c := range []struct {
		who   string
		b     *browser
		query string
		heads []string
		names []string
		shows []string // addresses that are offered
	}{
		{"administrator", anna, "", nil, nil, nil},
		{"administrator", anna, "dachsch", []string{"1 business transaction"}, []string{"Dachschaden"}, []string{"/transactions/" + roof.ID.String()}},
		{"administrator", anna, taxes.Label(), []string{"1 business transaction"}, []string{"Steuer 2025"}, nil},
		{"administrator", anna, "K-10001", []string{"1 customer", "7 business transactions"}, []string{kuehn, "Steuer 2014", "Steuer 2013", "Steuer 2012", "Steuer 2011", "Steuer 2010"},
			[]string{"/customers/" + w.customer.String(), "/transactions?customer=K-10001"}},
		{"administrator", anna, "vogt", []string{"1 customer"}, []string{"Vogt, Änne"}, []string{"/customers/" + vogt.String()}},
		{"administrator", anna, "KUEHN dach", []string{"1 business transaction"}, []string{"Dachschaden"}, nil},
		{"administrator", anna, "steuer", []string{"6 business transactions"}, []string{"Steuer 2014", "Steuer 2013", "Steuer 2012", "Steuer 2011", "Steuer 2010"},
			[]string{"/transactions?q=steuer"}},
		{"administrator", anna, "nirgends", []string{"Nothing matches"}, nil, nil},
		{"processor of one", ben, "kühn", []string{"1 customer", "1 business transaction"}, []string{kuehn, "Dachschaden"}, []string{"/customers?q=k%C3%BChn", "/transactions?q=k%C3%BChn"}},
		{"processor of one", ben, "steuer", []string{"Nothing matches"}, nil, nil},
		{"processor of one", ben, taxes.Label(), []string{"Nothing matches"}, nil, nil},
		{"without any", clara, "dachsch", []string{"Nothing matches"}, nil, nil},
		{"without any", clara, "kühn", []string{"1 customer"}, []string{kuehn}, nil},
	} {
		address := "/search?q=" + url.QueryEscape(c.query)
		page, part := c.b.get(address), c.b.get(address, "HX-Request", "true")
		for _, a := range []answer{page, part} {
			a.want(t, http.StatusOK)
			doc := a.doc(t)
			in := doc.Find("#hits")
			if a.body == part.body {
				in = doc.Selection
			}
			assert.Equal(t, c.heads, wordsOf(in.Find("h2")), "%s finds with %q", c.who, c.query)
			assert.Equal(t, c.names, wordsOf(in.Find(".hits .name")), "%s finds with %q", c.who, c.query)
			for _, href := range c.shows {
				assert.Equal(t, 1, in.Find(fmt.Sprintf("a[href=%q]", href)).Length(), "%s with %q: no link", c.who, c.query)
			}
		}
		assert.NotContains(t, part.body, "<html", "the page, or what stands in its field, is another")
		assert.Equal(t, c.query, page.doc(t).Find("#q").AttrOr("value", ""), "the page, or what stands in its field, is another")
	}
}

// TestSearchSaysWhatIsSimilar: results that are only spelt similarly are marked as such, on screen and for screen
// readers, in both places and both languages. They are not shown if something matches.
func TestSearchSaysWhatIsSimilar(t *testing.T) {
	w := newWorld(t)
	anna := w.signedIn()
	for _, c := range []struct{ query, english, german string }{
		{"khün", "No exact match. Similar results:", "Nichts passt genau. Ähnliche Treffer:"},
		{"brta", "No exact match. Similar results:", "Nichts passt genau. Ähnliche Treffer:"},
		{"kühn", "", ""},
	} {
		for language, want := range map[string]string{"en": c.english, "de": c.german} {
			for _, path := range []string{"/search?q=", "/customers?q="} {
				page := anna.get(path+url.QueryEscape(c.query), "Accept-Language", language)
				page.want(t, http.StatusOK)
				doc := page.doc(t)
				assert.NotEqual(t, 0, doc.Find(`main a[href^="/customers/`+w.customer.String()+`"]`).Length(), "%s%s does not show her", path, c.query)
				text, said := doc.Find("main").Text(), doc.Find("main [data-say]").AttrOr("data-say", "")
				for _, any := range []string{c.english, c.german, "exact match", "Nichts passt genau"} {
					shown := want != "" && strings.Contains(want, any) && any != ""
					if any != "" && (strings.Contains(text, any) != shown || strings.Contains(said, any) != shown) {
						t.Errorf("%s%s in %s says %q, want %q", path, c.query, language, said, want)
					}
				}
			}
		}
	}
	w.transaction("Khün")
	doc := anna.get("/search?q=kh%C3%BCn").doc(t)
	assert.Zero(t, doc.Find(".hits a[href^='/customers']").Length(), "what is similar is shown beside what matches")
	assert.Equal(t, 1, doc.Find(".hits a[href^='/transactions']").Length(), "what is similar is shown beside what matches")
}

// TestSearchBesideTheOverview: the overview's own search fills its list and links to other results. If no customer
// matches, it shows the other results.
func TestSearchBesideTheOverview(t *testing.T) {
	w := newWorld(t)
	w.addProcessor(w.transaction("Dachschaden").ID, w.specialist("ben@kanzlei.example").ID)
	w.transaction("Steuer 2025")
	w.specialist("clara@kanzlei.example")
	led := func(who, query, also, href string) {
		t.Helper()
		doc := w.browser().signIn(who, strong).get("/customers?q=" + url.QueryEscape(query)).doc(t)
		link := doc.Find("#list a[href^='/transactions']")
		got := strings.TrimSpace(link.Text())
		assert.Equal(t, also, got, "%s looks for %q and is led to %q at %q", who, query, got, link.AttrOr("href", ""))
		assert.Equal(t, href, link.AttrOr("href", ""))
		said := doc.Find("#list [data-say]").AttrOr("data-say", "")
		assert.Equal(t, strings.HasSuffix(also, "transaction"), strings.HasSuffix(said, ", "+also), "%s looks for %q and hears %q", who, query, said)
	}
	for _, c := range []struct{ who, query, also, href string }{
		{adminEmail, "kühn", "Search business transactions", "/transactions?q=k%C3%BChn"},
		{adminEmail, "dachschaden", "1 business transaction", "/transactions?q=dachschaden"},
		{adminEmail, "", "", ""},
		{"ben@kanzlei.example", "kühn", "Search business transactions", "/transactions?q=k%C3%BChn"},
		{"ben@kanzlei.example", "dachschaden", "1 business transaction", "/transactions?q=dachschaden"},
		{"ben@kanzlei.example", "steuer", "", ""},
		{"clara@kanzlei.example", "dachschaden", "", ""},
	} {
		led(c.who, c.query, c.also, c.href)
	}
	w.publish(policies.Default + "\np, specialist, *, transaction, *, read, deny\n")
	led(adminEmail, "kühn", "", "")
}

// TestSearchFollowsThePolicy: a person who may not list customers finds none and gets no refusal. The search field is the
// same on every page, except where it fills a list.
func TestSearchFollowsThePolicy(t *testing.T) {
	w := newWorld(t)
	w.transaction("Dachschaden")
	w.publish(policies.Default + "\np, specialist, *, customer, *, list, deny\n")
	b := w.signedIn()
	doc := b.get("/search?q=k%C3%BChn").doc(t)
	assert.Equal(t, []string{"1 business transaction"}, wordsOf(doc.Find("#hits h2")), "who may list no customer finds")
	for path, want := range map[string][3]string{
		"/queues":          {"/search", "#found", ""},
		"/transactions":    {"/search", "#found", ""},
		"/search?q=b":      {"/search", "#hits", "true"},
		w.path() + "/data": {"/search", "#found", ""},
	} {
		doc := b.get(path).doc(t)
		field, form := doc.Find("#q"), doc.Find("form.find")
		got := [3]string{field.AttrOr("hx-get", ""), field.AttrOr("hx-target", ""), field.AttrOr("hx-push-url", "")}
		assert.Equal(t, want, got, "%s: the search asks and fills", path)
		assert.Equal(t, want[0], form.AttrOr("action", ""), path)
		assert.Equal(t, 1, doc.Find(want[1]).Length(), path)
	}
}
