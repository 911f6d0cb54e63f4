package spreadsheet

import (
	"archive/zip"
	"bufio"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Writer writes a table.
type Writer interface {
	Write(cells []string) error
	// Close writes what is left. It does not close what is written to.
	Close() error
}

type csvWriter struct{ w *csv.Writer }

// WriteCSV writes CSV that spreadsheets open without questions: UTF-8 with a byte order mark and the separator that they
// expect in a language. No cell is run as a formula (S40).
func WriteCSV(to io.Writer, separator rune) (Writer, error) {
	if _, err := io.WriteString(to, "\ufeff"); err != nil {
		return nil, err
	}
	w := csv.NewWriter(to)
	w.UseCRLF, w.Comma = true, separator
	return csvWriter{w}, nil
}

// Write writes a row.
func (c csvWriter) Write(cells []string) error {
	plain := make([]string, len(cells))
	for i, cell := range cells {
		plain[i] = PlainCell(cell)
	}
	return c.w.Write(plain)
}

// Close writes what is left.
func (c csvWriter) Close() error {
	c.w.Flush()
	return c.w.Error()
}

// workbookWriter writes a workbook with one sheet. It is no more than rows of text, so it is written here rather than by
// excelize, which keeps long sheets in a temporary file.
type workbookWriter struct {
	archive *zip.Writer
	sheet   *bufio.Writer
	rows    int
}

// part is a file of the archive that a workbook is.
type part struct{ name, content string }

// workbookParts are the parts of a workbook besides its sheet. Style 1 is text in bold, style 0 and 1 are of the format "text".
var workbookParts = []part{
	{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="application/xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` +
		`<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>` +
		`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`},
	{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" ` +
		`Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
	{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>` +
		`<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`},
	{"xl/styles.xml", `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">` +
		`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
		`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
		`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
		`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
		`<cellXfs count="2"><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
		`<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/></cellXfs>` +
		`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`},
}

// WriteWorkbook writes an Excel workbook with one sheet. The first row is written in bold and stays in view. All cells are
// text, so nothing is run as a formula and no postal code loses its zero.
func WriteWorkbook(to io.Writer, sheet string) (Writer, error) {
	w := &workbookWriter{archive: zip.NewWriter(to)}
	var name strings.Builder
	if err := xml.EscapeText(&name, []byte(sheetName(sheet))); err != nil {
		return nil, err
	}
	parts := slices.Concat(workbookParts, []part{{
		"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" ` +
			`xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="` + name.String() +
			`" sheetId="1" r:id="rId1"/></sheets></workbook>`,
	}})
	for _, part := range parts {
		p, err := w.archive.Create(part.name)
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(p, xml.Header+part.content); err != nil {
			return nil, err
		}
	}
	p, err := w.archive.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return nil, err
	}
	w.sheet = bufio.NewWriterSize(p, 64<<10)
	_, err = w.sheet.WriteString(xml.Header + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews>` +
		`<sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>` +
		`<sheetFormatPr defaultRowHeight="15"/><cols><col min="1" max="` + strconv.Itoa(MaxColumns) + `" width="20" style="0" customWidth="1"/></cols><sheetData>`)
	return w, err
}

// sheetName returns a name as Excel takes it.
func sheetName(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`[]:*?/\'`, r) {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 31 {
		s = string(r[:31])
	}
	return s
}

// escapes is what Excel reads as a character with a number. Its first underscore is written as such a character.
var escapes = regexp.MustCompile(`_(x[0-9A-Fa-f]{4}_)`)

// errTooManyRows says that a sheet can't have more rows.
var errTooManyRows = errors.New("spreadsheet: a sheet has at most 1,048,576 rows")

// Write writes a row.
func (w *workbookWriter) Write(cells []string) error {
	if w.rows++; w.rows > 1<<20 {
		return errTooManyRows
	}
	row, style := strconv.Itoa(w.rows), "0"
	if w.rows == 1 {
		style = "1"
	}
	_, _ = w.sheet.WriteString(`<row r="` + row + `">`) // errors stay until Flush
	for i, cell := range cells {
		if cell == "" {
			continue
		}
		if utf8.RuneCountInString(cell) > MaxCell {
			cell = string([]rune(cell)[:MaxCell])
		}
		_, _ = w.sheet.WriteString(`<c r="` + columnName(i) + row + `" s="` + style + `" t="inlineStr"><is><t xml:space="preserve">`)
		if err := xml.EscapeText(w.sheet, []byte(escapes.ReplaceAllString(cell, "_x005F_$1"))); err != nil {
			return err
		}
		_, _ = w.sheet.WriteString(`</t></is></c>`)
	}
	_, err := w.sheet.WriteString(`</row>`)
	return err
}

// columnName is the name of a column: A, B, …, Z, AA, …
func columnName(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return columnName(i/26-1) + string(rune('A'+i%26))
}

// Close writes what is left.
func (w *workbookWriter) Close() error {
	if _, err := w.sheet.WriteString(`</sheetData></worksheet>`); err != nil {
		return err
	}
	return errors.Join(w.sheet.Flush(), w.archive.Close())
}
