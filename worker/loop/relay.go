package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"kontor/app/courier"
)

// source is where the tasks of a queue come from: due rows of the database, either messages of a channel or jobs.
type source struct {
	claim    func(ctx context.Context, limit int, lease time.Duration) ([]ticket, error)
	enqueued func(ctx context.Context, ids []uuid.UUID, claimed time.Time, d time.Duration) error
	lost     func(ctx context.Context) error
}

// ticket is a due row together with its task.
type ticket struct {
	id       uuid.UUID
	typename string
	payload  payload
	atOnce   bool // if its task still waits for a later time, run the task now
	claimed  time.Time
}

func messagesOf(outbox Outbox, c courier.Channel) source {
	return source{
		claim: func(ctx context.Context, limit int, lease time.Duration) ([]ticket, error) {
			claimed, err := outbox.Claim(ctx, limit, lease, c)
			tickets := make([]ticket, len(claimed))
			for i, t := range claimed {
				tickets[i] = messageTicket(t)
			}
			return tickets, err
		},
		enqueued: outbox.Enqueued,
		lost:     func(ctx context.Context) error { return outbox.QueueLost(ctx, c) },
	}
}

func messageTicket(t courier.Ticket) ticket {
	typename := taskEmail
	if t.Channel == courier.SMS {
		typename = taskSMS
	}
	return ticket{t.MessageID, typename, messagePayload{Message: t.MessageID, Run: t.Run, Attempt: t.Attempt}, t.AtOnce, t.Claimed}
}

func jobsOf(jobs Jobs) source {
	return source{
		claim: func(ctx context.Context, limit int, lease time.Duration) ([]ticket, error) {
			claimed, err := jobs.Claim(ctx, limit, lease)
			tickets := make([]ticket, len(claimed))
			for i, t := range claimed {
				tickets[i] = ticket{t.ID, taskJob, jobPayload{Job: t.ID}, t.AtOnce, t.Claimed}
			}
			return tickets, err
		},
		enqueued: jobs.Enqueued,
		lost:     jobs.QueueLost,
	}
}

// relay moves due rows from the database to a queue. Nudges make it fast; the regular sweep makes it reliable. If a relay
// is killed, the rows that it had claimed are due again after claimLease. So no row is delayed by more than claimLease +
// sweepEvery.
type relay struct {
	lane   *lane
	source source
	nudges <-chan struct{}
	log    *slog.Logger
	now    func() time.Time
	// queued are the rows that the queue has taken but of which this is not noted yet, oldest first.
	queued []queued
	// outages is the number of Redis outages that this relay has reported to its source.
	outages int64
	// failing is set while the database does not answer. All relays share it, so that an outage is logged once.
	failing *atomic.Bool
}

// queued are rows that were queued at one time.
type queued struct {
	ids     []uuid.UUID
	at      time.Time
	claimed time.Time
}

const (
	sweepEvery = 2 * time.Second
	// noteAfter is when a relay notes what the queue has taken. Most of it has been worked on by then and needs no note.
	// Until a sweep notes the rest, claimLease must not have ended.
	noteAfter  = 2 * time.Second
	batchSize  = 500
	claimLease = 6 * time.Second
	// lookAgain is when the relay offers rows again that the queue has taken. A task that Redis lost unnoticed (an old
	// snapshot was restored, or a fail-over) is delayed by at most this time.
	lookAgain = 5 * time.Minute
	// enqueuers is the number of concurrent calls to Redis.
	enqueuers = 16
)

// marker is a key of ours. If it is missing, Redis has lost its data.
const marker = "known"

// relays makes the relay of each queue. The relays of messages get their nudges later, because they share those of the
// outbox.
func (l *Loop) relays() (all []*relay) {
	failing := &atomic.Bool{}
	for _, lane := range l.lanes() {
		r := &relay{lane: lane, log: l.opts.Log, now: l.opts.Now, failing: failing}
		switch lane.queue {
		case queueMail:
			r.source = messagesOf(l.opts.Outbox, courier.Email)
		case queueSMS:
			r.source = messagesOf(l.opts.Outbox, courier.SMS)
		case queueJobs:
			r.source, r.nudges = jobsOf(l.opts.Jobs), l.opts.Jobs.Nudges()
		}
		all = append(all, r)
	}
	return all
}

// runRelays runs the relays until ctx ends, and passes the outbox's nudges on to all relays of messages.
func (l *Loop) runRelays(ctx context.Context) {
	var wg sync.WaitGroup
	var nudged []chan struct{}
	for _, r := range l.relays() {
		if r.nudges == nil {
			c := make(chan struct{}, 1)
			nudged = append(nudged, c)
			r.nudges = c
		}
		wg.Go(func() { r.run(ctx, l.sweepEvery) })
	}
	for nudges := l.opts.Outbox.Nudges(); ctx.Err() == nil; {
		select {
		case <-ctx.Done():
		case <-nudges:
			for _, c := range nudged {
				select {
				case c <- struct{}{}:
				default: // one nudge is waiting already
				}
			}
		}
	}
	wg.Wait()
}

func (r *relay) run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	r.note(ctx, r.sweep(ctx))
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err = r.sweep(ctx)
		case <-r.nudges:
			if r.lane.reach.away.Load() {
				continue // the sweep finds out when Redis is back
			}
			err = r.drain(ctx)
		}
		r.note(ctx, err)
	}
}

// note logs an outage of the database once. Outages of Redis are logged by reach.
func (r *relay) note(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil && r.failing.CompareAndSwap(true, false):
		r.log.Info("the outbox answers again")
	case err != nil && !errors.Is(err, errAway) && r.failing.CompareAndSwap(false, true):
		r.log.Error("the outbox does not answer; messages wait", "error", err)
	}
}

// sweep checks that Redis takes writes and still has its data, then relays the due rows. While Redis is away, it claims
// nothing.
func (r *relay) sweep(ctx context.Context) error {
	outages := r.lane.reach.outages.Load()
	if err := r.lane.check(ctx); err != nil {
		return err
	}
	err := r.lane.client.Get(ctx, r.lane.own(marker)).Err()
	switch {
	case errors.Is(err, redis.Nil): // Redis was flushed, restarted without its data, or is new
	case err != nil:
		return errAway
	case outages == r.outages:
		return r.drain(ctx)
	}
	// After an outage the marker may be there although tasks are lost. Offering everything again is cheap and does no
	// harm, because the queue refuses tasks that it has.
	if err := r.source.lost(ctx); err != nil {
		return fmt.Errorf("make due again what was queued: %w", err)
	}
	if err := r.lane.client.Set(ctx, r.lane.own(marker), "1", 0).Err(); err != nil {
		return errAway
	}
	r.outages = outages
	return r.drain(ctx)
}

// drain relays all due rows, batch by batch.
func (r *relay) drain(ctx context.Context) error {
	// A client registers a queue in Redis once and remembers that. Redis may have been flushed since, so each drain makes
	// a new client. That is cheap: the connection is shared.
	client := asynq.NewClientFromRedisClient(r.lane.client)
	for ctx.Err() == nil {
		if err := r.noteQueued(ctx); err != nil {
			return err
		}
		at := r.now()
		tickets, err := r.source.claim(ctx, batchSize, claimLease)
		if err != nil {
			return fmt.Errorf("claim what is due: %w", err)
		}
		if len(tickets) == 0 {
			return nil
		}
		taken := r.enqueueAll(ctx, client, tickets)
		r.queued = append(r.queued, queued{taken, at, tickets[0].claimed})
		if len(taken) < len(tickets) {
			return errAway // the remaining rows are due again when their lease ends
		}
		if len(tickets) < batchSize {
			return nil
		}
	}
	return ctx.Err()
}

// noteQueued notes what the queue has taken some time ago, so that it is not offered again when its claim ends.
func (r *relay) noteQueued(ctx context.Context) error {
	for now := r.now(); len(r.queued) > 0 && now.Sub(r.queued[0].at) >= noteAfter; r.queued = r.queued[1:] {
		q := r.queued[0]
		if err := r.source.enqueued(ctx, q.ids, q.claimed, lookAgain); err != nil {
			return fmt.Errorf("note what was queued: %w", err)
		}
	}
	return nil
}

// enqueueAll offers the tickets to the queue and returns the ids of the rows whose tasks the queue has now.
func (r *relay) enqueueAll(ctx context.Context, client *asynq.Client, tickets []ticket) []uuid.UUID {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work := make(chan ticket)
	var (
		mu    sync.Mutex
		taken = make([]uuid.UUID, 0, len(tickets))
		wg    sync.WaitGroup
	)
	for range min(enqueuers, len(tickets)) {
		wg.Go(func() {
			for t := range work {
				if err := r.enqueue(ctx, client, t); err != nil {
					r.log.Debug("a task was not queued", "task", t.payload.name(), "error", err)
					cancel() // Redis went away, and each further call would wait in vain
					continue
				}
				mu.Lock()
				taken = append(taken, t.id)
				mu.Unlock()
			}
		})
	}
	for _, t := range tickets {
		select {
		case work <- t:
		case <-ctx.Done():
		}
	}
	close(work)
	wg.Wait()
	return taken
}

// enqueue offers one ticket. If the queue has the task already, that is fine. A task that will never run again is
// replaced by a new one.
func (r *relay) enqueue(ctx context.Context, client *asynq.Client, t ticket) error {
	task, err := r.lane.newTask(t.typename, t.payload)
	if err != nil {
		return err
	}
	_, err = client.EnqueueContext(ctx, task)
	if !errors.Is(err, asynq.ErrTaskIDConflict) {
		return err
	}
	queue, id := r.lane.key, t.payload.name()
	info, err := r.lane.inspector.GetTaskInfo(queue, id)
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound): // the task has ended in the meantime
		return nil
	case err != nil:
		return err
	case t.atOnce && (info.State == asynq.TaskStateRetry || info.State == asynq.TaskStateScheduled):
		return r.wake(queue, id)
	case info.State != asynq.TaskStateArchived && info.State != asynq.TaskStateCompleted:
		return nil
	}
	if err := r.lane.inspector.DeleteTask(queue, id); err != nil && !errors.Is(err, asynq.ErrTaskNotFound) {
		return err
	}
	_, err = client.EnqueueContext(ctx, task)
	if errors.Is(err, asynq.ErrTaskIDConflict) { // another relay was faster
		return nil
	}
	return err
}

// wake makes a task run now that waits for a later time, because the outbox does not want to wait any longer.
func (r *relay) wake(queue, id string) error {
	err := r.lane.inspector.RunTask(queue, id)
	if err == nil || errors.Is(err, asynq.ErrTaskNotFound) {
		return nil
	}
	info, again := r.lane.inspector.GetTaskInfo(queue, id)
	switch {
	case errors.Is(again, asynq.ErrTaskNotFound):
		return nil
	case again == nil && (info.State == asynq.TaskStatePending || info.State == asynq.TaskStateActive):
		return nil // the task has started by itself
	}
	return err
}
