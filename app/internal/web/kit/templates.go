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

// templates are the screens in one language. In html/template the functions belong to a set of templates. So each
// language has its own set, and a template can say {{t "customer.add"}} without naming the language.
type templates struct {
	*text.Texts
	engine    *html.Engine
	fragments *expirable.LRU[fragment, template.HTML]
}

// fragment is the key of a rendered part of a page. The part depends on nothing but its data, so equal data give equal
// text.
type fragment struct {
	name string // of the template
	data any    // comparable
}

// Limits of the cache of fragments: enough for the rows that a busy office looks at, and no longer than a minute, so that
// deleted data do not stay in memory.
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

// numbersInText matches the numbers of customers and transactions.
var numbersInText = regexp.MustCompile(`\b[KV]-\d+`)

// whole prevents line breaks at the hyphens of such numbers.
func whole(text string) template.HTML {
	return template.HTML(numbersInText.ReplaceAllString(template.HTMLEscapeString(text), `<span class="num">$0</span>`))
}

// fragment does what {{template name data}} does, and caches the result; for the rows of long lists. The template may use
// nothing but data, which must be comparable. It may not depend on the person or on the time.
func (t *templates) fragment(name string, data any) (template.HTML, error) {
	key := fragment{name, data}
	if html, ok := t.fragments.Get(key); ok {
		return html, nil
	}
	raw, err := t.execute(name, data)
	if err != nil {
		return "", err
	}
	html := template.HTML(raw) // from html/template, so it is escaped already
	t.fragments.Add(key, html)
	return html, nil
}

// execute renders a template into a buffer. It looks up the template itself, because the engine's own Render writes to
// the shared set for its layout feature, which is a data race and takes a global lock.
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

// dict makes the argument of a partial template: {{template "form/field" (dict "form" .Form "name" "city")}}.
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

// linkLines escapes a mail's text. It turns each line that is only a web address into a link.
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
