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

// pattern finds a value in a gateway's answer. It is either a JSON path or a regular expression. A JSON path such as
// $.messages[0].status may be followed by = and the values that match, separated by |; without them every value
// matches. A regular expression (RE2) searches the whole answer; if it has a group, the first group is the value. The
// expression sees line ends as LF, and none at the end.
type pattern struct {
	path   []pathStep
	values []string // with a path: the values that match; none: any value
	re     *regexp.Regexp
}

// pathStep is a member of an object, or, if name is "", an element of an array.
type pathStep struct {
	name  string
	index int
}

var errPattern = errors.New("not a pattern")

var pathStepText = regexp.MustCompile(`^(?:\.([A-Za-z0-9_-]+)|\[(\d{1,4})\])`)

// parsePattern reads a pattern; "" means none.
func parsePattern(s string) (*pattern, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no pattern is a pattern that was not asked for
	}
	if !strings.HasPrefix(s, "$") { // no useful regular expression begins with $
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

// find returns the value at the pattern's place in an answer, as text. found is false if there is none, or if it is
// null.
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
	return "", true // an object or array: found, but without a text
}

// matches says whether an answer matches the pattern.
func (p *pattern) matches(answer []byte) bool {
	text, found := p.find(answer)
	return found && (p.re != nil || len(p.values) == 0 || slices.Contains(p.values, text))
}
