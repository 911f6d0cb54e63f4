package firm

import (
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/kit"
)

// serveMark answers with the firm's mark. Its address changes with the image, so browsers may keep it.
func (s *Screens) serveMark(c *fiber.Ctx) error {
	file := c.Params("file")
	hash := strings.TrimSuffix(file, path.Ext(file))
	m, err := s.firm.Mark(s.Ctx(c), hash)
	if err != nil {
		return err
	}
	if m == nil || kit.MarkOf(m).Address != kit.MarkPath+file {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderContentType, m.Type)
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	return c.Send(m.Data)
}

func (s *Screens) setMark(c *fiber.Ctx) error {
	return s.onMark(c, s.firm.SetMark(s.Ctx(c), s.Caller(c), kit.SentFile(c)), "toast.mark_set")
}

func (s *Screens) removeMark(c *fiber.Ctx) error {
	return s.onMark(c, s.firm.RemoveMark(s.Ctx(c), s.Caller(c)), "toast.mark_removed")
}

// onMark answers after the mark was changed, or was not.
func (s *Screens) onMark(c *fiber.Ctx, err error, done string) error {
	if err == nil {
		return s.Redirect(c, Path, done)
	}
	now, gone := s.firm.Fresh(s.Ctx(c), s.Caller(c))
	if gone != nil {
		return err
	}
	f := formOf(contact.section, now)
	if status, ok := s.Complain(c, f, err); ok {
		return s.renderSection(c, contact, f, status)
	}
	return err
}
