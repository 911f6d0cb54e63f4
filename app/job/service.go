package job

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/lease"
	"kontor/app/store"
)

// Handler is how a feature does jobs of one kind.
type Handler struct {
	// Step does one chunk, in a tx of its own, and returns the progress. It is called until Progress.Finished is true.
	// A worker may die after any tx, so Step must do only what is still to be done. It must end soon after its ctx
	// ends.
	Step func(ctx context.Context, j Job) (Progress, error)
	// Cancel is called inside the tx that cancels a job, so that the feature can record it. If Cancel is nil, jobs of
	// the kind can't be cancelled, because they must not stop halfway.
	Cancel func(ctx context.Context, tx bun.Tx, j Job) error
}

// Options configure New. DB and Now are required; without Audit no job can be cancelled.
type Options struct {
	DB    *store.DB
	Now   store.Clock
	Audit *audit.Log
	Log   *slog.Logger // nil means none
	//exhaustruct:optional
	RenewLease time.Duration // 0 means 5 s; how often a worker renews its lease of 20 s
}

// Service manages the jobs.
type Service struct {
	db       *store.DB
	now      store.Clock
	audit    *audit.Log
	log      *slog.Logger
	renew    time.Duration
	handlers map[Kind]Handler
	twice    []Kind // kinds with two handlers
	nudges   chan struct{}
}

// New makes the service. Features register their handlers with it when they are made.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.RenewLease <= 0 {
		o.RenewLease = lease.Every
	}
	return &Service{
		db: o.DB, now: o.Now, audit: o.Audit, log: o.Log, renew: o.RenewLease,
		handlers: map[Kind]Handler{}, nudges: make(chan struct{}, 1),
	}
}

// Handle registers how jobs of a kind are done. It is called only while the program is wired. Check finds a kind that has
// two handlers.
func (s *Service) Handle(k Kind, h Handler) {
	if _, twice := s.handlers[k]; twice {
		s.twice = append(s.twice, k)
	}
	s.handlers[k] = h
}

// Check returns an error if a kind was given two handlers or has none: one of Kinds, or the kind of an open job in the
// database.
func (s *Service) Check(ctx context.Context) error {
	if len(s.twice) > 0 {
		return fmt.Errorf("two features do jobs of kind %q", slices.Min(s.twice))
	}
	stored, err := s.openKinds(ctx)
	if err != nil {
		return err
	}
	for _, k := range slices.Concat(Kinds, stored) {
		if _, ok := s.handlers[k]; !ok {
			return fmt.Errorf("nobody does jobs of kind %q", k)
		}
	}
	return nil
}

// Order is a request for a job.
type Order struct {
	Kind       Kind
	SubjectID  uuid.UUID // what it works on; at most one job of a kind and subject is open
	CustomerID uuid.UUID // the job is deleted with this customer; Nil: none
	Arguments  any       // encoded as JSON: ids and keys, nothing personal; nil: none
	Total      int64     // how much there is to do; 0: unknown
	By         uuid.UUID // who asked; Nil: Kontor itself
	// Held leaves the job to the caller, who will call Run in a moment. If that does not happen, a worker takes the job
	// when the lease time is over.
	Held bool
}

// Add adds a job inside the service's tx and announces it after the commit. ctx must be that of the tx. If a job of the
// kind and subject is open already, Add returns its id; that job will do at least one more step before it is over.
func (s *Service) Add(ctx context.Context, tx bun.IDB, o Order) (uuid.UUID, error) {
	if _, ok := s.handlers[o.Kind]; !ok {
		return uuid.Nil, fmt.Errorf("nobody does jobs of kind %q", o.Kind)
	}
	now := s.now()
	j := Job{
		Kind: o.Kind, SubjectID: o.SubjectID, State: Waiting, Total: o.Total, Asked: 1, RelayAt: &now, RequestedAt: now,
		CustomerID: store.NullID(o.CustomerID), RequestedBy: store.NullID(o.By),
	}
	if o.Held {
		later := now.Add(lease.Time)
		j.RelayAt = &later
	}
	if o.Arguments != nil {
		text, err := json.Marshal(o.Arguments)
		if err != nil {
			return uuid.Nil, err
		}
		j.Arguments = string(text)
	}
	var err error
	if j.ID, err = uuid.NewV7(); err != nil {
		return uuid.Nil, err
	}
	id, err := insert(ctx, tx, j)
	if err == nil && !o.Held {
		store.AfterCommit(ctx, s.nudge)
	}
	return id, err
}

// Adopt adds those orders for which no job is open. They stand for work that an earlier version without jobs has begun.
// That version may run in parallel during an upgrade.
func (s *Service) Adopt(ctx context.Context, orders ...Order) error {
	for _, o := range orders {
		err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			if open, err := s.isOpen(ctx, tx, o.Kind, o.SubjectID); err != nil || open {
				return err
			}
			_, err := s.Add(ctx, tx, o)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Cancel ends a job for good and writes this to the log. A chunk that is in progress may still be completed. The caller
// must check whether the actor may cancel the job. Errors: ErrNotFound, ErrOver, ErrNotCancellable.
func (s *Service) Cancel(ctx context.Context, by audit.Actor, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		j, err := s.lock(ctx, tx, id)
		if err != nil {
			return err
		}
		cancel := s.handlers[j.Kind].Cancel
		switch {
		case j.FinishedAt != nil:
			return ErrOver
		case cancel == nil:
			return ErrNotCancellable
		}
		if err := s.cancelOpen(ctx, tx, "id", id); err != nil {
			return err
		}
		if err := cancel(ctx, tx, j); err != nil {
			return err
		}
		return s.audit.Write(ctx, tx, by, audit.Record{
			Action: audit.JobCancelled, CustomerID: j.CustomerID.UUID, SubjectID: j.ID, Subject: string(j.Kind),
		})
	})
}

// Cancellable says whether jobs of a kind can be cancelled.
func (s *Service) Cancellable(k Kind) bool { return s.handlers[k].Cancel != nil }

// CancelOfCustomer cancels the jobs of a customer who is about to be deleted, inside the tx that begins the deletion.
func (s *Service) CancelOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID) error {
	return s.cancelOpen(ctx, tx, "customer_id", customer)
}

// Of returns the newest job of a kind and subject, or ErrNotFound.
func (s *Service) Of(ctx context.Context, k Kind, subject uuid.UUID) (Job, error) {
	return s.newestOf(ctx, k, subject)
}

// How many open and how many ended jobs List returns at most.
const (
	listOpen   = 100
	listRecent = 20
)

// List returns the open jobs, oldest first, followed by the jobs that ended last, latest first.
func (s *Service) List(ctx context.Context) ([]Job, error) {
	open, err := s.open(ctx, listOpen)
	if err != nil {
		return nil, err
	}
	recent, err := s.recent(ctx, listRecent)
	return append(open, recent...), err
}

// kept is how long an ended job is kept.
const kept = 30 * 24 * time.Hour

// CleanUp deletes the jobs that ended long ago.
func (s *Service) CleanUp(ctx context.Context) error { return s.forget(ctx, s.now().Add(-kept)) }

// Restored releases all open jobs after a restore: the workers that held them when the backup was made no longer do.
func (s *Service) Restored(ctx context.Context, tx bun.IDB) error { return s.releaseAll(ctx, tx) }
