package approval

import (
	"context"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/courier"
	"kontor/app/store"
)

// tell queues the mail about a proposal to everybody who holds a guarding role and to the person it concerns. It
// includes the proposer, because somebody else may have used the proposer's screen.
func (s *Service) tell(ctx context.Context, tx bun.IDB, a Approval, guards []guard) error {
	var people []personOf
	for _, g := range guards {
		if g.Active && Guards(g.Roles) {
			people = append(people, personOf{ID: g.ID, Name: g.Name, Email: g.Email, Locale: g.Locale})
		}
	}
	if a.ConcernedID.Valid && !slices.ContainsFunc(people, func(p personOf) bool { return p.ID == a.ConcernedID.UUID }) {
		p, ok, err := personByID(ctx, tx, a.ConcernedID.UUID)
		if err != nil {
			return err
		}
		if ok {
			people = append(people, p)
		}
	}
	for _, p := range people {
		once, err := uuid.NewV7()
		if err != nil {
			return err
		}
		locale := p.Locale
		if locale == "" {
			locale = s.o.Locale()
		}
		err = s.o.Courier.Enqueue(ctx, tx, courier.Post{
			Kind: courier.ApprovalAsked, Channel: courier.Email, AccountID: p.ID, ApprovalID: a.ID, CustomerID: a.CustomerID.UUID,
			Recipient: p.Email, Locale: locale, Generation: 1, Dedupe: string(courier.ApprovalAsked) + ":" + once.String(),
			ExpiresAt: a.ExpiresAt,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// compose writes the mail. If the proposal is settled by the time the mail is sent, the mail is void, because nobody
// can act on it any more.
func (s *Service) compose(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
	var a Approval
	err := tx.NewSelect().Model(&a).Where("id = ?", m.ApprovalID).Scan(ctx)
	if store.IsNoRows(err) || err == nil && a.State != Waiting {
		return courier.Content{Void: true}, nil
	}
	if err != nil {
		return courier.Content{}, err
	}
	p, ok, err := personByID(ctx, tx, m.AccountID.UUID)
	if err != nil {
		return courier.Content{}, err
	}
	if !ok || p.Email != m.Recipient {
		return courier.Content{Void: true}, nil
	}
	guards, err := loadGuards(ctx, tx, s.o.Now())
	if err != nil {
		return courier.Content{}, err
	}
	d := courier.ApprovalData{
		Name: p.Name, By: a.Proposer, Kind: string(a.Kind), About: a.Subject, Why: a.Why,
		Link: s.o.BaseURL + "/approvals", Until: a.ExpiresAt, Yours: s.decides(guards, a, p.ID), Own: a.ProposedBy == p.ID,
	}
	if a.PassesAt != nil {
		d.Passes, d.Until = true, *a.PassesAt
	}
	return courier.Content{To: p.Email, ToName: p.Name, Locale: m.Locale, Template: m.Kind, Data: d}, nil
}
