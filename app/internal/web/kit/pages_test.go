package kit_test

import (
	"testing"

	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	kittest.Render(t, "form", map[string][]any{
		"form/number": {kit.NumberRead{}, kit.NumberRead{Said: "x"}, kit.NumberRead{Wrong: "x"}},
	})
}
