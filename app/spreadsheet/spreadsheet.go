// Package spreadsheet reads and writes tables as CSV and as Excel workbooks (.xlsx). It knows nothing of what is in them.
//
// A table is read row by row, within limits. Nothing that is read or written lies in a temporary file.
package spreadsheet

import (
	"bytes"
	"errors"
	"strings"

	"kontor/app/fault"
)

// The limits of a table.
const (
	MaxColumns = 200
	MaxRows    = 1_000_000 // with the headers; an Excel sheet has 1,048,576
	// MaxCell is the length of a cell in characters, as in Excel.
	MaxCell = 32_767
)

// Problem says what is wrong with a row that could not be read. The other rows can. Text ids "row_problem.<problem>".
type Problem string

// The problems.
const (
	Quotes  Problem = "quotes"   // a quotation mark that does not end, or ends in the middle of a cell
	Columns Problem = "columns"  // more than MaxColumns cells
	TooLong Problem = "too_long" // a cell of more than MaxCell characters
)

// Problems lists them.
var Problems = []Problem{Quotes, Columns, TooLong}

// Row is a row of a table.
type Row struct {
	Number  int // as a spreadsheet program counts it; the first is 1
	Cells   []string
	Problem Problem // "": none
}

// Empty says whether nothing stands in the row.
func (r Row) Empty() bool {
	for _, c := range r.Cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return r.Problem == ""
}

// Reader reads a table.
type Reader interface {
	// Next returns the next row, which may be empty. Errors: io.EOF after the last row; ErrRows; for a workbook ErrBroken.
	Next() (Row, error)
}

var (
	// ErrText says that a file is neither text nor a workbook.
	ErrText = fault.At("file", "spreadsheet.no_text")
	// ErrOldExcel says that a file is a workbook of the format before .xlsx, or one that is protected with a password.
	ErrOldExcel = fault.At("file", "spreadsheet.old_excel")
	// ErrBroken says that a file is no workbook or a damaged one.
	ErrBroken = fault.At("file", "spreadsheet.broken")
	// ErrUnpacked says that a workbook is too large when it is unpacked.
	ErrUnpacked = fault.At("file", "spreadsheet.unpacked")
	// ErrRows says that a table has more than MaxRows rows.
	ErrRows = fault.At("file", "spreadsheet.rows").With("max", MaxRows)
	// ErrColumns says that a table has more than MaxColumns columns.
	ErrColumns = fault.At("file", "spreadsheet.columns").With("max", MaxColumns)
)

// Open reads the first sheet of a workbook, or CSV. The content says which of both a file is, whatever its name.
// close ends reading. Errors: ErrOldExcel, ErrBroken, ErrUnpacked.
func Open(file []byte) (r Reader, closed func() error, err error) {
	switch {
	case bytes.HasPrefix(file, []byte("PK")):
		x, err := openWorkbook(file)
		if err != nil {
			return nil, nil, err
		}
		return x, x.close, nil
	case bytes.HasPrefix(file, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
		return nil, nil, ErrOldExcel
	}
	return NewCSV(bytes.NewReader(file)), func() error { return nil }, nil
}

// limited counts the rows of a table.
type limited struct{ rows int }

func (l *limited) next() (int, error) {
	if l.rows++; l.rows > MaxRows {
		return 0, ErrRows
	}
	return l.rows, nil
}

// judge returns what is wrong with the cells, which it leaves out then.
func judge(cells []string) ([]string, Problem) {
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) > MaxColumns {
		return nil, Columns
	}
	for _, c := range cells {
		if len(c) > MaxCell && len([]rune(c)) > MaxCell {
			return nil, TooLong
		}
	}
	return cells, ""
}

// isFault says whether a person can act on the error.
func isFault(err error) bool {
	var f *fault.Error
	return errors.As(err, &f)
}
