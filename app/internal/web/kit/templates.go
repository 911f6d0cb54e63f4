package kit

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gofiber/template/html/v2"
	"github.com/hashicorp/golang-lru/v2/expirable"

	"kontor/app/internal/web/static"
	"kontor/app/internal/web/text"
	"kontor/app/phone"
)

// templates are the screens in one language. html/template's functions belong to a set, so each language has a set of
// its own, and a template says {{t "customer.add"}} without carrying a language around.
type templates struct {
	*text.Texts
	engine    *html.Engine
	fragments *expirable.LRU[fragment, template.HTML]
}

// fragment is a part of a page that shows nothing but its data: equal data give an equal text.
type fragment struct {
	name string // of the template
	data any    // comparable
}

// Fragments are kept for as many rows as a busy office looks at, and no longer than a minute: what was deleted is not to
// be found in the memory either.
const (
	fragmentsMax  = 5000
	fragmentsLife = time.Minute
)

func loadTemplates(pages fs.FS, tx *text.Texts, static *static.Files, now func() time.Time) (*templates, error) {
	e := html.NewFileSystem(http.FS(pages), ".html")
	t := &templates{Texts: tx, engine: e, fragments: expirable.NewLRU[fragment, template.HTML](fragmentsMax, nil, fragmentsLife)}
	e.AddFuncMap(map[string]any{
		"t":        tx.Say,
		"tn":       tx.Count,
		"num":      tx.Number,
		"date":     tx.Date,
		"moment":   tx.Moment,
		"short":    tx.Short,
		"clock":    func(at time.Time) string { return tx.Clock(at, now()) },
		"iso":      func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"day":      tx.Day,
		"locale":   func() string { return tx.Locale },
		"asset":    static.URL,
		"lines":    linkLines,
		"phone":    phone.Show,
		"whole":    whole,
		"browser":  tx.Browser,
		"said":     tx.InWords,
		"reason":   tx.Reason,
		"rule":     tx.Rule,
		"label":    func(field string) string { return tx.Plain["field."+field] },
		"dict":     dict,
		"fragment": t.fragment,
		"list":     func(items ...any) []any { return items },
		"hour":     tx.Hour,
		"icon": func(name string) template.HTML {
			return template.HTML(`<svg class="ico" aria-hidden="true"><use href="` + static.URL("generated/icons.svg") + `#` + template.HTMLEscapeString(name) + `"/></svg>`)
		},
	})
	if err := e.Load(); err != nil {
		return nil, fmt.Errorf("templates in %s: %w", tx.Locale, err)
	}
	for _, tmpl := range e.Templates.Templates() {
		if tmpl.Tree != nil {
			joinLines(tmpl.Tree.Root, false)
		}
	}
	return t, nil
}

// numbersInText are the numbers of customers and transactions.
var numbersInText = regexp.MustCompile(`\b[KV]-\d+`)

// whole keeps numbers in a sentence from being broken at their hyphens.
func whole(text string) template.HTML {
	return template.HTML(numbersInText.ReplaceAllString(template.HTMLEscapeString(text), `<span class="num">$0</span>`))
}

// fragment is {{template name data}} for the rows of long lists: rendered once and kept. The template may use nothing
// but data, which must be comparable: not who asks, not what time it is.
func (t *templates) fragment(name string, data any) (template.HTML, error) {
	key := fragment{name, data}
	if html, ok := t.fragments.Get(key); ok {
		return html, nil
	}
	raw, err := t.execute(name, data)
	if err != nil {
		return "", err
	}
	html := template.HTML(raw) // the output of html/template, escaped already
	t.fragments.Add(key, html)
	return html, nil
}

// execute renders a template to a buffer. It looks the template up itself: the engine's own Render would write to the
// shared set for its layout feature, which races and takes a global lock.
func (t *templates) execute(name string, data any) ([]byte, error) {
	tmpl := t.engine.Templates.Lookup(name)
	if tmpl == nil {
		return nil, fmt.Errorf("no template %q", name)
	}
	var buf bytes.Buffer
	if err := tmpl.Execute(&buf, data); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// dict makes the argument of a partial: {{template "form/field" (dict "form" .Form "name" "city")}}.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict takes pairs, got %d values", len(pairs))
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// linkLines escapes a mail's text and makes a line that is nothing but a web address a link.
func linkLines(text string) template.HTML {
	var b strings.Builder
	for line := range strings.Lines(text) {
		bare := strings.TrimSpace(line)
		u, err := url.Parse(bare)
		if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && !strings.ContainsAny(bare, " \"<>") {
			b.WriteString(`<a href="` + template.HTMLEscapeString(bare) + `">` + template.HTMLEscapeString(bare) + "</a>\n")
			continue
		}
		b.WriteString(string(whole(line)))
	}
	return template.HTML(b.String()) // every part is escaped above
}
