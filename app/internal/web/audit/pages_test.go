package audit

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"kontor/app/audit"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit/kittest"
	transactionpages "kontor/app/internal/web/transaction"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	id := uuid.Must(uuid.NewV7())
	var rows []Row
	for _, detail := range []string{"", `{"city":["Kiel",""]}`, `{"accesses":2}`} {
		rows = append(rows, Row{
			Entry: audit.Entry{ID: id, At: at, Actor: "Anna", Action: audit.CustomerUpdated, Subject: "K-00001", Detail: detail,
				CustomerID: uuid.NullUUID{UUID: id, Valid: true}},
			WhoHref: "/audit?who=nobody", Href: "/customers", Customer: "K-10001", CustomerHref: "/customers",
		})
	}
	rows = append(rows,
		Row{Entry: audit.Entry{ID: id, At: at, Action: audit.SignInUnknown, Times: 3, LastAt: &at, Bucket: "x", Fold: "y", Detail: `["POST /login"]`}},
		Row{Entry: audit.Entry{ID: id, At: at, Action: audit.RequestRefused, Times: 1, LastAt: &at, Bucket: "x", Fold: "y", Address: "192.0.2.7"}, Href: "/queues"})
	filled := auditPage{
		Path: "/audit", Rows: rows, Next: "/audit?after=x", Prev: "/audit?before=x", Export: "?q=x",
		Asked:  asked{Query: "a", Who: "anna", What: "customers", Customer: "K-10001", From: "2026-11-24", To: "2026-11-24", Address: "192.0.2.7"},
		Found:  understood{NamedPeople: []string{"Anna"}, NamedCustomers: []string{"K-10001 Berg"}, More: true, Acted: []audit.Person{{ID: id, Name: "Anna"}}},
		Chips:  []chip{{"audit.today", "/audit?from=2026-11-24", true}},
		Groups: []whatGroup{{Label: "Customers"}}, Page: audit.Page{Counted: true, Count: 3},
	}
	stopped := filled
	stopped.Page = audit.Page{Until: at}
	none := stopped
	none.Rows = nil
	person := filled
	person.Found.Person = &audit.Person{ID: id}
	of, ofTransaction := filled, filled
	of.Customer, ofTransaction.Transaction = &customerpage.Head{}, &transactionpages.Head{}
	kittest.Render(t, "audit", map[string][]any{
		"audit/index":       {auditPage{}, auditPage{Asked: asked{Who: nobody}}, filled, stopped, none, person, auditPage{Beyond: true}},
		"audit/customer":    {of},
		"audit/transaction": {ofTransaction},
		"audit/entries":     {filled},
	})
}

// FuzzLogAddress: the filter that an address says is the filter whose address is written again.
func FuzzLogAddress(f *testing.F) {
	for _, s := range []string{
		"", "q=a&who=anna&what=customers&customer=K-10001&from=2026-11-01&to=2026-11-30&address=192.0.2.&after=x", "before=y&what=customer.created",
		"q=%ff&q=b", "what=x&from=2026-02-30&to=1", "who=" + strings.Repeat("%C3%A4", 120), "customer=%20a%20+b&&&=%zz", "from=0000-01-01&to=9999-12-31",
	} {
		f.Add(s)
	}
	app := fiber.New(fiber.Config{Immutable: true})
	read := func(address string) asked {
		var request fasthttp.RequestCtx
		request.Request.SetRequestURI(address)
		c := app.AcquireCtx(&request)
		defer app.ReleaseCtx(c)
		return readAsked(c, true)
	}
	f.Fuzz(func(t *testing.T, query string) {
		filter := read("/audit?" + query)
		for _, typed := range []string{filter.Query, filter.Who, filter.Customer, filter.Address} {
			require.LessOrEqual(t, len([]rune(typed)), 100, "characters to search")
		}
		cursor, value := "after", filter.After
		if filter.After == "" {
			cursor, value = "before", filter.Before
		} else {
			filter.Before = ""
		}
		address := filter.address("/audit", cursor, value)
		u, err := url.Parse(address)
		require.NoError(t, err, "%q", address)
		require.Equal(t, "/audit", u.Path, "%q", address)
		require.Empty(t, u.Host, "%q", address)
		require.Equal(t, filter, read(address), "%q: became", address)
		audit.ParseNetwork(filter.Address)
	})
}
