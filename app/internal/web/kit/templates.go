package kit

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"sync"
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
	engine *html.Engine
	cache  *expirable.LRU[fragment, template.HTML]
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
	t := &templates{Texts: tx, engine: e, cache: expirable.NewLRU[fragment, template.HTML](fragmentsMax, nil, fragmentsLife)}
	e.AddFuncMap(map[string]any{
		"t":         tx.Say,
		"tn":        tx.Count,
		"num":       tx.Number,
		"size":      tx.Size,
		"date":      tx.Date,
		"moment":    tx.Moment,
		"short":     tx.Short,
		"clock":     func(at time.Time) string { return tx.Clock(at, now()) },
		"iso":       func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"day":       tx.Day,
		"locale":    func() string { return tx.Locale },
		"asset":     static.URL,
		"lines":     linkLines,
		"linked":    linkWords,
		"phone":     phone.Show,
		"whole":     whole,
		"browser":   tx.Browser,
		"said":      tx.InWords,
		"reason":    tx.Reason,
		"rule":      tx.Rule,
		"label":     func(field string) string { return tx.Plain["field."+field] },
		"dict":      dict,
		"fragments": t.fragments,
		"list":      func(items ...any) []any { return items },
		"hour":      tx.Hour,
		"icon":      func(name string) template.HTML { return icon(static, name) },
		"avatar":    avatar,
	})
	if err := e.Load(); err != nil {
		return nil, fmt.Errorf("templates in %s: %w", tx.Locale, err)
	}
	constant := constantsOf(tx, static)
	for _, tmpl := range e.Templates.Templates() {
		if tmpl.Tree != nil {
			joinLines(tmpl.Tree.Root, false)
			constant.write(tmpl.Tree.Root, outside)
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

// fragments does what {{range rows}}{{template name .}}{{end}} does for the rows of a long list, and caches each row. The
// template may use nothing but the row, which must be comparable. It may not depend on the person or on the time.
func (t *templates) fragments(name string, rows any) (template.HTML, error) {
	var all strings.Builder
	list := reflect.ValueOf(rows)
	for i := range list.Len() {
		html, err := t.fragment(name, list.Index(i).Interface())
		if err != nil {
			return "", err
		}
		if i == 0 {
			all.Grow(list.Len() * (len(html) + len(html)/4)) // rows differ little in length
		}
		all.WriteString(string(html))
	}
	return template.HTML(all.String()), nil // every part is from html/template
}

func (t *templates) fragment(name string, data any) (template.HTML, error) {
	key := fragment{name, data}
	if html, ok := t.cache.Get(key); ok {
		return html, nil
	}
	html, err := t.execute(name, data)
	if err != nil {
		return "", err
	}
	t.cache.Add(key, html)
	return html, nil
}

// buffers are free buffers for execute. A page is as long as the last one, so a buffer rarely grows.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// execute renders a template.
func (t *templates) execute(name string, data any) (template.HTML, error) {
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if err := t.write(buf, name, data); err != nil {
		return "", err
	}
	return template.HTML(buf.String()), nil // from html/template, so it is escaped already
}

// write renders a template to w. It looks up the template itself, because the engine's own Render writes to the shared
// set for its layout feature, which is a data race and takes a global lock.
func (t *templates) write(w io.Writer, name string, data any) error {
	tmpl := t.engine.Templates.Lookup(name)
	if tmpl == nil {
		return fmt.Errorf("no template %q", name)
	}
	return tmpl.Execute(w, data)
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

// webAddress matches what may be a web address in a text.
var webAddress = regexp.MustCompile(`https?://[^\s<>"]+`)

// linkWords escapes a text of people, and turns the web addresses in it into links. An address with a name or password before
// the host stays text: it may look like that of another host.
func linkWords(text string) template.HTML {
	var b strings.Builder
	from := 0
	for _, at := range webAddress.FindAllStringIndex(text, -1) {
		address := strings.TrimRight(text[at[0]:at[1]], `.,;:!?'`)
		if strings.HasSuffix(address, ")") && !strings.Contains(address, "(") { // the text stands in brackets
			address = strings.TrimRight(address, `).,;:!?'`)
		}
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.User != nil {
			continue
		}
		b.WriteString(string(whole(text[from:at[0]])))
		b.WriteString(`<a href="` + template.HTMLEscapeString(address) + `" rel="noreferrer">` + template.HTMLEscapeString(address) + `</a>`)
		from = at[0] + len(address)
	}
	b.WriteString(string(whole(text[from:])))
	return template.HTML(b.String()) // every part is escaped above
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
