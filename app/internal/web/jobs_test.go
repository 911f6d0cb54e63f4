package web

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/job"
	"kontor/policies"
)

// TestJobsPage: people who manage the queues see each long-running job: its kind, its progress, who requested it, and
// what delays it. They can cancel jobs that allow it, and the log records that.
func TestJobsPage(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	b.get("/queues").want(t, http.StatusOK, "Jobs", "No jobs")
	fails := errors.New("Anna Weber is wrong")
	const stumbling job.Kind = "stumbling"
	w.jobs.Handle(stumbling, job.Handler{Step: func(context.Context, job.Job) (job.Progress, error) {
		return job.Progress{}, job.Because(job.ErasureLog, fails)
	}})
	var failing uuid.UUID
	must(t, w.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) (err error) {
		failing, err = w.jobs.Add(ctx, tx, job.Order{Kind: stumbling, SubjectID: uuid.Must(uuid.NewV7())})
		return err
	}))
	_, err := w.jobs.Run(t.Context(), failing, nil)
	require.ErrorIs(t, err, fails)
	open := w.dreamt(w.admin.ID)
	page := b.get("/queues")
	page.want(t, http.StatusOK, "stumbling", "0 of 1,200", w.admin.Name, "Waiting", "Kontor", w.TextsIn("en").Say("job_reason.erasure_log"), "Next attempt")
	assert.NotContains(t, page.text(), "Anna Weber", "the error's own words are on the page")
	cancel := "/queues/jobs/" + open.String() + "/cancel"
	n := page.doc(t).Find(`form[action$="/cancel"]`).Length()
	assert.Equal(t, 1, n, "jobs can be cancelled")
	assert.Equal(t, 1, page.doc(t).Find(`form[action="`+cancel+`"]`).Length())
	w.tasks.away = true
	b.get("/queues").want(t, http.StatusServiceUnavailable, "0 of 1,200")
	w.tasks.away = false

	w.specialist("rita@kanzlei.example", policies.Auditor)
	w.browser().signIn("rita@kanzlei.example", strong).send(cancel).want(t, http.StatusForbidden)
	b.send("/queues/jobs/"+failing.String()+"/cancel").want(t, http.StatusConflict)
	b.send("/queues/jobs/nonsense/cancel").want(t, http.StatusNotFound)
	b.send("/queues/jobs/"+w.admin.ID.String()+"/cancel").want(t, http.StatusNotFound)
	b.send(cancel).goesTo(t, "/queues")
	b.get("/queues").want(t, http.StatusOK, "Cancelled")
	b.send(cancel).want(t, http.StatusConflict)
	b.get("/audit").want(t, http.StatusOK, w.TextsIn("en").Say("audit."+string(audit.JobCancelled)))
	b.get("/queues?queue=jobs").want(t, http.StatusOK, w.tasks.task.ID)
}

// TestDeletionIsAJob: work that a request does not finish itself becomes a job that names who requested it.
func TestDeletionIsAJob(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	j, err := w.jobs.Of(t.Context(), job.CustomerDeletion, x.deletion)
	require.NoError(t, err)
	assert.Equal(t, job.Done, j.State)
	assert.Equal(t, w.admin.ID, j.RequestedBy.UUID)
	assert.Equal(t, j.Total, j.Done)
	w.signedIn().get("/queues").want(t, http.StatusOK, "Delete a customer permanently", "Done")
}
