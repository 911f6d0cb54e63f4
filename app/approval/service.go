package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/lang"
	"kontor/app/store"
	"kontor/policies"
)

// Outbox is what this package needs of the courier.
type Outbox interface {
	Enqueue(ctx context.Context, tx bun.IDB, p courier.Post) error
	Register(composers map[courier.Kind]courier.Composer)
}

// Options are the parameters of New.
type Options struct {
	DB      *store.DB
	Now     store.Clock
	Audit   *audit.Log
	Courier Outbox
	Log     *slog.Logger
	Delay   time.Duration // how long a proposal waits before it takes effect if nobody can approve it
	BaseURL string        // the beginning of links
	Locale  func() string // for mails to people who have not chosen a language; nil: English
}

// DefaultDelay is used if Delay is not set.
const DefaultDelay = 24 * time.Hour

// Handler is the part of a feature that carries out the proposals of one kind.
type Handler struct {
	// Apply carries out the proposal in the tx that settles it. by is the person who approved it, or Kontor itself
	// after the waiting time. Apply checks again that the proposer has permission. ErrVoid, or any other fault, says
	// that the proposal can no longer be carried out.
	Apply func(ctx context.Context, tx bun.Tx, a Approval, by audit.Actor) error
	// Drop is called when the proposal will not be carried out. It may be nil.
	Drop func(ctx context.Context, tx bun.Tx, a Approval) error
}

// Service manages approvals. It is safe for concurrent use.
type Service struct {
	o        Options
	handlers map[Kind]Handler
	twice    []Kind // kinds with two handlers
}

// New makes the service and registers its mail with the courier.
func New(o Options) *Service {
	if o.Delay <= 0 {
		o.Delay = DefaultDelay
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Locale == nil {
		o.Locale = func() string { return lang.English }
	}
	s := &Service{o: o, handlers: map[Kind]Handler{}}
	o.Courier.Register(map[courier.Kind]courier.Composer{courier.ApprovalAsked: courier.Each(s.compose)})
	return s
}

// Handle registers the handlers of these kinds. Features call it when they are created. Check finds a kind that has two.
func (s *Service) Handle(handlers map[Kind]Handler) {
	for kind, h := range handlers {
		if _, twice := s.handlers[kind]; twice {
			s.twice = append(s.twice, kind)
		}
		s.handlers[kind] = h
	}
}

// Check returns an error if a kind has no handler or was given two.
func (s *Service) Check() error {
	if len(s.twice) > 0 {
		return fmt.Errorf("two features do what proposals of the kind %s propose", slices.Min(s.twice))
	}
	for _, kind := range kinds {
		if s.handlers[kind].Apply == nil {
			return fmt.Errorf("nobody does what proposals of the kind %s propose", kind)
		}
	}
	return nil
}

// --- facts --------------------------------------------------------------------------------------------------------

// Excused says whether an account holds every guarding role. Such an account has nothing to gain, so only making a new
// holder of a guarding role needs a second person.
func (s *Service) Excused(ctx context.Context, db bun.IDB, id uuid.UUID) (bool, error) {
	guards, err := loadGuards(ctx, db, s.o.Now())
	return err == nil && excused(guards, id), err
}

// Own returns those of the accounts that count as the account's own: they belong to the same group, in which one
// account made another within 30 days, directly or through further accounts. The result is empty for an account that is
// Excused.
func (s *Service) Own(ctx context.Context, db bun.IDB, id uuid.UUID, accounts []uuid.UUID) (own []uuid.UUID, err error) {
	if len(accounts) == 0 {
		return nil, nil
	}
	now := s.o.Now()
	events, err := eventsSince(ctx, db, now.Add(-apart))
	if err != nil {
		return nil, err
	}
	guards, err := loadGuards(ctx, db, now)
	if err != nil || excused(guards, id) {
		return nil, err
	}
	sides := sidesOf(events, guards, now)
	for _, other := range accounts {
		if other != id && sides.of(other) == sides.of(id) {
			own = append(own, other)
		}
	}
	return own, nil
}

// Made records that an account was made with these roles.
func (s *Service) Made(ctx context.Context, tx bun.IDB, account uuid.UUID, by audit.Actor, roles []policies.Role) error {
	if err := s.note(ctx, tx, event{AccountID: account, What: made, ByID: store.NullID(by.ID)}, ""); err != nil {
		return err
	}
	return s.Gave(ctx, tx, account, by, roles)
}

// Gave records that roles were given to an account. Only guarding roles are recorded.
func (s *Service) Gave(ctx context.Context, tx bun.IDB, account uuid.UUID, by audit.Actor, roles []policies.Role) error {
	return s.note(ctx, tx, event{AccountID: account, What: given, ByID: store.NullID(by.ID)}, GuardsAmong(roles)...)
}

// Took records that roles were taken from an account, or that it was deactivated. Only guarding roles are recorded.
func (s *Service) Took(ctx context.Context, tx bun.IDB, account uuid.UUID, by audit.Actor, roles []policies.Role) error {
	return s.note(ctx, tx, event{AccountID: account, What: lost, ByID: store.NullID(by.ID)}, GuardsAmong(roles)...)
}

// note stores the event for each of the roles.
func (s *Service) note(ctx context.Context, tx bun.IDB, e event, roles ...policies.Role) (err error) {
	var events []event
	for _, e.Role = range roles {
		if e.ID, err = uuid.NewV7(); err != nil {
			return err
		}
		e.At = s.o.Now()
		events = append(events, e)
	}
	return insertEvents(ctx, tx, events)
}

// --- proposing ----------------------------------------------------------------------------------------------------

// Propose stores a proposal, in the tx of the action it belongs to. It sends a mail to everybody who holds a guarding
// role and to the person concerned. An earlier proposal of the same kind by the same person about the same subject
// becomes void, unless the kind is one of several. If the kind is about roles or the policy, the caller must hold
// LockHolders.
func (s *Service) Propose(ctx context.Context, tx bun.IDB, by audit.Actor, p Proposal) (Approval, error) {
	now := s.o.Now()
	detail, err := json.Marshal(p.Detail)
	if err != nil {
		return Approval{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Approval{}, err
	}
	if !slices.Contains(several, p.Kind) {
		earlier, err := waitingAbout(ctx, tx, p.Kind, p.SubjectID)
		if err != nil {
			return Approval{}, err
		}
		earlier = slices.DeleteFunc(earlier, func(a Approval) bool { return a.ProposedBy != by.ID })
		if err := s.void(ctx, tx, earlier, by); err != nil {
			return Approval{}, err
		}
	}
	a := Approval{
		ID: id, Kind: p.Kind, SubjectID: store.NullID(p.SubjectID), CustomerID: store.NullID(p.CustomerID), ConcernedID: store.NullID(p.ConcernedID),
		Subject: p.Subject, Detail: string(detail), Why: p.Why, ProposedBy: by.ID, Proposer: by.Name, ProposedAt: now,
		ExpiresAt: now.Add(max(Life, s.o.Delay+24*time.Hour)), State: Waiting,
	}
	guards, err := loadGuards(ctx, tx, now)
	if err != nil {
		return Approval{}, err
	}
	if !waitsForSomebody(guards, a, now) {
		passes := now.Add(s.o.Delay)
		a.PassesAt = &passes
	}
	if err := insertApproval(ctx, tx, a); err != nil {
		return Approval{}, err
	}
	if err := s.write(ctx, tx, by, audit.ApprovalProposed, a); err != nil {
		return Approval{}, err
	}
	return a, s.tell(ctx, tx, a, guards)
}

// Cancel voids the waiting proposals about a subject because they have become pointless. It does not call the handlers.
func (s *Service) Cancel(ctx context.Context, tx bun.IDB, kind Kind, subject uuid.UUID, by audit.Actor) error {
	list, err := waitingAbout(ctx, tx, kind, subject)
	if err != nil {
		return err
	}
	return s.void(ctx, tx, list, by)
}

// Withdraw ends a proposal that still waits, for the person who has made it. done says whether it did. It does not call the
// handlers.
func (s *Service) Withdraw(ctx context.Context, tx bun.IDB, id uuid.UUID, by audit.Actor) (done bool, err error) {
	a, err := lockApproval(ctx, tx, id)
	if errors.Is(err, ErrNotFound) || err == nil && (a.State != Waiting || a.ProposedBy != by.ID) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, s.settle(ctx, tx, a, Void, by)
}

func (s *Service) void(ctx context.Context, tx bun.IDB, list []Approval, by audit.Actor) error {
	for _, a := range list {
		if err := s.settle(ctx, tx, a, Void, by); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) settle(ctx context.Context, tx bun.IDB, a Approval, state State, by audit.Actor) error {
	now := s.o.Now()
	a.State, a.DecidedBy, a.Decider, a.DecidedAt = state, store.NullID(by.ID), by.Name, &now
	if err := saveDecision(ctx, tx, a); err != nil {
		return err
	}
	return s.write(ctx, tx, by, actions[state], a)
}

var actions = map[State]audit.Action{
	Approved: audit.ApprovalApproved, Passed: audit.ApprovalPassed, Stopped: audit.ApprovalStopped,
	Expired: audit.ApprovalExpired, Void: audit.ApprovalVoid,
}

func (s *Service) write(ctx context.Context, tx bun.IDB, by audit.Actor, action audit.Action, a Approval) error {
	return s.o.Audit.Write(ctx, tx, by, audit.Record{
		Action: action, CustomerID: a.CustomerID.UUID, SubjectID: a.SubjectID.UUID, Subject: a.Subject,
		Detail: audit.Changes{"approval": {"", string(a.Kind)}},
	})
}

// --- deciding -----------------------------------------------------------------------------------------------------

// Approve carries out a proposal if by can approve it as the second person. Errors: ErrNotFound, ErrSettled,
// ErrNotYours; the error of Apply when the proposal can no longer be carried out, which voids it.
func (s *Service) Approve(ctx context.Context, by audit.Actor, id uuid.UUID) (a Approval, err error) {
	err = s.decide(ctx, id, func(ctx context.Context, tx bun.Tx, found Approval, guards []guard) error {
		a = found
		if !s.decides(guards, a, by.ID) {
			return s.refusal(guards, a, by.ID)
		}
		return s.apply(ctx, tx, a, Approved, by)
	})
	var failed *fault.Error
	if errors.As(err, &failed) && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrSettled) && !errors.Is(err, ErrNotYours) {
		return a, errors.Join(err, s.drop(ctx, id, Void, by))
	}
	return a, err
}

// Proposed names what a person has proposed about a subject.
type Proposed struct {
	Kind       Kind
	SubjectID  uuid.UUID
	ProposedBy uuid.UUID
}

// Settle approves a proposal inside the tx of a feature that carries it out itself. Errors: ErrNotYours, ErrSettled.
func (s *Service) Settle(ctx context.Context, tx bun.IDB, p Proposed, by audit.Actor) error {
	list, err := waitingAbout(ctx, tx, p.Kind, p.SubjectID)
	if err != nil {
		return err
	}
	guards, err := loadGuards(ctx, tx, s.o.Now())
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.ProposedBy != p.ProposedBy || !s.o.Now().Before(a.ExpiresAt) {
			continue
		}
		if !s.decides(guards, a, by.ID) {
			return ErrNotYours
		}
		return s.settle(ctx, tx, a, Approved, by)
	}
	return ErrSettled
}

// Stop ends a proposal. Holders of guarding roles, the person concerned and the proposer may do so. Errors:
// ErrNotFound, ErrSettled.
func (s *Service) Stop(ctx context.Context, by audit.Actor, id uuid.UUID) (a Approval, err error) {
	err = s.decide(ctx, id, func(ctx context.Context, tx bun.Tx, found Approval, guards []guard) error {
		a = found
		if !s.sees(guards, a, by.ID) {
			return ErrNotFound
		}
		return s.end(ctx, tx, a, Stopped, by)
	})
	return a, err
}

// decide runs fn on a waiting proposal. Everything that the decision depends on is locked.
func (s *Service) decide(ctx context.Context, id uuid.UUID, fn func(ctx context.Context, tx bun.Tx, a Approval, guards []guard) error) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := LockHolders(ctx, tx); err != nil {
			return err
		}
		a, err := lockApproval(ctx, tx, id)
		if err != nil {
			return err
		}
		guards, err := loadGuards(ctx, tx, s.o.Now())
		if err != nil {
			return err
		}
		if a.State != Waiting || !s.o.Now().Before(a.ExpiresAt) {
			return ErrSettled
		}
		return fn(ctx, tx, a, guards)
	})
}

func (s *Service) decides(guards []guard, a Approval, id uuid.UUID) bool {
	return slices.ContainsFunc(guards, func(g guard) bool { return g.ID == id && g.decides(a, s.o.Now()) })
}

// sees says whether an account may see and stop a proposal.
func (s *Service) sees(guards []guard, a Approval, id uuid.UUID) bool {
	return a.about(id) ||
		slices.ContainsFunc(guards, func(g guard) bool { return g.ID == id && g.stops() })
}

func (s *Service) refusal(guards []guard, a Approval, id uuid.UUID) error {
	if s.sees(guards, a, id) {
		return ErrNotYours
	}
	return ErrNotFound
}

// apply settles the proposal before it carries it out, because Apply may read the waiting proposals.
func (s *Service) apply(ctx context.Context, tx bun.Tx, a Approval, state State, by audit.Actor) error {
	if err := s.settle(ctx, tx, a, state, by); err != nil {
		return err
	}
	return s.handlers[a.Kind].Apply(ctx, tx, a, by)
}

// end settles a proposal that will not be carried out.
func (s *Service) end(ctx context.Context, tx bun.Tx, a Approval, state State, by audit.Actor) error {
	if err := s.settle(ctx, tx, a, state, by); err != nil {
		return err
	}
	if drop := s.handlers[a.Kind].Drop; drop != nil {
		return drop(ctx, tx, a)
	}
	return nil
}

func (s *Service) drop(ctx context.Context, id uuid.UUID, state State, by audit.Actor) error {
	return s.decide(ctx, id, func(ctx context.Context, tx bun.Tx, a Approval, _ []guard) error {
		return s.end(ctx, tx, a, state, by)
	})
}

// kontor is the actor when the waiting time is over.
var kontor = audit.Actor{Name: "Kontor"}

// Tick is called by the worker. It ends expired proposals, and carries out those whose waiting time is over. If a
// second person exists by then, the proposal waits for their approval instead.
func (s *Service) Tick(ctx context.Context) error {
	ids, err := elapsed(ctx, s.o.DB, s.o.Now())
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.tick(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// CleanUp deletes events that are too old to have any effect.
func (s *Service) CleanUp(ctx context.Context) error {
	return deleteEvents(ctx, s.o.DB, s.o.Now().Add(-apart-2*Life))
}

func (s *Service) tick(ctx context.Context, id uuid.UUID) error {
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := LockHolders(ctx, tx); err != nil {
			return err
		}
		a, err := lockApproval(ctx, tx, id)
		now := s.o.Now()
		switch {
		case errors.Is(err, ErrNotFound) || err == nil && a.State != Waiting:
			return nil
		case err != nil:
			return err
		case !now.Before(a.ExpiresAt):
			return s.end(ctx, tx, a, Expired, kontor)
		case a.PassesAt == nil || now.Before(*a.PassesAt):
			return nil
		}
		guards, err := loadGuards(ctx, tx, now)
		if err != nil {
			return err
		}
		if waitsForSomebody(guards, a, now) {
			a.PassesAt = nil
			if err := saveDecision(ctx, tx, a); err != nil {
				return err
			}
			return s.tell(ctx, tx, a, guards)
		}
		return s.apply(ctx, tx, a, Passed, kontor)
	})
	var failed *fault.Error
	if errors.As(err, &failed) {
		s.o.Log.Info("a proposal can't be done any more", "approval", id, "reason", failed.Message)
		if err = s.drop(ctx, id, Void, kontor); errors.Is(err, ErrSettled) {
			err = nil
		}
	}
	return err
}

// --- looking ------------------------------------------------------------------------------------------------------

// View is a proposal as a caller sees it.
type View struct {
	Approval
	Own        bool // the caller is the proposer
	MayApprove bool
	MayStop    bool
}

// historyMax is how many settled proposals are listed.
const historyMax = 50

// List returns the waiting proposals that by may see, oldest first, and the settled ones. If all is set, the caller may
// read all approvals; otherwise List returns those that by took part in.
func (s *Service) List(ctx context.Context, by audit.Actor, all bool) (open, done []View, err error) {
	waits, guards, err := s.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range waits {
		if all || s.sees(guards, a, by.ID) {
			open = append(open, View{
				Approval: a, Own: a.ProposedBy == by.ID, MayApprove: s.decides(guards, a, by.ID), MayStop: s.sees(guards, a, by.ID),
			})
		}
	}
	list, err := settled(ctx, s.o.DB, by.ID, all, historyMax)
	for _, a := range list {
		done = append(done, View{Approval: a, Own: a.ProposedBy == by.ID})
	}
	return open, done, err
}

// Awaiting returns the proposals that by should look at: to approve them, or to check them before they take effect.
func (s *Service) Awaiting(ctx context.Context, by uuid.UUID) (list []Approval, err error) {
	waits, guards, err := s.open(ctx)
	for _, a := range waits {
		if s.decides(guards, a, by) || a.PassesAt != nil && a.ProposedBy != by && s.sees(guards, a, by) {
			list = append(list, a)
		}
	}
	return list, err
}

// About returns the waiting proposals about a subject.
func (s *Service) About(ctx context.Context, kind Kind, subject uuid.UUID) ([]Approval, error) {
	list, err := waitingAbout(ctx, s.o.DB, kind, subject)
	return slices.DeleteFunc(list, func(a Approval) bool { return !s.o.Now().Before(a.ExpiresAt) }), err
}

// open returns the waiting proposals that have not expired, and the guards if there is such a proposal.
func (s *Service) open(ctx context.Context) ([]Approval, []guard, error) {
	list, err := waiting(ctx, s.o.DB)
	now := s.o.Now()
	list = slices.DeleteFunc(list, func(a Approval) bool { return !now.Before(a.ExpiresAt) })
	if err != nil || len(list) == 0 {
		return nil, nil, err
	}
	guards, err := loadGuards(ctx, s.o.DB, now)
	return list, guards, err
}
