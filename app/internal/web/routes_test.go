package web

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kontor/app/customer"
	"kontor/app/effort"
	"kontor/app/internal/web/document"
	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// askers are those who ask for every route, in the order of the columns of answers.
var askers = []string{"nobody", "end user", "specialist", "administrator", "user administrator", "auditor", "data administrator", "deactivated", "processor", "policy administrator", "no role"}

// answers says for every route what each of askers gets: o as the route is meant (a page, a redirect, a complaint about
// the form), f 403, n 404, l to sign in. The specialist has nothing to do with the customer, the administrator
// administers it, the processor is an additional processor of its transaction, the auditor has that role alone and the one without a role
// none. An l of everybody is a sign-out, or a program without its signature; that of nobody at a token's route
// is where it leads.
var answers = map[string]string{
	"GET /":                                            "loooooolooo",
	"GET /account":                                     "loooooolooo",
	"POST /account":                                    "loooooolooo",
	"POST /account/appearance":                         "loooooolooo",
	"POST /account/email":                              "loooooolooo",
	"GET /account/email/:token":                        "ooooooooooo",
	"POST /account/email/:token":                       "loooooolooo",
	"POST /account/mails":                              "lnooooolooo",
	"POST /account/password":                           "loooooolooo",
	"POST /account/sessions":                           "lllllllllll",
	"POST /account/sessions/:session/end":              "loooooolooo",
	"GET /approvals":                                   "lnooooolooo",
	"POST /approvals/:id/approve":                      "lnnnnnnlnnn",
	"POST /approvals/:id/stop":                         "lnnnnnnlnnn",
	"GET /attention":                                   "lnooofoloof",
	"POST /attention/resend":                           "lnooofoloof",
	"GET /audit":                                       "lnfffoflfff",
	"GET /audit.csv":                                   "lnfffoflfff",
	"GET /audit.xlsx":                                  "lnfffoflfff",
	"GET /bulk":                                        "lnooooolooo",
	"GET /bulk/:id":                                    "lnnnnnnlnnn",
	"GET /bulk/:id/rows.csv":                           "lnnnnnnlnnn",
	"GET /bulk/new":                                    "lnooofoloof",
	"POST /bulk":                                       "lnooofoloof",
	"POST /bulk/:id/give-up":                           "lnnnnnnlnnn",
	"POST /bulk/:id/start":                             "lnnnnnnlnnn",
	"POST /bulk/:id/stop":                              "lnnnnnnlnnn",
	"POST /bulk/:id/take-back":                         "lnnnnnnlnnn",
	"GET /customers":                                   "lnoooooloof",
	"POST /customers":                                  "lnooofoloof",
	"GET /customers/:id":                               "lnooooolooo",
	"POST /customers/:id/accesses":                     "lnfoofflffn",
	"GET /customers/:id/accesses/:aid":                 "lnfoofflffn",
	"POST /customers/:id/accesses/:aid":                "lnfoofflffn",
	"POST /customers/:id/accesses/number":              "lnfoofflffn",
	"POST /customers/:id/accesses/:aid/deactivate":     "lnfoofflffn",
	"POST /customers/:id/accesses/:aid/reactivate":     "lnfoofflffn",
	"POST /customers/:id/accesses/:aid/resend":         "lnfoofflffn",
	"POST /customers/:id/accesses/:aid/try":            "lnfoofflffn",
	"GET /customers/:id/accesses/new":                  "lnfoofflffn",
	"GET /customers/:id/administrators":                "lnfoofflffn",
	"POST /customers/:id/administrators":               "lnfoofflffn",
	"GET /customers/:id/authorisations":                "lnoooooloon",
	"GET /customers/:id/authorisations/matrix":         "lnoooooloon",
	"GET /customers/:id/authorisations/matrix.csv":     "lnoooooloon",
	"POST /customers/:id/authorisations/remove":        "lnoooooloon",
	"POST /customers/:id/authorisations/undo/:removal": "lnoooooloon",
	"GET /customers/:id/authorisations/why":            "lnnooonlnnn",
	"GET /customers/:id/data":                          "lnoooooloon",
	"POST /customers/:id/data":                         "lnooofoloon",
	"POST /customers/:id/data/number":                  "lnooofoloon",
	"GET /customers/:id/delete":                        "lnfoffolffn",
	"POST /customers/:id/delete":                       "lnfoffolffn",
	"GET /customers/:id/deliveries":                    "lnoooooloon",
	"GET /customers/:id/log":                           "lnoooooloon",
	"GET /customers/:id/history":                       "lnoooooloon",
	"POST /customers/:id/notes":                        "lnooofoloon",
	"GET /customers/:id/notes/:nid":                    "lnffffflffn",
	"POST /customers/:id/notes/:nid":                   "lnffffflffn",
	"POST /customers/:id/notes/:nid/remove":            "lnffffflffn",
	"POST /customers/:id/notes/:nid/restore":           "lnffffflffn",
	"GET /customers/:id/processors":                    "lnfoofflffn",
	"POST /customers/:id/processors":                   "lnfoofflffn",
	"GET /customers/:id/transactions":                  "lnoooooloon",
	"POST /customers/:id/transactions":                 "lnfoffflffn",
	"GET /customers/:id/transactions/new":              "lnfoffflffn",
	"GET /customers/cities":                            "lnoooooloof",
	"GET /customers/deletions/:id":                     "lnnnnnolnnn",
	"GET /customers/import":                            "lnffofolfff",
	"GET /customers.csv":                               "lnffofolfff",
	"GET /customers.xlsx":                              "lnffofolfff",
	"POST /customers/import":                           "lnffofolfff",
	"GET /customers/import/template.csv":               "lnffofolfff",
	"GET /customers/import/template.xlsx":              "lnffofolfff",
	"GET /customers/imports/:id":                       "lnffnfnlfff",
	"POST /customers/imports/:id/check":                "lnffnfnlfff",
	"POST /customers/imports/:id/again":                "lnffnfnlfff",
	"POST /customers/imports/:id/start":                "lnffnfnlfff",
	"POST /customers/imports/:id/cancel":               "lnffnfnlfff",
	"GET /customers/imports/:id/verdicts.csv":          "lnffnfnlfff",
	"POST /customers/duplicates":                       "lnooooolooo",
	"POST /customers/numbers":                          "lnooofoloof",
	"GET /customers/new":                               "lnooofoloof",
	"POST /customers/new":                              "lnooofoloof",
	"GET /firm":                                        "lnffooflfff",
	"POST /firm":                                       "lnffofflfff",
	"POST /firm/mark":                                  "lnffofflfff",
	"POST /firm/mark/remove":                           "lnffofflfff",
	"GET /firm/mark/:file":                             "nnnnnnnnnnn",
	"GET /firm/sign-in":                                "lnffooflfff",
	"POST /firm/sign-in":                               "lnffofflfff",
	"GET /firm/defaults":                               "lnffooflfff",
	"POST /firm/defaults":                              "lnffofflfff",
	"GET /firm/holidays":                               "lnffooflfff",
	"POST /firm/holidays":                              "lnffofflfff",
	"POST /firm/holidays/public":                       "lnffofflfff",
	"POST /firm/holidays/remove":                       "lnffofflfff",
	"GET /firm/phrases":                                "lnffooflfff",
	"POST /firm/phrases":                               "lnffofflfff",
	"GET /firm/phrases/:id":                            "lnffofflfff",
	"POST /firm/phrases/:id":                           "lnffofflfff",
	"POST /firm/phrases/:id/move":                      "lnffofflfff",
	"POST /firm/phrases/:id/remove":                    "lnffofflfff",
	"GET /documents/:id":                               "lonononlonn",
	"GET /documents/:id/content":                       "lononfnlonn",
	"POST /documents/:id/versions":                     "lnnnnfnlnnn",
	"POST /elements/:id":                               "lfnonfnlonn",
	"POST /elements/:id/accept":                        "lfnonfnlonn",
	"POST /elements/:id/answer":                        "lononfnlonn",
	"POST /elements/:id/comments":                      "lononfnlonn",
	"POST /elements/:id/delete":                        "lfnonfnlonn",
	"POST /elements/:id/duplicate":                     "lfnonfnlonn",
	"POST /elements/:id/move":                          "lfnonfnlonn",
	"POST /elements/:id/reject":                        "lfnonfnlonn",
	"POST /elements/:id/restore":                       "lnnonnnlonn",
	"GET /transactions/:id/elements/new":               "lfnonfnlonn",
	"GET /transactions/:id/trash":                      "lonononlonn",
	"POST /transactions/:id/documents":                 "lononfnlonn",
	"POST /transactions/:id/elements":                  "lfnonfnlonn",
	"OPTIONS /uploads":                                 "loooooolooo",
	"OPTIONS /uploads/:id":                             "loooooolooo",
	"POST /uploads":                                    "lononfnlonn",
	"HEAD /uploads/:id":                                "lnnnnnnlnnn",
	"PATCH /uploads/:id":                               "lnnnnnnlnnn",
	"DELETE /uploads/:id":                              "lnnnnnnlnnn",
	"GET /healthz":                                     "ooooooooooo",
	"POST /hooks/bounce":                               "lllllllllll",
	"POST /hooks/sms":                                  "lllllllllll",
	"GET /login":                                       "ooooooooooo",
	"POST /login":                                      "ooooooooooo",
	"POST /logout":                                     "lllllllllll",
	"GET /mailbox":                                     "lnffffflfff",
	"GET /mailbox.json":                                "lnffffflfff",
	"GET /mailbox/:id/html":                            "lnffffflfff",
	"GET /metrics":                                     "nnnnnnnnnnn",
	"GET /palette":                                     "lnooooolooo",
	"GET /password/forgotten":                          "ooooooooooo",
	"POST /password/forgotten":                         "ooooooooooo",
	"GET /password/reset/:token":                       "ooooooooooo",
	"POST /password/reset/:token":                      "ooooooooooo",
	"GET /policies":                                    "lnfffoflfof",
	"GET /policies/draft":                              "lnffffflfof",
	"POST /policies/draft/cells":                       "lnffffflfof",
	"POST /policies/draft/discard":                     "lnffffflfof",
	"GET /policies/draft/impact":                       "lnffffflfof",
	"POST /policies/draft/inclusions":                  "lnffffflfof",
	"POST /policies/draft/inclusions/remove":           "lnffffflfof",
	"POST /policies/draft/offers/:id/dismiss":          "lnffffflfof",
	"POST /policies/draft/offers/:id/take":             "lnffffflfof",
	"POST /policies/draft/propose":                     "lnffffflfof",
	"POST /policies/draft/publish":                     "lnffffflfof",
	"POST /policies/draft/rebase":                      "lnffffflfof",
	"POST /policies/draft/rules":                       "lnffffflfof",
	"POST /policies/draft/rules/remove":                "lnffffflfof",
	"POST /policies/draft/rules/return":                "lnffffflfof",
	"GET /policies/draft/text":                         "lnffffflfof",
	"POST /policies/draft/text":                        "lnffffflfof",
	"POST /policies/draft/undo":                        "lnffffflfof",
	"POST /policies/expectations":                      "lnffffflfof",
	"POST /policies/expectations/:id/remove":           "lnffffflfof",
	"GET /policies/expectations/new":                   "lnffffflfof",
	"GET /policies/versions":                           "lnfffoflfof",
	"GET /policies/versions/:version":                  "lnfffoflfof",
	"POST /policies/versions/:version/draft":           "lnffffflfof",
	"POST /policies/versions/:version/restore":         "lnffffflfof",
	"GET /portal":                                      "lonnnnnlnnn",
	"GET /portal/transactions/:id":                     "lonnnnnlnnn",
	"GET /queues":                                      "lnffffolfff",
	"POST /queues/:queue/:task/delete":                 "lnffffolfff",
	"POST /queues/:queue/:task/run":                    "lnffffolfff",
	"POST /queues/:queue/run":                          "lnffffolfff",
	"POST /queues/jobs/:job/cancel":                    "lnffffolfff",
	"GET /readyz":                                      "ooooooooooo",
	"GET /register/:token":                             "ooooooooooo",
	"POST /register/:token":                            "ooooooooooo",
	"POST /register/:token/code":                       "ooooooooooo",
	"POST /register/:token/link":                       "ooooooooooo",
	"POST /register/:token/opened":                     "ooooooooooo",
	"GET /search":                                      "lnooooolooo",
	"GET /specialists":                                 "lnffooflfff",
	"POST /specialists":                                "lnffofflfff",
	"GET /specialists/:id":                             "lnffooflfff",
	"POST /specialists/:id":                            "lnffofflfff",
	"GET /specialists/:id/deactivate":                  "lnffofflfff",
	"POST /specialists/:id/deactivate":                 "lnffofflfff",
	"GET /specialists/:id/deputies":                    "lnffooflfff",
	"POST /specialists/:id/deputies":                   "lnffofflfff",
	"POST /specialists/:id/deputies/:did/end":          "lnffofflfff",
	"GET /specialists/:id/handover":                    "lnffofflfff",
	"POST /specialists/:id/handover":                   "lnffofflfff",
	"GET /specialists/:id/handovers/:hid":              "lnffooflfff",
	"POST /specialists/:id/reactivate":                 "lnffofflfff",
	"POST /specialists/:id/resend":                     "lnffofflfff",
	"POST /specialists/:id/try":                        "lnffofflfff",
	"GET /specialists/:id/sees":                        "lnffooflfff",
	"POST /specialists/:id/sessions/:session/end":      "lnffofflfff",
	"GET /views":                                       "lnooooolooo",
	"POST /views":                                      "lnnnnnnlnnn",
	"GET /views/columns":                               "lnnnnnnlnnn",
	"POST /views/columns":                              "lnnnnnnlnnn",
	"GET /views/new":                                   "lnnnnnnlnnn",
	"POST /views/:id/remove":                           "lnnnnnnlnnn",
	"POST /specialists/:id/sessions/end":               "lnffofflfff",
	"GET /specialists/new":                             "lnffofflfff",
	"GET /templates":                                   "lnffffflfff",
	"POST /templates":                                  "lnffffflfff",
	"GET /templates/new":                               "lnffffflfff",
	"GET /templates/import":                            "lnffffflfff",
	"POST /templates/import":                           "lnffffflfff",
	"GET /templates/gallery":                           "lnffffflfff",
	"GET /templates/gallery/:language/:ready":          "lnffffflfff",
	"POST /templates/gallery/:language/:ready":         "lnffffflfff",
	"GET /templates/:id":                               "lnffffflfff",
	"POST /templates/:id/elements":                     "lnffffflfff",
	"POST /templates/:id/options":                      "lnffffflfff",
	"POST /templates/:id/put":                          "lnffffflfff",
	"GET /templates/:id/elements/:element":             "lnffffflfff",
	"POST /templates/:id/elements/:element":            "lnffffflfff",
	"POST /templates/:id/elements/:element/move":       "lnffffflfff",
	"POST /templates/:id/elements/:element/duplicate":  "lnffffflfff",
	"POST /templates/:id/elements/:element/remove":     "lnffffflfff",
	"POST /templates/:id/undo/:revision":               "lnffffflfff",
	"POST /templates/:id/discard":                      "lnffffflfff",
	"POST /templates/:id/publish":                      "lnffffflfff",
	"GET /templates/:id/settings":                      "lnffffflfff",
	"POST /templates/:id/settings":                     "lnffffflfff",
	"GET /templates/:id/preview":                       "lnffffflfff",
	"GET /templates/:id/versions":                      "lnffffflfff",
	"GET /templates/:id/versions/:number":              "lnffffflfff",
	"GET /templates/:id/export":                        "lnffffflfff",
	"POST /templates/:id/duplicate":                    "lnffffflfff",
	"POST /templates/:id/retire":                       "lnffffflfff",
	"POST /templates/:id/reactivate":                   "lnffffflfff",
	"GET /transaction-kinds":                           "lnffffflfff",
	"POST /transaction-kinds":                          "lnffffflfff",
	"GET /transaction-kinds/:key":                      "lnffffflfff",
	"POST /transaction-kinds/:key":                     "lnffffflfff",
	"POST /transaction-kinds/:key/move":                "lnffffflfff",
	"POST /transaction-kinds/:key/reactivate":          "lnffffflfff",
	"POST /transaction-kinds/:key/retire":              "lnffffflfff",
	"GET /transactions.csv":                            "lnffofolfff",
	"GET /transactions.xlsx":                           "lnffofolfff",
	"GET /transactions":                                "lnooooolooo",
	"GET /transactions/:id":                            "lnnononlonn",
	"GET /transactions/:id/edit":                       "lnnonfnlonn",
	"POST /transactions/:id/edit":                      "lnnonfnlonn",
	"GET /transactions/:id/log":                        "lnnononlonn",
	"GET /transactions/:id/people":                     "lnnononlonn",
	"POST /transactions/:id/status":                    "lnnonfnlonn",
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

// TestWhoGetsWhat requests every route of the router itself as every kind of person (S22). A new route that is missing in
// the table fails.
func TestWhoGetsWhat(t *testing.T) {
	got, routes := map[string]string{}, map[string]bool{}
	for _, who := range askers {
		w := newWorld(t)
		b := w.asker(who)
		x := w.furnish()
		// Routes that are open to everybody come first, because later buttons make their links invalid.
		all := w.table()
		slices.SortStableFunc(all, func(a, b kit.Route) int { return min(int(a.Audience), 1) - min(int(b.Audience), 1) })
		for n, r := range all {
			routes[r.Method+" "+r.Path] = true
			if n%effort.Every(7) != 0 {
				continue
			}
			path := x.address(t, r.Path)
			var a answer
			if r.Method == http.MethodGet {
				a = b.get(path)
				head := b.do(http.MethodHead, path, nil)
				assert.Equal(t, a.StatusCode, head.StatusCode, "%s: HEAD %s GET", who, r.Path)
			} else if strings.HasPrefix(r.Path, "/uploads") {
				a = b.do(r.Method, path, nil, append(b.tus(), "Upload-Metadata", "element "+base64.StdEncoding.EncodeToString([]byte(x.element.String())))...)
			} else {
				a = b.do(r.Method, path, url.Values{kit.CSRFField: {b.token()}})
			}
			got[r.Method+" "+r.Path] += classOf(a)
			if r.Path == "/account/sessions" || r.Path == "/logout" {
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
				assert.Equal(t, want[i], got[name][i], "for %s", who)
			}
		}
	}
	for name := range answers {
		assert.True(t, routes[name], "%s is no route any more", name)
	}
}

// asker is the browser of one of askers.
func (w *world) asker(who string) *browser {
	w.Helper()
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
	if who == "no role" {
		_, err := w.DB.NewDelete().Table("account_role").Where("account_id = ?", c.ID).Exec(context.Background())
		must(w.TB, err)
	}
	b := w.browser().signIn("wer@kanzlei.example", strong)
	switch who {
	case "administrator":
		cu, _, err := w.customers.Add(context.Background(), c, customer.Draft{
			Type: customer.Person, Data: customer.Data{FirstName: "Berta", LastName: "Kühn", Locale: "de"},
		}, nil)
		must(w.TB, err)
		w.customer = cu.ID
	case "processor":
		w.processor = c.ID
	case "deactivated":
		must(w.TB, w.Accounts.Deactivate(context.Background(), w.admin, c.ID))
	}
	return b
}

// again signs in anew who was signed out by the route.
func (w *world) again(b *browser, who string) *browser {
	w.Helper()
	switch who {
	case "nobody", "deactivated":
		return b
	case "end user":
		return b.signIn("berta@kunde.example", strong)
	}
	return b.signIn("wer@kanzlei.example", strong)
}

// tus are the headers of an upload that can be continued.
func (b *browser) tus() []string {
	return []string{
		kit.CSRFHeader, b.token(), document.TusResumable, "1.0.0", "Content-Type", "application/offset+octet-stream", document.UploadOffset, "0", document.UploadLength, "5",
	}
}
