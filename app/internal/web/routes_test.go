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
var askers = []string{"nobody", "end user", "specialist", "administrator", "user administrator", "auditor", "data administrator", "deactivated", "processor", "policy administrator"}

// answers says for every route what each of askers gets: o as the route is meant (a page, a redirect, a complaint about
// the form), f 403, n 404, l to sign in. The specialist has nothing to do with the customer, the administrator
// administers it, the processor is an additional processor of its transaction. An l of everybody is a sign-out, or a program without its signature; that of nobody at a token's route
// is where it leads.
var answers = map[string]string{
	"GET /":                                            "looooooloo",
	"GET /account":                                     "looooooloo",
	"POST /account":                                    "looooooloo",
	"POST /account/email":                              "looooooloo",
	"GET /account/email/:token":                        "oooooooooo",
	"POST /account/email/:token":                       "looooooloo",
	"POST /account/password":                           "looooooloo",
	"POST /account/sessions":                           "llllllllll",
	"POST /account/sessions/:session/end":              "looooooloo",
	"GET /attention":                                   "lnoooooloo",
	"POST /attention/resend":                           "lnoooooloo",
	"GET /audit":                                       "lnfffoflff",
	"GET /customers":                                   "lnoooooloo",
	"POST /customers":                                  "lnoooooloo",
	"GET /customers/:id":                               "lnoooooloo",
	"POST /customers/:id/accesses":                     "lnfoofflff",
	"GET /customers/:id/accesses/:aid":                 "lnfoofflff",
	"POST /customers/:id/accesses/:aid":                "lnfoofflff",
	"POST /customers/:id/accesses/:aid/deactivate":     "lnfoofflff",
	"POST /customers/:id/accesses/:aid/reactivate":     "lnfoofflff",
	"POST /customers/:id/accesses/:aid/resend":         "lnfoofflff",
	"GET /customers/:id/accesses/new":                  "lnfoofflff",
	"GET /customers/:id/administrators":                "lnfoofflff",
	"POST /customers/:id/administrators":               "lnfoofflff",
	"GET /customers/:id/authorisations":                "lnoooooloo",
	"GET /customers/:id/authorisations/matrix":         "lnoooooloo",
	"GET /customers/:id/authorisations/matrix.csv":     "lnoooooloo",
	"POST /customers/:id/authorisations/remove":        "lnoooooloo",
	"POST /customers/:id/authorisations/undo/:removal": "lnoooooloo",
	"GET /customers/:id/authorisations/why":            "lnnooonlnn",
	"GET /customers/:id/data":                          "lnoooooloo",
	"POST /customers/:id/data":                         "lnoooooloo",
	"GET /customers/:id/delete":                        "lnfoffolff",
	"POST /customers/:id/delete":                       "lnfoffolff",
	"GET /customers/:id/deliveries":                    "lnoooooloo",
	"GET /customers/:id/log":                           "lnoooooloo",
	"GET /customers/:id/processors":                    "lnfoofflff",
	"POST /customers/:id/processors":                   "lnfoofflff",
	"GET /customers/:id/transactions":                  "lnoooooloo",
	"POST /customers/:id/transactions":                 "lnfoffflff",
	"GET /customers/:id/transactions/new":              "lnfoffflff",
	"GET /customers/deletions/:id":                     "lnnnnnolnn",
	"POST /customers/duplicates":                       "lnoooooloo",
	"GET /customers/new":                               "lnoooooloo",
	"POST /customers/new":                              "lnoooooloo",
	"GET /healthz":                                     "oooooooooo",
	"POST /hooks/bounce":                               "llllllllll",
	"POST /hooks/sms":                                  "llllllllll",
	"GET /login":                                       "oooooooooo",
	"POST /login":                                      "llllllllll",
	"POST /logout":                                     "llllllllll",
	"GET /mailbox":                                     "lnoooooloo",
	"GET /mailbox.json":                                "lnoooooloo",
	"GET /mailbox/:id/html":                            "lnoooooloo",
	"GET /metrics":                                     "nnnnnnnnnn",
	"GET /password/forgotten":                          "oooooooooo",
	"POST /password/forgotten":                         "oooooooooo",
	"GET /password/reset/:token":                       "oooooooooo",
	"POST /password/reset/:token":                      "oooooooooo",
	"GET /policies":                                    "lnfffoflfo",
	"GET /policies/draft":                              "lnffffflfo",
	"POST /policies/draft/discard":                     "lnffffflfo",
	"GET /policies/draft/impact":                       "lnffffflfo",
	"POST /policies/draft/inclusions":                  "lnffffflfo",
	"POST /policies/draft/inclusions/remove":           "lnffffflfo",
	"POST /policies/draft/propose":                     "lnffffflfo",
	"POST /policies/draft/publish":                     "lnffffflfo",
	"POST /policies/draft/rebase":                      "lnffffflfo",
	"POST /policies/draft/rules":                       "lnffffflfo",
	"POST /policies/draft/rules/remove":                "lnffffflfo",
	"POST /policies/draft/rules/return":                "lnffffflfo",
	"GET /policies/draft/text":                         "lnffffflfo",
	"POST /policies/draft/text":                        "lnffffflfo",
	"POST /policies/draft/undo":                        "lnffffflfo",
	"POST /policies/expectations":                      "lnffffflfo",
	"POST /policies/expectations/:id/remove":           "lnffffflfo",
	"GET /policies/expectations/new":                   "lnffffflfo",
	"GET /policies/versions":                           "lnfffoflfo",
	"GET /policies/versions/:version":                  "lnfffoflfo",
	"POST /policies/versions/:version/draft":           "lnffffflfo",
	"POST /policies/versions/:version/restore":         "lnffffflfo",
	"GET /portal":                                      "lonnnnnlnn",
	"GET /portal/transactions/:id":                     "lonnnnnlnn",
	"GET /queues":                                      "lnffffolff",
	"POST /queues/:queue/:task/delete":                 "lnffffolff",
	"POST /queues/:queue/:task/run":                    "lnffffolff",
	"GET /readyz":                                      "oooooooooo",
	"GET /register/:token":                             "oooooooooo",
	"POST /register/:token":                            "oooooooooo",
	"POST /register/:token/code":                       "oooooooooo",
	"POST /register/:token/link":                       "oooooooooo",
	"POST /register/:token/opened":                     "oooooooooo",
	"GET /search":                                      "lnoooooloo",
	"GET /specialists":                                 "lnffooflff",
	"POST /specialists":                                "lnffofflff",
	"GET /specialists/:id":                             "lnffooflff",
	"POST /specialists/:id":                            "lnffofflff",
	"GET /specialists/:id/deactivate":                  "lnffofflff",
	"POST /specialists/:id/deactivate":                 "lnffofflff",
	"GET /specialists/:id/deputies":                    "lnffooflff",
	"POST /specialists/:id/deputies":                   "lnffofflff",
	"POST /specialists/:id/deputies/:did/end":          "lnffofflff",
	"GET /specialists/:id/handover":                    "lnffofflff",
	"POST /specialists/:id/handover":                   "lnffofflff",
	"GET /specialists/:id/handovers/:hid":              "lnffooflff",
	"POST /specialists/:id/reactivate":                 "lnffofflff",
	"POST /specialists/:id/resend":                     "lnffofflff",
	"GET /specialists/:id/sees":                        "lnffooflff",
	"POST /specialists/:id/sessions/:session/end":      "lnffofflff",
	"POST /specialists/:id/sessions/end":               "lnffofflff",
	"GET /specialists/new":                             "lnffofflff",
	"GET /transaction-kinds":                           "lnffffflff",
	"POST /transaction-kinds":                          "lnffffflff",
	"GET /transaction-kinds/:key":                      "lnffffflff",
	"POST /transaction-kinds/:key":                     "lnffffflff",
	"POST /transaction-kinds/:key/move":                "lnffffflff",
	"POST /transaction-kinds/:key/reactivate":          "lnffffflff",
	"POST /transaction-kinds/:key/retire":              "lnffffflff",
	"GET /transactions":                                "lnoooooloo",
	"GET /transactions/:id":                            "lnnononlon",
	"GET /transactions/:id/edit":                       "lnnonfnlon",
	"POST /transactions/:id/edit":                      "lnnonfnlon",
	"GET /transactions/:id/log":                        "lnnononlon",
	"GET /transactions/:id/people":                     "lnnononlon",
	"POST /transactions/:id/status":                    "lnnonfnlon",
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
		"policy administrator": {policies.PolicyAdministrator},
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
