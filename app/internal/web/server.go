// Package web serves Kontor's screens with Fiber. A request travels: route, handler (parse the form, one service
// call, one render or redirect), service, store, and back; errors return to one error handler.
package web

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/attention"
	"kontor/app/audit"
	"kontor/app/authorisation"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/handover"
	"kontor/app/logo"
	"kontor/app/policy"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// Options is what the server is made of.
type Options struct {
	Accounts  *account.Service
	Customers *customer.Service
	Accesses  *access.Service
	Courier   *courier.Service
	Audit     *audit.Log
	Approvals *approval.Service
	Policy    *policies.Decider
	Queue     Queue

	Transactions   *transaction.Service
	Authorisations *authorisation.Service
	Handovers      *handover.Service
	Attention      *attention.Service
	Policies       *policy.Service

	Pages, Static, Locales fs.FS // of package views

	DB      *store.DB
	Now     store.Clock
	Key     secret.Key
	Log     *slog.Logger
	BaseURL string // what links begin with
	Firm    string
	// FirmLinks are the firm's own, below every page that end users see.
	FirmLinks []courier.FirmLink
	Logo      *logo.Logo // stands in place of Kontor's mark; nil: none
	Locale    string     // where nothing else says
	Zone      *time.Location
	Mailbox   bool // the built-in mailbox takes e-mails or SMS
	// Undelivered says which messages the mailbox keeps although customers wait for them, which every page of a specialist
	// user says: all, email, sms; "" for none.
	Undelivered string
	Metrics     []prometheus.Collector // beside the server's own
	MetricsOpen bool                   // serve /metrics here to loopback
	Proxies     []netip.Prefix         // whose word about the client's address counts
	Forwarded   bool                   // they write Forwarded, not X-Forwarded-For
	HookSecret  string                 // signs delivery reports; "" derives one from Key
	Processes   Processes
	// Schema says whether the database's schema is what this program needs.
	Schema func(context.Context) error
}

// Server is the web process's HTTP side.
type Server struct {
	app       *fiber.App
	accounts  *account.Service
	customers *customer.Service
	accesses  *access.Service
	courier   *courier.Service
	audit     *audit.Log
	approvals *approval.Service
	policy    *policies.Decider
	queue     Queue

	transactions   *transaction.Service
	authorisations *authorisation.Service
	handovers      *handover.Service
	attention      *attention.Service
	policies       *policy.Service

	db  *store.DB
	now store.Clock
	key secret.Key
	log *slog.Logger

	templates map[string]*templates
	static    *static
	firm      string
	links     []courier.FirmLink
	logo      *brandLogo
	locale    string
	zone      *time.Location
	baseURL   string
	origin    string // scheme and host of baseURL
	secure    bool   // served over HTTPS
	clients   *clients

	metrics  *metrics
	hookKeys [][]byte
	schema   func(context.Context) error

	processes               Processes
	hasMailbox, metricsOpen bool
	undelivered             string

	places   []place
	draining func() bool
	serving  serving
}

// New builds the server: all templates are parsed, all routes stand.
func New(o Options) (*Server, error) {
	s := &Server{
		accounts: o.Accounts, customers: o.Customers, accesses: o.Accesses, courier: o.Courier, audit: o.Audit, approvals: o.Approvals,
		transactions: o.Transactions, authorisations: o.Authorisations, handovers: o.Handovers, attention: o.Attention,
		policies: o.Policies, policy: o.Policy, queue: o.Queue, db: o.DB, now: o.Now, key: o.Key, log: o.Log, firm: o.Firm, links: o.FirmLinks, locale: o.Locale, zone: o.Zone,
		baseURL: strings.TrimRight(o.BaseURL, "/"), clients: newClients(o.Proxies, o.Forwarded, o.Log),
		metrics: newMetrics(o.Audit, o.Metrics), schema: o.Schema,
		hasMailbox: o.Mailbox, undelivered: o.Undelivered, processes: o.Processes, metricsOpen: o.MetricsOpen,
	}
	if o.HookSecret != "" {
		s.hookKeys = [][]byte{[]byte(o.HookSecret)}
	} else {
		for _, m := range o.Key.MACs("hooks") {
			s.hookKeys = append(s.hookKeys, []byte(m))
		}
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("base url: %w", err)
	}
	s.origin, s.secure = base.Scheme+"://"+base.Host, base.Scheme == "https"
	if s.static, err = loadStatic(o.Static, o.Logo); err != nil {
		return nil, err
	}
	s.logo = brandOf(o.Logo, s.static)
	s.templates = map[string]*templates{}
	for _, locale := range Locales {
		tx, err := loadTexts(o.Locales, locale, o.Zone)
		if err != nil {
			return nil, err
		}
		if s.templates[locale], err = loadTemplates(o.Pages, tx, s.static, o.Now); err != nil {
			return nil, err
		}
	}
	s.app = fiber.New(fiber.Config{
		Immutable:             true, // else stored strings change under us with the next request
		DisableStartupMessage: true,
		BodyLimit:             maxBody,
		ReadBufferSize:        16 << 10, // request line and headers
		ReadTimeout:           10 * time.Second,
		WriteTimeout:          30 * time.Second,
		IdleTimeout:           75 * time.Second,
		ErrorHandler:          s.answerError,

		// else fasthttp takes a multipart body apart, into files if it is large, before anybody asked for it
		DisablePreParseMultipartForm: true,
	})
	s.app.Server().HeaderReceived = func(h *fasthttp.RequestHeader) (bounds fasthttp.RequestConfig) {
		if path, _, _ := bytes.Cut(h.RequestURI(), []byte("?")); string(path) == bouncePath {
			bounds.MaxRequestBodySize = maxBounce
		}
		return bounds
	}
	s.app.Use(compressed(), s.trace, s.headers, s.intake, s.authenticate)
	s.draining = s.serving.draining.Load
	// in the order of the navigation
	s.places = []place{
		s.customerPlace(), s.transactionPlace(), s.attentionPlace(), s.approvalPlace(), s.specialistPlace(), s.policyPlace(),
		s.kindPlace(), s.queuePlace(), s.auditPlace(), s.mailboxPlace(),
	}
	s.routes()
	return s, nil
}

// Handler is for tests that need no network.
func (s *Server) Handler() *fiber.App { return s.app }

// trace gives a request its id, its time limit and its line in the log, and turns its error into an answer.
func (s *Server) trace(c *fiber.Ctx) error {
	name(c)
	s.address(c) // whoever asks for what: a peer that only claims to be a proxy is worth a line
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	c.SetUserContext(ctx)
	start := time.Now()
	err := proceed(c)
	if p := signed(c); p != nil && c.Method() != fiber.MethodGet {
		s.attention.Forget(p.Account.ID) // whatever was done may have been what needed attention
	}
	if err != nil {
		err = s.answerError(c, err)
	}
	if s.serving.draining.Load() { // a proxy that keeps the connection would send the next request to a process that has gone
		c.Response().SetConnectionClose()
	}
	s.metrics.observe(c.Method(), c.Route().Path, c.Response().StatusCode(), time.Since(start))
	logRequest(s.log, c, float64(time.Since(start).Microseconds())/1000)
	return err
}

// proceed runs what comes after.
func proceed(c *fiber.Ctx) error { return caught(c.Next) }

// caught runs f; a panic there is an error like any other, and no reason to take everybody's process down.
func caught(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// beside runs f while a request goes on; wait waits for what it returns.
func beside(f func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- caught(f) }()
	return func() error { return <-done }
}

// name gives a request its id.
func name(c *fiber.Ctx) {
	id := uuid.Must(uuid.NewV7()).String() // fails when the system has no random numbers: then nothing is safe
	c.Locals(requestIDKey, id)
	c.Set("X-Request-Id", id)
}

func (s *Server) headers(c *fiber.Ctx) error {
	s.protect(c)
	return c.Next()
}

// protect sets the headers that are the same for every answer: nothing foreign is loaded, nothing inline runs, nobody
// frames us.
func (s *Server) protect(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	c.Set(fiber.HeaderCacheControl, "no-store")
	if s.secure {
		c.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000; includeSubDomains")
	}
}

// param reads an id from the address; what is not one does not exist.
func param(c *fiber.Ctx, name string) (uuid.UUID, error) {
	id, err := uuid.FromString(c.Params(name))
	if err != nil {
		return uuid.Nil, fault.New(fault.NotFound, "page")
	}
	return id, nil
}
