package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"

	"kontor/app/internal/web/kit"
	"kontor/app/lang"
	"kontor/policies"
)

// TestEmptyTexts: every list that can be empty has a sentence for each reason, in both languages, and the sentences
// differ.
func TestEmptyTexts(t *testing.T) {
	w := newWorld(t)
	for _, locale := range lang.All {
		for _, list := range []string{"transactions", "customers", "processors", "log", "people", "portal"} {
			said := map[string]bool{}
			for _, why := range []kit.Emptiness{kit.NothingYet, kit.NothingVisible, kit.NothingMatches} {
				id := kit.Empty{List: list, Why: why}.Title()
				words := w.TextsIn(locale).Say(id)
				assert.NotEqual(t, id, words, locale)
				assert.False(t, said[words], "%s, %s: another reason has the same: %q", locale, id, words)
				said[words] = true
			}
		}
	}
}

// TestEmptyLists requests every list as somebody who sees everything and as somebody who sees nothing, with no rows and
// with rows that the second person may not see. The second person reads the same sentence in both cases, so they can't
// find out whether rows exist.
func TestEmptyLists(t *testing.T) {
	for name, c := range map[string]struct {
		path          string
		yet, visible  string
		clear         string
		withoutFilter bool // the list has none
	}{
		"business transactions of a customer": {path: "/customers/ID/transactions", yet: "No business transactions yet", visible: "No business transactions that you may see", clear: "/customers/ID/transactions"},
		"all business transactions":           {path: "/transactions", yet: "No business transactions yet", visible: "No business transactions that you may see", clear: "/transactions"},
		"additional processors":               {path: "/customers/ID/authorisations", yet: "No additional processors", visible: "No additional processors of business transactions that you may see", withoutFilter: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.specialist("clara@kanzlei.example")
			w.specialist("rita@kanzlei.example", policies.Auditor)
			w.specialist("ben@kanzlei.example")
			all, few := w.browser().signIn("rita@kanzlei.example", strong), w.browser().signIn("clara@kanzlei.example", strong)
			path := strings.ReplaceAll(c.path, "ID", w.customer.String())
			said := func(b *browser, path string) string {
				t.Helper()
				a := b.get(path)
				a.want(t, http.StatusOK)
				return strings.Join(wordsOf(a.doc(t).Find(".empty h2, .empty h3")), "|")
			}
			got := said(all, path)
			assert.True(t, hasPart(got, c.yet), "there are none, and who would see them reads %q", got)
			before := said(few, path)
			assert.True(t, hasPart(before, c.visible), "there are none, and who would not see them reads %q", before)
			w.addProcessor(w.transaction("Geheim").ID, uuid.FromStringOrNil(w.idOf("ben@kanzlei.example")))
			after := few.get(path)
			assert.NotContains(t, after.text(), "Geheim", "what may not be seen is there to read")
			got = said(few, path)
			assert.True(t, hasPart(got, c.visible), "there are some, and who may not see them reads %q", got)
			assert.False(t, hasPart(got, c.yet), "there are some")
			got = said(all, path)
			assert.False(t, hasPart(got, c.yet), "there are some, and who sees them reads %q", got)
			assert.False(t, hasPart(got, c.visible), "there are some")
			if c.withoutFilter {
				return
			}
			for who, b := range map[string]*browser{"who sees all": all, "who sees none": few} {
				a := b.get(path + "?q=zzz")
				a.want(t, http.StatusOK, "Nothing matches")
				assert.Equal(t, 1, a.doc(t).Find(`.empty a[href="`+strings.ReplaceAll(c.clear, "ID", w.customer.String())+`"]`).Length(), "%s finds no way to clear the search", who)
			}
		})
	}
}

func hasPart(joined, part string) bool {
	for _, one := range strings.Split(joined, "|") {
		if one == part {
			return true
		}
	}
	return false
}

// TestEmptyPortal: if the policy shows an end user no business transactions, the portal does not say that there are none.
func TestEmptyPortal(t *testing.T) {
	w := newWorld(t)
	b := w.endUser()
	b.get("/portal").want(t, http.StatusOK, "Noch keine Geschäftsvorfälle")
	w.transaction("Vertrag")
	w.publish(policies.Default + "p, end_user, access, transaction, *, read, deny\n")
	a := b.get("/portal")
	a.want(t, http.StatusOK, "Keine Geschäftsvorfälle, die Sie sehen dürfen")
	assert.NotContains(t, a.text(), "Noch keine", "it is said that there are none")
}
