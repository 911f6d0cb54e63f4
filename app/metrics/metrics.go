// Package metrics exports to Prometheus whether messages are being sent: the contents of the outbox and of the queues,
// the outcomes of attempts, and the running workers. The web process and the worker export the same metrics.
package metrics

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kontor/app/approval"
	"kontor/app/courier"
	"kontor/app/heartbeat"
	"kontor/app/job"
	"kontor/app/store"
)

// Options are the sources of a Collector; all are required.
type Options struct {
	DB    *store.DB
	Now   store.Clock
	Queue interface {
		Overview(ctx context.Context) ([]courier.QueueInfo, error)
	}
	Attempts  func() map[courier.Attempted]uint64
	Processes interface{ Finding() heartbeat.Finding }
}

const (
	// keep is how long results of the database and the queue are cached, so that frequent requests cost nothing.
	keep = 5 * time.Second
	// askTime is the time limit for these queries.
	askTime = 4 * time.Second
	// jobsFailed is how long a job that was given up is counted.
	jobsFailed = 24 * time.Hour
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	up          = desc("kontor_database_up", "1 when the database answered the questions of these metrics, else 0.")
	waiting     = desc("kontor_outbox_messages", "Messages that are not settled, by channel and state.", "channel", "state")
	oldest      = desc("kontor_outbox_oldest_seconds", "Age of the oldest message that is not settled, in seconds; 0 when there is none.", "channel")
	overdue     = desc("kontor_outbox_overdue_seconds", "For how long the next try of the message that is due longest has not been made, in seconds; 0 when nothing is due.", "channel")
	failing     = desc("kontor_channel_failing_seconds", "For how long the other side of a channel has not taken what the firm sends, in seconds; 0 when it does.", "channel")
	attempts    = desc("kontor_attempts_total", "Attempts of this process at messages, by channel and outcome.", "channel", "outcome")
	tasks       = desc("kontor_queue_tasks", "Tasks in a queue, by queue and state.", "queue", "state")
	queueUp     = desc("kontor_queue_up", "1 when the queue can be asked, else 0.", "queue")
	workers     = desc("kontor_workers", "Processes that send messages and gave a sign of life within the last minute: workers, and web processes that work themselves.")
	lastSeen    = desc("kontor_worker_last_seen_seconds", "Time since the last sign of life of one of them, in seconds; absent when none is known.")
	differ      = desc("kontor_settings_differ", "Settings in which other processes differ from this one.")
	approvals   = desc("kontor_approvals_waiting", "Proposals that wait for a second person.")
	jobs        = desc("kontor_jobs", "Jobs, by state: waiting for a worker, running, retrying after a failure, or failed for good within the last day.", "state")
	connections = desc("kontor_database_connections", "Connections of this process to the database, by use.", "use")
	waits       = desc("kontor_database_waits_total", "How often somebody waited for a connection in this process.")
	waited      = desc("kontor_database_wait_seconds_total", "For how long, in seconds.")
	build       = desc("kontor_build_info", "1; the labels say what the process was built from.", "version")
)

// Collector is a prometheus.Collector of all these metrics.
type Collector struct {
	o  Options
	mu sync.Mutex
	at time.Time
	// kept are the results collected at the time at.
	kept []prometheus.Metric
}

// New makes a Collector.
func New(o Options) *Collector { return &Collector{o: o} }

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{up, waiting, oldest, overdue, failing, attempts, tasks, queueUp, workers, lastSeen, differ, approvals, jobs, connections, waits, waited, build} {
		to <- d
	}
}

func gauge(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	to <- gauge(build, 1, heartbeat.Version())
	s := c.o.DB.Stats()
	to <- gauge(connections, float64(s.InUse), "busy")
	to <- gauge(connections, float64(s.Idle), "idle")
	to <- gauge(differ, float64(len(c.o.Processes.Finding().Differences)))
	to <- counter(waits, float64(s.WaitCount))
	to <- counter(waited, s.WaitDuration.Seconds())
	for a, n := range c.o.Attempts() {
		to <- counter(attempts, float64(n), string(a.Channel), string(a.Outcome))
	}
	for _, m := range c.answers() {
		to <- m
	}
}

// answers returns the metrics of the database and the queue, at most keep old.
func (c *Collector) answers() []prometheus.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.kept == nil || now.Sub(c.at) >= keep {
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		defer cancel()
		found, err := c.database(ctx)
		ok := 1.0
		if err != nil {
			found, ok = nil, 0
		}
		c.kept, c.at = append(append(found, gauge(up, ok)), c.queues(ctx)...), now
	}
	return c.kept
}

var channels = []courier.Channel{courier.Email, courier.SMS}

func (c *Collector) database(ctx context.Context) (list []prometheus.Metric, err error) {
	now := c.o.Now()
	outbox, err := courier.Outbox(ctx, c.o.DB)
	if err != nil {
		return nil, err
	}
	troubled, err := courier.Failing(ctx, c.o.DB)
	if err != nil {
		return nil, err
	}
	age := func(at time.Time) float64 {
		if at.IsZero() {
			return 0
		}
		return max(now.Sub(at).Seconds(), 0)
	}
	for _, channel := range channels {
		for _, state := range []courier.State{courier.Queued, courier.Sending} {
			list = append(list, gauge(waiting, float64(outbox[channel].Messages[state]), string(channel), string(state)))
		}
		list = append(list, gauge(oldest, age(outbox[channel].Oldest), string(channel)), gauge(overdue, age(outbox[channel].Due), string(channel)),
			gauge(failing, age(troubled[channel]), string(channel)))
	}
	alive, seen, err := heartbeat.Senders(ctx, c.o.DB, now)
	if err != nil {
		return nil, err
	}
	list = append(list, gauge(workers, float64(alive)))
	if !seen.IsZero() {
		list = append(list, gauge(lastSeen, age(seen)))
	}
	n, err := approval.CountWaiting(ctx, c.o.DB)
	if err != nil {
		return nil, err
	}
	work, err := job.Count(ctx, c.o.DB, now.Add(-jobsFailed))
	if err != nil {
		return nil, err
	}
	return append(list, gauge(approvals, float64(n)), gauge(jobs, float64(work.Waiting), "waiting"), gauge(jobs, float64(work.Running), "running"),
		gauge(jobs, float64(work.Retrying), "retrying"), gauge(jobs, float64(work.Failed), "failed")), nil
}

func (c *Collector) queues(ctx context.Context) (list []prometheus.Metric) {
	all, err := c.o.Queue.Overview(ctx)
	if err != nil {
		return nil
	}
	for _, q := range all {
		if q.Away != "" {
			list = append(list, gauge(queueUp, 0, q.Name))
			continue
		}
		list = append(list, gauge(queueUp, 1, q.Name))
		for _, state := range courier.TaskStates {
			list = append(list, gauge(tasks, float64(q.Count(state)), q.Name, string(state)))
		}
	}
	return list
}

// Serve serves only /metrics on ln until ln is closed: the metrics of c and those of the Go runtime and the process.
func (c *Collector) Serve(ln net.Listener) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	if err := server.Serve(ln); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
