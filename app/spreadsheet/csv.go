package spreadsheet

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

const (
	// maxLine is the length of a line in bytes, maxLines how many lines a row may have: a cell can have line breaks.
	maxLine  = 1 << 20
	maxLines = 500
	// firstLook is how much of a file is looked at to find out its encoding.
	firstLook = 4 << 10
)

// csvReader reads CSV as programs and people write it: cells separated by semicolons, commas or tabs, whichever the first
// row has most of, or as a first line "sep=;" says; lines that end with CR LF, LF or CR, also mixed; UTF-8 or UTF-16 with
// a byte order mark, UTF-8 or Windows-1252 without one. A line that is not UTF-8 is taken for Windows-1252. The
// quotation mark of PlainCell is taken away.
//
// If quotation marks do not match, only the line with the first of them is lost: reading goes on with the next line.
type csvReader struct {
	limited
	lines     *bufio.Reader
	waiting   [][]byte // lines that were read already
	separator byte     // 0: not known yet
	binary    bool
}

// NewCSV reads CSV. Errors of Next: ErrText, ErrRows, io.EOF.
func NewCSV(from io.Reader) Reader {
	b := bufio.NewReaderSize(from, 64<<10)
	head, _ := b.Peek(firstLook)
	r := &csvReader{}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = b.Discard(3)
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		b = decoded(b, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM))
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		b = decoded(b, unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM))
	default:
		r.binary = isBinary(head)
	}
	r.lines = b
	return r
}

// isBinary says whether a file that begins so is an image or the like: it has many control characters. A few are a
// complaint about their cells.
func isBinary(head []byte) bool {
	n := 0
	for _, b := range head {
		if b < ' ' && b != '\t' && b != '\r' && b != '\n' {
			n++
		}
	}
	return n > 3 && n > len(head)/20
}

func decoded(from io.Reader, e encoding.Encoding) *bufio.Reader {
	return bufio.NewReaderSize(e.NewDecoder().Reader(from), 64<<10)
}

// Next returns the next row.
func (r *csvReader) Next() (Row, error) {
	if r.binary {
		return Row{}, ErrText
	}
	line, err := r.line()
	if err != nil {
		return Row{}, err
	}
	number, err := r.next()
	if err != nil {
		return Row{}, err
	}
	if r.separator == 0 {
		if said, ok := saidSeparator(line); ok && number == 1 {
			r.separator = said
			return Row{Number: number}, nil
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if bytes.IndexByte(line, 0) >= 0 {
				return Row{}, ErrText
			}
			r.separator = likelySeparator(line)
		}
	}
	row := Row{Number: number}
	cells, problem, err := r.record(line)
	if err != nil {
		return Row{}, err
	}
	if row.Problem = problem; problem == "" {
		row.Cells, row.Problem = judge(cells)
	}
	return row, nil
}

// record splits a line into cells. It reads further lines if a cell goes on there.
func (r *csvReader) record(line []byte) ([]string, Problem, error) {
	if len(line) > maxLine {
		return nil, TooLong, nil
	}
	text := line
	var further [][]byte
	for {
		cells, state := split(text, r.separator)
		switch {
		case state == whole:
			return readable(cells), "", nil
		case state == open && len(further) < maxLines && len(text) <= maxLine:
			next, err := r.line()
			if err == nil {
				further = append(further, next)
				text = append(append(bytes.Clone(text), '\n'), next...)
				continue
			}
			if !errors.Is(err, io.EOF) {
				return nil, "", err
			}
		}
		r.waiting = append(further, r.waiting...)
		return nil, Quotes, nil
	}
}

// line returns the next line without its end.
func (r *csvReader) line() ([]byte, error) {
	if len(r.waiting) > 0 {
		line := r.waiting[0]
		r.waiting = r.waiting[1:]
		return line, nil
	}
	var line []byte
	for {
		b, err := r.lines.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) && len(line) > 0 {
				return line, nil
			}
			return nil, err
		}
		switch b {
		case '\r':
			if next, _ := r.lines.Peek(1); len(next) == 1 && next[0] == '\n' {
				_, _ = r.lines.ReadByte()
			}
			return orEmpty(line), nil
		case '\n':
			return orEmpty(line), nil
		}
		if len(line) <= maxLine { // the rest of a longer one is passed over
			line = append(line, b)
		}
	}
}

func orEmpty(line []byte) []byte {
	if line == nil {
		return []byte{}
	}
	return line
}

// state is how far the cells of a record were found.
type state int

const (
	whole  state = iota
	open         // the last cell has not ended
	broken       // a quoted cell ends in the middle
)

// split splits a record. A cell that begins with a quotation mark ends with one, and has two for each inside. Others are
// taken as they are.
func split(text []byte, separator byte) (cells [][]byte, _ state) {
	for {
		if len(text) == 0 || text[0] != '"' {
			cell, rest, more := bytes.Cut(text, []byte{separator})
			if cells = append(cells, cell); !more {
				return cells, whole
			}
			text = rest
			continue
		}
		var cell []byte
		for text = text[1:]; ; {
			end := bytes.IndexByte(text, '"')
			if end < 0 {
				return nil, open
			}
			cell, text = append(cell, text[:end]...), text[end+1:]
			if len(text) == 0 || text[0] != '"' {
				break
			}
			cell, text = append(cell, '"'), text[1:]
		}
		cells = append(cells, cell)
		text = bytes.TrimLeft(text, " ")
		switch {
		case len(text) == 0:
			return cells, whole
		case text[0] != separator:
			return nil, broken
		}
		text = text[1:]
	}
}

// readable turns bytes into text.
func readable(cells [][]byte) []string {
	utf := true
	for _, c := range cells {
		utf = utf && utf8.Valid(c)
	}
	texts := make([]string, len(cells))
	for i, c := range cells {
		if texts[i] = string(c); !utf {
			texts[i] = windows(c)
		}
		texts[i] = TypedCell(texts[i])
	}
	return texts
}

// windows reads Windows-1252. The five bytes that mean nothing there become control characters, as in browsers.
func windows(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		r := charmap.Windows1252.DecodeByte(c)
		if r == utf8.RuneError {
			r = rune(c)
		}
		s.WriteRune(r)
	}
	return s.String()
}

// separators are what separates cells, the likelier first.
const separators = ";,\t"

// saidSeparator reads a first line "sep=;", by which Excel tells itself the separator.
func saidSeparator(line []byte) (byte, bool) {
	said, ok := bytes.CutPrefix(bytes.ToLower(line), []byte("sep="))
	if !ok || len(said) != 1 || !strings.ContainsRune(separators, rune(said[0])) {
		return 0, false
	}
	return said[0], true
}

// likelySeparator is what the first row has most of, outside of quotation marks.
func likelySeparator(line []byte) byte {
	n := map[byte]int{}
	quoted := false
	for _, b := range line {
		switch {
		case b == '"':
			quoted = !quoted
		case !quoted:
			n[b]++
		}
	}
	best := separators[0]
	for i := range len(separators) {
		if n[separators[i]] > n[best] {
			best = separators[i]
		}
	}
	return best
}
