package views_test

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/views"
)

const (
	longestLine = 160
	longestTag  = 120 // a longer start tag has its attributes on lines of their own
)

// TestTemplatesReadLikeDocuments: the indentation of a template shows how its elements and conditions nest.
// docs/development.md says how templates are written.
func TestTemplatesReadLikeDocuments(t *testing.T) {
	files := 0
	err := fs.WalkDir(views.Pages(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		source, err := fs.ReadFile(views.Pages(), name)
		// Later faults may follow from the first.
		assert.Empty(t, layoutFaults(string(source)), name)
		return err
	})
	require.NoError(t, err)
	assert.GreaterOrEqual(t, files, 100, "only %d templates", files)
}

// TestMailTemplatesHaveNoLongLines: a line break in the HTML of a mail is a blank, so its paragraphs have several lines. In
// the text of a mail, and in an SMS, a line break is one for the reader: there a paragraph is one line.
func TestMailTemplatesHaveNoLongLines(t *testing.T) {
	files, err := fs.Glob(views.Mail(), "*.html.tmpl")
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(files), 20, "only %d templates", len(files))
	for _, name := range files {
		source, err := fs.ReadFile(views.Mail(), name)
		require.NoError(t, err)
		line := 0
		for text := range strings.Lines(string(source)) {
			line++
			n := utf8.RuneCountInString(strings.TrimSuffix(text, "\n"))
			assert.LessOrEqual(t, n, longestLine, "views/mail/%s:%d: is %d characters long, at most", name, line, n)
		}
	}
}

// TestLayoutFaults: the rules find each mistake and accept correct templates.
func TestLayoutFaults(t *testing.T) {
	for source, want := range map[string]string{
		"{{with .D}}\n  <p>{{.}} <b>x</b></p>\n{{else}}\n  y\n{{end}}\n":      "",
		"<a\n  class=\"b\"\n  {{if .C}}id=\"c\"{{end}}\n>\n  x\n</a> y\n":     "",
		"<input\n  id=\"b\"\n>\n{{template \"x\" (dict\n  \"a\" 1)}}\n<hr>\n": "",
		"<textarea\n  id=\"b\"\n>{{.}}</textarea>\n":                          "",
		"{{/* A comment\n  on two lines. */}}\n<p>x</p>\n":                    "",
		"{{with .D}}<p>\nx</p>{{end}}\n":                                      "1: <p> begins a line of its own",
		"<div><b>\n  x\n</b></div>\n":                                         "1: opens <div> and <b>: only one of them may end on another line",
		"<div>\n  <b>\n    x\n  </b></div>\n":                                 "4: </div> begins a line of its own",
		"<div>\n  x</div>\n":                                                  "2: </div> begins a line of its own",
		"<div>\nx\n</div>\n":                                                  "2: is indented by 0 blanks instead of 2",
		"<div>\n  x\n  </div>\n":                                              "3: is indented by 2 blanks instead of 0",
		"{{if .A}}\n  {{if .B}}\n    x\n{{end}}\n{{end}}\n":                   "4: is indented by 0 blanks instead of 2",
		"{{template \"x\" (dict\n\"a\" 1)}}\n":                                "2: is indented by 0 blanks instead of 2",
		"<p>x </p> \n":                                                        `1: ends with a blank, which is no part of the page: write {{" "}} if it shall be one`,
		"<i></b>\n":                                                           "1: </b> ends <i> of line 1",
		"{{if .A}}\n  <div>\n  {{end}}\n":                                     "3: {{end}} ends <div> of line 2",
		"<a\n  {{if .A}}title=\"a > b\"{{end}}\n>x</a>\n":                     "2: write &lt; and &gt; in an attribute, not >",
		"<a title=\"a > b\">x</a>\n":                                          "1: write &lt; and &gt; in an attribute, not >",
		"<div>\n":                                                             "1: nothing ends <div>",
		"<p>" + strings.Repeat("x", 160) + "</p>\n":                           "1: is 167 characters long, 160 at most",
		"<a class=\"" + strings.Repeat("x", 120) + "\">x</a>\n":               "1: <a> is longer than 120 characters: its attributes go on lines of their own",
	} {
		if got := strings.Join(layoutFaults(source), "\n"); got != want && !strings.HasPrefix(got, want+"\n") {
			t.Errorf("%q: %q, want %q", source, got, want)
		}
	}
}

var (
	// token is an action or comment, the start or the end of a start tag, an end tag, a quote, or a line break.
	token = regexp.MustCompile(`(?s){{/\*.*?\*/}}|{{.*?}}|</[a-z0-9]+>|<[a-z][a-z0-9]*|>|["']|\n`)
	verb  = regexp.MustCompile(`^{{-? *(if|with|range|define|block|else|end)\b`)

	// blocks are the elements that begin a line. Other elements may share one.
	blocks = strings.Fields(`address article aside blockquote body caption col colgroup datalist dd details dialog div dl dt fieldset
		figure footer form h1 h2 h3 h4 h5 h6 head header hr html legend li link main meta nav ol optgroup option p pre script
		section select summary table tbody td template textarea tfoot th thead title tr ul`)
	voids = strings.Fields("br col hr img input link meta wbr")
)

// opened is an element, the start tag of one, or a condition or loop, that has begun and not ended.
type opened struct {
	name string // <p> or {{if}}
	line int
	at   int // offset in the source
	tag  bool
}

// layout reads a template from its beginning to its end.
type layout struct {
	source string
	line   int    // counted from 1
	begins int    // offset of the line's first character that is no blank
	quote  string // around the attribute's value, "" outside of one
	open   []opened
	faults []string
}

func layoutFaults(source string) []string {
	l := &layout{source: source}
	l.newLine(0, 0)
	for _, at := range token.FindAllStringIndex(source, -1) {
		l.read(at[0], source[at[0]:at[1]])
	}
	for _, o := range l.open {
		l.line = o.line
		l.say("nothing ends %s", o.name)
	}
	return l.faults
}

func (l *layout) say(format string, args ...any) {
	l.faults = append(l.faults, fmt.Sprintf("%d: %s", l.line, fmt.Sprintf(format, args...)))
}

func (l *layout) read(at int, token string) {
	inTag := slices.ContainsFunc(l.open, func(o opened) bool { return o.tag })
	switch action := verb.FindStringSubmatch(token); {
	case token == "\n":
		l.endLine(at)
		l.newLine(at+1, 0)
	case action != nil && action[1] == "end":
		l.end(at, token, "{{")
	case action != nil && action[1] == "else":
		l.end(at, token, "{{")
		l.begin(at, "{{else}}", false)
	case action != nil:
		l.begin(at, "{{"+action[1]+"}}", false)
		l.actionLines(at, token)
	case strings.HasPrefix(token, "{{"):
		l.actionLines(at, token)
	case token == `"` || token == "'":
		l.quoted(token, inTag)
	case l.quote != "":
		l.say("write &lt; and &gt; in an attribute, not %s", token)
	case strings.HasPrefix(token, "</"):
		l.end(at, token, "<"+token[2:])
	case token == ">" && inTag:
		l.endTag(at)
	case token != ">":
		if slices.Contains(blocks, token[1:]) && at != l.begins {
			l.say("%s> begins a line of its own", token)
		}
		l.begin(at, token+">", true)
	}
}

// endTag ends a start tag; unless nothing can be in it, its element goes on.
func (l *layout) endTag(at int) {
	tag := l.open[len(l.open)-1]
	if tag.line == l.line && at+1-tag.at > longestTag {
		l.say("%s is longer than %d characters: its attributes go on lines of their own", tag.name, longestTag)
	}
	l.end(at, ">", tag.name)
	if tag.tag && !slices.Contains(voids, strings.Trim(tag.name, "<>")) {
		l.begin(tag.at, tag.name, false)
	}
}

// quoted begins or ends an attribute's value. In text quotes are nothing special.
func (l *layout) quoted(token string, inTag bool) {
	switch {
	case l.quote == token:
		l.quote = ""
	case l.quote == "" && inTag:
		l.quote = token
	}
}

func (l *layout) begin(at int, name string, tag bool) {
	l.open = append(l.open, opened{name: name, line: l.line, at: at, tag: tag})
}

// end ends what was opened last, whose name begins with want.
func (l *layout) end(at int, token, want string) {
	if len(l.open) == 0 {
		l.say("%s ends nothing", token)
		return
	}
	last := l.open[len(l.open)-1]
	l.open = l.open[:len(l.open)-1]
	if !strings.HasPrefix(last.name, want) {
		l.say("%s ends %s of line %d", token, last.name, last.line)
	}
	if last.line != l.line && at != l.begins {
		l.say("%s begins a line of its own", token)
	}
}

// actionLines reads an action or a comment that may go on in further lines, which are indented by one step.
func (l *layout) actionLines(at int, action string) {
	for i, c := range action {
		if c == '\n' {
			l.endLine(at + i)
			l.newLine(at+i+1, 1)
		}
	}
}

func (l *layout) endLine(at int) {
	line := l.source[strings.LastIndexByte(l.source[:at], '\n')+1 : at]
	if n := utf8.RuneCountInString(line); n > longestLine {
		l.say("is %d characters long, %d at most", n, longestLine)
	}
	if strings.HasSuffix(line, " ") {
		l.say(`ends with a blank, which is no part of the page: write {{" "}} if it shall be one`)
	}
	var here []string
	for _, o := range l.open {
		if o.line == l.line {
			here = append(here, o.name)
		}
	}
	if len(here) > 1 {
		l.say("opens %s: only one of them may end on another line", strings.Join(here, " and "))
	}
}

// newLine begins a line at an offset. It is indented by what is open, less what it begins to end, and by extra steps.
func (l *layout) newLine(at, extra int) {
	l.line++
	rest := strings.TrimLeft(l.source[at:], " ")
	l.begins = len(l.source) - len(rest)
	if rest == "" || rest[0] == '\n' {
		return
	}
	depth := len(l.open) + extra
	if ends := regexp.MustCompile(`^(</|>|{{-? *(else|end)\b)`); ends.MatchString(rest) && depth > 0 {
		depth--
	}
	if is, want := l.begins-at, 2*depth; is != want {
		l.say("is indented by %d blanks instead of %d", is, want)
	}
}
