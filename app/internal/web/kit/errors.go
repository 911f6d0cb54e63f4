package kit

import (
	"math"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/fault"
	"kontor/policies"
)

// OrForbidden is err, or that it is not allowed.
func OrForbidden(err error) error {
	if err != nil {
		return err
	}
	return policies.ErrForbidden
}

// Statuses is the one place where the domain's codes become HTTP.
var Statuses = map[fault.Code]int{
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

// SetRetryAfter says when to try again, where the fault does.
func SetRetryAfter(c *fiber.Ctx, f *fault.Error) {
	if f.RetryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
}

// SetRequestID gives a request the id under which the log knows it.
func SetRequestID(c *fiber.Ctx, id string) { c.Locals(requestIDKey, id) }

// RequestID is the id under which the log knows a request.
func RequestID(c *fiber.Ctx) string {
	id, _ := c.Locals(requestIDKey).(string)
	return id
}

// WaitArgs adds the time until the next try to the placeholders of a fault, in the person's words.
func (k *Kit) WaitArgs(c *fiber.Ctx, e *fault.Error) map[string]any {
	args := map[string]any{"wait": k.Text(c).Wait(e.RetryAfter)}
	for name, v := range e.Args {
		switch text, _ := v.(string); name {
		case "role":
			v = k.Text(c).Say("role." + text)
		case "from", "until":
			v = k.Text(c).Day(text)
		}
		args[name] = v
	}
	return args
}
