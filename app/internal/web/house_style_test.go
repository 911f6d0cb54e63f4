package web

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
)

// houseStyle is what no text says, and why: one term for each thing, one spelling, one kind of quotes.
var houseStyle = map[string]map[string]*regexp.Regexp{
	"en": {
		"contract it: can't":                  regexp.MustCompile(`\bcannot\b`),
		"contract it: doesn't, isn't, wasn't": regexp.MustCompile(`\b(does|do|did|is|are|was|were|has|have|could|would) not\b`),
		"someone, as in the rest":             regexp.MustCompile(`(?i)\bsomebody\b`),
		"say what to enter":                   regexp.MustCompile(`(?i)please (fill|enter|choose|type)`),
		"e-mail":                              regexp.MustCompile(`(^|[^-\w])([Ee]mails?|[Mm]ails)\b`),
		"sign in":                             regexp.MustCompile(`(?i)\blog[ -]?in\b`),
		"right now":                           regexp.MustCompile(`\bat the moment\b`),
		"again":                               regexp.MustCompile(`\banew\b`),
		"you're not allowed to see it":        regexp.MustCompile(`\byou may not see\b`),
		"quotes are “…”, apostrophes straight":   regexp.MustCompile(`["’‘„]`),
		"the ellipsis is one character":          regexp.MustCompile(`\.\.\.`),
		"one blank, none before a stop or comma": regexp.MustCompile(`  | [.,;:]`),
	},
	"de": {
		"E-Mail":                                 regexp.MustCompile(`(^|[^-\w])(Emails?|E-mails?|e-mails?|Mails)\b`),
		"Zuordnung, zugeordnet":                  regexp.MustCompile(`\b(Zuweisung|zugewiesen)`),
		"Benutzeradministrator":                  regexp.MustCompile(`Benutzer-Admin`),
		"reaktivieren":                           regexp.MustCompile(`\b[Ww]ieder aktiviert?e?n?\b`),
		"no English where there is German":       regexp.MustCompile(`\b(User|Account|einloggen|Login|canceln|Mailbox)\b`),
		"quotes are „…“":                         regexp.MustCompile(`["”’‘»«]|“\p{Ll}`),
		"the ellipsis is one character":          regexp.MustCompile(`\.\.\.`),
		"one blank, none before a stop or comma": regexp.MustCompile(`  | [.,;:]`),
	},
}

// TestHouseStyle: the texts of the screens follow the same style rules.
func TestHouseStyle(t *testing.T) {
	for locale, rules := range houseStyle {
		for id, raw := range localeFile(t, locale) {
			forms := map[string]string{}
			if err := json.Unmarshal([]byte(raw), &forms); err != nil {
				var one string
				must(t, json.Unmarshal([]byte(raw), &one))
				forms[""] = one
			}
			for _, text := range forms {
				said := placeholders.ReplaceAllString(text, "X")
				for why, wrong := range rules {
					assert.Empty(t, wrong.FindString(said), "%s %s: in %q: %s", locale, id, text, why)
				}
			}
		}
	}
}
