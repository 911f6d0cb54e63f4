package customerimport

import (
	"context"
	"errors"
	"io"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/spreadsheet"
	"kontor/app/store"
)

// uploadChunks is how many chunks are written in one tx.
const uploadChunks = 10

// Upload takes a file: a CSV file or an Excel workbook, with headers in its first row. Its columns are mapped by their
// headers. Files of the caller that wait for a decision are given up. Errors: Forbidden; those of package spreadsheet,
// ErrEmpty, ErrHeaders.
func (s *Service) Upload(ctx context.Context, c account.Caller, file []byte) (imp Import, err error) {
	if err := s.require(c); err != nil {
		return Import{}, err
	}
	table, closed, err := spreadsheet.Open(file)
	if err != nil {
		return Import{}, err
	}
	defer func() { err = errors.Join(err, closed()) }()
	columns, err := headersOf(table)
	if err != nil {
		return Import{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Import{}, err
	}
	now := s.o.Now()
	until := now.Add(Life)
	r := record{ID: id, State: uploading, RequestedBy: c.ID, RequestedAt: now, EraseAt: &until}
	if err := s.begin(ctx, r); err != nil {
		return Import{}, err
	}
	if err := s.stage(ctx, &r, table, columns); err != nil {
		ctx := context.WithoutCancel(ctx)
		return Import{}, errors.Join(err, s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.drop(ctx, tx, r.ID) }))
	}
	return s.Get(ctx, c, id)
}

// uploading is the state of an import whose rows are not all there. Nobody sees it: a process that dies meanwhile leaves
// it, and its rows are erased like those of others.
const uploading State = "uploading"

// headersOf reads the first row that is not empty.
func headersOf(table spreadsheet.Reader) ([]Column, error) {
	for {
		row, err := table.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, ErrEmpty
		case err != nil:
			return nil, err
		case row.Problem == spreadsheet.Columns:
			return nil, spreadsheet.ErrColumns
		case row.Problem != "":
			return nil, ErrHeaders
		case !row.Empty():
			return guess(row.Cells), nil
		}
	}
}

// begin writes an import and gives up those of the same person that wait.
func (s *Service) begin(ctx context.Context, r record) error {
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var waiting []record
		err := tx.NewSelect().Model(&waiting).Column("id").Where("requested_by = ?", r.RequestedBy).
			Where("state IN (?)", bun.List([]State{Mapping, Checked})).Scan(ctx)
		if err != nil {
			return err
		}
		for _, w := range waiting {
			if err := s.cancelled(ctx, tx, w.ID); err != nil {
				return err
			}
		}
		_, err = tx.NewInsert().Model(&r).Exec(ctx)
		return err
	})
}

// stage writes the rows of a file. Empty ones are left out.
func (s *Service) stage(ctx context.Context, r *record, table spreadsheet.Reader, columns []Column) error {
	var chunks []chunk
	var rows []spreadsheet.Row
	full := func() error {
		sealed, err := s.seal(sealedRows, rows)
		chunks = append(chunks, chunk{ImportID: r.ID, Number: r.Chunks, Cells: sealed})
		r.Chunks, r.TotalRows, rows = r.Chunks+1, r.TotalRows+int64(len(rows)), rows[:0]
		return err
	}
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if row.Empty() {
			continue
		}
		if r.TotalRows == 0 {
			exemplify(columns, row.Cells)
		}
		if rows = append(rows, row); len(rows) < s.chunk {
			continue
		}
		if err := full(); err != nil {
			return err
		}
		if len(chunks) == uploadChunks {
			if err := s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return store.InsertAll(ctx, tx, chunks) }); err != nil {
				return err
			}
			chunks = nil
		}
	}
	if len(rows) > 0 {
		if err := full(); err != nil {
			return err
		}
	}
	if r.TotalRows == 0 {
		return ErrEmpty
	}
	var err error
	if r.Columns, err = s.seal(sealedColumns, columns); err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := store.InsertAll(ctx, tx, chunks); err != nil {
			return err
		}
		return advance(ctx, tx, *r, func(q *bun.UpdateQuery) {
			q.Set("state = ?", Mapping).Set("columns = ?", r.Columns).Set("chunks = ?", r.Chunks).Set("total_rows = ?", r.TotalRows)
		})
	})
}

// exemplify notes the first value of each column.
func exemplify(columns []Column, cells []string) {
	for i, c := range cells {
		if i < len(columns) && columns[i].Example == "" {
			columns[i].Example = cut(c)
		}
	}
}

// cut shortens a value that is only to be recognised.
func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
