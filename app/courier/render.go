package courier

import (
	"encoding/json"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"net/url"
	"strings"
	texttemplate "text/template"
	"time"
	_ "time/tzdata" // the firm's time zone must be known on every machine
	"unicode"
)

// Locales are the languages in which messages are written; any other becomes the first.
var locales = []string{"en", "de"}

// kinds are all kinds with the channel they go by.
var kinds = map[Kind]Channel{
	Registration: Email, JoinCustomer: Email, RegistrationCode: SMS, SetPassword: Email, ResetPassword: Email,
	ConfirmEmail: Email, EmailChanged: Email, EmailConfirmed: Email, PasswordChanged: Email, RolesChanged: Email, RoleGranted: Email,
	ApprovalAsked: Email,
}

// Kinds lists the kinds, for tests that each has a text.
func Kinds() []Kind {
	return []Kind{
		Registration, JoinCustomer, RegistrationCode, SetPassword, ResetPassword, ConfirmEmail, EmailChanged, EmailConfirmed,
		PasswordChanged, RolesChanged, RoleGranted, ApprovalAsked,
	}
}

// renderer holds the templates of views/mail: <kind>.<locale>.{subject.txt,txt,html.tmpl} of e-mails, <kind>.<locale>.sms.txt
// of SMS, layout.html.tmpl around the HTML of all, and as names by key roles.<locale>.json and firm.<locale>.json, the words
// at the foot.
type renderer struct {
	firm     string
	unsigned bool // the sender's name is not the firm's, so the subject says it
	links    []FirmLink
	reply    bool             // answers reach somebody
	mark     *mark            // nil: none
	words    map[string]names // by language: what stands at the foot
	text     map[string]*texttemplate.Template
	html     map[string]*htmltemplate.Template
}

// newRenderer parses every template of every kind and language and tries it once, so that a mistake ends the program
// when it starts and not when it should send.
func newRenderer(files fs.FS, firm string, zone *time.Location) (*renderer, error) {
	if zone == nil {
		zone = defaultZone()
	}
	r := &renderer{
		firm: oneLine(firm), text: map[string]*texttemplate.Template{}, html: map[string]*htmltemplate.Template{},
		words: map[string]names{},
	}
	for _, locale := range locales {
		say := sayer{locale, zone}
		roles, err := readNames(files, "roles."+locale+".json")
		if err != nil {
			return nil, fmt.Errorf("templates of messages: %w", err)
		}
		if r.words[locale], err = readNames(files, "firm."+locale+".json"); err != nil {
			return nil, fmt.Errorf("templates of messages: %w", err)
		}
		funcs := map[string]any{
			"when": say.when, "whenShort": say.whenShort, "lang": func() string { return locale }, "roles": roles.say,
			"firmLinks": func() []mailLink { return r.mailLinks(locale) }, "mark": func() *mark { return r.mark },
			"padding": func() string { return preheaderPadding },
		}
		for kind, channel := range kinds {
			funcs["reply"] = func() string { return r.replyLine(kind, locale) }
			if err := r.parse(files, string(kind)+"."+locale, channel, funcs); err != nil {
				return nil, fmt.Errorf("templates of messages: %w", err)
			}
			if _, err := r.render(channel, sample(kind, locale)); err != nil {
				return nil, fmt.Errorf("templates of messages: %w", err)
			}
		}
	}
	return r, nil
}

// names are the words for some keys in one language.
type names map[string]string

func readNames(files fs.FS, file string) (n names, err error) {
	raw, err := fs.ReadFile(files, file)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &n); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return n, nil
}

// say lists roles in words. A role without a name is named by its key: better than not at all.
func (n names) say(keys []string) string {
	words := make([]string, len(keys))
	for i, k := range keys {
		if words[i] = n[k]; words[i] == "" {
			words[i] = k
		}
	}
	return strings.Join(words, ", ")
}

func (r *renderer) parse(files fs.FS, name string, channel Channel, funcs map[string]any) error {
	parts := []string{".subject.txt", ".txt"}
	if channel == SMS {
		parts = []string{".sms.txt"}
	}
	for _, part := range parts {
		body, err := fs.ReadFile(files, name+part)
		if err != nil {
			return err
		}
		if r.text[name+part], err = texttemplate.New(name + part).Funcs(funcs).Parse(string(body)); err != nil {
			return err
		}
	}
	if channel == SMS {
		return nil
	}
	html, err := htmltemplate.New("layout.html.tmpl").Funcs(funcs).ParseFS(files, "layout.html.tmpl", name+".html.tmpl")
	r.html[name] = html
	return err
}

// render fills the templates of c.Template in c.Locale. Of the letter only Subject, Text and HTML are set.
func (r *renderer) render(channel Channel, c Content) (l letter, err error) {
	locale := c.Locale
	if locale != "de" {
		locale = locales[0]
	}
	name := string(c.Template) + "." + locale
	if kinds[c.Template] != channel {
		return letter{}, fmt.Errorf("%s is not written for %s", c.Template, channel)
	}
	if channel == SMS {
		l.Text, err = r.sms(name+".sms.txt", c.Data)
		return l, err
	}
	data, err := r.tidy(c.Data)
	if err != nil {
		return letter{}, err
	}
	if l.Subject, err = r.fill(name+".subject.txt", data); err != nil {
		return letter{}, err
	}
	l.Subject = r.subject(l.Subject)
	if l.Text, err = r.fill(name+".txt", data); err != nil {
		return letter{}, err
	}
	l.Text += "\n"
	if foot := r.foot(c.Template, locale); foot != "" {
		l.Text += "\n" + foot
	}
	var b strings.Builder
	if err := r.html[name].Execute(&b, data); err != nil {
		return letter{}, err
	}
	l.HTML = keepTogether(b.String())
	return l, nil
}

func (r *renderer) fill(name string, data any) (string, error) {
	var b strings.Builder
	if err := r.text[name].Execute(&b, data); err != nil {
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}

// sms makes a text of one GSM 7-bit part. The firm's name is what gives way.
func (r *renderer) sms(name string, data any) (string, error) {
	code, ok := data.(CodeData)
	if !ok {
		return "", fmt.Errorf("%T is no model of an SMS", data)
	}
	if code.Firm == "" {
		code.Firm = r.firm
	}
	firm := []rune(toGSM(oneLine(code.Firm)))
	code.Code = oneLine(code.Code)
	for cut := len(firm); ; cut-- {
		code.Firm = string(firm)
		if cut < len(firm) {
			code.Firm = strings.TrimRight(string(firm[:max(cut, 0)]), " ") + "."
		}
		text, err := r.fill(name, code)
		if err != nil {
			return "", err
		}
		n, ok := Septets(text)
		if ok && n <= onePart {
			return text, nil
		}
		if cut <= 0 {
			return "", errors.New("an SMS does not fit one part")
		}
	}
}

// tidy takes line breaks and control characters out of what people typed: a name must not be able to add a line to a
// mail. It also is the closed list of models.
func (r *renderer) tidy(data any) (any, error) {
	switch d := data.(type) {
	case RegistrationData:
		tidyAll(&d.Firm, &d.Customer, &d.Number, &d.Name, &d.Link)
		d.Firm = r.firmOr(d.Firm)
		return d, nil
	case AccountData:
		tidyAll(&d.Firm, &d.Name, &d.Link, &d.Email)
		d.Firm = r.firmOr(d.Firm)
		return d, nil
	case ApprovalData:
		tidyAll(&d.Firm, &d.Name, &d.By, &d.Kind, &d.About, &d.Why, &d.Link)
		d.Firm = r.firmOr(d.Firm)
		return d, nil
	case RolesData:
		tidyAll(&d.Firm, &d.Name, &d.Person)
		d.Firm = r.firmOr(d.Firm)
		return d, nil
	}
	return nil, fmt.Errorf("%T is no model of an e-mail", data)
}

func (r *renderer) firmOr(firm string) string {
	if firm == "" {
		return r.firm
	}
	return firm
}

func tidyAll(fields ...*string) {
	for _, f := range fields {
		*f = oneLine(*f)
	}
}

// oneLine makes any run of blanks, line breaks and control characters one blank.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "�"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}), " ")
}

// secretsOf are the parts of a model that must not come back in what the other side says.
func secretsOf(data any) []string {
	switch d := data.(type) {
	case RegistrationData:
		return linkSecrets(d.Link)
	case AccountData:
		return linkSecrets(d.Link)
	case CodeData:
		return []string{d.Code, strings.ReplaceAll(d.Code, "-", ""), strings.ReplaceAll(d.Code, "-", " ")}
	}
	return nil
}

func linkSecrets(link string) []string {
	secrets := []string{link}
	if u, err := url.Parse(link); err == nil {
		if token := u.Path[strings.LastIndexByte(u.Path, '/')+1:]; token != "" {
			secrets = append(secrets, token)
		}
	}
	return secrets
}

// sayer writes times for people.
type sayer struct {
	locale string
	zone   *time.Location
}

func (s sayer) when(t time.Time) string {
	t = t.In(s.zone)
	if s.locale == "de" {
		return t.Format("02.01.2006, 15:04 Uhr") + " (" + s.zoneName(t) + ")"
	}
	return t.Format("2 January 2006, 15:04") + " (" + s.zoneName(t) + ")"
}

func (s sayer) whenShort(t time.Time) string {
	t = t.In(s.zone)
	if s.locale == "de" {
		return t.Format("02.01.2006 15:04 ") + s.zoneName(t)
	}
	return t.Format("2 Jan 2006 15:04 ") + s.zoneName(t)
}

func (s sayer) zoneName(t time.Time) string {
	name := t.Format("MST")
	if s.locale == "de" {
		switch name {
		case "CET":
			return "MEZ"
		case "CEST":
			return "MESZ"
		}
	}
	return name
}

func defaultZone() *time.Location {
	if zone, err := time.LoadLocation("Europe/Berlin"); err == nil {
		return zone
	}
	return time.Local
}

// sample is what a template is tried with at the start.
func sample(kind Kind, locale string) Content {
	c := Content{To: "anna@example.org", Locale: locale, Template: kind}
	until := time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC)
	switch kind {
	case Registration, JoinCustomer:
		c.Data = RegistrationData{
			Firm: "Kontor", Customer: "Anna Berg", Number: "K-10001", Name: "Anna Berg",
			Link: "https://example.org/register/token", Expires: until, HasCode: true,
		}
	case RegistrationCode:
		c.Data = CodeData{Firm: "Kontor", Code: "2345-6789", Number: "K-10001", Expires: until}
	case ApprovalAsked:
		c.Data = ApprovalData{
			Firm: "Kontor", Name: "Anna Berg", By: "Ben Cordes", Kind: "roles", About: "Cleo Dorn", Why: "Cover",
			Link: "https://example.org/approvals", Until: until, Passes: true,
		}
	case RolesChanged, RoleGranted:
		c.Data = RolesData{
			Firm: "Kontor", Name: "Anna Berg", Person: "Otto Ort", Gained: []string{"auditor"}, Lost: []string{"data_administrator"},
			Roles: []string{"auditor"}, At: until,
		}
	default:
		c.Data = AccountData{
			Firm: "Kontor", Name: "Anna Berg", Link: "https://example.org/password/reset/token",
			Email: "anna@example.org", Expires: until, At: until,
		}
	}
	return c
}
