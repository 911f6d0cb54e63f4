package kit

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"kontor/app/entry"
)

// SignatureHeader carries "sha256=" and the HMAC-SHA-256 of the body in hex, keyed with HOOK_SECRET.
const SignatureHeader = "X-Kontor-Signature"

// What a request may bring. The line with the address and all headers share 16 KiB.
const (
	MaxFields  = 2000     // of a form
	MaxField   = 64 << 10 // bytes of a field's name or value
	MaxParams  = 1000     // of an address
	MaxParam   = 4 << 10  // bytes of a parameter's name or value
	MaxSegment = 255      // bytes between two slashes of an address
	maxTerm    = 100      // characters of a search term: what is longer is cut
)

// SearchTerms are parameters that people type into a search field: too long a one is cut where it is read.
var SearchTerms = map[string]bool{"q": true, "t": true, "customer": true}

// ErrMediaType is the answer to a body in a form that nobody asked for.
var ErrMediaType = fiber.NewError(fiber.StatusUnsupportedMediaType, "media type")

// errTooLarge is the answer to more than anybody would type.
var errTooLarge = fiber.ErrRequestEntityTooLarge

// ErrNoText is the answer to a NUL, or to bytes that are no UTF-8, where text belongs.
var ErrNoText = fiber.NewError(fiber.StatusBadRequest, "not text")

// ErrTooLong is the answer to an address with more, or longer, parameters than any page of ours writes.
var ErrTooLong = fiber.NewError(fiber.StatusBadRequest, "too long")

// IsText says whether b can be stored and shown: PostgreSQL takes no NUL, and neither database bytes that are no UTF-8.
func IsText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// Take reads the body of a route, as far as it asks for one. A form is parsed here, once, and from the body alone: what
// stands in the address is no field. Errors: 415 for a body that the route does not take, and what parseForm says.
func Take(wanted payload) fiber.Handler {
	return func(c *fiber.Ctx) error {
		kind, _, _ := strings.Cut(string(c.Request().Header.ContentType()), ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
		if strings.HasPrefix(kind, "multipart/") && wanted != partsBody {
			return ErrMediaType
		}
		body := c.Request().Body()
		switch {
		case wanted != FormBody || len(body) == 0, c.Method() == fiber.MethodGet, c.Method() == fiber.MethodHead:
			return c.Next()
		case kind != fiber.MIMEApplicationForm:
			return ErrMediaType
		}
		f, err := parseForm(body)
		if err != nil {
			return err
		}
		c.Locals(formKey, f)
		return c.Next()
	}
}

// parseForm reads application/x-www-form-urlencoded as browsers write it, without the characters that nobody sees: what
// is shown again is what was judged. Errors: 413 for more than MaxFields fields or
// a name or value of more than MaxField bytes, 400 for what is no text.
func parseForm(body []byte) (map[string][]string, error) {
	if bytes.Count(body, []byte("&")) >= MaxFields {
		return nil, errTooLarge
	}
	form := map[string][]string{}
	for pair := range bytes.SplitSeq(body, []byte("&")) {
		if len(pair) == 0 {
			continue
		}
		name, value, _ := bytes.Cut(pair, []byte("="))
		name, value = fasthttp.AppendUnquotedArg(nil, name), fasthttp.AppendUnquotedArg(nil, value)
		switch {
		case len(name) > MaxField || len(value) > MaxField && (string(name) != TypedField || len(value) > maxTypedField):
			return nil, errTooLarge
		case !IsText(name) || !IsText(value):
			return nil, ErrNoText
		}
		typed := string(value)
		if !NeverKept(string(name)) { // passwords are what was typed, whatever it is
			typed = entry.Field(typed)
		}
		form[string(name)] = append(form[string(name)], typed)
	}
	return form, nil
}

// PostedAll are all values of a field of the form that was sent.
func PostedAll(c *fiber.Ctx, name string) []string {
	form, _ := c.Locals(formKey).(map[string][]string)
	return form[name]
}

// Posted is the first value of a field, "" when it was not sent.
func Posted(c *fiber.Ctx, name string) string {
	if all := PostedAll(c, name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// ParamValues are all values of a parameter of the address.
func ParamValues(c *fiber.Ctx, name string) (all []string) {
	for _, v := range c.Request().URI().QueryArgs().PeekMulti(name) {
		all = append(all, string(v))
	}
	return all
}

// Asked are the values of a parameter of the address, or of the field of the same name when a form was sent: for pages
// that a form comes back to.
func Asked(c *fiber.Ctx, name string) []string {
	if c.Method() == fiber.MethodPost {
		return PostedAll(c, name)
	}
	return ParamValues(c, name)
}

// AskedTerm is the first of asked, as a search term.
func AskedTerm(c *fiber.Ctx, name string) string {
	if all := Asked(c, name); len(all) > 0 {
		return term(all[0])
	}
	return ""
}

// QueryTerm is a search term of the address.
func QueryTerm(c *fiber.Ctx, name string) string { return term(c.Query(name)) }

// term is what was typed into a search field, cut to maxTerm characters.
func term(typed string) string {
	typed = entry.Line(typed)
	if r := []rune(typed); len(r) > maxTerm {
		return entry.Line(string(r[:maxTerm])) // the cut may have left a blank
	}
	return typed
}
