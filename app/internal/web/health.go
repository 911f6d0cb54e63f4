package web

import (
	"context"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/heartbeat"
)

// healthz says that the process is alive; it asks nobody else.
func (s *Server) healthz(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) }

// readyTime bounds the questions of readyz.
const readyTime = 3 * time.Second

// Processes is what this package needs of heartbeat.Service.
type Processes interface{ Finding() heartbeat.Finding }

// readyz says whether the process can do its work, and if not, why: JSON of part → "ok" or the reason. The queue being
// away is no reason to take a web process out of service, since messages wait in the outbox; it is reported all the
// same. So is a neighbour with other settings: only a web process that stands against most others in what links and
// sessions hang on is out of service.
func (s *Server) readyz(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(s.ctx(c), readyTime)
	defer cancel()
	status := fiber.StatusOK
	parts := fiber.Map{"database": "ok", "queue": "ok", "policy": "ok", "settings": "ok"}
	if err := s.db.PingContext(ctx); err != nil {
		parts["database"], status = "does not answer", fiber.StatusServiceUnavailable
		s.log.Warn("readiness: database", "error", err)
	} else if err := s.schema(ctx); err != nil {
		parts["database"], status = "schema is not up to date", fiber.StatusServiceUnavailable
	}
	if err := s.policies.Err(); err != nil {
		parts["policy"] = fmt.Sprintf("can't be followed; version %d stays in force", s.policy.Version())
		status = fiber.StatusServiceUnavailable
	}
	if err := s.queue.Ping(ctx); err != nil {
		parts["queue"] = "does not answer; messages wait in the outbox"
	}
	f := s.processes.Finding()
	if said := f.String(); said != "" {
		parts["settings"] = said
	}
	if !f.Ready() {
		status = fiber.StatusServiceUnavailable
	}
	if s.serving.draining.Load() {
		parts["process"], status = "is about to stop", fiber.StatusServiceUnavailable
	}
	return c.Status(status).JSON(parts)
}
