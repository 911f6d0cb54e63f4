package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/andybalholm/cascadia"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// TestMarkup checks every screen like a strict HTML checker, because screen readers and programs that fill in forms do
// not tolerate what browsers tolerate. With KONTOR_TEST_MARKUP the screens are saved in that folder, for other checkers.
func TestMarkup(t *testing.T) {
	p := boot(t, map[string]string{"DEMO": "1", "FIRM_NAME": "Steuerkanzlei Lindner"})
	for _, language := range []string{"en", "de"} {
		endUser := "jens." + language + "@kunde.example"
		places := addresses(t, p, language, endUser)
		for _, s := range screens {
			who := visitor(t, p.URL)
			switch s.who {
			case "specialist":
				who.signIn("admin@kontor.local", p.Password)
			case "end user":
				who.signIn(endUser, goodPassword)
			}
			who.lang = language
			var seen []string
			for _, path := range s.paths {
				path, _, _ = strings.Cut(path, "#")
				if slices.Contains(seen, path) {
					continue
				}
				seen = append(seen, path)
				page := who.raw(places.Replace(path))
				name := strings.Join([]string{language, s.who, path}, " ")
				for _, fault := range markupFaults(page) {
					t.Errorf("%s: %s", name, fault)
				}
				saveMarkup(t, name, page)
			}
		}
	}
}

// raw is the page as it is sent.
func (s *someone) raw(path string) string {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.base+path, http.NoBody)
	require.NoError(s.t, err)
	req.Header.Set("Accept-Language", s.lang)
	res, err := s.client.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = res.Body.Close() }()
	page, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return string(page)
}

func saveMarkup(t *testing.T, name, page string) {
	t.Helper()
	dir := os.Getenv("KONTOR_TEST_MARKUP")
	if dir == "" {
		return
	}
	file := filepath.Join(dir, strings.Trim(notInNames.ReplaceAllString(name, "_"), "_")+".html")
	assert.NoError(t, os.WriteFile(file, []byte(page), 0o600))
}

var (
	interactive = []string{"a[href]", "button", "input:not([type=hidden])", "select", "textarea", "summary", "label"}
	headings    = []string{"h1", "h2", "h3", "h4"}
	blocks      = []string{
		"address", "article", "aside", "blockquote", "details", "dialog", "div", "dl", "fieldset", "figure", "footer", "form",
		"header", "hr", "main", "nav", "ol", "p", "pre", "section", "table", "ul",
	}
	// phrases are elements that hold text and no blocks. A heading is one inside of a summary or a legend.
	phrases = []string{"abbr", "b", "button", "code", "em", "h1", "h2", "h3", "h4", "i", "kbd", "label", "p", "q", "small", "span", "strong", "time"}
)

// within selects each of some things inside of each of others.
func within(outer, inner []string) string {
	var selectors []string
	for _, o := range outer {
		for _, i := range inner {
			selectors = append(selectors, o+" "+i)
		}
	}
	return strings.Join(selectors, ", ")
}

// markupFaults are what is wrong with a page or a fragment.
func markupFaults(page string) []string {
	faults := tagFaults(page)
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(page))
	if err != nil {
		return append(faults, err.Error())
	}
	say := func(what string, s *goquery.Selection) {
		outer, _ := goquery.OuterHtml(s)
		faults = append(faults, fmt.Sprintf("%s: %.120s", what, strings.Join(strings.Fields(outer), " ")))
	}
	ids := map[string]bool{}
	doc.Find("[id]").Each(func(_ int, s *goquery.Selection) {
		if id := s.AttrOr("id", ""); ids[id] {
			say("an id is there twice", s)
		} else {
			ids[id] = true
		}
	})
	for _, rule := range []struct{ what, selector string }{
		{"a button without a type", "button:not([type])"},
		{"a legend that is not the first in its group", "legend:not(:first-child), :not(fieldset) > legend"},
		{"a group without a name", "fieldset:not(:has(legend))"},
		{"autocompletion of what is not typed", "input[autocomplete][type=checkbox], input[autocomplete][type=radio]"},
		{"something to press inside of something else", within([]string{"a", "button"}, interactive)},
		{"a block inside of a phrase", within(phrases, append(slices.Clone(headings), blocks...))},
		{"something else than items in a list", "ul > :not(li):not(template), ol > :not(li):not(template)"},
		{"an item without a list", ":not(ul):not(ol) > li"},
		{"an empty heading", "h1:empty, h2:empty, h3:empty, h4:empty"},
	} {
		doc.FindMatcher(cascadia.MustCompile(rule.selector)).Each(func(_ int, s *goquery.Selection) { say(rule.what, s) })
	}
	for _, attr := range []string{"for", "aria-labelledby", "aria-describedby", "aria-controls", "list", "form", "popovertarget"} {
		doc.Find("[" + attr + "]").Each(func(_ int, s *goquery.Selection) {
			for _, id := range strings.Fields(s.AttrOr(attr, "")) {
				if !ids[id] {
					say(attr+" names nothing", s)
				}
			}
		})
	}
	doc.Find("label:not([for])").Each(func(_ int, s *goquery.Selection) {
		if s.Find("input, select, textarea").Length() != 1 {
			say("a label of nothing", s)
		}
	})
	return faults
}

// tagFaults are tags that a parser puts right without a word: left open, closed twice, or a block in a paragraph, which it
// ends before.
func tagFaults(page string) (faults []string) {
	void := strings.Fields("area base br col embed hr img input link meta source track wbr use path")
	closesParagraph := append(slices.Clone(headings), blocks...)
	var open []string
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		kind := z.Next()
		token := z.Token()
		switch kind {
		case html.ErrorToken:
			if len(open) > 0 {
				faults = append(faults, fmt.Sprintf("left open: %v", open))
			}
			return faults
		case html.StartTagToken:
			if slices.Contains(void, token.Data) {
				continue
			}
			if slices.Contains(open, "p") && slices.Contains(closesParagraph, token.Data) {
				faults = append(faults, fmt.Sprintf("a block in a paragraph: %s", token))
			}
			open = append(open, token.Data)
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != token.Data {
				faults = append(faults, fmt.Sprintf("%s closes %v", token, open[max(0, len(open)-3):]))
			}
			if i := lastIndex(open, token.Data); i >= 0 {
				open = open[:i]
			}
		}
	}
}

func lastIndex(list []string, what string) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == what {
			return i
		}
	}
	return -1
}

// TestMarkupFaults: each rule finds its mistake and reports nothing in correct markup.
func TestMarkupFaults(t *testing.T) {
	for page, want := range map[string]string{
		`<p id="a"></p><p id="a"></p>`:                                           "an id is there twice",
		`<button>x</button>`:                                                     "a button without a type",
		`<fieldset><div><legend>x</legend></div></fieldset>`:                     "a legend that is not the first in its group",
		`<fieldset><p>y</p><legend>x</legend></fieldset>`:                        "a legend that is not the first in its group",
		`<fieldset><p>y</p></fieldset>`:                                          "a group without a name",
		`<input type="checkbox" autocomplete="off">`:                             "autocompletion of what is not typed",
		`<a href="/"><button type="submit">x</button></a>`:                       "something to press inside of something else",
		`<span><div></div></span>`:                                               "a block inside of a phrase",
		`<p><ul><li>x</li></ul></p>`:                                             "a block in a paragraph",
		`<div><div></div>`:                                                       "left open",
		`<div></div></div>`:                                                      "</div> closes []",
		`<ul><p>x</p></ul>`:                                                      "something else than items in a list",
		`<h2></h2>`:                                                              "an empty heading",
		`<label for="x">x</label>`:                                               "for names nothing",
		`<label>x</label>`:                                                       "a label of nothing",
		`<p aria-labelledby="x">z</p>`:                                           "aria-labelledby names nothing",
		`<details><summary><h2>x</h2></summary></details>`:                       "",
		`<fieldset><legend>x</legend><label>y <input></label></fieldset>`:        "",
		`<label for="x">x</label><input id="x"><button type="button">x</button>`: "",
	} {
		got := strings.Join(markupFaults(page), "\n")
		assert.False(t, want == "" && got != "", "%s: %q, want %q", page, got, want)
		assert.Contains(t, got, want, page)
	}
}
