package loop

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
)

// rescue looks for tasks whose worker died. Asynq gives such tasks back after one to three minutes, but somebody may be
// waiting for a code. If a task has been active for long although no living worker reports it, rescue queues a stand-in:
// a second task for the same message or job, which makes one attempt. If the worker is alive after all, the lease on the
// message or job keeps the two apart. The first task keeps the schedule: when Asynq gives it back, it finds the message
// settled or the job over, or waits for the next try.
//
// Redis decides which workers are living: its own clock lets a dead worker's heartbeat expire after ten seconds. How long
// a task has been without a worker is measured here. So differences between clocks do not matter.
type rescue struct {
	lane    *lane
	log     *slog.Logger
	pace    rescuePace
	orphans map[string]time.Time // task id -> since when no worker has it
}

// rescuePace is how often to look, and how long a task must have been without a worker. A worker reports its tasks every
// five seconds, so a task may be without one for that long.
type rescuePace struct{ every, patience time.Duration }

var defaultRescuePace = rescuePace{every: 3 * time.Second, patience: 8 * time.Second}

// maxActive limits how many active tasks are checked.
const maxActive = 1000

func newRescue(l *lane, log *slog.Logger, pace rescuePace) *rescue {
	return &rescue{lane: l, log: log, pace: pace, orphans: map[string]time.Time{}}
}

func (r *rescue) run(ctx context.Context, now func() time.Time) {
	tick := time.NewTicker(r.pace.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if r.lane.reach.away.Load() {
				clear(r.orphans) // after an outage all heartbeats are gone, which says nothing about the workers
				continue
			}
			if err := r.look(ctx, now()); err != nil && ctx.Err() == nil && !r.lane.reach.away.Load() {
				r.log.Warn("could not look for tasks of dead workers", "error", err)
			}
		}
	}
}

func (r *rescue) look(ctx context.Context, now time.Time) error {
	active, err := r.active()
	if err != nil {
		return err
	}
	if len(active) == 0 {
		clear(r.orphans)
		return nil
	}
	servers, err := r.lane.inspector.Servers()
	if err != nil {
		return err
	}
	owned := map[string]bool{}
	for _, s := range servers {
		for _, w := range s.ActiveWorkers {
			owned[w.TaskID] = true
		}
	}
	orphans := make(map[string]time.Time, len(active))
	for _, t := range active {
		if owned[t.ID] {
			continue
		}
		since, known := r.orphans[t.ID]
		if !known {
			since = now
		}
		orphans[t.ID] = since
		if now.Sub(since) < r.pace.patience {
			continue
		}
		if now.Sub(since) < r.pace.patience+r.pace.every {
			r.log.Info("a worker seems to be gone; trying its task elsewhere", "task", t.ID)
		}
		if err := r.standIn(ctx, t); err != nil {
			return err
		}
	}
	r.orphans = orphans
	return nil
}

// standIn is called again as long as the task is an orphan, because the dead worker's lease on the message or job may
// outlive the first stand-ins. The task id ensures that there is only one at a time.
func (r *rescue) standIn(ctx context.Context, orphan *asynq.TaskInfo) error {
	task, err := r.lane.newStandIn(orphan.Type, orphan.Payload)
	if err != nil {
		return nil //nolint:nilerr // not one of ours; it ends in the archive when Asynq gives it back
	}
	_, err = asynq.NewClientFromRedisClient(r.lane.client).EnqueueContext(ctx, task)
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return err
}

func (r *rescue) active() ([]*asynq.TaskInfo, error) {
	tasks, err := r.lane.inspector.ListActiveTasks(r.lane.key, asynq.PageSize(maxActive))
	if errors.Is(err, asynq.ErrQueueNotFound) {
		return nil, nil
	}
	return tasks, err
}
