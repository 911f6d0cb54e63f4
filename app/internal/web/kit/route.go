package kit

import (
	"github.com/gofiber/fiber/v2"
)

// payload says which body a route takes.
type payload int

// The kinds of bodies.
const (
	FormBody  payload = iota // a form, and only as application/x-www-form-urlencoded
	RawBody                  // bytes that the handler checks itself
	PartsBody                // a form with a file, as multipart/form-data, or one without it, as any other
)

// Route is one address: who may use it, and its handler. Tests go through the list of all routes.
type Route struct {
	Method, Path string
	Audience     Audience
	Handler      fiber.Handler
	Takes        payload
	Background   bool // sent by a page while somebody types, not by the person
}

// Get makes a route that shows something.
func Get(path string, a Audience, h fiber.Handler) Route {
	return Route{Method: fiber.MethodGet, Path: path, Audience: a, Handler: h}
}

// Post makes a route that takes a form.
func Post(path string, a Audience, h fiber.Handler) Route {
	return Route{Method: fiber.MethodPost, Path: path, Audience: a, Handler: h}
}

// Changes says whether a request to the route may change something.
func (r Route) Changes() bool {
	return r.Method != fiber.MethodGet && r.Method != fiber.MethodHead && r.Method != fiber.MethodOptions
}

// ByItself marks a route that pages request while somebody types. If such a request fails, the person gets no message.
func (r Route) ByItself() Route {
	r.Background = true
	return r
}

// Taking makes the route take another body than a form.
func (r Route) Taking(p payload) Route {
	r.Takes = p
	return r
}

// Audience says who may use a route at all. The services decide what they may do there.
type Audience int

// The audiences.
const (
	Anyone    Audience = iota // people who are not signed in, too
	Person                    // whoever is signed in
	Firm                      // accounts of specialist users, whatever their roles
	EndUser                   // people with an access
	Automatic                 // programs: webhooks with a signature of their own instead of a CSRF token
)
