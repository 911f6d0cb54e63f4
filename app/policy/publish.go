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

// Publish puts the draft in force: in this process at once, in every other within a second (see Follow). It holds, in
// one tx that no other publication and no change of roles or accounts runs beside: the draft is the one the caller saw,
// every expectation, that a policy administrator is left who can sign in, and that nobody comes by a right alone.
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

// Restore publishes an older version's text anew. The draft stays as it is. Errors as of Publish, and ErrVersion;
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

// publication is a text on its way to be the next version.
type publication struct {
	text, comment string
	action        audit.Action
	restored      *int
	proposer      string // another person, who asked for it
	proposedBy    uuid.UUID
	second        bool // a second person has agreed
	take          func(ctx context.Context, tx bun.IDB) error
	done          func(ctx context.Context, tx bun.IDB, v Version) error
}

func (s *Service) publish(ctx context.Context, c account.Caller, p *publication) (v Version, err error) {
	next, err := policies.New(p.text) // takes some milliseconds, which a tx need not wait for
	if err != nil {
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
		if v, err = s.publishIn(ctx, tx, c, p, next); err != nil {
			return err
		}
		return s.withdraw(ctx, tx, c) // whatever waits is not about this version
	})
	if err != nil {
		return Version{}, err
	}
	s.adopt(v.Number, next)
	return v, nil
}

// publishIn is publish inside a tx that has locked the holders.
func (s *Service) publishIn(ctx context.Context, tx bun.Tx, c account.Caller, p *publication, next *policies.Decider) (v Version, err error) {
	before, err := newest(ctx, tx)
	if err != nil {
		return Version{}, err
	}
	if before.Text == p.text {
		return Version{}, ErrNothing
	}
	if err := s.check(ctx, tx, c, before, next, p); err != nil {
		return Version{}, err
	}
	v = Version{
		Number: before.Number + 1, Text: p.text, Comment: p.comment, Author: c.Name, Proposer: p.proposer, Restored: p.restored,
		AuthorID: store.NullID(c.ID), PublishedAt: s.o.Now(),
	}
	return v, s.put(ctx, tx, c.Actor(), before, &v, p)
}

// put writes a version with its entry in the log.
func (s *Service) put(ctx context.Context, tx bun.IDB, by audit.Actor, before Version, v *Version, p *publication) error {
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
		Action: p.action, Subject: subject, Detail: changesOf(before.Document(), v.Document()),
	})
}

// check is what must hold for a policy to be published by c in the place of the version before.
func (s *Service) check(ctx context.Context, tx bun.IDB, c account.Caller, before Version, next *policies.Decider, p *publication) error {
	checks, err := s.evaluate(ctx, tx, next)
	if err != nil {
		return err
	}
	if n := failing(checks); n > 0 {
		return ErrExpectation.With("count", n)
	}
	if kept, err := keeps(ctx, tx, next); err != nil {
		return err
	} else if !kept {
		return ErrLockout
	}
	if p.second {
		return nil
	}
	old, err := s.inForce(before)
	if err != nil {
		return err
	}
	raised, err := s.raises(ctx, tx, c, old, next)
	if err != nil || !raised {
		return err
	}
	if p.proposedBy == uuid.Nil {
		return ErrSecond
	}
	// another person asked for it: the caller is the second one, if they count as such
	err = s.o.Approvals.Settle(ctx, tx, approval.PolicyChange, uuid.Nil, p.proposedBy, c.Actor())
	if errors.Is(err, approval.ErrNotYours) || errors.Is(err, approval.ErrSettled) {
		return ErrSecond
	}
	return err
}

// inForce is the decider of the version in force: this process's own, or, where another process has just published, one
// made of its text.
func (s *Service) inForce(v Version) (*policies.Decider, error) {
	if s.o.Decider.Version() == v.Number {
		return s.o.Decider, nil
	}
	return policies.New(v.Text)
}

// keeps says whether somebody is left under a policy who can sign in and may read and manage policies.
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

// roles is everything an active specialist user is.
func (p personRow) roles() []policies.Role { return p.Roles(true) }

// Review is what stands in the way of publishing the draft.
type Review struct {
	Checks  []Check // every expectation against the draft
	Lockout bool    // ErrLockout
	Raises  bool    // it takes a second person
}

// Failing is how many expectations don't hold.
func (r Review) Failing() int { return failing(r.Checks) }

// Review looks at a draft as Publish would. policies.ErrForbidden.
func (s *Service) Review(ctx context.Context, c account.Caller, d Draft) (r Review, err error) {
	if err := s.require(c, policies.Manage); err != nil {
		return r, err
	}
	next, err := policies.New(d.Text)
	if err != nil {
		return r, err
	}
	old, err := s.inForce(d.Published)
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

// Reset is the command that breaks the glass: it publishes the default policy whatever stands against it. There is no
// caller, since whoever may run the program may do everything.
func (s *Service) Reset(ctx context.Context) (v Version, err error) {
	if err := s.Load(ctx); err != nil {
		// the version in force can't be read any more: what better reason to reset
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
		return s.put(ctx, tx, by, before, &v, &publication{action: audit.PolicyReset})
	})
	if err != nil {
		return Version{}, err
	}
	s.o.Log.Warn("policy reset", "version", v.Number)
	return v, nil
}
