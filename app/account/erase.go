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

// Erased is what Erase deleted of one account, as far as Restore needs it. It contains personal data and a password
// hash, so whoever stores it must encrypt it. It does not contain sessions, links, messages and counters of failed
// sign-ins: Restore does not bring them back.
type Erased struct {
	Account Account
	Log     []audit.Entry
}

// Erase is the only function that deletes accounts. It runs in the tx that removed the reason to keep them. Of the
// named accounts it deletes those that have no access to any customer and do not work for the firm, and returns them.
// It also deletes an account's sessions, preferences, links, messages, counters of failed sign-ins, expectations of policies, and
// the log entries about it outside customers' logs; see audit.Forget. If an account is deleted already, Erase deletes
// what was written about it since then.
//
// Erase locks the account before it counts the account's accesses. A registration that links the account at this moment
// either comes first and is counted, or finds no account.
func (s *Service) Erase(ctx context.Context, tx bun.IDB, ids ...uuid.UUID) (gone []Erased, err error) {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }) // one locking order, no deadlocks
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
		if a.Chosen, err = chosenOf(ctx, tx, id); err != nil {
			return nil, err
		}
		if err := deleteAccount(ctx, tx, id); err != nil {
			return nil, err
		}
		gone = append(gone, Erased{Account: a, Log: log})
	}
	return gone, nil
}

// Restore brings back what Erase deleted, inside the caller's tx. It returns the database's error if another account
// has the e-mail address or username by now. The caller has checked that before.
func (s *Service) Restore(ctx context.Context, tx bun.IDB, e Erased) error {
	if err := insertAccount(ctx, tx, &e.Account); err != nil {
		return err
	}
	if err := restoreChosen(ctx, tx, e.Account); err != nil {
		return err
	}
	return s.audit.Remember(ctx, tx, e.Log)
}
