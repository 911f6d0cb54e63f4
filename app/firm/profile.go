package firm

import (
	"slices"
	"strings"
	"time"

	"kontor/app/config"
	"kontor/app/courier"
	"kontor/app/logo"
	"kontor/app/phone"
	"kontor/app/preference"
	"kontor/policies"
)

// Profile is all that holds for the firm at one moment. It is read from the database once and kept; nobody may change it.
type Profile struct {
	Version  int
	Settings Settings   // what holds, whether the firm or the environment has set it
	Mark     *logo.Logo // nil: Kontor's
	Holidays []Holiday  // in the order of the days
	Phrases  []Phrase   // in the order of the page
	Links    []courier.FirmLink

	letterhead *courier.Letterhead
	days       map[string]bool
	set        map[Name]bool // what the firm has set itself
	marked     bool          // the firm has set whether it has a mark
}

// newProfile puts a profile together: stored over what the environment says.
func newProfile(start Start, stored Settings, mark *logo.Logo) *Profile {
	p := &Profile{Settings: start.settings(), Mark: mark, days: map[string]bool{}, set: map[Name]bool{}}
	for _, e := range entries {
		value, set := stored[e.Name]
		if set && (e.Kind != Choice || slices.Contains(e.Values, value)) { // a former version had other values
			p.Settings[e.Name], p.set[e.Name] = value, true
		}
	}
	p.Links = p.links()
	p.letterhead = &courier.Letterhead{Firm: p.Name(), Links: p.Links, Logo: mark}
	return p
}

// Name is the firm's name.
func (p *Profile) Name() string { return p.Settings[FirmName] }

// Own says whether the firm has a name of its own.
func (p *Profile) Own() bool { return p.Name() != config.Nameless }

// Set says whether the firm has set something itself, so that the environment does not count.
func (p *Profile) Set(n Name) bool { return p.set[n] }

// Marked says whether the firm has set itself which mark it has, or that it has none.
func (p *Profile) Marked() bool { return p.marked }

// links are how to reach the firm, and what the law wants, in the order in which pages and mails show them.
func (p *Profile) links() (list []courier.FirmLink) {
	add := func(key, text, href string) {
		if text != "" || href != "" {
			list = append(list, courier.FirmLink{Key: key, Text: text, Href: href})
		}
	}
	s := p.Settings
	add("imprint", "", s[ImprintURL])
	add("privacy", "", s[PrivacyURL])
	add("contact", s[ContactLine], config.ContactHref(s[ContactLine]))
	add("address", strings.ReplaceAll(s[ContactAddress], "\n", ", "), "")
	if n := s[ContactPhone]; n != "" {
		add("phone", phone.Show(n), "tel:"+n)
	}
	add("email", s[ContactEmail], config.ContactHref(s[ContactEmail]))
	if site := s[ContactWebsite]; site != "" {
		add("website", strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(site, "https://"), "http://"), "/"), site)
	}
	return list
}

// Lawful says whether a link must be shown whatever the firm has chosen: its imprint and its privacy notice.
func Lawful(l courier.FirmLink) bool { return l.Key == "imprint" || l.Key == "privacy" }

// Letterhead is what mails and SMS show of the firm. The same profile has the same letterhead.
func (p *Profile) Letterhead() *courier.Letterhead { return p.letterhead }

// Holiday says whether nobody of the firm works on a day.
func (p *Profile) Holiday(at time.Time) bool { return p.days[at.Format(time.DateOnly)] }

// Hint is the sentence of the sign-in page in a language. Where there is none in that language, it is the other one.
func (p *Profile) Hint(locale string) string {
	german, english := p.Settings[SignInGerman], p.Settings[SignInEnglish]
	if locale == "de" && german != "" || english == "" {
		return german
	}
	return english
}

// NewLocale is the language with which the forms for new people begin, "" for none that is fixed.
func (p *Profile) NewLocale() string {
	if l := p.Settings[NewLocale]; l != AnyLocale {
		return l
	}
	return ""
}

// Preferences are what the firm has chosen for people with some roles who have chosen nothing themselves. Of several daily
// summaries the most frequent one holds.
func (p *Profile) Preferences(roles []policies.Role) preference.Chosen {
	return preference.Chosen{
		preference.Theme: p.Settings[Theme], preference.Density: p.Settings[Density], preference.DailySummary: p.Summary(roles),
	}
}

// Summary is the daily summary of people with some roles who have chosen nothing themselves.
func (p *Profile) Summary(roles []policies.Role) string {
	e, _ := preference.Find(preference.DailySummary)
	most := 0
	for _, r := range roles {
		most = max(most, slices.Index(e.Values, p.Settings[SummaryOf(r)]))
	}
	return e.Values[most]
}

// Summaries are the roles whose people get a daily summary although they have chosen nothing.
func (p *Profile) Summaries() (roles []policies.Role) {
	for _, r := range policies.FirmRoles {
		if p.Settings[SummaryOf(r)] != preference.Off {
			roles = append(roles, r)
		}
	}
	return roles
}

// PhrasesFor are the sentences for a purpose, in their order.
func (p *Profile) PhrasesFor(purpose Purpose) (list []Phrase) {
	for _, x := range p.Phrases {
		if x.Purpose == purpose {
			list = append(list, x)
		}
	}
	return list
}
