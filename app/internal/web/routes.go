package web

import (
	"github.com/gofiber/fiber/v2"
)

// route is one address: who may come here at all, and what answers. Tests walk this table.
type route struct {
	method, path string
	audience     audience
	handler      fiber.Handler
	takes        payload
	background   bool // sent by a page while somebody types, not by them
}

// routes puts the table into Fiber.
func (s *Server) routes() {
	s.app.Get("/static/:hash/*", take(rawBody), s.static.serve)
	for _, r := range s.table() {
		handlers := []fiber.Handler{take(r.takes), s.guard(r), s.admit(r.audience), r.handler}
		if r.audience == automatic {
			handlers = []fiber.Handler{take(r.takes), r.handler}
		}
		s.app.Add(r.method, r.path, handlers...)
		if r.method == fiber.MethodGet {
			s.app.Add(fiber.MethodHead, r.path, handlers...)
		}
	}
	s.app.Use(take(rawBody), func(*fiber.Ctx) error { return fiber.ErrNotFound })
}

// table lists every address, feature by feature.
func (s *Server) table() []route {
	var all []route
	for _, part := range [][]route{
		s.searchRoutes(), s.customerRoutes(), s.accessRoutes(), s.signInRoutes(), s.accountRoutes(), s.specialistRoutes(),
		s.registrationRoutes(), s.portalRoutes(), s.operationRoutes(), s.auditRoutes(), {get("/metrics", automatic, s.showMetrics)},
		s.transactionRoutes(), s.authorisationRoutes(), s.handoverRoutes(), s.attentionRoutes(), s.policyRoutes(), s.approvalRoutes(),
	} {
		all = append(all, part...)
	}
	return all
}

func get(path string, a audience, h fiber.Handler) route {
	return route{method: fiber.MethodGet, path: path, audience: a, handler: h}
}

// post takes a form.
func post(path string, a audience, h fiber.Handler) route {
	return route{method: fiber.MethodPost, path: path, audience: a, handler: h}
}

// byItself marks a route that pages ask while somebody types: what it can't do, it leaves undone without a word.
func (r route) byItself() route {
	r.background = true
	return r
}

// taking is a route that takes something else than a form.
func (r route) taking(p payload) route {
	r.takes = p
	return r
}
