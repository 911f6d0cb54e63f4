package web

import (
	"go/ast"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/customer"
	"kontor/app/lang"
)

// asks is how a message begins that says what to enter.
var asks = map[string]*regexp.Regexp{
	"en": regexp.MustCompile(`^(Enter|Choose|Repeat) `),
	"de": regexp.MustCompile(`^(Geben Sie|Wählen Sie|Wiederholen Sie) `),
}

// TestMandatoryFieldsAreAskedFor sends every form of every page without its mandatory fields, in both languages. At each
// field and in the summary the same sentence says what to enter. No two fields of a form have the same sentence.
func TestMandatoryFieldsAreAskedFor(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	admin := w.signedIn()
	admin.send("/policies/draft/rules", "edit", "0", "role", "auditor", "object", "template", "relation", "*", "kind", "*", "action", "manage", "effect", "allow").
		want(t, http.StatusSeeOther)
	sent := map[string]bool{}
	for who, b := range map[string]*browser{"admin": admin, "nobody": w.browser()} {
		for _, b.language = range lang.All {
			for _, r := range w.table() {
				if r.Method != http.MethodGet {
					continue
				}
				pages := []string{x.address(t, r.Path)}
				if r.Path == "/customers/new" {
					pages = []string{r.Path + "?type=person", r.Path + "?type=company"}
				}
				for _, page := range pages {
					a := b.get(page)
					if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || a.StatusCode != http.StatusOK {
						continue
					}
					a.doc(t).Find("form[method=post]").Each(func(_ int, form *goquery.Selection) {
						for _, name := range checkMandatory(t, who+" "+b.language+" "+page, b, form) {
							sent[name] = true
						}
					})
				}
			}
		}
	}
	want := []string{
		"code", "comment", "company_name", "confirm", "current_password", "day", "deputy", "email", "email_password", "english", "firm_name",
		"first_name", "from", "german", "holiday_name", "last_name", "login", "name", "name_de", "name_en", "password", "password_repeat", "until", "username",
	}
	assert.Equal(t, want, slices.Sorted(maps.Keys(sent)), "mandatory fields")
}

// checkMandatory sends a form as it stands, but without its mandatory fields, whose names it returns.
func checkMandatory(t *testing.T, where string, b *browser, form *goquery.Selection) (names []string) {
	t.Helper()
	values := url.Values{}
	form.Find("input, select, textarea").Each(func(_ int, field *goquery.Selection) {
		name, typ := field.AttrOr("name", ""), field.AttrOr("type", "")
		_, checked := field.Attr("checked")
		_, required := field.Attr("required")
		switch {
		case required:
			names = append(names, name)
			values.Set(name, " ")
			if typ == "password" {
				values.Set(name, "")
			}
		case (typ == "radio" || typ == "checkbox") && !checked:
		default:
			values.Add(name, field.AttrOr("value", field.Find("option[selected]").AttrOr("value", field.Text())))
		}
	})
	form.Find("fieldset:has(legend .req)").Each(func(_ int, set *goquery.Selection) {
		names = append(names, strings.TrimPrefix(set.AttrOr("id", ""), "f-"))
	})
	if len(names) == 0 {
		return nil
	}
	a := b.do(http.MethodPost, form.AttrOr("action", ""), values)
	where += " → " + form.AttrOr("action", "")
	if !assert.Equal(t, http.StatusUnprocessableEntity, a.StatusCode, "%s: status : %s", where, a.text()) {
		return names
	}
	doc := a.doc(t)
	said := map[string]string{}
	for _, name := range names {
		at := strings.TrimSpace(doc.Find(".wrong[id=w-" + name + "], #r-" + name + " .wrong, fieldset#f-" + name + " .wrong").First().Text())
		if at == "" {
			at = strings.TrimSpace(doc.Find("#f-" + name).Closest(".field").Find(".wrong").First().Text())
		}
		assert.True(t, asks[b.language].MatchString(at), "%s: at %s stands %q", where, name, at)
		other := said[at]
		assert.Empty(t, other, "%s: and %s are asked for in the same words: %s", where, name, at)
		said[at] = name
		link := strings.TrimSpace(doc.Find(`.summary a[href="#f-` + name + `"]`).Text())
		assert.True(t, strings.HasSuffix(link, at), "%s: at %s stands %q, in the summary %q", where, name, at, link)
		assert.False(t, name != "confirm" && link != at, "%s", where)
	}
	for _, generic := range []string{"this field", "dieses Feld", "required."} {
		assert.NotContains(t, a.text(), generic, "%s: is on the page", where)
	}
	return names
}

var mandatoryInput = regexp.MustCompile(`"name" "([a-z_]+)"[^)]*"req" true`)

// TestMandatoryFieldsHaveWords: each field that a template or a rule makes mandatory has a sentence that asks for it. The
// sentence names the field and ends like a label.
func TestMandatoryFieldsHaveWords(t *testing.T) {
	names := map[string]bool{}
	must(t, filepath.WalkDir(filepath.Join(repoRoot(t), "views"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".html") {
			for _, m := range mandatoryInput.FindAllStringSubmatch(string(mustRead(t, path)), -1) {
				names[m[1]] = true
			}
		}
		return err
	}))
	inspectGo(t, filepath.Join(repoRoot(t), "app"), func(n ast.Node) {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 2 && isLiteral(call.Args[1], "required") {
			if lit, ok := call.Args[0].(*ast.BasicLit); ok {
				name, _ := strconv.Unquote(lit.Value)
				names[name] = true
			}
		}
	})
	for _, f := range customer.Fields() {
		if f.Required {
			names[f.Name] = true
		}
	}
	delete(names, "confirm") // the message names the number to enter
	require.GreaterOrEqual(t, len(names), 15)
	for _, locale := range lang.All {
		texts := localeFile(t, locale)
		for name := range names {
			text, _ := strconv.Unquote(texts["required."+name])
			assert.True(t, asks[locale].MatchString(text), "%s: required.%s is %q", locale, name, text)
			assert.False(t, strings.HasSuffix(text, "."))
		}
		_, there := texts["fault.required"]
		assert.False(t, there, "%s: a mandatory field can be asked for without its name", locale)
	}
}

func isLiteral(e ast.Expr, want string) bool {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return false
	}
	s, err := strconv.Unquote(lit.Value)
	return err == nil && s == want
}
