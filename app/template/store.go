package template

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/fault"
	"kontor/app/store"
)

// record is a row of the table template.
type record struct {
	bun.BaseModel `bun:"table:template"`

	Template
	NameFolded string         `bun:"name_folded"`
	Search     string         `bun:"search"`
	Draft      string         `bun:"draft"`
	Undo       *string        `bun:"undo"`
	Submission sql.NullString `bun:"submission"`
}

// versionRecord is a row of the table template_version.
type versionRecord struct {
	bun.BaseModel `bun:"table:template_version"`

	TemplateID uuid.UUID `bun:"template_id"`
	Version
	Outline string `bun:"outline"`
}

// tree decodes a structure.
func tree(stored string) (t Tree, err error) {
	err = json.Unmarshal([]byte(stored), &t)
	return t, err
}

func stored(t Tree) (string, error) {
	raw, err := json.Marshal(t)
	return string(raw), err
}

const columns = `id, name, kind, public, transaction_name, description, version, changed, revision, created_at, changed_at, retired_at`

// list returns the templates that a filter lets through, in the order of their names.
func (s *Service) list(ctx context.Context, db bun.IDB, f Filter) (list []Template, err error) {
	q := db.NewSelect().Table(`template`).ColumnExpr(columns).Order(`name_folded`, `id`)
	if f.Kind != "" {
		q.Where(`kind = ?`, f.Kind)
	}
	switch f.State {
	case Retired:
		q.Where(`retired_at IS NOT NULL`)
	case Active:
		q.Where(`retired_at IS NULL`).Where(`version > 0`)
	case Draft:
		q.Where(`retired_at IS NULL`).Where(`version = 0`)
	}
	for _, word := range strings.Fields(store.Fold(f.Query)) {
		q.Where(`?`, s.DB.Has(`search`, word))
	}
	err = q.Scan(ctx, &list)
	return list, err
}

// offered returns the templates from which a transaction of one of the kinds can be started now, with their structures.
func offered(ctx context.Context, db bun.IDB, kinds []string, onlyPublic bool) (rows []struct {
	Template
	Outline string `bun:"outline"`
}, err error,
) {
	q := db.NewSelect().TableExpr(`template AS t`).Join(`JOIN template_version AS v ON v.template_id = t.id AND v.number = t.version`).
		ColumnExpr(`t.id, t.name, t.kind, t.public, t.transaction_name, t.description, t.version, t.changed, t.revision`).
		ColumnExpr(`t.created_at, t.changed_at, t.retired_at, v.outline`).
		Where(`t.retired_at IS NULL`).Where(`t.kind IN (?)`, bun.List(kinds)).OrderExpr(`t.name_folded, t.id`)
	if onlyPublic {
		q.Where(`t.public`)
	}
	err = q.Scan(ctx, &rows)
	return rows, err
}

// find reads a template; ErrNotFound.
func find(ctx context.Context, db bun.IDB, id uuid.UUID) (r record, err error) {
	return one(ctx, db.NewSelect().Model(&r).Where(`id = ?`, id), &r)
}

// lock is find; until the end of the tx nobody else changes the template.
func (s *Service) lock(ctx context.Context, tx bun.Tx, id uuid.UUID) (r record, err error) {
	q := tx.NewSelect().Model(&r).Where(`id = ?`, id)
	if s.DB.IsPostgres() {
		q.For("UPDATE")
	}
	return one(ctx, q, &r)
}

func one(ctx context.Context, q *bun.SelectQuery, r *record) (record, error) {
	err := q.Scan(ctx)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return *r, err
}

// bySubmission returns the template that a form has added already; ErrNotFound, also for a form without a key.
func bySubmission(ctx context.Context, db bun.IDB, submission string) (r record, err error) {
	if submission == "" {
		return r, ErrNotFound
	}
	return one(ctx, db.NewSelect().Model(&r).Where(`submission = ?`, submission), &r)
}

func (s *Service) insert(ctx context.Context, tx bun.IDB, r record) error {
	n, err := tx.NewSelect().Table(`template`).Count(ctx)
	if err != nil {
		return err
	}
	if n >= MaxTemplates {
		return fault.New(fault.Conflict, "template.too_many").With("max", MaxTemplates)
	}
	_, err = tx.NewInsert().Model(&r).Returning("NULL").Exec(ctx)
	return nameTaken(err)
}

// update writes all columns of a template that was locked.
func update(ctx context.Context, tx bun.IDB, r record) error {
	_, err := tx.NewUpdate().Model(&r).ExcludeColumn("id", "submission", "created_at").Where(`id = ?`, r.ID).Exec(ctx)
	return nameTaken(err)
}

func nameTaken(err error) error {
	if store.IsUnique(err, "template.name_folded") {
		return fault.At("name", "template.name_taken")
	}
	return err
}

// takenNames returns the folded names of the active templates.
func takenNames(ctx context.Context, db bun.IDB) (map[string]bool, error) {
	var names []string
	err := db.NewSelect().Table(`template`).Column(`name_folded`).Where(`retired_at IS NULL`).Scan(ctx, &names)
	taken := make(map[string]bool, len(names))
	for _, name := range names {
		taken[name] = true
	}
	return taken, err
}

func insertVersion(ctx context.Context, tx bun.IDB, r versionRecord) error {
	_, err := tx.NewInsert().Model(&r).Returning("NULL").Exec(ctx)
	return err
}

// versions returns the versions of a template, the newest first.
func versions(ctx context.Context, db bun.IDB, id uuid.UUID) (list []Version, err error) {
	err = db.NewSelect().Table(`template_version`).Column(`number`, `comment`, `author`, `created_at`).
		Where(`template_id = ?`, id).Order(`number DESC`).Scan(ctx, &list)
	return list, err
}

// versionAt returns a version with its structure; ErrNoVersion.
func versionAt(ctx context.Context, db bun.IDB, id uuid.UUID, number int) (v Version, t Tree, err error) {
	var r versionRecord
	err = db.NewSelect().Model(&r).Where(`template_id = ?`, id).Where(`number = ?`, number).Scan(ctx)
	switch {
	case store.IsNoRows(err):
		return v, t, ErrNoVersion
	case err != nil:
		return v, t, err
	}
	t, err = tree(r.Outline)
	return r.Version, t, err
}

// touch counts a change of the template.
func (r *record) touch(now time.Time) {
	r.Revision++
	r.ChangedAt = now
}
