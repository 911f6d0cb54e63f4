package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

// BenchmarkOverview measures a whole request for a full page of the customer overview, signed in, and separately the
// database queries of the list.
func BenchmarkOverview(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			w := newWorldOn(b, open(b))
			ctx := context.Background()
			for i := range 200 {
				_, _, err := w.customers.Add(ctx, w.admin, customer.Draft{Type: customer.Person, Data: customer.Data{
					FirstName: "Berta", LastName: fmt.Sprintf("Kühn %d", i), City: "Bremen", Locale: "de",
				}}, nil)
				must(b, err)
			}
			person := w.browser().signIn(adminEmail, strong)
			var cookies []string
			for name, value := range person.cookies {
				cookies = append(cookies, name+"="+value)
			}
			handle := w.Handler().Handler()
			b.Run("page", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					var rc fasthttp.RequestCtx
					rc.Request.SetRequestURI("/customers")
					rc.Request.Header.SetHost(strings.TrimPrefix(baseURL, "https://"))
					rc.Request.Header.Set("Cookie", strings.Join(cookies, "; "))
					handle(&rc)
					if rc.Response.StatusCode() != http.StatusOK {
						b.Fatalf("%d %s", rc.Response.StatusCode(), rc.Response.Body())
					}
				}
			})
			b.Run("query", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, err := w.customers.List(ctx, w.admin, customer.Filter{})
					must(b, err)
				}
			})
		})
	}
}

// BenchmarkPublication measures the pages and forms with which somebody adds a rule to the draft, reads what it would
// change for 50 specialist users, and publishes it; and the same to remove the rule again.
func BenchmarkPublication(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			w := newWorldOn(b, open(b))
			for i := range 50 {
				roles := []policies.Role{policies.Specialist}
				if i%10 == 0 {
					roles = append(roles, policies.FirmRoles[1+i/10])
				}
				w.specialist(fmt.Sprintf("s%d@kanzlei.example", i), roles...)
			}
			petra := w.policyAdministrator("petra@kanzlei.example")
			publish := func(path string, change ...string) {
				petra.send(path, append(change, "edit", petra.edit())...).want(b, http.StatusSeeOther)
				petra.send("/policies/draft/publish", "comment", "bench", "edit", petra.edit()).want(b, http.StatusSeeOther)
			}
			for b.Loop() {
				publish("/policies/draft/rules",
					"role", "auditor", "relation", "*", "object", "template", "kind", "*", "action", "read", "effect", "allow")
				publish("/policies/draft/rules/remove", "rule", "p, auditor, *, template, *, read, allow")
			}
		})
	}
}
