package web

import (
	"testing"

	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
)

// TestPagesRender: the pages that say that an action was not possible.
func TestPagesRender(t *testing.T) {
	kittest.Render(t, "shell", map[string][]any{
		"shell/problem": {problem{Status: 404, Heading: "problem.not_found", Message: "fault.page"},
			problem{Status: 500, Heading: "problem.internal", Message: "fault.internal", RequestID: "r"}},
		"shell/held": {kit.NothingDone{Message: "fault.held", Back: "/x"}, kit.NothingDone{Message: "fault.held_back", Back: "/"}},
	})
}
