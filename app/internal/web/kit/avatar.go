package kit

import (
	"html/template"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"
)

// hues is how many colours the style sheet has for initials.
const hues = 6

// avatar is the initials of a person on a colour that the person has everywhere. It is decoration beside the name: a
// screen reader and a search in the page find only the name.
func avatar(name string, id uuid.UUID) template.HTML {
	return template.HTML(`<span class="avatar" aria-hidden="true" data-hue="` + strconv.Itoa(int(id[len(id)-1])%hues) +
		`" data-initials="` + template.HTMLEscapeString(initials(name)) + `"></span>`)
}

// initials are the first letters of the first and the last name, without titles such as "Dr.".
func initials(name string) string {
	var letters []string
	for _, word := range strings.Fields(name) {
		first, _ := utf8.DecodeRuneInString(word)
		if unicode.IsLetter(first) && !strings.HasSuffix(word, ".") {
			letters = append(letters, strings.ToUpper(string(first)))
		}
	}
	switch len(letters) {
	case 0:
		return ""
	case 1:
		return letters[0]
	}
	return letters[0] + letters[len(letters)-1]
}
