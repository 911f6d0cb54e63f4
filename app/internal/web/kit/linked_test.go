package kit

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLinkWords: web addresses in a text are links, everything is escaped, and nothing else is a link.
func TestLinkWords(t *testing.T) {
	link := func(address string) string { return `<a href="` + address + `" rel="noreferrer">` + address + `</a>` }
	for text, want := range map[string]string{
		"":                                   "",
		"nothing <b>":                        "nothing &lt;b&gt;",
		"see https://a.example/b?c=1&d=2.":   "see " + link("https://a.example/b?c=1&amp;d=2") + ".",
		"(https://a.example/b), then":        "(" + link("https://a.example/b") + "), then",
		"https://a.example/b_(c)":            link("https://a.example/b_(c)"),
		"http://a.example\nhttp://b.example": link("http://a.example") + "\n" + link("http://b.example"),
		`https://a.example/"onclick="x`:      link("https://a.example/") + "&#34;onclick=&#34;x",
		"https://bank.example@evil.example":  "https://bank.example@evil.example",
		"javascript:alert(1) ftp://a":        "javascript:alert(1) ftp://a",
		"https:// nothing":                   "https:// nothing",
		"about V-10001":                      `about <span class="num">V-10001</span>`,
	} {
		assert.Equal(t, want, string(linkWords(text)), "%q", text)
	}
}

func FuzzLinkWords(f *testing.F) {
	f.Add("see https://a.example/b?c=1&d=2. <script>")
	tags := regexp.MustCompile(`<a href="https?://[^"<>\s]+" rel="noreferrer">|</a>|<span class="num">|</span>`)
	f.Fuzz(func(t *testing.T, text string) {
		got := string(linkWords(text))
		bare := tags.ReplaceAllString(got, "")
		assert.False(t, strings.ContainsAny(bare, `<>"`), "%q became %q", text, got)
		assert.Equal(t, strings.ReplaceAll(text, "\x00", "\uFFFD"), html.UnescapeString(bare), "the text stays")
	})
}
