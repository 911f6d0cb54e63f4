package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/listing"
	"kontor/policies"
	"kontor/policies/policytest"
)

// person adds one person with an access and returns the id.
func (w *world) person(last, email string) uuid.UUID {
	w.Helper()
	cu, _, err := w.accesses.AddCustomer(context.Background(), w.admin, customer.Draft{
		Type: customer.Person, Data: customer.Data{FirstName: "Änne", LastName: last, City: "Köln", DateOfBirth: "1964-08-12", Locale: "de"},
	}, email, "")
	must(w.TB, err)
	return cu.ID
}

// htmx posts a form as HTMX does.
func (b *browser) htmx(path string, pairs ...string) answer {
	b.Helper()
	form := url.Values{kit.CSRFField: {b.token()}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, form, "HX-Request", "true")
}

func names(doc *goquery.Document) (all []string) {
	doc.Find("table.customers tbody .name").Each(func(_ int, n *goquery.Selection) { all = append(all, n.Text()) })
	return all
}

func attr(doc *goquery.Document, selector, name string) string {
	return doc.Find(selector).First().AttrOr(name, "")
}

func TestOverview(t *testing.T) {
	w := newWorld(t)
	w.person("Groß-Öhlmann", "gross@kunde.example")
	w.person("<script>alert(1)</script>", "x@kunde.example")
	b := w.signedIn()
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"", []string{"Groß-Öhlmann, Änne", "Kühn, Berta", "<script>alert(1)</script>, Änne"}},
		{"?sort=-name", []string{"<script>alert(1)</script>, Änne", "Kühn, Berta", "Groß-Öhlmann, Änne"}},
		{"?sort=-number", []string{"<script>alert(1)</script>, Änne", "Groß-Öhlmann, Änne", "Kühn, Berta"}},
		{"?q=gross+oehl", []string{"Groß-Öhlmann, Änne"}},
		{"?q=GROSS%40KUNDE", []string{"Groß-Öhlmann, Änne"}},
		{"?type=company", nil},
		{"?type=nonsense&sort=nonsense&status=nonsense", []string{"Groß-Öhlmann, Änne", "Kühn, Berta", "<script>alert(1)</script>, Änne"}},
		{"?status=attention", []string{"Kühn, Berta"}}, // no access
		{"?status=none", []string{"Kühn, Berta"}},
		{"?status=none&status=attention&administrator=me", []string{"Kühn, Berta"}},
		{"?status=invited", []string{"Groß-Öhlmann, Änne", "<script>alert(1)</script>, Änne"}},
		{"?sort=status", []string{"Kühn, Berta", "Groß-Öhlmann, Änne", "<script>alert(1)</script>, Änne"}},
		{"?administrator=none", nil},
		{"?administrator=00000000-0000-7000-8000-000000000000", nil},
		{"?city=Atlantis", nil},
	} {
		a := b.get("/customers" + c.query)
		a.want(t, http.StatusOK)
		assert.Equal(t, c.want, names(a.doc(t)), "%q lists", c.query)
		assert.NotContains(t, a.body, "<script>alert", "%q: a name is executed", c.query)
	}
	doc := b.get("/customers?q=k%C3%BChn&type=person").doc(t)
	for selector, want := range map[string]string{
		"#q@value": "kühn", "#q@hx-get": "/customers", "[form=search][name=type]@value": "person", "[form=filter][name=q]@value": "kühn",
		"th[aria-sort=ascending] a@href":      "/customers?q=k%C3%BChn&type=person&sort=-name",
		".chips [aria-current]@href":          "/customers?q=k%C3%BChn", // once more takes it away
		"table.customers .name@href":          "/customers/" + w.customer.String() + "/data",
		"nav [aria-current=page]@href":        "/customers",
		"[data-say]@data-say":                 "1 customer",
		"a[href^='/customers/new']@href":      "/customers/new",
		"table.customers tbody .tag@class":    "tag bad",
		"table.customers th:last-child@scope": "col",
		"#filter-status [selected]@value":     "",
	} {
		css, name, _ := strings.Cut(selector, "@")
		assert.Equal(t, want, attr(doc, css, name), selector)
	}
	assert.Equal(t, 1, doc.Find("input[type=search]").Length(), "search fields")
}

func TestOverviewPages(t *testing.T) {
	w := newWorld(t)
	for i := range listing.PageSize + 5 {
		w.person(fmt.Sprintf("M%03d", i), fmt.Sprintf("m%03d@kunde.example", i))
	}
	b := w.signedIn()
	first := b.get("/customers").doc(t)
	assert.Equal(t, "1–50 of 56 customers", attr(first, ".count", "data-say"))
	require.Equal(t, 1, first.Find(".pages a").Length(), "the first page leads to %d others", first.Find(".pages a").Length())
	second := b.get(attr(first, ".pages a", "href")).doc(t)
	assert.Equal(t, "51–56 of 56 customers", attr(second, ".count", "data-say"))
	seen := append(names(first), names(second)...)
	require.Len(t, seen, listing.PageSize+6, "rows")
	assert.True(t, slices.IsSorted(seen[1:]))
	require.Equal(t, 1, second.Find(".pages a").Length(), "the last page leads to %d others", second.Find(".pages a").Length())
	assert.Equal(t, names(first), names(b.get(attr(second, ".pages a", "href")).doc(t)), "back")
	part := b.get("/customers?q=m00", "HX-Request", "true")
	doc := part.doc(t)
	assert.Len(t, names(doc), 10, "HTMX gets %s", part.body)
	assert.Zero(t, doc.Find("form.find, .side, h1").Length(), "HTMX gets %s", part.body)
}

// TestEmptyOverview: the overview is empty because there are no customers, because nothing matches, or because nothing
// needs attention. In each case the page says what one can do.
func TestEmptyOverview(t *testing.T) {
	w := newWorld(t)
	_, err := w.customers.Delete(context.Background(), w.admin, w.customer, customer.Label(10001))
	must(t, err)
	b := w.signedIn()
	for query, want := range map[string]struct{ heading, link string }{
		"?q=zzz":                        {"Nothing matches", "/customers"},
		"?type=company":                 {"Nothing matches", "/customers"},
		"?status=attention":             {"There is nothing for you to do at any customer", "/customers"},
		"?status=attention&type=person": {"Nothing matches", "/customers"},
	} {
		doc := b.get("/customers" + query).doc(t)
		assert.Equal(t, want.heading, doc.Find(".empty h2").Text(), "%q says", query)
		assert.Equal(t, want.link, attr(doc, ".empty a", "href"), "%q leads", query)
	}
	assert.Equal(t, "No customers yet", attr(b.get("/customers").doc(t), "main [data-say]", "data-say"))
	w.publish(readOnly)
	doc := b.get("/customers").doc(t)
	assert.Zero(t, doc.Find("a[href='/customers/new']").Length(), "who may not add customers reads %q", doc.Find(".empty").Text())
	assert.Contains(t, doc.Find(".empty").Text(), "No customers yet", "who may not add customers reads %q", doc.Find(".empty").Text())
	w.publish("p, specialist, administrator, customer, *, list, allow\np, specialist, administrator, customer, *, read, allow\n")
	got := b.get("/customers").doc(t).Find(".empty").Text()
	assert.Contains(t, got, "No customers that you may see", "who sees only their own reads")
	assert.NotContains(t, got, "yet")
}

func TestAddCustomer(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	doc := b.get("/customers/new?type=company").doc(t)
	require.Equal(t, "company", attr(doc, "[name=type][checked]", "value"), "the type")
	for _, name := range []string{"company_name", "first_name", "last_name", "email"} {
		if _, must := doc.Find("[name=" + name + "]").Attr("required"); !must {
			t.Errorf("%s is not marked as mandatory", name)
		}
	}
	assert.Zero(t, doc.Find("[name=date_of_birth], [name=salutation]").Length(), "a company is asked for a date of birth")
	key := attr(doc, "[name=submission]", "value")
	typed := []string{"submission", key, "type", "company", "company_name", "Hafen & Söhne GmbH", "first_name", "Jörg", "last_name", "O’Brien",
		"city", "Bremen", "country", "DE", "locale", "de", "email", "joerg@hafen.example", "mobile", "0151 23456789", "vat_id", "DE136695976"}
	first := b.send("/customers", typed...)
	to := first.Header.Get("Location")
	first.goesTo(t, to)
	require.True(t, strings.HasSuffix(to, "/authorisations"), "goes to %s", to)
	b.get(to).want(t, http.StatusOK, "Hafen & Söhne GmbH", "Company · K-10002 · Bremen", "Jörg O’Brien", "joerg@hafen.example", "Invited", "is on its way")
	b.send("/customers", typed...).goesTo(t, to) // the same form once more
	assert.Equal(t, 1, len(names(b.get("/customers?type=company").doc(t))), "customers from one form")
	assert.Empty(t, b.get(to).doc(t).Find(".toast-line").Text(), "told twice")
	hx := b.htmx("/customers", "type", "person", "first_name", "A", "last_name", "B", "email", "a@b.example", "country", "DE", "locale", "de")
	assert.Equal(t, http.StatusOK, hx.StatusCode, "HTMX gets, HX-Redirect %q", hx.Header.Get("HX-Redirect"))
	assert.True(t, strings.HasSuffix(hx.Header.Get("HX-Redirect"), "/authorisations"), "HX-Redirect %q", hx.Header.Get("HX-Redirect"))
}

// TestSwitchType: the fields of the other type appear, the typed values stay, and no address contains them.
func TestSwitchType(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	key := uuid.Must(uuid.NewV7()).String()
	typed := []string{"submission", key, "type", "company", "first_name", `Jörg"><b>`, "email", "joerg@hafen.example", "note", "one\r\ntwo", "country", "AT"}
	for _, a := range []answer{b.send("/customers/new", typed...), b.htmx("/customers/new", typed...)} {
		a.want(t, http.StatusOK)
		doc := a.doc(t)
		for selector, want := range map[string]string{
			"[name=type][checked]@value": "company", "[name=first_name]@value": `Jörg"><b>`, "[name=email]@value": "joerg@hafen.example",
			"[name=submission]@value": key, "[name=country] [selected]@value": "AT",
		} {
			css, name, _ := strings.Cut(selector, "@")
			assert.Equal(t, want, attr(doc, css, name), selector)
		}
		assert.Equal(t, "one\ntwo", doc.Find("[name=note]").Text(), "the note")
		assert.Zero(t, doc.Find("#summary").Length(), "switching complains")
	}
	part := b.htmx("/customers/new", typed...)
	assert.NotContains(t, part.body, "<html", "HTMX gets a page, or the address %q", part.Header.Get("HX-Replace-Url"))
	assert.Equal(t, "/customers/new?type=company", part.Header.Get("HX-Replace-Url"), "HTMX gets a page, or the address %q", part.Header.Get("HX-Replace-Url"))
	got := attr(b.get("/customers/new?type=person&first_name=planted").doc(t), "[name=first_name]", "value")
	assert.Empty(t, got, "the address fills")
	for _, fresh := range []string{"", "nonsense"} {
		got := attr(b.send("/customers/new", "type", fresh, "submission", "x").doc(t), "[name=submission]", "value")
		assert.NotEmpty(t, got, "the once-only key")
		assert.NotEqual(t, "x", got)
	}
}

// TestDuplicates: a hint with links is shown beside the field that it is about, while typing and together with
// complaints. It never prevents saving.
func TestDuplicates(t *testing.T) {
	w := newWorld(t)
	there := w.person("Groß-Öhlmann", "aenne@kunde.example")
	b := w.signedIn()
	same := []string{"type", "person", "first_name", "anne", "last_name", "GROSS-OEHLMANN", "date_of_birth", "1964-08-12", "country", "DE", "locale", "de"}
	hinted := func(a answer, field, why string) {
		t.Helper()
		doc := a.doc(t)
		assert.Equal(t, 1, doc.Find("[popover].known").Length(), "hints")
		hint := "#known-by-" + field + " [popover]"
		assert.Equal(t, "/customers/"+there.String()+"/data", attr(doc, hint+" a", "href"), "beside %s: leads", field)
		text := doc.Find(hint).Text()
		assert.Contains(t, text, why, "beside %s", field)
		assert.Contains(t, text, "Groß-Öhlmann, Änne", "beside %s", field)
	}
	for _, c := range []struct {
		typed      []string
		field, why string
	}{
		{[]string{"type", "company", "email", "Aenne@KUNDE.example"}, "email", "same e-mail address"},
		{same, "last_name", "same name and date of birth"},
	} {
		hinted(b.htmx("/customers/duplicates", c.typed...), c.field, c.why)
	}
	a := b.htmx("/customers/duplicates", "type", "person", "first_name", "Neu")
	assert.Zero(t, a.doc(t).Find("button, [popover]").Length(), "a hint without a reason")
	bad := b.send("/customers", append(slices.Clone(same), "email", "no address")...)
	bad.want(t, http.StatusUnprocessableEntity)
	hinted(bad, "last_name", "same name and date of birth")
	good := b.send("/customers", append(slices.Clone(same), "email", "aenne@kunde.example")...)
	assert.Equal(t, http.StatusSeeOther, good.StatusCode, "a hint blocks: %s", good.text())
}

// readOnly is a policy by which specialist users look and change nothing.
const readOnly = `
p, specialist, *, customer, *, list, allow
p, specialist, *, customer, *, read, allow
p, specialist, *, access, *, read, allow`

func (w *world) publish(policy string) {
	w.Helper()
	must(w.TB, policytest.Publish(w.Policy, 1, policy))
}

// TestReadOnly: a person who may not change a customer sees the data, and no button that would be refused.
func TestReadOnly(t *testing.T) {
	w := newWorld(t)
	id := w.person("Groß-Öhlmann", "aenne@kunde.example")
	b := w.signedIn()
	w.publish(readOnly)
	path := "/customers/" + id.String()
	a := b.get(path + "/data")
	a.want(t, http.StatusOK, "Groß-Öhlmann", "12 August 1964", "Germany")
	assert.Zero(t, a.doc(t).Find("main form[method=post][action^='/customers'], main .btn-bad").Length(), "there is something to press: %s", a.body)
	doc := b.get(path + "/authorisations").doc(t)
	assert.Zero(t, doc.Find("#accesses form, #accesses a, header a").Length(), "things to press")
	b.send(path+"/data", "version", "1").want(t, http.StatusForbidden)
	b.send("/customers/new", "type", "person").want(t, http.StatusForbidden)
	b.get(path+"/delete").want(t, http.StatusForbidden)
}

func TestDeleteCustomer(t *testing.T) {
	w := newWorld(t)
	w.invite("berta@kunde.example", "+4915123456789")
	b := w.signedIn()
	path := "/customers/" + w.customer.String()
	assert.Equal(t, path+"/delete", attr(b.get(path+"/data").doc(t), "main .btn-bad", "href"), "Delete customer permanently leads")
	b.get(path+"/delete").want(t, http.StatusOK, "Accesses 1", "Messages 2", "This can't be undone")
	for _, wrong := range []string{"", "10001", "K-10002", "Kühn"} {
		a := b.send(path+"/delete", "confirm", wrong)
		a.want(t, http.StatusUnprocessableEntity)
		assert.Equal(t, wrong, attr(a.doc(t), "[name=confirm]", "value"), "what was typed became")
	}
	done := b.send(path+"/delete", "confirm", " k-10001 ")
	to := done.Header.Get("Location")
	done.goesTo(t, to)
	receipt := b.get(to)
	receipt.want(t, http.StatusOK, "Receipt", "K-10001 was deleted permanently", "Messages 2")
	assert.NotContains(t, receipt.text(), "Kühn", "the receipt is personal, or goes on asking")
	assert.LessOrEqual(t, receipt.doc(t).Find("main [hx-get]").Length(), 1, "the receipt is personal, or goes on asking")
	b.get(path+"/data").want(t, http.StatusNotFound)
	w.specialist("kollege@kanzlei.example")
	w.browser().signIn("kollege@kanzlei.example", strong).get(to).want(t, http.StatusNotFound)
}

// TestFirstSteps: who may add customers is led from an empty firm to its first customer; each step says whether it is done,
// and offers what this person may do. With the first customer the page is the overview.
func TestFirstSteps(t *testing.T) {
	w := newWorld(t)
	_, err := w.customers.Delete(context.Background(), w.admin, w.customer, customer.Label(10001))
	must(t, err)
	anna := w.signedIn()
	states := func(b *browser) []string { return wordsOf(b.get("/customers").doc(t).Find(".starts .tag")) }
	links := func(b *browser) (all []string) {
		b.get("/customers").doc(t).Find("#list a[href]").Each(func(_ int, a *goquery.Selection) { all = append(all, a.AttrOr("href", "")) })
		return all
	}
	assert.Equal(t, []string{"To do", "To do", "To do"}, states(anna), "alone, and messages stay in the mailbox")
	assert.Equal(t, []string{"/firm", "/mailbox", "/specialists/new", "/customers/new"}, links(anna))
	w.specialist("ben@kanzlei.example")
	w.specialist("rita@kanzlei.example", policies.Auditor)
	ben, rita := w.browser().signIn("ben@kanzlei.example", strong), w.browser().signIn("rita@kanzlei.example", strong)
	assert.Equal(t, []string{"To do", "Done", "To do"}, states(anna), "with a colleague")
	assert.Equal(t, []string{"/customers/new"}, links(ben), "somebody who may only add customers")
	assert.Empty(t, states(rita), "somebody who may not add customers")
	assert.Empty(t, wordsOf(anna.get("/customers?q=zzz").doc(t).Find(".starts")), "a search that finds nothing")
	w.person("Vogt", "vogt@kunde.example")
	assert.Empty(t, states(anna), "with the first customer")
}

// TestCustomerLog: the log shows changes in the words of the form, newest first.
func TestCustomerLog(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	path := "/customers/" + w.customer.String()
	version := attr(b.get(path+"/data").doc(t), "[name=version]", "value")
	b.send(path+"/data", "version", version, "first_name", "Berta", "last_name", "Kühn", "country", "AT", "locale", "en", "salutation", "ms",
		"date_of_birth", "1964-08-12", "note", "<i>x</i>").goesTo(t, path+"/data")
	w.person("Fremd", "fremd@kunde.example")
	a := b.get(path + "/log")
	a.want(t, http.StatusOK, "Country: Germany → Austria", "Language: German → English", "Salutation: – → Ms", "Date of birth: – → 12 August 1964",
		"Note: – → <i>x</i>", "Anna Berg", "Customer added")
	assert.NotContains(t, a.text(), "Fremd", "another customer's entries are there")
	assert.Equal(t, "Customer data changed", a.doc(t).Find("tbody .name").First().Text(), "the newest entry")
	german := w.signedIn()
	german.language = "de"
	german.get(path+"/log").want(t, http.StatusOK, "Land: Deutschland → Österreich", "Sprache: Deutsch → Englisch")
}

// TestScriptInEveryField: typed text is never executed, wherever it is shown (S37).
func TestScriptInEveryField(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	const evil = `"'><script>x(1)</script><img src=x onerror=x(2)>{{.}}`
	typed := []string{"type", "company", "country", "DE", "locale", "en", "email", "evil@kunde.example"}
	for _, f := range customer.FieldsOf(customer.Company) {
		switch {
		case takes[f.Name] != [2]string{}:
		case len(evil) > f.Max:
			typed = append(typed, f.Name, `"><script>x(3)</script>`)
		default:
			typed = append(typed, f.Name, evil)
		}
	}
	added := b.send("/customers", typed...)
	require.Equal(t, http.StatusSeeOther, added.StatusCode, added.text())
	path := strings.TrimSuffix(added.Header.Get("Location"), "/authorisations")
	b.send(path+"/data", "version", "1", "city", "Kiel", "first_name", evil, "last_name", evil, "company_name", evil).want(t, http.StatusSeeOther)
	w.deliver()
	rows, err := w.accesses.OfCustomer(context.Background(), w.admin, uuid.FromStringOrNil(strings.TrimPrefix(path, "/customers/")))
	must(t, err)
	access := path + "/accesses/" + rows[0].ID.String()
	pages := []answer{
		b.get("/customers"), b.get("/customers?q=" + url.QueryEscape(evil)), b.get("/customers?sort=" + url.QueryEscape(evil)),
		b.get(path + "/data"), b.get(path + "/authorisations"), b.get(path + "/deliveries"), b.get(path + "/log"), b.get(path + "/delete"),
		b.get(access), b.get(access + "/remove"), b.get(path + "/accesses/new"), b.get("/audit"), b.get("/mailbox"),
		b.send("/customers", append(slices.Clone(typed), "email", evil, "mobile", evil)...), b.htmx("/customers/duplicates", typed...),
		b.send(path+"/data", append(slices.Clone(typed), "version", "1", "title", evil)...),
		b.send(path+"/delete", "confirm", evil), b.send(access + "/resend"), b.get(path + "/authorisations"),
	}
	for _, a := range pages {
		doc := a.doc(t)
		assert.Zero(t, doc.Find("script:not([src^='/static/']), img, [onerror]").Length(), "elements of somebody else on %s (%d)", doc.Find("title").Text(), a.StatusCode)
	}
}

// TestFarDeletion: while the worker deletes a customer, the page shows the progress and refreshes itself.
func TestFarDeletion(t *testing.T) {
	w := newWorld(t)
	d := customer.Deletion{
		ID: uuid.Must(uuid.NewV7()), CustomerID: w.customer, Number: 7, Counts: `{"accesses":1}`, Done: 300, Total: 1200, RequestedAt: w.Clock.Now(),
		RequestedBy: uuid.NullUUID{UUID: w.admin.ID, Valid: true},
	}
	_, err := w.DB.NewInsert().Model(&d).Exec(context.Background())
	must(t, err)
	b := w.signedIn()
	path := "/customers/deletions/" + d.ID.String()
	doc := b.get(path).doc(t)
	assert.Equal(t, "300", attr(doc, "progress", "value"), doc.Find("#deletion").Text())
	assert.Equal(t, "1200", attr(doc, "progress", "max"), doc.Find("#deletion").Text())
	assert.Equal(t, path, attr(doc, "#deletion [hx-get]", "hx-get"), doc.Find("#deletion").Text())
	now := w.Clock.Now().Add(time.Minute)
	_, err = w.DB.NewUpdate().Table("deletion").Set("finished_at = ?", now).Where("id = ?", d.ID).Exec(context.Background())
	must(t, err)
	part := b.get(path, "HX-Request", "true")
	part.want(t, http.StatusOK, "Receipt")
	assert.Zero(t, part.doc(t).Find("[hx-get]").Length(), "it goes on asking")
}

// TestOverviewIsNow: rendered rows of the overview are cached, but the overview shows the current data, in the reader's
// language.
func TestOverviewIsNow(t *testing.T) {
	w := newWorld(t)
	id := w.person("Groß", "aenne@kunde.example")
	b, ctx := w.signedIn(), context.Background()
	b.get("/customers").want(t, http.StatusOK, "Groß, Änne", "Köln", "0 of 1", "Invited")
	b.get("/customers").want(t, http.StatusOK, "Groß, Änne", "Köln", "0 of 1", "Invited")
	german := w.signedIn()
	german.language = "de"
	german.get("/customers").want(t, http.StatusOK, "Groß, Änne", "0 von 1", "Eingeladen")

	cu, err := w.customers.Get(ctx, w.admin, id)
	must(t, err)
	cu.City = "Bonn"
	_, err = w.customers.Update(ctx, w.admin, id, cu.Version, cu.Data)
	must(t, err)
	accesses, err := w.accesses.OfCustomer(ctx, w.admin, id)
	must(t, err)
	must(t, w.accesses.Deactivate(ctx, w.admin, id, accesses[0].ID))
	page := b.get("/customers")
	page.want(t, http.StatusOK, "Groß, Änne", "Bonn", "Deactivated")
	assert.NotContains(t, page.body, "Köln", "the city of before is on the page")
}

// TestSavedViews: a filter gets a name, leads to the list again, and is removed; one for everybody needs the right.
func TestSavedViews(t *testing.T) {
	w := newWorld(t)
	w.specialist("paula@kanzlei.example", policies.Specialist)
	b, paula := w.signedIn(), w.browser().signIn("paula@kanzlei.example", strong)
	link := attr(b.get("/customers?q=x").doc(t), ".tools a[href^='/views/new']", "href")
	list := attr(b.get("/customers?type=person&sort=-city").doc(t), ".tools a[href^='/views/new']", "href")
	assert.Empty(t, link, "a search alone is not saved")
	require.NotEmpty(t, list)
	form := b.get(list).doc(t).Find("form[action='/views']")
	query := form.Find("[name=query]").AttrOr("value", "")
	assert.Equal(t, "type=person&sort=-city", query)
	b.send("/views", "list", "customers", "query", query, "name", " ").want(t, http.StatusUnprocessableEntity, "Enter a name of up to 40 characters.")
	b.send("/views", "list", "customers", "query", query, "name", "Nach Ort", "shared", "1").goesTo(t, "/customers?type=person&sort=-city")
	paula.send("/views", "list", "customers", "query", "city=Kiel&q=geheim", "name", "Kiel").goesTo(t, "/customers?city=Kiel")
	paula.send("/views", "list", "customers", "query", "city=Kiel", "name", "Alle in Kiel", "shared", "1").want(t, http.StatusForbidden)
	paula.send("/views", "list", "accounts", "name", "Kiel").want(t, http.StatusNotFound)
	shown := func(b *browser, path string) (names []string) {
		b.get(path).doc(t).Find(".chips:first-of-type a[href^='/customers'] svg").Each(func(_ int, s *goquery.Selection) {
			names = append(names, s.Parent().Text())
		})
		return names
	}
	assert.Equal(t, []string{"Nach Ort"}, shown(b, "/customers"))
	assert.Equal(t, []string{"Kiel", "Nach Ort"}, shown(paula, "/customers"))
	assert.Equal(t, "Nach Ort", b.get("/customers?type=person&sort=-city").doc(t).Find(".chips [aria-current] svg").Parent().Text())
	assert.Equal(t, 1, paula.get("/views").doc(t).Find("form[action$='/remove']").Length(), "only one's own can be removed")
	b.send(attr(b.get("/views").doc(t), "form[action$='/remove']", "action")).goesTo(t, "/views")
	assert.Empty(t, shown(b, "/customers"))
	assert.Equal(t, []string{"Kiel"}, shown(paula, "/customers"))
}

// TestColumns: a list has the columns that a person has chosen, and that by which it is sorted.
func TestColumns(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	hidden := func(path string) (columns []string) {
		for _, class := range strings.Fields(attr(b.get(path).doc(t), "table.rows", "class")) {
			if column, ok := strings.CutPrefix(class, "without-"); ok {
				columns = append(columns, column)
			}
		}
		return columns
	}
	assert.Equal(t, []string{"changed"}, hidden("/customers"), "before a choice")
	assert.Empty(t, hidden("/customers?sort=-changed"), "sorted by a hidden column")
	form := b.get(attr(b.get("/customers?type=person").doc(t), "a[href^='/views/columns']", "href")).doc(t).Find("form[action='/views/columns']")
	assert.Equal(t, 4, form.Find("[name=column][checked]").Length())
	query := form.Find("[name=query]").AttrOr("value", "")
	b.send("/views/columns", "list", "customers", "query", query, "column", "city", "column", "changed").goesTo(t, "/customers?type=person")
	assert.Equal(t, []string{"type", "registered", "status"}, hidden("/customers"))
	b.send("/views/columns", "list", "transactions").goesTo(t, "/transactions")
	assert.Equal(t, []string{"type", "registered", "status"}, hidden("/customers"), "another list has its own")
	b.send("/views/columns", "list", "customers", "column", "secret").want(t, http.StatusUnprocessableEntity)
	b.send("/views/columns", "list", "accounts").want(t, http.StatusNotFound)
	b.get("/views/columns?list=accounts").want(t, http.StatusNotFound)
}

// TestCopied: what people copy from a customer's, a transaction's and a colleague's page has a button that copies it as it
// is shown. What is not known has none.
func TestCopied(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	copied := func(path string) (values []string) {
		b.get(path).doc(t).Find("[data-copy]").Each(func(_ int, s *goquery.Selection) { values = append(values, s.AttrOr("data-copy", "")) })
		return values
	}
	add := func(d customer.Draft) customer.Customer {
		cu, _, err := w.customers.Add(context.Background(), w.admin, d, nil)
		must(t, err)
		return cu
	}
	bare := add(customer.Draft{Type: customer.Person, Data: customer.Data{FirstName: "Änne", LastName: "Burg", Locale: "de"}})
	assert.Equal(t, []string{bare.Label()}, copied("/customers/"+bare.ID.String()+"/data"))
	cu := add(customer.Draft{Type: customer.Company, Data: customer.Data{
		CompanyName: "Werft AG", FirstName: "Zoë", LastName: "Ahn", Street: "Kai 1", PostalCode: "1010", City: "Wien", Country: "AT", Phone: "+493023125001",
		Reference: "W-77", Locale: "de",
	}})
	for _, tab := range []string{"/data", "/history"} {
		assert.Equal(t, []string{cu.Label(), "Kai 1, 1010 Wien, Austria", "+49 30 23125001", "W-77"}, copied("/customers/"+cu.ID.String()+tab))
	}
	tr := w.transaction("Vertrag")
	assert.Equal(t, []string{tr.Label(), "K-10001"}, copied("/transactions/"+tr.ID.String()))
	of := w.specialist("clara@kanzlei.example", policies.Specialist)
	assert.Equal(t, []string{"clara@kanzlei.example"}, copied("/specialists/"+of.ID.String()))
	for _, list := range []string{"/customers", "/transactions", "/specialists"} {
		assert.Empty(t, copied(list), "a list stays calm")
	}
}
