package policy

import (
	"slices"
	"strings"
)

// At returns the text of the draft at an edit. known is false when the draft's steps do not reach back that far.
func (d Draft) At(edit int) (text string, known bool) {
	if edit == d.Edit {
		return d.Text, true
	}
	for _, s := range d.Steps {
		if s.Edit == edit+1 {
			return s.Before, true
		}
	}
	return "", false
}

// Merge applies to mine the changes from base to theirs. It removes the lines that theirs removed, and inserts the
// lines that theirs added after the line that they follow there. Nothing else in mine changes.
func Merge(base, mine, theirs string) string {
	was, lines, now := split(base), split(mine), split(theirs)
	for _, line := range was {
		if !slices.Contains(now, line) {
			lines = slices.DeleteFunc(lines, func(own string) bool { return own == line })
		}
	}
	at := 0
	for _, line := range now {
		if i := slices.Index(lines, line); i >= 0 {
			at = max(at, i+1)
			continue
		}
		if !slices.Contains(was, line) {
			lines = slices.Insert(lines, at, line)
			at++
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func split(text string) []string {
	return strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
}
