package blob

import (
	"context"
	"log/slog"

	"filippo.io/age"
	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/secret"
	"kontor/app/store"
)

// Options are the dependencies and limits of a Service. DB, Now, Key, Store and Log are required.
type Options struct {
	DB    *store.DB
	Now   store.Clock
	Key   secret.Key
	Store Store
	Log   *slog.Logger
	// Escrow is the age recipient that opens everything without this program; nil: nobody does.
	Escrow *age.X25519Recipient
	// FileMax is the largest file and Quota the largest sum of all files of an owner, in bytes; 0: no limit.
	FileMax, Quota int64
	// Scanner looks for malware in every blob; nil: nobody does.
	Scanner Scanner
}

// Service keeps keys, uploads and blobs. It does not know who may do what: the package that takes the bytes decides.
type Service struct {
	db             *store.DB
	now            store.Clock
	key            secret.Key
	objects        Store
	log            *slog.Logger
	recipient      *age.X25519Recipient
	fileMax, quota int64
	scanner        Scanner
	infected       func(ctx context.Context, tx bun.Tx, b Blob) error
}

// New makes the service.
func New(o Options) *Service {
	return &Service{
		db: o.DB, now: o.Now, key: o.Key, objects: o.Store, log: o.Log, recipient: o.Escrow, fileMax: o.FileMax, quota: o.Quota,
		scanner: o.Scanner,
	}
}

// FileMax is the largest file in bytes; 0: no limit.
func (s *Service) FileMax() int64 { return s.fileMax }

// Ready says whether bytes can be stored and read at present; nil if so.
func (s *Service) Ready(ctx context.Context) error { return s.objects.Ready(ctx) }

// Used returns how many bytes an owner has, those on their way included.
func (s *Service) Used(ctx context.Context, db bun.IDB, ownerID uuid.UUID) (bytes int64, err error) {
	err = db.NewSelect().ColumnExpr(`COALESCE((SELECT SUM(size) FROM blob WHERE owner_id = ?), 0)
		+ COALESCE((SELECT SUM(size) FROM upload WHERE owner_id = ? AND blob_id IS NULL), 0)`, ownerID, ownerID).Scan(ctx, &bytes)
	return bytes, err
}
