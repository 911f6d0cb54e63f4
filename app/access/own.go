package access

import (
	"context"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/app/store"
)

// An access whose address or account belongs to a specialist user needs a second person's approval. Otherwise people in
// the firm could give themselves access to customers they may not see. Until then the access waits. A waiting access is
// deactivated as well, so nobody can use it and nothing is sent. row.Approved stores the address for which somebody has
// approved it.

var (
	// ErrWaiting says that a person cannot be invited because their access waits for approval.
	ErrWaiting = fault.New(fault.Conflict, "access.waiting")
	// ErrHeld says that a link was not redeemed and that its access now waits for approval.
	ErrHeld = fault.New(fault.Conflict, "register.waiting")
)

// Approvals is what this package needs of approval.Service.
type Approvals interface {
	Excused(ctx context.Context, db bun.IDB, id uuid.UUID) (bool, error)
	Propose(ctx context.Context, tx bun.IDB, by audit.Actor, p approval.Proposal) (approval.Approval, error)
	Cancel(ctx context.Context, tx bun.IDB, kind approval.Kind, subject uuid.UUID, by audit.Actor) error
	Handle(handlers map[approval.Kind]approval.Handler)
}

// handlers returns the functions that apply or drop proposals about accesses.
func (s *Service) handlers() map[approval.Kind]approval.Handler {
	return map[approval.Kind]approval.Handler{approval.AccessOfOwn: {Apply: s.release, Drop: s.drop}}
}

// ownerInFirm finds the specialist user who has the address or account of an access, unless that was already approved.
func (s *Service) ownerInFirm(ctx context.Context, db bun.IDB, r row) (owner account.Account, ok bool, err error) {
	if r.approved() {
		return account.Account{}, false, nil
	}
	addresses := []string{r.Email}
	if r.AccountID.Valid {
		a, there, err := account.ByID(ctx, db, r.AccountID.UUID)
		if err != nil {
			return account.Account{}, false, err
		}
		if there && a.Specialist {
			return a, true, nil
		}
		if there {
			addresses = append(addresses, a.Email)
		}
	}
	for _, address := range addresses {
		if owner, ok, err = s.accounts.SpecialistAt(ctx, db, address); err != nil || ok {
			return owner, ok, err
		}
	}
	return account.Account{}, false, nil
}

// approved says whether a second person has approved the access for its present address.
func (r row) approved() bool { return r.Approved != "" && r.Approved == r.EmailFolded }

// judge sets Waiting or Approved of an access that the account by is about to activate. If the access must wait, owner
// is the specialist user it belongs to.
func (s *Service) judge(ctx context.Context, tx bun.IDB, by uuid.UUID, r *row) (owner account.Account, err error) {
	r.Waiting = false
	owner, ok, err := s.ownerInFirm(ctx, tx, *r)
	if err != nil || !ok {
		return account.Account{}, err
	}
	free, err := s.excused(ctx, tx, by)
	if err != nil {
		return account.Account{}, err
	}
	if r.decide(free, s.now()); free {
		return account.Account{}, nil
	}
	return owner, nil
}

// excused says whether an account needs no second person: that of Kontor itself, or of a command, is Nil.
func (s *Service) excused(ctx context.Context, tx bun.IDB, by uuid.UUID) (bool, error) {
	if by == uuid.Nil {
		return true, nil
	}
	return s.approvals.Excused(ctx, tx, by)
}

// decide sets Approved or Waiting of an access that belongs to a specialist user.
func (r *row) decide(free bool, now time.Time) {
	if r.Waiting = !free; free {
		r.Approved = r.EmailFolded
	} else {
		r.DeactivatedAt = &now
	}
}

// judgeAll is judge for new accesses, whose persons have no account yet. It returns the owners by address.
func (s *Service) judgeAll(ctx context.Context, tx bun.IDB, by uuid.UUID, rows []row) (owners map[string]account.Account, err error) {
	addresses := make([]string, len(rows))
	for i, r := range rows {
		addresses[i] = r.Email
	}
	if owners, err = s.accounts.SpecialistsAt(ctx, tx, addresses); err != nil || len(owners) == 0 {
		return nil, err
	}
	free, err := s.excused(ctx, tx, by)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if _, owned := owners[rows[i].Email]; owned {
			rows[i].decide(free, s.now())
		}
	}
	return owners, nil
}

// Waiting returns those of the addresses for which an access that the caller adds would wait for a second person.
func (s *Service) Waiting(ctx context.Context, db bun.IDB, c account.Caller, emails []string) (map[string]bool, error) {
	rows := make([]row, len(emails))
	for i, email := range emails {
		rows[i].Email, rows[i].EmailFolded = email, store.FoldEmail(email)
	}
	if _, err := s.judgeAll(ctx, db, c.ID, rows); err != nil {
		return nil, err
	}
	waiting := map[string]bool{}
	for _, r := range rows {
		if r.Waiting {
			waiting[r.Email] = true
		}
	}
	return waiting, nil
}

// rejudge checks again, after a corrected address, whether an access needs approval. invite says that it does not. An
// earlier proposal for the access is cancelled.
func (s *Service) rejudge(ctx context.Context, tx bun.IDB, c account.Caller, r *row) (invite bool, err error) {
	if err := s.approvals.Cancel(ctx, tx, approval.AccessOfOwn, r.ID, c.Actor()); err != nil {
		return false, err
	}
	r.DeactivatedAt = nil
	owner, err := s.judge(ctx, tx, c.ID, r)
	if err != nil {
		return false, err
	}
	if _, err := setJudged(ctx, tx, r); err != nil {
		return false, err
	}
	if !r.Waiting {
		return true, nil
	}
	if err := s.void(ctx, tx, r.ID); err != nil {
		return false, err
	}
	return false, s.propose(ctx, tx, c.Actor(), *r, owner)
}

// giveUp cancels the proposal of a waiting access, which stays deactivated.
func (s *Service) giveUp(ctx context.Context, tx bun.Tx, c account.Caller, r row) error {
	if err := s.approvals.Cancel(ctx, tx, approval.AccessOfOwn, r.ID, c.Actor()); err != nil {
		return err
	}
	if _, err := setDropped(ctx, tx, r.ID); err != nil {
		return err
	}
	if err := s.audit.Write(ctx, tx, c.Actor(), r.record(audit.AccessDeactivated, nil)); err != nil {
		return err
	}
	return s.customers.Refresh(ctx, tx, r.CustomerID)
}

// propose asks for the approval that an access needs.
func (s *Service) propose(ctx context.Context, tx bun.IDB, by audit.Actor, r row, owner account.Account) error {
	_, err := s.approvals.Propose(ctx, tx, by, approval.Proposal{
		Kind: approval.AccessOfOwn, SubjectID: r.ID, CustomerID: r.CustomerID, ConcernedID: owner.ID, Subject: r.access().Name(),
	})
	return err
}

// hold makes an active access wait for approval.
func (s *Service) hold(ctx context.Context, tx bun.IDB, by audit.Actor, r row, owner account.Account) error {
	if err := s.courier.CancelAccess(ctx, tx, r.ID); err != nil {
		return err
	}
	held, ok, err := setHeld(ctx, tx, r.ID, s.now())
	if err != nil || !ok {
		return err
	}
	if err := s.void(ctx, tx, r.ID); err != nil {
		return err
	}
	if err := s.audit.Write(ctx, tx, by, held.record(audit.AccessDeactivated, nil)); err != nil {
		return err
	}
	if err := s.propose(ctx, tx, by, held, owner); err != nil {
		return err
	}
	if err := s.customers.Refresh(ctx, tx, r.CustomerID); err != nil || !r.AccountID.Valid {
		return err
	}
	return s.revokeUnlessAdmitted(ctx, tx, r.AccountID.UUID)
}

// holdRedeemed makes an access wait whose link somebody tried to redeem. The proposal is made in the name of the person
// who created the access or, if there is none, of the specialist user it belongs to.
func (s *Service) holdRedeemed(ctx context.Context, id uuid.UUID, from account.Browser) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, ok, err := accessByID(ctx, tx, id)
		if err != nil || !ok {
			return err
		}
		owner, ok, err := s.ownerInFirm(ctx, tx, r)
		if err != nil || !ok {
			return err
		}
		by := audit.Actor{ID: owner.ID, Name: owner.Name, Address: from.Address}
		if r.CreatedBy.Valid {
			if maker, there, err := account.ByID(ctx, tx, r.CreatedBy.UUID); err != nil {
				return err
			} else if there {
				by = audit.Actor{ID: maker.ID, Name: maker.Name}
			}
		}
		return s.hold(ctx, tx, by, r, owner)
	})
}

// addressed is called by package account when an account gets an address. Accesses that belong to a specialist user
// because of it wait for approval.
func (s *Service) addressed(ctx context.Context, tx bun.IDB, c account.Caller, a account.Account) error {
	var rows []row
	var err error
	if a.Specialist {
		rows, err = accessesAt(ctx, tx, a.ID, account.Mailbox(a.Email))
	} else {
		rows, err = accessesOfAccount(ctx, tx, a.ID)
	}
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.DeactivatedAt != nil {
			continue // checked when it is reactivated
		}
		owner, err := s.judge(ctx, tx, c.ID, &r)
		if err != nil {
			return err
		}
		switch {
		case r.Waiting:
			if err := s.hold(ctx, tx, c.Actor(), r, owner); err != nil {
				return err
			}
		case r.Approved == r.EmailFolded:
			if err := setApproved(ctx, tx, r.ID, r.Approved); err != nil {
				return err
			}
		}
	}
	return nil
}

// release activates a waiting access: a registered person can sign in, another person is invited, unless they were not to
// be.
func (s *Service) release(ctx context.Context, tx bun.Tx, p approval.Approval, by audit.Actor) error {
	r, ok, err := setReleased(ctx, tx, p.SubjectID.UUID)
	if err != nil {
		return err
	}
	if !ok {
		return approval.ErrVoid
	}
	if r.RegisteredAt == nil && !r.Uninvited {
		if r, _, err = s.again(ctx, tx, r.ID, 0); err != nil {
			return err
		}
	}
	if err := s.audit.Write(ctx, tx, by, r.record(audit.AccessReactivated, nil)); err != nil {
		return err
	}
	return s.customers.Refresh(ctx, tx, r.CustomerID)
}

// drop leaves an access deactivated that was not approved.
func (s *Service) drop(ctx context.Context, tx bun.Tx, p approval.Approval) error {
	ok, err := setDropped(ctx, tx, p.SubjectID.UUID)
	if err != nil || !ok {
		return err
	}
	return s.customers.Refresh(ctx, tx, p.CustomerID.UUID)
}

// mayRedeem returns ErrHeld for an access that needs approval before anybody can register with it.
func (s *Service) mayRedeem(ctx context.Context, tx bun.IDB, r row) error {
	_, ok, err := s.ownerInFirm(ctx, tx, r)
	if err == nil && ok {
		return ErrHeld
	}
	return err
}

// --- queries ------------------------------------------------------------------------------------------------------

// accessesOfAccount returns the accesses with which an account is registered.
func accessesOfAccount(ctx context.Context, db bun.IDB, id uuid.UUID) (rows []row, err error) {
	return rows, db.NewSelect().Model(&rows).Where("account_id = ?", id).Order("id").Scan(ctx)
}

// accessesAt returns the accesses of an account, and those whose own or whose account's address is a spelling of
// mailbox.
func accessesAt(ctx context.Context, db bun.IDB, id uuid.UUID, mailbox string) (out []row, err error) {
	spelt := spellings("x.email_folded", mailbox)
	ofAccount := spellings("a.email_folded", mailbox)
	var rows []struct {
		row
		AccountEmail *string `bun:"account_email"`
	}
	err = db.NewSelect().TableExpr(`access AS x`).ColumnExpr(`x.*, a.email AS account_email`).
		Join(`LEFT JOIN account AS a ON a.id = x.account_id`).
		Where(`x.account_id = ?`, id).
		WhereOr(`x.id IN (SELECT x.id FROM access AS x WHERE ?)`, spelt).
		WhereOr(`x.account_id IN (SELECT a.id FROM account AS a WHERE ?)`, ofAccount).
		Order("x.id").Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		own := r.AccountID.Valid && r.AccountID.UUID == id
		if own || account.Mailbox(r.Email) == mailbox || r.AccountEmail != nil && account.Mailbox(*r.AccountEmail) == mailbox {
			out = append(out, r.row)
		}
	}
	return out, nil
}

// spellings returns a condition that is true for every folded address that is a spelling of mailbox, and for some that
// are not.
func spellings(column, mailbox string) store.Condition {
	local, domain, _ := store.CutEmail(mailbox)
	is := bun.Ident(column)
	ways := []store.Condition{
		bun.SafeQuery(`? = ?`, is, mailbox),
		bun.SafeQuery(`? LIKE ? ESCAPE '\'`, is, escapeLike.Replace(local)+"+%@"+domain),
	}
	if others := account.OtherDomains(domain); len(others) > 0 {
		for _, d := range append(others, domain) {
			ways = append(ways, bun.SafeQuery(`? LIKE ?`, is, "%@"+d))
		}
	}
	return store.Any(ways...)
}

var escapeLike = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// setHeld marks an active access as waiting.
func setHeld(ctx context.Context, tx bun.IDB, id uuid.UUID, now time.Time) (r row, ok bool, err error) {
	ok, err = returning(ctx, updateAccess(tx, &r, id).Where("deactivated_at IS NULL").
		Set("deactivated_at = ?", now).Set("waiting = TRUE").Set("version = version + 1"))
	return r, ok, err
}

// setReleased marks a waiting access as approved and active.
func setReleased(ctx context.Context, tx bun.IDB, id uuid.UUID) (r row, ok bool, err error) {
	ok, err = returning(ctx, updateAccess(tx, &r, id).Where("waiting").
		Set("deactivated_at = NULL").Set("waiting = FALSE").Set("approved = email_folded").Set("version = version + 1"))
	return r, ok, err
}

// setDropped ends the waiting of an access, which stays deactivated.
func setDropped(ctx context.Context, tx bun.IDB, id uuid.UUID) (ok bool, err error) {
	var r row
	return returning(ctx, updateAccess(tx, &r, id).Where("waiting").Set("waiting = FALSE").Set("version = version + 1"))
}

func setApproved(ctx context.Context, tx bun.IDB, id uuid.UUID, approved string) error {
	_, err := tx.NewUpdate().Model((*row)(nil)).Set("approved = ?", approved).Where("id = ?", id).Exec(ctx)
	return err
}

// setJudged stores the result of judge.
func setJudged(ctx context.Context, tx bun.IDB, r *row) (ok bool, err error) {
	return returning(ctx, updateAccess(tx, r, r.ID).Set("waiting = ?", r.Waiting).Set("approved = ?", r.Approved).
		Set("deactivated_at = ?", r.DeactivatedAt))
}
