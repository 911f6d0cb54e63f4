package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

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
				if words := w.TextsIn(locale).Say(id); words == id || said[words] {
					t.Errorf("%s, %s: %q", locale, id, words)
				} else {
					said[words] = true
				}
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
			if got := said(all, path); !hasPart(got, c.yet) {
				t.Errorf("there are none, and who would see them reads %q", got)
			}
			before := said(few, path)
			if !hasPart(before, c.visible) {
				t.Errorf("there are none, and who would not see them reads %q", before)
			}
			w.entrust(w.transaction("Geheim").ID, uuid.FromStringOrNil(w.idOf("ben@kanzlei.example")))
			after := few.get(path)
			if strings.Contains(after.text(), "Geheim") {
				t.Error("what may not be seen is there to read")
			}
			if got := said(few, path); !hasPart(got, c.visible) || hasPart(got, c.yet) {
				t.Errorf("there are some, and who may not see them reads %q", got)
			}
			if got := said(all, path); hasPart(got, c.yet) || hasPart(got, c.visible) {
				t.Errorf("there are some, and who sees them reads %q", got)
			}
			if c.withoutFilter {
				return
			}
			for who, b := range map[string]*browser{"who sees all": all, "who sees none": few} {
				a := b.get(path + "?q=zzz")
				a.want(t, http.StatusOK, "Nothing matches")
				if a.doc(t).Find(`.empty a[href="`+strings.ReplaceAll(c.clear, "ID", w.customer.String())+`"]`).Length() != 1 {
					t.Errorf("%s finds no way to clear the search", who)
				}
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
	if strings.Contains(a.text(), "Noch keine") {
		t.Error("it is said that there are none")
	}
}
