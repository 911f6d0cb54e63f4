package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"golang.org/x/net/html"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/effort"
	"kontor/app/firm"
	"kontor/app/job"
	"kontor/app/lang"
)

// evil is what an attacker types: it shows as an element with the attribute data-evil wherever it is not escaped. It
// has no blank, so that it passes for a username as well.
const evil = `"'><b/data-evil>`

// evilFirm is a world in which every free text that can be typed was typed by an attacker.
func evilFirm(t *testing.T, change ...func(*Options)) (*world, things) {
	t.Helper()
	w := newWorld(t, change...)
	ctx := context.Background()
	cu, err := w.customers.Get(ctx, w.admin, w.customer)
	must(t, err)
	person, company := evilData(customer.Person), evilData(customer.Company)
	person.LastName, person.Note, company.Locale, company.Reference = evil+"L", evil+"\n"+evil, "en", ""
	_, err = w.customers.Update(ctx, w.admin, cu.ID, cu.Version, person)
	must(t, err)
	_, _, err = w.customers.Add(ctx, w.admin, customer.Draft{Type: customer.Company, Data: company}, nil)
	must(t, err)
	_, err = w.accesses.Create(ctx, w.admin, w.customer, access.Form{
		FirstName: evil, LastName: evil, Email: "o'<b>@kunde.example", Mobile: "", Locale: "en",
	}, "")
	assert.Error(t, err, "an address with < was taken")
	_, err = w.accesses.Create(ctx, w.admin, w.customer, access.Form{
		FirstName: evil, LastName: evil, Email: "o'{{.}}&=`|@kunde.example", Mobile: "+4915123456700", Locale: "en",
	}, "")
	must(t, err)
	must(t, w.Accounts.UpdateOwn(ctx, w.admin, account.Own{Name: evil, Username: evil, Shortcuts: true}))
	_, err = w.Accounts.AddSpecialist(ctx, w.admin, account.SpecialistForm{Name: evil, Email: "b&'@kanzlei.example"})
	must(t, err)
	w.tasks.task.LastError = evil
	w.deliver()
	// Answers of mail servers are shown, too.
	var m courier.Message
	must(t, w.DB.NewSelect().Model(&m).Where("recipient LIKE ?", "o'%").Where("channel = ?", courier.Email).Scan(ctx))
	must(t, w.Post.Report(ctx, courier.ProviderReport{MessageID: m.ID, Status: "5.1.1", Detail: evil}))
	return w, w.furnish()
}

// evilData are data of a customer with such text wherever any text is taken.
func evilData(t customer.Type) (d customer.Data) {
	for _, f := range customer.FieldsOf(t) {
		f.Set(&d, evil)
	}
	d.Country, d.Phone, d.Locale, d.DateOfBirth, d.VATID = "IE", "+33142685300", "de", "1980-01-01", ""
	return d
}

// textID finds the name of a text where its words should stand.
func textIDs(t *testing.T) *regexp.Regexp {
	t.Helper()
	folders := map[string]bool{}
	for id := range localeFile(t, "en") {
		if before, _, dotted := strings.Cut(id, "."); dotted {
			folders[before] = true
		}
	}
	var names []string
	for f := range folders {
		names = append(names, f)
	}
	return regexp.MustCompile(`(?:^|[\s"(>])(?:` + strings.Join(names, "|") + `)\.[a-z_]+(?:\.[a-z_]+)*(?:[\s")<:,]|$)`)
}

// own says whether an address belongs to us.
func own(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Host == "" && u.Scheme == "" || strings.HasPrefix(address, baseURL+"/"))
}

// checkPage looks at everything on a page that a browser might run, load or fail to read out.
func checkPage(t *testing.T, where string, a answer, ids *regexp.Regexp) {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	must(t, err)
	complain := func(format string, args ...any) { t.Helper(); t.Errorf("%s: %s", where, fmt.Sprintf(format, args...)) }
	if doc.Find("[data-evil], b[data-evil\\>]").Length() > 0 || strings.Contains(a.body, "<b/data-evil>") {
		complain("what was typed became an element")
	}
	seen := map[string]bool{}
	doc.Find("*").Each(func(_ int, el *goquery.Selection) {
		n := el.Get(0)
		for _, attr := range n.Attr {
			key := strings.ToLower(attr.Key)
			switch {
			case key == "style", strings.HasPrefix(key, "on"), strings.HasPrefix(key, "hx-on"), strings.HasPrefix(key, "data-hx-"):
				complain("<%s %s=%q>", n.Data, attr.Key, attr.Val)
			case key == "src", key == "href", key == "action", key == "formaction", key == "hx-get", key == "hx-post", key == "data":
				if !own(attr.Val) {
					complain("foreign address <%s %s=%q>", n.Data, attr.Key, attr.Val)
				}
			case key == "id":
				if seen[attr.Val] {
					complain("two elements have the id %s", attr.Val)
				}
				seen[attr.Val] = true
			}
			if strings.Contains(key, "evil") || strings.HasPrefix(strings.ToLower(attr.Val), "javascript:") {
				complain("<%s %s=%q>", n.Data, attr.Key, attr.Val)
			}
		}
		switch n.Data {
		case "iframe":
			if address, _, _ := strings.Cut(el.AttrOr("src", ""), "?"); !strings.HasPrefix(address, "/documents/") || !strings.HasSuffix(address, "/content") {
				complain("a frame of %s", address)
			}
		case "style", "object", "embed", "base":
			complain("<%s>", n.Data)
		case "script":
			if el.AttrOr("src", "") == "" || strings.TrimSpace(el.Text()) != "" {
				complain("an inline script")
			}
		case "input", "select", "textarea":
			if el.AttrOr("type", "") == "hidden" {
				break
			}
			id, labelled := el.Attr("id")
			if _, named := el.Attr("aria-label"); !named && el.Closest("label").Length() == 0 &&
				(!labelled || doc.Find(`label[for="`+id+`"]`).Length() == 0) {
				complain("the field %s has no label", el.AttrOr("name", "?"))
			}
		}
	})
	doc.Find("[aria-labelledby], [aria-describedby], label[for]").Each(func(_ int, el *goquery.Selection) {
		for _, attr := range []string{"aria-labelledby", "aria-describedby", "for"} {
			for _, id := range strings.Fields(el.AttrOr(attr, "")) {
				if doc.Find(`[id="`+id+`"]`).Length() == 0 {
					complain("%s names %s, which is not there", attr, id)
				}
			}
		}
	})
	text := " " + a.text() + " "
	if m := ids.FindString(text); m != "" {
		complain("shows the name of a text: %s", m)
	}
	if strings.Contains(text, "<no value>") || strings.Contains(text, "%!") || strings.Contains(text, "{{.P") {
		complain("a placeholder is empty: %s", text)
	}
}

// TestEveryAddress visits every GET route with real rows whose texts all come from an attacker, in both languages, as the
// person with most permissions, as an end user and as nobody. Typed text never becomes an element (S37), nothing inline
// runs (S21), nothing is loaded from other sites (S12), every answer has its headers, every text exists, and every field
// has a label.
func TestEveryAddress(t *testing.T) {
	w, x := evilFirm(t, beginning(firm.Start{Name: evil, Contact: evil}))
	ids := textIDs(t)
	admin := w.signedIn()
	end := w.endUser()
	w.deliver()
	pages := 0
	for who, b := range map[string]*browser{"admin": admin, "end user": end, "nobody": w.browser()} {
		for _, b.language = range lang.All {
			addresses := []string{"/nothing/here", "/customers?q=" + url.QueryEscape(evil), "/customers?q=b", "/search?q=b", "/search?q=" + url.QueryEscape(evil), "/customers?status=attention&sort=" + url.QueryEscape(evil),
				"/customers/" + evil, "/specialists?inactive=on&q=" + url.QueryEscape(evil), "/customers/new?type=company&company_name=" + url.QueryEscape(evil),
				"/login?next=" + url.QueryEscape("/"+evil), "/queues?queue=" + url.QueryEscape(evil), "/mailbox?id=" + url.QueryEscape(evil), "/customers/" + x.customer.String() + "/log?after=" + url.QueryEscape(evil)}
			for _, r := range w.table() {
				if r.Method == http.MethodGet {
					addresses = append(addresses, x.address(t, r.Path))
				}
			}
			for n, address := range addresses {
				if n%effort.Every(4) != 0 {
					continue
				}
				if i := strings.IndexByte(address, '?'); i < 0 {
					address = (&url.URL{Path: address}).EscapedPath()
				}
				a := b.get(address)
				where := who + " " + b.language + " " + address
				assert.Less(t, a.StatusCode, 500, where)
				checkHeaders(t, where, a, strings.HasSuffix(address, "/html") && a.StatusCode == http.StatusOK)
				if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || strings.HasSuffix(address, "/html") {
					continue
				}
				pages++
				checkPage(t, where, a, ids)
				if f := b.get(address, "HX-Request", "true"); strings.HasPrefix(f.Header.Get("Content-Type"), "text/html") {
					checkPage(t, where+" (fragment)", f, ids)
				}
			}
		}
	}
	assert.GreaterOrEqual(t, pages, effort.Of(100, 25), "only %d pages", pages)
	for _, want := range []string{"/customers", "/search?q=b", "/customers/" + x.customer.String() + "/deliveries", "/specialists", "/mailbox", "/audit"} {
		assert.Contains(t, admin.get(want).text(), evil, "%s does not show what was typed", want)
	}
	for _, m := range w.box() {
		doc, err := html.Parse(strings.NewReader(m.HTML))
		must(t, err)
		mail := goquery.NewDocumentFromNode(doc)
		assert.NotContains(t, m.HTML, "<b/data-evil")
		assert.Zero(t, mail.Find("script, img, link, [data-evil], iframe").Length())
		mail.Find("[href], [src]").Each(func(_ int, el *goquery.Selection) {
			address := el.AttrOr("href", el.AttrOr("src", ""))
			assert.True(t, strings.HasPrefix(address, baseURL+"/"), "the mail to %s leads to %s", m.To, address)
		})
	}
}

// checkHeaders: every answer, whatever its status, forbids foreign and inline content, framing and caching (S21).
func checkHeaders(t *testing.T, where string, a answer, isLetter bool) {
	t.Helper()
	isDocument := strings.HasSuffix(where, "/content") && a.StatusCode == http.StatusOK
	policy := a.Header.Get("Content-Security-Policy")
	want := []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"}
	if isDocument { // it can do nothing, and is shown in frames of this site
		want = []string{"default-src 'none'", "sandbox;", "frame-ancestors 'self'"}
	}
	if isLetter { // shown in a sandbox that allows its own <style>
		want = []string{"default-src 'none'", "sandbox;"}
	}
	for _, part := range want {
		assert.Contains(t, policy, part, "%s: lacks", where)
	}
	assert.False(t, !isLetter && strings.Contains(policy, "unsafe"), "%s: %q", where, policy)
	assert.NotContains(t, policy, "unsafe-eval", where)
	assert.NotContains(t, policy, "allow-", where)
	headers := map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
	}
	if isLetter {
		headers["X-Frame-Options"] = "SAMEORIGIN"
	}
	if isDocument {
		headers["X-Frame-Options"], headers["Cache-Control"] = "", "private, no-cache"
	}
	for name, value := range headers {
		assert.Equal(t, value, a.Header.Get(name), "%s: %s", where, name)
	}
	assert.NotEmpty(t, a.Header.Get("X-Request-Id"), "%s: no request id", where)
}

// TestStatic: files are immutable under an address that depends on their content, compressed if the browser accepts it,
// and no other files are served.
func TestStatic(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for encoding, want := range map[string]string{
		"": "", "gzip": "gzip", "br, gzip": "br", "gzip, deflate, br, zstd": "br", "gzip;q=1.0, BR ; q=0.5": "br",
		"br;q=0, gzip": "gzip", "br; q=0.000,gzip;q=0.1": "gzip", "br;q=0, gzip;Q=0": "", "brotli, gzipped": "", "br;q=x": "",
	} {
		a := b.get(w.static.URL("generated/kontor.css"), "Accept-Encoding", encoding)
		a.want(t, http.StatusOK)
		assert.Contains(t, a.Header.Get("Cache-Control"), "immutable")
		assert.True(t, strings.HasPrefix(a.Header.Get("Content-Type"), "text/css"))
		got := a.Header.Get("Content-Encoding")
		assert.Equal(t, want, got, "Accept-Encoding %q got", encoding)
	}
	for _, path := range []string{"../../go.mod", "..%2f..%2fgo.mod", "locales/en.json", "", "generated/"} {
		b.get(w.static.URL("")+path).want(t, http.StatusNotFound)
	}
	// Every file that a template or stylesheet names exists.
	for _, m := range regexp.MustCompile(`asset "([^"]+)"`).FindAllStringSubmatch(pageSources(t), -1) {
		assert.Equal(t, http.StatusOK, b.get(w.static.URL(m[1])).StatusCode, "is named by a template and not there")
	}
}

// TestReceiptShowsNothingPersonal: the log's receipt of a deletion contains counts and no names.
func TestReceiptShowsNothingPersonal(t *testing.T) {
	w, x := evilFirm(t)
	_, err := w.jobs.Finish(context.Background(), job.CustomerDeletion)
	must(t, err)
	b := w.signedIn()
	a := b.get("/customers/deletions/" + x.deletion.String())
	a.want(t, http.StatusOK, "deleted permanently")
	assert.NotContains(t, a.text(), "Weg GmbH", "the receipt names the customer")
	b.get("/audit").want(t, http.StatusOK, w.TextsIn("en").Say("audit."+string(audit.CustomerDeleted)))
}
