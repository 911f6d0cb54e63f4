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
	"kontor/app/store"
)

// Handler is how a feature does a kind of job.
type Handler struct {
	// Step works on one chunk, in a tx of its own, and says how far it came. It is called again until it is Finished. A
	// worker may die behind any tx, so a step does only what is still to be done. It must end soon after its ctx does.
	Step func(ctx context.Context, j Job) (Progress, error)
	// Cancel is called inside the tx that cancels such a job, for the feature to note it. nil: such a job can't be cancelled,
	// since it must not stop halfway.
	Cancel func(ctx context.Context, tx bun.Tx, j Job) error
}

// Options are what a Service is made of. DB and Now are needed; without Audit nothing can be cancelled.
type Options struct {
	DB         *store.DB
	Now        store.Clock
	Audit      *audit.Log
	Log        *slog.Logger  // nil is none
	RenewLease time.Duration // 0 is 5 s; how often whoever works on a job renews its lease of 20 s
}

// Service is the jobs.
type Service struct {
	db       *store.DB
	now      store.Clock
	audit    *audit.Log
	log      *slog.Logger
	renew    time.Duration
	handlers map[Kind]Handler
	nudges   chan struct{}
}

// New makes the service. Features register their handlers with it when they are made.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.RenewLease <= 0 {
		o.RenewLease = defaultRenew
	}
	return &Service{
		db: o.DB, now: o.Now, audit: o.Audit, log: o.Log, renew: o.RenewLease,
		handlers: map[Kind]Handler{}, nudges: make(chan struct{}, 1),
	}
}

// Handle says how a kind of job is done. Called at wiring time only.
func (s *Service) Handle(k Kind, h Handler) {
	if _, twice := s.handlers[k]; twice {
		panic(fmt.Sprintf("two handlers for jobs of kind %q", k))
	}
	s.handlers[k] = h
}

// Check returns an error when nobody does a kind of job: one that there is, or one that waits in the database.
func (s *Service) Check(ctx context.Context) error {
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

// Order is a job that is asked for.
type Order struct {
	Kind       Kind
	SubjectID  uuid.UUID // what it works on: there is one open job for a kind and subject
	CustomerID uuid.UUID // with whom it goes; Nil: nobody
	Arguments  any       // encoded as JSON: ids and keys, nothing personal; nil: none
	Total      int64     // how much there is to do; 0: nobody knows
	By         uuid.UUID // who asked; Nil: Kontor itself
	// Held leaves the job to the caller, who works on it in a moment with Run. Workers see to it if that does not happen.
	Held bool
}

// Add adds a job inside the service's tx, whose ctx must be the one given, and announces it after the commit. If a job of
// that kind and subject is open already, its id is returned, and it will not be over before it has looked once more.
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
		later := now.Add(leaseTime)
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

// Adopt adds those of the orders for which no job is open. They are of work that a version before this one began, which had
// no jobs and may run beside this one during an upgrade.
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

// Cancel ends a job for good, and writes so into the log. A chunk that is being worked on at this moment may still be done.
// Whether somebody may cancel it is for the caller to know. Errors: ErrNotFound, ErrOver, ErrNotCancellable.
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

// CancelOfCustomer ends the jobs of a customer who is about to be deleted, inside the tx that begins it.
func (s *Service) CancelOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID) error {
	return s.cancelOpen(ctx, tx, "customer_id", customer)
}

// Of is the newest job of a kind and subject; ErrNotFound.
func (s *Service) Of(ctx context.Context, k Kind, subject uuid.UUID) (Job, error) {
	return s.newestOf(ctx, k, subject)
}

// How many jobs List names at most.
const (
	listOpen   = 100
	listRecent = 20
)

// List is the jobs that are open, the oldest first, and those that ended last, the latest first.
func (s *Service) List(ctx context.Context) ([]Job, error) {
	open, err := s.open(ctx, listOpen)
	if err != nil {
		return nil, err
	}
	recent, err := s.recent(ctx, listRecent)
	return append(open, recent...), err
}

// kept is how long a job is remembered that has ended.
const kept = 30 * 24 * time.Hour

// CleanUp forgets jobs that ended long ago.
func (s *Service) CleanUp(ctx context.Context) error { return s.forget(ctx, s.now().Add(-kept)) }

// Restored takes all jobs from whoever worked on them when the backup was made from which this database was restored.
func (s *Service) Restored(ctx context.Context, tx bun.IDB) error { return s.releaseAll(ctx, tx) }
