package customerimport

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/store"
)

// record is a row of the table customer_import.
type record struct {
	bun.BaseModel `bun:"table:customer_import"`

	ID          uuid.UUID  `bun:"id,pk"`
	State       State      `bun:"state"`
	RequestedBy uuid.UUID  `bun:"requested_by"`
	RequestedAt time.Time  `bun:"requested_at"`
	Columns     []byte     `bun:"columns"`
	Chunks      int        `bun:"chunks"`
	NextChunk   int        `bun:"next_chunk"`
	TotalRows   int64      `bun:"total_rows"`
	Invite      bool       `bun:"invite"`
	Duplicates  bool       `bun:"duplicates"`
	InviteAt    *time.Time `bun:"invite_at"` // when the next person is invited
	Counts      string     `bun:"counts"`
	EraseAt     *time.Time `bun:"erase_at"`
	FinishedAt  *time.Time `bun:"finished_at"`
}

// chunk is a row of the table customer_import_chunk.
type chunk struct {
	bun.BaseModel `bun:"table:customer_import_chunk"`

	ImportID uuid.UUID `bun:"import_id,pk"`
	Number   int       `bun:"number,pk"`
	Cells    []byte    `bun:"cells"`
	Verdicts []byte    `bun:"verdicts"`
	Keys     []byte    `bun:"keys"`
	Counts   string    `bun:"counts"`
}

// The purposes for which is sealed.
const (
	sealedRows    = "customer_import rows"
	sealedMarks   = "customer_import marks"
	sealedColumns = "customer_import columns"
)

// seal packs and seals a value.
func (s *Service) seal(purpose string, value any) ([]byte, error) {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(w).Encode(value); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return s.o.Key.Seal(purpose, packed.Bytes())
}

// open is the inverse of seal. into stays as it is if nothing was sealed.
func (s *Service) open(purpose string, sealed []byte, into any) error {
	if len(sealed) == 0 {
		return nil
	}
	packed, err := s.o.Key.Open(purpose, sealed)
	if err != nil {
		return err
	}
	r := flate.NewReader(bytes.NewReader(packed))
	plain, err := io.ReadAll(r) // as large as what was sealed here
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, into)
}

// load loads an import; ErrNotFound.
func load(ctx context.Context, db bun.IDB, id uuid.UUID) (r record, err error) {
	err = db.NewSelect().Model(&r).Where("id = ?", id).Scan(ctx)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return r, err
}

// ofPerson returns the last imports of a person, the newest first.
func ofPerson(ctx context.Context, db bun.IDB, person uuid.UUID, limit int) (list []record, err error) {
	err = db.NewSelect().Model(&list).ExcludeColumn("columns").Where("requested_by = ?", person).
		Order("requested_at DESC", "id DESC").Limit(int64(limit)).Scan(ctx)
	return list, err
}

// advance makes an import go on to a state, unless somebody else has made it go on in the meantime; then it is ErrState.
// On PostgreSQL it locks the import until the tx ends.
func advance(ctx context.Context, tx bun.IDB, was record, set func(*bun.UpdateQuery)) error {
	q := tx.NewUpdate().Model((*record)(nil)).Where("id = ?", was.ID).Where("state = ?", was.State).Where("next_chunk = ?", was.NextChunk)
	set(q)
	n, err := store.Affected(q.Exec(ctx))
	if err == nil && n == 0 {
		err = ErrState
	}
	return err
}

// chunksAt returns up to limit chunks, beginning with a number.
func chunksAt(ctx context.Context, db bun.IDB, id uuid.UUID, from, limit int) (list []chunk, err error) {
	err = db.NewSelect().Model(&list).Where("import_id = ?", id).Where("number >= ?", from).Order("number").Limit(int64(limit)).Scan(ctx)
	return list, err
}

// outline returns all chunks without their rows: the numbers and counts, or the keys.
func outline(ctx context.Context, db bun.IDB, id uuid.UUID, column string) (list []chunk, err error) {
	err = db.NewSelect().Model(&list).Column("number", column).Where("import_id = ?", id).Order("number").Scan(ctx)
	return list, err
}

func saveVerdicts(ctx context.Context, tx bun.IDB, c chunk) error {
	_, err := tx.NewUpdate().Model(&c).Column("verdicts", "keys", "counts").WherePK().Exec(ctx)
	return err
}

// eraseCells erases what stands in the rows of an import. The verdicts stay.
func eraseCells(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	_, err := tx.NewUpdate().Model((*chunk)(nil)).Set("cells = NULL").Set("keys = NULL").Where("import_id = ?", id).Exec(ctx)
	if err != nil {
		return err
	}
	_, err = tx.NewUpdate().Model((*record)(nil)).Set("columns = NULL").Where("id = ?", id).Exec(ctx)
	return err
}

// erase erases the rows of an import and the verdicts about them.
func erase(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	if _, err := tx.NewDelete().Model((*chunk)(nil)).Where("import_id = ?", id).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.NewUpdate().Model((*record)(nil)).Set("columns = NULL").Set("erase_at = NULL").Where("id = ?", id).Exec(ctx)
	return err
}

// due returns the imports whose rows are to be erased.
func due(ctx context.Context, db bun.IDB, now time.Time) (list []record, err error) {
	err = db.NewSelect().Model(&list).ExcludeColumn("columns").Where("erase_at <= ?", now).Order("erase_at").Limit(100).Scan(ctx)
	return list, err
}

// importLock is the advisory lock under which rows are added ("imports" in ASCII), so that of two imports with the same row
// the second sees that the first has added it. On SQLite there is one writer anyway.
const importLock = 0x696d706f727473

func lockImports(ctx context.Context, db *store.DB, tx bun.IDB) error {
	if !db.IsPostgres() {
		return nil
	}
	// Raw SQL: a function of PostgreSQL. The lock ends with the tx.
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?)", int64(importLock))
	return err
}
