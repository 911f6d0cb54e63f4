package web

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/kit"
)

// routes registers all routes with Fiber.
func (s *Server) routes() {
	s.app.Get("/static/:hash/*", kit.Take(kit.RawBody), s.static.Serve)
	for _, r := range s.table() {
		handlers := []fiber.Handler{kit.Take(r.Takes), s.guard(r), s.admit(r.Audience), r.Handler}
		if r.Audience == kit.Automatic {
			handlers = []fiber.Handler{kit.Take(r.Takes), r.Handler}
		}
		s.app.Add(r.Method, r.Path, handlers...)
		if r.Method == fiber.MethodGet {
			s.app.Add(fiber.MethodHead, r.Path, handlers...)
		}
	}
	s.app.Use(kit.Take(kit.RawBody), func(*fiber.Ctx) error { return fiber.ErrNotFound })
}

// table lists the routes of all features.
func (s *Server) table() []kit.Route {
	all := []kit.Route{kit.Get("/metrics", kit.Automatic, s.showMetrics)}
	for _, f := range s.features {
		all = append(all, f.Routes()...)
	}
	return all
}
