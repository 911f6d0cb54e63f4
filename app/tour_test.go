package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/store/storetest"
)

// TestTour: in the demo a tour leads to what the firm has done, and each of its steps opens and shows it, on both databases
// and in both languages. A second start of the demo has it, too. Without the demo there is no tour, nor where the database
// is another firm's.
func TestTour(t *testing.T) {
	shows := map[string]string{
		"bounced": "Ursula Hoffmann", "orphan": "Renate Schmitt", "approval": "Małgorzata Nowak", "views": "Überfällig", "import": "3",
		"bulk": "4", "history": "Ole Thomsen hat das Unternehmen verlassen", "policy": "import", "deputy": "Thomas Brandt", "deleted": "K-1004",
	}
	data := t.TempDir()
	for name, settings := range map[string]map[string]string{
		"SQLite":     {"DATA_DIR": data},
		"PostgreSQL": {"DATABASE_URL": storetest.PostgresURL(t), "WORKER": "embedded", "MAILBOX": "on", "SECRET_KEY": productionKey},
	} {
		t.Run(name, func(t *testing.T) {
			settings["DEMO"], settings["ADMIN_EMAIL"], settings["ADMIN_PASSWORD"] = "1", "admin@kontor.local", goodPassword
			p := boot(t, settings)
			for language, word := range map[string]string{"en": "Tour", "de": "Rundgang"} {
				v := visitor(t, p.URL)
				v.lang = language
				v.get("/login").send(map[string]string{"en": "Sign in", "de": "Anmelden"}[language], map[string]string{"login": "admin@kontor.local", "password": goodPassword})
				tour := v.get("/tour").is(http.StatusOK, "/tour")
				assert.Contains(t, tour.text("nav"), word)
				var seen []string
				tour.Find(".tour li").Each(func(_ int, li *goquery.Selection) {
					step := strings.TrimPrefix(li.Find("p").AttrOr("id", ""), "s-")
					seen = append(seen, step)
					assert.NotContains(t, li.Text(), "tour", "a text is missing")
					v.get(li.Find("a").AttrOr("href", "")).is(http.StatusOK, "").shows(shows[step])
				})
				assert.ElementsMatch(t, []string{"bounced", "orphan", "approval", "views", "import", "bulk", "history", "policy", "deputy", "deleted"}, seen)
			}
		})
	}
}

// TestNoTour: see TestTour.
func TestNoTour(t *testing.T) {
	data := t.TempDir()
	own := func(demo string) *someone {
		p := boot(t, map[string]string{"DATA_DIR": data, "DEMO": demo, "ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword})
		v := visitor(t, p.URL)
		v.signIn("admin@kontor.local", goodPassword)
		return v
	}
	v := own("")
	v.get("/tour").is(http.StatusNotFound, "")
	v.get("/customers").hides(`href="/tour"`, "Lindner")
	v.get("/customers/new?type=person").send("Save", map[string]string{"first_name": "Änne", "last_name": "Kühn", "email": "aenne@kunde.example"})
	v = own("1")
	v.get("/tour").is(http.StatusNotFound, "")
	page := v.get("/customers").hides(`href="/tour"`)
	require.Contains(t, page.text("main"), "Kühn")
}
