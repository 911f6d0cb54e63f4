package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/internal/web/kit"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// behindCable is a world whose PostgreSQL database is behind a cable, and the same database directly.
func behindCable(t *testing.T) (w *world, direct *store.DB, cable *storetest.Cable) {
	t.Helper()
	direct = storetest.Postgres(t)
	u, err := url.Parse(os.Getenv("KONTOR_TEST_POSTGRES"))
	must(t, err)
	must(t, direct.NewRaw("SELECT current_database()").Scan(context.Background(), &u.Path))
	cable = storetest.Through(t, u.String())
	db, err := store.Open(context.Background(), cable.URL)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return newWorldOn(t, db), direct, cable
}

func exec(t *testing.T, db *store.DB, statement string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(context.Background(), statement, args...)
	must(t, err)
}

// TestOutages: for every kind of database outage, readiness and the page say what is wrong, in both languages. The page
// contains the typed values, and sending it works when the outage is over, which the program notices by itself. Pages
// that only read still work if reading is possible.
func TestOutages(t *testing.T) {
	for name, c := range map[string]struct {
		begin  func(t *testing.T) (w *world, begin, end func())
		ready  string
		en, de string
		reads  bool
	}{
		"PostgreSQL is gone": {begin: func(t *testing.T) (*world, func(), func()) {
			w, _, cable := behindCable(t)
			return w, cable.Pull, cable.Plug
		}, ready: "does not answer", en: "The database isn't responding", de: "Die Datenbank antwortet gerade nicht"},
		"PostgreSQL takes no more connections": {begin: func(t *testing.T) (*world, func(), func()) {
			w, _, cable := behindCable(t)
			return w, cable.Refuse, cable.Plug
		}, ready: "takes no more connections", en: "isn't accepting any more connections", de: "nimmt gerade keine weiteren Verbindungen an"},
		"PostgreSQL can be read only": {begin: func(t *testing.T) (*world, func(), func()) {
			w, direct, cable := behindCable(t)
			var name string
			must(t, direct.NewRaw("SELECT current_database()").Scan(context.Background(), &name))
			set := func(to string) func() {
				return func() {
					exec(t, direct, fmt.Sprintf("BEGIN; SET LOCAL transaction_read_only = off; ALTER DATABASE %s SET default_transaction_read_only = %s; COMMIT", name, to))
					cable.Cut()
				}
			}
			return w, set("on"), set("off")
		}, ready: "can be read only", en: "is read-only right now", de: "ist gerade schreibgeschützt", reads: true},
		"SQLite can be read only": {begin: func(t *testing.T) (*world, func(), func()) {
			w := newWorld(t)
			w.DB.SetMaxOpenConns(1)
			return w, func() { exec(t, w.DB, "PRAGMA query_only = 1") }, func() { exec(t, w.DB, "PRAGMA query_only = 0") }
		}, ready: "can be read only", en: "is read-only right now", de: "ist gerade schreibgeschützt", reads: true},
		"SQLite's disk is full": {begin: func(t *testing.T) (*world, func(), func()) {
			w := newWorld(t)
			w.DB.SetMaxOpenConns(1)
			return w, func() { exec(t, w.DB, "PRAGMA max_page_count = 1") }, func() { exec(t, w.DB, "PRAGMA max_page_count = 1000000") }
		}, ready: "has no room left on its disk", en: "disk is full", de: "Datenträger der Datenbank ist voll", reads: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, begin, end := c.begin(t)
			b := w.signedIn()
			token := b.token()
			b.get("/readyz").want(t, http.StatusOK)
			before := count(t, w.DB)
			begin()
			note := strings.Repeat("Typed at length. ", 3000) // more than the free pages of the file can hold
			form := url.Values{
				kit.CSRFField: {token}, "type": {"person"}, "first_name": {"Zoë <b>"}, "email": {"zoe@kunde.example"}, "last_name": {"Österberg"}, "city": {"Kiel"},
				"country": {"DE"}, "mobile": {""}, "locale": {"de"}, "note": {note[:3990]}, "submission": {"0193512f-0000-7000-8000-000000000001"},
			}
			if c.ready == "has no room left on its disk" { // a small row may find room
				fillUp(w.DB)
			}
			for language, said := range map[string]string{"en": c.en, "de": c.de} {
				b.language = language
				a := b.do(http.MethodPost, "/customers", form)
				a.want(t, http.StatusServiceUnavailable, said)
				assert.NotEmpty(t, a.Header.Get("Retry-After"), "does not say when to try again")
				got := shown(t, a)
				assert.Equal(t, "/customers", got.path, "the page has %v for %q", got.form, got.path)
				assert.True(t, sameForm(got.form, form), "want what was typed: %v", form)
			}
			b.language = "en"
			a := b.get("/readyz")
			assert.Equal(t, http.StatusServiceUnavailable, a.StatusCode, "readiness")
			assert.Contains(t, a.body, `"database":"`+c.ready+`"`, "readiness")
			b.get("/healthz").want(t, http.StatusOK)
			if c.reads {
				w.Tick(2 * time.Minute) // the session's last use is to be noted
				b.get("/customers").want(t, http.StatusOK, "Kühn")
			}
			// Text that another site sent is not shown on the page.
			foreign := b.do(http.MethodPost, "/customers", url.Values{kit.CSRFField: {"made up"}, "first_name": {"Mallory"}})
			assert.NotContains(t, foreign.body, "Mallory", "shows what came from nowhere")
			// A password is never shown.
			secret := b.do(http.MethodPost, "/login", url.Values{kit.CSRFField: {token}, "login": {adminEmail}, "password": {"Geheim-Wort-7"}})
			assert.NotContains(t, secret.body, "Geheim-Wort-7", "a password stands on the page")
			end()
			await.True(t, "readiness", func() bool { return b.get("/readyz").StatusCode == http.StatusOK })
			assert.Equal(t, before, count(t, w.DB), "customers")
			a = b.do(http.MethodPost, "/customers", form)
			require.Equal(t, http.StatusSeeOther, a.StatusCode, "sending it again: %s", a.text())
			assert.Equal(t, before+1, count(t, w.DB), "customers")
		})
	}
}

func count(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	must(t, db.NewRaw("SELECT count(*) FROM customer").Scan(context.Background(), &n))
	return n
}

// fillUp takes what room there is in an SQLite file.
func fillUp(db *store.DB) {
	for size := 1 << 20; size > 0; size /= 2 {
		for range 50 {
			if _, err := db.ExecContext(context.Background(), "INSERT INTO counter (name, value) VALUES (hex(randomblob(8)) || hex(zeroblob(?)), 1)", size/2); err != nil {
				break
			}
		}
	}
}

type sentForm struct {
	path string
	form url.Values
}

// shown is the form in an answer, as a browser would send it.
func shown(t *testing.T, a answer) sentForm {
	t.Helper()
	form := a.doc(t).Find("form.sheet[method=post]")
	f := sentForm{path: form.AttrOr("action", ""), form: url.Values{}}
	form.Find("input, textarea").Each(func(_ int, field *goquery.Selection) {
		f.form.Add(field.AttrOr("name", ""), field.AttrOr("value", field.Text()))
	})
	return f
}

func sameForm(a, b url.Values) bool {
	if len(a) != len(b) {
		return false
	}
	for name := range a {
		if !slices.Equal(a[name], b[name]) {
			return false
		}
	}
	return true
}
