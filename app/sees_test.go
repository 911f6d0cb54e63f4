package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/store/storetest"
)

// TestWhoSeesWhat tests authorisation with two web processes on one database. A administers a customer, B processes one
// of its transactions, C has no relation. Removed authorisations are refused at the next click and come back with Undo.
// Why? answers for all three. A published policy applies in the other process at once, and can be reverted.
func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	settings := map[string]string{
		"DATABASE_URL": storetest.PostgresURL(t), "REDIS_URL": redisURL(t), "SECRET_KEY": productionKey,
		"ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword, "WORKER": "embedded", "MAILBOX": "on",
	}
	listen := freeAddress(t)
	settings["BASE_URL"] = "http://" + listen // of both: where links lead
	there := boot(t, settings)
	settings["LISTEN"] = listen
	here := boot(t, settings)
	f := &seeing{t: t, admin: visitor(t, here.URL), there: "http://" + there.Address}
	f.admin.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
	a, b, c := f.colleague("Anna Berg"), f.colleague("Ben Büro"), f.colleague("Clara Cron")
	f.customerWith("Roof repair", "Inheritance", "Ship purchase")
	page := f.admin.get(f.customer + "/administrators")
	page.send("Determine administrator", map[string]string{"specialist": f.option(page, "Anna Berg")}).shows("Anna Berg")
	page = f.admin.get(f.customer + "/processors")
	page.send("Determine additional processors", map[string]string{
		"specialist": f.option(page, "Ben Büro"), "transaction": f.option(page, "Roof repair"),
	}).shows("Ben Büro")
	roof := f.admin.get(f.customer+"/transactions").Find("main a:contains('Roof repair')").AttrOr("href", "")

	// A sees all, B exactly one and C none, in the list and on the single pages.
	a.get("/transactions").shows("Roof repair", "Inheritance", "Ship purchase", "3 business transactions")
	b.get("/transactions").shows("Roof repair", "1 business transaction").hides("Inheritance", "Ship purchase")
	c.get("/transactions").hides("Roof repair", "Inheritance", "Ship purchase")
	c.get("/transactions?q=roof").hides("Roof repair")
	c.get(roof).is(http.StatusNotFound, "").hides("Roof repair")
	c.get(f.customer+"/authorisations").is(http.StatusOK, "").hides("Roof repair", "Ben Büro")
	c.get(f.customer+"/log").hides("Roof repair", "Inheritance")

	f.why(a, "is an administrator of the customer", "may process this business transaction")
	f.why(b, "is an additional processor of", "may process this business transaction")
	f.why(c, "may not see this business transaction")

	// Once B is removed, the next click on B's open page is refused. After the undo, it works again.
	open := b.get(roof).is(http.StatusOK, "")
	authorisations := f.admin.get(f.customer + "/authorisations")
	box := authorisations.Find(`input[aria-label="Select Ben Büro"]`)
	removed := authorisations.send("Remove authorisation", map[string]string{box.AttrOr("name", ""): box.AttrOr("value", "")})
	removed.is(http.StatusOK, f.customer+"/authorisations")
	open.send("Send to review", nil).is(http.StatusNotFound, "").hides("Roof repair")
	b.get("/transactions").hides("Roof repair")
	removed.send("Undo", nil).shows("Ben Büro")
	open.send("Send to review", nil).is(http.StatusOK, roof).shows("In review")

	// Additional processors lose the right to process. The draft names who is concerned, and the other process follows.
	draft := f.admin.get("/policies/draft?role=specialist&relation=processor&object=transaction&kind=*&action=process&effect=deny").
		send("Add rule", nil).is(http.StatusOK, "")
	draft.shows("Ben Büro can no longer process 1 business transaction")
	open = b.get(roof).send("Set to open", nil).is(http.StatusOK, roof).shows("Open") // a draft is not in force
	f.admin.get("/policies/draft").send("Publish", map[string]string{"comment": "Four eyes for processors"}).is(http.StatusOK, "")
	await.True(t, "the policy in the other process", func() bool { return b.get(roof).Find("button:contains('Send to review')").Length() == 0 })
	open.send("Send to review", nil).is(http.StatusForbidden, "")
	b.get(roof).is(http.StatusOK, "").shows("Roof repair")
	f.why(b, "forbids it")
	a.get(roof).send("Send to review", nil).is(http.StatusOK, roof)

	f.admin.get("/policies/versions/1").send("Publish this version again", map[string]string{"comment": "Back to what was"}).is(http.StatusOK, "")
	await.True(t, "the policy of before in the other process", func() bool {
		return b.get(roof).Find("button:contains('Set to open')").Length() == 1
	})
	b.get(roof).send("Set to open", nil).is(http.StatusOK, roof).shows("Open")
	f.admin.get("/policies/versions").shows("Four eyes for processors", "Back to what was")
}

// seeing is a firm with one customer, whose administrator sits at one web process and the colleagues at the other.
type seeing struct {
	t        *testing.T
	admin    *someone
	there    string
	customer string // address of the customer
}

// colleague adds a specialist user, who sets a password and signs in at the other process.
func (f *seeing) colleague(name string) *someone {
	f.t.Helper()
	email := strings.ToLower(strings.Fields(name)[0]) + "@kanzlei.example"
	f.admin.get("/specialists/new").send("Add and send link", map[string]string{"name": name, "email": email}).is(http.StatusOK, "")
	who := visitor(f.t, f.admin.base) // where links lead
	who.get(linkIn(f.t, f.admin.received("email", email).Text)).send("Save password", map[string]string{
		"password": goodPassword, "password_repeat": goodPassword,
	}).is(http.StatusOK, "")
	who.base = f.there
	who.signIn(email, goodPassword).is(http.StatusOK, "/customers")
	return who
}

func (f *seeing) customerWith(transactions ...string) {
	f.t.Helper()
	saved := f.admin.get("/customers/new?type=company").send("Save", map[string]string{
		"company_name": "Hafen AG", "first_name": "Ines", "last_name": "Vogt", "email": "ines@kunde.example",
	})
	f.customer = strings.TrimSuffix(saved.URL.Path, "/authorisations")
	for _, name := range transactions {
		f.admin.get(f.customer+"/transactions/new").send("Save", map[string]string{"name": name}).is(http.StatusOK, "")
	}
}

// option is the value of the checkbox whose label has the name.
func (f *seeing) option(p *page, name string) string {
	f.t.Helper()
	value := ""
	p.Find("label").EachWithBreak(func(_ int, l *goquery.Selection) bool {
		if strings.Contains(l.Text(), name) {
			value = p.Find(fmt.Sprintf("[id=%q]", l.AttrOr("for", ""))).AddSelection(l.Find("input")).AttrOr("value", "")
		}
		return value == ""
	})
	require.NotEmpty(f.t, value, "%s offers no %s: %s", p.URL, name, p.text("main"))
	return value
}

// why asks why somebody may do what with B's transaction.
func (f *seeing) why(who *someone, texts ...string) {
	f.t.Helper()
	people := f.admin.get("/specialists?q=" + f.nameOf(who))
	person := strings.TrimPrefix(people.Find("main table a[href^='/specialists/']").AttrOr("href", ""), "/specialists/")
	transaction := strings.TrimPrefix(f.admin.get(f.customer+"/transactions").Find("main a:contains('Roof repair')").AttrOr("href", ""), "/transactions/")
	f.admin.get(f.customer+"/authorisations/why?person="+person+"&transaction="+transaction).is(http.StatusOK, "").shows(texts...)
}

// nameOf is the first name that stands on the person's own page.
func (f *seeing) nameOf(who *someone) string {
	f.t.Helper()
	return strings.Fields(who.get("/account").Find("[name=name]").AttrOr("value", ""))[0]
}
