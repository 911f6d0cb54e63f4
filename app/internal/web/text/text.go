// Package text has the texts of the screens: texts by id, dates and numbers, rules as sentences, countries.
package text

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"kontor/app/lang"
	"kontor/app/phone"
)

// Option is an option of a select field.
type Option struct{ Value, Text string }

// Joined joins parts with commas, and with "and" before the last part.
func (t *Texts) Joined(parts []string) string { return t.JoinedBy("and", parts) }

// JoinedBy joins parts with commas, and with the text of word ("and" or "or") before the last part.
func (t *Texts) JoinedBy(word string, parts []string) string {
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " " + t.Say(word) + " " + parts[n-1]
	}
	return strings.Join(parts, "")
}

// Texts are the texts of one language.
type Texts struct {
	Locale    string
	localizer *i18n.Localizer
	// Plain has every text without placeholders and plural forms. These are most texts; looking them up here is faster
	// than the library.
	Plain map[string]string
	zone  *time.Location
	// Countries are the countries that forms offer, with their names in this language.
	Countries []Option
}

// Load reads locales/<locale>.json: an object of id → text, or id → {"one": …, "other": …}.
func Load(fsys fs.FS, locale string, zone *time.Location) (*Texts, error) {
	raw, err := fs.ReadFile(fsys, locale+".json")
	if err != nil {
		return nil, err
	}
	bundle := i18n.NewBundle(language.MustParse(locale))
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	file, err := bundle.ParseMessageFileBytes(raw, locale+".json")
	if err != nil {
		return nil, fmt.Errorf("texts of %s: %w", locale, err)
	}
	t := &Texts{Locale: locale, localizer: i18n.NewLocalizer(bundle, locale), Plain: map[string]string{}, zone: zone}
	for _, m := range file.Messages {
		if m.One == "" && !hasPlaceholder(m.Other) {
			t.Plain[m.ID] = m.Other
		}
	}
	t.Countries = countriesIn(locale)
	return t, nil
}

func hasPlaceholder(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '{' && s[i+1] == '{' {
			return true
		}
	}
	return false
}

// Say returns a text. args are name, value, name, value … or one map. An unknown id is returned unchanged, so that at
// least the id is visible; a test finds such ids.
func (t *Texts) Say(id string, args ...any) string {
	if s, ok := t.Plain[id]; ok {
		return s
	}
	s, err := t.localizer.Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: ArgMap(args)})
	if err != nil && s == "" {
		return id
	}
	return s
}

// Count returns a text with plural forms. Its placeholder {{.PluralCount}} is the number n in the format of the language.
// An optional number may be given as a pointer.
func (t *Texts) Count(id string, n any, args ...any) string {
	if optional, ok := n.(*int); ok {
		n = *optional
	}
	data := ArgMap(args)
	data["PluralCount"] = t.Number(n)
	s, err := t.localizer.Localize(&i18n.LocalizeConfig{MessageID: id, PluralCount: plural(n), TemplateData: data})
	if err != nil && s == "" {
		return id
	}
	return s
}

func plural(n any) any {
	if n, ok := n.(int64); ok {
		return int(n)
	}
	return n
}

// ArgMap makes the arguments of a text: name, value, name, value … or one map.
func ArgMap(args []any) map[string]any {
	data := map[string]any{}
	if len(args) == 1 {
		if m, ok := args[0].(map[string]any); ok {
			for k, v := range m {
				data[k] = v
			}
		}
		return data
	}
	for i := 0; i+1 < len(args); i += 2 {
		if name, ok := args[i].(string); ok {
			data[name] = args[i+1]
		}
	}
	return data
}

// Number formats a whole number with the language's thousands separator.
func (t *Texts) Number(n any) string {
	s := fmt.Sprint(n)
	sep := ","
	if t.Locale == lang.German {
		sep = "."
	}
	start := 0
	if len(s) > 0 && s[0] == '-' {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + sep + s[i:]
	}
	return s
}

var germanMonths = [...]string{"", "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}

// Size writes a number of bytes: "812 B", "14 KB", "1.4 MB". A KB has 1024 bytes.
func (t *Texts) Size(bytes int64) string {
	const steps = "KMGT"
	if bytes < 1<<10 {
		return t.Number(bytes) + " B"
	}
	n, step := float64(bytes)/(1<<10), 0
	for n >= 1023.5 && step < len(steps)-1 {
		n, step = n/(1<<10), step+1
	}
	digits := 0
	if n < 9.95 && step > 0 {
		digits = 1
	}
	text := strconv.FormatFloat(n, 'f', digits, 64)
	if t.Locale == lang.German {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text + " " + steps[step:step+1] + "B"
}

// Date writes "24 November 2026" or "24. November 2026".
func (t *Texts) Date(at time.Time) string {
	at = at.In(t.zone)
	if t.Locale == lang.German {
		return fmt.Sprintf("%d. %s %d", at.Day(), germanMonths[at.Month()], at.Year())
	}
	return at.Format("2 January 2006")
}

// Moment writes date and time to the minute.
func (t *Texts) Moment(at time.Time) string {
	return t.Date(at) + ", " + at.In(t.zone).Format("15:04")
}

// Short writes day, month and time: "24 Nov, 09:12" or "24.11., 09:12".
func (t *Texts) Short(at time.Time) string {
	at = at.In(t.zone)
	if t.Locale == lang.German {
		return at.Format("02.01., 15:04")
	}
	return at.Format("2 Jan, 15:04")
}

// Hour writes the time to the minute: "09:12".
func (t *Texts) Hour(at time.Time) string { return at.In(t.zone).Format("15:04") }

// Clock writes the time to the second if at is on the day of now, otherwise day, month and time.
func (t *Texts) Clock(at, now time.Time) string {
	at, now = at.In(t.zone), now.In(t.zone)
	if at.YearDay() == now.YearDay() && at.Year() == now.Year() {
		return at.Format("15:04:05")
	}
	return t.Short(at)
}

// Day writes an ISO date (such as a date of birth) in the format of the language. It returns anything else unchanged.
func (t *Texts) Day(iso string) string {
	d, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return iso
	}
	if t.Locale == lang.German {
		return d.Format("02.01.2006")
	}
	return d.Format("2 January 2006")
}

// Wait writes a remaining time in the largest unit that fits, rounded up.
func (t *Texts) Wait(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return t.Count("wait.hours", int((d+time.Hour-1)/time.Hour))
	case d > time.Minute:
		return t.Count("wait.minutes", int((d+time.Minute-1)/time.Minute))
	}
	return t.Count("wait.seconds", max(1, int((d+time.Second-1)/time.Second)))
}

// InWords is the value of a field in words, if the value is a key (of roles, languages, salutations), a country, a date
// or a telephone number. It returns any other value unchanged.
func (t *Texts) InWords(field, value string) string {
	switch field {
	case "country":
		return t.Country(value)
	case "date_of_birth", "due", "from", "until":
		return t.Day(value)
	case "phone", "mobile":
		return phone.Show(value)
	}
	prefix := map[string]string{"roles": "role.", "locale": "locale.", "salutation": "salutation.", "status": "transaction_status.", "approval": "approval_kind.", "audience": "audience."}[field]
	if prefix == "" || value == "" {
		return value
	}
	words := strings.Split(value, ", ")
	for i, w := range words {
		if text, ok := t.Plain[prefix+w]; ok {
			words[i] = text
		}
	}
	return strings.Join(words, ", ")
}

// Reason is a reason key in words. It returns a reason that is not one of our keys (such as a library's own text)
// unchanged.
func (t *Texts) Reason(key string) string {
	if text, ok := t.Plain["reason."+key]; ok {
		return text
	}
	return key
}
