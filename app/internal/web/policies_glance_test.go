package web

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// inDraft returns the rules of the draft as the database has them.
func (w *world) inDraft() string {
	w.Helper()
	d, err := w.policyService.Draft(w.Context(), w.admin)
	must(w.TB, err)
	return d.Text
}

// TestGlanceClick: one click in the table adds a rule to the draft, and another one removes it again. The first click
// begins the draft. It works with and without JavaScript; with it, only what has changed is sent.
func TestGlanceClick(t *testing.T) {
	w := newWorld(t)
	petra := w.policyAdministrator("petra@kanzlei.example")
	const line, cell = "p, specialist, *, queue, *, read, allow", "#c-specialist-queue-read"
	button := petra.get(kit.DraftPath).doc(t).Find(cell + " button")
	require.Equal(t, line, button.AttrOr("value", ""))
	assert.Equal(t, "All: Specialist user, See the queues, for all. Add rule", button.AttrOr("aria-label", ""))
	assert.Equal(t, "policy_draft\n\n", w.dump("policy_draft"), "looking begins a draft")

	petra.send(kit.DraftPath+"/cells", "rule", line, "edit", "0").goesTo(t, kit.DraftPath+cell)
	page := petra.get(kit.DraftPath)
	page.want(t, http.StatusOK, "1 line changed", "The draft differs from the policies in force in 1 line")
	doc := page.doc(t)
	assert.Equal(t, 1, doc.Find(cell+".differs button.on").Length())
	assert.Equal(t, "All: Specialist user, See the queues, for all. Remove rule", doc.Find(cell+" button").AttrOr("aria-label", ""))
	assert.Equal(t, 1, doc.Find("#c-user_administrator-queue-read.differs button.via").Length(), "a role that includes it")
	assert.Equal(t, 5, doc.Find(".rights td.differs").Length())
	assert.Equal(t, 1, doc.Find(`#publish + #impact`).Length(), "what would change does not stand beside Publish")
	assert.Equal(t, 1, doc.Find(`#draft-top #publish button:contains("Propose")`).Length())

	petra.send(kit.DraftPath+"/cells", "rule", line, "edit", "1", "for", "specialist", "differs", "1").goesTo(t, kit.DraftPath+"?for=specialist&differs=1"+cell)
	assert.Equal(t, policies.Default, w.inDraft(), "added and removed")

	a := petra.htmx(kit.DraftPath+"/cells", "rule", "p, specialist, processor, transaction, *, read, allow", "edit", "2")
	a.want(t, http.StatusOK)
	assert.NotContains(t, a.body, "<html")
	doc = a.doc(t)
	assert.Equal(t, "3", doc.Find(`#glance-edit[hx-swap-oob]`).AttrOr("value", ""))
	assert.Equal(t, 1, doc.Find(`#draft-top[hx-swap-oob] [hx-get="/policies/draft/impact"]`).Length(), "what would change is counted before the click is answered")
	assert.Contains(t, doc.Find("[data-say]").AttrOr("data-say", ""), "Removed from the draft: Specialist users who are additional processors")
	cells := cellsOf(t, a)
	assert.Equal(t, []string{
		"c-specialist-transaction-read", "c-user_administrator-transaction-read", "c-policy_administrator-transaction-read", "c-template_administrator-transaction-read",
		"c-data_administrator-transaction-read", "c-specialist-transaction-process",
	}, cells, "what the click has changed, and the cell that is odd by it")
	doc.Find("#oddities li").Each(func(_ int, li *goquery.Selection) {
		assert.Equal(t, "Specialist user: “Process business transactions” is allowed where “See business transactions” isn't. Show in the table", strings.TrimSpace(li.Text()))
		assert.Equal(t, "#c-specialist-transaction-process", li.Find("a").AttrOr("href", ""))
	})
	petra.get(kit.DraftPath+"/impact", "HX-Request", "true").want(t, http.StatusOK, "Nobody gains or loses anything today")
	w.signedIn().get("/policies").want(t, http.StatusOK, "No odd combinations")
}

// cellsOf are the ids of the cells that an answer to a click carries.
func cellsOf(t *testing.T, a answer) (ids []string) {
	t.Helper()
	for _, part := range strings.Split(a.body, "<td id=\"")[1:] {
		id, _, _ := strings.Cut(part, `"`)
		ids = append(ids, id)
		assert.Contains(t, part, `hx-swap-oob="true"`)
	}
	return ids
}

// TestGlanceBehind: a click on a table that shows an older draft changes nothing. It is answered with the whole table, and
// with what is new in the draft.
func TestGlanceBehind(t *testing.T) {
	w := newWorld(t)
	petra, paul := w.policyAdministrator("petra@kanzlei.example"), w.policyAdministrator("paul@kanzlei.example")
	petra.send(kit.DraftPath+"/cells", "rule", "p, auditor, *, queue, *, read, allow", "edit", "0").goesTo(t, kit.DraftPath+"#c-auditor-queue-read")
	was := w.inDraft()
	for name, a := range map[string]answer{
		"without script": paul.send(kit.DraftPath+"/cells", "rule", "p, auditor, *, queue, *, manage, allow", "edit", "0"),
		"with it":        paul.htmx(kit.DraftPath+"/cells", "rule", "p, auditor, *, queue, *, manage, allow", "edit", "0"),
	} {
		a.want(t, http.StatusConflict, "Petra@kanzlei.example has changed the draft in the meantime", "New in the draft", "Auditors may see the queues.")
		doc := a.doc(t)
		assert.Equal(t, 1, doc.Find("#summary").Length(), name)
		assert.Equal(t, 1, doc.Find("#glance #c-auditor-queue-read button.on").Length(), "%s: the table is not the newest", name)
		assert.Equal(t, "1", doc.Find("#glance-edit").AttrOr("value", ""), name)
	}
	assert.Equal(t, was, w.inDraft())
	for _, rule := range []string{"", "p, auditor, *, queue, *, list, allow", "g, auditor, specialist"} {
		paul.htmx(kit.DraftPath+"/cells", "rule", rule, "edit", "1").want(t, http.StatusUnprocessableEntity)
	}
	assert.Equal(t, was, w.inDraft(), "a rule that can't be")
}

// rights is how many rights there are.
func rights() (n int) {
	for _, actions := range policies.Objects {
		n += len(actions)
	}
	return n
}

// TestGlanceReader: who may read the policies sees the table of those in force, without buttons, and can change nothing.
func TestGlanceReader(t *testing.T) {
	w := newWorld(t)
	w.specialist("rita@kanzlei.example", policies.Auditor)
	rita := w.browser().signIn("rita@kanzlei.example", strong)
	doc := rita.get("/policies").doc(t)
	assert.Equal(t, rights()*7, doc.Find(".rights tbody td").Length())
	assert.Equal(t, 0, doc.Find(".rights tbody button, .rights form[method=post]").Length(), "buttons")
	assert.Equal(t, rights(), doc.Find(`.rights tbody th[scope="row"]`).Length())
	assert.Equal(t, 8, doc.Find(`.rights thead th[scope="col"]`).Length())
	cell := doc.Find("#c-user_administrator-transaction-read")
	assert.Equal(t, "only as administrator of the customer (from Specialist user), only as additional processor (from Specialist user)", cell.Find(".visually-hidden").First().Text())
	assert.Equal(t, 2, cell.Find(".toggle.via").Length())
	assert.Equal(t, "never", doc.Find("#c-end_user-audit-read .visually-hidden").Text())
	doc = rita.get("/policies?for=auditor&about=audit").doc(t)
	assert.Equal(t, 2, doc.Find(".rights tbody td").Length())
	assert.Equal(t, "auditor", doc.Find("#glance-for option[selected]").AttrOr("value", ""))
	fragment := rita.get("/policies?about=audit", "HX-Request", "true")
	assert.NotContains(t, fragment.body, "<html")
	assert.Equal(t, 14, fragment.doc(t).Find("#glance tbody td").Length())
	for _, send := range []func(string, ...string) answer{rita.send, rita.htmx} {
		send(kit.DraftPath+"/cells", "rule", "p, auditor, *, queue, *, read, allow", "edit", "0").want(t, http.StatusForbidden)
	}
	assert.Equal(t, "policy_draft\n\n", w.dump("policy_draft"))
}

// TestGlanceDiffers: the table shows only what differs from the policies in force, if somebody asks for that.
func TestGlanceDiffers(t *testing.T) {
	w := newWorld(t)
	petra := w.policyAdministrator("petra@kanzlei.example")
	shown := func() (rows []string) {
		t.Helper()
		a := petra.get(kit.DraftPath + "?differs=1")
		a.want(t, http.StatusOK)
		a.doc(t).Find(".rights tbody tr:not([hidden]) th").Each(func(_ int, th *goquery.Selection) { rows = append(rows, strings.TrimSpace(th.Text())) })
		return rows
	}
	assert.Empty(t, shown())
	petra.get(kit.DraftPath+"?differs=1").want(t, http.StatusOK, "Nothing in this part of the table differs")
	for i, rule := range []string{"p, auditor, *, queue, *, read, allow", "p, specialist, *, customer, *, list, allow"} {
		petra.htmx(kit.DraftPath+"/cells", "rule", rule, "edit", strconv.Itoa(i), "differs", "1").want(t, http.StatusOK)
	}
	assert.Equal(t, []string{"List customers", "See the queues"}, shown())
}
