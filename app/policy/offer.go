package policy

import (
	"context"
	"errors"
	"slices"

	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/policies"
)

// Offered is an offer that this installation has neither published nor dismissed.
type Offered struct {
	policies.Offer

	Drafted bool // the draft contains all its rules
}

// ErrOffer says that the offer does not exist or is no longer open.
var ErrOffer = fault.New(fault.NotFound, "policy.offer")

// The states of an offer. An offer without a state has not been handled yet.
const (
	offerDrafted   = "drafted"   // Kontor has added it to the draft, which it does only once
	offerGiven     = "given"     // a published version contained it
	offerDismissed = "dismissed" // a policy administrator does not want it
)

// Offer adds the rights that are new in this version of the program to the draft, in the name of Kontor. It publishes
// nothing. If somebody has changed the draft, it leaves the draft alone and the offer waits on the draft's page. There
// is no caller: Offer runs whenever a process starts. When several start at once, each offer is still added only once.
func (s *Service) Offer(ctx context.Context) error {
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		states, err := offerStates(ctx, tx)
		if err != nil || len(states) >= len(policies.Offers) {
			return err
		}
		d, err := s.draft(ctx, tx)
		if err != nil {
			return err
		}
		idle, published := !d.Changed() && !d.Proposed, d.Published.Document()
		var rules []policies.Rule
		for _, o := range policies.Offers {
			missing := o.Missing(published)
			switch {
			case states[o.ID] != "":
			case len(missing) == 0:
				err = s.putOffer(ctx, tx, o.ID, offerGiven, account.System.ID)
			case idle:
				rules = append(rules, missing...)
				err = s.putOffer(ctx, tx, o.ID, offerDrafted, account.System.ID)
			}
			if err != nil {
				return err
			}
		}
		if len(rules) == 0 {
			return nil
		}
		before := d
		d.add(rules)
		s.step(account.System, before, &d)
		return save(ctx, tx, account.System, d)
	})
	if errors.Is(err, ErrBehind) { // another process or a person wrote the draft first
		return nil
	}
	return err
}

// add adds rules to the draft, which must not contain them.
func (d *Draft) add(rules []policies.Rule) {
	for _, r := range rules {
		d.Text = exchange(d.Text, "", r.String())
	}
}

// Offered lists the offers that wait for a policy administrator, oldest first. policies.ErrForbidden.
func (s *Service) Offered(ctx context.Context, c account.Caller) ([]Offered, error) {
	if err := s.require(c, policies.Manage); err != nil {
		return nil, err
	}
	d, err := s.draft(ctx, s.o.DB)
	if err != nil {
		return nil, err
	}
	return s.offered(ctx, s.o.DB, d)
}

func (s *Service) offered(ctx context.Context, db bun.IDB, d Draft) (list []Offered, err error) {
	states, err := offerStates(ctx, db)
	if err != nil {
		return nil, err
	}
	published, draft := d.Published.Document(), d.Document()
	for _, o := range policies.Offers {
		if settled(states[o.ID]) || len(o.Missing(published)) == 0 {
			continue
		}
		list = append(list, Offered{Offer: o, Drafted: len(o.Missing(draft)) == 0})
	}
	return list, nil
}

// Waiting returns the number of offers that wait for the caller; 0 without the permission to manage policies. Every
// page shows it, and usually there is none, so it reads only the states then.
func (s *Service) Waiting(ctx context.Context, c account.Caller) (int, error) {
	if err := s.require(c, policies.Manage); err != nil {
		if errors.Is(err, policies.ErrForbidden) {
			err = nil
		}
		return 0, err
	}
	states, err := offerStates(ctx, s.o.DB)
	if err != nil || !slices.ContainsFunc(policies.Offers, func(o policies.Offer) bool { return !settled(states[o.ID]) }) {
		return 0, err
	}
	list, err := s.Offered(ctx, c)
	return len(list), err
}

// settled says whether an offer was given or dismissed, and is not made again.
func settled(state string) bool { return state == offerGiven || state == offerDismissed }

// TakeOffer adds the rules of an offer that the draft does not contain. policies.ErrForbidden, ErrBehind, ErrOffer.
func (s *Service) TakeOffer(ctx context.Context, c account.Caller, edit int, id string) error {
	return s.write(ctx, c, edit, func(ctx context.Context, tx bun.IDB, d *Draft, _ policies.Vocabulary) error {
		o, err := s.offer(ctx, tx, *d, id)
		d.add(o.Missing(d.Document()))
		return err
	})
}

// DismissOffer removes an offer from the draft. It is never made again. policies.ErrForbidden, ErrBehind, ErrOffer.
func (s *Service) DismissOffer(ctx context.Context, c account.Caller, edit int, id string) error {
	return s.write(ctx, c, edit, func(ctx context.Context, tx bun.IDB, d *Draft, _ policies.Vocabulary) error {
		o, err := s.offer(ctx, tx, *d, id)
		if err != nil {
			return err
		}
		missing := o.Missing(d.Published.Document())
		for _, r := range missing {
			d.Text = exchange(d.Text, r.String(), "")
		}
		if err := s.putOffer(ctx, tx, id, offerDismissed, c.ID); err != nil {
			return err
		}
		return s.o.Audit.Write(ctx, tx, c.Actor(), audit.Record{
			Action: audit.PolicyOfferDismissed, Detail: changesOf(policies.Document{Rules: missing}, policies.Document{}),
		})
	})
}

// offer finds an open offer by its id. ErrOffer.
func (s *Service) offer(ctx context.Context, tx bun.IDB, d Draft, id string) (Offered, error) {
	list, err := s.offered(ctx, tx, d)
	if err != nil {
		return Offered{}, err
	}
	for _, o := range list {
		if o.ID == id {
			return o, nil
		}
	}
	return Offered{}, ErrOffer
}

// settleOffers records the offers that are contained in a version that is being published.
func (s *Service) settleOffers(ctx context.Context, tx bun.IDB, by audit.Actor, v Version) error {
	d := v.Document()
	for _, o := range policies.Offers {
		if len(o.Missing(d)) > 0 {
			continue
		}
		if err := s.putOffer(ctx, tx, o.ID, offerGiven, by.ID); err != nil {
			return err
		}
	}
	return nil
}
