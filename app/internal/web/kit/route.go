package kit

import (
	"github.com/gofiber/fiber/v2"
)

// payload says what a route takes in a request's body.
type payload int

// What a route takes.
const (
	FormBody  payload = iota // a form, and only as application/x-www-form-urlencoded
	RawBody                  // bytes that the handler judges
	partsBody                // multipart/form-data, which the handler reads as it comes
)

// Route is one address: who may come here at all, and what answers. Tests walk this table.
type Route struct {
	Method, Path string
	Audience     Audience
	Handler      fiber.Handler
	Takes        payload
	Background   bool // sent by a page while somebody types, not by them
}

// Get is a route that shows something.
func Get(path string, a Audience, h fiber.Handler) Route {
	return Route{Method: fiber.MethodGet, Path: path, Audience: a, Handler: h}
}

// Post takes a form.
func Post(path string, a Audience, h fiber.Handler) Route {
	return Route{Method: fiber.MethodPost, Path: path, Audience: a, Handler: h}
}

// ByItself marks a route that pages ask while somebody types: what it can't do, it leaves undone without a word.
func (r Route) ByItself() Route {
	r.Background = true
	return r
}

// Taking is a route that takes something else than a form.
func (r Route) Taking(p payload) Route {
	r.Takes = p
	return r
}

// Audience says who may use a route at all. What they may do there, the services decide.
type Audience int

// The audiences.
const (
	Anyone    Audience = iota // without signing in
	Person                    // whoever is signed in
	Firm                      // who works for the firm: accounts of specialist users, whatever roles they were given
	EndUser                   // people with an access
	Automatic                 // programs: webhooks with a signature of their own instead of a CSRF token
)
