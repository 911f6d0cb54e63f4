package web

import (
	"errors"
	"log/slog"
	"math"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/fault"
	"kontor/app/store"
)

// statuses is the one place where the domain's codes become HTTP.
var statuses = map[fault.Code]int{
	fault.Invalid:         fiber.StatusUnprocessableEntity,
	fault.Unauthenticated: fiber.StatusUnauthorized,
	fault.Forbidden:       fiber.StatusForbidden,
	fault.NotFound:        fiber.StatusNotFound,
	fault.Conflict:        fiber.StatusConflict,
	fault.Gone:            fiber.StatusGone,
	fault.TooMany:         fiber.StatusTooManyRequests,
	fault.Unavailable:     fiber.StatusServiceUnavailable,
	fault.Internal:        fiber.StatusInternalServerError,
}

// problem is the data of the error page.
type problem struct {
	Status    int
	Heading   string // text id
	Message   string // text id, with Args
	Args      map[string]any
	RequestID string
	Back      string
	Again     *again // the form that was sent, when the fault is not the person's
}

// answerError turns every error that a handler returns into an answer. Faults say what is wrong in the person's
// language; of anything else they learn the request id, and the log the rest.
func (s *Server) answerError(c *fiber.Ctx, err error) error {
	if requestID(c) == "" { // refused before it was a whole request (too large, too slow): no middleware saw it
		name(c)
		s.protect(c)
	}
	p := problem{RequestID: requestID(c), Back: "/"}
	var f *fault.Error
	var fe *fiber.Error
	outage := store.Outage(err)
	if outage != nil { // the store logs it, once
		err = errors.Join(outage, err)
	}
	switch {
	case errors.As(err, &f):
		p.Status, p.Message, p.Args = statuses[f.Code], "fault."+f.Message, s.waitArgs(c, f)
		if f.Code == fault.Unauthenticated {
			return s.toSignIn(c)
		}
		if f.Code == fault.Forbidden {
			s.sawRefusal(c, f)
		}
		setRetryAfter(c, f)
	case errors.As(err, &fe):
		p.Status = fe.Code
		switch fe.Code {
		case fiber.StatusNotFound, fiber.StatusMethodNotAllowed:
			p.Message = "fault.page"
		case fiber.StatusRequestEntityTooLarge:
			p.Message = "fault.too_large"
		case fiber.StatusUnsupportedMediaType:
			p.Message = "fault.media_type"
		default:
			p.Message = "fault.request"
		}
	default:
		p.Status, p.Message = fiber.StatusInternalServerError, "fault.internal"
		s.log.Error("request failed", "request", p.RequestID, "method", c.Method(), "route", c.Route().Path, "error", err)
	}
	if p.Status >= 500 {
		p.Again = s.again(c)
	}
	switch {
	case outage != nil:
		s.log.Debug("request refused", "request", p.RequestID, "route", c.Route().Path, "error", err)
	case p.Status >= 500 && f != nil:
		s.log.Warn("request refused", "request", p.RequestID, "route", c.Route().Path, "error", err)
	}
	p.Heading = headingOf(p.Status)
	v := view{
		Page: "shell/problem", Fragment: "shell/problem", Status: p.Status, Door: s.atDoor(c),
		Title: s.errorTitle(c, s.say(c, p.Heading)), Data: p,
	}
	if rerr := s.render(c, v); rerr != nil {
		// The database may be what is broken: the frame asks it too. A door page asks nothing.
		v.Door = true
		c.Locals(signedKey, nil)
		if rerr = s.render(c, v); rerr != nil {
			s.log.Error("error page failed", "request", p.RequestID, "error", rerr)
			return c.Status(p.Status).SendString(s.say(c, p.Heading) + " (" + p.RequestID + ")")
		}
	}
	return nil
}

func headingOf(status int) string {
	switch status {
	case fiber.StatusForbidden:
		return "problem.forbidden"
	case fiber.StatusNotFound, fiber.StatusMethodNotAllowed:
		return "problem.not_found"
	case fiber.StatusConflict:
		return "problem.conflict"
	case fiber.StatusTooManyRequests:
		return "problem.too_many"
	case fiber.StatusServiceUnavailable:
		return "problem.unavailable"
	}
	if status >= 500 {
		return "problem.internal"
	}
	return "problem.request"
}

func setRetryAfter(c *fiber.Ctx, f *fault.Error) {
	if f.RetryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
}

func requestID(c *fiber.Ctx) string {
	id, _ := c.Locals(requestIDKey).(string)
	return id
}

// logRequest writes one line per request: route patterns, never addresses with their tokens.
func logRequest(log *slog.Logger, c *fiber.Ctx, took float64) {
	log.Debug("request", "request", requestID(c), "method", c.Method(), "route", c.Route().Path,
		"status", c.Response().StatusCode(), "ms", math.Round(took*100)/100)
}
