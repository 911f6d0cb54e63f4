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
)

// infectedRow is an element to which an infected document was given.
type infectedRow struct {
	ID   uuid.UUID `bun:"id"`
	File string    `bun:"file"` // name of the file
}

// infected asks again for what was answered with a document in which malware was found, and writes it into the log. What is in the
// trash, or in a closed transaction, is treated alike: it may come back.
func (s *Service) infected(ctx context.Context, tx bun.Tx, b blob.Blob) error {
	var transactions []uuid.UUID
	err := versionsWith(tx, b.ID).ColumnExpr(`DISTINCT e.transaction_id`).OrderExpr(`e.transaction_id`).Scan(ctx, &transactions)
	if err != nil {
		return err
	}
	for _, id := range transactions {
		err := s.Transactions.HoldAny(ctx, tx, id)
		if errors.Is(err, transaction.ErrNotFound) {
			continue // its customer is being deleted
		}
		if err != nil {
			return err
		}
		if err := s.infectedIn(ctx, tx, id, b); err != nil {
			return err
		}
	}
	return nil
}

// infectedIn is infected in a held transaction.
func (s *Service) infectedIn(ctx context.Context, tx bun.Tx, transactionID uuid.UUID, b blob.Blob) error {
	var found []infectedRow
	err := versionsWith(tx, b.ID).ColumnExpr(`e.id, MAX(v.file) AS file`).Where(`e.transaction_id = ?`, transactionID).GroupExpr(`e.id`).OrderExpr(`e.id`).Scan(ctx, &found)
	if err != nil {
		return err
	}
	for _, r := range found {
		list, err := scanned(ctx, rows(tx).Where(`e.id = ?`, r.ID))
		if err != nil {
			return err
		}
		e := list[0]
		if e.Type == Slot && e.Latest.BlobID == b.ID && e.State != Rejected {
			if err := updateElement(ctx, tx, e.ID, map[string]any{"state": Rejected, "reason": "", "reviewed_by": nil, "reviewed_at": s.Now()}); err != nil {
				return err
			}
		}
		changes := audit.Changes{"file": {"", r.File}}
		if b.Signature != "" {
			changes["signature"] = [2]string{"", b.Signature}
		}
		if err := s.Audit.Write(ctx, tx, account.System.Actor(), e.record(audit.DocumentInfected, changes)); err != nil {
			return err
		}
	}
	return s.recount(ctx, tx, transactionID)
}

// versionsWith selects the versions with the bytes of a blob, and their elements.
func versionsWith(tx bun.Tx, blobID uuid.UUID) *bun.SelectQuery {
	return tx.NewSelect().TableExpr(`element_version AS v`).Join(`JOIN element AS e ON e.id = v.element_id`).Where(`v.blob_id = ?`, blobID)
}
