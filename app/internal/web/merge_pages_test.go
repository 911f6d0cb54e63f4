package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/assignment"
	"kontor/app/transaction"
	"kontor/policies"
)

// filled is the form on a page that is sent to path, as a browser sends it, with some fields changed.
func (a answer) filled(t testing.TB, path string, changes ...string) url.Values {
	t.Helper()
	form := url.Values{}
	found := a.doc(t).Find(`main form[method=post][action="` + path + `"]`)
	require.Equal(t, 1, found.Length(), "forms go to %s", path)
	found.Find("[name]:not(:disabled)").Each(func(_ int, f *goquery.Selection) {
		name, value := f.AttrOr("name", ""), f.AttrOr("value", "")
		switch goquery.NodeName(f) {
		case "select":
			value = f.Find("[selected]").AttrOr("value", f.Find("option").First().AttrOr("value", ""))
		case "textarea":
			value = f.Text()
		}
		if kind := f.AttrOr("type", ""); kind == "checkbox" || kind == "radio" {
			if _, on := f.Attr("checked"); !on {
				return
			}
		}
		form.Add(name, value)
	})
	for i := 0; i+1 < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

// TestTwoEdit: in every form that changes something with a version, changes that only one of two people made are saved
// without asking. For fields that both changed, the form shows both values with who made the change and when. A third
// change asks again.
func TestTwoEdit(t *testing.T) {
	for name, c := range map[string]struct {
		page, action func(w *world) string
		field, other string // two fields, the one that both change and one that only the other one changes
		kept         string // the value that the other person put into other
		said         string // the name of field
	}{
		"customer data": {
			page:   func(w *world) string { return w.path() + "/data" },
			action: func(w *world) string { return w.path() + "/data" }, field: "city", other: "note", kept: "a\r\nb", said: "City",
		},
		"access": {
			page:   func(w *world) string { return w.path() + "/accesses/" + w.row("b@kunde.example").ID.String() },
			action: func(w *world) string { return w.path() + "/accesses/" + w.row("b@kunde.example").ID.String() },
			field:  "last_name", other: "first_name", kept: "Bertha", said: "Last name",
		},
		"a customer's telephone number": {
			page:   func(w *world) string { return w.path() + "/data" },
			action: func(w *world) string { return w.path() + "/data" }, field: "street", other: "phone", kept: "+49 40 1234567", said: "Street and number",
		},
		"an access's mobile number": {
			page:   func(w *world) string { return w.path() + "/accesses/" + w.row("b@kunde.example").ID.String() },
			action: func(w *world) string { return w.path() + "/accesses/" + w.row("b@kunde.example").ID.String() },
			field:  "last_name", other: "mobile", kept: "+49 1512 3456789", said: "Last name",
		},
		"business transaction": {
			page:   func(w *world) string { return "/transactions/" + w.numbered(1) + "/edit" },
			action: func(w *world) string { return "/transactions/" + w.numbered(1) + "/edit" },
			field:  "name", other: "due", kept: "2027-01-31", said: "Name",
		},
		"kind": {
			page:   func(w *world) string { return "/transaction-kinds/contract" },
			action: func(w *world) string { return "/transaction-kinds/contract" }, field: "name_en", other: "name_de", kept: "Vereinbarung", said: "English name",
		},
		"specialist user": {
			page:   func(w *world) string { return "/specialists/" + w.idOf("ben@kanzlei.example") },
			action: func(w *world) string { return "/specialists/" + w.idOf("ben@kanzlei.example") }, field: "name", other: "locale", kept: "de", said: "Name",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.invite("b@kunde.example", "")
			w.transaction("Vertrag")
			w.specialist("ben@kanzlei.example")
			clara := w.specialist("clara@kanzlei.example", policies.FirmRoles[1:]...)
			must(t, w.DB.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
				_, err := assignment.AddAdministrator(ctx, tx, assignment.Administrator{CustomerID: w.customer, SpecialistID: clara.ID, CreatedAt: w.Clock.Now(), CreatedBy: clara.ID})
				return err
			}))
			anna, claraThere := w.signedIn(), w.browser().signIn("clara@kanzlei.example", strong)
			page, action := c.page(w), c.action(w)
			send := func(b *browser, form url.Values) answer { return b.do(http.MethodPost, action, form) }

			before := anna.get(page)
			before.want(t, http.StatusOK)
			a := send(claraThere, claraThere.get(page).filled(t, action, c.other, c.kept))
			require.Equal(t, http.StatusSeeOther, a.StatusCode, "the first to save: %s", a.text())
			// Each person changed another field, so there is nothing to choose.
			a = send(anna, before.filled(t, action, c.field, "Ulm"))
			require.Equal(t, http.StatusSeeOther, a.StatusCode, "nothing to choose: %s", a.text())
			anna.get(page).want(t, http.StatusOK, "Saved. Meanwhile Clara@kanzlei.example changed:")
			after := anna.get(page)
			for field, want := range map[string]string{c.field: "Ulm", c.other: strings.ReplaceAll(c.kept, "\r\n", "\n")} {
				assert.Equal(t, want, strings.ReplaceAll(after.filled(t, action).Get(field), "\r\n", "\n"), "%s holds", field)
			}

			// Both change the same field.
			base := anna.get(page)
			send(claraThere, claraThere.get(page).filled(t, action, c.field, "Bonn"))
			late := send(anna, base.filled(t, action, c.field, "Kiel"))
			late.want(t, http.StatusConflict, "Error:", "Not saved yet: Clara@kanzlei.example changed the same field", "Your entry", "Kiel", "Clara@kanzlei.example,", "Bonn")
			doc := late.doc(t)
			n := doc.Find(".conflicts fieldset").Length()
			assert.Equal(t, 1, n, "to be chosen: %q", doc.Find(".conflicts legend").Text())
			assert.Equal(t, c.said, doc.Find(".conflicts legend").Text(), "to be chosen: %q", doc.Find(".conflicts legend").Text())
			assert.Equal(t, "2026-11-24T09:00:00Z", attr(doc, ".conflicts time", "datetime"), "changed at")
			assert.Equal(t, "Kiel", late.filled(t, action).Get(c.field), "what was typed became")
			// After a third change the page asks again, and the text is still there.
			send(claraThere, claraThere.get(page).filled(t, action, c.field, "Jena"))
			third := send(anna, late.filled(t, action, "keep_"+c.field, "mine"))
			third.want(t, http.StatusConflict, "Kiel", "Jena")
			a = send(anna, third.filled(t, action, "keep_"+c.field, "theirs"))
			require.Equal(t, http.StatusSeeOther, a.StatusCode, "theirs is chosen: %s", a.text())
			assert.Equal(t, "Jena", anna.get(page).filled(t, action).Get(c.field), "theirs was chosen, and it became")
			base = anna.get(page)
			send(claraThere, claraThere.get(page).filled(t, action, c.field, "Bonn"))
			late = send(anna, base.filled(t, action, c.field, "Kiel"))
			a = send(anna, late.filled(t, action))
			require.Equal(t, http.StatusSeeOther, a.StatusCode, "saved again: %s", a.text())
			assert.Equal(t, "Kiel", anna.get(page).filled(t, action).Get(c.field), "mine was chosen, and it became")
		})
	}
}

// TestStatusOfTwo: a status that somebody else has set meanwhile is not overwritten; other changes do not conflict.
func TestStatusOfTwo(t *testing.T) {
	w := newWorld(t)
	tr := w.transaction("Vertrag")
	clara := w.specialist("clara@kanzlei.example", policies.FirmRoles[1:]...)
	w.addProcessor(tr.ID, clara.ID)
	b, path := w.signedIn(), "/transactions/"+tr.ID.String()
	press := []string{"version", "1", "was_status", "open", "status", "closed"}
	_, err := w.transactions.Update(context.Background(), clara, tr.ID, 1, transaction.Form{Name: "Mietvertrag", Kind: "contract"})
	must(t, err)
	b.send(path+"/status", press...).goesTo(t, path)
	_, err = w.transactions.SetStatus(context.Background(), clara, tr.ID, 3, transaction.InReview)
	must(t, err)
	b.send(path+"/status", press...).want(t, http.StatusConflict, "Clara@kanzlei.example has set the status to “In review” meanwhile")
	b.get(path).want(t, http.StatusOK, "In review")
}

// numbered is the id of the n-th business transaction of the customer.
func (w *world) numbered(n int) string {
	w.Helper()
	var ids []string
	must(w.TB, w.DB.NewRaw("SELECT id FROM transactions WHERE customer_id = ? ORDER BY number", w.customer).Scan(context.Background(), &ids))
	return ids[n-1]
}

// TestRolesOfTwo: two people change different roles of a person. Both changes are saved, and a role that one has removed
// is not given again by the other.
func TestRolesOfTwo(t *testing.T) {
	w := newWorld(t)
	w.specialist("ben@kanzlei.example", policies.TemplateAdministrator)
	w.specialist("clara@kanzlei.example", policies.FirmRoles[1:]...)
	anna, clara := w.signedIn(), w.browser().signIn("clara@kanzlei.example", strong)
	path := "/specialists/" + w.idOf("ben@kanzlei.example")
	before := anna.get(path).filled(t, path, "name", "Benno")
	taken := clara.get(path).filled(t, path)
	taken["role"] = []string{string(policies.Specialist)}
	clara.do(http.MethodPost, path, taken).goesTo(t, path)
	anna.do(http.MethodPost, path, before).goesTo(t, path)
	page := anna.get(path)
	page.want(t, http.StatusOK, "Benno", "changed: Roles")
	got := page.filled(t, path)["role"]
	require.Len(t, got, 1, "roles")
	assert.Equal(t, string(policies.Specialist), got[0], "roles")
}

// TestForgedBase: whatever the hidden fields say, only values that were sent or are stored can be saved.
func TestForgedBase(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	path := w.path() + "/data"
	send := func(changes ...string) answer {
		return b.do(http.MethodPost, path, b.get(path).filled(t, path, changes...))
	}
	send("city", "Kiel").goesTo(t, path)
	for _, forged := range []string{"Kiel", "Ulm", "<script>", strings.Repeat("x", 5000), "\x00"} {
		send("version", "1", "was_city", forged, "mine_city", forged, "keep_city", "theirs", "city", "Ulm")
		if got := b.get(path).filled(t, path).Get("city"); got != "Kiel" && got != "Ulm" {
			t.Errorf("%q in the hidden fields: saved %.40q", forged, got)
		}
	}
}
