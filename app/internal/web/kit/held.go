package kit

import (
	"context"
	"errors"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/fault"
	"kontor/app/store"
)

// Held marks a request that is not carried out: its form is shown again, with what was typed and a sentence that says
// that it must be sent again. The handler of its route does that as it does for a form with a mistake, since for the
// request's context the store writes nothing and answers store.ErrHeld.
type Held struct {
	since   heldSince
	Page    string // that the form stood on; "" unknown
	Said    bool   // the form has the sentence
	secrets bool   // passwords or codes that were typed have to be typed again
}

type heldSince int

const (
	staleToken    heldSince = iota // the page is from before the person signed in anew
	signedInAgain                  // the person has signed in since the form was sent
)

// HoldAfterSignIn has a form shown again that was sent before the person signed in. page is the one that it stood on.
func HoldAfterSignIn(c *fiber.Ctx, page string) {
	c.Locals(heldKey, &Held{since: signedInAgain, Page: page})
}

// HeldOf is why a request is not carried out; nil: it is.
func HeldOf(c *fiber.Ctx) *Held {
	h, _ := c.Locals(heldKey).(*Held)
	return h
}

// Hold runs the rest of a route without carrying anything out. Passwords and codes are taken out before: what is not
// carried out must not say either whether they are right.
func (k *Kit) Hold(c *fiber.Ctx) error {
	h := HeldOf(c)
	if h == nil {
		h = &Held{Page: PageOf(c)}
		c.Locals(heldKey, h)
	}
	kept, secrets := KeptFields(c)
	h.secrets = secrets
	c.Locals(formKey, kept)
	c.SetUserContext(store.Hold(c.UserContext()))
	if h.since == staleToken {
		k.WholePage(c, 0)
	}
	err := c.Next()
	switch {
	case isHeldError(err) || isComplaint(err):
		return k.answerHeld(c, h)
	case err != nil:
		return err
	}
	if to := c.Response().StatusCode(); h.since == staleToken && (to < 300 || to > 399) {
		c.Status(h.Status(c))
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

// Status is that of a form that is shown again.
func (h *Held) Status(c *fiber.Ctx) int {
	switch {
	case h.since == signedInAgain:
		return fiber.StatusOK
	case c.Get("HX-Request") == "true":
		return fiber.StatusUnprocessableEntity
	}
	return fiber.StatusForbidden
}

// Sentence says why the form is there again.
func (k *Kit) Sentence(c *fiber.Ctx, h *Held) string {
	id := "typed.stale"
	if h.since == signedInAgain {
		id = "typed.back"
	}
	text := k.Say(c, id)
	if h.secrets {
		text += " " + k.Say(c, "typed.no_secrets")
	}
	return text
}

// answerHeld answers what has no form to show: nothing was done, and where to do it again.
func (k *Kit) answerHeld(c *fiber.Ctx, h *Held) error {
	if h.Page == "" {
		h.Page = "/"
	}
	h.Said = true
	message := "held"
	if h.since == signedInAgain {
		message = "held_back"
	}
	return k.Render(c, View{
		Page: "shell/held", SingleColumn: k.AtDoor(c), Status: h.Status(c), Title: k.ErrorTitle(c, k.Say(c, "held.title")),
		Data: NothingDone{Message: "fault." + message, Back: h.Page},
	})
}

// NothingDone is the data of the page that says so.
type NothingDone struct{ Message, Back string }

// OwnerOf is whose page a token was made for, Nil for a page that nobody was signed in at; ok is false for what is no
// token of a page of ours.
func (k *Kit) OwnerOf(sent string) (of uuid.UUID, ok bool) {
	_, sealed := splitToken(sent)
	plain, err := k.Key.Open("page", sealed)
	if err != nil {
		return uuid.Nil, false
	}
	of, err = uuid.FromBytes(plain)
	return of, err == nil
}

// complainHeld is complain for a request that is held: whatever is wrong with the form, it says why it is there again.
func (k *Kit) complainHeld(c *fiber.Ctx, h *Held, f *Form, err error) (status int, ok bool) {
	if !isHeldError(err) && !isComplaint(err) {
		return 0, false
	}
	f.Message, h.Said = k.Sentence(c, h), true
	return h.Status(c), true
}
