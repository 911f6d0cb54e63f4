package document

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"kontor/app/document"
	"kontor/app/filetype"
	"kontor/app/internal/web/kit"
)

// ContentTime is how long a document may take to be sent: 2 GB over a line with 1 Mbit/s.
const ContentTime = 5 * time.Hour

// content sends the bytes of a document, or a range of them. What a browser can't show safely it stores. The answer has a policy of
// its own, under which the bytes can do nothing, whatever they are.
func (s *Screens) content(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	number := 0
	if v := c.Query("version"); v != "" {
		if number, err = strconv.Atoi(v); err != nil || number < 1 {
			return fiber.ErrNotFound
		}
	}
	found, err := s.documents.Content(s.Ctx(c), s.Caller(c), id, number)
	if err != nil {
		return err
	}
	tag := `"` + found.Blob.ID.String() + `"`
	from, to, status := rangeOf(c, tag, found.Blob.Size)
	if c.Get(fiber.HeaderIfNoneMatch) == tag {
		c.Set(fiber.HeaderETag, tag)
		return c.SendStatus(fiber.StatusNotModified)
	}
	if status == fiber.StatusRequestedRangeNotSatisfiable {
		c.Set(fiber.HeaderContentRange, "bytes */"+strconv.FormatInt(found.Blob.Size, 10))
		return c.SendStatus(status)
	}
	if c.Method() == fiber.MethodHead {
		describe(c, found.Version, tag)
		sayRange(c, status, from, to, found.Blob.Size)
		c.Response().Header.SetContentLength(int(to - from + 1))
		c.Response().SkipBody = true
		return nil
	}
	// The bytes are sent after this handler has returned.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Ctx(c)), ContentTime)
	r, err := s.documents.Blobs.Open(ctx, found.Blob)
	if err != nil {
		cancel()
		return err
	}
	section := r.Section(from, to-from+1)
	first := make([]byte, min(sniffed, to-from+1))
	if _, err := io.ReadFull(section, first); err != nil { // what can't be read at all is an error page, not a document that ends
		cancel()
		_ = section.Close()
		return err
	}
	describe(c, found.Version, tag)
	sayRange(c, status, from, to, found.Blob.Size)
	c.Context().SetBodyStream(&sending{Reader: io.MultiReader(bytes.NewReader(first), section), section: section, cancel: cancel}, int(to-from+1))
	return nil
}

// describe sets the headers of a document.
func describe(c *fiber.Ctx, v document.Version, tag string) {
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	c.Set(fiber.HeaderContentSecurityPolicy, "sandbox; default-src 'none'; frame-ancestors 'self'")
	c.Response().Header.Del(fiber.HeaderXFrameOptions)
	c.Set(fiber.HeaderContentDisposition, filetype.Disposition(filetype.IsInline(v.Type) && c.Query("download") == "", v.File))
	c.Set(fiber.HeaderContentType, v.Type)
}

// sayRange sets the status, and says which bytes are sent.
func sayRange(c *fiber.Ctx, status int, from, to, size int64) {
	c.Status(status)
	if status == fiber.StatusPartialContent {
		c.Set(fiber.HeaderContentRange, "bytes "+strconv.FormatInt(from, 10)+"-"+strconv.FormatInt(to, 10)+"/"+strconv.FormatInt(size, 10))
	}
}

// sniffed is how much of a document is read before the answer begins.
const sniffed = 4 << 10

// sending is a document that is being sent.
type sending struct {
	io.Reader
	section io.Closer
	cancel  context.CancelFunc
}

// Close ends it.
func (s *sending) Close() error {
	s.cancel()
	return s.section.Close()
}

// rangeOf returns the first and the last byte that are asked for, and the status of the answer. Several ranges, or one that the
// document no longer has, are answered with the whole.
func rangeOf(c *fiber.Ctx, tag string, size int64) (from, to int64, status int) {
	asked := c.Get(fiber.HeaderRange)
	if asked == "" || c.Get(fiber.HeaderIfRange) != "" && c.Get(fiber.HeaderIfRange) != tag || bytes.ContainsRune([]byte(asked), ',') {
		return 0, size - 1, fiber.StatusOK
	}
	first, last, err := fasthttp.ParseByteRange([]byte(asked), int(size))
	if err != nil {
		return 0, 0, fiber.StatusRequestedRangeNotSatisfiable
	}
	return int64(first), int64(last), fiber.StatusPartialContent
}
