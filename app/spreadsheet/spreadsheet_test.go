package spreadsheet

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// all reads a file to its end. A row is "number: cell|cell", or "number! problem".
func all(t testing.TB, file []byte) (rows []string, err error) {
	t.Helper()
	r, closed, err := Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { assert.NoError(t, closed()) }()
	for {
		row, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return rows, err
		case row.Problem != "":
			rows = append(rows, fmt.Sprintf("%d! %s", row.Number, row.Problem))
		default:
			rows = append(rows, fmt.Sprintf("%d: %s", row.Number, strings.Join(row.Cells, "|")))
		}
	}
}

func encoded(t *testing.T, s string, e interface {
	String(string) (string, error)
}) string {
	t.Helper()
	out, err := e.String(s)
	require.NoError(t, err)
	return out
}

// TestReadCSV: every form of CSV that programs write is read, and a broken row costs only itself.
func TestReadCSV(t *testing.T) {
	cells := []string{"1: Name|Ort", "2: Müller|Köln"}
	utf16 := func(e unicode.Endianness) string {
		return encoded(t, "Name;Ort\r\nMüller;Köln\r\n", unicode.UTF16(e, unicode.UseBOM).NewEncoder())
	}
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"semicolons":            {"Name;Ort\r\nMüller;Köln\r\n", cells},
		"commas":                {"Name,Ort\nMüller,Köln", cells},
		"tabs":                  {"Name\tOrt\nMüller\tKöln\n", cells},
		"commas in cells":       {"Name;\"Ort, oder, nicht\"\nMüller;Köln", []string{"1: Name|Ort, oder, nicht", "2: Müller|Köln"}},
		"said":                  {"sep=,\nA,B;C;D;E\n1,2", []string{"1: ", "2: A|B;C;D;E", "3: 1|2"}},
		"byte order mark":       {"\xef\xbb\xbfName;Ort\nMüller;Köln", cells},
		"UTF-16 LE":             {utf16(unicode.LittleEndian), cells},
		"UTF-16 BE":             {utf16(unicode.BigEndian), cells},
		"Windows-1252":          {encoded(t, "Name;Ort\r\nMüller;Köln\r\n", charmap.Windows1252.NewEncoder()), cells},
		"euro in Windows-1252":  {"a;b\n5 \x80;\x81", []string{"1: a|b", "2: 5 €|\u0081"}},
		"both encodings":        {"Name;Ort\nM\xfcller;K\xf6ln\nMüller;Köln", []string{"1: Name|Ort", "2: Müller|Köln", "3: Müller|Köln"}},
		"mixed line ends":       {"A;B\r\n1;2\r3;4\n5;6\r\n", []string{"1: A|B", "2: 1|2", "3: 3|4", "4: 5|6"}},
		"empty lines":           {"A;B\n\n;;\n1;2\n\n", []string{"1: A|B", "2: ", "3: ", "4: 1|2", "5: "}},
		"quotes":                {"A;B\n\"1;\"\"x\"\"\";\"2\"\n\"\";3", []string{"1: A|B", "2: 1;\"x\"|2", "3: |3"}},
		"a quote inside":        {"A;B\nMax \"Mäxchen\" M;2", []string{"1: A|B", "2: Max \"Mäxchen\" M|2"}},
		"blank after a quote":   {"A;B\n\"1\" ;2", []string{"1: A|B", "2: 1|2"}},
		"several lines":         {"A;B\n\"1\r\n2\r3\";4\n5;6", []string{"1: A|B", "2: 1\n2\n3|4", "3: 5|6"}},
		"broken in the middle":  {"A;B\n1;2\n3;\"4\n5;6\n7;8", []string{"1: A|B", "2: 1|2", "3! quotes", "4: 5|6", "5: 7|8"}},
		"broken before a quote": {"A;B\n3;\"4\n\"5\";6\n7;8", []string{"1: A|B", "2! quotes", "3: 5|6", "4: 7|8"}},
		"quote in the middle":   {"A;B\n\"3\"x;4\n7;8", []string{"1: A|B", "2! quotes", "3: 7|8"}},
		"formulas of ours":      {"A;B\n'=1+1;'+49 30\n''=1;'x", []string{"1: A|B", "2: =1+1|+49 30", "3: '=1|'x"}},
		"NUL in a cell":         {"A;B\n1\x00;2", []string{"1: A|B", "2: 1\x00|2"}},
		"no rows":               {"", nil},
		"200 columns":           {strings.Repeat("a;", 199) + "a", []string{"1: " + strings.Repeat("a|", 199) + "a"}},
		"201 columns":           {"a;b\n" + strings.Repeat("a;", 200) + "a\n1;2", []string{"1: a|b", "2! columns", "3: 1|2"}},
		"empty columns":         {"a;b" + strings.Repeat(";", 500), []string{"1: a|b"}},
		"a long cell":           {"a;b\n1;" + strings.Repeat("ä", MaxCell+1) + "\n3;4", []string{"1: a|b", "2! too_long", "3: 3|4"}},
		"the longest cell":      {"a\n" + strings.Repeat("ä", MaxCell), []string{"1: a", "2: " + strings.Repeat("ä", MaxCell)}},
		"a long line":           {"a\n" + strings.Repeat("x", 3<<20) + "\nb", []string{"1: a", "2! too_long", "3: b"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := all(t, []byte(c.in))
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

// TestNoTable: what is no table is refused with an error that says why.
func TestNoTable(t *testing.T) {
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"an image":           {[]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x01"), ErrText},
		"UTF-16 unmarked":    {[]byte("A\x00;\x00B\x00\n\x00"), ErrText},
		"old Excel":          {[]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest"), ErrOldExcel},
		"a broken workbook":  {[]byte("PK\x03\x04and so on"), ErrBroken},
		"an empty archive":   {[]byte("PK\x05\x06" + strings.Repeat("\x00", 18)), ErrBroken},
		"a bomb":             {bomb(t, 1, maxUnpacked+1), ErrUnpacked},
		"a bomb in parts":    {bomb(t, 4, maxUnpacked/4+1), ErrUnpacked},
		"a bomb of parts":    {bomb(t, maxParts+1, 0), ErrUnpacked},
		"a bomb that lies":   {lying(t), ErrBroken},
		"a cut workbook":     {workbookOf(t, [][]string{{"a"}})[:200], ErrBroken},
		"a workbook of text": {archive(t, map[string]string{"xl/workbook.xml": "text"}), ErrBroken},
	} {
		_, err := all(t, c.in)
		require.ErrorIs(t, err, c.want, name)
	}
}

// TestMaxRows: a file has at most MaxRows lines.
func TestMaxRows(t *testing.T) {
	r := NewCSV(strings.NewReader(strings.Repeat("a\n", MaxRows+1)))
	for range MaxRows {
		_, err := r.Next()
		require.NoError(t, err)
	}
	_, err := r.Next()
	require.ErrorIs(t, err, ErrRows)
}

// bomb is an archive whose parts unpack to so many bytes each.
func bomb(t *testing.T, parts int, size int64) []byte { return bombThatSays(t, parts, size, size) }

// lying is a bomb whose directory says that it is small.
func lying(t *testing.T) []byte { return bombThatSays(t, 1, 64<<20, 100) }

// bombThatSays is a bomb whose directory says another size. The same compressed block of zeros is repeated, as compressing so
// many takes long.
func bombThatSays(t *testing.T, parts int, size, said int64) []byte {
	t.Helper()
	var b, block, end bytes.Buffer
	deflate, err := flate.NewWriter(&block, flate.BestSpeed)
	require.NoError(t, err)
	_, err = deflate.Write(make([]byte, 1<<20))
	require.NoError(t, err)
	require.NoError(t, deflate.Flush())
	deflate.Reset(&end)
	_, err = deflate.Write(make([]byte, size%(1<<20)))
	require.NoError(t, err)
	require.NoError(t, deflate.Close())
	packed := append(bytes.Repeat(block.Bytes(), int(size>>20)), end.Bytes()...)

	w := zip.NewWriter(&b)
	for i := range parts {
		p, err := w.CreateRaw(&zip.FileHeader{
			Name: fmt.Sprintf("xl/worksheets/sheet%d.xml", i+1), Method: zip.Deflate,
			CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(said),
		})
		require.NoError(t, err)
		_, err = p.Write(packed)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func archive(t *testing.T, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range parts {
		p, err := w.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(p, content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func workbookOf(t *testing.T, rows [][]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := WriteWorkbook(&b, "Kunden: alle/neu")
	require.NoError(t, err)
	for _, r := range rows {
		require.NoError(t, w.Write(r))
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// TestReadWorkbook: the cells of Excel are read as a person sees them.
func TestReadWorkbook(t *testing.T) {
	f := excelize.NewFile()
	style := func(format string, builtin int) int {
		s := &excelize.Style{NumFmt: builtin}
		if format != "" {
			s.CustomNumFmt = &format
		}
		id, err := f.NewStyle(s)
		require.NoError(t, err)
		return id
	}
	day := time.Date(1980, 12, 24, 0, 0, 0, 0, time.UTC)
	for cell, c := range map[string]struct {
		value any
		style int
	}{
		"A1": {"text", 0}, "A2": {"01234", 0}, "A3": {1234, style("00000", 0)}, "A4": {49301234, 0}, "A5": {491721234567, 0},
		"A6": {day, style("", 14)}, "A7": {day, style("dd.mm.yyyy", 0)}, "A8": {true, 0}, "A9": {"=1+1", 0}, "A11": {"after a gap", 0},
		"C2": {"third", 0}, "A12": {0.1 + 0.2, 0},
	} {
		require.NoError(t, f.SetCellValue("Sheet1", cell, c.value))
		if c.style > 0 {
			require.NoError(t, f.SetCellStyle("Sheet1", cell, cell, c.style))
		}
	}
	require.NoError(t, f.SetCellFormula("Sheet1", "A10", `HYPERLINK("http://evil.example","x")`))
	_, err := f.NewSheet("Second")
	require.NoError(t, err)
	b, err := f.WriteToBuffer()
	require.NoError(t, err)
	got, err := all(t, b.Bytes())
	require.NoError(t, err)
	assert.Equal(t, []string{
		"1: text", "2: 01234||third", "3: 01234", "4: 49301234", "5: 491721234567", "6: 1980-12-24", "7: 24.12.1980", "8: TRUE", "9: =1+1",
		"10: ", "11: after a gap", "12: 0.3",
	}, got)
}

// hard are values that a round must not change.
var hard = []string{
	"Müller & Söhne", "a;b,c\td", "\"quoted\"", "'=1", "''+1", "=1+1", "+49301234", "-1", "@x", "line\nbreak", "<b>", "01234", " blank ", "_x0041_", "'",
	"𝄞", "", "x",
}

// TestRounds: what is written is read again unchanged, and a spreadsheet runs none of it.
func TestRounds(t *testing.T) {
	rows := [][]string{{"one", "two"}, hard}
	want := []string{"1: one|two", "2: " + strings.Join(hard, "|")}
	for _, separator := range separators {
		var b bytes.Buffer
		w, err := WriteCSV(&b, separator)
		require.NoError(t, err)
		for _, r := range rows {
			require.NoError(t, w.Write(r))
		}
		require.NoError(t, w.Close())
		got, err := all(t, b.Bytes())
		require.NoError(t, err)
		assert.Equal(t, want, got, "%q", separator)
		assert.NotContains(t, b.String(), string(separator)+"=", "a formula")
	}
	got, err := all(t, workbookOf(t, rows))
	require.NoError(t, err)
	assert.Equal(t, want, got)

	f, err := excelize.OpenReader(bytes.NewReader(workbookOf(t, rows)))
	require.NoError(t, err)
	for i := range hard {
		cell, err := excelize.CoordinatesToCellName(i+1, 2)
		require.NoError(t, err)
		formula, err := f.GetCellFormula(f.GetSheetName(0), cell)
		require.NoError(t, err)
		assert.Empty(t, formula)
	}
}

// TestNothingInTempFolder: a large workbook is written and read without a temporary file.
func TestNothingInTempFolder(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	rows := [][]string{{"a", "b"}}
	for i := range 600 { // of a length that a cell can have: excelize uses files from 16 MiB
		rows = append(rows, []string{strings.Repeat("x", 32_000), fmt.Sprint(i)})
	}
	file := workbookOf(t, rows)
	r, closed, err := Open(file)
	require.NoError(t, err)
	n := 0
	for ; ; n++ {
		if _, err := r.Next(); err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		if n%200 == 0 {
			entries, err := os.ReadDir(folder)
			require.NoError(t, err)
			assert.Empty(t, entries)
		}
	}
	assert.Equal(t, len(rows), n)
	require.NoError(t, closed())
}

// TestWorkbookIsNotKept: a workbook is written as its rows come, neither into memory nor into a file, and ends where a
// sheet does.
func TestWorkbookIsNotKept(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	w, err := WriteWorkbook(io.Discard, "x")
	require.NoError(t, err)
	used := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	row := []string{strings.Repeat("x", 1000), "2"}
	var early int64
	for i := range 100_000 { // 100 MB
		require.NoError(t, w.Write(row))
		if i == 1000 {
			early = used()
		}
	}
	assert.Less(t, used()-early, int64(2<<20), "more memory after 100,000 rows than after 1,000, in bytes")
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Empty(t, entries)
	w.(*workbookWriter).rows = 1 << 20
	assert.ErrorIs(t, w.Write(row), errTooManyRows)
}

// TestCells: no cell is a formula, and TypedCell is the inverse of PlainCell.
func TestCells(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a=b": "a=b", "=1": "'=1", "+49": "'+49", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "Ä": "Ä", "'=1": "''=1", "'a": "'a",
	} {
		assert.Equal(t, want, PlainCell(in), "PlainCell(%q)", in)
		assert.Equal(t, in, TypedCell(want), "TypedCell(%q)", want)
	}
}

// FuzzReadCSV: whatever is read, it ends, within the limits, and rows are counted one by one.
func FuzzReadCSV(f *testing.F) {
	for _, s := range []string{"A;B\r\n1;2\r3;\"4\n5;6", "sep=,\na,b", "\xef\xbb\xbfa\tb", "\xff\xfea\x00", "\"", "'=1;\"\"\"\"", "a\x80;\x81"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) { wander(t, NewCSV(bytes.NewReader(file))) })
}

// FuzzReadWorkbook: a damaged workbook is refused, or read within the limits.
func FuzzReadWorkbook(f *testing.F) {
	var b bytes.Buffer
	w, err := WriteWorkbook(&b, "x")
	require.NoError(f, err)
	require.NoError(f, w.Write([]string{"a", "b"}))
	require.NoError(f, w.Close())
	f.Add(b.Bytes())
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := openWorkbook(file)
		if err != nil {
			assert.True(t, isFault(err), "%v", err)
			return
		}
		wander(t, r)
	})
}

func wander(t *testing.T, r Reader) {
	t.Helper()
	for n := 1; ; n++ {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			assert.True(t, isFault(err), "%v", err)
			return
		}
		assert.Equal(t, n, row.Number)
		assert.LessOrEqual(t, len(row.Cells), MaxColumns)
	}
}
