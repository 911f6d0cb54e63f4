package kit

import (
	"maps"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Again is a form that could not be processed. The error page shows it again with the values that the person typed, so
// that they can send it once more. It is built from the request alone, because the database may be the part that fails.
type Again struct {
	Path   string // where the form is sent, with its query
	CSRF   string // the token as it was sent
	Form   *Form  // values of Fields
	Fields []againField
	Hidden []hiddenField
}

// againField is a field that a person types into. Label is a text id.
type againField struct {
	Name, Label, Type string
	Rows              int // height of a field with several lines; 0: one line
}

type hiddenField struct{ Name, Value string }

// TextField is a field that people type into.
type TextField struct {
	Name  string
	Lines bool // the field takes several lines
}

// againRows is the number of rows with which a field of several lines is shown again.
const againRows = 5

func (f TextField) rows() int {
	if f.Lines {
		return againRows
	}
	return 0
}

// textFields are the fields that people type into. Features add theirs with ShowAgain. All other fields (choices, ids,
// versions) are sent along as hidden fields.
var textFields = []TextField{
	{Name: "email"}, {Name: "mobile"}, {Name: "name"}, {Name: "name_de"}, {Name: "name_en"}, {Name: "due"},
	{Name: "comment", Lines: true}, {Name: "login"}, {Name: "username"},
}

// ShowAgain adds fields of a feature that people type into. Pages show them before the fields that were added earlier,
// but fields with several lines always come last. It must be called before the first request.
func (k *Kit) ShowAgain(fields ...TextField) {
	k.textFields = slices.Concat(fields, k.textFields)
	slices.SortStableFunc(k.textFields, func(a, b TextField) int { return a.rows() - b.rows() })
}

// secretFields are the known secret fields in the order in which they are asked for again, each with its label.
var secretFields = []againField{
	{Name: "current_password", Label: "field.current_password", Type: "password"},
	{Name: "email_password", Label: "field.password", Type: "password"},
	{Name: "password", Label: "field.password", Type: "password"},
	{Name: "password_repeat", Label: "field.password_repeat", Type: "password"},
	{Name: "code", Label: "register.code"},
}

// isSecret says whether the value of a field is never sent back to a browser. People have to type it again.
func isSecret(name string) bool { return NeverKept(name) && name != CSRFField && name != TypedField }

// secretsOf returns the secret fields of a form, without their values.
func secretsOf(sent map[string][]string) (fields []againField) {
	for _, f := range secretFields {
		if len(sent[f.Name]) > 0 {
			fields = append(fields, f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if isSecret(name) && !slices.ContainsFunc(fields, func(f againField) bool { return f.Name == name }) {
			fields = append(fields, againField{Name: name, Label: "field.password", Type: "password"})
		}
	}
	return fields
}

// Again reads the form that was sent. It returns nil when there is no form, or when the form is not from a page of this
// site.
func (k *Kit) Again(c *fiber.Ctx) *Again {
	sent, _ := c.Locals(formKey).(map[string][]string)
	if sent == nil && strings.HasPrefix(string(c.Request().Header.ContentType()), fiber.MIMEApplicationForm) {
		var err error // the request failed before its route had read the form
		if sent, err = parseForm(c.Request().Body()); err != nil {
			return nil
		}
		c.Locals(formKey, sent)
	}
	if c.Method() != fiber.MethodPost || len(sent) == 0 || !k.sentFromHere(c) {
		return nil
	}
	a := &Again{Path: LocalPath(c.OriginalURL(), ""), CSRF: Posted(c, CSRFField), Form: NewForm(map[string]string{})}
	for _, typed := range k.textFields {
		values := sent[typed.Name]
		if len(values) != 1 {
			continue
		}
		f := againField{Name: typed.Name, Label: "field." + typed.Name, Rows: typed.rows()}
		if strings.Contains(values[0], "\n") {
			f.Rows = againRows
		}
		a.Form.Values[f.Name] = values[0]
		a.Fields = append(a.Fields, f)
	}
	a.Fields = append(a.Fields, secretsOf(sent)...)
	for name, values := range sent {
		if name == CSRFField || isSecret(name) || slices.ContainsFunc(a.Fields, func(f againField) bool { return f.Name == name }) {
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

// sentFromHere says whether a form carries a CSRF token of this browser. It does not look up who is signed in.
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
