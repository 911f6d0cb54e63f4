package kit

import (
	"net/http/httptest"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOrigin: a form returns to a page of ours that it knows, wherever its address would lead.
func TestOrigin(t *testing.T) {
	for query, want := range map[string]string{
		"": "/own", "?from=attention": "/attention", "?from=deliveries": "/own", "?from=https://evil.example": "/own", "?from=%2F%2Fevil.example": "/own",
		"?from=": "/own", "?from=Attention": "/own",
	} {
		app, got := fiber.New(), ""
		app.Get("/", func(c *fiber.Ctx) error {
			got = OriginOf(c).Back("/own")
			return nil
		})
		_, err := app.Test(httptest.NewRequest("GET", "/"+query, nil))
		require.NoError(t, err)
		assert.Equal(t, want, got, query)
	}
}
