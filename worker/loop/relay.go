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

// source is where the tasks of a queue come from: rows of the database that are due, messages of a channel or jobs.
type source struct {
	claim    func(ctx context.Context, limit int, lease time.Duration) ([]ticket, error)
	enqueued func(ctx context.Context, ids []uuid.UUID, d time.Duration) error
	lost     func(ctx context.Context) error
}

// ticket is a row that is due, and the task that it gets.
type ticket struct {
	id       uuid.UUID
	typename string
	payload  payload
	atOnce   bool // it waits for no later time: a task that does is to run now
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
	return ticket{t.MessageID, typename, messagePayload{Message: t.MessageID, Run: t.Run, Attempt: t.Attempt}, t.AtOnce}
}

func jobsOf(jobs Jobs) source {
	return source{
		claim: func(ctx context.Context, limit int, lease time.Duration) ([]ticket, error) {
			claimed, err := jobs.Claim(ctx, limit, lease)
			tickets := make([]ticket, len(claimed))
			for i, t := range claimed {
				tickets[i] = ticket{t.ID, taskJob, jobPayload{Job: t.ID}, t.AtOnce}
			}
			return tickets, err
		},
		enqueued: jobs.Enqueued,
		lost:     jobs.QueueLost,
	}
}

// relay carries what is due from the database to a queue. A nudge makes it immediate, the sweep makes it certain: what a
// killed relay had claimed is due again after claimLease, so nothing is later than claimLease + sweepEvery.
type relay struct {
	lane   *lane
	source source
	nudges <-chan struct{}
	log    *slog.Logger
	// outages is how many outages of Redis this relay has told its source about.
	outages int64
	// failing is set while the database does not answer, so that it is logged once by all relays.
	failing *atomic.Bool
}

const (
	sweepEvery = 2 * time.Second
	batchSize  = 500
	claimLease = 6 * time.Second
	// lookAgain is when the relay offers again what the queue has taken: a task that Redis lost without
	// anybody noticing (an old snapshot restored, a fail-over) is late by that much at most.
	lookAgain = 5 * time.Minute
	// enqueuers is how many round trips to Redis are under way at a time.
	enqueuers = 16
)

// marker is a key of ours that is there as long as Redis remembers what it was given.
const marker = "known"

// relays makes the relay of each queue. Those of messages have no nudges yet: they share the outbox's.
func (l *Loop) relays() (all []*relay) {
	failing := &atomic.Bool{}
	for _, lane := range l.lanes() {
		r := &relay{lane: lane, log: l.opts.Log, failing: failing}
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

// runRelays runs the relays until ctx ends, and passes the outbox's nudges on to all of messages.
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
				default: // one is waiting already
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
				continue // the sweep finds out when it is back
			}
			err = r.drain(ctx)
		}
		r.note(ctx, err)
	}
}

// note logs an outage of the database once. Redis is reach's to log.
func (r *relay) note(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil && r.failing.CompareAndSwap(true, false):
		r.log.Info("the outbox answers again")
	case err != nil && !errors.Is(err, errAway) && r.failing.CompareAndSwap(false, true):
		r.log.Error("the outbox does not answer; messages wait", "error", err)
	}
}

// sweep makes sure that Redis takes writes and still knows what it was given, then relays what is due. Nothing is claimed
// while it is away.
func (r *relay) sweep(ctx context.Context) error {
	outages := r.lane.reach.outages.Load()
	if err := r.lane.check(ctx); err != nil {
		return err
	}
	err := r.lane.client.Get(ctx, r.lane.own(marker)).Err()
	switch {
	case errors.Is(err, redis.Nil): // flushed, restarted without its data, or new
	case err != nil:
		return errAway
	case outages == r.outages:
		return r.drain(ctx)
	}
	// After an outage the marker may have come back while tasks have not. To offer everything again is cheap and does
	// no harm: the queue refuses what it has.
	if err := r.source.lost(ctx); err != nil {
		return fmt.Errorf("make due again what was queued: %w", err)
	}
	if err := r.lane.client.Set(ctx, r.lane.own(marker), "1", 0).Err(); err != nil {
		return errAway
	}
	r.outages = outages
	return r.drain(ctx)
}

// drain relays what is due, batch by batch.
func (r *relay) drain(ctx context.Context) error {
	// A client notes once that it announced a queue to Redis, which may have been flushed since; so each drain has
	// its own. It is a small thing around the shared connection.
	client := asynq.NewClientFromRedisClient(r.lane.client)
	for ctx.Err() == nil {
		tickets, err := r.source.claim(ctx, batchSize, claimLease)
		if err != nil {
			return fmt.Errorf("claim what is due: %w", err)
		}
		if len(tickets) == 0 {
			return nil
		}
		taken := r.enqueueAll(ctx, client, tickets)
		if len(taken) > 0 {
			if err := r.source.enqueued(ctx, taken, lookAgain); err != nil {
				return fmt.Errorf("note what was queued: %w", err)
			}
		}
		if len(taken) < len(tickets) {
			return errAway // the rest is due again when its lease ends
		}
		if len(tickets) < batchSize {
			return nil
		}
	}
	return ctx.Err()
}

// enqueueAll offers the tickets to the queue and returns the rows that it has now.
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
					cancel() // Redis went away: each of the others would wait for it in vain
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

// enqueue offers one ticket. A task that is there already is as good; one that is there but will never run again
// makes room for a new one.
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
	case errors.Is(err, asynq.ErrTaskNotFound): // done in between
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
	if errors.Is(err, asynq.ErrTaskIDConflict) { // another relay was quicker
		return nil
	}
	return err
}

// wake has a task run now that waits for a later time, since the outbox does not want to wait any more.
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
		return nil // it woke by itself
	}
	return err
}
