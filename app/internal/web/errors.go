package web

import (
	"errors"
	"log/slog"
	"math"

	"github.com/gofiber/fiber/v2"

	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/app/internal/web/customerimport"
	"kontor/app/internal/web/kit"
	"kontor/app/store"
)

// problem is the data of the error page.
type problem struct {
	Status    int
	Heading   string // text id
	Message   string // text id, with Args
	Args      map[string]any
	RequestID string
	Back      string
	Again     *kit.Again // the form that was sent, if the error is not the person's mistake
}

// answerError turns every error of a handler into an answer. For a fault the page says what is wrong in the person's
// language. For any other error the page shows only the request id, and the log has the details.
func (s *Server) answerError(c *fiber.Ctx, err error) error {
	if kit.RequestID(c) == "" { // the request was too large or too slow, so no middleware ran
		name(c)
		s.protect(c)
	}
	p := problem{RequestID: kit.RequestID(c), Back: "/"}
	var f *fault.Error
	var fe *fiber.Error
	outage := store.Outage(err)
	if outage != nil { // the store logs outages, once
		err = errors.Join(outage, err)
	}
	switch {
	case errors.As(err, &f):
		p.Status, p.Message, p.Args = kit.Statuses[f.Code], "fault."+f.Message, s.WaitArgs(c, f)
		if f.Code == fault.Unauthenticated {
			return s.signin.ToSignIn(c)
		}
		if f.Code == fault.Forbidden {
			s.sawRefusal(c, f)
		}
		kit.SetRetryAfter(c, f)
	case errors.As(err, &fe):
		p.Status = fe.Code
		switch fe.Code {
		case fiber.StatusNotFound, fiber.StatusMethodNotAllowed:
			p.Message = "fault.page"
		case fiber.StatusRequestEntityTooLarge:
			if p.Message = "fault.too_large"; isUpload(c) {
				p.Message, p.Args, p.Back = "fault.import.too_large", map[string]any{"max": s.importMax >> 20}, customerimport.Path
			}
		case fiber.StatusUnsupportedMediaType:
			p.Message = "fault.media_type"
		default:
			p.Message = "fault.request"
		}
	default:
		p.Status, p.Message = fiber.StatusInternalServerError, "fault.internal"
		s.Log.Error("request failed", "request", p.RequestID, "method", c.Method(), "route", c.Route().Path, "error", err)
	}
	if p.Status >= 500 {
		p.Again = s.Again(c)
	}
	switch {
	case outage != nil:
		s.Log.Debug("request refused", "request", p.RequestID, "route", c.Route().Path, "error", err)
	case p.Status >= 500 && f != nil:
		s.Log.Warn("request refused", "request", p.RequestID, "route", c.Route().Path, "error", err)
	}
	p.Heading = headingOf(p.Status)
	v := kit.View{
		Page: "shell/problem", Fragment: "shell/problem", Status: p.Status, SingleColumn: s.AtDoor(c),
		Title: s.ErrorTitle(c, s.Say(c, p.Heading)), Data: p,
	}
	if rerr := s.Render(c, v); rerr != nil {
		// The database may be broken, and the frame with the navigation needs it. A page with one column does not.
		v.SingleColumn = true
		kit.SetSigned(c, nil)
		if rerr = s.Render(c, v); rerr != nil {
			s.Log.Error("error page failed", "request", p.RequestID, "error", rerr)
			return c.Status(p.Status).SendString(s.Say(c, p.Heading) + " (" + p.RequestID + ")")
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

// logRequest logs one line per request. It logs the route's pattern, not the address, which may hold a token.
func logRequest(log *slog.Logger, c *fiber.Ctx, took float64) {
	log.Debug("request", "request", kit.RequestID(c), "method", c.Method(), "route", c.Route().Path,
		"status", c.Response().StatusCode(), "ms", math.Round(took*100)/100)
}

// sawRefusal counts a request that was answered with 403. Counting must not cost more than the refusal itself.
func (s *Server) sawRefusal(c *fiber.Ctx, f *fault.Error) {
	if errors.Is(f, kit.ErrForeign) || errors.Is(f, kit.ErrElsewhere) {
		s.Saw(c, audit.RequestForeign)
		return
	}
	s.Saw(c, audit.RequestRefused)
}
