package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/authorisation"
	authorisationpages "kontor/app/internal/web/authorisation"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// authorised is a world in which anna (the admin) administers the customer and has two transactions, and ben processes the
// first.
func authorised(t *testing.T) (w *world, b *browser, ben, contract, taxes uuid.UUID) {
	t.Helper()
	w = newWorld(t)
	contract, taxes = w.transaction("Mietvertrag").ID, w.transaction("Steuer 2025").ID
	ben = w.specialist("ben@kanzlei.example").ID
	w.addProcessor(contract, ben)
	return w, w.signedIn(), ben, contract, taxes
}

// TestRemoveAuthorisation: A sees everything, B sees exactly one transaction. After removing B's authorisation, B's open
// page refuses the next click; after undoing, it works again.
func TestRemoveAuthorisation(t *testing.T) {
	w, anna, ben, contract, taxes := authorised(t)
	b := w.browser().signIn("ben@kanzlei.example", strong)
	b.get("/transactions/"+contract.String()).want(t, http.StatusOK, "Mietvertrag")
	b.get("/transactions/"+taxes.String()).want(t, http.StatusNotFound)

	doc := anna.get(w.path() + "/authorisations").doc(t)
	box := doc.Find("form#selection [name=processor]")
	assert.Equal(t, 1, box.Length(), "the checkbox of B")
	assert.Equal(t, ben.String(), box.AttrOr("value", ""), "the checkbox of B")
	assert.Equal(t, "Select Ben@kanzlei.example", box.AttrOr("aria-label", ""), "the checkbox of B")
	assert.Equal(t, []string{"Clear selection", "Remove authorisation"}, wordsOf(doc.Find(".bar button")), "the bar has")
	assert.Zero(t, doc.Find("form form").Length(), "forms in forms, or something is selected to begin with")
	assert.Zero(t, doc.Find("input:checked, input[checked]").Length(), "forms in forms, or something is selected to begin with")
	anna.send(w.path()+"/authorisations/remove", "processor", ben.String()).goesTo(t, w.path()+"/authorisations")
	b.get("/transactions/"+contract.String()).want(t, http.StatusNotFound)
	b.send("/transactions/"+contract.String()+"/status", "status", "closed", "version", "1").want(t, http.StatusNotFound)

	page := anna.get(w.path() + "/authorisations")
	page.want(t, http.StatusOK, "Ben@kanzlei.example's authorisation has been removed", "No additional processors")
	undo := attr(page.doc(t), ".toast-line form", "action")
	assert.Equal(t, "Undo", page.doc(t).Find(".toast-line button").Text(), "the toast: %s", page.doc(t).Find(".toast-line").Text())
	assert.Equal(t, 0, page.doc(t).Find("form.undo").Length(), "what the toast offers is offered twice")
	lines := func(b *browser) []string {
		return wordsOf(b.get(w.path() + "/authorisations").doc(t).Find("form.undo span, form.undo button"))
	}
	w.Tick(authorisation.UndoLife - time.Second)
	assert.Equal(t, []string{"You removed the authorisation of Ben@kanzlei.example at 09:00. You can undo this until 09:10.", "Undo"}, lines(anna), "on the page loaded anew")
	anna.language = "de"
	assert.Equal(t, []string{"Sie haben um 09:00 die Berechtigung von Ben@kanzlei.example entfernt. Sie können das bis 09:10 rückgängig machen.", "Rückgängig machen"}, lines(anna), "in German")
	anna.language = "en"
	assert.Equal(t, undo, attr(anna.get(w.path()+"/authorisations").doc(t), "form.undo", "action"), "it posts the toast")
	assert.Empty(t, lines(b), "B is offered")
	b.send(undo).want(t, http.StatusGone)
	anna.send(undo).goesTo(t, w.path()+"/authorisations")
	anna.get(w.path()+"/authorisations").want(t, http.StatusOK, "Undone", "Ben@kanzlei.example")
	b.get("/transactions/"+contract.String()).want(t, http.StatusOK)
	anna.send(undo).want(t, http.StatusGone, "can no longer be undone")
	assert.Empty(t, lines(anna), "undone, and offered still")

	anna.send(w.path()+"/authorisations/remove", "processor", ben.String()).goesTo(t, w.path()+"/authorisations")
	undo = attr(anna.get(w.path()+"/authorisations").doc(t), ".toast-line form", "action")
	w.Tick(authorisation.UndoLife)
	anna.send(undo).want(t, http.StatusGone)
	assert.Empty(t, lines(anna), "after ten minutes")
}

// TestRemoveRefused: if the selection contains something that does not exist or must not be removed, nothing is changed.
func TestRemoveRefused(t *testing.T) {
	w, anna, ben, _, _ := authorised(t)
	w.invite("berta@kunde.example", "")
	access := w.row("berta@kunde.example").ID.String()
	remove := w.path() + "/authorisations/remove"
	anna.send(remove).want(t, http.StatusUnprocessableEntity, "Nothing is selected")
	for _, wrong := range []string{"", "x", uuid.Must(uuid.NewV7()).String(), w.admin.ID.String()} {
		anna.send(remove, "access", access, "processor", ben.String(), "processor", wrong).want(t, http.StatusNotFound, "Nothing was removed")
	}
	b := w.browser().signIn("ben@kanzlei.example", strong)
	b.send(remove, "access", access).want(t, http.StatusForbidden)
	b.send(remove, "processor", ben.String()).want(t, http.StatusForbidden)
	anna.get(w.path()+"/authorisations").want(t, http.StatusOK, "berta@kunde.example", "Ben@kanzlei.example")
	assert.Equal(t, http.StatusForbidden, anna.do(http.MethodPost, remove, url.Values{"access": {access}}).StatusCode, "without the token")
}

// TestRemoveLast: before the last access or administrator is removed, a page explains the consequence and asks; its
// button is named after the action.
func TestRemoveLast(t *testing.T) {
	w, anna, _, _, _ := authorised(t)
	w.invite("berta@kunde.example", "")
	remove, access := w.path()+"/authorisations/remove", w.row("berta@kunde.example").ID.String()
	asks := anna.send(remove, "access", access, "administrator", w.admin.ID.String())
	asks.want(t, http.StatusConflict, "Without an access", "Without an active administrator", "Berta Kühn", "Anna Berg")
	doc := asks.doc(t)
	form := doc.Find("form[action='" + remove + "']")
	assert.Equal(t, "Remove authorisation", form.Find("button").Text(), form.Text())
	assert.Equal(t, "yes", attr(doc, "[name=confirmed]", "value"), form.Text())
	pairs := []string{}
	form.Find("input[type=hidden]").Each(func(_ int, i *goquery.Selection) {
		if i.AttrOr("name", "") != kit.CSRFField {
			pairs = append(pairs, i.AttrOr("name", ""), i.AttrOr("value", ""))
		}
	})
	anna.get(w.path()+"/authorisations").want(t, http.StatusOK, "berta@kunde.example", "Anna Berg")
	anna.send(remove, pairs...).goesTo(t, w.path()+"/authorisations")
	page := anna.get(w.path() + "/authorisations")
	page.want(t, http.StatusOK, "2 authorisations have been removed", "No access", "No administrator")
	anna.send(attr(page.doc(t), ".toast-line form", "action")).goesTo(t, w.path()+"/authorisations")
	anna.get(w.path()+"/authorisations").want(t, http.StatusOK, "get a new invitation", "berta@kunde.example")
}

// TestDetermine: searching, keeping the selection, complaints and assigning all work without JavaScript.
func TestDetermine(t *testing.T) {
	w, anna, ben, contract, taxes := authorised(t)
	clara := w.specialist("clara@kanzlei.example")
	for i := range authorisationpages.OfferedPeople {
		w.specialist(string(rune('d'+i)) + "@kanzlei.example")
	}
	at := w.path() + "/administrators"
	doc := anna.get(at + "?q=clara").doc(t)
	got := wordsOf(doc.Find("#people label"))
	require.Len(t, got, 1, "?q= finds")
	assert.True(t, strings.HasPrefix(got[0], "Clara@kanzlei.example"))
	doc = anna.get(at).doc(t)
	assert.Equal(t, authorisationpages.OfferedPeople, doc.Find("#people input").Length(), "%d people offered", doc.Find("#people input").Length())
	assert.Contains(t, doc.Find("#people").Text(), "There are more", "%d people offered", doc.Find("#people input").Length())
	_, off := doc.Find("#s-" + w.admin.ID.String()).Attr("disabled")
	assert.True(t, off, "who is an administrator can be chosen")
	// The search button keeps the people who are chosen at the top.
	doc = anna.send(at, "narrow", "yes", "q", "ben", "specialist", clara.ID.String()).doc(t)
	got = doc.Find("#people input").Map(func(_ int, i *goquery.Selection) string {
		_, on := i.Attr("checked")
		return i.AttrOr("value", "") + map[bool]string{true: " on", false: ""}[on]
	})
	assert.Equal(t, []string{clara.ID.String() + " on", ben.String()}, got, "narrowed")
	wrong := anna.send(at, "specialist", clara.ID.String(), "specialist", clara.ID.String())
	wrong.want(t, http.StatusUnprocessableEntity, "You chose something twice")
	assert.True(t, strings.HasPrefix(wrong.doc(t).Find("title").Text(), "Error:"), "%s", wrong.text())
	assert.Equal(t, "#f-specialist", attr(wrong.doc(t), "#summary a", "href"), wrong.text())
	anna.send(at).want(t, http.StatusUnprocessableEntity)
	anna.send(at, "specialist", clara.ID.String(), "specialist", "no id").want(t, http.StatusUnprocessableEntity)
	anna.send(at, "specialist", clara.ID.String(), "specialist", ben.String()).goesTo(t, w.path()+"/authorisations")
	anna.get(w.path()+"/authorisations").want(t, http.StatusOK, "2 specialist users are now administrators", "Clara@kanzlei.example")
	anna.send(at, "specialist", clara.ID.String()).goesTo(t, w.path()+"/authorisations")
	anna.get(w.path()+"/authorisations").want(t, http.StatusOK, "Nothing has changed")

	at = w.path() + "/processors"
	doc = anna.get(at + "?t=miet&transaction=" + taxes.String()).doc(t)
	got = wordsOf(doc.Find("#choices label"))
	require.Len(t, got, 2)
	assert.True(t, strings.HasPrefix(got[0], "Steuer 2025"))
	anna.send(at, "specialist", clara.ID.String()).want(t, http.StatusUnprocessableEntity)
	anna.send(at, "specialist", clara.ID.String(), "transaction", contract.String(), "transaction", taxes.String()).goesTo(t, w.path()+"/authorisations")
	anna.get(w.path()+"/authorisations").want(t, http.StatusOK, "Clara@kanzlei.example is now an additional processor")
	got = wordsOf(anna.get(w.path() + "/authorisations").doc(t).Find(".assigned li a[href^='/transactions/']"))
	assert.Len(t, got, 3)
	// A user administrator may add others as administrators, but not themselves.
	w.specialist("uwe@kanzlei.example", policies.UserAdministrator)
	uwe := w.browser().signIn("uwe@kanzlei.example", strong)
	me := attr(uwe.get(w.path()+"/administrators?q=uwe").doc(t), "[name=specialist]", "value")
	uwe.send(w.path()+"/administrators", "specialist", me).want(t, http.StatusUnprocessableEntity, "can't give rights to yourself")
}

func TestWhyPage(t *testing.T) {
	w, anna, ben, contract, taxes := authorised(t)
	clara := w.specialist("clara@kanzlei.example").ID
	at := w.path() + "/authorisations/why?person="
	anna.get(at+ben.String()+"&transaction="+contract.String()).want(t, http.StatusOK,
		"Ben@kanzlei.example may see and process V-10001 Mietvertrag as an additional processor of it (since 24 November 2026, by Anna Berg).",
		"Ben@kanzlei.example may process this business transaction: Ben@kanzlei.example is an additional processor of it (since 24 November 2026, by Anna Berg), and the rule “Specialist users who are additional processors of the business transaction may process business transactions of any kind” allows it.")
	part := anna.get(at+ben.String()+"&transaction="+contract.String(), "HX-Request", "true")
	doc := part.doc(t)
	assert.True(t, strings.HasPrefix(strings.TrimSpace(doc.Find("html body > .answer:first-child").Text()), "Ben@kanzlei.example may see and process V-10001"), "what opens below a row: %s", part.body)
	assert.Equal(t, 8, doc.Find("details:not([open]) .why li").Length(), "what opens below a row: %s", part.body)
	assert.Zero(t, doc.Find("section, [role], [aria-label], [id]").Length(), "what opens below a row: %s", part.body)
	assert.Zero(t, doc.Find(".crumbs, .tabs, .actions").Length(), "what opens below a row: %s", part.body)
	anna.get(at+w.admin.ID.String()).want(t, http.StatusOK, "Anna Berg may see and process all business transactions of this customer as an administrator of the customer", "may process all business transactions of this customer: Anna Berg is an administrator of the customer")
	for _, id := range []uuid.UUID{ben, clara} {
		anna.get(at+id.String()+"&transaction="+taxes.String()).want(t, http.StatusOK, "may not see this business transaction: nothing is assigned", "It would take the assignment as an administrator of the customer or an additional processor of it.")
	}
	anna.language = "de"
	anna.get(at+ben.String()+"&transaction="+contract.String()).want(t, http.StatusOK,
		"Ben@kanzlei.example darf diesen Geschäftsvorfall bearbeiten: Ben@kanzlei.example ist zusätzlicher Bearbeiter (seit 24. November 2026, durch Anna Berg), und die Regel „Fachanwender, die zusätzlicher Bearbeiter des Geschäftsvorfalls sind, dürfen Geschäftsvorfälle jeder Art bearbeiten“ erlaubt es.")
	anna.language = "en"
	w.publish(policies.Default + "p, specialist, processor, transaction, tax_return, process, deny\n")
	anna.get(at+ben.String()+"&transaction="+contract.String()).want(t, http.StatusOK, "may not process business transactions of the kind “Tax return”” forbids it")
	for _, wrong := range []string{"", "x", uuid.Nil.String(), uuid.Must(uuid.NewV7()).String(), ben.String() + "&transaction=x", ben.String() + "&transaction=" + uuid.Nil.String()} {
		anna.get(at+wrong).want(t, http.StatusNotFound)
	}
	b := w.browser().signIn("ben@kanzlei.example", strong)
	b.get(at+clara.String()+"&transaction="+contract.String()).want(t, http.StatusNotFound)
	b.get(at+ben.String()+"&transaction="+taxes.String()).want(t, http.StatusNotFound)
}

// TestWhyOfRow: the row of an additional processor has one link, whose page explains each of the transactions that the
// viewer may see.
func TestWhyOfRow(t *testing.T) {
	w, anna, ben, _, taxes := authorised(t)
	w.addProcessor(taxes, ben)
	w.specialist("clara@kanzlei.example")
	row := anna.get(w.path() + "/authorisations").doc(t).Find("[aria-labelledby=g-processors] tbody tr")
	link := row.Find("a[data-why]")
	require.Equal(t, 1, row.Length(), "%d rows with %d links", row.Length(), link.Length())
	require.Equal(t, 1, link.Length())
	require.NotEmpty(t, link.AttrOr("aria-describedby", ""))
	anna.get(link.AttrOr("href", "")).want(t, http.StatusOK,
		"Ben@kanzlei.example may see and process V-10001 Mietvertrag and V-10002 Steuer 2025 as an additional processor of them",
		"may not see all business transactions of this customer: only single ones are assigned")
	assert.NotContains(t, anna.get(link.AttrOr("href", "")).text(), "nothing is assigned", "it is said that nothing is assigned")
	foreign := w.browser().signIn("clara@kanzlei.example", strong).get(link.AttrOr("href", ""))
	assert.NotContains(t, foreign.text(), "V-10001", "the answer tells of what the viewer may not see")
	assert.NotContains(t, foreign.text(), "Mietvertrag", "the answer tells of what the viewer may not see")
}

func TestMatrixPage(t *testing.T) {
	w, anna, ben, contract, taxes := authorised(t)
	w.specialist("rita@kanzlei.example", policies.Auditor)
	doc := anna.get(w.path() + "/authorisations/matrix").doc(t)
	got := wordsOf(doc.Find("#matrix thead th"))
	require.Len(t, got, 4, "heads")
	assert.Equal(t, "Whole customer", got[1])
	cell := "#matrix a[href='why?person=" + ben.String() + "&transaction="
	for of, want := range map[uuid.UUID]string{contract: "sees and processesadditional processor", taxes: "–sees nothing"} {
		assert.Equal(t, want, strings.TrimSpace(doc.Find(cell+of.String()+"']").Text()))
	}
	region := doc.Find("[role=region][tabindex='0']")
	assert.Equal(t, 1, region.Length(), "the grid can't be scrolled by keyboard")
	assert.NotEmpty(t, region.AttrOr("aria-label", ""), "the grid can't be scrolled by keyboard")
	part := anna.get(w.path()+"/authorisations/matrix?q=rita", "HX-Request", "true")
	got = wordsOf(part.doc(t).Find("tbody th .name"))
	assert.Equal(t, []string{"Rita@kanzlei.example"}, got, "filtered")
	assert.NotContains(t, part.body, "<html", "filtered")
	anna.get(w.path()+"/authorisations/matrix?q=zzz").want(t, http.StatusOK, "Nothing matches")
	b := w.browser().signIn("ben@kanzlei.example", strong)
	for _, path := range []string{"/authorisations/matrix", "/authorisations/matrix.csv", "/authorisations"} {
		a := b.get(w.path() + path)
		assert.Equal(t, http.StatusOK, a.StatusCode, "%s shows B what B may not see", path)
		assert.NotContains(t, a.body, "Steuer 2025", "%s shows B what B may not see", path)
		assert.NotContains(t, a.body, taxes.String(), "%s shows B what B may not see", path)
	}
	b.get("/transactions/"+contract.String()+"/people").want(t, http.StatusOK, "Anna Berg", "is an additional processor of it", "by the role: Auditor")
	b.get("/specialists/"+ben.String()+"/sees").want(t, http.StatusForbidden)
	anna.get("/specialists/"+ben.String()+"/sees").want(t, http.StatusOK, "Mietvertrag", "Administers none")
	anna.get("/specialists/"+ben.String()).want(t, http.StatusOK, "What can this person see?")
}

// TestMatrixCSV: the file opens in a spreadsheet, and no cell of it is run as a formula (S40).
func TestMatrixCSV(t *testing.T) {
	w, anna, ben, _, _ := authorised(t)
	w.transaction(`=HYPERLINK("x")`)
	_, err := w.DB.NewUpdate().Table("account").Set("name = ?", "@SUM(1;2),\"x\"").Where("id = ?", ben).Exec(context.Background())
	must(t, err)
	a := anna.get(w.path() + "/authorisations/matrix.csv")
	assert.Equal(t, "text/csv; charset=utf-8", a.Header.Get("Content-Type"))
	assert.True(t, strings.HasPrefix(a.Header.Get("Content-Disposition"), `attachment; filename="K-10001-`))
	assert.True(t, strings.HasPrefix(a.body, "\ufeffPerson,Is,Whole customer,"))
	assert.Contains(t, a.body, `"'@SUM(1;2),""x""",Specialist user,`)
	assert.Contains(t, a.body, "sees and processes (administrator)")
	anna.language = "de"
	a = anna.get(w.path() + "/authorisations/matrix.csv")
	assert.True(t, strings.HasPrefix(a.body, "\ufeffPerson;Ist;Ganzer Kunde;"), "%s", a.body)
}

// TestPollKeepsSelection: if nothing has changed, a refresh is answered with 204. Otherwise the answer contains the same
// ids, and the script selects them again.
func TestPollKeepsSelection(t *testing.T) {
	w, anna, _, _, _ := authorised(t)
	w.invite("berta@kunde.example", "")
	doc := anna.get(w.path() + "/authorisations").doc(t)
	ask, id := attr(doc, "#accesses [hx-get]", "hx-get"), attr(doc, "#accesses [name=access]", "id")
	assert.Equal(t, http.StatusNoContent, anna.get(ask, "HX-Request", "true").StatusCode)
	w.Tick(time.Minute)
	must(t, w.accesses.Resend(context.Background(), w.admin, w.customer, w.row("berta@kunde.example").ID))
	a := anna.get(ask, "HX-Request", "true")
	assert.Equal(t, http.StatusOK, a.StatusCode)
	assert.Equal(t, id, attr(a.doc(t), "[name=access]", "id"))
}
