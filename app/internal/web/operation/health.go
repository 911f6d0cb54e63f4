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

// healthz says that the process is alive; it asks nobody else.
func (s *Screens) healthz(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) }

// readyTime bounds the questions of readyz. They are asked at once, so it bounds the answer.
const readyTime = 2 * time.Second

// Processes is what this package needs of heartbeat.Service.
type Processes interface{ Finding() heartbeat.Finding }

// The words for Status of readiness.
const (
	ready    = "ok"
	degraded = "degraded"
	notReady = "not ready"
)

// readiness is the answer of readyz. Each part is "ok", "unknown", or says in words what is wrong with it.
type readiness struct {
	Status   string `json:"status"`
	Reason   string `json:"reason,omitempty"` // all that is wrong, the worst first
	Database string `json:"database"`
	Policy   string `json:"policy"`
	Process  string `json:"process"`
	Settings string `json:"settings"`
	Queue    string `json:"queue"`
	Worker   string `json:"worker"`
	Mail     string `json:"mail"`
	SMS      string `json:"sms"`
}

// readyz says whether the process can serve people, and what else is wrong. It answers 503 for what another process would do
// better: the database or the policy can't be used, the process is about to stop, or SECRET_KEY is not the installation's.
// All else is reported with 200, since every process would say the same and somebody must serve: messages wait in the outbox.
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

// note writes down what is said of a part, and of the whole: how bad it is, and the reason. "" is "ok".
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

// failing says of each channel that stands still since when and why: nothing of whom it is about, and nothing that the other
// side said but its numbers.
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

// roughly says a duration in English, as exactly as an operator wants to know.
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

// sayTroubles says in English what is wrong with the queues. In a Cluster it may be one of them: then it is named.
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

// database says what is wrong with the database, "" when nothing is.
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
