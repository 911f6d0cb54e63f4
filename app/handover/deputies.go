package handover

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/app/store"
	"kontor/policies"
)

// Deputies lists the deputies of a specialist user, and the people for whom the user is a deputy. Each list is newest
// first and has at most pastMax entries. Errors: policies.ErrForbidden unless the caller may read specialist users or
// is a specialist asking about themselves.
func (s *Service) Deputies(ctx context.Context, c account.Caller, specialist uuid.UUID) (deputies, standsIn []Deputyship, err error) {
	if err := s.mayArrange(c, specialist, policies.Read); err != nil {
		return nil, nil, err
	}
	if deputies, err = s.deputyships(ctx, "specialist_id", specialist); err != nil {
		return nil, nil, err
	}
	standsIn, err = s.deputyships(ctx, "deputy_id", specialist)
	now := s.o.Now()
	for _, list := range [][]Deputyship{deputies, standsIn} {
		for i := range list {
			list[i].State = list[i].state(now)
		}
	}
	return deputies, standsIn, err
}

// pastMax is the maximum number of deputyships in a list of a person's page.
const pastMax = 50

// DeputyForm names a deputy: the id of a specialist user, the first day and the last day (ISO 8601, in the firm's time
// zone).
type DeputyForm struct{ Deputy, From, Until string }

// AddDeputy lets somebody stand in for a specialist user from the beginning of the first day (or from now, if that is
// today) to the end of the last day. It takes effect and ends without further action, because sessions check it at each
// request (account.Caller.For). A caller who may manage specialist users may name a deputy for everybody, a specialist
// user for themselves. Nobody may name themselves as the deputy, because that would give them rights (S31). Errors:
// policies.ErrForbidden, account.ErrUnknown; Invalid at deputy: "required", "deputy.unknown" for an id that is no
// active specialist user's, "deputy.same", "deputy.self"; at from and until as period says, and at from
// "deputy.overlaps" with the days on which the same deputy already stands in; approval.ErrAsked when a second person is
// needed and was asked.
func (s *Service) AddDeputy(ctx context.Context, c account.Caller, specialist uuid.UUID, f DeputyForm) error {
	asked := false
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		asked, err = s.addDeputy(ctx, tx, c, deputyRequest{specialist, f}, false)
		return err
	})
	if err == nil && asked {
		err = approval.ErrAsked
	}
	return err
}

// addDeputy is AddDeputy inside a tx. asked says that it made a proposal instead. With approved it makes no proposal.
func (s *Service) addDeputy(ctx context.Context, tx bun.Tx, c account.Caller, wanted deputyRequest, approved bool) (asked bool, err error) {
	specialist, f := wanted.Specialist, wanted.Form
	if err := s.mayArrange(c, specialist, policies.Manage); err != nil {
		return false, err
	}
	starts, ends, form := period(f.From, f.Until, s.o.Now(), s.o.Zone)
	deputyID := uuid.FromStringOrNil(f.Deputy)
	if err := s.lockPeople(ctx, tx, []uuid.UUID{specialist, deputyID}); err != nil {
		return false, err
	}
	person, err := s.person(ctx, tx, specialist)
	if err != nil {
		return false, err
	}
	found, err := s.active(ctx, tx, []uuid.UUID{deputyID})
	if err != nil {
		return false, err
	}
	switch {
	case f.Deputy == "":
		form.Add("deputy", "required")
	case deputyID == specialist:
		form.Add("deputy", "deputy.same")
	case deputyID == c.ID:
		form.Add("deputy", "deputy.self")
	case len(found) == 0:
		form.Add("deputy", "deputy.unknown")
	}
	if err := form.Err(); err != nil {
		return false, err
	}
	d := Deputyship{
		SpecialistID: specialist, Specialist: person.Name, DeputyID: deputyID, Deputy: found[0].Name, StartsAt: starts, EndsAt: ends,
	}
	other, overlaps, err := s.overlapping(ctx, tx, d)
	if err != nil {
		return false, err
	}
	if overlaps {
		form.AddError(fault.At("from", "deputy.overlaps").With("from", s.day(other.StartsAt)).With("until", s.day(other.Last())))
		return false, form.Err()
	}
	if !approved {
		if asked, err := s.ask(ctx, tx, c, wanted, found); err != nil || asked {
			return asked, err
		}
	}
	if d.ID, err = uuid.NewV7(); err != nil {
		return false, err
	}
	if err := s.insertDeputy(ctx, tx, d, c.ID, s.o.Now()); err != nil {
		return false, err
	}
	return false, s.logDeputy(ctx, tx, c, audit.DeputyNamed, d)
}

// EndDeputy ends a deputyship now. A deputyship that has not begun is deleted; one that is over stays unchanged.
// Whoever may name a deputy may end the deputyship. Errors: policies.ErrForbidden, ErrNotFound.
func (s *Service) EndDeputy(ctx context.Context, c account.Caller, specialist, id uuid.UUID) error {
	if err := s.mayArrange(c, specialist, policies.Manage); err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		d, err := s.lockDeputy(ctx, tx, specialist, id)
		if store.IsNoRows(err) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return s.end(ctx, tx, c, d)
	})
}

// switched is a callback of account.Service. A deactivated user's current and future deputyships as the deputy end.
func (s *Service) switched(ctx context.Context, tx bun.IDB, c account.Caller, a account.Account) error {
	if a.Active {
		return nil
	}
	list, err := s.openOf(ctx, tx, a.ID, s.o.Now())
	if err != nil {
		return err
	}
	for _, d := range list {
		if err := s.end(ctx, tx, c, d); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) end(ctx context.Context, tx bun.IDB, c account.Caller, d Deputyship) error {
	now := s.o.Now()
	var err error
	switch d.state(now) {
	case Past:
		return nil
	case Coming:
		err = s.deleteDeputy(ctx, tx, d.ID)
	case Now:
		if d.StartsAt.Equal(now) { // an empty period is not kept
			err = s.deleteDeputy(ctx, tx, d.ID)
		} else {
			err = s.endDeputy(ctx, tx, d.ID, now)
		}
	}
	if err != nil {
		return err
	}
	return s.logDeputy(ctx, tx, c, audit.DeputyEnded, d)
}

// logDeputy writes a log entry about a deputyship. Its subject is the represented person, its detail names the deputy.
func (s *Service) logDeputy(ctx context.Context, tx bun.IDB, c account.Caller, action audit.Action, d Deputyship) error {
	detail := audit.Changes{"deputy": {"", d.Deputy}, "from": {"", s.day(d.StartsAt)}, "until": {"", s.day(d.Last())}}
	if action == audit.DeputyEnded {
		for field, v := range detail {
			detail[field] = [2]string{v[1], ""}
		}
	}
	return s.o.Audit.Write(ctx, tx, c.Actor(), audit.Record{Action: action, SubjectID: d.SpecialistID, Subject: d.Specialist, Detail: detail})
}
