package kit

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Again is a form that could not be carried out, as the page that says so shows it: with what was typed, to be sent once
// more. It is made of what was sent alone, since the database may be what is away.
type Again struct {
	Path   string // where it goes, with its query
	CSRF   string // as it was sent
	Form   *Form  // values of Fields
	Fields []againField
	Hidden []hiddenField
}

// againField is a field that a person types into; Label is a text id.
type againField struct {
	Name, Label, Type string
	Rows              int // of a text with several lines; 0: one line
}

type hiddenField struct{ Name, Value string }

// typedFields are those that people type into. All others (choices, ids, versions) go along unseen.
var typedFields = []string{
	"company_name", "legal_form", "register_court", "register_number", "vat_id", "title", "first_name", "last_name", "date_of_birth",
	"street", "postal_code", "city", "phone", "email", "mobile", "name", "name_de", "name_en", "due", "note", "comment", "login", "username",
}

// secretFields are never sent back to a browser: they are typed again.
var secretFields = []string{"current_password", "password", "password_repeat", "code"}

// Again reads the form that was sent, nil when there is none or when it is not from a page of ours.
func (k *Kit) Again(c *fiber.Ctx) *Again {
	sent, _ := c.Locals(formKey).(map[string][]string)
	if sent == nil && strings.HasPrefix(string(c.Request().Header.ContentType()), fiber.MIMEApplicationForm) {
		var err error // it ended before its route had read the form
		if sent, err = parseForm(c.Request().Body()); err != nil {
			return nil
		}
		c.Locals(formKey, sent)
	}
	if c.Method() != fiber.MethodPost || len(sent) == 0 || !k.sentFromHere(c) {
		return nil
	}
	a := &Again{Path: LocalPath(c.OriginalURL(), ""), CSRF: Posted(c, CSRFField), Form: NewForm(map[string]string{})}
	for _, name := range slices.Concat(typedFields, secretFields) {
		values := sent[name]
		if len(values) != 1 {
			continue
		}
		f := againField{Name: name, Label: "field." + name}
		switch {
		case name == "code": // its label is the registration's
			f.Label = "register.code"
		case slices.Contains(secretFields, name):
			f.Type = "password"
		default:
			a.Form.Values[name] = values[0]
			if name == "note" || name == "comment" || strings.Contains(values[0], "\n") {
				f.Rows = 5
			}
		}
		a.Fields = append(a.Fields, f)
	}
	for name, values := range sent {
		if name == CSRFField || slices.ContainsFunc(a.Fields, func(f againField) bool { return f.Name == name }) {
			continue
		}
		for _, v := range values {
			a.Hidden = append(a.Hidden, hiddenField{name, v})
		}
	}
	slices.SortStableFunc(a.Hidden, func(a, b hiddenField) int { return strings.Compare(a.Name, b.Name) })
	if a.Path == "" {
		return nil
	}
	return a
}

// sentFromHere says whether a form carries the token of this browser, without asking who is signed in.
func (k *Kit) sentFromHere(c *fiber.Ctx) bool {
	if !k.FromOurSite(c) {
		return false
	}
	token, _ := splitToken(Posted(c, CSRFField))
	for kind, cookie := range map[string]string{"session": k.SessionCookie(), "browser": k.CookieName("kontor-browser")} {
		if v := c.Cookies(cookie); v != "" && k.Key.Is(token, "csrf", kind, v) {
			return true
		}
	}
	return false
}
