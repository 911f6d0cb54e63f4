package authorisation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/erasure"
	"kontor/policies"
)

// sealedFor is the purpose for which the key encrypts a removal.
const sealedFor = "authorisation removal"

// removed is the stored content of a removal, in the order of removal.
type removed struct {
	Accesses       []access.Removed           `json:"accesses,omitempty"`
	Administrators []assignment.Administrator `json:"administrators,omitempty"`
	Processors     []assignment.Processor     `json:"processors,omitempty"`
	Names          []string                   `json:"names"`
}

var (
	wantRemoveAccess = policies.Permission{Object: policies.ObjectAccess, Action: policies.Remove}
	wantManage       = permission(policies.Manage)
)

// Remove removes the selected authorisations of a customer, all or none, and keeps them for UndoLife so that the caller
// can undo it. Without confirmed, it does not remove the last access or the last active administrator: it returns
// ErrLast, and in out what would be removed. Other errors: ErrNothing; NotFound (the customer, or ErrGone for a
// selected authorisation); Forbidden.
func (s *Service) Remove(ctx context.Context, c account.Caller, customerID uuid.UUID, sel Selection, confirmed bool) (out Removal, err error) {
	if sel.empty() {
		return Removal{}, ErrNothing
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		out = Removal{}
		var kept removed
		ch := change{s, tx, c, customerID}
		if err := ch.authorise(ctx, wantedFor(len(sel.Accesses), len(sel.Administrators)+len(sel.Processors))...); err != nil {
			return err
		}
		// the lock order of all txs: accesses with their messages first, then the customer
		if err := ch.removeAccesses(ctx, ordered(sel.Accesses), &kept, &out); err != nil {
			return err
		}
		// processors before administrators: the caller's visible transactions are read while the caller is still one
		if err := ch.removeProcessors(ctx, ordered(sel.Processors), &kept, &out); err != nil {
			return err
		}
		if err := ch.removeAdministrators(ctx, ordered(sel.Administrators), &kept, &out); err != nil {
			return err
		}
		if (out.LastAccess || out.LastAdministrator) && !confirmed {
			return ErrLast
		}
		kept.Names = slices.Concat(out.Accesses, out.Administrators, out.Processors)
		if out.ID, err = ch.keep(ctx, kept); err != nil {
			return err
		}
		return s.customers.Refresh(ctx, tx, customerID)
	})
	if err != nil {
		out.ID = uuid.Nil
	}
	return out, err
}

// wantedFor returns the permissions for a removal of so many accesses and assignments, or for undoing it.
func wantedFor(accesses, assignments int) (wanted []policies.Permission) {
	if accesses > 0 {
		wanted = append(wanted, wantRemoveAccess)
	}
	if assignments > 0 {
		wanted = append(wanted, wantManage)
	}
	return wanted
}

// removeAccesses removes accesses and adds them to what is kept for undoing it.
func (ch change) removeAccesses(ctx context.Context, ids []uuid.UUID, kept *removed, out *Removal) error {
	for _, id := range ids {
		taken, left, err := ch.accesses.RemoveIn(ctx, ch.tx, ch.caller, ch.customerID, id)
		if errors.Is(err, access.ErrNotFound) {
			return ErrGone
		}
		if err != nil {
			return err
		}
		kept.Accesses = append(kept.Accesses, taken)
		out.Accesses = append(out.Accesses, taken.Name())
		out.LastAccess = left == 0
	}
	return nil
}

// removeAdministrators does the same for administrators.
func (ch change) removeAdministrators(ctx context.Context, ids []uuid.UUID, kept *removed, out *Removal) error {
	if len(ids) == 0 {
		return nil
	}
	for _, id := range ids {
		was, ok, err := assignment.RemoveAdministrator(ctx, ch.tx, ch.customerID, id)
		if err != nil {
			return err
		}
		if !ok {
			return ErrGone
		}
		p, err := named(ctx, ch.tx, id)
		if err != nil {
			return err
		}
		kept.Administrators = append(kept.Administrators, was)
		out.Administrators = append(out.Administrators, p.Name)
		if err := ch.log(ctx, audit.AdministratorRemoved, p, nil); err != nil {
			return err
		}
	}
	left, err := countActiveAdministrators(ctx, ch.tx, ch.customerID)
	if err != nil {
		return err
	}
	out.LastAdministrator = left == 0
	// An administrator whom somebody else removes must not come back by undoing an earlier removal.
	others := slices.DeleteFunc(slices.Clone(ids), func(id uuid.UUID) bool { return id == ch.caller.ID })
	if len(others) == 0 {
		return nil
	}
	return endRemovals(ctx, ch.tx, ch.customerID, others, ch.now())
}

// removeProcessors removes additional processors from all transactions that the caller may see.
func (ch change) removeProcessors(ctx context.Context, ids []uuid.UUID, kept *removed, out *Removal) error {
	visible, _, err := ch.transactions.Within(ch.caller, policies.Read, "t")
	if err != nil {
		return err
	}
	lists := make([][]visibleTransaction, len(ids))
	for i, id := range ids { // read all lists before the first removal: the caller's own may be among them
		if lists[i], err = processedBy(ctx, ch.tx, ch.customerID, id, visible); err != nil {
			return err
		}
		if len(lists[i]) == 0 {
			return ErrGone
		}
	}
	for i, id := range ids {
		p, err := named(ctx, ch.tx, id)
		if err != nil {
			return err
		}
		for _, t := range lists[i] {
			was, ok, err := assignment.RemoveProcessor(ctx, ch.tx, ch.customerID, id, t.ID)
			if err != nil {
				return err
			}
			if !ok {
				return ErrGone // somebody else removed it first
			}
			kept.Processors = append(kept.Processors, was)
			if err := ch.log(ctx, audit.ProcessorRemoved, p, &t); err != nil {
				return err
			}
		}
		out.Processors = append(out.Processors, p.Name)
	}
	return nil
}

// keep encrypts and stores what was removed, until it can't be undone any more.
func (ch change) keep(ctx context.Context, kept removed) (uuid.UUID, error) {
	raw, err := json.Marshal(kept)
	if err != nil {
		return uuid.Nil, err
	}
	sealed, err := ch.key.Seal(sealedFor, raw)
	if err != nil {
		return uuid.Nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, err
	}
	return id, insertRemoval(ctx, ch.tx, removalRow{
		ID: id, CustomerID: ch.customerID, RemovedBy: ch.caller.ID, ExpiresAt: ch.now().Add(UndoLife), Sealed: sealed,
	})
}

// opened decrypts what keep stored. ok is false when the key no longer exists: then the removal can't be undone.
func (s *Service) opened(sealed []byte) (kept removed, ok bool) {
	raw, err := s.key.Open(sealedFor, sealed)
	if err != nil || json.Unmarshal(raw, &kept) != nil {
		return removed{}, false
	}
	return kept, true
}

// Unreadable counts the removals that were encrypted with a key that no longer exists.
func (s *Service) Unreadable(ctx context.Context) (n int, err error) {
	all, err := allSealed(ctx, s.db)
	for _, sealed := range all {
		if _, ok := s.opened(sealed); !ok {
			n++
		}
	}
	return n, err
}

// Undoable lists, newest first, the caller's own removals at a customer that can still be undone. The caller must have
// the permission to undo it, or must have had it by an assignment that this removal removed. Errors: NotFound (the
// customer).
func (s *Service) Undoable(ctx context.Context, c account.Caller, customerID uuid.UUID) (list []Kept, err error) {
	cu, err := s.customers.Get(ctx, c, customerID)
	if err != nil {
		return nil, err
	}
	rows, err := removalsOf(ctx, s.db, customerID, c.ID, s.now())
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	may, err := s.customers.May(ctx, c, cu, wantRemoveAccess, wantManage)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		kept, ok := s.opened(r.Sealed)
		if !ok {
			continue
		}
		rightful := (may[wantRemoveAccess] || len(kept.Accesses) == 0) && (may[wantManage] || len(kept.Administrators)+len(kept.Processors) == 0)
		if rightful || kept.takenFrom(c) {
			list = append(list, Kept{ID: r.ID, Names: kept.Names, RemovedAt: r.ExpiresAt.Add(-UndoLife), Until: r.ExpiresAt})
		}
	}
	return list, nil
}

// takenFrom says whether the removal removed an assignment of the caller, or of a person they stand in for.
func (r removed) takenFrom(c account.Caller) bool {
	own := func(id uuid.UUID) bool { return slices.Contains(c.Persons(), id) }
	return slices.ContainsFunc(r.Administrators, func(a assignment.Administrator) bool { return own(a.SpecialistID) }) ||
		slices.ContainsFunc(r.Processors, func(a assignment.Processor) bool { return own(a.SpecialistID) })
}

// Undo restores everything that a removal removed, or nothing. Only the person who made the removal can undo it, once,
// within UndoLife, and only with the permission for it. An assignment of the caller that this removal removed counts
// for the permission: it is restored first, and then the usual checks are made. Errors: ErrUndone, NotFound (the
// customer), Forbidden, access.ErrAddressInUse.
func (s *Service) Undo(ctx context.Context, c account.Caller, removalID uuid.UUID) (out Restoration, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, ok, err := takeRemoval(ctx, tx, removalID, c.ID, s.now())
		if err != nil {
			return err
		}
		if !ok {
			return ErrUndone
		}
		kept, ok := s.opened(r.Sealed)
		if !ok {
			return ErrUndone
		}
		out = Restoration{CustomerID: r.CustomerID}
		ch := change{s, tx, c, r.CustomerID}
		return ch.restore(ctx, kept, &out)
	})
	return out, err
}

// restore restores everything that a removal removed.
func (ch change) restore(ctx context.Context, kept removed, out *Restoration) error {
	own := func(id uuid.UUID) bool { return slices.Contains(ch.caller.Persons(), id) }
	if err := ch.restoreAssignments(ctx, kept, own, out); err != nil {
		return err
	}
	if err := ch.authorise(ctx, wantedFor(len(kept.Accesses), len(kept.Administrators)+len(kept.Processors))...); err != nil {
		return err
	}
	// in reverse order of removal: an account that was removed with the last access exists again for the earlier ones
	for _, t := range slices.Backward(kept.Accesses) {
		invited, err := ch.accesses.RestoreIn(ctx, ch.tx, ch.caller, t)
		if err != nil {
			return err
		}
		out.Count++
		if invited {
			out.Invited++
		}
	}
	others := func(id uuid.UUID) bool { return !own(id) }
	if err := ch.restoreAssignments(ctx, kept, others, out); err != nil {
		return err
	}
	return ch.customers.Refresh(ctx, ch.tx, ch.customerID)
}

// restoreAssignments restores the assignments of some people with their original dates and authors. An assignment that
// was made again meanwhile stays unchanged.
func (ch change) restoreAssignments(ctx context.Context, kept removed, whose func(uuid.UUID) bool, out *Restoration) error {
	for _, a := range kept.Administrators {
		if !whose(a.SpecialistID) {
			continue
		}
		if _, err := assignment.AddAdministrator(ctx, ch.tx, a); err != nil {
			return err
		}
		out.Count++
		p, err := named(ctx, ch.tx, a.SpecialistID)
		if err != nil {
			return err
		}
		if err := ch.log(ctx, audit.AuthorisationRestored, p, nil); err != nil {
			return err
		}
	}
	counted := map[uuid.UUID]bool{}
	for _, a := range kept.Processors {
		if !whose(a.SpecialistID) {
			continue
		}
		if err := ch.restoreProcessor(ctx, a); err != nil {
			return err
		}
		if !counted[a.SpecialistID] {
			counted[a.SpecialistID] = true
			out.Count++
		}
	}
	return nil
}

func (ch change) restoreProcessor(ctx context.Context, a assignment.Processor) error {
	if there, err := transactionsOf(ctx, ch.tx, a.CustomerID, nil, []uuid.UUID{a.TransactionID}); err != nil {
		return err
	} else if len(there) == 0 {
		return ErrUndone
	}
	if _, err := assignment.AddProcessor(ctx, ch.tx, a); err != nil {
		return err
	}
	// checked after the assignment is restored, because it may be the caller's own
	visible, _, err := ch.transactions.Within(ch.caller, policies.Read, "t")
	if err != nil {
		return err
	}
	list, err := transactionsOf(ctx, ch.tx, a.CustomerID, visible, []uuid.UUID{a.TransactionID})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return ErrUndone
	}
	p, err := named(ctx, ch.tx, a.SpecialistID)
	if err != nil {
		return err
	}
	return ch.log(ctx, audit.AuthorisationRestored, p, &list[0])
}

// Purge deletes the removals that can't be undone any more, and on SQLite their bytes in the files. The worker calls
// it. It first records outside the database who was removed for good; if that fails, it deletes nothing. A removal that
// was encrypted with a lost key does not say whom it is about: it is deleted too, with a warning.
func (s *Service) Purge(ctx context.Context) error {
	over, err := endExpired(ctx, s.db, s.now())
	if err != nil || len(over) == 0 {
		return err
	}
	var ids []uuid.UUID
	var gone []access.Removed
	var subjects []erasure.Subject
	unreadable := 0
	for _, r := range over {
		ids = append(ids, r.ID)
		kept, ok := s.opened(r.Sealed)
		if !ok {
			unreadable++
			continue
		}
		for _, t := range kept.Accesses {
			gone = append(gone, t)
			subjects = append(subjects, t.Subjects()...)
		}
	}
	if err := s.erasures.Record(ctx, subjects...); err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := deleteRemovals(ctx, tx, ids); err != nil {
			return err
		}
		for _, t := range gone {
			if err := s.accesses.Forget(ctx, tx, t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if unreadable > 0 {
		s.warn.Warn("removals were deleted that are encrypted with another SECRET_KEY: ERASURE_LOG does not name whom they removed", "removals", unreadable)
	}
	_, err = s.db.EmptyWAL(ctx) // if readers prevent it, the WAL is overwritten a little later
	return err
}

// ordered returns each id once, in a fixed order, so that two people who remove the same do not deadlock.
func ordered(ids []uuid.UUID) []uuid.UUID {
	out := slices.Clone(ids)
	slices.SortFunc(out, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(out)
}
