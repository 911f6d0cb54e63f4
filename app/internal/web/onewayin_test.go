package web

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kontor/views"
)

// TestEveryFormNamesItsAction: a form without an action would be sent to the page's own address with all its parameters.
func TestEveryFormNamesItsAction(t *testing.T) {
	inner := regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	forms := 0
	must(t, fs.WalkDir(views.Pages(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		source, err := fs.ReadFile(views.Pages(), path)
		for _, tag := range regexp.MustCompile(`(?is)<form\b[^>]*>`).FindAllString(inner.ReplaceAllString(string(source), "x"), -1) {
			forms++
			assert.True(t, regexp.MustCompile(`\saction="[^"?]+"`).MatchString(tag), "%s: %s", path, tag)
			if strings.Contains(tag, `action="/templates/import"`) { // takes a file, and afterwards what was read of it
				continue
			}
			file := path == "customerimport/upload.html" || path == "document/upload_form.html" || strings.Contains(tag, `action="/firm/mark"`)
			assert.Equal(t, file, strings.Contains(tag, "enctype"), "%s: no other route takes", path)
		}
		return err
	}))
	assert.GreaterOrEqual(t, forms, 40, "only %d forms", forms)
}

// sources are the program's files in this folder and below it, by path.
func sources(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	must(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	}))
	return all
}

// TestOneWayIn: only intake.go reads bodies and forms, and it checks every header that is read anywhere.
func TestOneWayIn(t *testing.T) {
	other := regexp.MustCompile(`\.(FormValue|PostArgs|PostBody|BodyParser|FormFile|MultipartForm|SaveFile|BodyGunzip|BodyUncompressed|GetReqHeaders|BodyRaw)\(|\bc\.Body\(`)
	intake, err := os.ReadFile("intake.go")
	must(t, err)
	_, judged, _ := strings.Cut(string(intake), "var readHeaders")
	judged, _, _ = strings.Cut(judged, "}\n")
	read := 0
	for f, source := range sources(t) {
		assert.Nil(t, other.Find(source), f)
		for _, m := range regexp.MustCompile(`\bc\.Get\(([^),]+)\)`).FindAllSubmatch(source, -1) {
			if read++; !strings.Contains(judged, string(m[1])) {
				t.Errorf("%s reads the header %s, which intake does not judge", f, m[1])
			}
		}
	}
	assert.GreaterOrEqual(t, read, 10, "only %d headers are read", read)
}
