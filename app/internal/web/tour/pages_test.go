package tour

import (
	"testing"

	"kontor/app/internal/web/kit/kittest"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	kittest.Render(t, "tour", map[string][]any{"tour/index": {page{}, page{[]Step{{"bounced", "/customers"}, {"views", "/transactions"}}}}})
}
