package kit

import (
	"context"
	"errors"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/fault"
	"kontor/app/store"
)

// Held marks a request that is not carried out. Its form is shown again with the values that were typed, and with a
// sentence that says that it must be sent again. The handler of the route shows the form as it does after a mistake: with
// the request's context the store writes nothing and returns store.ErrHeld.
type Held struct {
	since   heldSince
	Page    string // the page with the form; "" unknown
	Said    bool   // the form shows the sentence already
	secrets bool   // the person must type passwords or codes again
}

type heldSince int

const (
	staleToken    heldSince = iota // the page is older than the person's last sign-in
	signedInAgain                  // the person has signed in since the form was sent
)

// HoldAfterSignIn marks the request: its form was sent before the person signed in, so it is shown again. page is the
// page with the form.
func HoldAfterSignIn(c *fiber.Ctx, page string) {
	c.Locals(heldKey, &Held{since: signedInAgain, Page: page})
}

// HeldOf returns why a request is not carried out, nil if it is carried out.
func HeldOf(c *fiber.Ctx) *Held {
	h, _ := c.Locals(heldKey).(*Held)
	return h
}

// Hold runs the rest of a route without carrying out anything. It removes passwords and codes first, because the answer
// must not reveal whether they are right.
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

// isComplaint says whether an error is about the values that were sent, not about the sender's permissions.
func isComplaint(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && (e.Code == fault.Invalid || e.Code == fault.Conflict || e.Code == fault.TooMany)
}

// Status is the HTTP status of an answer that shows a form again.
func (h *Held) Status(c *fiber.Ctx) int {
	switch {
	case h.since == signedInAgain:
		return fiber.StatusOK
	case c.Get("HX-Request") == "true":
		return fiber.StatusUnprocessableEntity
	}
	return fiber.StatusForbidden
}

// Sentence says why the form is shown again.
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

// answerHeld answers a request for which no form can be shown. The page says that nothing was done, and links to the page
// where the person can repeat it.
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

// NothingDone is the data of the page that says that nothing was done.
type NothingDone struct{ Message, Back string }

// OwnerOf returns the account that a page was made for, uuid.Nil if nobody was signed in. ok is false if sent is not the
// token of a page of this site.
func (k *Kit) OwnerOf(sent string) (of uuid.UUID, ok bool) {
	_, sealed := splitToken(sent)
	plain, err := k.Key.Open("page", sealed)
	if err != nil {
		return uuid.Nil, false
	}
	of, err = uuid.FromBytes(plain)
	return of, err == nil
}

// complainHeld does what Complain does, for a request that is held: the message says why the form is shown again,
// whatever err is.
func (k *Kit) complainHeld(c *fiber.Ctx, h *Held, f *Form, err error) (status int, ok bool) {
	if !isHeldError(err) && !isComplaint(err) {
		return 0, false
	}
	f.Message, h.Said = k.Sentence(c, h), true
	return h.Status(c), true
}
