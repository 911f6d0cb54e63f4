package web

import (
	"context"
	"errors"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/fault"
	"kontor/app/store"
)

// held marks a request that is not carried out: its form is shown again, with what was typed and a sentence that says
// that it must be sent again. The handler of its route does that as it does for a form with a mistake, since for the
// request's context the store writes nothing and answers store.ErrHeld.
type held struct {
	since   heldSince
	page    string // that the form stood on; "" unknown
	said    bool   // the form has the sentence
	secrets bool   // passwords or codes that were typed have to be typed again
}

type heldSince int

const (
	staleToken    heldSince = iota // the page is from before the person signed in anew
	signedInAgain                  // the person has signed in since the form was sent
)

func heldOf(c *fiber.Ctx) *held {
	h, _ := c.Locals(heldKey).(*held)
	return h
}

// hold runs the rest of a route without carrying anything out. Passwords and codes are taken out before: what is not
// carried out must not say either whether they are right.
func (s *Server) hold(c *fiber.Ctx) error {
	h := heldOf(c)
	if h == nil {
		h = &held{page: pageOf(c)}
		c.Locals(heldKey, h)
	}
	kept, secrets := keptFields(c)
	h.secrets = secrets
	c.Locals(formKey, kept)
	c.SetUserContext(store.Hold(c.UserContext()))
	if h.since == staleToken {
		s.wholePage(c, 0)
	}
	err := c.Next()
	switch {
	case isHeldError(err) || isComplaint(err):
		return s.answerHeld(c, h)
	case err != nil:
		return err
	}
	if to := c.Response().StatusCode(); h.since == staleToken && (to < 300 || to > 399) {
		c.Status(h.status(c))
	}
	return nil
}

func isHeldError(err error) bool {
	return errors.Is(err, store.ErrHeld) || errors.Is(err, context.Canceled)
}

// isComplaint says whether an error is about what was sent, not about whether the person may send it.
func isComplaint(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && (e.Code == fault.Invalid || e.Code == fault.Conflict || e.Code == fault.TooMany)
}

// status is that of a form that is shown again.
func (h *held) status(c *fiber.Ctx) int {
	switch {
	case h.since == signedInAgain:
		return fiber.StatusOK
	case c.Get("HX-Request") == "true":
		return fiber.StatusUnprocessableEntity
	}
	return fiber.StatusForbidden
}

// sentence says why the form is there again.
func (s *Server) sentence(c *fiber.Ctx, h *held) string {
	id := "typed.stale"
	if h.since == signedInAgain {
		id = "typed.back"
	}
	text := s.say(c, id)
	if h.secrets {
		text += " " + s.say(c, "typed.no_secrets")
	}
	return text
}

// answerHeld answers what has no form to show: nothing was done, and where to do it again.
func (s *Server) answerHeld(c *fiber.Ctx, h *held) error {
	if h.page == "" {
		h.page = "/"
	}
	h.said = true
	message := "held"
	if h.since == signedInAgain {
		message = "held_back"
	}
	return s.render(c, view{
		Page: "shell/held", Door: s.atDoor(c), Status: h.status(c), Title: s.errorTitle(c, s.say(c, "held.title")),
		Data: nothingDone{Message: "fault." + message, Back: h.page},
	})
}

// nothingDone is the data of the page that says so.
type nothingDone struct{ Message, Back string }

// ownerOf is whose page a token was made for, Nil for a page that nobody was signed in at; ok is false for what is no
// token of a page of ours.
func (s *Server) ownerOf(sent string) (of uuid.UUID, ok bool) {
	_, sealed := splitToken(sent)
	plain, err := s.key.Open("page", sealed)
	if err != nil {
		return uuid.Nil, false
	}
	of, err = uuid.FromBytes(plain)
	return of, err == nil
}

// misfit answers a request of this site whose token does not fit the session: never by carrying it out.
//
//   - a page of somebody for whom nobody is signed in any more: sign in, then the form is back
//   - a page of the person who is signed in, from an earlier session: the form again
//   - a page of somebody else than who is signed in: a sentence, and the offer to sign out
//   - a page that anybody may use (registration, sign-in): the form again
//
// What carries no token of a page of ours is refused: another site may have sent it. So is a page that anybody may get
// when the browser does not say that it is ours, since another site may have got it, too.
func (s *Server) misfit(c *fiber.Ctx, r route, sent string) error {
	p := signed(c)
	of, ours := s.ownerOf(sent)
	switch {
	case !ours && r.audience != anyone && p == nil && c.Cookies(s.sessionCookie()) != "":
		of = uuid.Nil
	case !ours, r.audience == anyone && !s.saysOurSite(c), r.audience != anyone && of == uuid.Nil:
		return errForeign
	}
	switch {
	case r.background: // nobody pressed anything: what is being typed stays as it is
		return c.SendStatus(fiber.StatusForbidden)
	case r.audience == anyone, p != nil && p.Account.ID == of:
		return s.hold(c)
	case p == nil:
		return s.signInFirst(c, of)
	}
	return s.answerOther(c, of)
}

// saysOurSite says whether the browser says that the request comes from a page of ours; fromOurSite has believed it.
func (s *Server) saysOurSite(c *fiber.Ctx) bool {
	return c.Get("Sec-Fetch-Site") == "same-origin" || c.Get(fiber.HeaderOrigin) != ""
}

// complainHeld is complain for a request that is held: whatever is wrong with the form, it says why it is there again.
func (s *Server) complainHeld(c *fiber.Ctx, h *held, f *form, err error) (status int, ok bool) {
	if !isHeldError(err) && !isComplaint(err) {
		return 0, false
	}
	f.Message, h.said = s.sentence(c, h), true
	return h.status(c), true
}
