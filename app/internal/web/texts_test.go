package web

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/access"
	"kontor/app/attention"
	"kontor/app/courier"
	"kontor/app/customerimport"
	"kontor/app/handover"
	"kontor/app/job"
	"kontor/app/policy"
	"kontor/policies"
	"kontor/views"
)

// localeFile reads the ids of a language, with the text of each as it stands in the file.
func localeFile(t *testing.T, locale string) map[string]string {
	t.Helper()
	raw, err := fs.ReadFile(views.Locales(), locale+".json")
	require.NoError(t, err)
	var parsed map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &parsed))
	all := map[string]string{}
	for id, text := range parsed {
		all[id] = string(text)
	}
	return all
}

var (
	inTemplate   = regexp.MustCompile(`\b(?:t|tn) "([a-z0-9_.]+)"|"label" "([a-z0-9_.]+)"`)
	builtInPage  = regexp.MustCompile(`\bt \(print "([a-z0-9_.]+\.)"`)
	placeholders = regexp.MustCompile(`{{\s*\.(\w+)\s*}}`)
	looksLikeID  = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`)
)

// pageSources are the texts of all page templates.
func pageSources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := fs.WalkDir(views.Pages(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".html") {
			return err
		}
		raw, err := fs.ReadFile(views.Pages(), name)
		all.Write(raw)
		return err
	})
	require.NoError(t, err)
	return all.String()
}

// inspectGo visits the syntax of the program's own files, without tests.
func inspectGo(t *testing.T, root string, visit func(ast.Node)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			visit(n)
			return true
		})
		return nil
	})
	require.NoError(t, err)
}

// goStrings are the string literals of the program's own files, without tests.
func goStrings(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	inspectGo(t, root, func(n ast.Node) {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				found = append(found, s)
			}
		}
	})
	return found
}

// faultCalls are the ids of the messages that stand in calls of fault.New, fault.At and Form.Add.
func faultCalls(t *testing.T, root string) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, _ := sel.X.(*ast.Ident)
			isFault := x != nil && x.Name == "fault" && (sel.Sel.Name == "New" || sel.Sel.Name == "At")
			isForm := x != nil && x.Name == "form" && sel.Sel.Name == "Add"
			if !isFault && !isForm {
				return true
			}
			if lit, ok := call.Args[1].(*ast.BasicLit); ok {
				if s, err := strconv.Unquote(lit.Value); err == nil && s != "required" { // which has words for each field
					ids["fault."+s] = true
				}
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	return ids
}

func repoRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	_, err = os.Stat(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	return root
}

// wantedTexts are the ids that pages and program ask for by name.
func wantedTexts(t *testing.T) map[string]bool {
	t.Helper()
	wanted := map[string]bool{}
	pages := pageSources(t)
	for _, m := range inTemplate.FindAllStringSubmatch(pages, -1) {
		wanted[m[1]+m[2]] = true
	}
	for id := range faultCalls(t, filepath.Join(repoRoot(t), "app")) {
		wanted[id] = true
	}
	for id := range faultCalls(t, filepath.Join(repoRoot(t), "worker")) {
		wanted[id] = true
	}
	for id := range faultCalls(t, filepath.Join(repoRoot(t), "policies")) {
		wanted[id] = true
	}
	for _, id := range closedTexts() {
		wanted[id] = true
	}
	return wanted
}

// closedTexts are the ids made of a prefix and a value of a closed vocabulary.
func closedTexts() []string {
	var ids []string
	for _, r := range policies.Roles {
		ids = append(ids, "role."+string(r))
	}
	for _, r := range policies.FirmRoles {
		ids = append(ids, "role_hint."+string(r))
	}
	for o, actions := range policies.Objects {
		for _, a := range actions {
			ids = append(ids, "right."+string(o)+"."+string(a))
		}
	}
	for _, why := range policies.OddReasons {
		ids = append(ids, "odd."+string(why))
	}
	for _, as := range []string{"all", "administrator", "processor", "access"} {
		ids = append(ids, "rights.short."+as, "rights.as."+as)
	}
	for _, state := range []string{"on", "via", "some", "void", "off"} {
		ids = append(ids, "rights.state."+state)
	}
	for _, k := range job.Kinds {
		ids = append(ids, "job_kind."+string(k))
	}
	for _, s := range job.States {
		ids = append(ids, "job_state."+string(s))
	}
	for _, r := range job.Reasons {
		ids = append(ids, "job_reason."+string(r))
	}
	for _, s := range courier.TaskStates {
		ids = append(ids, "task_state."+string(s))
	}
	for _, s := range []access.Status{access.Invited, access.Registered, access.LinkExpired, access.Undeliverable, access.Deactivated} {
		ids = append(ids, "status."+string(s))
	}
	for _, s := range handover.States {
		ids = append(ids, "deputy_state."+string(s))
	}
	for _, s := range attention.Sections {
		ids = append(ids, "attention."+string(s), "attention_hint."+string(s))
	}
	for _, r := range attention.Reasons {
		ids = append(ids, "attention_reason."+string(r))
	}
	for _, v := range customerimport.Verdicts { // the log says how many of each
		ids = append(ids, "count."+string(v))
	}
	ids = append(ids, policy.CommentFirst, policy.CommentReset)
	return append(ids, "queue.mail", "queue.sms", "locale.de", "locale.en", "locale.browser")
}

func TestTextsStandInBothLanguages(t *testing.T) {
	en, de := localeFile(t, "en"), localeFile(t, "de")
	for id, text := range en {
		german, there := de[id]
		if !assert.True(t, there, "%s has no German text", id) {
			continue
		}
		assert.NotEqual(t, `""`, strings.TrimSpace(text), "%s is empty", id)
		assert.NotEqual(t, `""`, strings.TrimSpace(german), "%s is empty", id)
		a, b := holes(text), holes(german)
		assert.Equal(t, b, a, "%s: English takes, German", id)
	}
	for id := range de {
		_, there := en[id]
		assert.True(t, there, "%s has no English text", id)
	}
}

// holes are the placeholders of a text, each once.
func holes(text string) []string {
	set := map[string]bool{}
	for _, m := range placeholders.FindAllStringSubmatch(text, -1) {
		set[m[1]] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func TestWantedTextsExist(t *testing.T) {
	en := localeFile(t, "en")
	for _, id := range slices.Sorted(maps.Keys(wantedTexts(t))) {
		_, there := en[id]
		assert.True(t, there, "%s is asked for and does not exist", id)
	}
	for _, s := range goStrings(t, ".") {
		for _, prefix := range []string{"toast.", "nav.", "problem."} {
			if strings.HasPrefix(s, prefix) && looksLikeID.MatchString(s) {
				_, there := en[s]
				assert.True(t, there, "%s is asked for and does not exist", s)
			}
		}
	}
}

// TestAuditTexts: every action, and every field or count that a log entry can contain, has a text.
func TestAuditTexts(t *testing.T) {
	en := localeFile(t, "en")
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(repoRoot(t), "app/audit/audit.go"), nil, 0)
	require.NoError(t, err)
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		typ, ok := spec.Type.(*ast.Ident)
		if !ok || typ.Name != "Action" {
			return true
		}
		id, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		n++
		_, there := en["audit."+id]
		assert.True(t, there, "audit.%s does not exist", id)
		return true
	})
	require.GreaterOrEqual(t, n, 20, "found only %d actions", n)
}

// TestNoTextIsLeftOver: unused texts must be removed, so that nobody translates them in vain.
func TestNoTextIsLeftOver(t *testing.T) {
	pages := pageSources(t)
	used := wantedTexts(t)
	for _, s := range goStrings(t, filepath.Join(repoRoot(t), "app")) {
		used[s] = true
		used["fault."+s] = true
		used["nav."+s] = true
		used["reason."+s] = true
	}
	for _, s := range goStrings(t, filepath.Join(repoRoot(t), "worker")) {
		used["reason."+s] = true
	}
	for _, s := range goStrings(t, filepath.Join(repoRoot(t), "policies")) {
		used["fault."+s] = true
	}
	prefixes := []string{"audit."}
	for _, s := range goStrings(t, filepath.Join(repoRoot(t), "app")) {
		if strings.HasSuffix(s, ".") && looksLikeID.MatchString(strings.TrimSuffix(s, ".")) && s != "fault." && s != "nav." {
			prefixes = append(prefixes, s) // as in "customers." + column
		}
	}
	for _, m := range builtInPage.FindAllStringSubmatch(pages, -1) {
		prefixes = append(prefixes, m[1])
	}
	for _, id := range slices.Sorted(maps.Keys(localeFile(t, "en"))) {
		if used[id] || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(id, p) }) {
			continue
		}
		t.Errorf("nobody asks for %s", id)
	}
}

// TestFilesDoNotHideEachOther: all templates share one namespace. A second template of the same name would replace the
// first without an error.
func TestFilesDoNotHideEachOther(t *testing.T) {
	define := regexp.MustCompile(`{{-?\s*(?:define|block)\s+"([^"]+)"`)
	owner := map[string]string{}
	err := fs.WalkDir(views.Pages(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".html") {
			return err
		}
		raw, err := fs.ReadFile(views.Pages(), name)
		names := []string{strings.TrimSuffix(name, ".html")}
		for _, m := range define.FindAllStringSubmatch(string(raw), -1) {
			names = append(names, m[1])
		}
		for _, n := range names {
			other, taken := owner[n]
			assert.False(t, taken, "template %s stands in %s and in %s", n, other, name)
			owner[n] = name
		}
		return err
	})
	require.NoError(t, err)
}
