package customer

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
)

// TestReceiptShowsEveryCount: the receipt of a deletion shows each count that there is, with its name.
func TestReceiptShowsEveryCount(t *testing.T) {
	var counts customer.DeletionCounts
	want := map[string]string{} // the names of fields, by their counts
	for f, v := range reflect.ValueOf(&counts).Elem().Fields() {
		v.SetInt(int64(101 + f.Index[0]))
		want[strconv.FormatInt(v.Int(), 10)] = f.Name
	}
	asText, err := json.Marshal(counts)
	require.NoError(t, err)
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	d := customer.Deletion{Number: 7, Counts: string(asText), RequestedAt: at, FinishedAt: &at}

	k, app := kittest.New(t), fiber.New()
	app.Get("/", func(c *fiber.Ctx) error {
		return k.Render(c, kit.View{Page: "customer/deletion", Fragment: "customer/deletion_state", Data: d})
	})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Hx-Request", "true")
	res, err := app.Test(r, 10_000)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	doc, err := goquery.NewDocumentFromReader(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, doc.Text())

	shown := map[string]string{} // the label before a number
	doc.Find("dl.facts dd").Each(func(_ int, dd *goquery.Selection) { shown[dd.Text()] = dd.Prev().Text() })
	for number, name := range want {
		assert.NotEmpty(t, shown[number], "the receipt does not show the count %s", name)
	}
}
