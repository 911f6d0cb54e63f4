package policy

import (
	"context"
	"errors"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/store"
	"kontor/policies"
)

// Publish puts the draft in force: in this process at once, in every other process within a second (see Follow). It
// does so in one tx, during which no other publication and no change of roles or accounts can run. It requires that the
// draft is the one that the caller saw, that every expectation holds, that at least one policy administrator can still
// sign in, and that nobody gains a right without a second person.
//
// Errors: policies.ErrForbidden; Invalid at comment; ErrBehind; ErrNothing; ErrBase; ErrExpectation; ErrLockout; ErrSecond.
func (s *Service) Publish(ctx context.Context, c account.Caller, edit int, comment string) (Version, error) {
	if err := s.require(c, policies.Manage); err != nil {
		return Version{}, err
	}
	comment, err := checkComment(comment)
	if err != nil {
		return Version{}, err
	}
	d, err := s.draft(ctx, s.o.DB)
	if err != nil {
		return Version{}, err
	}
	if d.Edit != edit {
		return Version{}, behind(d)
	}
	p := publication{text: d.Text, comment: comment, action: audit.PolicyPublished}
	p.take = func(ctx context.Context, tx bun.IDB) error {
		d, err := s.at(ctx, tx, edit)
		if err != nil {
			return err
		}
		if d.Proposed && d.ProposedBy != c.ID {
			p.proposer, p.proposedBy = d.Proposer, d.ProposedBy
		}
		return d.publishable()
	}
	p.done = func(ctx context.Context, tx bun.IDB, v Version) error {
		return save(ctx, tx, c, Draft{Text: v.Text, Base: v.Number, Edit: edit})
	}
	return s.publish(ctx, c, &p)
}

// Restore publishes the text of an older version again. The draft stays as it is. Errors as of Publish, and ErrVersion;
// ErrNothing when that text is in force.
func (s *Service) Restore(ctx context.Context, c account.Caller, number int, comment string) (Version, error) {
	if err := s.require(c, policies.Manage); err != nil {
		return Version{}, err
	}
	comment, err := checkComment(comment)
	if err != nil {
		return Version{}, err
	}
	old, err := version(ctx, s.o.DB, number)
	if err != nil {
		return Version{}, err
	}
	return s.publish(ctx, c, &publication{text: old.Text, comment: comment, action: audit.PolicyRestored, restored: &number})
}

// publication is a text that is about to become the next version.
type publication struct {
	text, comment string
	action        audit.Action
	restored      *int
	proposer      string // another person who proposed it
	proposedBy    uuid.UUID
	second        bool              // a second person has agreed
	next          *policies.Decider // decides by the text
	before        Version           // the version in force, read in the tx that publishes
	take          func(ctx context.Context, tx bun.IDB) error
	done          func(ctx context.Context, tx bun.IDB, v Version) error
}

func (s *Service) publish(ctx context.Context, c account.Caller, p *publication) (v Version, err error) {
	if p.next, err = policies.New(p.text); err != nil { // takes some milliseconds, so it is done before the tx
		return Version{}, err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := approval.LockHolders(ctx, tx); err != nil {
			return err
		}
		if p.take != nil {
			if err := p.take(ctx, tx); err != nil {
				return err
			}
		}
		if v, err = s.publishIn(ctx, tx, c, p); err != nil {
			return err
		}
		return s.withdraw(ctx, tx, c) // an open proposal is not about this version
	})
	if err != nil {
		return Version{}, err
	}
	s.adopt(v.Number, p.next)
	return v, nil
}

// publishIn is publish inside a tx that has locked the holders of guarding roles.
func (s *Service) publishIn(ctx context.Context, tx bun.Tx, c account.Caller, p *publication) (v Version, err error) {
	if p.before, err = newest(ctx, tx); err != nil {
		return Version{}, err
	}
	if p.before.Text == p.text {
		return Version{}, ErrNothing
	}
	if err := s.check(ctx, tx, c, p); err != nil {
		return Version{}, err
	}
	v = Version{
		Number: p.before.Number + 1, Text: p.text, Comment: p.comment, Author: c.Name, Proposer: p.proposer, Restored: p.restored,
		AuthorID: store.NullID(c.ID), PublishedAt: s.o.Now(),
	}
	return v, s.put(ctx, tx, c.Actor(), p, &v)
}

// put writes the published version with its entry in the log.
func (s *Service) put(ctx context.Context, tx bun.IDB, by audit.Actor, p *publication, v *Version) error {
	if err := insertVersion(ctx, tx, v); err != nil {
		return err
	}
	if err := s.settleOffers(ctx, tx, by, *v); err != nil {
		return err
	}
	if p.done != nil {
		if err := p.done(ctx, tx, *v); err != nil {
			return err
		}
	}
	subject := v.Label()
	if !v.Own() {
		subject += ": " + v.Comment
	}
	return s.o.Audit.Write(ctx, tx, by, audit.Record{
		Action: p.action, Subject: subject, Detail: changesOf(p.before.Document(), v.Document()),
	})
}

// check checks whether c may publish p.
func (s *Service) check(ctx context.Context, tx bun.IDB, c account.Caller, p *publication) error {
	checks, err := s.evaluate(ctx, tx, p.next)
	if err != nil {
		return err
	}
	if n := failing(checks); n > 0 {
		return ErrExpectation.With("count", n)
	}
	if kept, err := keeps(ctx, tx, p.next); err != nil {
		return err
	} else if !kept {
		return ErrLockout
	}
	if p.second {
		return nil
	}
	old, err := s.InForce(p.before)
	if err != nil {
		return err
	}
	raised, err := s.raises(ctx, tx, c, old, p.next)
	if err != nil || !raised {
		return err
	}
	if p.proposedBy == uuid.Nil {
		return ErrSecond
	}
	// another person proposed it: the caller is the second person, if they may decide the proposal
	err = s.o.Approvals.Settle(ctx, tx, approval.Proposed{Kind: approval.PolicyChange, ProposedBy: p.proposedBy}, c.Actor())
	if errors.Is(err, approval.ErrNotYours) || errors.Is(err, approval.ErrSettled) {
		return ErrSecond
	}
	return err
}

// InForce returns the decider of the version in force: this process's own, or a new one if another process has just
// published.
func (s *Service) InForce(v Version) (*policies.Decider, error) {
	if s.o.Decider.Version() == v.Number {
		return s.o.Decider, nil
	}
	return policies.New(v.Text)
}

// keeps says whether, under a policy, somebody who can sign in may read and manage policies.
func keeps(ctx context.Context, db bun.IDB, next *policies.Decider) (bool, error) {
	people, err := specialists(ctx, db)
	if err != nil {
		return false, err
	}
	for _, p := range people {
		if !p.Password {
			continue
		}
		roles := p.roles()
		read, err := next.Allows(policies.Request{Roles: roles, Object: policies.ObjectPolicy, Action: policies.Read})
		if err != nil {
			return false, err
		}
		manage, err := next.Allows(policies.Request{Roles: roles, Object: policies.ObjectPolicy, Action: policies.Manage})
		if err != nil {
			return false, err
		}
		if read && manage {
			return true, nil
		}
	}
	return false, nil
}

// roles returns all roles of an active specialist user.
func (p personRow) roles() []policies.Role { return p.Roles(true) }

// Review lists what prevents the draft from being published.
type Review struct {
	Checks  []Check // every expectation, checked with the draft
	Lockout bool    // publishing would fail with ErrLockout
	Raises  bool    // publishing needs a second person
}

// Failing returns the number of expectations that do not hold.
func (r Review) Failing() int { return failing(r.Checks) }

// Review makes the checks of Publish without publishing. policies.ErrForbidden.
func (s *Service) Review(ctx context.Context, c account.Caller, d Draft) (r Review, err error) {
	if err := s.require(c, policies.Manage); err != nil {
		return r, err
	}
	next, err := policies.New(d.Text)
	if err != nil {
		return r, err
	}
	old, err := s.InForce(d.Published)
	if err != nil {
		return r, err
	}
	if r.Checks, err = s.shown(ctx, c, next); err != nil {
		return r, err
	}
	kept, err := keeps(ctx, s.o.DB, next)
	if err != nil {
		return r, err
	}
	r.Lockout = !kept
	r.Raises, err = s.raises(ctx, s.o.DB, c, old, next)
	return r, err
}

// Reset is the emergency command: it publishes the default policy without any checks. There is no caller, because
// whoever can run the program can do everything anyway.
func (s *Service) Reset(ctx context.Context) (v Version, err error) {
	if err := s.Load(ctx); err != nil {
		// an unreadable version in force is a reason to reset, not to stop
		s.o.Log.Warn("the policy in force can't be loaded", "error", err)
	}
	by := audit.Actor{Name: account.System.Name + " (command)"}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := approval.LockHolders(ctx, tx); err != nil {
			return err
		}
		before, err := newest(ctx, tx)
		if err != nil && !store.IsNoRows(err) {
			return err
		}
		v = Version{
			Number: before.Number + 1, Text: policies.Default, Comment: CommentReset, Author: by.Name, PublishedAt: s.o.Now(),
		}
		return s.put(ctx, tx, by, &publication{action: audit.PolicyReset, before: before}, &v)
	})
	if err != nil {
		return Version{}, err
	}
	s.o.Log.Warn("policy reset", "version", v.Number)
	return v, nil
}
