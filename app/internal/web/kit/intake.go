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

// Limits of a request. The request line and all headers together may have 16 KiB.
const (
	MaxFields  = 2000     // fields of a form
	MaxField   = 64 << 10 // bytes of a field's name or value
	MaxParams  = 1000     // parameters of an address
	MaxParam   = 4 << 10  // bytes of a parameter's name or value
	MaxSegment = 255      // bytes between two slashes of an address
	maxTerm    = 100      // characters of a search term; longer terms are cut
)

// SearchTerms are the parameters that people type into a search field. Their values may be too long: they are cut when
// they are read.
var SearchTerms = map[string]bool{"q": true, "t": true, "customer": true}

// ErrMediaType is the error for a body of a media type that the route does not take.
var ErrMediaType = fiber.NewError(fiber.StatusUnsupportedMediaType, "media type")

// errTooLarge is the error for more data than a person would type.
var errTooLarge = fiber.ErrRequestEntityTooLarge

// ErrNoText is the error for text that contains a NUL or is not valid UTF-8.
var ErrNoText = fiber.NewError(fiber.StatusBadRequest, "not text")

// ErrTooLong is the error for an address with more parameters, or longer ones, than any page of this site uses.
var ErrTooLong = fiber.NewError(fiber.StatusBadRequest, "too long")

// IsText says whether b can be stored and shown: PostgreSQL does not take NUL, and neither database takes invalid UTF-8.
func IsText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// Take reads the body of a request, if the route takes one. It parses a form once, and from the body only: parameters of
// the address are never fields. Errors: 415 for a body that the route does not take, and the errors of parseForm.
func Take(wanted payload) fiber.Handler {
	return func(c *fiber.Ctx) error {
		kind, _, _ := strings.Cut(string(c.Request().Header.ContentType()), ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
		if strings.HasPrefix(kind, "multipart/") && wanted != PartsBody {
			return ErrMediaType
		}
		body := c.Request().Body()
		if wanted == PartsBody && kind == "multipart/form-data" {
			form, files, err := parseParts(string(c.Request().Header.ContentType()), body)
			if err != nil {
				return err
			}
			c.Locals(formKey, form)
			c.Locals(fileKey, files)
			return c.Next()
		}
		switch {
		case wanted == RawBody, len(body) == 0, c.Method() == fiber.MethodGet, c.Method() == fiber.MethodHead:
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

// parseForm reads application/x-www-form-urlencoded as browsers write it. It removes invisible characters, so that the
// value that is checked is the value that is shown again. Errors: 413 for more than MaxFields fields or a name or value
// of more than MaxField bytes, 400 for values that are not text.
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
		if !NeverKept(string(name)) { // passwords stay exactly as typed
			typed = entry.Field(typed)
		}
		form[string(name)] = append(form[string(name)], typed)
	}
	return form, nil
}

// PostedAll returns all values of a field of the form that was sent.
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

// ParamValues returns all values of a parameter of the address.
func ParamValues(c *fiber.Ctx, name string) (all []string) {
	for _, v := range c.Request().URI().QueryArgs().PeekMulti(name) {
		all = append(all, string(v))
	}
	return all
}

// Asked returns the values of a parameter of the address or, when a form was sent, of the field with the same name. It is
// for pages that are also the answer to a form.
func Asked(c *fiber.Ctx, name string) []string {
	if c.Method() == fiber.MethodPost {
		return PostedAll(c, name)
	}
	return ParamValues(c, name)
}

// AskedTerm returns the first value of Asked as a search term.
func AskedTerm(c *fiber.Ctx, name string) string {
	if all := Asked(c, name); len(all) > 0 {
		return term(all[0])
	}
	return ""
}

// QueryTerm returns a parameter of the address as a search term.
func QueryTerm(c *fiber.Ctx, name string) string { return term(c.Query(name)) }

// term cleans what was typed into a search field and cuts it to maxTerm characters.
func term(typed string) string {
	typed = entry.Line(typed)
	if r := []rune(typed); len(r) > maxTerm {
		return entry.Line(string(r[:maxTerm])) // the cut may leave a blank at the end
	}
	return typed
}
