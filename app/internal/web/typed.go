package web

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
)

// What somebody typed must outlive their session. A form that comes without one is answered with the sign-in page, and
// its fields travel through that page sealed, in a hidden field: in no address, no cookie, no database. Who signs in is
// given them back if they are the one whose page it was.
const (
	typedField = "typed"
	typedMax   = 64 << 10 // bytes of all that is sealed
	typedLife  = 15 * time.Minute

	// maxTypedField is typedMax in base64, with what sealing adds.
	maxTypedField = 96 << 10
)

// typed is a form that was sent and not carried out.
type typed struct {
	Account uuid.UUID           `json:"a"` // whose page it was
	At      time.Time           `json:"t"`
	Path    string              `json:"p"` // where it was sent to, with its query
	Page    string              `json:"b"` // the page it stood on, as far as the browser says; "" unknown
	Form    map[string][]string `json:"f"`
}

var (
	errTypedLarge = errors.New("more than is kept")
	errTypedOld   = errors.New("kept for too long")
	errTypedOther = errors.New("typed by somebody else")
	errTypedBad   = errors.New("not sealed here")
)

// neverKept says whether a field is never shown again, nor kept: passwords and codes, and the tokens of the page itself.
func neverKept(name string) bool {
	return strings.Contains(name, "password") || name == "code" || name == csrfField || name == typedField
}

// keptFields are the fields of the form that was sent, without those that are never kept. secrets says whether one of
// those held something that has to be typed again.
func keptFields(c *fiber.Ctx) (kept map[string][]string, secrets bool) {
	sent, _ := c.Locals(formKey).(map[string][]string)
	kept = make(map[string][]string, len(sent))
	for name, values := range sent {
		if !neverKept(name) {
			kept[name] = values
			continue
		}
		secrets = secrets || name != csrfField && name != typedField && strings.Join(values, "") != ""
	}
	return kept, secrets
}

// sealTyped seals the form that was sent for the account whose page it was. Errors: errTypedLarge.
func (s *Server) sealTyped(c *fiber.Ctx, of uuid.UUID) (string, error) {
	kept, _ := keptFields(c)
	return s.seal(typed{Account: of, At: s.now(), Path: c.OriginalURL(), Page: pageOf(c), Form: kept})
}

func (s *Server) seal(t typed) (string, error) {
	var plain bytes.Buffer
	to := json.NewEncoder(&plain)
	to.SetEscapeHTML(false)
	if err := to.Encode(t); err != nil {
		return "", err
	}
	if plain.Len() > typedMax {
		return "", errTypedLarge
	}
	sealed, err := s.key.Seal("typed", plain.Bytes())
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// openTyped opens what sealTyped sealed for the account who. Errors: errTypedBad, errTypedOld, errTypedOther.
func (s *Server) openTyped(sent string, who uuid.UUID) (t typed, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(sent)
	if err != nil {
		return t, errTypedBad
	}
	plain, err := s.key.Open("typed", sealed)
	if err != nil || json.Unmarshal(plain, &t) != nil {
		return t, errTypedBad
	}
	switch {
	case t.Account != who:
		return t, errTypedOther
	case s.now().Sub(t.At) > typedLife:
		return t, errTypedOld
	}
	return t, nil
}

// pageOf is the page that a form was sent from, as the browser says; "" when it does not, or when it was another site's.
func pageOf(c *fiber.Ctx) string {
	said := c.Get("HX-Current-URL", c.Get(fiber.HeaderReferer))
	u, err := url.Parse(said)
	if err != nil || u.Host != string(c.Request().Host()) || len(said) > maxParam {
		return ""
	}
	return localPath(u.RequestURI(), "")
}

// signInFirst answers a form that nobody is signed in for: the sign-in page, which keeps the form meanwhile. of is whose
// page it was, Nil when that is not known; then nothing is kept, and the page says so.
func (s *Server) signInFirst(c *fiber.Ctx, of uuid.UUID) error {
	f := newForm(map[string]string{"next": pageOf(c)})
	sealed, err := "", errTypedBad
	if of != uuid.Nil {
		sealed, err = s.sealTyped(c, of)
	}
	message := "typed.kept"
	switch {
	case errors.Is(err, errTypedLarge):
		message = "typed.too_large"
	case errors.Is(err, errTypedBad):
		message = "typed.not_kept"
	case err != nil:
		return err
	}
	f.Values[typedField], f.Message = sealed, s.say(c, message)
	return s.renderSignIn(c, f, s.wholePage(c, fiber.StatusUnauthorized))
}

// wholePage has HTMX put the answer in the place of the whole page, whatever it asked for, and returns the status for it:
// the one that is given, or for HTMX one that it swaps in.
func (s *Server) wholePage(c *fiber.Ctx, status int) int {
	if c.Get("HX-Request") != "true" {
		return status
	}
	c.Set("HX-Retarget", "body")
	c.Set("HX-Reswap", "innerHTML")
	c.Set("HX-Push-Url", "false")
	c.Locals(wholeKey, true)
	return fiber.StatusUnprocessableEntity
}

// otherPerson is the data of the page that answers a form from a page of somebody who is not the one signed in here.
type otherPerson struct {
	Name  string // who is signed in
	Typed string // what was typed, sealed for whose page it was; "" when it is too much to keep
}

// answerOther says that somebody else is signed in, and offers to sign them out without losing what was typed.
func (s *Server) answerOther(c *fiber.Ctx, of uuid.UUID) error {
	sealed, err := s.sealTyped(c, of)
	if err != nil && !errors.Is(err, errTypedLarge) {
		return err
	}
	status := s.wholePage(c, fiber.StatusForbidden)
	return s.render(c, view{
		Page: "signin/other_person", Title: s.errorTitle(c, s.say(c, "other_person.title")), Door: true, Status: status,
		Data: otherPerson{Name: signed(c).Account.Name, Typed: sealed},
	})
}

// giveBack shows a form again to the person who has signed in since, as the route that it was sent to shows it. Nothing
// is carried out: see hold. token is their session.
func (s *Server) giveBack(c *fiber.Ctx, t typed, token string) error {
	to, err := url.Parse(t.Path)
	if err != nil {
		return err
	}
	r := c.Request()
	for _, name := range []string{"HX-Request", "HX-Boosted", "HX-Target", "HX-Current-URL"} {
		r.Header.Del(name)
	}
	r.Header.SetCookie(s.sessionCookie(), token)
	r.SetRequestURI(t.Path)
	r.Header.SetContentType(fiber.MIMEApplicationForm)
	r.SetBodyString(url.Values(t.Form).Encode())
	for _, key := range []localKey{signedKey, textKey, csrfKey, formKey} {
		c.Locals(key, nil)
	}
	c.Locals(heldKey, &held{since: signedInAgain, page: t.Page})
	c.Path(to.Path)
	return c.RestartRouting()
}

// afterSignIn answers who has just signed in: with the form that they had sent before, if it was theirs, or with next.
func (s *Server) afterSignIn(c *fiber.Ctx, a account.Account, token, sealed, next string) error {
	if sealed == "" {
		return s.redirect(c, next, "")
	}
	t, err := s.openTyped(sealed, a.ID)
	switch {
	case err == nil:
		return s.giveBack(c, t, token)
	case errors.Is(err, errTypedOther):
		if next, err = s.homeOf(a); err != nil { // not where the other one was
			return err
		}
		return s.redirect(c, next, "toast.typed_other")
	}
	return s.redirect(c, next, "toast.typed_old")
}
