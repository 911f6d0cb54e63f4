package filetype

import (
	"fmt"
	"mime"
	"slices"
	"strings"
)

// Allowed says which types of files are taken.
type Allowed struct {
	listed []string // groups, MIME types and extensions, sorted
}

// Safe is the list that is taken where nobody says another: nothing that runs, no pages of the web, and ZIP alone of the archives.
const Safe = "pdf, image, office, text, zip"

// ParseAllowed reads a list of groups ("office"), extensions ("zip" or ".zip") and MIME types ("application/zip"), separated by
// commas or blanks. A group has only types that are not risky; those must be listed one by one. An extension that Kontor does
// not know is written with its dot. It is an error if the list is empty, or if a word of it is none of these.
func ParseAllowed(list string) (Allowed, error) {
	var a Allowed
	for _, word := range strings.FieldsFunc(strings.ToLower(list), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		switch {
		case slices.Contains(Groups, word):
		case strings.Contains(word, "/"):
			if name, parameters, err := mime.ParseMediaType(word); err != nil || len(parameters) > 0 || name != word || strings.HasSuffix(word, "/") {
				return Allowed{}, fmt.Errorf("%q is no type of files", word)
			}
			if e := byMIME[word]; e != nil {
				word = e.MIME
			}
		case strings.HasPrefix(word, ".") && Extension(word) == word:
		case byExtension["."+word] != nil:
			word = "." + word
		default:
			return Allowed{}, fmt.Errorf("%q is no type of files", word)
		}
		a.listed = append(a.listed, word)
	}
	if len(a.listed) == 0 {
		return Allowed{}, fmt.Errorf("no type of files is listed")
	}
	slices.Sort(a.listed)
	a.listed = slices.Compact(a.listed)
	return a, nil
}

// Allows says whether a file of a type is taken.
func (a Allowed) Allows(t Type) bool {
	if !t.Risky && slices.Contains(a.listed, t.Group) || slices.Contains(a.listed, t.MIME) {
		return true
	}
	e := byMIME[t.MIME]
	return slices.ContainsFunc(a.listed, func(word string) bool {
		if e == nil || e.MIME == script { // scripts are told by their names alone
			return word == t.Extension
		}
		return slices.Contains(e.extensions, word) && byExtension[word][0] == e // "doc" is no word for macros
	})
}

// String returns the list in one order, whatever the order in which it was written.
func (a Allowed) String() string { return strings.Join(a.listed, ", ") }
