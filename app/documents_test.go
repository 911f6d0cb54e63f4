package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kontor/app/config"
	"kontor/app/wire"
)

var (
	codeBlock  = regexp.MustCompile("(?ms)^```.*?^```$")
	inlineCode = regexp.MustCompile("`[^`\n]*`")
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	anyHeading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noSlug     = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	documents  = regexp.MustCompile(`\bapp/docs/[\w./@-]*\w`)
)

// TestLinks checks that every link in the documents to a file or a heading in the repository is valid, and that every
// file of app/docs that is named anywhere exists.
func TestLinks(t *testing.T) {
	seen := 0
	for _, file := range ourFiles(t) {
		content := text(t, filepath.Join("..", file))
		if strings.HasSuffix(file, ".md") {
			for _, target := range links(content) {
				seen++
				assert.Empty(t, follow(file, target), file)
			}
		}
		for _, named := range documents.FindAllString(content, -1) {
			_, err := os.Stat(filepath.Join("..", named))
			assert.NoError(t, err, "%s names %s, which does not exist", file, named)
		}
	}
	assert.GreaterOrEqual(t, seen, 50, "only %d links seen", seen)
}

// TestLinksFaults checks that TestLinks finds broken links.
func TestLinksFaults(t *testing.T) {
	const from = "app/docs/production.md"
	for target, want := range map[string]string{
		"https://casbin.org":                "",
		"operations.md":                     "",
		"../../README.md":                   "",
		"operations.md#postgresql":          "",
		"#backup-and-restore":               "0 headings for #backup-and-restore in app/docs/production.md",
		"operations.md#nothing-of-the-kind": "0 headings for #nothing-of-the-kind in app/docs/operations.md",
		"nothing.md":                        "there is no app/docs/nothing.md",
	} {
		got := follow(from, target)
		assert.Equal(t, want, got, "%s: got", target)
	}
	got := links("[a](b.md) and ![c](d.png)\n```\n[no](e.md)\n```\n`[no](f.md)` [`g`](h.md#i)\n")
	want := []string{"b.md", "d.png", "h.md#i"}
	assert.Equal(t, want, got, "links")
}

// links are the targets in a document, without those that are shown as code.
func links(markdown string) (targets []string) {
	markdown = inlineCode.ReplaceAllString(codeBlock.ReplaceAllString(markdown, ""), "code")
	for _, m := range link.FindAllStringSubmatch(markdown, -1) {
		targets = append(targets, m[1])
	}
	return targets
}

// follow says what is wrong with a link in the file from; "" is nothing.
func follow(from, target string) string {
	if strings.Contains(target, "://") {
		return ""
	}
	name, anchor, _ := strings.Cut(target, "#")
	to := from
	if name != "" {
		to = path.Join(path.Dir(from), name)
	}
	content, err := os.ReadFile(filepath.Join("..", to))
	if info, statErr := os.Stat(filepath.Join("..", to)); err != nil && (statErr != nil || !info.IsDir()) {
		return "there is no " + to
	}
	headings := 0
	for _, name := range anchors(string(content)) {
		if name == anchor {
			headings++
		}
	}
	if anchor != "" && headings != 1 {
		return fmt.Sprintf("%d headings for #%s in %s", headings, anchor, to)
	}
	return ""
}

// anchors are the names under which a document's headings can be linked to: in lower case, with hyphens for blanks and
// without other signs.
func anchors(markdown string) (names []string) {
	for _, m := range anyHeading.FindAllStringSubmatch(codeBlock.ReplaceAllString(markdown, ""), -1) {
		name := noSlug.ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// TestSettingsPage checks that docs/settings.md lists all settings and no others.
func TestSettingsPage(t *testing.T) {
	var listed, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \\|").FindAllStringSubmatch(text(t, "docs/settings.md"), -1) {
		listed = append(listed, strings.Split(strings.ReplaceAll(row[1], "`", ""), ", ")...)
	}
	for _, setting := range config.Table(wire.Checks()) {
		want = append(want, setting.Name)
	}
	slices.Sort(listed)
	slices.Sort(want)
	assert.Equal(t, want, listed, "the settings that docs/settings.md lists")
}
