package account

import (
	"bytes"
	"context"
	"slices"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/secret"
	"kontor/app/store"
)

// Erased is what Erase took of one account: enough for Restore. It holds personal data and a password's hash, so whoever
// keeps it seals it. Sessions, links, messages and counters of failed sign-ins are not in it: they stay gone.
type Erased struct {
	Account Account
	Log     []audit.Entry
}

// Erase is the one way in which an account goes, inside the tx that took what kept it. Of the accounts named it deletes
// those that nothing keeps any more, so that have no access, to whichever customer, and do not work for the firm; it
// returns them. With an account go its sessions, links, messages, counters of failed sign-ins, expectations of policies,
// and what the log says of it outside customers' logs; see audit.Forget. Of an account that is gone already, what was
// written since goes too.
//
// The account is locked before its accesses are counted: a registration that links it at this moment either comes first
// and is counted, or finds it gone.
func (s *Service) Erase(ctx context.Context, tx bun.IDB, ids ...uuid.UUID) (gone []Erased, err error) {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }) // everybody locks in one order
	for _, id := range slices.Compact(ids) {
		a, err := lockAccount(ctx, tx, id)
		there := !store.IsNoRows(err)
		if there && err != nil {
			return nil, err
		}
		if there {
			if keeps, err := kept(ctx, tx, a); err != nil {
				return nil, err
			} else if keeps {
				continue
			}
		}
		log, err := s.audit.Forget(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if err := approval.Forget(ctx, tx, id); err != nil {
			return nil, err
		}
		if err := secret.Erase(ctx, tx, id); err != nil {
			return nil, err
		}
		if !there {
			continue
		}
		if err := deleteAccount(ctx, tx, id); err != nil {
			return nil, err
		}
		gone = append(gone, Erased{Account: a, Log: log})
	}
	return gone, nil
}

// Restore brings back what Erase took, inside the caller's tx. It returns the database's complaint when somebody else
// has the e-mail address or username by now, which whoever calls it has ruled out.
func (s *Service) Restore(ctx context.Context, tx bun.IDB, e Erased) error {
	if err := insertAccount(ctx, tx, &e.Account); err != nil {
		return err
	}
	return s.audit.Remember(ctx, tx, e.Log)
}
