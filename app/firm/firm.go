// Package firm keeps what the firm sets about itself on its own page: its name and mark, how to reach it, what the sign-in
// page says, what new things start with, its holidays, and sentences that are ready to be used. What it has not set is as
// the environment says.
package firm

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/config"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/lang"
	"kontor/app/logo"
	"kontor/app/phone"
	"kontor/app/preference"
	"kontor/policies"
)

// Name identifies a setting. It is the name of its field on the page and in the log, too.
type Name string

// The settings.
const (
	FirmName Name = "firm_name"

	ContactLine    Name = "firm_contact" // whom to ask
	ContactAddress Name = "firm_address" // several lines
	ContactPhone   Name = "firm_phone"   // E.164
	ContactEmail   Name = "firm_email"
	ContactWebsite Name = "firm_website"
	ImprintURL     Name = "firm_imprint"
	PrivacyURL     Name = "firm_privacy"

	SignInBrand   Name = "sign_in_brand"   // whether the sign-in page shows the firm's name and mark
	SignInContact Name = "sign_in_contact" // whether the sign-in page shows how to reach the firm
	SignInGerman  Name = "sign_in_hint_de" // a sentence on the sign-in page
	SignInEnglish Name = "sign_in_hint_en"
	LastSignIn    Name = "last_sign_in" // who sees when a specialist user has signed in last

	OwnLocale Name = "own_locale" // the language where nobody has chosen one
	NewLocale Name = "new_locale" // the language with which the forms for new customers and people begin
	Theme     Name = "default_theme"
	Density   Name = "default_density"
)

// SummaryOf is the setting that says which daily summary people with a role get who have chosen nothing.
func SummaryOf(r policies.Role) Name { return Name("summary_" + string(r)) }

// The values of choices.
const (
	Yes       = "yes"
	No        = "no"
	Everyone  = "everyone" // LastSignIn: everybody who sees the list of specialist users
	Managers  = "managers" // LastSignIn: who manages specialist users
	Nobody    = "nobody"
	AnyLocale = "any" // NewLocale: none that is fixed
)

// Section is a form of the page. Each is saved by itself.
type Section string

// The sections with settings.
const (
	Contact  Section = "contact"
	SignIn   Section = "sign_in"
	Defaults Section = "defaults"
)

// Kind says what the value of a setting is.
type Kind int

// The kinds.
const (
	Line    Kind = iota // one line of text
	Lines               // several lines of text
	Choice              // one of Values
	Number              // of a telephone
	Email               // an e-mail address
	Address             // http or https
)

// Entry is a setting.
type Entry struct {
	Name    Name
	Section Section
	Kind    Kind
	Max     int      // characters of a text
	Values  []string // of a Choice, the first one unless Start or the firm says otherwise
	needed  bool
}

// entries are all settings, in the order of the page.
var entries = func() []Entry {
	text := func(s Section, k Kind, n Name, longest int) Entry {
		return Entry{Name: n, Section: s, Kind: k, Max: longest}
	}
	choice := func(s Section, n Name, values ...string) Entry {
		return Entry{Name: n, Section: s, Kind: Choice, Values: values}
	}
	of := func(n preference.Name) []string {
		e, _ := preference.Find(n)
		return e.Values
	}
	all := []Entry{
		{Name: FirmName, Section: Contact, Kind: Line, Max: 100, needed: true},
		text(Contact, Line, ContactLine, 200),
		text(Contact, Lines, ContactAddress, 300),
		text(Contact, Number, ContactPhone, 50),
		text(Contact, Email, ContactEmail, 254),
		text(Contact, Address, ContactWebsite, 500),
		text(Contact, Address, ImprintURL, 500),
		text(Contact, Address, PrivacyURL, 500),
		choice(SignIn, SignInBrand, Yes, No),
		choice(SignIn, SignInContact, Yes, No),
		text(SignIn, Lines, SignInGerman, 500),
		text(SignIn, Lines, SignInEnglish, 500),
		choice(SignIn, LastSignIn, Everyone, Managers, Nobody),
		choice(Defaults, OwnLocale, lang.All...),
		choice(Defaults, NewLocale, append([]string{AnyLocale}, lang.All...)...),
		choice(Defaults, Theme, of(preference.Theme)...),
		choice(Defaults, Density, of(preference.Density)...),
	}
	for _, r := range policies.FirmRoles {
		all = append(all, choice(Defaults, SummaryOf(r), of(preference.DailySummary)...))
	}
	return all
}()

// EntriesOf returns the settings of a section, in their order.
func EntriesOf(s Section) (list []Entry) {
	for _, e := range entries {
		if e.Section == s {
			list = append(list, e)
		}
	}
	return list
}

// Settings are values by name.
type Settings map[Name]string

// ID is what the log knows the firm by.
var ID = uuid.Must(uuid.FromString("0193ae00-0000-7000-8000-000000000001"))

// Errors.
var (
	// ErrVersion says that the page was changed in the meantime.
	ErrVersion = fault.New(fault.Conflict, "version")
	// ErrUnknown says that there is no such holiday or sentence.
	ErrUnknown = fault.New(fault.NotFound, "page")
)

// clean checks a value and returns it as it is stored. complaint is nil for a good one.
func (e Entry) clean(typed string) (value string, complaint *fault.Error) {
	field := string(e.Name)
	switch e.Kind {
	case Choice:
		for _, v := range e.Values {
			if v == typed {
				return typed, nil
			}
		}
		return typed, fault.At(field, "choice")
	case Lines:
		value = entry.Text(typed)
	case Line:
		value = entry.Line(typed)
	default:
		value = entry.Key(typed)
		if e.Kind == Number {
			value = entry.Line(typed)
		}
	}
	switch {
	case !entry.IsText(value, e.Kind == Lines):
		return value, fault.At(field, "control_characters")
	case utf8.RuneCountInString(value) > e.Max:
		return value, fault.At(field, "too_long").With("max", e.Max)
	case e.needed && !entry.Says(value):
		return value, fault.At(field, "required")
	case value == "":
		return value, nil
	}
	var message string
	switch e.Kind {
	case Number:
		if number, wrong := phone.Parse(value, phone.Home); wrong == "" {
			value = number
		} else {
			message = wrong
		}
	case Email:
		var good string
		if good, message = account.ValidEmail(value); message == "" {
			value = good
		}
	case Address:
		whole := value
		if !strings.Contains(value, "://") { // www.firm.example
			whole = "https://" + value
		}
		if link, ok := config.WebAddress(whole); ok {
			value = link
		} else {
			message = "web_address"
		}
	}
	if message != "" {
		complaint = fault.At(field, message)
	}
	return value, complaint
}

// Clean returns the values of a section as they would be stored. Errors: Invalid with the fields' names ("required",
// "too_long", "control_characters", "choice", "web_address", and those of phone.Parse and account.ValidEmail).
func Clean(s Section, typed map[string]string) (Settings, error) {
	var form fault.Form
	values := Settings{}
	for _, e := range EntriesOf(s) {
		value, complaint := e.clean(typed[string(e.Name)])
		values[e.Name] = value
		form.AddError(complaint)
	}
	return values, form.Err()
}

// Start is what the environment says: what holds as long as the firm has not set it on its page.
type Start struct {
	Name, Imprint, Privacy, Contact string
	Locale                          string
	Mark                            *logo.Logo // nil: none
}

// settings are the values that hold where the firm has set nothing.
func (s Start) settings() Settings {
	all := Settings{}
	for _, e := range entries {
		if e.Kind == Choice {
			all[e.Name] = e.Values[0]
		}
	}
	all[FirmName], all[ContactLine], all[ImprintURL], all[PrivacyURL] = s.Name, s.Contact, s.Imprint, s.Privacy
	if lang.Known(s.Locale) {
		all[OwnLocale] = s.Locale
	}
	return all
}

// shortened is a text for the log, which has no long ones.
func shortened(text string) string {
	const longest = 80
	text = entry.Line(text)
	if r := []rune(text); len(r) > longest {
		return string(r[:longest-1]) + "…"
	}
	return text
}

// Holiday is a day on which nobody of the firm works.
type Holiday struct {
	Day  string `bun:"day,pk"` // ISO 8601
	Name string `bun:"name"`
}

// Date is the day at noon, so that it is the same day in every zone of Europe.
func (h Holiday) Date() time.Time {
	d, _ := time.Parse(time.DateOnly, h.Day)
	return d.Add(12 * time.Hour)
}

const (
	// MostHolidays is how many holidays there may be.
	MostHolidays = 200
	// MostPhrases is how many sentences there may be.
	MostPhrases = 100
	// longestHoliday and LongestPhrase are lengths in characters.
	longestHoliday = 80
	LongestPhrase  = 300
)

// firstYear and lastYear bound what can be a holiday.
const (
	firstYear = 2020
	lastYear  = 2099
)

// checkHoliday cleans a day that somebody has typed. Errors: Invalid at day ("required", "holiday.day") and holiday_name
// ("required", "too_long", "control_characters").
func checkHoliday(day, name string) (Holiday, error) {
	var form fault.Form
	h := Holiday{Day: entry.Key(day), Name: entry.Line(name)}
	date, err := time.Parse(time.DateOnly, h.Day)
	switch {
	case h.Day == "":
		form.Add("day", "required")
	case err != nil:
		form.Add("day", "holiday.day")
	case date.Year() < firstYear, date.Year() > lastYear:
		form.AddError(fault.At("day", "holiday.year").With("from", strconv.Itoa(firstYear)).With("to", strconv.Itoa(lastYear)))
	}
	form.AddError(checkText("holiday_name", h.Name, longestHoliday))
	return h, form.Err()
}

func checkText(field, text string, longest int) *fault.Error {
	switch {
	case !entry.IsText(text, false):
		return fault.At(field, "control_characters")
	case !entry.Says(text):
		return fault.At(field, "required")
	case utf8.RuneCountInString(text) > longest:
		return fault.At(field, "too_long").With("max", longest)
	}
	return nil
}

// Purpose is what a sentence is for.
type Purpose string

// ForNotes are sentences for notes about customers.
const ForNotes Purpose = "note"

// Phrase is a sentence that is ready to be used, in each language.
type Phrase struct {
	ID      uuid.UUID
	Purpose Purpose
	German  string
	English string
}

// In is the sentence in a language.
func (p Phrase) In(locale string) string {
	if locale == lang.German {
		return p.German
	}
	return p.English
}

// checkPhrase cleans a sentence. Errors: Invalid at german and english ("required", "too_long", "control_characters").
func checkPhrase(p Phrase) (Phrase, error) {
	var form fault.Form
	p.German, p.English, p.Purpose = entry.Line(p.German), entry.Line(p.English), ForNotes
	form.AddError(checkText("german", p.German, LongestPhrase))
	form.AddError(checkText("english", p.English, LongestPhrase))
	return p, form.Err()
}
