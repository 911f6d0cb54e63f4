package document

import (
	"context"
	"errors"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/blob"
	"kontor/app/transaction"
	"kontor/policies"
)

// Versions returns what was given for an element that the caller may see, the latest first. Answers that the caller may not read
// have no text.
func (s *Service) Versions(ctx context.Context, tree Tree, e Element) ([]Version, error) {
	list, err := versions(ctx, s.DB, e.ID)
	if err != nil {
		return nil, err
	}
	sealed := make([]Element, len(list))
	for i := range list {
		sealed[i].Latest = &list[i]
	}
	return list, s.openAnswers(ctx, s.DB, tree, sealed)
}

// Content is a document that can be read.
type Content struct {
	Element Element
	Version Version
	Blob    blob.Blob
}

// Content returns a document of an element: the version with a number, or the one that counts (0). Errors: ErrNotFound,
// policies.ErrForbidden, blob.ErrGone, blob.ErrWaiting, blob.ErrInfected.
func (s *Service) Content(ctx context.Context, c account.Caller, id uuid.UUID, number int) (Content, error) {
	e, rights, err := s.alone(ctx, c, id)
	if err != nil {
		return Content{}, err
	}
	if !rights.Contents {
		return Content{}, policies.ErrForbidden
	}
	found := Content{Element: e}
	switch {
	case number == 0 && e.Latest != nil:
		found.Version = *e.Latest
	default:
		list, err := versions(ctx, s.DB, e.ID)
		if err != nil {
			return found, err
		}
		for _, v := range list {
			if v.Number == number {
				found.Version = v
			}
		}
	}
	if !found.Version.IsDocument() {
		return found, ErrNotFound
	}
	if found.Blob, err = s.Blobs.Blob(ctx, s.DB, found.Version.BlobID); err != nil {
		return found, err
	}
	return found, found.Blob.Scan.Withheld()
}

// alone returns an element that the caller may see, without the tree that it is in. ErrNotFound.
func (s *Service) alone(ctx context.Context, c account.Caller, id uuid.UUID) (e Element, r Rights, err error) {
	list, err := scanned(ctx, rows(s.DB).Where(`e.id = ?`, id).Where(`e.trashed_at IS NULL`))
	if err != nil || len(list) == 0 {
		return e, r, orNotFound(err)
	}
	e = list[0]
	t, err := s.Transactions.Get(ctx, c, e.TransactionID)
	if errors.Is(err, transaction.ErrNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return e, r, err
	}
	if r, err = s.rights(c, t); err != nil || r.Internal {
		return e, r, err
	}
	if e.Internal, err = isInternal(ctx, s.DB, id); err == nil && e.Internal {
		err = ErrNotFound
	}
	return e, r, err
}

// RestoreVersion makes an earlier version the one that counts, as a new version. Errors: ErrNotFound, policies.ErrForbidden,
// ErrFixed, ErrAccepted, blob.ErrInfected.
func (s *Service) RestoreVersion(ctx context.Context, c account.Caller, id uuid.UUID, number int) (e Element, err error) {
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var tree Tree
		if tree, e, err = s.holdTarget(ctx, tx, c, Target{ElementID: id}); err != nil {
			return err
		}
		list, err := versions(ctx, tx, e.ID)
		if err != nil {
			return err
		}
		for _, v := range list {
			if v.Number != number || !v.IsDocument() {
				continue
			}
			if v.Scan == blob.ScanInfected {
				return blob.ErrInfected
			}
			if _, err := s.give(ctx, tx, giver{c.ID, tree.Rights.Firm}, e, given{blobID: v.BlobID, file: v.File}); err != nil {
				return err
			}
			return s.changed(ctx, tx, c, e.record(audit.VersionRestored, audit.Changes{"file": {e.Latest.File, v.File}}))
		}
		return ErrNotFound
	})
	return e, err
}

// Viewed writes into the log that the customer has seen a transaction for the first time. It does nothing for the firm.
func (s *Service) Viewed(ctx context.Context, c account.Caller, tree Tree) error {
	if tree.Rights.Firm || tree.Transaction.Viewed {
		return nil
	}
	return s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		t := tree.Transaction
		first, err := s.Transactions.Viewed(ctx, tx, t.ID)
		if err != nil || !first {
			return err
		}
		return s.Audit.Write(ctx, tx, c.Actor(), audit.Record{
			Action: audit.TransactionViewed, CustomerID: t.CustomerID, SubjectID: t.ID, Subject: t.Label() + " " + t.Name, TransactionID: t.ID,
		})
	})
}
