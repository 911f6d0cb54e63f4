package courier

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"strings"
	texttemplate "text/template"
	"time"
	_ "time/tzdata" // the firm's time zone must be known on every machine
	"unicode"

	"kontor/app/lang"
)

// renderer holds the templates of views/mail: <kind>.<locale>.{subject.txt,txt,html.tmpl} of e-mails,
// <kind>.<locale>.sms.txt of SMS, and layout.html.tmpl around the HTML of all e-mails. It also holds names by key: of
// roles (roles.<locale>.json), of the sections of *Needs attention* (sections.<locale>.json), and of the lines below a mail
// (firm.<locale>.json).
type renderer struct {
	firm     string
	unsigned bool // the sender's name lacks the firm's name, so the subject contains it
	links    []FirmLink
	reply    bool             // REPLY_TO is set
	logo     *mailLogo        // nil: none
	words    map[string]names // by language: the words for the lines below a mail
	text     map[string]*texttemplate.Template
	html     map[string]*htmltemplate.Template
}

// newRenderer parses the templates of every kind and language and renders each once, so that a mistake ends the program
// when it starts, and not later when a message is sent.
func newRenderer(files fs.FS, firm string, zone *time.Location) (*renderer, error) {
	if zone == nil {
		zone = defaultZone()
	}
	r := &renderer{
		firm: oneLine(firm), text: map[string]*texttemplate.Template{}, html: map[string]*htmltemplate.Template{},
		words: map[string]names{},
	}
	for _, locale := range lang.All {
		say := sayer{locale, zone}
		roles, err := readNames(files, "roles."+locale+".json")
		if err != nil {
			return nil, fmt.Errorf("templates of messages: %w", err)
		}
		sections, err := readNames(files, "sections."+locale+".json")
		if err != nil {
			return nil, fmt.Errorf("templates of messages: %w", err)
		}
		if r.words[locale], err = readNames(files, "firm."+locale+".json"); err != nil {
			return nil, fmt.Errorf("templates of messages: %w", err)
		}
		funcs := map[string]any{
			"when": say.when, "whenShort": say.whenShort, "lang": func() string { return locale }, "roles": roles.say,
			"section":   sections.of,
			"firmLinks": func() []mailLink { return r.mailLinks(locale) }, "logo": func() *mailLogo { return r.logo },
			"padding": func() string { return preheaderPadding },
		}
		for _, k := range kinds {
			funcs["reply"] = func() string { return r.replyLine(k.kind, locale) }
			if err := r.parse(files, string(k.kind)+"."+locale, k.channel, funcs); err != nil {
				return nil, fmt.Errorf("templates of messages: %w", err)
			}
			if _, err := r.render(k.channel, sample(k.kind, locale)); err != nil {
				return nil, fmt.Errorf("templates of messages: %w", err)
			}
		}
	}
	return r, nil
}

// names holds the words for some keys in one language.
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

// of returns the name for a key, the key itself if it has no name.
func (n names) of(key string) string { return cmp.Or(n[key], key) }

// say lists several by name.
func (n names) say(keys []string) string {
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = n.of(k)
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

// render fills the templates of c.Template in c.Locale. Only Subject, Text and HTML of the result are set.
func (r *renderer) render(channel Channel, c Content) (l rendered, err error) {
	locale := c.Locale
	if !lang.Known(locale) {
		locale = lang.All[0]
	}
	name := string(c.Template) + "." + locale
	if k, ok := kindOf(c.Template); !ok || k.channel != channel {
		return rendered{}, fmt.Errorf("%s is not written for %s", c.Template, channel)
	}
	if c.Data == nil {
		return rendered{}, fmt.Errorf("%s has nothing to fill its text with", c.Template)
	}
	if channel == SMS {
		l.Text, err = r.sms(name+".sms.txt", c.Data)
		return l, err
	}
	data := c.Data.clean(r.firm)
	if l.Subject, err = r.fill(name+".subject.txt", data); err != nil {
		return rendered{}, err
	}
	l.Subject = r.subject(l.Subject)
	if l.Text, err = r.fill(name+".txt", data); err != nil {
		return rendered{}, err
	}
	l.Text += "\n"
	if foot := r.foot(c.Template, locale); foot != "" {
		l.Text += "\n" + foot
	}
	var b strings.Builder
	if err := r.html[name].Execute(&b, data); err != nil {
		return rendered{}, err
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

// sms makes a text that fits one GSM 7-bit part. If it is too long, the firm's name is shortened.
func (r *renderer) sms(name string, data Data) (string, error) {
	code, ok := data.clean(r.firm).(CodeData)
	if !ok {
		return "", fmt.Errorf("%T is no model of an SMS", data)
	}
	firm := []rune(toGSM(code.Firm))
	for cut := len(firm); ; cut-- {
		code.Firm = string(firm)
		if cut < len(firm) {
			code.Firm = strings.TrimRight(string(firm[:max(cut, 0)]), " ") + "."
		}
		text, err := r.fill(name, code)
		if err != nil {
			return "", err
		}
		n, ok := septets(text)
		if ok && n <= onePart {
			return text, nil
		}
		if cut <= 0 {
			return "", errors.New("an SMS does not fit one part")
		}
	}
}

// oneLine replaces each run of blanks, line breaks and control characters by one blank.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "�"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}), " ")
}

// sayer formats times for people.
type sayer struct {
	locale string
	zone   *time.Location
}

func (s sayer) when(t time.Time) string {
	t = t.In(s.zone)
	if s.locale == lang.German {
		return t.Format("02.01.2006, 15:04 Uhr") + " (" + s.zoneName(t) + ")"
	}
	return t.Format("2 January 2006, 15:04") + " (" + s.zoneName(t) + ")"
}

func (s sayer) whenShort(t time.Time) string {
	t = t.In(s.zone)
	if s.locale == lang.German {
		return t.Format("02.01.2006 15:04 ") + s.zoneName(t)
	}
	return t.Format("2 Jan 2006 15:04 ") + s.zoneName(t)
}

func (s sayer) zoneName(t time.Time) string {
	name := t.Format("MST")
	if s.locale == lang.German {
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
