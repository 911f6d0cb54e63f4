package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a Chromium with an empty profile; its complaints (blocked by the CSP, script errors, foreign requests) fail the test.
type browser struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu         sync.Mutex
	complaints []string
}

func openBrowser(t *testing.T, base string) *browser {
	t.Helper()
	path := os.Getenv("KONTOR_TEST_CHROMIUM")
	if path == "" {
		t.Skip("KONTOR_TEST_CHROMIUM is not set")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(90*time.Second))
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(func() { stop(); stopAlloc() })
	b := &browser{t: t, ctx: ctx, base: base}
	b.watch(ctx)
	b.run(log.Enable(), runtime.Enable(), network.Enable())
	return b
}

func (b *browser) watch(ctx context.Context) {
	chromedp.ListenTarget(ctx, func(event any) {
		complaint := ""
		switch e := event.(type) {
		case *log.EventEntryAdded:
			// A refused form (422, 409 …) is logged as a failed resource; that is the browser's habit, not a mistake.
			if e.Entry.Level == log.LevelError && e.Entry.Source != log.SourceNetwork {
				complaint = e.Entry.Text
			}
		case *runtime.EventExceptionThrown:
			complaint = e.ExceptionDetails.Error()
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, b.base) && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "about:") {
				complaint = "foreign request: " + u
			}
		}
		if complaint != "" {
			b.mu.Lock()
			b.complaints = append(b.complaints, complaint)
			b.mu.Unlock()
		}
	})
}

func (b *browser) run(actions ...chromedp.Action) {
	b.t.Helper()
	// The first Run must get the context that owns the browser: one with a timeout would take the browser along.
	if chromedp.FromContext(b.ctx).Target == nil {
		if err := chromedp.Run(b.ctx); err != nil {
			b.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(b.ctx, 60*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		var where, body string
		_ = chromedp.Run(b.ctx, chromedp.Location(&where), chromedp.Text("body", &body, chromedp.ByQuery))
		b.t.Fatalf("in the browser, at %s: %v\n%s", where, err, body)
	}
}

func (b *browser) visit(path string) {
	b.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = b.base + path
	}
	b.run(chromedp.Navigate(path), chromedp.WaitReady("main"))
}

func (b *browser) eval(expression string, result any) {
	b.t.Helper()
	b.run(chromedp.Evaluate(expression, result, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
}

func (b *browser) typeInto(name, text string) {
	b.t.Helper()
	b.run(chromedp.SendKeys(fmt.Sprintf(`main form [name=%q]`, name), text, chromedp.ByQuery, chromedp.NodeVisible))
}

func (b *browser) press(button string) {
	b.t.Helper()
	b.run(chromedp.Click(fmt.Sprintf(`//button[normalize-space()=%q] | //a[normalize-space()=%q]`, button, button), chromedp.BySearch, chromedp.NodeVisible))
}

func (b *browser) waitFor(what, expression string) {
	b.t.Helper()
	eventually(b.t, what, func() bool {
		var ok bool
		ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
		defer cancel()
		return chromedp.Run(ctx, chromedp.Evaluate(expression, &ok)) == nil && ok
	})
}

func (b *browser) waitText(text string) {
	b.t.Helper()
	b.waitFor(fmt.Sprintf("%q on the page", text), fmt.Sprintf(`document.querySelector("main")?.innerText.includes(%q) ?? false`, text))
}

// look sets how this person sees the page.
func (b *browser) look(width int64, scheme, language string) {
	b.t.Helper()
	b.run(
		emulation.SetDeviceMetricsOverride(width, 900, 1, width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		network.SetExtraHTTPHeaders(network.Headers{"Accept-Language": language}),
	)
}

func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser complains: %s", c)
	}
	b.complaints = nil
}

func (b *browser) signIn(login, password string) {
	b.t.Helper()
	b.visit("/login")
	b.typeInto("login", login)
	b.typeInto("password", password)
	b.press("Sign in")
	b.waitFor("being signed in", `!location.pathname.startsWith("/login")`)
}

// TestBrowserJourney is the main job as two people see it: the specialist user's page shows Registered without being
// loaded anew, while the end user registers on a phone.
func TestBrowserJourney(t *testing.T) {
	p := boot(t, nil)
	firm := openBrowser(t, p.URL)
	firm.look(1440, "light", "en")
	firm.signIn("admin@kontor.local", p.Password)
	firm.press("Add customer")
	firm.waitFor("the form", `!!document.querySelector("[name=email]")`)
	firm.typeInto("first_name", "Jörg")
	firm.typeInto("last_name", "O'Brien")
	firm.typeInto("email", "joerg@kunde.example")
	firm.typeInto("mobile", "0151 23456789")
	firm.press("Save")
	firm.waitFor("the authorisations page", `location.pathname.endsWith("/authorisations")`)
	firm.waitText("Invited")
	firm.eval(`(window.stillHere = true)`, nil)

	reader := visitor(t, p.URL)
	link := linkIn(t, reader.received("email", "joerg@kunde.example").Text)
	code := codeIn(t, reader.received("sms", "+4915123456789").Text)
	end := openBrowser(t, p.URL)
	end.look(360, "light", "en")
	end.visit(link)
	end.typeInto("code", code)
	end.typeInto("password", goodPassword)
	end.typeInto("password_repeat", goodPassword)
	end.press("Register")
	end.waitFor("the sign-in page", `location.pathname === "/login"`)
	end.waitFor("the username filled in", `document.querySelector("[name=login]").value === "joerg@kunde.example"`)
	end.typeInto("password", goodPassword)
	end.press("Sign in")
	end.waitFor("the portal", `location.pathname === "/portal"`)
	end.waitText("Jörg O'Brien")

	firm.waitText("Registered")
	var same bool
	firm.eval(`window.stillHere === true`, &same)
	if !same {
		t.Error("the page was loaded anew")
	}
	var polls bool
	firm.waitFor("the page to stop asking", `!document.querySelector("main [hx-trigger*=every]")`)
	firm.eval(`!!document.querySelector("main [hx-trigger*=every]")`, &polls)
	if polls {
		t.Error("the page goes on asking although everything is settled")
	}

	// Search as you type changes the address and the table, not the page.
	firm.visit("/customers")
	firm.eval(`(window.stillHere = true)`, nil)
	firm.run(chromedp.SendKeys("#q", "obrien", chromedp.ByQuery))
	firm.waitFor("the search in the address", `location.search.includes("q=obrien") && window.stillHere`)
	firm.waitText("O'Brien")
	firm.eval(`(document.querySelector("#q").value = "")`, nil)
	firm.run(chromedp.SendKeys("#q", "zzzzz", chromedp.ByQuery))
	firm.waitFor("nothing found", `!document.querySelector("main").innerText.includes("O'Brien")`)

	// Unsaved changes warn: the browser asks before leaving.
	firm.visit("/customers/new?type=company")
	firm.typeInto("company_name", "Hafen AG")
	var warns bool
	firm.eval(`!window.dispatchEvent(new Event("beforeunload", {cancelable: true}))`, &warns)
	if !warns {
		t.Error("leaving a changed form does not warn")
	}
	firm.quiet()
	end.quiet()
}

// TestAccessible runs axe on every screen, light and dark, German and English, wide and on a phone; no screen scrolls
// sideways, loads anything foreign, or breaks the content security policy (S21).
func TestAccessible(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1", "FIRM_NAME": "Steuerkanzlei Lindner"})
	b := openBrowser(t, p.URL)
	axe, err := os.ReadFile("testdata/third_party/axe-4.14.1.min.js")
	if err != nil {
		t.Fatal(err)
	}
	b.look(1440, "light", "en")
	b.visit("/login")
	outside := []string{"/login", "/password/forgotten", "/register/" + strings.Repeat("A", 43), registered(t, p, "jens@kunde.example"), invited(t, p, "anja@kunde.example")}
	b.signIn("admin@kontor.local", p.Password)
	inside := insidePages(t, b)
	check := func(path string) {
		for _, width := range []int64{1440, 360} {
			for _, scheme := range []string{"light", "dark"} {
				for _, language := range []string{"en", "de"} {
					t.Run(fmt.Sprintf("%s %d %s %s", path, width, scheme, language), func(t *testing.T) {
						defer func(outer *testing.T) { b.t = outer }(b.t)
						b.t = t
						b.look(width, scheme, language)
						b.visit(path)
						if strings.HasSuffix(path, "#mistakes") {
							b.press(map[string]string{"en": "Save", "de": "Speichern"}[language])
							b.waitFor("the complaints", `document.activeElement?.id === "summary"`)
						}
						b.eval(string(axe)+";0", nil)
						var found []string
						b.eval(`axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r =>
							r.violations.map(v => v.id + ": " + v.help + " " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + " " + (n.any[0]?.message ?? "")).join(" | ")))`, &found)
						for _, f := range found {
							t.Error(f)
						}
						var sideways int
						b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &sideways)
						if sideways > 0 {
							t.Errorf("the page scrolls sideways by %d px", sideways)
						}
						b.quiet()
						b.picture(path, width, scheme, language)
					})
				}
			}
		}
	}
	for _, path := range inside {
		check(path)
	}
	b.run(network.ClearBrowserCookies())
	for _, path := range outside {
		check(path)
	}
	b.look(1440, "light", "en")
	b.signIn("jens@kunde.example", goodPassword)
	for _, path := range []string{"/portal", "/account", "/customers"} {
		check(path)
	}
}

// invited adds a customer with a mobile number and returns the registration link that the end user gets.
func invited(t *testing.T, p *program, email string) string {
	t.Helper()
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	firm.get("/customers/new?type=person").send("Save", map[string]string{
		"first_name": "Änne", "last_name": "Groß-Öhlmann", "email": email, "mobile": "0151 23456789",
	}).shows("Invited")
	return strings.TrimPrefix(linkIn(t, firm.received("email", email).Text), p.URL)
}

// registered is invited and registered; the link returned is used up.
func registered(t *testing.T, p *program, email string) string {
	t.Helper()
	link := invited(t, p, email)
	end := visitor(t, p.URL)
	var code string
	eventually(t, "the code", func() bool { // the newest SMS to the one number is this invitation's
		code = codeIn(t, end.received("sms", "+4915123456789").Text)
		answer := end.get(link).send("Register", map[string]string{"code": code, "password": goodPassword, "password_repeat": goodPassword})
		return answer.URL.Path == "/login"
	})
	return link
}

// picture saves what the screen looks like, for people to look at, when KONTOR_TEST_SCREENSHOTS names a folder.
func (b *browser) picture(path string, width int64, scheme, language string) {
	b.t.Helper()
	dir := os.Getenv("KONTOR_TEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	var png []byte
	b.run(chromedp.FullScreenshot(&png, 100))
	name := strings.NewReplacer("/", "_", "?", "_", "=", "_", "#", "_").Replace(strings.TrimPrefix(uuidText.ReplaceAllString(path, "id"), "/"))
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s-%s.png", name, width, scheme, language)), png, 0o600); err != nil {
		b.t.Error(err)
	}
}

var uuidText = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Za-z0-9_-]{43}`)

// insidePages lists one address of every screen a specialist user has, found by following links.
func insidePages(t *testing.T, b *browser) []string {
	t.Helper()
	b.visit("/customers?q=muller+sohne")
	var customer string
	b.eval(`document.querySelector("main table a[href^='/customers/']").getAttribute("href")`, &customer)
	u, err := url.Parse(customer)
	if err != nil {
		t.Fatal(err)
	}
	base := strings.Join(strings.Split(u.Path, "/")[:3], "/")
	b.visit("/specialists")
	var specialist string
	b.eval(`document.querySelector("main table a[href^='/specialists/']").getAttribute("href")`, &specialist)
	b.visit(base + "/authorisations")
	var access string
	b.eval(`document.querySelector("main a[href*='/accesses/']:not([href$='/new'])")?.getAttribute("href") ?? ""`, &access)
	pages := []string{
		"/customers", "/customers?status=attention", "/customers?q=zzzzz", "/customers/new", "/customers/new?type=company", "/customers/new#mistakes",
		base + "/data", base + "/authorisations", base + "/deliveries", base + "/log", base + "/delete", base + "/accesses/new",
		"/specialists", "/specialists/new", specialist, "/account", "/audit", "/queues", "/mailbox", "/no-such-page",
	}
	if access != "" {
		pages = append(pages, access)
	}
	return pages
}
