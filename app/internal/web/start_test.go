package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestStartFromTemplate: a transaction that is started from a template has its kind, its name if none was typed, and its structure.
// From a template that was retired meanwhile nothing is started, and what was typed is there again.
func TestStartFromTemplate(t *testing.T) {
	w := newWorld(t)
	w.guardAll(adminEmail)
	w.transaction("Andere") // the admin administers the customer
	id := w.published("Einkommensteuer")
	b := w.signedIn()
	form := "/customers/" + w.customer.String() + "/transactions"
	page := b.get(form + "/new")
	page.want(t, http.StatusOK)
	assert.Equal(t, "Einkommensteuer", strings.TrimSpace(page.doc(t).Find(`select[name="template"] option[value="`+id.String()+`"]`).Text()))
	added := b.send(form, "template", id.String(), "name", "", "kind", "other")
	require.Equal(t, http.StatusSeeOther, added.StatusCode, added.text())
	shown := b.get(added.Header.Get("Location"))
	shown.want(t, http.StatusOK, "Einkommensteuer", "Tax return", "Belege")
	assert.Equal(t, 1, shown.doc(t).Find(".tree li").Length())
	again := b.send(form, "template", id.String(), "name", "")
	again.want(t, http.StatusUnprocessableEntity, "already")
	_, err := w.templates.Retire(context.Background(), w.admin, id)
	must(t, err)
	late := b.send(form, "template", id.String(), "name", "Zu <spät>")
	late.want(t, http.StatusUnprocessableEntity, "Nothing can be started from this template any more")
	assert.Equal(t, "Zu <spät>", late.doc(t).Find(`input[name="name"]`).AttrOr("value", ""))
	b.send(form, "template", "x", "name", "Y").want(t, http.StatusUnprocessableEntity)
}
