package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"kontor/app/await"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// browser is a tab with cookies of its own in the Chromium that all tests share; its complaints (blocked by the CSP,
// script errors, foreign requests, questions) fail the test.
type browser struct {
	t        *testing.T
	ctx      context.Context
	profile  cdp.BrowserContextID // whose cookies the tab has
	base     string
	language string

	mu         sync.Mutex
	complaints []string
}

// chromium starts the one Chromium, with an empty profile; TestMain ends it.
var chromium = sync.OnceValues(func() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(os.Getenv("KONTOR_TEST_CHROMIUM")), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(90*time.Second))
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(alloc)
	atExit = append(atExit, func() { stop(); stopAlloc() })
	// The first Run gets the context that owns the browser. The end of a context with a timeout would end the browser.
	return ctx, chromedp.Run(ctx)
})

func openBrowser(t *testing.T, base string) *browser {
	t.Helper()
	if os.Getenv("KONTOR_TEST_CHROMIUM") == "" {
		t.Skip("KONTOR_TEST_CHROMIUM is not set")
	}
	shared, err := chromium()
	require.NoError(t, err)
	var profile cdp.BrowserContextID
	require.NoError(t, chromedp.Run(shared, chromedp.ActionFunc(func(ctx context.Context) (err error) {
		profile, err = target.CreateBrowserContext().WithDisposeOnDetach(true).Do(cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser))
		return err
	})))
	return openTab(t, base, profile)
}

// openTab opens a tab in a window of its own: a new profile has nowhere else to put it.
func openTab(t *testing.T, base string, profile cdp.BrowserContextID) *browser {
	t.Helper()
	shared, err := chromium()
	require.NoError(t, err)
	var tab target.ID
	require.NoError(t, chromedp.Run(shared, chromedp.ActionFunc(func(ctx context.Context) (err error) {
		ctx = cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser)
		tab, err = target.CreateTarget("about:blank").WithBrowserContextID(profile).WithNewWindow(true).Do(ctx)
		return err
	})))
	ctx, stop := chromedp.NewContext(shared, chromedp.WithTargetID(tab))
	t.Cleanup(stop)
	b := &browser{t: t, ctx: ctx, profile: profile, base: base}
	b.watch()
	require.NoError(t, chromedp.Run(ctx, log.Enable(), runtime.Enable(), network.Enable(), cdppage.Enable()))
	return b
}

// anotherTab is one more tab with the same cookies.
func (b *browser) anotherTab() *browser {
	b.t.Helper()
	tab := openTab(b.t, b.base, b.profile)
	tab.speak(b.language)
	return tab
}

func (b *browser) watch() {
	chromedp.ListenTarget(b.ctx, func(event any) {
		complaint := ""
		switch e := event.(type) {
		case *log.EventEntryAdded:
			// The browser logs each refused form (422, 409 and the like) as a failed resource. This is no mistake of a page.
			if e.Entry.Level == log.LevelError && e.Entry.Source != log.SourceNetwork {
				complaint = e.Entry.Text
			}
		case *runtime.EventExceptionThrown:
			complaint = e.ExceptionDetails.Error()
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, b.base) && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "about:") {
				complaint = "foreign request: " + u
			}
		case *cdppage.EventJavascriptDialogOpening:
			// A tab with an open question stops. A form with unsaved text asks before it is left, and the answer here is to leave.
			if e.Type != cdppage.DialogTypeBeforeunload {
				complaint = "question: " + e.Message
			}
			go func() { _ = chromedp.Run(b.ctx, cdppage.HandleJavaScriptDialog(true)) }() // a listener must not wait for the browser
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
	ctx, cancel := context.WithTimeout(b.ctx, 60*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		// The tab may fail to answer this, too.
		ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
		defer cancel()
		var where, body string
		_ = chromedp.Run(ctx, chromedp.Location(&where), chromedp.Evaluate(`document.body?.innerText ?? ""`, &body))
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

// waitFor waits until an expression is true of a page that is loaded: one that has only begun has its address already. New
// parts of it must be settled: for 20 ms after they appear htmx does not listen to them, and a browser types faster than
// people do.
func (b *browser) waitFor(what, expression string) {
	b.t.Helper()
	expression = `document.readyState === "complete" && !document.querySelector(".htmx-added, .htmx-settling") && (` + expression + `)`
	await.True(b.t, what, func() bool {
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
	b.resize(width)
	b.colour(scheme)
	b.speak(language)
}

func (b *browser) resize(width int64) {
	b.t.Helper()
	b.run(emulation.SetDeviceMetricsOverride(width, 900, 1, width < 600))
}

func (b *browser) colour(scheme string) {
	b.t.Helper()
	b.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}

func (b *browser) speak(language string) {
	b.t.Helper()
	b.language = language
	b.run(network.SetExtraHTTPHeaders(network.Headers{"Accept-Language": language}))
}

// in is a text in the language that this person reads.
func (b *browser) in(english, german string) string {
	if b.language == "de" {
		return german
	}
	return english
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
	b.press(b.in("Sign in", "Anmelden"))
	b.waitFor("being signed in", `!location.pathname.startsWith("/login")`)
}

// TestBrowserJourney is the main job as two people see it. The specialist user's page shows Registered without being
// reloaded, while the end user registers on a phone.
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
	reader.signIn("admin@kontor.local", p.Password)
	link := linkIn(t, reader.received("email", "joerg@kunde.example").Text)
	code := codeIn(t, reader.received("sms", "+4915123456789").Text)
	end := openBrowser(t, p.URL)
	end.look(360, "light", "en")
	end.visit(link)
	end.typeInto("code", code)
	end.typeInto("password", goodPassword)
	end.typeInto("password_repeat", goodPassword)
	end.press("Register")
	end.waitFor("the portal", `location.pathname === "/portal"`)
	end.waitText("Jörg O'Brien")
	end.wantFits("just registered", 360)
	end.resize(1024)
	end.wantFits("just registered", 1024)

	firm.waitText("Registered")
	var same bool
	firm.eval(`window.stillHere === true`, &same)
	assert.True(t, same, "the page was loaded anew")
	var polls bool
	firm.waitFor("the page to stop asking", `!document.querySelector("main [hx-trigger*=every]")`)
	firm.eval(`!!document.querySelector("main [hx-trigger*=every]")`, &polls)
	assert.False(t, polls, "the page goes on asking although everything is settled")

	// The search during typing changes the address and the table, and does not load the page again.
	firm.visit("/customers")
	firm.eval(`(window.stillHere = true)`, nil)
	firm.run(chromedp.SendKeys("#q", "obrien", chromedp.ByQuery))
	firm.waitFor("the search in the address", `location.search.includes("q=obrien") && window.stillHere`)
	firm.waitText("O'Brien")
	firm.eval(`(document.querySelector("#q").value = "")`, nil)
	firm.run(chromedp.SendKeys("#q", "zzzzz", chromedp.ByQuery))
	firm.waitFor("nothing found", `!document.querySelector("main").innerText.includes("O'Brien")`)

	// With unsaved changes, the browser asks before the page is left.
	firm.visit("/customers/new?type=company")
	firm.typeInto("company_name", "Hafen AG")
	var warns bool
	firm.eval(`!window.dispatchEvent(new Event("beforeunload", {cancelable: true}))`, &warns)
	assert.True(t, warns, "leaving a changed form does not warn")
	firm.quiet()
	end.quiet()
}
