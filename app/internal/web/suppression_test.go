package web

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/policies"
)

// TestTryAddressAgain: if the address of a registered end user was refused, the firm reads that no mail is sent there,
// and why. A person who requests a new password does not learn it. A button allows the address again.
func TestTryAddressAgain(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.HookSecret = "of the provider" })
	w.endUser()
	var mail courier.Message
	must(t, w.DB.NewSelect().Model(&mail).Where("channel = ?", courier.Email).Where("access_id IS NOT NULL").Scan(t.Context()))
	b := w.signedIn()
	pages := map[string]string{"authorisations": `[formaction$="/try"]`, "deliveries": `form[action$="/try"]`}
	for page, button := range pages {
		assert.Zero(t, b.get(w.path()+"/"+page).doc(t).Find(button).Length(), "the button is there although nothing was refused")
	}
	b.hook("/hooks/bounce", `{"message_id": "<`+mail.ID.String()+`.1@kontor.example>", "status": "5.1.1", "detail": "550 no such user"}`, "of the provider").want(t, http.StatusNoContent)
	for page, button := range pages {
		got := b.get(w.path() + "/" + page)
		got.want(t, http.StatusOK, "We've stopped sending e-mails to this person.", "The mail server doesn't know this address.", "Try this address again")
		assert.Equal(t, 1, got.doc(t).Find(button).Length(), "%s: no button", page)
	}
	forgotten := func() string { return w.browser().send("/password/forgotten", "login", "berta@kunde.example").text() }
	unknown := w.browser().send("/password/forgotten", "login", "nobody@kunde.example").text()
	before := len(w.box())
	assert.Equal(t, unknown, forgotten(), "who asks learns something")
	w.deliver()
	n := len(w.box())
	assert.Equal(t, before, n, "%d mails went out", n-before)
	try := w.path() + "/accesses/" + w.row("berta@kunde.example").ID.String() + "/try"
	b.send(try, "from", "deliveries").goesTo(t, w.path()+"/deliveries")
	got := b.get(w.path() + "/deliveries")
	got.want(t, http.StatusOK, "gets e-mails again")
	assert.Zero(t, got.doc(t).Find(pages["deliveries"]).Length(), "the button is there still")
	w.Tick(2 * time.Hour)
	forgotten()
	w.deliver()
	n = len(w.box())
	assert.Equal(t, before+1, n, "%d mails went out", n-before)
}

// TestTryAddressOfSpecialist: people who manage specialist users read on a specialist user's page that no mail is sent to
// them, since when and why, and can allow the address again. Nobody else sees it.
func TestTryAddressOfSpecialist(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.HookSecret = "of the provider" })
	ulla := w.specialist("ulla@kanzlei.example", policies.Auditor)
	page := "/specialists/" + ulla.ID.String()
	b := w.signedIn()
	assert.Zero(t, b.get(page).doc(t).Find(`form[action$="/try"]`).Length(), "the button is there although nothing was refused")
	forget := func() (sent int) {
		w.Tick(2 * time.Hour)
		w.deliver()
		before := len(w.box())
		w.browser().send("/password/forgotten", "login", "ulla@kanzlei.example").want(t, http.StatusOK)
		w.deliver()
		return len(w.box()) - before
	}
	require.Equal(t, 1, forget(), "no mail at first")
	var mail courier.Message
	must(t, w.DB.NewSelect().Model(&mail).Where("account_id = ?", ulla.ID).Where("kind = ?", courier.ResetPassword).Scan(t.Context()))
	b.hook("/hooks/bounce", `{"message_id": "<`+mail.ID.String()+`.1@kontor.example>", "status": "5.1.1", "detail": "550 no such user"}`, "of the provider").want(t, http.StatusNoContent)
	assert.Equal(t, 0, forget(), "a mail goes to the refused address")
	b = w.signedIn()
	b.get(page).want(t, http.StatusOK, "We've stopped sending e-mails to this person.", "The mail server doesn't know this address.", "Try this address again")
	assert.NotContains(t, w.browser().signIn("ulla@kanzlei.example", strong).get(page).text(), "We've stopped sending", "somebody who manages nobody sees it")
	b.send(page+"/try").goesTo(t, page)
	got := b.get(page)
	got.want(t, http.StatusOK, "gets e-mails again")
	assert.Zero(t, got.doc(t).Find(`form[action$="/try"]`).Length(), "the button is there still")
	b.get("/audit").want(t, http.StatusOK, "Refused address cleared for another try")
	assert.Equal(t, 1, forget(), "no mail after that")
}
