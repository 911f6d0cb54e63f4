package customerimport

import (
	"context"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/customer"
	"kontor/app/spreadsheet"
)

// PageSize is how many rows a page of verdicts has.
const PageSize = 50

// Page is a page of rows with their verdicts.
type Page struct {
	Lines       []Line
	From, Total int64 // the number of the first one, from 1 on, and of all
	More        bool
}

// Verdicts returns a page of the rows of an import that was checked, beginning with the number from (0 is the first),
// restricted to a verdict ("": all). Errors: Forbidden, ErrNotFound.
func (s *Service) Verdicts(ctx context.Context, c account.Caller, id uuid.UUID, only Verdict, from int64) (p Page, err error) {
	r, err := s.load(ctx, s.o.DB, c, id)
	if err != nil {
		return p, err
	}
	chunks, err := outline(ctx, s.o.DB, id, "counts")
	if err != nil {
		return p, err
	}
	of := func(n counts) (sum int64) {
		for v, k := range n {
			if only == "" || v == only {
				sum += k
			}
		}
		return sum
	}
	var wanted []int // the chunks that the page shows some of
	skip := int64(-1)
	for _, ch := range chunks {
		n := of(parseCounts(ch.Counts))
		if n > 0 && p.Total+n > from && p.Total < from+PageSize {
			if skip < 0 {
				skip = from - p.Total
			}
			wanted = append(wanted, ch.Number)
		}
		p.Total += n
	}
	p.From, p.More = from+1, from+PageSize < p.Total
	for _, number := range wanted {
		lines, err := s.lines(ctx, r, number)
		if err != nil {
			return Page{}, err
		}
		for _, l := range lines {
			switch {
			case only != "" && l.Verdict != only:
			case skip > 0:
				skip--
			case len(p.Lines) < PageSize:
				p.Lines = append(p.Lines, l)
			}
		}
	}
	return p, s.identify(ctx, c, p.Lines)
}

// lines returns the rows of a chunk with their verdicts.
func (s *Service) lines(ctx context.Context, r record, number int) ([]Line, error) {
	chunks, err := chunksAt(ctx, s.o.DB, r.ID, number, 1)
	if err != nil || len(chunks) == 0 || chunks[0].Number != number {
		return nil, err
	}
	columns, err := s.columns(r)
	if err != nil {
		return nil, err
	}
	marks, rows, err := s.opened(chunks[0])
	if err != nil {
		return nil, err
	}
	lines := make([]Line, len(marks))
	for i, m := range marks {
		lines[i].Mark = m
		if i < len(rows) {
			lines[i].Cells = rows[i].Cells
			lines[i].Values = reader{columns}.values(rows[i].Cells)
			c := reader{columns}.read(rows[i].Cells)
			lines[i].Name = customer.Customer{Type: c.draft.Type, Data: c.draft.Data}.Name()
		}
	}
	return lines, nil
}

// opened returns the verdicts and the rows of a chunk, as far as they are not erased.
func (s *Service) opened(ch chunk) (marks []Mark, rows []spreadsheet.Row, err error) {
	if err := s.open(sealedMarks, ch.Verdicts, &marks); err != nil {
		return nil, nil, err
	}
	return marks, rows, s.open(sealedRows, ch.Cells, &rows)
}

// identify adds the customers that the caller may read.
func (s *Service) identify(ctx context.Context, c account.Caller, lines []Line) error {
	var ids []uuid.UUID
	for _, l := range lines {
		ids = append(ids, l.Customers...)
	}
	known, err := s.o.Customers.Rows(ctx, c, ids)
	if err != nil {
		return err
	}
	for i := range lines {
		for _, id := range lines[i].Customers {
			if row, may := known[id]; may {
				lines[i].Known = append(lines[i].Known, row)
			}
		}
	}
	return nil
}

// Each calls f for each row with its verdict, in the order of the file. Errors: Forbidden, ErrNotFound; those of f.
func (s *Service) Each(ctx context.Context, c account.Caller, id uuid.UUID, f func(columns []Column, l Line) error) error {
	r, err := s.load(ctx, s.o.DB, c, id)
	if err != nil {
		return err
	}
	columns, err := s.columns(r)
	if err != nil {
		return err
	}
	for number := range r.Chunks {
		lines, err := s.lines(ctx, r, number)
		if err != nil {
			return err
		}
		if err := s.identify(ctx, c, lines); err != nil {
			return err
		}
		for _, l := range lines {
			if err := f(columns, l); err != nil {
				return err
			}
		}
	}
	return nil
}
