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
var askers = []string{"nobody", "end user", "specialist", "administrator", "user administrator", "auditor", "data administrator", "deactivated"}

// answers says for every route what each of askers gets: o as the route is meant (a page, a redirect, a complaint about
// the form), f 403, n 404, l to sign in. The specialist has nothing to do with the customer, the administrator
// administers it. An l of everybody is a sign-out, or a program without its signature; that of nobody at a token's route
// is where it leads.
var answers = map[string]string{
	"GET /":                                        "looooool",
	"GET /account":                                 "looooool",
	"POST /account":                                "looooool",
	"POST /account/email":                          "looooool",
	"GET /account/email/:token":                    "oooooooo",
	"POST /account/email/:token":                   "looooool",
	"POST /account/password":                       "looooool",
	"POST /account/sessions":                       "llllllll",
	"GET /attention":                               "lnoooool",
	"POST /attention/resend":                       "lnoooool",
	"GET /audit":                                   "lnfffofl",
	"GET /customers":                               "lnoooool",
	"POST /customers":                              "lnoooool",
	"GET /customers/:id":                           "lnoooool",
	"POST /customers/:id/accesses":                 "lnfooffl",
	"GET /customers/:id/accesses/:aid":             "lnfooffl",
	"POST /customers/:id/accesses/:aid":            "lnfooffl",
	"POST /customers/:id/accesses/:aid/deactivate": "lnfooffl",
	"POST /customers/:id/accesses/:aid/reactivate": "lnfooffl",
	"GET /customers/:id/accesses/:aid/remove":      "lnfooffl",
	"POST /customers/:id/accesses/:aid/remove":     "lnfooffl",
	"POST /customers/:id/accesses/:aid/resend":     "lnfooffl",
	"GET /customers/:id/accesses/new":              "lnfooffl",
	"GET /customers/:id/authorisations":            "lnoooool",
	"GET /customers/:id/data":                      "lnoooool",
	"POST /customers/:id/data":                     "lnoooool",
	"GET /customers/:id/delete":                    "lnfoffol",
	"POST /customers/:id/delete":                   "lnfoffol",
	"GET /customers/:id/deliveries":                "lnoooool",
	"GET /customers/:id/log":                       "lnoooool",
	"GET /customers/deletions/:id":                 "lnnnnnol",
	"POST /customers/duplicates":                   "lnoooool",
	"GET /customers/new":                           "lnoooool",
	"POST /customers/new":                          "lnoooool",
	"GET /healthz":                                 "oooooooo",
	"POST /hooks/bounce":                           "llllllll",
	"POST /hooks/sms":                              "llllllll",
	"GET /login":                                   "oooooooo",
	"POST /login":                                  "llllllll",
	"POST /logout":                                 "llllllll",
	"GET /mailbox":                                 "lnoooool",
	"GET /mailbox.json":                            "lnoooool",
	"GET /mailbox/:id/html":                        "lnoooool",
	"GET /metrics":                                 "nnnnnnnn",
	"GET /password/forgotten":                      "oooooooo",
	"POST /password/forgotten":                     "oooooooo",
	"GET /password/reset/:token":                   "oooooooo",
	"POST /password/reset/:token":                  "oooooooo",
	"GET /portal":                                  "lonnnnnl",
	"GET /queues":                                  "lnffffol",
	"POST /queues/:queue/:task/delete":             "lnffffol",
	"POST /queues/:queue/:task/run":                "lnffffol",
	"GET /readyz":                                  "oooooooo",
	"GET /register/:token":                         "oooooooo",
	"POST /register/:token":                        "oooooooo",
	"POST /register/:token/code":                   "oooooooo",
	"POST /register/:token/link":                   "oooooooo",
	"POST /register/:token/opened":                 "oooooooo",
	"GET /specialists":                             "lnffoofl",
	"POST /specialists":                            "lnffoffl",
	"GET /specialists/:id":                         "lnffoofl",
	"POST /specialists/:id":                        "lnffoffl",
	"GET /specialists/:id/deactivate":              "lnffoffl",
	"POST /specialists/:id/deactivate":             "lnffoffl",
	"GET /specialists/:id/deputies":                "lnffoofl",
	"POST /specialists/:id/deputies":               "lnffoffl",
	"POST /specialists/:id/deputies/:did/end":      "lnffoffl",
	"GET /specialists/:id/handover":                "lnffoffl",
	"POST /specialists/:id/handover":               "lnffoffl",
	"GET /specialists/:id/handovers/:hid":          "lnffoofl",
	"POST /specialists/:id/reactivate":             "lnffoffl",
	"POST /specialists/:id/resend":                 "lnffoffl",
	"GET /specialists/new":                         "lnffoffl",
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
