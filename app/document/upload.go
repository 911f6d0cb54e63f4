package document

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/blob"
	"kontor/app/fault"
	"kontor/app/filetype"
	"kontor/app/store"
)

// Target says what a file is for: an element, or a new document at the root of a transaction. A folder gets a new document, a slot
// an answer, a document a new version.
type Target struct {
	ElementID     uuid.UUID // Nil: the root
	TransactionID uuid.UUID // only for the root
}

// Announced is what is known of a file before its first byte.
type Announced struct {
	Target
	File string // its name
	Size int64  // bytes
}

// target is a Target as an upload keeps it. The transaction is always named.
type target struct {
	TransactionID uuid.UUID `json:"transaction"`
	ElementID     uuid.UUID `json:"element,omitzero"`
}

// Announce begins an upload. Errors: ErrNotFound, transaction.ErrNotFound, policies.ErrForbidden, ErrClosed, ErrFixed, ErrAccepted,
// and those of blob.Begin.
func (s *Service) Announce(ctx context.Context, c account.Caller, a Announced) (u blob.Upload, err error) {
	name := filetype.CleanName(a.File)
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		tree, _, err := s.holdTarget(ctx, tx, c, a.Target)
		if err != nil {
			return err
		}
		text, err := json.Marshal(target{tree.Transaction.ID, a.ElementID})
		if err != nil {
			return err
		}
		u, err = s.Blobs.Begin(ctx, tx, blob.Announced{
			OwnerID: tree.Transaction.CustomerID, SenderID: c.ID, Name: name, Target: string(text), Size: a.Size,
		})
		return err
	})
	return u, err
}

// holdTarget holds the transaction of a target and returns the target's element; the zero Element is the root. It returns an error
// unless the caller may upload a file for it.
func (s *Service) holdTarget(ctx context.Context, tx bun.Tx, c account.Caller, a Target) (tree Tree, e Element, err error) {
	if a.ElementID != uuid.Nil {
		tree, e, err = s.holdElement(ctx, tx, c, a.ElementID)
	} else {
		tree, err = s.hold(ctx, tx, c, a.TransactionID)
	}
	if err != nil {
		return tree, e, err
	}
	if err := tree.allow(tree.Rights.Upload); err != nil {
		return tree, e, err
	}
	switch {
	case e.Type == "" || e.Type == Folder:
		err = tree.checkPlace(e.ID)
	case tree.MayGive(c, e):
	case e.Type == Slot && e.State == Accepted:
		err = ErrAccepted
	default:
		err = ErrFixed
	}
	return tree, e, err
}

// UploadOf returns an upload that the caller has begun. blob.ErrNotFound.
func (s *Service) UploadOf(ctx context.Context, c account.Caller, id uuid.UUID) (blob.Upload, error) {
	u, err := s.Blobs.Upload(ctx, id)
	if err == nil && u.SenderID != c.ID {
		err = blob.ErrNotFound
	}
	return u, err
}

// Arrived is a file that has come as a whole.
type Arrived struct {
	Element Element // what it is now
	File    string
	// Before is when the customer's side or the firm had given the same bytes before; nil: they are new.
	Before *time.Time
	// Infected says that malware was found in it at once, so that something else is asked for already.
	Infected bool
}

// Append stores the next bytes of an upload. With the last ones the document is there: arrived is not nil. Errors: those of
// blob.Append and of Announce; Invalid at file ("file_type.…") for a file that is not accepted.
func (s *Service) Append(ctx context.Context, c account.Caller, u blob.Upload, at int64, data []byte) (next blob.Upload, arrived *Arrived, err error) {
	t := &taker{Service: s, caller: c}
	if next, err = s.Blobs.Append(ctx, u, at, data, t); err != nil || t.arrived == nil {
		return next, nil, err
	}
	s.look(ctx, t.arrived, next)
	return next, t.arrived, nil
}

// Upload stores a file that has come with one request. Errors: as Announce and Append.
func (s *Service) Upload(ctx context.Context, c account.Caller, a Announced, file io.Reader) (*Arrived, error) {
	u, err := s.Announce(ctx, c, a)
	if err != nil {
		return nil, err
	}
	t := &taker{Service: s, caller: c}
	done, err := s.Blobs.All(ctx, u, file, t)
	if err != nil {
		// The file is gone with its request: nobody will send the rest.
		if aborted := s.Blobs.Abort(context.WithoutCancel(ctx), u); aborted != nil {
			s.Log.Warn("an upload that failed is still stored; it expires", "error", aborted)
		}
		return nil, err
	}
	s.look(ctx, t.arrived, done)
	return t.arrived, nil
}

// taker makes a document of an upload (blob.Taker).
type taker struct {
	*Service
	caller  account.Caller
	arrived *Arrived
}

// Inspect names the media type of a file that is accepted.
func (t *taker) Inspect(ctx context.Context, u blob.Upload, all io.ReaderAt) (string, error) {
	var of target
	if err := json.Unmarshal([]byte(u.Target), &of); err != nil {
		return "", err
	}
	var groups []string
	if of.ElementID != uuid.Nil {
		_, e, err := t.ElementOf(ctx, t.caller, of.ElementID)
		if err != nil {
			return "", err
		}
		groups = e.Types
	}
	found, err := filetype.Detect(all, u.Size, u.Name)
	if errors.Is(err, filetype.ErrContradicts) {
		return "", fault.At("file", "file_type.contradicts")
	}
	if err != nil {
		return "", err
	}
	if !t.Types.Allows(found) {
		return "", fault.At("file", "file_type.refused")
	}
	if len(groups) > 0 && !slices.Contains(groups, found.Group) {
		return "", fault.At("file", "file_type.other_wanted")
	}
	return found.ContentType(), nil
}

// look learns what the scanner has said of a file that has come, if it has said it yet.
func (s *Service) look(ctx context.Context, a *Arrived, u blob.Upload) {
	b, err := s.Blobs.Blob(ctx, s.DB, u.Done)
	a.Infected = err == nil && b.Scan == blob.ScanInfected
}

// Take makes the version, in the tx in which the bytes are complete.
func (t *taker) Take(ctx context.Context, tx bun.Tx, u blob.Upload, b blob.Blob, known bool) error {
	var of target
	if err := json.Unmarshal([]byte(u.Target), &of); err != nil {
		return err
	}
	tree, e, err := t.holdTarget(ctx, tx, t.caller, Target{ElementID: of.ElementID, TransactionID: of.TransactionID})
	if err != nil {
		return err
	}
	if b.Scan == blob.ScanInfected { // the same bytes came before
		return fault.At("file", "upload.infected")
	}
	arrived := &Arrived{File: u.Name}
	if known {
		if arrived.Before, err = givenBefore(ctx, tx, b.ID); err != nil {
			return err
		}
	}
	action, changes := audit.DocumentUploaded, audit.Changes{"file": {"", u.Name}}
	switch {
	case e.Type == "" || e.Type == Folder:
		if e, err = t.addFile(ctx, tx, tree, e.ID, u.Name); err != nil {
			return err
		}
	case e.Latest != nil && e.Latest.IsDocument():
		action, changes = audit.DocumentReplaced, audit.Changes{"file": {e.Latest.File, u.Name}}
	}
	version, err := t.give(ctx, tx, giver{t.caller.ID, tree.Rights.Firm}, e, given{blobID: b.ID, file: u.Name})
	if err != nil {
		return err
	}
	arrived.Element, t.arrived = e, arrived
	store.AfterCommit(ctx, func() { t.writeLater(ctx, version) })
	return t.changed(ctx, tx, t.caller, e.record(action, changes))
}

// addFile adds a document with the name of a file.
func (t *taker) addFile(ctx context.Context, tx bun.Tx, tree Tree, parent uuid.UUID, file string) (e Element, err error) {
	name, err := freeName(ctx, tx, tree.Transaction.ID, parent, file)
	if err != nil {
		return e, err
	}
	id, err := t.add(ctx, tx, t.caller, tree, record{ParentID: store.NullID(parent), Type: File, Name: name})
	return Element{
		ID: id, TransactionID: tree.Transaction.ID, CustomerID: tree.Transaction.CustomerID, ParentID: parent, Type: File, Name: name,
	}, err
}

// givenBefore returns when the same bytes were given the last time; nil: never.
func givenBefore(ctx context.Context, db bun.IDB, blobID uuid.UUID) (*time.Time, error) {
	var at []time.Time
	err := db.NewSelect().Table("element_version").Column("created_at").Where(`blob_id = ?`, blobID).OrderExpr(`created_at DESC`).Limit(1).Scan(ctx, &at)
	if err != nil || len(at) == 0 {
		return nil, err
	}
	return &at[0], nil
}
