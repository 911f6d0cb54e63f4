package signin

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/internal/web/kit"
)

// typed is a form that was sent but not carried out.
type typed struct {
	Account uuid.UUID           `json:"a"` // the account that the page was made for
	At      time.Time           `json:"t"`
	Path    string              `json:"p"` // where the form was sent, with its query
	Page    string              `json:"b"` // the page with the form, according to the browser; "" unknown
	Form    map[string][]string `json:"f"`
}

var (
	errTypedLarge = errors.New("more than is kept")
	errTypedOld   = errors.New("kept for too long")
	errTypedOther = errors.New("typed by somebody else")
	errTypedBad   = errors.New("not sealed here")
)

// sealTyped encrypts the form that was sent, for the account that the page was made for. Errors: errTypedLarge.
func (s *Screens) sealTyped(c *fiber.Ctx, of uuid.UUID) (string, error) {
	kept, _ := kit.KeptFields(c)
	return s.seal(typed{Account: of, At: s.Now(), Path: c.OriginalURL(), Page: kit.PageOf(c), Form: kept})
}

func (s *Screens) seal(t typed) (string, error) {
	var plain bytes.Buffer
	to := json.NewEncoder(&plain)
	to.SetEscapeHTML(false)
	if err := to.Encode(t); err != nil {
		return "", err
	}
	if plain.Len() > kit.TypedMax {
		return "", errTypedLarge
	}
	sealed, err := s.Key.Seal("typed", plain.Bytes())
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// openTyped decrypts what sealTyped has encrypted for the account who. Errors: errTypedBad, errTypedOld, errTypedOther.
func (s *Screens) openTyped(sent string, who uuid.UUID) (t typed, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(sent)
	if err != nil {
		return t, errTypedBad
	}
	plain, err := s.Key.Open("typed", sealed)
	if err != nil || json.Unmarshal(plain, &t) != nil {
		return t, errTypedBad
	}
	switch {
	case t.Account != who:
		return t, errTypedOther
	case s.Now().Sub(t.At) > kit.TypedLife:
		return t, errTypedOld
	}
	return t, nil
}

// SignInFirst answers a form that was sent without being signed in. It shows the sign-in page, which keeps the form
// meanwhile. of is the account that the form's page was made for. If it is uuid.Nil (unknown), the form is not kept, and
// the page says so.
func (s *Screens) SignInFirst(c *fiber.Ctx, of uuid.UUID) error {
	f := kit.NewForm(map[string]string{"next": kit.PageOf(c)})
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
	f.Values[kit.TypedField], f.Message = sealed, s.Say(c, message)
	return s.renderSignIn(c, f, s.WholePage(c, fiber.StatusUnauthorized))
}

// otherPerson is the data of the answer to a form from the page of another person than the one who is signed in.
type otherPerson struct {
	Name  string // who is signed in
	Typed string // the typed values, encrypted for the owner of the page; "" if they are too large
}

// AnswerOther says that somebody else is signed in, and offers to sign them out without losing the typed values.
func (s *Screens) AnswerOther(c *fiber.Ctx, of uuid.UUID) error {
	sealed, err := s.sealTyped(c, of)
	if err != nil && !errors.Is(err, errTypedLarge) {
		return err
	}
	status := s.WholePage(c, fiber.StatusForbidden)
	return s.Render(c, kit.View{
		Page: "signin/other_person", Title: s.ErrorTitle(c, s.Say(c, "other_person.title")), SingleColumn: true, Status: status,
		Data: otherPerson{Name: kit.Signed(c).Account.Name, Typed: sealed},
	})
}

// giveBack shows a form again to the person who has signed in since it was sent. The route of the form renders it, but
// nothing is carried out, see kit.Hold. token is the person's session.
func (s *Screens) giveBack(c *fiber.Ctx, t typed, token string) error {
	to, err := url.Parse(t.Path)
	if err != nil {
		return err
	}
	r := c.Request()
	for _, name := range []string{"HX-Request", "HX-Boosted", "HX-Target", "HX-Current-URL"} {
		r.Header.Del(name)
	}
	r.Header.SetCookie(s.SessionCookie(), token)
	r.SetRequestURI(t.Path)
	r.Header.SetContentType(fiber.MIMEApplicationForm)
	r.SetBodyString(url.Values(t.Form).Encode())
	kit.Forget(c)
	kit.HoldAfterSignIn(c, t.Page)
	c.Path(to.Path)
	return c.RestartRouting()
}

// afterSignIn answers after a sign-in. It shows the form that the person had sent before, if there is one, or redirects
// to next.
func (s *Screens) afterSignIn(c *fiber.Ctx, a account.Account, token, sealed, next string) error {
	if sealed == "" {
		return s.Redirect(c, next, "")
	}
	t, err := s.openTyped(sealed, a.ID)
	switch {
	case err == nil:
		return s.giveBack(c, t, token)
	case errors.Is(err, errTypedOther):
		if next, err = s.homeOf(s.Ctx(c), a); err != nil { // not to the page of the other person
			return err
		}
		return s.Redirect(c, next, "toast.typed_other")
	}
	return s.Redirect(c, next, "toast.typed_old")
}
