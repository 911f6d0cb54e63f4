package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kontor/app/effort"

	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// screens are the addresses of every screen, by who sees them. {customer} and the like stand for what addresses found;
// after a # stands what the person does there first, see doings.
var screens = []struct {
	who   string
	paths []string
}{
	{"specialist", []string{
		"/customers", "/customers?status=attention", "/customers?q=zzzzz", "/customers/new", "/customers/new?type=company", "/customers/import", "/customers/new#mistakes", "/customers/new#known",
		"{customer}/data", "{customer}/authorisations", "{customer}/deliveries", "{customer}/log", "{customer}/history", "{customer}/history?q=zzzzz", "{customer}/delete", "{customer}/accesses/new",
		"/transactions", "/transactions?q=zzzzz", "/transactions?due=overdue", "{transaction}", "{transaction}/edit", "{transaction}/log",
		"{customer}/transactions", "{own}/transactions", "{own}/transactions/new", "{own}/transactions/new#mistakes", "/transaction-kinds", "/transaction-kinds/contract",
		"/templates", "/templates?q=zzzzz", "/templates/new", "/templates/import", "/templates/gallery", "/templates/gallery/de/tax_income_return", "{template}", "{template}/preview", "{template}/settings", "{template}/versions", "{template}/versions/1", "{template}/elements/1", "{template}/elements/2",
		"{access}", "/specialists", "/specialists/new", "{specialist}", "/account",
		"/attention", "/attention#ticked", "/attention#looking", "/search", "/search?q=an", "/search?q=zzzzz", "{colleague}", "{colleague}/deactivate", "{colleague}/deputies", "{colleague}/deputies#named",
		"{colleague}/handover?mode=move&to={other}", "{handover}", "/audit", "/audit?q=zzzzz", "/audit?who=nobody&what=people", "/queues", "/mailbox", "/firm", "/firm/sign-in", "/firm/defaults", "/firm/holidays", "/firm/phrases", "/no-such-page",
		"{customer}/authorisations#selection", "{customer}/authorisations#why", "{customer}/authorisations/matrix#why", "{customer}/administrators", "{customer}/processors#nothing chosen", "{customer}/authorisations/matrix",
		"{why}", "{transaction}/people", "{specialist}/sees",
		"/policies/draft#rule", "/policies", "/policies/draft", "/policies/draft/text", "/policies/expectations/new", "/policies/expectations/new?role=person&object=transaction&action=read", "/policies/versions",
		"/policies/versions/1", "/approvals", "/bulk", "/tour",
		"/customers#keys", "/customers#palette", "/customers#person's menu", "/customers#navigation", "{customer}/log#looking", "{customer}/deliveries#timelines",
		"{customer}/authorisations#why twice", "{own}/authorisations#timelines", "{own}/authorisations#removed", "{own}/data#conflict",
	}},
	{"nobody", []string{
		"/login", "/password/forgotten", "/register/" + strings.Repeat("A", 43), "{used link}", "{link}", "{reset}",
		"/login#sent empty", "/password/forgotten#sent empty", "{link}#sent empty", "{reset}#sent empty",
	}},
	{"end user", []string{"/portal", "{own transaction}", "/account", "/account#saved", "/customers"}},
}

// TestAccessible opens every screen, in every state that a person can open, in both languages. It checks that axe finds
// nothing (on a phone, a tablet and a wide window, light and dark), that nothing is cut off or out of reach at any width,
// that the screen prints completely on light paper, and that no page loads anything from other sites or violates the
// content security policy (S21). Each screen is loaded once in each language, in a tab for each; colour scheme and width
// change without reloading, as when a person turns the phone. The test takes a random sample: each screen in one of the
// languages, in some widths and schemes. KONTOR_TEST_FULL=1 tests everything. KONTOR_TEST_SEED repeats a sample.
func TestAccessible(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1", "FIRM_NAME": "Steuerkanzlei Lindner"})
	seed := effort.Seed(t)
	for _, language := range []string{"en", "de"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			b := openBrowser(t, p.URL)
			b.bringAxe()
			b.look(1440, "light", language)
			endUser := "jens." + language + "@kunde.example"
			places := addresses(t, p, language, endUser)
			for _, s := range screens {
				b.run(network.ClearBrowserCookies())
				switch s.who {
				case "specialist":
					b.signIn("admin@kontor.local", p.Password)
				case "end user":
					b.signIn(endUser, goodPassword)
				}
				for _, path := range s.paths {
					if !inLanguage(seed, path, language) {
						continue
					}
					t.Run(strings.Trim(strings.ReplaceAll(path, "/", " "), " "), func(t *testing.T) {
						defer func(outer *testing.T) { b.t = outer }(b.t)
						b.t = t
						name := s.who + " " + path
						b.inspect(name, places.Replace(path), chooseLooks(seed, language+" "+name))
					})
				}
			}
		})
	}
}

// bringAxe puts axe into every page before its own scripts.
func (b *browser) bringAxe() {
	b.t.Helper()
	axe, err := os.ReadFile("testdata/third_party/axe-4.14.1.min.js")
	require.NoError(b.t, err)
	b.run(chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := cdppage.AddScriptToEvaluateOnNewDocument(string(axe)).Do(ctx)
		return err
	}))
}

func (b *browser) inspect(name, path string, at looks) {
	b.t.Helper()
	address, do, _ := strings.Cut(path, "#")
	opened := doings[do]
	b.look(opened.startAt(), "light", b.language)
	b.visit(address)
	if opened.do != nil {
		opened.do(b)
	}
	var language string
	if b.eval(`document.documentElement.lang`, &language); language != b.language {
		b.t.Errorf("the page speaks %q", language)
	}
	for _, width := range widths {
		schemes, chosen := at.widths[width]
		if !chosen || opened.upTo > 0 && width > opened.upTo {
			continue
		}
		b.resize(width)
		b.wantFits(name, width)
		for _, scheme := range schemes {
			b.colour(scheme)
			var found []string
			b.eval(violations, &found)
			for _, f := range found {
				b.t.Errorf("%d %s: %s", width, scheme, f)
			}
			b.picture(name, width, scheme)
		}
	}
	if at.paper {
		b.wantPrints(name)
	}
	b.quiet()
}

// violations are what axe finds. Of the table of policies it looks at the rows of two objects, as the others are alike, and all of them take
// it several times as long as any other page. Colours that are on their way to those of another scheme are there at once. What a list
// of results or a menu lies on while it is open is not too small for being half behind it.
const violations = `(() => {
	document.getAnimations().filter(a => a instanceof CSSTransition).forEach(a => a.finish());
	const list = document.querySelector("#found:has(section), .person[open] .menu")?.getBoundingClientRect();
	const behind = target => {
		const el = document.querySelector(target), box = el.getBoundingClientRect();
		return list && !el.closest("#found, .menu") && box.left < list.right && box.right > list.left && box.top < list.bottom && box.bottom > list.top;
	};
	return axe.run({exclude: ["#glance tbody:nth-of-type(n+3)"]}, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r =>
		r.violations.map(v => v.id === "target-size" ? {...v, nodes: v.nodes.filter(n => !behind(n.target[0]))} : v).filter(v => v.nodes.length).map(v => v.id + ": " + v.help + " " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + " " + (n.any[0]?.message ?? "")).join(" | ")));
})()`

// addresses are what stands for {customer} and the like, found by following links, and the links of two invitations.
func addresses(t *testing.T, p *program, language, endUser string) *strings.Replacer {
	t.Helper()
	firm := visitor(t, p.URL)
	firm.signIn("admin@kontor.local", p.Password)
	first := func(page *page, selector string) string {
		address, found := page.Find(selector).Attr("href")
		require.True(t, found, "%s has no %s: %s", page.URL, selector, page.text("main"))
		return address
	}
	path, _, _ := strings.Cut(first(firm.get("/customers?q=muller+sohne"), "main table a[href^='/customers/']"), "?")
	customer := strings.Join(strings.Split(path, "/")[:3], "/")
	people := firm.get("/specialists")
	colleague := first(people, "main table tbody tr:nth-child(2) a[href^='/specialists/']")
	other := strings.TrimPrefix(first(people, "main table tbody tr:nth-child(3) a[href^='/specialists/']"), "/specialists/")
	handover := firm.get(colleague+"/handover?mode=copy&to="+other).send("Copy assignments", nil).URL.Path
	mobile := map[string]string{"en": "+491512345671", "de": "+491512345672"}[language]
	usedLink := firm.registered(endUser, language, mobile+"1")
	theirs, _, _ := strings.Cut(first(firm.get("/customers?q="+endUser), "main table a[href^='/customers/']"), "/data")
	firm.get(theirs+"/accesses/new").send("Save", map[string]string{"first_name": "Berta", "last_name": "Zweitzugang", "email": "berta." + language + "@kunde.example", "locale": language})
	firm.get(theirs+"/accesses/new").send("Save", map[string]string{ // waits for a second person, because it is a specialist user's address
		"first_name": "Ida", "last_name": "Wartend", "locale": language, "email": map[string]string{"en": "vogt", "de": "nowak"}[language] + "@lindner.example",
	})
	visitor(t, p.URL).get("/password/forgotten").send("Send link", map[string]string{"login": endUser})
	added := firm.get(theirs+"/transactions/new").send("Save", map[string]string{"name": "Einkommensteuer 2025", "due": "2026-12-31"})
	made := firm.get("/templates/gallery/"+language+"/tax_income_return").send("Use this template", nil).URL.Path
	firm.get(made).send("Publish", map[string]string{"comment": "First version"})
	firm.get(made).send("Add", map[string]string{"name": "One more", "what": "text"})
	return strings.NewReplacer(
		"{template}", made,
		"{transaction}", first(firm.get("/transactions"), "main table a[href^='/transactions/']"),
		"{own}", theirs,
		"{own transaction}", "/portal"+added.URL.Path,
		"{customer}", customer,
		"{access}", first(firm.get(customer+"/authorisations"), "main a[href*='/accesses/']:not([href$='/new'])"),
		"{why}", first(firm.get(customer+"/authorisations"), "main a[href*='/why?']"),
		"{transaction}", first(firm.get("/transactions"), "main table a[href^='/transactions/']"),
		"{specialist}", first(firm.get("/specialists"), "main table a[href^='/specialists/']"),
		"{colleague}", colleague, "{other}", other, "{handover}", handover,
		"{used link}", usedLink, "{reset}", firm.resetLink(endUser),
		"{link}", firm.invited("anja."+language+"@kunde.example", language, mobile+"2"),
	)
}

// invited adds a customer and returns the registration link that the end user gets.
func (s *someone) invited(email, language, mobile string) string {
	s.t.Helper()
	s.get("/customers/new?type=person").send("Save", map[string]string{
		"first_name": "Änne", "last_name": "Groß-Öhlmann", "email": email, "mobile": mobile, "locale": language,
	}).shows("Invited")
	return strings.TrimPrefix(linkIn(s.t, s.received("email", email).Text), s.base)
}

// registered is invited and registered; the link returned is used up.
func (s *someone) registered(email, language, mobile string) string {
	s.t.Helper()
	link := s.invited(email, language, mobile)
	visitor(s.t, s.base).get(link).send("Register", map[string]string{
		"code": codeIn(s.t, s.received("sms", mobile).Text), "password": goodPassword, "password_repeat": goodPassword,
	}).is(http.StatusOK, "/portal")
	return link
}

// picture saves what the screen looks like, for people to look at, when KONTOR_TEST_SCREENSHOTS names a folder.
func (b *browser) picture(name string, width int64, scheme string) {
	b.t.Helper()
	dir := os.Getenv("KONTOR_TEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	var png []byte
	b.run(chromedp.FullScreenshot(&png, 100))
	file := fmt.Sprintf("%s-%d-%s-%s.png", strings.Trim(notInNames.ReplaceAllString(name, "_"), "_"), width, scheme, b.language)
	assert.NoError(b.t, os.WriteFile(filepath.Join(dir, file), png, 0o600))
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9]+`)
