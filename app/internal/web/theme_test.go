package web

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/authorisation"
	"kontor/app/customer"
	"kontor/views"
)

// TestIconsAreUsed: the sprite contains the icons that templates and the program name, and no others.
func TestIconsAreUsed(t *testing.T) {
	sprite, err := fs.ReadFile(views.Static(), "generated/icons.svg")
	must(t, err)
	drawn := map[string]bool{}
	for _, m := range regexp.MustCompile(`<symbol id="([^"]+)"`).FindAllStringSubmatch(string(sprite), -1) {
		drawn[m[1]] = true
	}
	used := iconsInGo(t)
	for _, m := range regexp.MustCompile(`\bicon"? ([^\s)}]+)`).FindAllStringSubmatch(actionsOf(pageSources(t)), -1) {
		name, err := strconv.Unquote(m[1])
		switch {
		case err == nil:
			used[name] = true
		case !slices.Contains([]string{".Icon", ".icon", "."}, m[1]): // the field Icon of what Go gives, the argument icon
			t.Errorf("icon %s: nothing is known of where the name comes from", m[1])
		}
	}
	for name := range used {
		assert.True(t, drawn[name], "no icon %s: add it to .ci/assets/icons.txt", name)
	}
	for name := range drawn {
		assert.True(t, used[name], "nothing uses the icon %s: remove it from .ci/assets/icons.txt", name)
	}
}

// iconsInGo are the values that the program gives to fields named Icon.
func iconsInGo(t *testing.T) map[string]bool {
	t.Helper()
	icons := map[string]bool{}
	add := func(field, value ast.Expr) {
		name, isIdent := field.(*ast.Ident)
		if selector, ok := field.(*ast.SelectorExpr); ok {
			name, isIdent = selector.Sel, true
		}
		if !isIdent || name.Name != "Icon" {
			return
		}
		if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			icons[strings.Trim(lit.Value, `"`)] = true
			return
		}
		from, ok := value.(*ast.SelectorExpr)
		require.True(t, ok, "an icon is not named by a constant text")
		assert.Equal(t, "Icon", from.Sel.Name, "an icon is not named by a constant text")
	}
	inspectGo(t, ".", func(n ast.Node) {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			add(n.Key, n.Value)
		case *ast.AssignStmt:
			for i := range n.Lhs {
				if len(n.Lhs) == len(n.Rhs) {
					add(n.Lhs[i], n.Rhs[i])
				}
			}
		}
	})
	return icons
}

// actionsOf are the actions of templates, without comments.
func actionsOf(templates string) string {
	var all strings.Builder
	for _, action := range regexp.MustCompile(`(?s){{.*?}}`).FindAllString(templates, -1) {
		if !strings.HasPrefix(action, "{{/*") {
			all.WriteString(action)
		}
	}
	return all.String()
}

// classSet are the classes that an element can have together.
type classSet map[string]bool

func (c classSet) add(classes ...string) classSet {
	for _, class := range classes {
		c[class] = true
	}
	return c
}

// TestClassRulesAreUsed: for each rule of views/theme there are elements with its classes. Bootstrap's own rules are not
// looked at.
func TestClassRulesAreUsed(t *testing.T) {
	elements := append(classesInTemplates(t), classesInCode(t)...)
	rules := 0
	for _, selector := range themeSelectors(t) {
		for _, compound := range strings.FieldsFunc(selector, func(r rune) bool { return strings.ContainsRune(" \n>+~,()", r) }) {
			var want []string
			for _, m := range classInSelector.FindAllStringSubmatch(compound, -1) {
				want = append(want, m[1])
			}
			if want == nil {
				continue
			}
			rules++
			assert.True(t, slices.ContainsFunc(elements, func(has classSet) bool {
				return !slices.ContainsFunc(want, func(class string) bool { return !has[class] })
			}), "%s: no element has the class %s", selector, strings.Join(want, " and "))
		}
	}
	assert.GreaterOrEqual(t, rules, 300, "only %d rules for classes", rules)
}

// TestClassesHaveRules: the style sheet has a rule for each class, so also for a utility of Bootstrap that nothing used
// before, and for the width of a field that no field had before.
func TestClassesHaveRules(t *testing.T) {
	sheet, err := fs.ReadFile(views.Static(), "generated/kontor.css")
	must(t, err)
	ruled := classSet{"customers": true} // tests find the overview by it
	for _, m := range classInSelector.FindAllStringSubmatch(string(sheet), -1) {
		ruled.add(m[1])
	}
	for _, has := range append(classesInTemplates(t), classesInCode(t)...) {
		for class := range has {
			assert.True(t, ruled[class], "no rule for the class %s", class)
		}
	}
}

var (
	classInSelector = regexp.MustCompile(`\.([a-zA-Z][\w-]*)`)
	classAttribute  = regexp.MustCompile(`\bclass="((?:[^"{]|{{[^}]*}})*)"`)
	action          = regexp.MustCompile(`{{-? *(.*?) *-?}}`)
	control         = regexp.MustCompile(`^(if|else|with|range|end)\b`)
)

// themeSelectors are the selectors of our own rules, and what is given to mixins as a selector.
func themeSelectors(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob("../../../views/theme/_*.scss")
	must(t, err)
	require.NotEmpty(t, files, "no theme")
	comments := regexp.MustCompile(`(?s)/\*.*?\*/|(?m)(^|\s)//.*?$`)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		must(t, err)
		source := strings.ReplaceAll(comments.ReplaceAllString(string(raw), ""), "#{$rows}", "")
		for _, m := range regexp.MustCompile(`([^{};]+){|@include \w+\("([^"]*)"\)`).FindAllStringSubmatch(source, -1) {
			all = append(all, strings.TrimSpace(m[1]+m[2]))
		}
	}
	return all
}

// classesInTemplates are the classes of the elements in templates. A template that writes a class which is not in it needs
// a row in composedClasses.
func classesInTemplates(t *testing.T) (all []classSet) {
	t.Helper()
	composed := composedClasses(t)
	seen := map[string]bool{}
	for _, m := range classAttribute.FindAllStringSubmatch(pageSources(t), -1) {
		attribute, written := m[1], false
		static := action.ReplaceAllStringFunc(attribute, func(s string) string {
			if control.MatchString(action.FindStringSubmatch(s)[1]) {
				return " "
			}
			written = true
			return "*"
		})
		has := classSet{}
		for _, class := range strings.Fields(static) {
			if !strings.Contains(class, "*") {
				has.add(class)
			}
		}
		if _, known := composed[attribute]; written && !known {
			t.Errorf("class=%q: say in composedClasses what it can be", attribute)
		}
		seen[attribute] = true
		all = append(all, has.add(composed[attribute]...))
	}
	for attribute := range composed {
		assert.True(t, seen[attribute], "composedClasses: no template has class=%q", attribute)
	}
	return all
}

// composedClasses are the classes that stand in no template, by the attributes that write them.
func composedClasses(t *testing.T) map[string][]string {
	t.Helper()
	var widths, blanks, levels []string
	add := func(classes *[]string, prefix string, columns int) {
		if columns > 0 {
			*classes = append(*classes, fmt.Sprint(prefix, columns))
		}
	}
	for _, f := range customer.Fields() {
		add(&widths, "w", f.Width)
		add(&widths, "p", f.Narrow)
		add(&blanks, "w", f.Blank)
	}
	for l := authorisation.Nothing; l <= authorisation.Works; l++ {
		levels = append(levels, fmt.Sprintf("lv%d", l))
	}
	return map[string][]string{
		"rows customers{{if .Selection}} picks{{end}}{{range .Without}} without-{{.}}{{end}}": {"without-type", "without-city", "without-registered", "without-status", "without-changed"},
		"rows transactions{{if $ticks}} picks{{end}}{{range .Without}} without-{{.}}{{end}}":  {"without-kind", "without-due", "without-responsible", "without-status"},
		`field {{with .class}}{{.}}{{end}}{{if $wrong}} is-wrong{{end}}`:                      append(given(t, "class"), widths...),
		`form-control{{with .inputclass}} {{.}}{{end}}`:                                       given(t, "inputclass"),
		`note{{with .tone}} {{.}}{{end}}`:                                                     given(t, "tone"),
		`hinted {{.Class}}`:                                                                   widths,
		`w{{.}}`:                                                                              blanks,
		`lv{{.cell.Level}}`:                                                                   levels,
		`at {{.Tone}}`:                                                                        namedIn(t, "../../access/timeline.go", "good", "bad", "now", "quiet"),
		`tag{{with .Tag}} {{.}}{{end}}`:                                                       namedIn(t, "operation/jobs.go", "info", "good", "bad", "warn"),
		`toggle {{.State}}`:                                                                   namedIn(t, "policy/glance.go", "on", "via", "some", "void", "off"),
		`toggle {{.State}} on-paper`:                                                          namedIn(t, "policy/glance.go", "on", "via", "some", "void"),
		`tag {{template "access/tone" .State}}`:                                               namedIn(t, "../../../views/access/tone.html", "good", "bad", "info"),
	}
}

// given are the classes that templates pass to a partial under a name.
func given(t *testing.T, argument string) (classes []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`"`+argument+`" "([^"]*)"`).FindAllStringSubmatch(pageSources(t), -1) {
		classes = append(classes, strings.Fields(m[1])...)
	}
	return classes
}

// namedIn are classes that a file names, one of Go in a text.
func namedIn(t *testing.T, file string, classes ...string) []string {
	t.Helper()
	raw, err := os.ReadFile(file)
	must(t, err)
	for _, class := range classes {
		name := regexp.MustCompile(`\b` + class + `\b`)
		if filepath.Ext(file) == ".go" {
			name = regexp.MustCompile(`"` + class + `"`)
		}
		assert.True(t, name.Match(raw), "%s does not name the class %s any more", file, class)
	}
	return classes
}

// classesInCode are the classes of the elements that the script and the program make.
func classesInCode(t *testing.T) (all []classSet) {
	t.Helper()
	script, err := fs.ReadFile(views.Static(), "kontor.js")
	must(t, err)
	upload, err := fs.ReadFile(views.Static(), "upload.js")
	must(t, err)
	script = append(script, upload...)
	for _, m := range regexp.MustCompile(`\.className = "([^"]*)"|\.classList\.\w+\("([^"]*)"`).FindAllStringSubmatch(string(script), -1) {
		all = append(all, classSet{}.add(strings.Fields(m[1]+m[2])...))
	}
	for _, s := range goStrings(t, ".") {
		for _, m := range classAttribute.FindAllStringSubmatch(s, -1) {
			all = append(all, classSet{}.add(strings.Fields(m[1])...))
		}
	}
	return all
}
