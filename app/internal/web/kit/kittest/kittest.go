// Package kittest renders pages in tests, with the data that a handler would pass.
package kittest

import (
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/firm"
	"kontor/app/internal/web/client"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/static"
	"kontor/app/lang"
	"kontor/app/secret"
	"kontor/policies"
	"kontor/views"
)

// New makes a kit with Kontor's pages and texts, and without services.
func New(t testing.TB) *kit.Kit {
	t.Helper()
	files, err := static.Load(views.Static())
	must(t, err)
	key, err := secret.NewKey([]byte(strings.Repeat("k", 32)))
	must(t, err)
	policy, err := policies.New(policies.Default)
	must(t, err)
	k, err := kit.New(kit.Options{
		Pages: views.Pages(), Locales: views.Locales(), Static: files, Decider: policy, Key: key, Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Clients: client.New(nil, false, slog.New(slog.DiscardHandler)),
		BaseURL: &url.URL{Scheme: "https", Host: "kontor.example"}, Firm: firm.New(firm.Options{Start: firm.Start{Name: "Kanzlei", Locale: lang.English}}).Profile, Zone: time.UTC,
	})
	must(t, err)
	return k
}

// missing matches a text id that is shown instead of its text.
var missing = regexp.MustCompile(`\b(?:fault|status|audit|nav|register|account|specialist|session|queue|task_state|mailbox|portal|role|role_hint|link|field|count|reason|problem|attention|attention_hint|attention_reason|handover|deputy|deputy_state|deactivate|assignments|people|password|sign_in|forgotten|empty|page|preference)\.[a-z_]+(?:\.[a-z_]+)*\b`)

// Render renders each page of a folder of views with each of its samples, in every language and in both frames. It fails
// on an error and on a missing text. Each template of the folder must have samples or be included by another template.
func Render(t *testing.T, folder string, samples map[string][]any) {
	t.Helper()
	k := New(t)
	var v kit.View
	app := fiber.New()
	app.Get("/", func(c *fiber.Ctx) error {
		if !v.SingleColumn {
			kit.SetSigned(c, &account.Signed{})
		}
		return k.Render(c, v)
	})
	for page, models := range samples {
		for i, model := range models {
			for _, locale := range lang.All {
				v = kit.View{Page: page, Title: "T", SingleColumn: i%2 == 0, Data: model}
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
				r.Header.Set("Accept-Language", locale)
				res, err := app.Test(r, 10_000)
				must(t, err)
				body, err := io.ReadAll(res.Body)
				must(t, err)
				must(t, res.Body.Close())
				if res.StatusCode != http.StatusOK {
					t.Errorf("%s %d in %s: %s", page, i, locale, body)
					continue
				}
				doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(body)))
				must(t, err)
				said := strings.Join(strings.Fields(doc.Text()), " ")
				for _, id := range missing.FindAllString(said, -1) {
					t.Errorf("%s %d in %s shows the text id %s", page, i, locale, id)
				}
				if strings.Contains(said, "<no value>") || strings.Contains(said, "%!") {
					t.Errorf("%s %d in %s: a placeholder is empty: %s", page, i, locale, said)
				}
			}
		}
	}
	included := includedTemplates(t)
	files, err := fs.Glob(views.Pages(), folder+"/*.html")
	must(t, err)
	if len(files) == 0 {
		t.Errorf("no template in %s", folder)
	}
	for _, file := range files {
		if name := strings.TrimSuffix(file, ".html"); samples[name] == nil && !included[name] {
			t.Errorf("%s is neither rendered by a test nor part of a page", name)
		}
	}
}

// includedTemplates are the templates that other templates include. The frame is part of every page.
func includedTemplates(t *testing.T) map[string]bool {
	t.Helper()
	included := map[string]bool{"shell/page": true}
	calls := regexp.MustCompile(`{{-?\s*(?:template|fragments) "([^"]+)"`)
	must(t, fs.WalkDir(views.Pages(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".html") {
			return err
		}
		raw, err := fs.ReadFile(views.Pages(), name)
		for _, m := range calls.FindAllStringSubmatch(string(raw), -1) {
			included[m[1]] = true
		}
		return err
	}))
	return included
}

// Wrong is a form with a complaint about each of these fields, and one about the form as a whole.
func Wrong(fields ...string) *kit.Form {
	f := kit.NewForm(map[string]string{"login": "x", "locale": "de", "name": `<b>"`})
	f.Message = "m"
	for _, field := range fields {
		f.Reject(field, "w")
	}
	return f
}

// Fresh is an empty form.
func Fresh() *kit.Form { return kit.NewForm(map[string]string{}) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
