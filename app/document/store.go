package document

import (
	"context"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/blob"
	"kontor/app/store"
)

// record is a row of the table element.
type record struct {
	bun.BaseModel `bun:"table:element"`

	ID            uuid.UUID     `bun:"id,pk"`
	TransactionID uuid.UUID     `bun:"transaction_id"`
	CustomerID    uuid.UUID     `bun:"customer_id"`
	ParentID      uuid.NullUUID `bun:"parent_id"`
	Position      int           `bun:"position"`
	Type          Type          `bun:"type"`
	Name          string        `bun:"name"`
	NameFolded    string        `bun:"name_folded"`
	Help          string        `bun:"help"`
	Planned       bool          `bun:"planned"`
	Internal      bool          `bun:"internal"`
	Extensible    bool          `bun:"extensible"`
	Optional      bool          `bun:"optional"`
	Duplicable    bool          `bun:"duplicable"`
	Answer        Answer        `bun:"answer"`
	Required      bool          `bun:"required"`
	Due           string        `bun:"due"`
	Types         string        `bun:"types"`
	State         State         `bun:"state"`
	Version       int           `bun:"version"`
	CreatedBy     uuid.NullUUID `bun:"created_by"`
	CreatedAt     time.Time     `bun:"created_at"`
}

// row is an element as it is read, with the version that counts.
type row struct {
	record `bun:",extend"`

	Reason     string     `bun:"reason"`
	Reviewer   string     `bun:"reviewer"`
	ReviewedAt *time.Time `bun:"reviewed_at"`
	Versions   int        `bun:"versions"`
	TrashedAt  *time.Time `bun:"trashed_at"`

	versionRow `bun:",extend"`
}

// versionRow is a version as it is read. Its columns have names of their own, for queries that read the element, too.
type versionRow struct {
	VersionID     uuid.NullUUID `bun:"v_id"`
	Number        int           `bun:"v_number"`
	BlobID        uuid.NullUUID `bun:"v_blob"`
	File          string        `bun:"v_file"`
	Text          []byte        `bun:"v_text"`
	NotApplicable bool          `bun:"v_not_applicable"`
	Firm          bool          `bun:"v_firm"`
	ByID          uuid.NullUUID `bun:"v_by_id"`
	By            string        `bun:"v_by"`
	At            *time.Time    `bun:"v_at"`
	Size          int64         `bun:"v_size"`
	MediaType     string        `bun:"v_type"`
	Scan          blob.Scan     `bun:"v_scan"`
}

// versionColumns are the columns of versionRow, from the tables v (element_version), b (blob) and p (account of who gave it).
const versionColumns = `v.id AS v_id, COALESCE(v.number, 0) AS v_number, v.blob_id AS v_blob, COALESCE(v.file, '') AS v_file, v.answer AS v_text,
	COALESCE(v.not_applicable, FALSE) AS v_not_applicable, COALESCE(v.firm, FALSE) AS v_firm, v.created_by AS v_by_id,
	COALESCE(p.name, '') AS v_by, v.created_at AS v_at, COALESCE(b.size, 0) AS v_size, COALESCE(b.type, '') AS v_type, COALESCE(b.scan, '') AS v_scan`

func (r versionRow) version() *Version {
	if !r.VersionID.Valid {
		return nil
	}
	return &Version{
		ID: r.VersionID.UUID, Number: r.Number, BlobID: r.BlobID.UUID, File: r.File, Size: r.Size, Type: r.MediaType, Scan: r.Scan, Text: string(r.Text),
		NotApplicable: r.NotApplicable, Firm: r.Firm, By: r.By, ByID: r.ByID.UUID, At: *r.At,
	}
}

func (r row) element() Element {
	return Element{
		ID: r.ID, TransactionID: r.TransactionID, CustomerID: r.CustomerID, ParentID: r.ParentID.UUID, Position: r.Position, Type: r.Type,
		Name: r.Name, Help: r.Help, Planned: r.Planned, OwnInternal: r.Internal,
		Options: Options{Extensible: r.Extensible, Optional: r.Optional, Duplicable: r.Duplicable},
		Answer:  r.Answer, Required: r.Required, Due: r.Due, Types: strings.Fields(r.Types), State: r.State, Reason: r.Reason,
		Reviewer: r.Reviewer, Reviewed: r.ReviewedAt, Latest: r.version(), Versions: r.Versions, Version: r.Version, Trashed: r.TrashedAt,
	}
}

// rows selects elements with the version that counts.
func rows(db bun.IDB) *bun.SelectQuery {
	return db.NewSelect().TableExpr(`element AS e`).
		ColumnExpr(`e.id, e.transaction_id, e.customer_id, e.parent_id, e.position, e.type, e.name, e.help, e.planned, e.internal, e.extensible,
			e.optional, e.duplicable, e.answer, e.required, e.due, e.types, e.state, e.version, e.reason, e.reviewed_at, e.versions, e.trashed_at`).
		ColumnExpr(`COALESCE(r.name, '') AS reviewer`).ColumnExpr(versionColumns).
		Join(`LEFT JOIN element_version AS v ON v.id = e.latest_id`).Join(`LEFT JOIN blob AS b ON b.id = v.blob_id`).
		Join(`LEFT JOIN account AS p ON p.id = v.created_by`).Join(`LEFT JOIN account AS r ON r.id = e.reviewed_by`)
}

// elements reads the elements of a transaction that are not in the trash, in no order.
func elements(ctx context.Context, db bun.IDB, transactionID uuid.UUID) ([]Element, error) {
	return scanned(ctx, rows(db).Where(`e.transaction_id = ?`, transactionID).Where(`e.trashed_at IS NULL`))
}

func scanned(ctx context.Context, q *bun.SelectQuery) ([]Element, error) {
	var list []row
	if err := q.Scan(ctx, &list); err != nil {
		return nil, err
	}
	found := make([]Element, len(list))
	for i, r := range list {
		found[i] = r.element()
	}
	return found, nil
}

// transactionOf returns the transaction of an element; ErrNotFound.
func transactionOf(ctx context.Context, db bun.IDB, id uuid.UUID) (transactionID uuid.UUID, err error) {
	err = db.NewSelect().Table("element").Column("transaction_id").Where(`id = ?`, id).Scan(ctx, &transactionID)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return transactionID, err
}

// insertElement adds an element behind those with the same parent. ErrNameTaken.
func (s *Service) insertElement(ctx context.Context, tx bun.Tx, r record) (uuid.UUID, error) {
	var err error
	if r.ID, err = uuid.NewV7(); err != nil {
		return r.ID, err
	}
	r.NameFolded, r.Version, r.CreatedAt = store.FoldName(r.Name), 1, s.Now()
	if r.Type == Slot {
		r.State = Open
	}
	if err := nameFree(ctx, tx, r); err != nil {
		return r.ID, err
	}
	_, err = tx.NewInsert().Model(&r).Returning("NULL").Exec(ctx)
	return r.ID, err
}

// nameFree returns ErrNameTaken if another element with the same parent has the name. The transaction is held, so nobody takes it
// meanwhile.
func nameFree(ctx context.Context, tx bun.Tx, r record) error {
	q := tx.NewSelect().Table("element").Where(`transaction_id = ?`, r.TransactionID).Where(`name_folded = ?`, r.NameFolded).
		Where(`trashed_at IS NULL`).Where(`id <> ?`, r.ID)
	if r.ParentID.Valid {
		q.Where(`parent_id = ?`, r.ParentID)
	} else {
		q.Where(`parent_id IS NULL`)
	}
	taken, err := q.Exists(ctx)
	if err == nil && taken {
		err = ErrNameTaken.With("name", r.Name)
	}
	return err
}

// given is something that was given for an element.
type given struct {
	blobID        uuid.UUID
	file          string
	text          string
	notApplicable bool
}

// give records what was given, and makes it the version that counts.
func (s *Service) give(ctx context.Context, tx bun.Tx, by giver, e Element, g given) (id uuid.UUID, err error) {
	if id, err = uuid.NewV7(); err != nil {
		return id, err
	}
	number := e.Versions + 1
	values := map[string]any{
		"id": id, "element_id": e.ID, "customer_id": e.CustomerID, "number": number, "blob_id": store.NullID(g.blobID), "file": g.file,
		"not_applicable": g.notApplicable, "firm": by.firm, "created_by": store.NullID(by.id), "created_at": s.Now(),
	}
	if g.text != "" {
		if values["answer"], err = s.Blobs.Seal(ctx, tx, e.CustomerID, id.String(), g.text); err != nil {
			return id, err
		}
	}
	if _, err := tx.NewInsert().Model(&values).Table("element_version").Exec(ctx); err != nil {
		return id, err
	}
	state := e.State
	if e.Type == Slot {
		state = Answered
	}
	_, err = tx.NewUpdate().Table("element").Set(`latest_id = ?`, id).Set(`versions = ?`, number).Set(`state = ?`, state).
		Set(`reason = ''`).Set(`reviewed_by = NULL`).Set(`reviewed_at = NULL`).Set(`version = version + 1`).Where(`id = ?`, e.ID).Exec(ctx)
	return id, err
}

// giver is who gives something.
type giver struct {
	id   uuid.UUID
	firm bool
}

// versions reads what was given for an element, the latest first.
func versions(ctx context.Context, db bun.IDB, elementID uuid.UUID) (list []Version, err error) {
	var found []versionRow
	err = db.NewSelect().TableExpr(`element_version AS v`).ColumnExpr(versionColumns).Join(`LEFT JOIN blob AS b ON b.id = v.blob_id`).
		Join(`LEFT JOIN account AS p ON p.id = v.created_by`).Where(`v.element_id = ?`, elementID).OrderExpr(`v.number DESC`).Scan(ctx, &found)
	for _, r := range found {
		list = append(list, *r.version())
	}
	return list, err
}

// updateElement changes columns of an element.
func updateElement(ctx context.Context, tx bun.Tx, id uuid.UUID, set map[string]any) error {
	q := tx.NewUpdate().Table("element").Set(`version = version + 1`).Where(`id = ?`, id)
	for column, value := range set {
		q.Set(`? = ?`, bun.Ident(column), value)
	}
	_, err := q.Exec(ctx)
	return err
}

// isInternal says whether an element, or a folder in which it is, is internal.
func isInternal(ctx context.Context, db bun.IDB, id uuid.UUID) (internal bool, err error) {
	// Raw SQL: the query is recursive, since folders are in folders.
	err = db.NewRaw(`WITH RECURSIVE above AS (
		SELECT parent_id, internal FROM element WHERE id = ?
		UNION ALL SELECT p.parent_id, p.internal FROM element AS p JOIN above AS a ON p.id = a.parent_id
	) SELECT EXISTS (SELECT 1 FROM above WHERE internal)`, id).Scan(ctx, &internal)
	return internal, err
}
