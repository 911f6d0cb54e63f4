package operation

import (
	"context"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/internal/web/kit"
	"kontor/app/job"
	"kontor/policies"
)

// pageJob is a job together with the person who requested it.
type pageJob struct {
	job.Job
	By          string // "" for Kontor itself
	Cancellable bool
}

// KnownKind says whether there is a text for the kind. There is none for a kind of a newer version.
func (j pageJob) KnownKind() bool { return slices.Contains(job.Kinds, j.Kind) }

// KnownReason says whether there is a text for the reason.
func (j pageJob) KnownReason() bool { return slices.Contains(job.Reasons, j.Reason) }

// jobTags are the CSS classes of the tags that show a job's state.
var jobTags = map[job.State]string{job.Running: "info", job.Done: "good", job.Failed: "bad"}

// Tag is the CSS class of the job's tag.
func (j pageJob) Tag() string {
	if j.State == job.Waiting && j.Attempts > 0 {
		return "warn"
	}
	return jobTags[j.State]
}

// listJobs reads the open jobs, and those that ended last.
func (s *Screens) listJobs(ctx context.Context) ([]pageJob, error) {
	list, err := s.jobs.List(ctx)
	if err != nil {
		return nil, err
	}
	names := map[uuid.UUID]string{}
	rows := make([]pageJob, len(list))
	for i, j := range list {
		by := j.RequestedBy.UUID
		if _, known := names[by]; !known && j.RequestedBy.Valid {
			if names[by], err = s.accounts.NameOf(ctx, s.db, by); err != nil {
				return nil, err
			}
		}
		rows[i] = pageJob{Job: j, By: names[by], Cancellable: j.FinishedAt == nil && s.jobs.Cancellable(j.Kind)}
	}
	return rows, nil
}

// cancelJob ends a job for good.
func (s *Screens) cancelJob(c *fiber.Ctx) error {
	if err := s.Require(c, policies.ObjectQueue, policies.Manage); err != nil {
		return err
	}
	id, err := kit.Param(c, "job")
	if err != nil {
		return err
	}
	if err := s.jobs.Cancel(s.Ctx(c), s.Caller(c).Actor(), id); err != nil {
		return err
	}
	return s.Redirect(c, "/queues", "toast.job_cancelled")
}
