package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/customer"
	"kontor/app/transaction"
	"kontor/policies"
)

// TestAddTransaction: the form needs only a name. After mistakes the typed values stay. Sending the form twice adds one
// transaction.
func TestAddTransaction(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	list := "/customers/" + w.customer.String() + "/transactions"
	b.get(list).want(t, http.StatusOK, "No business transactions yet", "Add transaction")
	b.get(list+"/new").want(t, http.StatusOK, "Name", "Kind", "Due", "Responsible", "Anna Berg")
	wrong := b.send(list, "name", "", "kind", "contract", "due", "2026-02-31", "responsible", "x")
	wrong.want(t, http.StatusUnprocessableEntity, "3 entries", "Choose an active specialist user.")
	assert.True(t, strings.HasPrefix(wrong.title(), "Error:"), "title %q; what was chosen is lost", wrong.title())
	assert.Contains(t, wrong.body, `value="contract" selected`, "what was chosen is lost")
	once := uuid.Must(uuid.NewV7()).String()
	var to []string
	for range 2 {
		a := b.send(list, "name", "Mietvertrag", "submission", once, "customer_id", uuid.Must(uuid.NewV7()).String(), "status", "closed")
		require.Equal(t, http.StatusSeeOther, a.StatusCode, a.text())
		to = append(to, a.Header.Get("Location"))
	}
	assert.Equal(t, to[1], to[0], "sent twice leads")
	assert.True(t, strings.HasPrefix(to[0], "/transactions/"))
	b.get(to[0]).want(t, http.StatusOK, "Mietvertrag", "V-10001", "Other", "Open", "Kühn, Berta")
	b.send(list, "name", "MIETVERTRAG").want(t, http.StatusUnprocessableEntity, "already has a business transaction with this name")
	b.get(list).want(t, http.StatusOK, "1 business transaction", "Mietvertrag")
}

// title is the page's.
func (a answer) title() string {
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	if err != nil {
		return ""
	}
	return doc.Find("title").Text()
}

// TestWhoSeesTransactions: an administrator sees all transactions, an additional processor sees exactly their own. A
// person without a relation sees neither a name nor a number anywhere.
func TestWhoSeesTransactions(t *testing.T) {
	w := newWorld(t)
	given, kept := w.transaction("Einkommensteuer 2025"), w.transaction("Erbvertrag")
	ben := w.specialist("ben@kanzlei.example")
	w.specialist("clara@kanzlei.example")
	w.addProcessor(given.ID, ben.ID)
	a, b, c := w.signedIn(), w.browser().signIn("ben@kanzlei.example", strong), w.browser().signIn("clara@kanzlei.example", strong)
	of := "/customers/" + w.customer.String()
	for _, path := range []string{
		"/transactions", "/transactions?q=e", "/transactions?customer=K-10001", of + "/transactions", of + "/log", "/transactions?kind=tax_return",
	} {
		for _, asks := range []struct {
			who         *browser
			given, kept bool
		}{{a, true, true}, {b, true, false}, {c, false, false}} {
			for _, header := range []string{"", "true"} {
				text := asks.who.get(path, "HX-Request", header).text()
				got := strings.Contains(text, given.Name) || strings.Contains(text, given.Label())
				assert.Equal(t, asks.given, got, "%s shows the given one", path)
				got = strings.Contains(text, kept.Name) || strings.Contains(text, kept.Label())
				assert.Equal(t, asks.kept, got, "%s shows the other one", path)
			}
		}
	}
	for path, want := range map[string]int{"/transactions/" + given.ID.String(): http.StatusOK, "/transactions/" + kept.ID.String(): http.StatusNotFound} {
		for _, part := range []string{"", "/log", "/edit"} {
			assert.Equal(t, want, b.get(path+part).StatusCode, "%s%s", path, part)
		}
	}
	assert.NotContains(t, b.get("/transactions").text(), "2 business transactions", "the count tells of one that is not shown")
	assert.Contains(t, c.get("/customers").text(), "My transactions", "My transactions is not in the navigation")
}

// TestTransactionConflict: two people edit at the same time; the second sees both values in words and chooses.
func TestTransactionConflict(t *testing.T) {
	w := newWorld(t)
	tr := w.transaction("Vertrag")
	b := w.signedIn()
	path := "/transactions/" + tr.ID.String()
	_, err := w.transactions.Update(context.Background(), w.admin, tr.ID, 1, transaction.Form{Name: "Vertrag", Kind: "contract", Due: "2026-12-24"})
	must(t, err)
	a := b.send(path+"/edit", "version", "1", "name", "Vertrag", "kind", "correspondence", "due", "2026-11-20",
		"was_name", "Vertrag", "was_kind", "tax_return", "was_due", "2026-11-20", "was_responsible", "")
	a.want(t, http.StatusConflict, "Correspondence", "Contract", "Also changed meanwhile", "Due")
	assert.Equal(t, "2026-12-24", attr(a.doc(t), "[name=due]", "value"), "due, which only they changed, became")
	b.send(path+"/edit", "version", "2", "name", "Vertrag", "kind", "correspondence", "due", "2026-12-24", "keep_kind", "theirs").goesTo(t, path)
	b.get(path).want(t, http.StatusOK, "Contract", "24 December 2026")
	b.send(path+"/status", "version", "1", "status", "closed").want(t, http.StatusConflict)
	b.send(path+"/status", "version", "2", "status", "closed").goesTo(t, path)
	b.get(path).want(t, http.StatusOK, "Closed", "Reopen")
	b.send(path+"/status", "version", "3", "status", "lost").want(t, http.StatusUnprocessableEntity)
	b.get(path+"/log").want(t, http.StatusOK, "Business transaction changed", "Tax return", "Contract", "Status of a business transaction changed", "Closed")
}

// TestPortalTransactions: an end user sees all transactions of their own customers and no others, in plain words.
func TestPortalTransactions(t *testing.T) {
	w := newWorld(t)
	b := w.endUser()
	b.get("/portal").want(t, http.StatusOK, "Noch keine Geschäftsvorfälle")
	theirs := w.transaction("Einkommensteuer 2025")
	own := w.customer
	cu, _, err := w.customers.Add(context.Background(), w.admin, customer.Draft{
		Type: customer.Person, Data: customer.Data{FirstName: "F", LastName: "Fremd", Locale: "de"},
	}, nil)
	must(t, err)
	w.customer = cu.ID
	foreign := w.transaction("Fremdes")
	w.customer = own
	page := b.get("/portal")
	page.want(t, http.StatusOK, "Einkommensteuer 2025", "In Arbeit", "bitte bis 20.11.2026")
	assert.NotContains(t, page.text(), "Fremdes", "the portal shows another customer's transaction")
	b.get("/portal/transactions/"+theirs.ID.String()).want(t, http.StatusOK, "Einkommensteuer 2025", "V-10001")
	b.get("/portal/transactions/"+foreign.ID.String()).want(t, http.StatusNotFound)
	assert.NotContains(t, b.get("/portal?customer="+cu.ID.String()).text(), "Fremdes", "an address shows another customer's transaction")
	_, err = w.transactions.SetStatus(context.Background(), w.admin, theirs.ID, 1, transaction.InReview)
	must(t, err)
	b.get("/portal").want(t, http.StatusOK, "Kanzlei Berg prüft")
}

// TestKeepKinds: a template administrator adds, renames, orders and retires kinds; forms offer the active kinds.
func TestKeepKinds(t *testing.T) {
	w := newWorld(t)
	tr := w.transaction("Vertrag")
	w.specialist("toni@kanzlei.example", policies.TemplateAdministrator)
	b := w.browser().signIn("toni@kanzlei.example", strong)
	b.get("/transaction-kinds").want(t, http.StatusOK, "Tax return", "tax_return", "Steuererklärung", "Add kind")
	b.send("/transaction-kinds", "name_en", "", "name_de", "x").want(t, http.StatusUnprocessableEntity, "English name")
	b.send("/transaction-kinds", "name_en", "Power of attorney", "name_de", "Vollmacht").goesTo(t, "/transaction-kinds")
	b.send("/transaction-kinds", "name_en", "Power of attorney", "name_de", "Vollmacht").want(t, http.StatusUnprocessableEntity, "Keys are never reused")
	b.send("/transaction-kinds/power_of_attorney", "version", "1", "name_en", "Proxy", "name_de", "Vollmacht").goesTo(t, "/transaction-kinds")
	b.send("/transaction-kinds/power_of_attorney", "version", "1", "name_en", "Late", "name_de", "Spät").want(t, http.StatusConflict)
	b.send("/transaction-kinds/tax_return/retire").goesTo(t, "/transaction-kinds")
	b.send("/transaction-kinds/other/retire").want(t, http.StatusConflict, "This kind has to stay")
	b.send("/transaction-kinds/nothing/retire").want(t, http.StatusNotFound)
	b.send("/transaction-kinds/power_of_attorney/move", "direction", "up").goesTo(t, "/transaction-kinds")
	page := b.get("/transaction-kinds").text()
	assert.LessOrEqual(t, strings.Index(page, "Proxy"), strings.Index(page, "Correspondence"), "the list")
	assert.Contains(t, page, "Retired", "the list")
	admin := w.signedIn()
	form := admin.get("/customers/" + w.customer.String() + "/transactions/new").body
	assert.NotContains(t, form, `value="tax_return"`, "the form does not offer what can be chosen")
	assert.Contains(t, form, `value="power_of_attorney"`, "the form does not offer what can be chosen")
	admin.get("/transactions/"+tr.ID.String()).want(t, http.StatusOK, "Tax return")
	edit := admin.get("/transactions/" + tr.ID.String() + "/edit").body
	assert.Contains(t, edit, `value="tax_return" selected`, "a retired kind is lost where it is in use")
	kinds, err := w.transactions.Kinds(context.Background())
	must(t, err)
	last := kinds[len(kinds)-1]
	assert.Equal(t, transaction.OtherKind, last.Key)
	assert.True(t, slices.ContainsFunc(kinds, func(k transaction.Kind) bool { return k.NameEN == "Proxy" }), "%+v", kinds)
	w.signedIn().get("/audit").want(t, http.StatusOK, "Kind of business transaction retired")
}

// TestTransactionsExported: My transactions offers what its filter shows as a file, to those who may export.
func TestTransactionsExported(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	w.transaction("=Vertrag Nord")
	w.transaction("Vertrag Süd")
	link := attr(b.get("/transactions?q=nord").doc(t), `a[href^="/transactions.csv"]`, "href")
	assert.Equal(t, "/transactions.csv?q=nord", link)
	a := b.get(link)
	a.want(t, http.StatusOK)
	assert.Equal(t, `attachment; filename="My-transactions.csv"`, a.Header.Get("Content-Disposition"))
	lines := strings.Split(strings.TrimSpace(a.body), "\r\n")
	require.Len(t, lines, 2, a.body)
	assert.Contains(t, lines[1], "'=Vertrag Nord,Tax return,K-10001,", "a cell that a spreadsheet would execute")
	assert.Len(t, strings.Split(strings.TrimSpace(b.get("/transactions.csv?sort=newest").body), "\r\n"), 3)
	assert.True(t, strings.HasPrefix(b.get("/transactions.xlsx").body, "PK"))
	w.publish(policies.Default + "p, user_administrator, *, transaction, *, export, deny\n")
	assert.Zero(t, b.get("/transactions").doc(t).Find(`a[href^="/transactions.csv"]`).Length())
	b.get("/transactions.csv").want(t, http.StatusForbidden)
	b.get("/transactions.xlsx").want(t, http.StatusForbidden)
}

// TestTransactionsSorted: the heads of My transactions sort it in both directions, with every filter, in the export and in a
// saved view. A search says that it is not sorted by what was asked for. From each order a link leads back to the work list.
func TestTransactionsSorted(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	for i, name := range []string{"Mietvertrag", "Ärger", "Zoll"} {
		tr := w.transaction(name)
		w.Exec(`UPDATE transactions SET kind = ?, status = ?, due = ? WHERE id = ?`, []string{"tax_return", "contract", "other"}[i],
			[]string{"closed", "in_review", "open"}[i], []string{"2026-12-24", "", "2026-12-01"}[i], tr.ID)
	}
	w.Exec(`UPDATE transactions SET responsible_id = ? WHERE name = 'Mietvertrag'`, w.admin.ID)
	listed := func(a answer) (all []string) {
		a.doc(t).Find("table.transactions tbody .name").Each(func(_ int, n *goquery.Selection) { all = append(all, n.Text()) })
		return all
	}
	const work = "Zoll Ärger Mietvertrag" // the first one is closed
	for query, want := range map[string]string{
		"sort=name": "Ärger Mietvertrag Zoll", "sort=-name": "Zoll Mietvertrag Ärger",
		"sort=number": "Mietvertrag Ärger Zoll", "sort=-number": "Zoll Ärger Mietvertrag", "sort=newest": "Zoll Ärger Mietvertrag",
		"sort=customer": "Mietvertrag Ärger Zoll", "sort=-customer": "Zoll Ärger Mietvertrag",
		"sort=responsible": "Mietvertrag Zoll Ärger", "sort=-responsible": "Mietvertrag Zoll Ärger",
		"sort=kind": "Ärger Mietvertrag Zoll", "sort=-kind": "Zoll Mietvertrag Ärger",
		"sort=status": "Zoll Ärger Mietvertrag", "sort=-status": "Mietvertrag Ärger Zoll",
		"sort=due": "Zoll Mietvertrag Ärger", "sort=-due": "Mietvertrag Zoll Ärger",
		"sort=name&status=open&responsible=none": "Zoll", "sort=name&responsible=me": "Mietvertrag",
		"sort=name&q=%21": "Ärger Mietvertrag Zoll", "sort=name&q=berta": "Zoll Ärger Mietvertrag", "sort=number&q=berta": "Mietvertrag Ärger Zoll",
		"sort=-name&customer=K-10001": "Zoll Mietvertrag Ärger", "customer=K-10001": "Zoll Ärger Mietvertrag",
		"sort=nonsense": work, "": work,
	} {
		a := b.get("/transactions?" + query)
		a.want(t, http.StatusOK)
		assert.Equal(t, want, strings.Join(listed(a), " "), query)
		assert.Equal(t, query == "" || query == "sort=nonsense", a.doc(t).Find("tr.group").Length() > 0, "%q has groups", query)
		if !strings.Contains(query, "customer=") {
			assert.Equal(t, want, strings.Join(listed(b.get("/customers/"+w.customer.String()+"/transactions?"+query)), " "), "of the customer: %s", query)
		}
		var exported []string
		for _, line := range strings.Split(strings.TrimSpace(b.get("/transactions.csv?"+query).body), "\r\n")[1:] {
			exported = append(exported, strings.Split(line, ",")[1])
		}
		assert.Equal(t, want, strings.Join(exported, " "), "exported: %s", query)
	}
	doc := b.get("/transactions?kind=contract&sort=name").doc(t)
	for selector, want := range map[string]string{
		"th[aria-sort=ascending] a@href": "/transactions?kind=contract&sort=-name", "th:nth-child(2)@aria-sort": "none",
		"th a[href$='=customer']@href": "/transactions?kind=contract&sort=customer", ".count a@href": "/transactions?kind=contract",
		"th a[href$='=due']@href": "/transactions?kind=contract&sort=due", "[form=filter][name=sort]@value": "name",
		"a[href^='/transactions.csv']@href": "/transactions.csv?kind=contract&sort=name", ".selection-filter, #selection [name=sort]@value": "name",
	} {
		css, name, _ := strings.Cut(selector, "@")
		assert.Equal(t, want, attr(doc, css, name), selector)
	}
	doc = b.get("/transactions?sort=-customer").doc(t)
	assert.Equal(t, "/transactions?sort=customer", attr(doc, "th[aria-sort=descending] a:last-of-type", "href"))
	doc = b.get("/transactions").doc(t)
	assert.Zero(t, doc.Find("th[aria-sort=ascending], th[aria-sort=descending], .count a").Length(), "a work list is sorted by no column alone")
	searched := b.get("/transactions?q=berta&sort=name")
	searched.want(t, http.StatusOK, "Search results: newest first")
	assert.Equal(t, "/transactions?q=berta&sort=number", attr(searched.doc(t), "th[aria-sort=descending] a", "href"))
	assert.Equal(t, 1, searched.doc(t).Find("th a").Length(), "a search is sorted by number only")
	assert.NotContains(t, b.get("/transactions?q=berta&sort=number").text(), "Search results:")
	assert.NotContains(t, b.get("/transactions?q=berta").text(), "Search results:")
	assert.NotContains(t, b.get("/transactions?q=%21&sort=name").text(), "Search results:", "there is nothing to search for")
	b.send("/views", "list", "transactions", "query", "kind=contract&sort=-due", "name", "Verträge").goesTo(t, "/transactions?kind=contract&sort=-due")
	assert.Equal(t, "Verträge", strings.TrimSpace(b.get("/transactions?kind=contract&sort=-due").doc(t).Find("[aria-current=true]").Text()))
}

// TestEverybodyCanBeAskedFor: the filters by person offer oneself and nobody first, then everybody, also in a large firm.
func TestEverybodyCanBeAskedFor(t *testing.T) {
	w := newWorld(t)
	const people = 500
	for i := range people {
		w.Person(fmt.Sprintf("Zoe %03d", i), true)
	}
	b := w.signedIn()
	for list, field := range map[string]string{"/transactions": "responsible", "/customers": "administrator"} {
		var offered []string
		b.get(list).doc(t).Find("select[name=" + field + "] option").Each(func(_ int, o *goquery.Selection) { offered = append(offered, o.Text()) })
		assert.Contains(t, []string{"Me", "Mine"}, offered[1], list)
		assert.Equal(t, []string{"Zoe 000", "Zoe 001"}, offered[len(offered)-people:len(offered)-people+2], list)
		assert.Equal(t, fmt.Sprintf("Zoe %03d", people-1), offered[len(offered)-1], list)
	}
}
