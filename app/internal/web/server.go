// Package web serves Kontor's screens with Fiber. A request passes through the route, the handler (parse the form, call
// one service, render or redirect once), the service and the store. Errors go back to one error handler.
//
// Each feature has a package of screens below this one, which provides its routes. What all of them share is in kit.
package web

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"
	"github.com/prometheus/client_golang/prometheus"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/attention"
	"kontor/app/audit"
	"kontor/app/authorisation"
	"kontor/app/bulk"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/customerimport"
	"kontor/app/document"
	"kontor/app/fault"
	"kontor/app/firm"
	"kontor/app/handover"
	"kontor/app/history"
	"kontor/app/internal/web/client"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/operation"
	"kontor/app/internal/web/signin"
	"kontor/app/internal/web/static"
	"kontor/app/internal/web/tour"
	"kontor/app/job"
	"kontor/app/policy"
	"kontor/app/savedview"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/template"
	"kontor/app/transaction"
	"kontor/policies"
)

// Options are the parts and settings of a Server. New requires all parts (services, functions, file systems) except those
// with the tag optional, and returns an error that names what is missing. A setting or list may be empty.
type Options struct {
	Accounts       *account.Service
	Customers      *customer.Service
	Accesses       *access.Service
	Transactions   *transaction.Service
	Documents      *document.Service
	Templates      *template.Service
	Authorisations *authorisation.Service
	Handovers      *handover.Service
	Imports        *customerimport.Service
	Bulk           *bulk.Service
	Attention      *attention.Service
	Histories      *history.Service
	Views          *savedview.Service
	Firm           *firm.Service
	Approvals      *approval.Service
	Policies       *policy.Service
	Courier        *courier.Service
	Jobs           *job.Service
	Audit          *audit.Log
	Decider        *policies.Decider
	Queue          operation.Queue

	Pages, Static, Locales fs.FS // of package views

	DB      *store.DB
	Now     store.Clock
	Key     secret.Key
	Log     *slog.Logger
	BaseURL string // the beginning of every link
	Zone    *time.Location
	Mailbox bool // the built-in mailbox takes e-mails or SMS
	// Undelivered says for which messages the mailbox is the only destination although customers wait for them: all,
	// email, sms; "" for none. Every page of a specialist user shows a notice about it.
	Undelivered string
	Metrics     []prometheus.Collector // besides the server's own
	MetricsOpen bool                   // serve /metrics here to loopback
	Proxies     []netip.Prefix         // networks of proxies that are trusted to name the client's address
	Forwarded   bool                   // the proxies send Forwarded, not X-Forwarded-For
	ImportMax   int64                  // bytes of a file that is imported at most
	HookSecret  string                 // signs delivery reports; "" derives one from Key
	Processes   operation.Processes
	// Schema returns an error if the database's schema is not what this program needs.
	Schema func(context.Context) error
	Tour   tour.Steps `optional:"true"` // nil: this is not the demo firm
}

// missing returns the names of the required parts that are not set.
func (o Options) missing() (names []string) {
	for f, v := range reflect.ValueOf(o).Fields() {
		if f.Tag.Get("optional") != "true" && unset(v) {
			names = append(names, f.Name)
		}
	}
	return names
}

// unset says whether an option is a part that was not given. A nil pointer in an interface is not given, either.
func unset(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Struct:
		return v.IsZero()
	case reflect.Interface:
		return v.IsNil() || v.Elem().Kind() == reflect.Pointer && v.Elem().IsNil()
	default: // a setting, or a list that may be empty
		return false
	}
}

// maxBody is the maximum size of a request's body in bytes.
const maxBody = 1 << 20

// Server is the HTTP server of the web process.
type Server struct {
	*kit.Kit
	app      *fiber.App
	features []feature

	accounts    *account.Service
	attention   *attention.Service
	signin      *signin.Screens
	static      *static.Files
	metrics     *metrics
	metricsOpen bool
	importMax   int64
	serving     serving
}

// New builds the server. It parses all templates and registers all routes.
func New(o Options) (*Server, error) {
	if missing := o.missing(); len(missing) > 0 {
		return nil, fmt.Errorf("the web server was not given: %s", strings.Join(missing, ", "))
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("base url: %w", err)
	}
	files, err := static.Load(o.Static)
	if err != nil {
		return nil, err
	}
	s := &Server{
		accounts: o.Accounts, attention: o.Attention, static: files,
		metrics: newMetrics(o.Audit, o.Metrics), metricsOpen: o.MetricsOpen, importMax: o.ImportMax,
	}
	s.Kit, err = kit.New(kit.Options{
		Pages: o.Pages, Locales: o.Locales, Static: files,
		Decider: o.Decider, Audit: o.Audit, Clients: client.New(o.Proxies, o.Forwarded, o.Log), Key: o.Key, Now: o.Now, Log: o.Log, Accounts: o.Accounts,
		BaseURL: base, Firm: o.Firm.Profile, Zone: o.Zone, Undelivered: o.Undelivered,
	})
	if err != nil {
		return nil, err
	}
	s.compose(o)
	s.app = fiber.New(fiber.Config{
		Immutable:             true, // otherwise stored strings change with the next request
		DisableStartupMessage: true,
		BodyLimit:             maxBody,
		ReadBufferSize:        16 << 10, // request line and headers
		ReadTimeout:           10 * time.Second,
		WriteTimeout:          30 * time.Second,
		IdleTimeout:           75 * time.Second,
		ErrorHandler:          s.answerError,

		// otherwise fasthttp parses a multipart body, and writes large ones to files, before any handler has asked for it
		DisablePreParseMultipartForm: true,
	})
	s.app.Server().HeaderReceived = s.bounds(o.ImportMax)
	s.app.Use(compressed(), s.trace, s.headers, s.intake, s.authenticate)
	s.routes()
	return s, nil
}

// trace gives a request its id and its time limit, logs it, and turns its error into an answer.
func (s *Server) trace(c *fiber.Ctx) error {
	name(c)
	s.Address(c) // for every request, because it logs untrusted peers that send a proxy's header
	ctx, cancel := context.WithTimeout(context.Background(), kit.RequestTime)
	defer cancel()
	if c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead {
		ctx = store.ReadOnce(ctx)
	}
	c.SetUserContext(ctx)
	start := time.Now()
	err := proceed(c)
	if p := kit.Signed(c); p != nil && c.Method() != fiber.MethodGet {
		s.attention.Forget(p.Account.ID) // the request may have settled something that needed attention
	}
	if err != nil {
		err = s.answerError(c, err)
	}
	if s.serving.draining.Load() { // a proxy that keeps the connection would send its next request to a process that has ended
		c.Response().SetConnectionClose()
	}
	s.metrics.observe(c.Method(), c.Route().Path, c.Response().StatusCode(), time.Since(start))
	logRequest(s.Log, c, float64(time.Since(start).Microseconds())/1000)
	return err
}

// proceed runs the next handlers and turns a panic into an error.
func proceed(c *fiber.Ctx) error { return fault.Caught(c.Next) }

// name gives a request its id.
func name(c *fiber.Ctx) {
	id := uuid.Must(uuid.NewV7()).String() // panics if the system has no random numbers; nothing would be secure then
	kit.SetRequestID(c, id)
	c.Set("X-Request-Id", id)
}

func (s *Server) headers(c *fiber.Ctx) error {
	s.protect(c)
	return c.Next()
}

// protect sets the headers that are the same for every answer: the browser must not load anything from other sites, run
// inline scripts, or show the page in a frame.
func (s *Server) protect(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentSecurityPolicy, kit.ContentPolicy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	c.Set(fiber.HeaderCacheControl, "no-store")
	if s.Secure {
		c.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000; includeSubDomains")
	}
}
