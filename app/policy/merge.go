package policy

import (
	"slices"
	"strings"
)

// At is the text that the draft had at an edit; known is false when that is longer ago than its steps reach.
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

// Merge takes over into a text what somebody else changed in another one that both began from: lines that they took out
// go, lines that they added are added behind the line that they follow. Nothing else of mine is touched.
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
