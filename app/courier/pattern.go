package courier

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pattern finds something in a gateway's answer: a JSON path such as $.messages[0].status, with = and the values that
// count, separated by |, or without them whatever stands there; or a regular expression over the whole answer (RE2), whose
// first group counts if it has one. The expression sees line ends as LF, and none at the end.
type pattern struct {
	path   []pathStep
	values []string // of a path; none: any value
	re     *regexp.Regexp
}

// pathStep is a member of an object, or an element of an array where name is "".
type pathStep struct {
	name  string
	index int
}

var errPattern = errors.New("not a pattern")

var pathStepText = regexp.MustCompile(`^(?:\.([A-Za-z0-9_-]+)|\[(\d{1,4})\])`)

// parsePattern reads a pattern; "" is none.
func parsePattern(s string) (*pattern, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no pattern is a pattern that was not asked for
	}
	if !strings.HasPrefix(s, "$") { // which begins no regular expression of use
		re, err := regexp.Compile(s)
		if err != nil {
			return nil, errPattern
		}
		return &pattern{re: re}, nil
	}
	p := &pattern{}
	path, values, compared := strings.Cut(s, "=")
	for rest := strings.TrimSpace(path)[1:]; rest != ""; {
		m := pathStepText.FindStringSubmatch(rest)
		if m == nil {
			return nil, errPattern
		}
		index, _ := strconv.Atoi(m[2])
		p.path = append(p.path, pathStep{name: m[1], index: index})
		rest = rest[len(m[0]):]
	}
	if compared {
		for _, v := range strings.Split(values, "|") {
			p.values = append(p.values, strings.TrimSpace(v))
		}
	}
	return p, nil
}

// find returns what stands at the pattern's place in an answer, as text; found is false where nothing stands, or null.
func (p *pattern) find(answer []byte) (text string, found bool) {
	if p.re != nil {
		m := p.re.FindStringSubmatch(strings.TrimRight(unixLines(strings.TrimPrefix(string(answer), "\ufeff")), " \t\n"))
		if m == nil {
			return "", false
		}
		return m[min(1, len(m)-1)], true
	}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(answer, []byte("\ufeff"))))
	d.UseNumber()
	var at any
	if d.Decode(&at) != nil {
		return "", false
	}
	for _, step := range p.path {
		switch v := at.(type) {
		case map[string]any:
			if step.name == "" {
				return "", false
			}
			at = v[step.name]
		case []any:
			if step.name != "" || step.index >= len(v) {
				return "", false
			}
			at = v[step.index]
		default:
			return "", false
		}
	}
	switch v := at.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	case nil:
		return "", false
	}
	return "", true // an object or array is there, and has no text
}

// matches says whether an answer is one that the pattern means.
func (p *pattern) matches(answer []byte) bool {
	text, found := p.find(answer)
	return found && (p.re != nil || len(p.values) == 0 || slices.Contains(p.values, text))
}
