package web

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"kontor/app/account"
	"kontor/app/internal/web/audit"
	"kontor/app/internal/web/customerimport"
	"kontor/app/internal/web/document"
	"kontor/app/internal/web/firm"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/operation"
	"kontor/app/internal/web/template"
	"kontor/app/internal/web/transaction"
)

const (
	// partsMargin is what a form with a file has besides the file, in bytes.
	partsMargin = 64 << 10
	// uploadTime is how long a file may take to arrive: 64 MB over a line with 2 Mbit/s.
	uploadTime = 5 * time.Minute
	// markTime is how long the firm's mark may take to arrive.
	markTime = time.Minute
	// knownTime bounds the look at who uploads.
	knownTime = 5 * time.Second
)

// bounds returns the limits of a request by its headers, before its body is read: of size and of time. A zero limit is that
// of all requests. A file may only come from somebody who works for the firm. For everybody else the route has no
// larger limits than others, so nobody can make this process keep large bodies in memory.
func (s *Server) bounds(importMax int64) func(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	return func(h *fasthttp.RequestHeader) (limits fasthttp.RequestConfig) {
		path, _, _ := bytes.Cut(h.RequestURI(), []byte("?"))
		switch string(path) {
		case operation.BouncePath:
			limits.MaxRequestBodySize = operation.MaxBounce
		case customerimport.Path:
			if string(h.Method()) == fiber.MethodPost && s.fromFirm(h) {
				limits.MaxRequestBodySize, limits.ReadTimeout = int(importMax)+partsMargin, uploadTime
			}
		case template.ImportPath:
			if string(h.Method()) == fiber.MethodPost && s.fromFirm(h) {
				limits.MaxRequestBodySize, limits.ReadTimeout = template.MaxBody+partsMargin, uploadTime
			}
		case firm.MarkPath:
			if string(h.Method()) == fiber.MethodPost && s.fromFirm(h) {
				limits.MaxRequestBodySize, limits.ReadTimeout = firm.MaxMark+partsMargin, markTime
			}
		}
		s.boundDocuments(h, string(path), &limits)
		switch kit.ExportedList(string(path)) {
		case customerimport.Exported, transaction.Exported, audit.Path:
			limits.WriteTimeout = kit.ExportTime
		}
		return limits
	}
}

// boundDocuments are the limits of requests about documents: a part may come slowly, a form may bring files, a document may be large.
// They are only for somebody who is signed in.
func (s *Server) boundDocuments(h *fasthttp.RequestHeader, path string, limits *fasthttp.RequestConfig) {
	method := string(h.Method())
	switch {
	case method == fiber.MethodPatch && strings.HasPrefix(path, document.UploadsPath+"/"):
		if s.from(h) != nil {
			limits.ReadTimeout = document.PartTime
		}
	case method == fiber.MethodPost && strings.HasPrefix(path, "/transactions/") && strings.HasSuffix(path, "/documents"):
		if s.from(h) != nil {
			limits.MaxRequestBodySize, limits.ReadTimeout = document.MaxForm+partsMargin, document.FormTime
		}
	case strings.HasPrefix(path, "/documents/") && strings.HasSuffix(path, "/content"):
		limits.WriteTimeout = document.ContentTime
	}
}

// fromFirm says whether a request comes from somebody who works for the firm. A failure says no: the request is then
// refused as too large, or by its handler.
func (s *Server) fromFirm(h *fasthttp.RequestHeader) bool {
	p := s.from(h)
	return p != nil && p.Account.Specialist
}

// from returns who sends a request; nil if nobody is signed in, or if that can't be found out.
func (s *Server) from(h *fasthttp.RequestHeader) *account.Signed {
	token := string(h.Cookie(s.SessionCookie()))
	if token == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), knownTime)
	defer cancel()
	p, err := s.accounts.AuthenticateInBackground(ctx, token)
	if err != nil {
		return nil
	}
	return p
}

// isUpload says whether a request sends a file, for the words about one that is too large.
func isUpload(c *fiber.Ctx) bool {
	return c.Method() == fiber.MethodPost && kit.LocalPath(c.Path(), "") == customerimport.Path
}
