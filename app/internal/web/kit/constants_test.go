package kit

import (
	"html/template"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestConstants: the calls are gone from the template wherever the result would be the same, and the page is the same.
func TestConstants(t *testing.T) {
	say := func(id string) string { return map[string]string{"a": `"A" & <b>`, "url": "javascript:x"}[id] }
	c := constants{
		"t":     func(id string) string { return template.HTMLEscapeString(say(id)) },
		"icon":  func(name string) string { return `<svg><use href="/` + name + `"/></svg>` },
		"asset": func(name string) string { return "/static/" + name },
	}
	functions := template.FuncMap{
		"t": say, "icon": func(name string) template.HTML { return template.HTML(c["icon"](name)) }, "asset": c["asset"],
	}
	for source, calls := range map[string]int{
		`<p>{{t "a"}}</p>`: 0, `{{if .A}}<p aria-label="{{t "a"}}">{{else}}<p>{{end}}{{icon "plus"}}</p>`: 0,
		`<a href="{{asset "x.css"}}" data-say="{{.A}} {{t "a"}}">{{range .B}}<i>{{.}}{{t "a"}}</i>{{end}}</a>`: 1,
		`<a href="{{t "url"}}">{{t "a"}}</a>`: 1, `<i title='{{t "a"}}'></i>`: 1, `<i title={{t "a"}}></i>`: 1,
		`<i style="{{t "url"}}" onclick="{{t "a"}}"></i>`: 2, `<p>{{t (print "a")}}{{$x := t "a"}}{{$x}}{{t "a" | len}}</p>`: 3,
		`<textarea>{{t "a"}}</textarea><title>{{t "a"}}</title>`: 0, `<i data-say="{{if .A}}{{t "a"}}{{end}}"></i>`: 1,
	} {
		page := func(change func(*template.Template)) string {
			tmpl := template.Must(template.New("").Funcs(functions).Parse(source))
			change(tmpl)
			var out strings.Builder
			require.NoError(t, tmpl.Execute(&out, map[string]any{"A": 1, "B": []int{3, 4}}), source)
			return out.String()
		}
		before := page(func(*template.Template) {})
		after := page(func(tmpl *template.Template) {
			c.write(tmpl.Tree.Root, outside)
			left := tmpl.Tree.Root.String()
			assert.Equal(t, calls, strings.Count(left, `t "`)+strings.Count(left, `icon "`), "%s became %s", source, left)
		})
		assert.Equal(t, before, after, source)
	}
}
