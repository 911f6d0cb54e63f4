package web

import (
	"errors"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"
	"github.com/prometheus/client_golang/prometheus"

	"kontor/app/audit"
	"kontor/app/fault"
)

// saw counts something that changed nothing. The place is the route's pattern: an address may hold a token.
func (s *Server) saw(c *fiber.Ctx, action audit.Action) {
	s.audit.Saw(audit.Sighting{Action: action, By: s.caller(c).Actor(), Place: pattern(c)})
}

func pattern(c *fiber.Ctx) string { return c.Method() + " " + c.Route().Path }

// sawRefusal counts a request that was answered with 403. It must cost no more than being refused does.
func (s *Server) sawRefusal(c *fiber.Ctx, f *fault.Error) {
	if errors.Is(f, errForeign) || errors.Is(f, errElsewhere) {
		s.saw(c, audit.RequestForeign)
		return
	}
	s.saw(c, audit.RequestRefused)
}

// fileOf is what a file with data is about, for the log.
type fileOf struct {
	CustomerID uuid.UUID // Nil: of no single customer
	Subject    string
}

// noteDownload writes down that data leave as a file. It comes before the file: none leaves unseen.
func (s *Server) noteDownload(c *fiber.Ctx, of fileOf) error {
	if c.Method() == fiber.MethodHead { // nothing leaves
		return nil
	}
	return s.audit.Count(s.ctx(c), audit.Sighting{
		Action: audit.Downloaded, By: s.caller(c).Actor(), CustomerID: of.CustomerID, Subject: of.Subject, Place: pattern(c),
	})
}

// securityEvents are the log's counters as a metric.
type securityEvents struct {
	log  *audit.Log
	desc *prometheus.Desc
}

func newSecurityEvents(log *audit.Log) securityEvents {
	return securityEvents{log, prometheus.NewDesc("kontor_security_events_total",
		"Sign-ins, refusals, downloads and changes of accounts in this process, by event.", []string{"event"}, nil)}
}

// Describe is prometheus.Collector's.
func (e securityEvents) Describe(to chan<- *prometheus.Desc) { to <- e.desc }

// Collect is prometheus.Collector's.
func (e securityEvents) Collect(to chan<- prometheus.Metric) {
	for action, n := range e.log.Counts() {
		to <- prometheus.MustNewConstMetric(e.desc, prometheus.CounterValue, float64(n), string(action))
	}
}

var _ prometheus.Collector = securityEvents{}
