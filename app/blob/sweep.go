package blob

import (
	"context"
	"errors"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// sweptAtOnce is how many rows a sweep takes at once.
const sweptAtOnce = 100

// discard says that a folder of the store must go, in the tx in which its rows go. It is deleted after the tx, and once more when
// nobody can still be writing into it: a request that began before may end after. Sweep repeats what failed.
func (s *Service) discard(ctx context.Context, tx bun.IDB, folder string) error {
	now := s.now()
	row := map[string]any{"folder": folder, "due_at": now, "final_at": now.Add(Grace)}
	_, err := tx.NewInsert().Model(&row).Table("blob_garbage").
		On("CONFLICT (folder) DO UPDATE").Set("due_at = EXCLUDED.due_at").Set("final_at = EXCLUDED.final_at").Exec(ctx)
	if err != nil {
		return err
	}
	later := context.WithoutCancel(ctx)
	store.AfterCommit(ctx, func() {
		if err := s.remove(later, garbage{folder, now.Add(Grace)}); err != nil {
			s.log.Warn("documents that were deleted are still in the store; it is tried again", "error", err)
		}
	})
	return nil
}

// garbage is a folder that must go.
type garbage struct {
	Folder  string    `bun:"folder"`
	FinalAt time.Time `bun:"final_at"`
}

// remove deletes a folder of the store, and forgets it if nobody can write into it any more.
func (s *Service) remove(ctx context.Context, g garbage) error {
	now := s.now()
	if err := s.objects.Delete(ctx, g.Folder); err != nil {
		return err
	}
	if now.Before(g.FinalAt) {
		_, err := s.db.NewUpdate().Table("blob_garbage").Set(`due_at = final_at`).Where(`folder = ?`, g.Folder).Exec(ctx)
		return err
	}
	_, err := s.db.NewDelete().Table("blob_garbage").Where(`folder = ?`, g.Folder).Where(`final_at <= ?`, now).Exec(ctx)
	return err
}

// Sweep ends uploads that have expired, deletes what must go from the store, and puts keys there that ESCROW_RECIPIENT is to
// have. Several processes may call it at once. A sweep never meets a commit: it deletes only folders whose rows are gone.
func (s *Service) Sweep(ctx context.Context) error {
	return errors.Join(s.expire(ctx), s.collect(ctx), s.escrowAll(ctx), s.leftovers(ctx))
}

// leftovers deletes what the store has written by halves, when nobody can still be writing it.
func (s *Service) leftovers(ctx context.Context) error {
	f, ok := s.objects.(interface {
		Sweep(ctx context.Context, before time.Time) (removed int, err error)
	})
	if !ok {
		return nil
	}
	_, err := f.Sweep(ctx, s.now().Add(-Grace))
	return err
}

// collect deletes the folders that are due.
func (s *Service) collect(ctx context.Context) error {
	for {
		var list []garbage
		err := s.db.NewSelect().Table("blob_garbage").Column("folder", "final_at").Where(`due_at <= ?`, s.now()).Order("due_at").Limit(sweptAtOnce).Scan(ctx, &list)
		if err != nil {
			return err
		}
		for _, g := range list {
			if err := s.remove(ctx, g); err != nil {
				return err
			}
		}
		if len(list) < sweptAtOnce {
			return nil
		}
	}
}

// expire ends the uploads that have expired.
func (s *Service) expire(ctx context.Context) error {
	for {
		var list []uploadRow
		err := s.db.NewSelect().Model(&list).Where(`expires_at <= ?`, s.now()).Where(`owner_id IN (?)`, living(s.db)).
			Order("expires_at").Limit(sweptAtOnce).Scan(ctx)
		if err != nil {
			return err
		}
		for _, r := range list {
			if err := s.end(ctx, r); err != nil {
				return err
			}
		}
		if len(list) < sweptAtOnce {
			return nil
		}
	}
}

// living selects the owners whose key was not destroyed. All that the others have is being deleted, with their folders.
func living(db bun.IDB) *bun.SelectQuery {
	return db.NewSelect().Table("blob_key").Column("owner_id").Where(`sealed <> ?`, []byte{})
}

// end removes the row of an upload that has expired. Of one that is complete, it deletes objects that did not become part of the
// blob: parts that came twice with different bytes.
func (s *Service) end(ctx context.Context, r uploadRow) error {
	o, err := s.owner(ctx, s.db, r.OwnerID)
	if errors.Is(err, ErrGone) {
		return nil // destroyed since the row was read
	}
	if err != nil {
		return err
	}
	if r.BlobID.UUID == r.ID {
		if err := s.tidy(ctx, o, r.ID); err != nil {
			return err
		}
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		n, err := store.Affected(tx.NewDelete().Table("upload").Where(`id = ?`, r.ID).Where(`expires_at = ?`, r.ExpiresAt).Exec(ctx))
		if err != nil || n == 0 || r.BlobID.Valid {
			return err
		}
		return s.discard(ctx, tx, o.folderOf(r.ID))
	})
}

// tidy deletes objects in the folder of a blob that are no parts of it, unless they are manifests.
func (s *Service) tidy(ctx context.Context, o owner, id uuid.UUID) error {
	b, err := s.Blob(ctx, s.db, id)
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	folder := o.folderOf(id)
	known := map[string]bool{}
	for _, p := range b.parts {
		known[p.object(folder)] = true
	}
	var strange []string
	err = s.objects.List(ctx, folder, func(o Object) error {
		if !known[o.Name] && !isManifest(o.Name) {
			strange = append(strange, o.Name)
		}
		return nil
	})
	for _, name := range strange {
		if err == nil {
			err = s.objects.Delete(ctx, name)
		}
	}
	return err
}

// escrowLater is escrow after a commit.
func (s *Service) escrowLater(ctx context.Context, ownerID uuid.UUID) {
	ctx = context.WithoutCancel(ctx)
	var r keyRow
	err := s.db.NewSelect().Model(&r).Where(`owner_id = ?`, ownerID).Scan(ctx)
	if err == nil && r.Escrow != s.escrowName() {
		err = s.escrow(ctx, r)
	}
	if err != nil && !store.IsNoRows(err) {
		s.log.Warn("a key is not in the store yet for ESCROW_RECIPIENT; it is tried again", "error", err)
	}
}

// escrowAll puts keys into the store that are not there for the recipient that is set now.
func (s *Service) escrowAll(ctx context.Context) error {
	for after := uuid.Nil; ; {
		var list []keyRow
		q := s.db.NewSelect().Model(&list).Where(`escrow <> ?`, s.escrowName()).OrderExpr(`owner_id`).Limit(sweptAtOnce)
		if after != uuid.Nil {
			q.Where(`owner_id > ?`, after)
		}
		if err := q.Scan(ctx); err != nil {
			return err
		}
		for _, r := range list {
			if after = r.OwnerID; len(r.Sealed) == 0 {
				continue
			}
			if err := s.escrow(ctx, r); err != nil {
				return err
			}
		}
		if len(list) < sweptAtOnce {
			return nil
		}
	}
}

// Destroy destroys the key of an owner, in the caller's tx: from then on nothing of the owner can be read. The bytes follow with
// Erase.
func (s *Service) Destroy(ctx context.Context, tx bun.IDB, ownerID uuid.UUID) error {
	var folder string
	err := tx.NewSelect().Table("blob_key").Column("folder").Where(`owner_id = ?`, ownerID).Scan(ctx, &folder)
	if store.IsNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := tx.NewUpdate().Table("blob_key").Set(`sealed = ?`, []byte{}).Where(`owner_id = ?`, ownerID).Exec(ctx); err != nil {
		return err
	}
	return s.discard(ctx, tx, folder)
}

// Erase deletes up to limit rows of an owner, after Destroy, and returns how many; 0: none are left. Nothing may refer to its
// blobs any more.
func (s *Service) Erase(ctx context.Context, tx bun.IDB, ownerID uuid.UUID, limit int) (gone int64, err error) {
	for _, table := range []string{"upload", "blob"} {
		some := tx.NewSelect().Table(table).Column("id").Where(`owner_id = ?`, ownerID).Limit(int64(limit))
		if gone, err = store.Affected(tx.NewDelete().Table(table).Where(`id IN (?)`, some).Exec(ctx)); err != nil || gone > 0 {
			return gone, err
		}
	}
	return store.Affected(tx.NewDelete().Table("blob_key").Where(`owner_id = ?`, ownerID).Exec(ctx))
}
