package operation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/courier"
	"kontor/app/heartbeat"
	"kontor/app/internal/web/kit"
	"kontor/app/lang"
	"kontor/app/store"
)

// healthz says that the process is alive. It does not ask the database or other servers.
func (s *Screens) healthz(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) }

// readyTime limits the checks of readyz. They run at the same time, so it limits the whole answer.
const readyTime = 2 * time.Second

// Processes is what this package needs of heartbeat.Service.
type Processes interface{ Finding() heartbeat.Finding }

// The values of readiness.Status.
const (
	ready    = "ok"
	degraded = "degraded"
	notReady = "not ready"
)

// readiness is the answer of readyz. Each part is "ok", "unknown", or a description of what is wrong.
type readiness struct {
	Status   string `json:"status"`
	Reason   string `json:"reason,omitempty"` // everything that is wrong, the worst first
	Database string `json:"database"`
	Policy   string `json:"policy"`
	Process  string `json:"process"`
	Settings string `json:"settings"`
	Queue    string `json:"queue"`
	Worker   string `json:"worker"`
	Mail     string `json:"mail"`
	SMS      string `json:"sms"`
}

// readyz says whether the process can serve requests, and what else is wrong. It answers 503 if another process could do
// better: the database or the policy can't be used, this process is about to stop, or its SECRET_KEY is not the
// installation's. It reports all other problems with 200, because every process would report the same, and somebody must
// serve; messages wait in the outbox meanwhile.
func (s *Screens) readyz(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(s.Ctx(c), readyTime)
	defer cancel()
	r, err := s.readiness(ctx)
	if err != nil {
		return err
	}
	if r.Status == notReady {
		c.Status(fiber.StatusServiceUnavailable)
	}
	return c.JSON(r)
}

func (s *Screens) readiness(ctx context.Context) (readiness, error) {
	var queues []courier.QueueTrouble
	wait := kit.Beside(func() error {
		queues = s.queue.Troubles(ctx)
		return nil
	})
	r := readiness{Status: ready}
	r.note(&r.Database, "database: ", s.database(ctx), notReady)
	r.note(&r.Policy, "policy: ", s.policyTrouble(), notReady)
	stopping := ""
	if s.draining() {
		stopping = "is about to stop"
	}
	r.note(&r.Process, "this process ", stopping, notReady)
	found := s.processes.Finding()
	if found.Foreign {
		r.note(&r.Settings, "settings: ", found.String(), notReady)
	} else {
		r.note(&r.Settings, "another process differs: ", found.String(), degraded)
	}
	r.Mail, r.SMS = "unknown", "unknown"
	if r.Database == ready {
		if failing, err := s.failing(ctx); err == nil {
			r.note(&r.Mail, "", failing[courier.Email], degraded)
			r.note(&r.SMS, "", failing[courier.SMS], degraded)
		}
	}
	r.note(&r.Worker, "", absent(found.NoWorker, s.Now()), degraded)
	if err := wait(); err != nil {
		return r, err
	}
	r.note(&r.Queue, "queue: ", sayTroubles(queues), degraded)
	return r, nil
}

// note sets a part to said, and updates status and reason of the whole. An empty said means "ok".
func (r *readiness) note(part *string, what, said, status string) {
	if said == "" {
		*part = ready
		return
	}
	*part = said
	if r.Status != notReady {
		r.Status = status
	}
	if r.Reason != "" {
		r.Reason += "; "
	}
	r.Reason += what + said
}

func (s *Screens) policyTrouble() string {
	if s.policies.Err() == nil {
		return ""
	}
	return fmt.Sprintf("can't be followed; version %d stays in force", s.Policy.Version())
}

// failing describes each channel that has stopped working, since when and why. It contains no personal data, and of the
// other server's words only its status codes.
func (s *Screens) failing(ctx context.Context) (map[courier.Channel]string, error) {
	list, err := s.courier.Troubles(ctx)
	if err != nil {
		return nil, err
	}
	said := map[courier.Channel]string{}
	for _, t := range list {
		what := map[courier.Channel]string{courier.Email: "mail has", courier.SMS: "SMS have"}[t.Channel]
		why := strings.TrimSuffix(s.TextsIn(lang.English).Say("reason."+t.Reason), ".")
		if t.Status != "" {
			why += " (" + t.Status + ")"
		}
		said[t.Channel] = what + " failed for " + roughly(s.Now().Sub(t.Since)) + ": " + why
	}
	return said, nil
}

func absent(since, now time.Time) string {
	if since.IsZero() {
		return ""
	}
	return "no worker seen for " + roughly(now.Sub(since))
}

// roughly is a duration in English, rounded for operators.
func roughly(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", max(d/time.Second, 0))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// sayTroubles describes in English what is wrong with the queues. In a Cluster only one queue may have trouble; then the
// text names it.
func sayTroubles(troubles []courier.QueueTrouble) string {
	parts := make([]string, len(troubles))
	for i, t := range troubles {
		parts[i] = t.Reason.Words()
		if t.Reason.Stops() {
			parts[i] += "; messages wait in the outbox"
		}
		if len(t.Queues) == 1 {
			parts[i] = t.Queues[0] + ": " + parts[i]
		}
	}
	return strings.Join(parts, "; ")
}

// database describes what is wrong with the database, "" if it works.
func (s *Screens) database(ctx context.Context) string {
	if said := s.db.Check(ctx); said != "" {
		return said
	}
	if err := s.db.PingContext(ctx); err != nil {
		return "does not answer"
	}
	err := s.schema(ctx)
	switch {
	case err == nil:
		return ""
	case store.Outage(err) != nil:
		return "does not answer"
	}
	return "schema is not up to date"
}
