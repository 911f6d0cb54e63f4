package account

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/lang"
	"kontor/app/preference"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/policies"
)

// Outbox is what this package needs of the courier.
type Outbox interface {
	Enqueue(ctx context.Context, tx bun.IDB, p courier.Post) error
	CancelAccount(ctx context.Context, tx bun.IDB, account uuid.UUID, kinds ...courier.Kind) error
	Free(ctx context.Context, tx bun.IDB, address string) error
	Register(composers map[courier.Kind]courier.Composer)
}

// Options are the parameters of New. All but the last four are required.
type Options struct {
	DB      *store.DB
	Now     store.Clock
	Key     secret.Key
	Decider *policies.Decider
	Courier Outbox
	Audit   *audit.Log
	// Approvals decides what needs a second person's approval.
	Approvals Approvals
	BaseURL   string // the beginning of links, without a slash at the end
	Firm      Firm   // nil: it has set nothing

	IdleTimeout     time.Duration // an unused session ends after this; default 30 min
	AbsoluteTimeout time.Duration // every session ends after this; default 12 h

	//exhaustruct:optional
	Hashing argon2id.Params // the cost of a password hash; default 7 MiB, six passes
}

// Firm is what this package needs of firm.Service: what the firm has set.
type Firm interface {
	// FirmName is the firm's name, which is easy to guess in passwords.
	FirmName() string
	// OwnLocale is the language of mails to people who have not chosen one.
	OwnLocale() string
	// ShowsSignIn says whether people see when a colleague has signed in last; manages says that they manage colleagues.
	ShowsSignIn(manages bool) bool
	// Preferences are those of people with some roles who have chosen nothing.
	Preferences(roles []policies.Role) preference.Chosen
}

// unset is a firm that has set nothing.
type unset struct{}

func (unset) FirmName() string      { return "" }
func (unset) OwnLocale() string     { return lang.English }
func (unset) ShowsSignIn(bool) bool { return true }

func (unset) Preferences([]policies.Role) preference.Chosen { return nil }

// Service keeps accounts. It is safe for concurrent use.
type Service struct {
	db             *store.DB
	now            store.Clock
	key            secret.Key
	decider        *policies.Decider
	courier        Outbox
	audit          *audit.Log
	baseURL        string
	firm           Firm
	idle, absolute time.Duration
	hasher         *hasher
	switched       []Switched
	addressed      []Addressed
	approvals      Approvals
	gate           *gate
}

// Switched is called inside the tx when c has deactivated or reactivated a specialist user (see a.Active).
type Switched func(ctx context.Context, tx bun.IDB, c Caller, a Account) error

// OnSwitched registers f to be called for each such event. Features call it when they are created.
func (s *Service) OnSwitched(f Switched) { s.switched = append(s.switched, f) }

func (s *Service) tellSwitched(ctx context.Context, tx bun.IDB, c Caller, a Account) error {
	for _, f := range s.switched {
		if err := f(ctx, tx, c, a); err != nil {
			return err
		}
	}
	return nil
}

// New makes the service. It registers the mail composers with the courier, the handlers with the approvals, and with
// the log the function that returns which accounts exist.
func New(o Options) *Service {
	s := &Service{
		db: o.DB, now: o.Now, key: o.Key, decider: o.Decider, courier: o.Courier, audit: o.Audit, approvals: o.Approvals, gate: newGate(),
		baseURL: strings.TrimRight(o.BaseURL, "/"), firm: o.Firm,
		idle: o.IdleTimeout, absolute: o.AbsoluteTimeout,
	}
	if o.Hashing == (argon2id.Params{}) {
		o.Hashing = hashing
	}
	s.hasher = newHasher(o.Hashing)
	if s.firm == nil {
		s.firm = unset{}
	}
	if s.idle <= 0 {
		s.idle = 30 * time.Minute
	}
	if s.absolute <= 0 {
		s.absolute = 12 * time.Hour
	}
	o.Courier.Register(s.composers())
	o.Approvals.Handle(s.handlers())
	o.Audit.Ask(s.Existing)
	return s
}

// How long used and expired links and known addresses are kept.
const (
	keepLinks   = 90 * 24 * time.Hour // after their end; until then the page says that the link is expired or used
	keepAddress = 90 * 24 * time.Hour // since the last sign-in from the address
)

// CleanUp deletes expired sessions, links and counters of failed sign-ins. It only limits the size of the database.
func (s *Service) CleanUp(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		now := s.now()
		if err := deleteExpired(ctx, tx, s.validity(now), now.Add(-forgetAfter), now.Add(-keepAddress)); err != nil {
			return err
		}
		return secret.EraseExpired(ctx, tx, now.Add(-keepLinks))
	})
}

// Refold updates folded columns that an earlier version filled with different rules; see store.DB.Refold.
func (s *Service) Refold(ctx context.Context, log *slog.Logger) error {
	return s.db.Refold(ctx, log, store.Folded{Table: "account", Key: "id", Column: "email_folded", Fold: store.FoldEmail},
		store.Folded{Table: "account", Key: "id", Column: "username_folded", Fold: store.FoldEmail},
		store.Folded{Table: "former_address", Key: "account_id", Column: "mailbox", Fold: Mailbox})
}

func (s *Service) require(c Caller, action policies.Action) error {
	return s.decider.Require(policies.Request{Roles: c.Roles, Object: policies.ObjectSpecialist, Action: action})
}

// record makes the log's entry of what was done to the account.
func (a Account) record(action audit.Action, detail any) audit.Record {
	return audit.Record{Action: action, SubjectID: a.ID, Subject: a.Name, Detail: detail}
}

// itself returns the account as the actor of an action that only its owner can have performed.
func itself(a Account, from Browser) audit.Actor {
	return audit.Actor{ID: a.ID, Name: a.Name, Address: from.Address, RequestID: from.RequestID}
}
