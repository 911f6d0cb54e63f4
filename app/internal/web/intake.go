package web

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"kontor/app/entry"
)

// What a request may bring. The line with the address and all headers share 16 KiB.
const (
	maxBody    = 1 << 20  // bytes
	maxFields  = 2000     // of a form
	maxField   = 64 << 10 // bytes of a field's name or value
	maxParams  = 1000     // of an address
	maxParam   = 4 << 10  // bytes of a parameter's name or value
	maxSegment = 255      // bytes between two slashes of an address
	maxTerm    = 100      // characters of a search term: what is longer is cut
)

// payload says what a route takes in a request's body.
type payload int

const (
	formBody  payload = iota // a form, and only as application/x-www-form-urlencoded
	rawBody                  // bytes that the handler judges
	partsBody                // multipart/form-data, which the handler reads as it comes
)

// searchTerms are parameters that people type into a search field: too long a one is cut where it is read.
var searchTerms = map[string]bool{"q": true, "t": true, "customer": true}

// readHeaders are the headers that anything here reads. Cookies are judged one by one, since others on the same host set
// theirs.
var readHeaders = []string{
	fiber.HeaderHost, fiber.HeaderOrigin, fiber.HeaderContentType, fiber.HeaderContentEncoding, fiber.HeaderAcceptEncoding,
	fiber.HeaderAcceptLanguage, fiber.HeaderUserAgent, fiber.HeaderXForwardedFor, fiber.HeaderForwarded, fiber.HeaderRange,
	fiber.HeaderIfNoneMatch, fiber.HeaderIfRange, "Sec-Fetch-Site", "HX-Request", "HX-Boosted", "HX-History-Restore-Request",
	csrfHeader, signatureHeader, fiber.HeaderReferer, "HX-Current-URL",
}

// errMediaType is the answer to a body in a form that nobody asked for.
var errMediaType = fiber.NewError(fiber.StatusUnsupportedMediaType, "media type")

// errTooLarge is the answer to more than anybody would type.
var errTooLarge = fiber.ErrRequestEntityTooLarge

// errNoText is the answer to a NUL, or to bytes that are no UTF-8, where text belongs.
var errNoText = fiber.NewError(fiber.StatusBadRequest, "not text")

// errTooLong is the answer to an address with more, or longer, parameters than any page of ours writes.
var errTooLong = fiber.NewError(fiber.StatusBadRequest, "too long")

// intake judges what a request says before its body is looked at, and before anybody is asked who sent it: a body that
// would have to be unpacked is refused with 415, an address, a header or a cookie of ours that is no text with 400.
func (s *Server) intake(c *fiber.Ctx) error {
	r := c.Request()
	for _, line := range r.Header.PeekAll(fiber.HeaderContentEncoding) {
		for coding := range strings.SplitSeq(string(line), ",") {
			if coding = strings.Trim(coding, " \t"); coding != "" && !strings.EqualFold(coding, "identity") {
				return errMediaType
			}
		}
	}
	for _, name := range readHeaders {
		for _, line := range r.Header.PeekAll(name) {
			if !isText(line) {
				return errNoText
			}
		}
	}
	for name, value := range r.Header.Cookies() {
		if ours := bytes.TrimPrefix(name, []byte("__Host-")); bytes.HasPrefix(ours, []byte("kontor-")) && !isText(value) {
			return errNoText
		}
	}
	if err := judgePath(r.URI().PathOriginal()); err != nil {
		return err
	}
	if err := judgeParams(r.URI().QueryArgs()); err != nil {
		return err
	}
	return c.Next()
}

func judgePath(path []byte) error {
	for segment := range bytes.SplitSeq(path, []byte("/")) {
		decoded := fasthttp.AppendUnquotedArg(nil, bytes.ReplaceAll(segment, []byte("+"), []byte("%2B")))
		switch {
		case !isText(decoded):
			return errNoText
		case len(decoded) > maxSegment:
			return errTooLong
		}
	}
	return nil
}

func judgeParams(args *fasthttp.Args) error {
	if args.Len() > maxParams {
		return errTooLong
	}
	for name, value := range args.All() {
		switch {
		case !isText(name), !isText(value):
			return errNoText
		case len(name) > maxParam, len(value) > maxParam && !searchTerms[string(name)]:
			return errTooLong
		}
	}
	return nil
}

// isText says whether b can be stored and shown: PostgreSQL takes no NUL, and neither database bytes that are no UTF-8.
func isText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// take reads the body of a route, as far as it asks for one. A form is parsed here, once, and from the body alone: what
// stands in the address is no field. Errors: 415 for a body that the route does not take, and what parseForm says.
func take(wanted payload) fiber.Handler {
	return func(c *fiber.Ctx) error {
		kind, _, _ := strings.Cut(string(c.Request().Header.ContentType()), ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
		if strings.HasPrefix(kind, "multipart/") && wanted != partsBody {
			return errMediaType
		}
		body := c.Request().Body()
		switch {
		case wanted != formBody || len(body) == 0, c.Method() == fiber.MethodGet, c.Method() == fiber.MethodHead:
			return c.Next()
		case kind != fiber.MIMEApplicationForm:
			return errMediaType
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
// is shown again is what was judged. Errors: 413 for more than maxFields fields or
// a name or value of more than maxField bytes, 400 for what is no text.
func parseForm(body []byte) (map[string][]string, error) {
	if bytes.Count(body, []byte("&")) >= maxFields {
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
		case len(name) > maxField || len(value) > maxField && (string(name) != typedField || len(value) > maxTypedField):
			return nil, errTooLarge
		case !isText(name) || !isText(value):
			return nil, errNoText
		}
		typed := string(value)
		if !neverKept(string(name)) { // passwords are what was typed, whatever it is
			typed = entry.Field(typed)
		}
		form[string(name)] = append(form[string(name)], typed)
	}
	return form, nil
}

// postedAll are all values of a field of the form that was sent.
func postedAll(c *fiber.Ctx, name string) []string {
	form, _ := c.Locals(formKey).(map[string][]string)
	return form[name]
}

// posted is the first value of a field, "" when it was not sent.
func posted(c *fiber.Ctx, name string) string {
	if all := postedAll(c, name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// paramValues are all values of a parameter of the address.
func paramValues(c *fiber.Ctx, name string) (all []string) {
	for _, v := range c.Request().URI().QueryArgs().PeekMulti(name) {
		all = append(all, string(v))
	}
	return all
}

// asked are the values of a parameter of the address, or of the field of the same name when a form was sent: for pages
// that a form comes back to.
func asked(c *fiber.Ctx, name string) []string {
	if c.Method() == fiber.MethodPost {
		return postedAll(c, name)
	}
	return paramValues(c, name)
}

// askedTerm is the first of asked, as a search term.
func askedTerm(c *fiber.Ctx, name string) string {
	if all := asked(c, name); len(all) > 0 {
		return term(all[0])
	}
	return ""
}

// queryTerm is a search term of the address.
func queryTerm(c *fiber.Ctx, name string) string { return term(c.Query(name)) }

// term is what was typed into a search field, cut to maxTerm characters.
func term(typed string) string {
	typed = entry.Line(typed)
	if r := []rune(typed); len(r) > maxTerm {
		return entry.Line(string(r[:maxTerm])) // the cut may have left a blank
	}
	return typed
}
