package operation

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/internal/web/kit"
)

const (
	BouncePath = "/hooks/bounce"
	// MaxBounce is the maximum size of a bounce in bytes, because some bounces contain the whole original mail. Only the
	// first courier.ReportLimit bytes are parsed, but the signature covers all of them.
	MaxBounce = 8 << 20
)

// smsReport takes an SMS gateway's delivery report:
//
//	POST /hooks/sms   {"id": "<the id we sent, or the gateway's>", "status": "delivered" | "failed" | "invalid" | "rejected", "detail": "…"}
//
// Answers: 204 taken (a repeated one too), 401 bad signature, 404 unknown id, 413 too long, 415 compressed or multipart,
// 422 not understood.
func (s *Screens) smsReport(c *fiber.Ctx) error {
	return s.report(c, courier.ParseDeliveryReport)
}

// bounceReport takes the report of a bounced mail: either the mail itself, from a mail server's pipe or a mail provider's
// inbound route, or a JSON object:
//
//	POST /hooks/bounce   {"message_id": "<…>", "status": "5.1.1", "detail": "…"}
//
// The answers are those of smsReport. A mail that is not a report, such as an automatic answer, is taken and changes
// nothing.
func (s *Screens) bounceReport(c *fiber.Ctx) error {
	return s.report(c, s.courier.ParseBounce)
}

// signedReport says whether a report is signed with HOOK_SECRET or, if that is not set, with the secret derived from one
// of our keys.
func (s *Screens) signedReport(body []byte, header string) bool {
	for _, key := range s.hookKeys {
		if courier.VerifySignature(key, body, header) {
			return true
		}
	}
	return false
}

func (s *Screens) report(c *fiber.Ctx, parse func([]byte) (courier.ProviderReport, error)) error {
	answer := func(status int, message string) error { return c.Status(status).JSON(fiber.Map{"error": message}) }
	body := c.Request().Body() // as it was sent, not decompressed
	if !s.signedReport(body, c.Get(kit.SignatureHeader)) {
		s.Saw(c, audit.ReportRefused)
		return answer(fiber.StatusUnauthorized, "the signature does not match")
	}
	r, err := parse(body)
	if err == nil {
		err = s.courier.Report(s.Ctx(c), r)
	}
	switch fault.CodeOf(err) {
	case "":
		return c.SendStatus(fiber.StatusNoContent)
	case fault.Invalid:
		return answer(fiber.StatusUnprocessableEntity, "the report was not understood")
	case fault.NotFound:
		return answer(fiber.StatusNotFound, "no such message")
	}
	return err
}
