package kit

import (
	"math"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"kontor/app/fault"
	"kontor/policies"
)

// OrForbidden returns err, or policies.ErrForbidden if err is nil.
func OrForbidden(err error) error {
	if err != nil {
		return err
	}
	return policies.ErrForbidden
}

// Statuses maps the domain's error codes to HTTP status codes. It is the only place that does.
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

// SetRetryAfter sets the header Retry-After if the fault has a waiting time.
func SetRetryAfter(c *fiber.Ctx, f *fault.Error) {
	if f.RetryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
}

// SetRequestID stores the id of a request, which the log uses as well.
func SetRequestID(c *fiber.Ctx, id string) { c.Locals(requestIDKey, id) }

// RequestID is the id of a request, as in the log.
func RequestID(c *fiber.Ctx) string {
	id, _ := c.Locals(requestIDKey).(string)
	return id
}

// WaitArgs returns the placeholders of a fault, in the person's language, and adds the time until the next try as "wait".
func (k *Kit) WaitArgs(c *fiber.Ctx, e *fault.Error) map[string]any {
	args := map[string]any{"wait": k.Text(c).Wait(e.RetryAfter)}
	for name, v := range e.Args {
		if bytes, ok := v.(fault.Bytes); ok {
			v = k.Text(c).Size(int64(bytes))
		}
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
