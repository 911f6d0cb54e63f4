package kit

import (
	"html/template"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestJoinLines(t *testing.T) {
	for source, want := range map[string]string{
		"<p>\n  {{.A}}\n  <b>x</b>\n</p>\n":                                `<p>1<b>x</b></p>`,
		"<p>{{.A}} <b>x</b>{{\" \"}}\n  y\n</p>":                           `<p>1 <b>x</b> y</p>`,
		"<a\n  class=\"b\n    c\"\n  {{if .A}}id=\"i\"{{end}}\n>\n  x</a>": `<a class="b c" id="i">x</a>`,
		"{{if .A}}\n  <p>\n    x\n  </p>\n{{else}}\n  y\n{{end}}\n z":      `<p>x</p>z`,
		"{{range .B}}\n  <i\n    id=\"{{.}}\"\n  ></i>\n{{end}}":           `<i id="3"></i><i id="4"></i>`,
		"{{with .B}}\n  <textarea>{{index . 0}}\n</textarea>{{end}}":       `<textarea>3</textarea>`,
	} {
		tmpl := template.Must(template.New("").Parse(source))
		joinLines(tmpl.Tree.Root, false)
		var page strings.Builder
		require.NoError(t, tmpl.Execute(&page, map[string]any{"A": 1, "B": []int{3, 4}}))
		assert.Equal(t, want, page.String(), "%q became", source)
	}
}
