package customer

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"kontor/app/customer"
)

// FuzzOverviewAddress: the state of the list that an address says is the state whose address is written again.
func FuzzOverviewAddress(f *testing.F) {
	for _, s := range []string{"", "q=a&type=person&sort=-name&status=attention&after=x", "q=%ff&q=b", "type=x&before=y", "q=%20a%20+b&&&=%zz", "q=" + strings.Repeat("%C3%A4", 120),
		"q=" + strings.Repeat("a", 99) + "+b"} {
		f.Add(s)
	}
	app := fiber.New(fiber.Config{Immutable: true})
	read := func(address string) customer.Filter {
		var request fasthttp.RequestCtx
		request.Request.SetRequestURI(address)
		c := app.AcquireCtx(&request)
		defer app.ReleaseCtx(c)
		return ReadFilter(c)
	}
	f.Fuzz(func(t *testing.T, query string) {
		filter := read("/customers?" + query)
		require.LessOrEqual(t, len([]rune(filter.Query)), 100, "characters to search")
		cursor, value := "after", filter.After
		if filter.After == "" {
			cursor, value = "before", filter.Before
		} else {
			filter.Before = ""
		}
		address := URL(filter, cursor, value)
		u, err := url.Parse(address)
		require.NoError(t, err, "%q", address)
		require.Equal(t, "/customers", u.Path, "%q", address)
		require.Empty(t, u.Host, "%q", address)
		require.Equal(t, filter, read(address), "%q: became", address)
	})
}
