package web

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/policies"
)

// touch brings the world's customer in line with rows that a test has changed.
func (w *world) touch() {
	w.Helper()
	w.Must(w.DB.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error { return w.customers.Refresh(ctx, tx, w.customer) }))
}

// returns checks where a form on a page returns: to Needs attention, or to the authorisations of the customer.
func (w *world) returns(a answer, status int, attention bool) {
	w.Helper()
	a.want(w.TB, status)
	to, from := w.path()+"/authorisations", ""
	if attention {
		to, from = "/attention", "attention"
	}
	doc := a.doc(w.TB)
	assert.Equal(w, to, attr(doc, "a[data-cancel]", "href"))
	assert.Equal(w, from, attr(doc, "input[name=from]", "value"))
}

// TestMended: a row of Needs attention offers the form that mends it, and the form returns there, also after a mistake. From
// elsewhere it returns to the customer. Who may not correct an access is not offered it.
func TestMended(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	created := b.get("/attention").doc(t)
	to := w.path() + "/accesses/new?from=attention"
	assert.Equal(t, to, attr(created, `a[data-mend]`, "href"))
	form := []string{"first_name", "Eva", "last_name", "Ende", "locale", "de", "from", "attention"}
	w.returns(b.send(w.path()+"/accesses", append(form, "email", "falsch")...), http.StatusUnprocessableEntity, true)
	b.send(w.path()+"/accesses", append(form, "email", "eva@kunde.example")...).goesTo(t, "/attention")
	eva := w.row("eva@kunde.example").ID
	w.Exec(`UPDATE access SET undeliverable = 'mailbox_full' WHERE id = ?`, eva)
	w.touch()
	at := w.path() + "/accesses/" + eva.String()
	assert.Equal(t, at+"?from=attention", attr(b.get("/attention").doc(t), `a[data-mend="f-email"]`, "href"))
	correct := []string{"first_name", "Eva", "last_name", "Ende", "locale", "de", "version", "1"}
	w.returns(b.get(at+"?from=attention"), http.StatusOK, true)
	w.returns(b.get(at+"?from=https://evil.example"), http.StatusOK, false)
	w.returns(b.send(at, append(correct, "email", "falsch", "from", "attention")...), http.StatusUnprocessableEntity, true)
	b.send(at, append(correct, "email", "neu@kunde.example", "from", "attention")...).goesTo(t, "/attention")
	assert.Zero(t, b.get("/attention").doc(t).Find("a[data-mend]").Length(), "it is mended")
	b.send(at, "first_name", "Eva", "last_name", "Enders", "locale", "de", "version", "2", "email", "neu@kunde.example", "from", "//evil.example").goesTo(t, w.path()+"/authorisations")

	w.Exec(`UPDATE access SET undeliverable = 'mailbox_full' WHERE id = ?`, eva)
	w.touch()
	w.publish(policies.Default + "p, user_administrator, *, access, *, update, deny\n")
	doc := b.get("/attention").doc(t)
	assert.Equal(t, 1, doc.Find(`input[name=access]`).Length(), "may be invited again")
	assert.Zero(t, doc.Find("a[data-mend]").Length(), "who may not correct is offered it")
}

// TestOrphanMended: somebody is determined as administrator from the row of a customer without one.
func TestOrphanMended(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	_, err := w.accesses.Create(context.Background(), w.admin, w.customer, access.Form{FirstName: "Eva", LastName: "Ende", Email: "eva@kunde.example", Locale: "de"}, "")
	must(t, err)
	w.Exec(`DELETE FROM customer_administrator WHERE customer_id = ?`, w.customer)
	w.touch()
	to := attr(b.get("/attention").doc(t), `a[data-mend]`, "href")
	assert.Equal(t, w.path()+"/administrators?from=attention", to)
	w.returns(b.get(to), http.StatusOK, true)
	w.returns(b.send(w.path()+"/administrators", "from", "attention", "narrow", "yes"), http.StatusOK, true)
	w.returns(b.send(w.path()+"/administrators", "from", "attention"), http.StatusUnprocessableEntity, true)
	b.send(w.path()+"/administrators", "from", "attention", "specialist", w.colleague("ben@kanzlei.example", 0).ID.String()).goesTo(t, "/attention")
	b.get("/attention").want(t, http.StatusOK, "Nothing needs your attention")
}
