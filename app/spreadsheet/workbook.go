package spreadsheet

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"

	"github.com/xuri/excelize/v2"
)

const (
	// maxUnpacked is how much of a workbook may be unpacked, in bytes. It is all kept in memory: excelize would otherwise
	// write what is larger than its limit for XML into a temporary file.
	maxUnpacked = 256 << 20
	maxParts    = 5_000
)

// workbook reads the first sheet of an Excel workbook. Cells are read as a person sees them; dates without a form of their
// own as 2026-11-30.
type workbook struct {
	limited
	file *excelize.File
	rows *excelize.Rows
}

func openWorkbook(file []byte) (w *workbook, err error) {
	if err := measure(file); err != nil {
		return nil, err
	}
	defer func() { err = orBroken(err, recover()) }()
	f, err := excelize.OpenReader(bytes.NewReader(file), excelize.Options{
		UnzipSizeLimit: maxUnpacked, UnzipXMLSizeLimit: maxUnpacked, ShortDatePattern: "yyyy-mm-dd",
	})
	if err != nil {
		return nil, err
	}
	for _, sheet := range f.GetSheetList() {
		if visible, err := f.GetSheetVisible(sheet); err != nil || !visible {
			continue
		}
		rows, err := f.Rows(sheet)
		if err != nil { // a sheet with a diagram
			continue
		}
		return &workbook{file: f, rows: rows}, nil
	}
	_ = f.Close()
	return nil, ErrBroken
}

// measure refuses what would be too large, by the directory of the archive. Go's reader does not unpack more of a part
// than the directory says.
func measure(file []byte) error {
	archive, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return ErrBroken
	}
	if len(archive.File) > maxParts {
		return ErrUnpacked
	}
	total := uint64(0)
	for _, part := range archive.File {
		if part.UncompressedSize64 > maxUnpacked {
			return ErrUnpacked
		}
		if total += part.UncompressedSize64; total > maxUnpacked {
			return ErrUnpacked
		}
	}
	return nil
}

// orBroken turns every error of excelize, and every panic, into ErrBroken.
func orBroken(err error, panicked any) error {
	switch {
	case panicked != nil, err != nil && !isFault(err):
		return fmt.Errorf("%w", ErrBroken)
	}
	return err
}

// Next returns the next row.
func (w *workbook) Next() (row Row, err error) {
	defer func() {
		if p := recover(); p != nil {
			row, err = Row{}, ErrBroken
		}
	}()
	if !w.rows.Next() {
		if w.rows.Error() != nil {
			return Row{}, ErrBroken
		}
		return Row{}, io.EOF
	}
	if row.Number, err = w.next(); err != nil {
		return Row{}, err
	}
	cells, err := w.rows.Columns()
	if err != nil {
		return Row{}, ErrBroken
	}
	for i, c := range cells {
		cells[i] = string(bytes.ToValidUTF8([]byte(c), []byte("\ufffd")))
	}
	row.Cells, row.Problem = judge(cells)
	return row, nil
}

func (w *workbook) close() error {
	_ = w.rows.Close()
	return w.file.Close()
}
