package web

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"kontor/app/customer"
	"kontor/policies"
)

// askers are those who ask for every route, in the order of the columns of answers.
var askers = []string{"nobody", "end user", "specialist", "administrator", "user administrator", "auditor", "data administrator", "deactivated", "processor"}

// answers says for every route what each of askers gets: o as the route is meant (a page, a redirect, a complaint about
// the form), f 403, n 404, l to sign in. The specialist has nothing to do with the customer, the administrator
// administers it, the processor is an additional processor of its transaction. An l of everybody is a sign-out, or a program without its signature; that of nobody at a token's route
// is where it leads.
var answers = map[string]string{
	"GET /":                                            "loooooolo",
	"GET /account":                                     "loooooolo",
	"POST /account":                                    "loooooolo",
	"POST /account/email":                              "loooooolo",
	"GET /account/email/:token":                        "ooooooooo",
	"POST /account/email/:token":                       "loooooolo",
	"POST /account/password":                           "loooooolo",
	"POST /account/sessions":                           "lllllllll",
	"GET /attention":                                   "lnooooolo",
	"POST /attention/resend":                           "lnooooolo",
	"GET /audit":                                       "lnfffoflf",
	"GET /customers":                                   "lnooooolo",
	"POST /customers":                                  "lnooooolo",
	"GET /customers/:id":                               "lnooooolo",
	"POST /customers/:id/accesses":                     "lnfoofflf",
	"GET /customers/:id/accesses/:aid":                 "lnfoofflf",
	"POST /customers/:id/accesses/:aid":                "lnfoofflf",
	"POST /customers/:id/accesses/:aid/deactivate":     "lnfoofflf",
	"POST /customers/:id/accesses/:aid/reactivate":     "lnfoofflf",
	"POST /customers/:id/accesses/:aid/resend":         "lnfoofflf",
	"GET /customers/:id/accesses/new":                  "lnfoofflf",
	"GET /customers/:id/administrators":                "lnfoofflf",
	"POST /customers/:id/administrators":               "lnfoofflf",
	"GET /customers/:id/authorisations":                "lnooooolo",
	"GET /customers/:id/authorisations/matrix":         "lnooooolo",
	"GET /customers/:id/authorisations/matrix.csv":     "lnooooolo",
	"POST /customers/:id/authorisations/remove":        "lnooooolo",
	"POST /customers/:id/authorisations/undo/:removal": "lnooooolo",
	"GET /customers/:id/authorisations/why":            "lnnooonln",
	"GET /customers/:id/data":                          "lnooooolo",
	"POST /customers/:id/data":                         "lnooooolo",
	"GET /customers/:id/delete":                        "lnfoffolf",
	"POST /customers/:id/delete":                       "lnfoffolf",
	"GET /customers/:id/deliveries":                    "lnooooolo",
	"GET /customers/:id/log":                           "lnooooolo",
	"GET /customers/:id/processors":                    "lnfoofflf",
	"POST /customers/:id/processors":                   "lnfoofflf",
	"GET /customers/:id/transactions":                  "lnooooolo",
	"POST /customers/:id/transactions":                 "lnfoffflf",
	"GET /customers/:id/transactions/new":              "lnfoffflf",
	"GET /customers/deletions/:id":                     "lnnnnnoln",
	"POST /customers/duplicates":                       "lnooooolo",
	"GET /customers/new":                               "lnooooolo",
	"POST /customers/new":                              "lnooooolo",
	"GET /healthz":                                     "ooooooooo",
	"POST /hooks/bounce":                               "lllllllll",
	"POST /hooks/sms":                                  "lllllllll",
	"GET /login":                                       "ooooooooo",
	"POST /login":                                      "lllllllll",
	"POST /logout":                                     "lllllllll",
	"GET /mailbox":                                     "lnooooolo",
	"GET /mailbox.json":                                "lnooooolo",
	"GET /mailbox/:id/html":                            "lnooooolo",
	"GET /metrics":                                     "nnnnnnnnn",
	"GET /password/forgotten":                          "ooooooooo",
	"POST /password/forgotten":                         "ooooooooo",
	"GET /password/reset/:token":                       "ooooooooo",
	"POST /password/reset/:token":                      "ooooooooo",
	"GET /portal":                                      "lonnnnnln",
	"GET /portal/transactions/:id":                     "lonnnnnln",
	"GET /queues":                                      "lnffffolf",
	"POST /queues/:queue/:task/delete":                 "lnffffolf",
	"POST /queues/:queue/:task/run":                    "lnffffolf",
	"GET /readyz":                                      "ooooooooo",
	"GET /register/:token":                             "ooooooooo",
	"POST /register/:token":                            "ooooooooo",
	"POST /register/:token/code":                       "ooooooooo",
	"POST /register/:token/link":                       "ooooooooo",
	"POST /register/:token/opened":                     "ooooooooo",
	"GET /specialists":                                 "lnffooflf",
	"POST /specialists":                                "lnffofflf",
	"GET /specialists/:id":                             "lnffooflf",
	"POST /specialists/:id":                            "lnffofflf",
	"GET /specialists/:id/deactivate":                  "lnffofflf",
	"POST /specialists/:id/deactivate":                 "lnffofflf",
	"GET /specialists/:id/deputies":                    "lnffooflf",
	"POST /specialists/:id/deputies":                   "lnffofflf",
	"POST /specialists/:id/deputies/:did/end":          "lnffofflf",
	"GET /specialists/:id/handover":                    "lnffofflf",
	"POST /specialists/:id/handover":                   "lnffofflf",
	"GET /specialists/:id/handovers/:hid":              "lnffooflf",
	"POST /specialists/:id/reactivate":                 "lnffofflf",
	"POST /specialists/:id/resend":                     "lnffofflf",
	"GET /specialists/:id/sees":                        "lnffooflf",
	"GET /specialists/new":                             "lnffofflf",
	"GET /transaction-kinds":                           "lnffffflf",
	"POST /transaction-kinds":                          "lnffffflf",
	"GET /transaction-kinds/:key":                      "lnffffflf",
	"POST /transaction-kinds/:key":                     "lnffffflf",
	"POST /transaction-kinds/:key/move":                "lnffffflf",
	"POST /transaction-kinds/:key/reactivate":          "lnffffflf",
	"POST /transaction-kinds/:key/retire":              "lnffffflf",
	"GET /transactions":                                "lnooooolo",
	"GET /transactions/:id":                            "lnnononlo",
	"GET /transactions/:id/edit":                       "lnnonfnlo",
	"POST /transactions/:id/edit":                      "lnnonfnlo",
	"GET /transactions/:id/log":                        "lnnononlo",
	"GET /transactions/:id/people":                     "lnnononlo",
	"POST /transactions/:id/status":                    "lnnonfnlo",
}

// classOf is the letter of an answer.
func classOf(a answer) string {
	to := a.Header.Get("Location")
	switch {
	case a.StatusCode == http.StatusUnauthorized, a.StatusCode == http.StatusSeeOther && (to == "/login" || strings.HasPrefix(to, "/login?")):
		return "l"
	case a.StatusCode == http.StatusForbidden:
		return "f"
	case a.StatusCode == http.StatusNotFound:
		return "n"
	case a.StatusCode < 400, slices.Contains([]int{409, 410, 422, 429}, a.StatusCode):
		return "o"
	}
	return "?"
}

// TestWhoGetsWhat: every route of the router itself × everybody (S22). A new route without a row fails.
func TestWhoGetsWhat(t *testing.T) {
	got := map[string]string{}
	for _, who := range askers {
		w := newWorld(t)
		b := w.asker(who)
		x := w.furnish()
		// What is open to all comes first: later buttons void its links.
		all := w.table()
		slices.SortStableFunc(all, func(a, b route) int { return min(int(a.audience), 1) - min(int(b.audience), 1) })
		for _, r := range all {
			path := x.address(t, r.path)
			var a answer
			if r.method == http.MethodGet {
				a = b.get(path)
				head := b.do(http.MethodHead, path, nil)
				if head.StatusCode != a.StatusCode {
					t.Errorf("%s: HEAD %s is %d, GET %d", who, r.path, head.StatusCode, a.StatusCode)
				}
			} else {
				a = b.do(r.method, path, url.Values{csrfField: {b.token()}})
			}
			got[r.method+" "+r.path] += classOf(a)
			if r.path == "/account/sessions" || r.path == "/logout" {
				b = w.again(b, who)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		want, known := answers[name]
		if !known {
			t.Errorf("%q: %q has no row", name, got[name])
		} else if got[name] != want {
			for i, who := range askers {
				if got[name][i] != want[i] {
					t.Errorf("%s for %s: %c, want %c", name, who, got[name][i], want[i])
				}
			}
		}
	}
	for name := range answers {
		if got[name] == "" {
			t.Errorf("%s is no route any more", name)
		}
	}
}

// asker is the browser of one of askers.
func (w *world) asker(who string) *browser {
	w.t.Helper()
	roles := map[string][]policies.Role{
		"user administrator": {policies.UserAdministrator}, "auditor": {policies.Auditor}, "data administrator": {policies.DataAdministrator},
	}
	switch who {
	case "nobody":
		return w.browser()
	case "end user":
		return w.endUser()
	}
	c := w.specialist("wer@kanzlei.example", roles[who]...)
	b := w.browser().signIn("wer@kanzlei.example", strong)
	switch who {
	case "administrator":
		cu, _, err := w.customers.Add(context.Background(), c, customer.Draft{
			Type: customer.Person, Data: customer.Data{FirstName: "Berta", LastName: "Kühn", Locale: "de"},
		}, nil)
		must(w.t, err)
		w.customer = cu.ID
	case "processor":
		w.processor = c.ID
	case "deactivated":
		must(w.t, w.people.Deactivate(context.Background(), w.admin, c.ID))
	}
	return b
}

// again signs in anew who was signed out by the route.
func (w *world) again(b *browser, who string) *browser {
	w.t.Helper()
	switch who {
	case "nobody", "deactivated":
		return b
	case "end user":
		return b.signIn("berta@kunde.example", strong)
	}
	return b.signIn("wer@kanzlei.example", strong)
}
