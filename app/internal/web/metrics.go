package web

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kontor/app/audit"
	"kontor/app/internal/web/client"
)

// metrics are the metrics of this server. They do not use Prometheus' global registry.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

func newMetrics(log *audit.Log, more []prometheus.Collector) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kontor_request_seconds", Help: "Time to answer a request, by route pattern, in seconds.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"method", "route", "status"}),
	}
	m.registry.MustRegister(m.requests, newSecurityEvents(log), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(more...)
	return m
}

// observe counts a request under its route's pattern. The path may hold a token, and would make a time series per
// customer.
func (m *metrics) observe(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// showMetrics serves the metrics to requests from this machine, unless metrics have their own address.
func (s *Server) showMetrics(c *fiber.Ctx) error {
	if !s.metricsOpen || !client.FromLoopback(c) {
		return fiber.ErrNotFound
	}
	return adaptor.HTTPHandler(s.metrics.handler())(c)
}

// ServeMetrics serves /metrics, and nothing else, on ln until ln is closed.
func (s *Server) ServeMetrics(ln net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	if err := server.Serve(ln); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// securityEvents exports the log's counters as a metric.
type securityEvents struct {
	log  *audit.Log
	desc *prometheus.Desc
}

func newSecurityEvents(log *audit.Log) securityEvents {
	return securityEvents{log, prometheus.NewDesc("kontor_security_events_total",
		"Sign-ins, refusals, downloads and changes of accounts in this process, by event.", []string{"event"}, nil)}
}

// Describe implements prometheus.Collector.
func (e securityEvents) Describe(to chan<- *prometheus.Desc) { to <- e.desc }

// Collect implements prometheus.Collector.
func (e securityEvents) Collect(to chan<- prometheus.Metric) {
	for action, n := range e.log.Counts() {
		to <- prometheus.MustNewConstMetric(e.desc, prometheus.CounterValue, float64(n), string(action))
	}
}

var _ prometheus.Collector = securityEvents{}
