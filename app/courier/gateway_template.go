package courier

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// The content types of SMS_TYPE.
const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// defaultBody is the body that is sent if SMS_BODY is empty.
var defaultBody = map[string]string{
	typeJSON: `{"to":"{to}","text":"{text}","id":"{id}"}`,
	typeForm: `to={to}&text={text}&id={id}`,
}

var errTemplate = errors.New("not a template")

// template is SMS_BODY: text with placeholders such as {to} in it.
type template struct {
	text   string
	encode func(string) string
}

var placeholder = regexp.MustCompile(`\{([a-z_]+)\}`)

// placeholders returns the values for a template: the number with and without its +, the text, our id, the sender.
func placeholders(to, text, id, from string) map[string]string {
	return map[string]string{"to": to, "to_digits": strings.TrimPrefix(to, "+"), "text": text, "id": id, "from": from}
}

// parseTemplate reads SMS_BODY for a content type. It tests the template with values that would break the format if
// they were not encoded.
func parseTemplate(body, kind string) (*template, error) {
	t := &template{text: strings.TrimSpace(body), encode: jsonEscape}
	if t.text == "" {
		t.text = defaultBody[kind]
	}
	if kind == typeForm {
		t.encode = url.QueryEscape
	}
	const text = "\"}],&=%+\\ {id}\r\nÄ€😀\x7f'<"
	got := t.render(placeholders("+4915112345678", text, "6f2f", "Kontor"))
	var values []string
	if kind == typeForm {
		form, err := url.ParseQuery(got)
		if err != nil {
			return nil, errTemplate
		}
		for _, v := range form {
			values = append(values, v...)
		}
	} else {
		var tree any
		if json.Unmarshal([]byte(got), &tree) != nil {
			return nil, errTemplate
		}
		values = leaves(tree, nil)
	}
	for _, m := range placeholder.FindAllStringSubmatch(t.text, -1) {
		if _, known := placeholders("", "", "", "")[m[1]]; !known {
			return nil, errTemplate
		}
	}
	hasText, hasTo := false, false
	for _, v := range values {
		hasText = hasText || strings.Contains(v, text)
		hasTo = hasTo || strings.Contains(v, "4915112345678")
	}
	if !hasText || !hasTo {
		return nil, errTemplate
	}
	return t, nil
}

// leaves returns all values in a JSON document, as text.
func leaves(tree any, found []string) []string {
	switch v := tree.(type) {
	case map[string]any:
		for _, child := range v {
			found = leaves(child, found)
		}
	case []any:
		for _, child := range v {
			found = leaves(child, found)
		}
	case string:
		found = append(found, v)
	case float64:
		raw, _ := json.Marshal(v)
		found = append(found, string(raw))
	}
	return found
}

// render inserts the values, each encoded so that it remains one value. A placeholder inside a value is not replaced.
func (t *template) render(values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(t.text, func(name string) string {
		v, known := values[name[1:len(name)-1]]
		if !known {
			return name
		}
		return t.encode(v)
	})
}

// literals returns the parts of the template that the operator wrote. A key may be among them.
func (t *template) literals() []string {
	var all []string
	bare := placeholder.ReplaceAllString(t.text, "")
	if form, err := url.ParseQuery(bare); err == nil && t.text != "" && t.text[0] != '{' && t.text[0] != '[' {
		for _, v := range form {
			all = append(all, v...)
		}
		return all
	}
	var tree any
	if json.Unmarshal([]byte(placeholder.ReplaceAllString(t.text, "0")), &tree) == nil {
		all = leaves(tree, nil)
	}
	return all
}

// jsonEscape encodes s for use between the quotes of a JSON string.
func jsonEscape(s string) string {
	raw, err := json.Marshal(s)
	if err != nil { // can't happen: every string can be encoded
		return ""
	}
	return string(raw[1 : len(raw)-1])
}

// parseType reads SMS_TYPE; "" means JSON.
func parseType(s string) (string, error) {
	if s == "" {
		return typeJSON, nil
	}
	kind, params, err := mime.ParseMediaType(s)
	if charset, given := params["charset"]; err != nil || len(params) > 1 || len(params) == 1 && (!given || !strings.EqualFold(charset, "utf-8")) {
		return "", errTemplate
	}
	if kind != typeJSON && kind != typeForm {
		return "", errTemplate
	}
	return kind, nil
}

// parseMethod reads SMS_METHOD; "" means POST.
func parseMethod(s string) (string, error) {
	switch m := strings.ToUpper(s); m {
	case "":
		return http.MethodPost, nil
	case http.MethodGet, http.MethodPost, http.MethodPut:
		return m, nil
	}
	return "", errTemplate
}

// senderOf turns a name into a sender of SMS: at most 11 ASCII letters, digits and spaces (GSM 03.40 §9.1.2.5 allows
// more, but gateways do not).
func senderOf(name string) string {
	var b strings.Builder
	for _, r := range strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue").Replace(name) {
		if b.Len() == 11 {
			break
		}
		if r == ' ' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}
