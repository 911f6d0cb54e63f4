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
