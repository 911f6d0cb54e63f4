package policy

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// Transactions is what this package needs of transaction.Service.
type Transactions interface {
	Within(c account.Caller, action policies.Action, alias string) (where store.Condition, nothing bool, err error)
}

// Customers is what this package needs of customer.Service.
type Customers interface {
	Readable(c account.Caller) (where store.Condition, nothing bool, err error)
}

// Options are the dependencies of a Service. Load, Follow and Reset work without Approvals, Transactions, Customers and
// Log.
type Options struct {
	DB           *store.DB
	Now          store.Clock
	Decider      *policies.Decider // of this process: a published version is in force here at once
	Audit        *audit.Log
	Approvals    Approvals
	Transactions Transactions
	Customers    Customers
	Log          *slog.Logger // nil: no log
}

// Service manages policies. Its methods authorise the caller: reading needs policy read, everything else policy manage.
type Service struct {
	o          Options
	installing sync.Mutex // serialises adopt, so that an older version never replaces a newer one
	mu         sync.Mutex
	err        error
}

// New makes the service and registers its approval handlers.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{o: o}
	if o.Approvals != nil {
		o.Approvals.Handle(s.handlers())
	}
	return s
}

func (s *Service) require(c account.Caller, a policies.Action) error {
	return s.o.Decider.Require(policies.Request{Roles: c.Roles, Object: policies.ObjectPolicy, Action: a})
}

// --- in force everywhere ------------------------------------------------------------------------------------------

// Load puts the newest published version in force in this process. It fills an empty table with the default policy as
// version 1, also when several processes start at once. There is no caller: it runs when a process starts.
func (s *Service) Load(ctx context.Context) error {
	v, err := newest(ctx, s.o.DB)
	if store.IsNoRows(err) {
		first := Version{
			Number: 1, Text: policies.Default, Comment: CommentFirst, Author: account.System.Name, PublishedAt: s.o.Now(),
		}
		if err := insertFirst(ctx, s.o.DB, &first); err != nil {
			return err
		}
		v, err = newest(ctx, s.o.DB)
	}
	if err != nil {
		return err
	}
	return s.install(v.Number, v.Text)
}

// install puts a version in force in this process, unless this version or a newer one is in force already.
func (s *Service) install(number int, text string) error {
	if number <= s.o.Decider.Version() {
		return nil
	}
	d, err := policies.New(text)
	if err != nil {
		return fmt.Errorf("policy version %d can't be put in force: %w", number, err)
	}
	s.adopt(number, d)
	return nil
}

// adopt is install for a decider that is already built.
func (s *Service) adopt(number int, d *policies.Decider) {
	s.installing.Lock()
	defer s.installing.Unlock()
	if number > s.o.Decider.Version() {
		s.o.Decider.Adopt(number, d)
	}
}

const (
	followEvery = 500 * time.Millisecond
	followTime  = 5 * time.Second // time limit of one check
)

// Follow keeps this process on the newest version until ctx ends. Every 500 ms it reads the newest number from the
// database, so a version of another process is in force here within a second. On an error the version in force stays
// and Err returns the error.
//
// Polling one row replaces an announcement over Redis. A message can get lost and would need this fallback anyway, and
// the embedded mode would need a second mechanism. Polling costs a process two reads of 0.1 ms a second.
func (s *Service) Follow(ctx context.Context) {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.look(ctx)
		}
	}
}

// look compares the version in force with the database once.
func (s *Service) look(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, followTime)
	defer cancel()
	err := s.catchUp(bounded)
	if ctx.Err() != nil {
		return // the process stops
	}
	s.mu.Lock()
	was := s.err
	s.err = err
	s.mu.Unlock()
	switch {
	case err != nil && was == nil:
		s.o.Log.Error("the newest policy can't be loaded; the version in force stays", "version", s.o.Decider.Version(), "error", err)
	case err == nil && was != nil:
		s.o.Log.Info("the newest policy is loaded again", "version", s.o.Decider.Version())
	}
}

func (s *Service) catchUp(ctx context.Context) error {
	number, err := newestNumber(ctx, s.o.DB)
	if err != nil || number <= s.o.Decider.Version() {
		return err
	}
	v, err := newest(ctx, s.o.DB)
	if err != nil {
		return err
	}
	return s.install(v.Number, v.Text)
}

// Err returns why this process may be deciding with an old version; nil when it follows the newest.
func (s *Service) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// --- reading ------------------------------------------------------------------------------------------------------

// Current returns the version in force. policies.ErrForbidden.
func (s *Service) Current(ctx context.Context, c account.Caller) (Version, error) {
	if err := s.require(c, policies.Read); err != nil {
		return Version{}, err
	}
	return newest(ctx, s.o.DB)
}

// Versions lists the published versions, newest first, without their texts. policies.ErrForbidden.
func (s *Service) Versions(ctx context.Context, c account.Caller) ([]Version, error) {
	if err := s.require(c, policies.Read); err != nil {
		return nil, err
	}
	return versions(ctx, s.o.DB)
}

// Version returns a version and the one before it. For the first version, before.Number is 0. policies.ErrForbidden,
// ErrVersion.
func (s *Service) Version(ctx context.Context, c account.Caller, number int) (v, before Version, err error) {
	if err := s.require(c, policies.Read); err != nil {
		return v, before, err
	}
	if v, err = version(ctx, s.o.DB, number); err != nil {
		return v, before, err
	}
	before, err = versionBefore(ctx, s.o.DB, number)
	return v, before, err
}

// Kinds returns the kinds of transactions that rules may name. Retired kinds are included, because transactions keep
// them.
func (s *Service) Kinds(ctx context.Context) ([]transaction.Kind, error) {
	return transaction.AllKinds(ctx, s.o.DB)
}

// Vocabulary reads the kinds that a rule may name.
func Vocabulary(ctx context.Context, db bun.IDB) (policies.Vocabulary, error) {
	all, err := transaction.AllKinds(ctx, db)
	known := map[string]bool{}
	for _, k := range all {
		known[k.Key] = true
	}
	return func(kind string) bool { return known[kind] }, err
}

// checkComment normalises a comment; Invalid at field comment: "required", "too_long" with max, "control_characters".
func checkComment(comment string) (string, error) {
	comment = entry.Line(comment)
	var form fault.Form
	switch {
	case !entry.IsText(comment, false):
		form.Add("comment", "control_characters")
	case !entry.Says(comment):
		form.Add("comment", "required")
	case utf8.RuneCountInString(comment) > maxComment:
		form.AddError(fault.At("comment", "too_long").With("max", maxComment))
	}
	return comment, form.Err()
}
