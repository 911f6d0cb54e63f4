package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/await"
	"kontor/app/internal/web/kit"
	"kontor/app/policy"
	"kontor/policies"
)

// policyAdministrator signs in as one who is nothing else.
func (w *world) policyAdministrator(email string) *browser {
	w.Helper()
	w.specialist(email, policies.PolicyAdministrator)
	return w.browser().signIn(email, strong)
}

// taxReturn adds a transaction with an additional processor.
func (w *world) taxReturn(processor account.Caller) uuid.UUID {
	w.Helper()
	id := uuid.Must(uuid.NewV7())
	must(w.TB, w.DB.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO transactions (number, id, customer_id, name, name_folded, kind, created_at, updated_at)
			VALUES (20001, ?, ?, 'Tax return 2025', 'tax return 2025', 'tax_return', ?, ?)`, id, w.customer, w.Clock.Now(), w.Clock.Now()); err != nil {
			return err
		}
		if err := assignment.Added(ctx, tx, w.customer, id); err != nil {
			return err
		}
		_, err := assignment.AddProcessor(ctx, tx, assignment.Processor{
			TransactionID: id, SpecialistID: processor.ID, CustomerID: w.customer, CreatedAt: w.Clock.Now(), CreatedBy: w.admin.ID,
		})
		return err
	}))
	return id
}

// edit is the edit that the draft's page carries.
func (b *browser) edit() string {
	b.Helper()
	a := b.get(kit.DraftPath)
	a.want(b.TB, http.StatusOK)
	return a.doc(b.TB).Find(`#rule input[name="edit"]`).AttrOr("value", "")
}

var denyProcess = []string{
	"role", "specialist", "relation", "processor", "object", "transaction", "kind", "*", "action", "process", "effect", "deny",
}

// TestPolicyJourney: add a deny rule in a draft, see who loses what, publish it, and revert it.
func TestPolicyJourney(t *testing.T) {
	w := newWorld(t)
	tomasz := w.specialist("tomasz@kanzlei.example")
	tr := w.taxReturn(tomasz)
	petra := w.policyAdministrator("petra@kanzlei.example")
	at := w.browser().signIn("tomasz@kanzlei.example", strong)
	version := 1
	mayProcess := func() bool {
		t.Helper()
		a := at.send("/transactions/"+tr.String()+"/status", "status", []string{"open", "in_review"}[version%2], "version", strconv.Itoa(version))
		if a.StatusCode != http.StatusSeeOther {
			a.want(t, http.StatusForbidden)
			return false
		}
		version++
		return true
	}

	page := petra.get("/policies")
	page.want(t, http.StatusOK, "Version 1", "Kontor", "Specialist users who are administrators of the customer may process business transactions of any kind.",
		"Anyone with the role “User administrator” also has all rights of the role “Specialist user”.", "No expectations yet")
	assert.Equal(t, 1, page.doc(t).Find(`nav a[href="/policies"][aria-current="page"]`).Length(), "entries of the navigation are the current one")
	petra.get(kit.DraftPath).want(t, http.StatusOK, "Nothing here is in force until it is published", "The draft is the same as the policies in force")

	petra.send(kit.DraftPath+"/rules", append(denyProcess, "edit", petra.edit())...).goesTo(t, kit.DraftPath)
	page = petra.get(kit.DraftPath)
	page.want(t, http.StatusOK, "The draft differs from the policies in force in 1 line", "Tomasz@kanzlei.example can no longer process 1 business transaction")
	assert.NotContains(t, page.text(), "Tax return 2025", "a policy administrator reads the name of a transaction")
	row := page.doc(t).Find(`tr:has(.tag.info)`)
	assert.Equal(t, 1, row.Length())
	assert.Equal(t, 1, row.Find(".tag.bad svg").Length())
	assert.Contains(t, row.Text(), "may not process", "the new rule is shown as")
	w.signedIn().get(kit.DraftPath).want(t, http.StatusOK, "can no longer process 1 business transaction (Tax return 2025)")
	require.True(t, mayProcess(), "a draft is in force")
	petra.get("/policies").want(t, http.StatusOK, "The draft differs from the policies in force")

	wrong := petra.send(kit.DraftPath+"/publish", "edit", petra.edit(), "comment", " ")
	wrong.want(t, http.StatusUnprocessableEntity, "Error: Draft")
	assert.Equal(t, 1, wrong.doc(t).Find(`#f-comment[aria-invalid="true"]`).Length(), "the missing comment is not said at the field")
	petra.send(kit.DraftPath+"/publish", "edit", petra.edit(), "comment", "Processors only look").goesTo(t, "/policies")
	petra.get("/policies").want(t, http.StatusOK, "Version 2 is now in force", "Processors only look", "may not process business transactions")
	require.False(t, mayProcess(), "a published deny is not in force")
	petra.get("/policies/versions").want(t, http.StatusOK, "Version 2", "In force", "Version 1", "The policy that Kontor starts with.")
	petra.get("/policies/versions/2").want(t, http.StatusOK, "Changes since version 1", "may not process business transactions", "# Every specialist user")
	page = petra.get("/policies/versions/1")
	page.want(t, http.StatusOK, "can now process 1 business transaction", "It differs from the policies in force in 1 line")
	petra.send("/policies/versions/1/restore", "comment", "").want(t, http.StatusUnprocessableEntity, "Error: Version 1")
	petra.send("/policies/versions/1/restore", "comment", "It was a mistake").want(t, http.StatusConflict, "This could give you a right without anyone else agreeing")
	w.guardAll("petra@kanzlei.example")
	petra.send("/policies/versions/1/restore", "comment", "It was a mistake").goesTo(t, "/policies")
	petra.get("/policies/versions").want(t, http.StatusOK, "Version 3", "version 1 published again")
	require.True(t, mayProcess(), "taken back, and still denied")
	w.signedIn().get("/audit").want(t, http.StatusOK, "Policy published", "Earlier policy version published again", "Version 2: Processors only look")
}

// TestDraftButtons: every button of the draft's page works, and each action can be undone.
func TestDraftButtons(t *testing.T) {
	w := newWorld(t)
	b := w.policyAdministrator("petra@kanzlei.example")
	const line = "p, auditor, *, audit, *, read, allow"
	send := func(path string, pairs ...string) {
		t.Helper()
		b.send(kit.DraftPath+path, append(pairs, "edit", b.edit())...).goesTo(t, kit.DraftPath)
	}
	marked := func(selector string) int {
		t.Helper()
		return b.get(kit.DraftPath).doc(t).Find(selector).Length()
	}
	send("/rules/remove", "rule", line)
	assert.Equal(t, 1, marked(`tr.gone form[action="/policies/draft/rules/return"]`), "removed rules can be put back")
	send("/rules/return", "rule", line)
	assert.Equal(t, 0, marked("tr.gone"), "removed rules")
	send("/inclusions", "who", "auditor", "includes", "specialist")
	send("/inclusions/remove", "who", "template_administrator", "includes", "specialist")
	n := marked("#inclusions tr.gone") + marked("#inclusions .tag.info")
	assert.Equal(t, 2, n, "marked inclusions")
	send("/undo")
	send("/discard")
	b.get(kit.DraftPath).want(t, http.StatusOK, "The draft is the same as the policies in force")
	send("/undo")
	b.get(kit.DraftPath).want(t, http.StatusOK, "The draft differs from the policies in force in 1 line")

	// The row's link "Change" offers the rule, and saving replaces it.
	href := b.get(kit.DraftPath).doc(t).Find(`a[href^="/policies/draft?"]`).FilterFunction(func(_ int, a *goquery.Selection) bool {
		return strings.Contains(a.AttrOr("href", ""), url.QueryEscape(line))
	}).AttrOr("href", "")
	form := b.get(strings.TrimSuffix(href, "#rule")).doc(t).Find("#rule")
	assert.Equal(t, line, form.Find(`input[name="was"]`).AttrOr("value", ""), "%s offers %s", href, form.Text())
	assert.Equal(t, "audit", form.Find(`#f-object option[selected]`).AttrOr("value", ""), "%s offers %s", href, form.Text())
	send("/rules", "was", line, "role", "auditor", "relation", "*", "object", "queue", "kind", "*", "action", "read", "effect", "allow")
	b.get(kit.DraftPath).want(t, http.StatusOK, "Auditors may see the queues.")
	b.send("/policies/versions/1/draft", "edit", b.edit()).goesTo(t, kit.DraftPath)
	b.get(kit.DraftPath).want(t, http.StatusOK, "The draft is the same as the policies in force")
}

// TestRuleForm: the options depend on the object, with and without JavaScript; complaints are shown at the field.
func TestRuleForm(t *testing.T) {
	w := newWorld(t)
	b := w.policyAdministrator("petra@kanzlei.example")
	choices := func(a answer, field string) (all []string) {
		a.doc(t).Find("#rule #f-" + field + " option").Each(func(_ int, o *goquery.Selection) { all = append(all, o.AttrOr("value", "")) })
		return all
	}
	asked := "?role=auditor&relation=administrator&object=queue&kind=contract&action=process&effect=deny"
	fragment := b.get(kit.DraftPath+asked, "HX-Request", "true")
	noScript := b.send(kit.DraftPath+"/rules", "role", "auditor", "relation", "administrator", "object", "queue", "kind", "contract",
		"action", "process", "effect", "deny", "edit", "0", "choose", "1")
	for name, a := range map[string]answer{"HTMX": fragment, "without script": noScript, "by address": b.get(kit.DraftPath + asked)} {
		a.want(t, http.StatusOK, "Auditors may not see the queues.")
		for field, want := range map[string]string{"relation": "*", "kind": "*", "action": "read manage", "effect": "allow deny"} {
			assert.Equal(t, want, strings.Join(choices(a, field), " "), "%s: %s offers", name, field)
		}
	}
	assert.NotContains(t, fragment.body, "<html", "HTMX gets the fragment, and only HTMX")
	assert.Contains(t, noScript.body, "<html", "HTMX gets the fragment, and only HTMX")
	got := choices(b.get(kit.DraftPath), "kind")
	require.Len(t, got, 8, "kinds of transactions")
	assert.Equal(t, "contract", got[1], "kinds of transactions")
	a := b.send(kit.DraftPath+"/rules", "role", "boss", "relation", "*", "object", "customer", "kind", "robot", "action", "list", "effect", "alow", "edit", "0")
	a.want(t, http.StatusUnprocessableEntity, "Choose a role from the list")
	assert.Equal(t, 1, a.doc(t).Find(`#rule #f-role[aria-invalid="true"]`).Length(), "the complaint is not at the field")
	assert.Equal(t, 1, a.doc(t).Find(`a[href="#f-role"]`).Length(), "the complaint is not at the field")
	assert.Equal(t, "policy_draft\n\n", w.dump("policy_draft"), "a refused rule is stored")
}

// TestTwoPolicyAdministrators: the second of two people sees who changed what, and keeps the typed values.
func TestTwoPolicyAdministrators(t *testing.T) {
	w := newWorld(t)
	petra, paul := w.policyAdministrator("petra@kanzlei.example"), w.policyAdministrator("paul@kanzlei.example")
	petra.send(kit.DraftPath+"/rules", append(denyProcess, "edit", "0")...).goesTo(t, kit.DraftPath)
	a := paul.send(kit.DraftPath+"/rules", "role", "auditor", "relation", "*", "object", "queue", "kind", "*", "action", "manage", "effect", "deny", "edit", "0")
	a.want(t, http.StatusConflict, "Error: Draft", "Petra@kanzlei.example has changed the draft in the meantime", "New in the draft", "may not process business transactions of any kind")
	doc := a.doc(t)
	assert.Equal(t, 1, doc.Find(`#rule #f-action option[value="manage"][selected]`).Length(), "what was typed is lost, or can't be sent again")
	assert.Equal(t, "1", doc.Find(`#rule input[name="edit"]`).AttrOr("value", ""), "what was typed is lost, or can't be sent again")
	text := paul.send(kit.DraftPath+"/text", "text", "# mine\n", "edit", "0")
	text.want(t, http.StatusConflict, "has changed the draft in the meantime", "may not process")
	got := text.doc(t).Find("#f-text").Text()
	assert.Contains(t, got, "# mine\n", "the text that both have written")
	assert.Contains(t, got, ", process, deny\n")
	assert.NotContains(t, got, "list, allow")
}

// TestPolicyText: the text editor shows complaints by line and keeps the text.
func TestPolicyText(t *testing.T) {
	w := newWorld(t)
	b := w.policyAdministrator("petra@kanzlei.example")
	b.get(kit.DraftPath+"/text").want(t, http.StatusOK, "# Every specialist user sees")
	bad := "# ok\np, specialist, *, customer, *, list, alow\r\np, specialist\n"
	a := b.send(kit.DraftPath+"/text", "text", bad, "edit", "0")
	a.want(t, http.StatusUnprocessableEntity, "Error: Policy text", "Line 2: Choose allow or deny.", "Line 3: A rule has the form")
	assert.Equal(t, strings.ReplaceAll(bad, "\r\n", "\n"), a.doc(t).Find("#f-text").Text(), "the text")
	b.send(kit.DraftPath+"/text", "text", policies.Default+"# more\n", "edit", "0").goesTo(t, kit.DraftPath)
	b.get(kit.DraftPath).want(t, http.StatusOK, "Only comments differ.")
}

// TestExpectationPages: add an expectation, see whether it holds, have it prevent publishing, and remove it.
func TestExpectationPages(t *testing.T) {
	w := newWorld(t)
	tomasz := w.specialist("tomasz@kanzlei.example")
	w.taxReturn(tomasz)
	petra, all := w.policyAdministrator("petra@kanzlei.example"), w.signedIn()
	petra.get("/policies/expectations/new").want(t, http.StatusOK, "Add expectation")
	a := petra.send("/policies/expectations", "role", "person", "login", "nobody", "object", "audit", "action", "read", "effect", "allow")
	a.want(t, http.StatusUnprocessableEntity, "Nobody has this e-mail address or username.")
	assert.Equal(t, "nobody", a.doc(t).Find("#f-login").AttrOr("value", ""), "what was typed is lost")
	assert.Equal(t, 1, a.doc(t).Find(`a[href="#f-login"]`).Length())
	a = petra.send("/policies/expectations", "role", "person", "object", "audit", "action", "read", "effect", "allow")
	a.want(t, http.StatusUnprocessableEntity, "Choose either a role or a person")
	assert.Equal(t, 1, a.doc(t).Find(`fieldset#f-person .wrong`).Length())
	petra.send("/policies/expectations", "role", "specialist", "relation", "processor", "object", "transaction", "kind", "*", "action", "process",
		"effect", "allow").goesTo(t, "/policies#expectations")
	all.send("/policies/expectations", "role", "person", "relation", "*", "person", tomasz.ID.String(), "object", "transaction", "kind", "*", "action", "read",
		"effect", "allow", "transaction", "v-20001").goesTo(t, "/policies#expectations")
	all.get("/policies").want(t, http.StatusOK, "Tomasz@kanzlei.example may see the business transaction “Tax return 2025”.")
	page := petra.get("/policies")
	page.want(t, http.StatusOK, "Specialist users who are additional processors of the business transaction may process business transactions of any kind.",
		"Tomasz@kanzlei.example may see a business transaction that you're not allowed to see.")
	n := page.doc(t).Find("#expectations .tag.good").Length()
	assert.Equal(t, 2, n, "hold")
	assert.NotContains(t, page.text(), "Tax return")
	petra.send(kit.DraftPath+"/rules", append(denyProcess, "edit", petra.edit())...).goesTo(t, kit.DraftPath)
	page = petra.get(kit.DraftPath)
	page.want(t, http.StatusOK, "1 expectation isn't met, so this can't be published.",
		"This rule decides it: Specialist users who are additional processors of the business transaction may not process business transactions of any kind.")
	petra.send(kit.DraftPath+"/publish", "edit", petra.edit(), "comment", "x").want(t, http.StatusConflict, "expectations not met: 1")
	remove := page.doc(t).Find("#expectations tr:has(.tag.bad) form").AttrOr("action", "")
	petra.send(remove, "from", "draft").goesTo(t, kit.DraftPath+"#expectations")
	petra.send(kit.DraftPath+"/publish", "edit", petra.edit(), "comment", "x").goesTo(t, "/policies")
}

// TestExpectationChoices: an expectation about a person offers specialist users to choose from, and the business
// transactions that the reader may see. A search narrows them, with and without JavaScript, and keeps who is chosen.
func TestExpectationChoices(t *testing.T) {
	w := newWorld(t)
	tomasz := w.specialist("tomasz@kanzlei.example")
	w.taxReturn(tomasz)
	petra, all := w.policyAdministrator("petra@kanzlei.example"), w.signedIn()
	page := petra.get("/policies/expectations/new")
	page.want(t, http.StatusOK)
	assert.Equal(t, 1, page.doc(t).Find("#f-relation").Length(), "a role has a relation")
	assert.Equal(t, 0, page.doc(t).Find("#f-person, #f-login, #f-transaction").Length(), "a role is asked for a person")
	const asked = "/policies/expectations/new?role=person&object=transaction&action=read&effect=deny"
	doc := petra.get(asked).doc(t)
	assert.Equal(t, 0, doc.Find("#f-relation").Length(), "a person comes with their own relations")
	assert.Equal(t, 3, doc.Find("#people input[name=person]").Length(), "specialist users")
	assert.Equal(t, 1, doc.Find("#singles input").Length(), "a policy administrator sees the transactions of others")
	assert.Equal(t, 0, petra.get("/policies/expectations/new?role=person&object=audit&action=read").doc(t).Find("#f-transaction").Length())
	found := asked + "&q=tomasz&person=" + w.admin.ID.String()
	noScript := all.send("/policies/expectations", "role", "person", "object", "transaction", "action", "read", "effect", "deny", "q", "tomasz",
		"person", w.admin.ID.String(), "choose", "1")
	for name, a := range map[string]answer{"by address": all.get(found), "HTMX": all.get(found, "HX-Request", "true"), "without script": noScript} {
		a.want(t, http.StatusOK, "Tax return 2025")
		doc := a.doc(t)
		assert.Equal(t, w.admin.ID.String(), doc.Find("#people input").First().AttrOr("value", ""), "%s: who is chosen comes first", name)
		assert.Equal(t, 1, doc.Find("#people input[checked]").Length(), name)
		assert.Equal(t, 2, doc.Find("#people input").Length(), "%s: who is chosen, and who is found", name)
		assert.Equal(t, "V-20001", doc.Find("#singles input").Last().AttrOr("value", ""), name)
	}
	all.send("/policies/expectations", "role", "person", "object", "transaction", "action", "read", "effect", "allow", "kind", "*", "person", tomasz.ID.String(),
		"transaction", "V-20001").goesTo(t, "/policies#expectations")
	all.get("/policies").want(t, http.StatusOK, "Tomasz@kanzlei.example may see the business transaction “Tax return 2025”.")
	w.specialist("rita@kanzlei.example", policies.Auditor)
	w.browser().signIn("rita@kanzlei.example", strong).get(asked).want(t, http.StatusForbidden)
}

// TestSecondPerson: a change that extends the publisher's own permissions is proposed, and another person publishes it
// (S31).
func TestSecondPerson(t *testing.T) {
	w := newWorld(t)
	petra, paul := w.policyAdministrator("petra@kanzlei.example"), w.policyAdministrator("paul@kanzlei.example")
	w.Tick(time.Minute)
	petra.send(kit.DraftPath+"/rules", "role", "policy_administrator", "relation", "*", "object", "transaction", "kind", "*", "action", "read",
		"effect", "allow", "edit", "0").goesTo(t, kit.DraftPath)
	page := petra.get(kit.DraftPath)
	page.want(t, http.StatusOK, "This could give you a right without anyone else agreeing")
	assert.Equal(t, 0, page.doc(t).Find(`#publish button.btn-primary:not([formaction])`).Length(), "there is a button to publish it alone")
	petra.send(kit.DraftPath+"/publish", "edit", petra.edit(), "comment", "x").want(t, http.StatusConflict, "This could give you a right without anyone else agreeing")
	petra.send(kit.DraftPath+"/propose", "edit", petra.edit(), "comment", "For the audit").goesTo(t, kit.DraftPath)
	petra.get(kit.DraftPath).want(t, http.StatusOK, "You have proposed this draft", "For the audit")
	w.specialist("ulla@kanzlei.example", policies.UserAdministrator) // may read no policy, but sees what she would approve
	w.browser().signIn("ulla@kanzlei.example", strong).get(kit.ApprovalsPath).
		want(t, http.StatusOK, "Publish a new policy version", "Policy administrators may see business transactions of any kind")
	petra.send(kit.DraftPath+"/publish", "edit", petra.edit(), "comment", "x").want(t, http.StatusConflict)
	paul.get("/policies").want(t, http.StatusOK, "Petra@kanzlei.example proposes to publish the draft")
	paul.send(kit.DraftPath+"/publish", "edit", paul.edit(), "comment", "Agreed").goesTo(t, "/policies")
	paul.get("/policies").want(t, http.StatusOK, "Paul@kanzlei.example", "proposed by Petra@kanzlei.example")
	w.signedIn().get("/audit").want(t, http.StatusOK, "Policy proposed", "For the audit", "Approval requested", "Approved")
}

// TestApprovals: a page lists the open proposals. People who may decide do so there, and decided proposals stay visible.
func TestApprovals(t *testing.T) {
	w := newWorld(t)
	petra := w.policyAdministrator("petra@kanzlei.example")
	w.specialist("ulla@kanzlei.example", policies.UserAdministrator)
	w.specialist("sven@kanzlei.example")
	w.Tick(time.Minute)
	ulla, sven := w.browser().signIn("ulla@kanzlei.example", strong), w.browser().signIn("sven@kanzlei.example", strong)
	svens := "/specialists/" + w.idOf("sven@kanzlei.example")

	ulla.send(svens, "name", "Sven", "version", "1", "role", "specialist", "role", "auditor", "why", "Cover for Rita").goesTo(t, svens)
	ulla.get(svens).want(t, http.StatusOK, "Waiting for approval: Auditor, proposed by Ulla@kanzlei.example.", "This needs a second person. You'll find it under “Approvals”.")
	ulla.get(kit.ApprovalsPath).want(t, http.StatusOK, "Give roles to Sven", "Auditor", "Cover for Rita", "You proposed this.")
	page := petra.get(kit.ApprovalsPath)
	page.want(t, http.StatusOK, "Give roles to Sven")
	assert.Equal(t, "1", strings.TrimSpace(page.doc(t).Find(`nav a[href="/approvals"] .tag`).Text()), "the navigation counts")
	approve, stop := page.doc(t).Find(`form[action$="/approve"]`).AttrOr("action", ""), page.doc(t).Find(`form[action$="/stop"]`).AttrOr("action", "")
	assert.Equal(t, 0, ulla.get(kit.ApprovalsPath).doc(t).Find(`form[action$="/approve"]`).Length(), "the proposer is offered to approve")
	ulla.send(approve).want(t, http.StatusForbidden, "Someone else must approve this")
	sven.get(kit.ApprovalsPath).want(t, http.StatusOK, "Give roles to Sven", "Stop")
	sven.send(approve).want(t, http.StatusForbidden)
	petra.send(approve).goesTo(t, kit.ApprovalsPath)
	petra.get(kit.ApprovalsPath).want(t, http.StatusOK, "Nothing is waiting", "Approved", "Petra@kanzlei.example")
	petra.send(stop).want(t, http.StatusConflict, "This has already been decided")
	ulla.get(svens).want(t, http.StatusOK, "Sven")
	sven.get("/audit").want(t, http.StatusOK)
}

// TestPolicyReadiness: a process that can't load a new policy says so, with the version that stays in force (S28).
func TestPolicyReadiness(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.policyService.Follow(ctx); close(done) }()
	defer func() { stop(); <-done }()
	b := w.browser()
	b.get("/readyz").want(t, http.StatusOK)
	_, err := w.DB.ExecContext(ctx, `ALTER TABLE policy_version RENAME TO policy_version_away`)
	must(t, err)
	await.True(t, "readiness to notice", func() bool { return b.get("/readyz").StatusCode == http.StatusServiceUnavailable })
	body := b.get("/readyz").body
	assert.Contains(t, body, `"policy":"can't be followed; version 1 stays in force"`)
	w.signedIn().get("/customers").want(t, http.StatusOK)
}

// TestOwnComments: comments that Kontor itself writes on versions are shown in the reader's language. Comments of people
// are shown as written, even if the words are the same.
func TestOwnComments(t *testing.T) {
	w := newWorld(t)
	_, err := w.policyService.Reset(context.Background())
	must(t, err)
	must(t, w.policyService.Load(context.Background()))
	_, err = w.DB.Exec(`INSERT INTO policy_version (version, text, comment, author_id, author, published_at) VALUES (3, ?, ?, ?, 'Anna', ?)`,
		policies.Default+"# more\n", policy.CommentFirst, w.admin.ID, w.Clock.Now())
	must(t, err)
	b := w.signedIn()
	for language, want := range map[string][]string{
		"en": {"policy.comment_first", "Reset to the policy that Kontor starts with.", "The policy that Kontor starts with."},
		"de": {"policy.comment_first", "Zurückgesetzt auf die Richtlinie, mit der Kontor beginnt.", "Die Richtlinie, mit der Kontor beginnt."},
	} {
		b.language = language
		assert.Equal(t, want, wordsOf(b.get("/policies/versions").doc(t).Find("tbody td:last-child")), "in %s the versions say", language)
		b.get("/policies/versions/1").want(t, http.StatusOK, want[2])
		b.get("/policies/versions/2").want(t, http.StatusOK, want[1])
	}
}
