package web

import (
	"bytes"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"kontor/app/internal/web/document"
	"kontor/app/internal/web/kit"
)

// readHeaders are the headers that this program reads. Cookies are checked one by one, because other programs on the same
// host set cookies, too.
var readHeaders = []string{
	fiber.HeaderHost, fiber.HeaderOrigin, fiber.HeaderContentType, fiber.HeaderContentEncoding, fiber.HeaderAcceptEncoding,
	fiber.HeaderAcceptLanguage, fiber.HeaderUserAgent, fiber.HeaderXForwardedFor, fiber.HeaderForwarded, fiber.HeaderRange,
	fiber.HeaderIfNoneMatch, fiber.HeaderIfRange, "Sec-Fetch-Site", "HX-Request", "HX-Boosted", "HX-History-Restore-Request", "HX-Target",
	kit.CSRFHeader, kit.SignatureHeader, document.TusResumable, document.UploadOffset, document.UploadLength, document.UploadMetadata, document.UploadChecksum, fiber.HeaderReferer, "HX-Current-URL",
}

// intake checks a request before its body is read and before its session is looked up. It refuses a compressed body with
// 415. It refuses an address, a header or a cookie of ours with 400 if it is not valid text.
func (s *Server) intake(c *fiber.Ctx) error {
	r := c.Request()
	for _, line := range r.Header.PeekAll(fiber.HeaderContentEncoding) {
		for coding := range strings.SplitSeq(string(line), ",") {
			if coding = strings.Trim(coding, " \t"); coding != "" && !strings.EqualFold(coding, "identity") {
				return kit.ErrMediaType
			}
		}
	}
	for _, name := range readHeaders {
		for _, line := range r.Header.PeekAll(name) {
			if !kit.IsText(line) {
				return kit.ErrNoText
			}
		}
	}
	for name, value := range r.Header.Cookies() {
		if ours := bytes.TrimPrefix(name, []byte("__Host-")); bytes.HasPrefix(ours, []byte("kontor-")) && !kit.IsText(value) {
			return kit.ErrNoText
		}
	}
	if err := judgePath(r.URI().PathOriginal()); err != nil {
		return err
	}
	if err := judgeParams(r.URI().QueryArgs()); err != nil {
		return err
	}
	return c.Next()
}

func judgePath(path []byte) error {
	for segment := range bytes.SplitSeq(path, []byte("/")) {
		decoded := fasthttp.AppendUnquotedArg(nil, bytes.ReplaceAll(segment, []byte("+"), []byte("%2B")))
		switch {
		case !kit.IsText(decoded):
			return kit.ErrNoText
		case len(decoded) > kit.MaxSegment:
			return kit.ErrTooLong
		}
	}
	return nil
}

func judgeParams(args *fasthttp.Args) error {
	if args.Len() > kit.MaxParams {
		return kit.ErrTooLong
	}
	for name, value := range args.All() {
		switch {
		case !kit.IsText(name), !kit.IsText(value):
			return kit.ErrNoText
		case len(name) > kit.MaxParam, len(value) > kit.MaxParam && !kit.SearchTerms[string(name)]:
			return kit.ErrTooLong
		}
	}
	return nil
}
