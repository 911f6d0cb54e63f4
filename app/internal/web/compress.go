package web

import (
	"bytes"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// compressFrom is the size from which a page is compressed. A smaller page fits in one packet anyway.
const compressFrom = 1 << 10

// compressed compresses pages with the encoding that the browser prefers. It does not touch static files, which are
// compressed already, and other answers (metrics, JSON).
func compressed() fiber.Handler {
	compress := fasthttp.CompressHandlerBrotliLevel(func(*fasthttp.RequestCtx) {},
		fasthttp.CompressBrotliDefaultCompression, fasthttp.CompressDefaultCompression)
	return func(c *fiber.Ctx) error {
		if err := c.Next(); err != nil {
			return err
		}
		res := c.Response()
		if !bytes.HasPrefix(res.Header.ContentType(), []byte(fiber.MIMETextHTML)) {
			return nil
		}
		c.Vary(fiber.HeaderAcceptEncoding)
		if len(res.Body()) >= compressFrom {
			compress(c.Context())
		}
		return nil
	}
}
