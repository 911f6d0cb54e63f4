package web

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
	"kontor/views"
)

// TestPagesRender: the pages that say that an action was not possible.
func TestPagesRender(t *testing.T) {
	kittest.Render(t, "shell", map[string][]any{
		"shell/problem": {problem{Status: 404, Heading: "problem.not_found", Message: "fault.page"},
			problem{Status: 500, Heading: "problem.internal", Message: "fault.internal", RequestID: "r"}},
		"shell/held": {kit.NothingDone{Message: "fault.held", Back: "/x"}, kit.NothingDone{Message: "fault.held_back", Back: "/"}},
	})
}

// renderedHereOnly are the folders of views without samples: only the tests of this package render their pages, with
// what the services return.
var renderedHereOnly = map[string]bool{"access": true, "approval": true, "authorisation": true, "customer": true, "policy": true}

// TestPagesHaveSamples: a TestPagesRender renders each folder of views, so that a new folder can't be forgotten.
func TestPagesHaveSamples(t *testing.T) {
	calls := regexp.MustCompile(`\bkittest\.Render\(t, "([^"]+)"`)
	rendered := map[string]bool{}
	require.NoError(t, fs.WalkDir(os.DirFS("."), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Base(name) != "pages_test.go" {
			return err
		}
		text, err := os.ReadFile(name)
		for _, call := range calls.FindAllStringSubmatch(string(text), -1) {
			rendered[call[1]] = true
		}
		return err
	}))
	pages, err := fs.Glob(views.Pages(), "*/*.html")
	require.NoError(t, err)
	folders := map[string]bool{}
	for _, page := range pages {
		folders[path.Dir(page)] = true
	}
	require.NotEmpty(t, folders)
	for folder := range folders {
		if renderedHereOnly[folder] {
			assert.False(t, rendered[folder], "views/%s has samples in a pages_test.go: it no longer belongs to renderedHereOnly", folder)
		} else {
			assert.True(t, rendered[folder], "views/%s has no samples in a pages_test.go", folder)
		}
	}
	for folder := range renderedHereOnly {
		assert.Contains(t, folders, folder, "folders of views")
	}
}
