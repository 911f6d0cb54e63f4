package kit

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/lang"
)

// SendCSV answers with a CSV file that spreadsheets open without questions: UTF-8 with BOM, separated by ";" in German
// and "," in English, as spreadsheets expect in each language. No cell is read as a formula (S40). The download is
// recorded in the log.
func (k *Kit) SendCSV(c *fiber.Ctx, of Download, name string, rows [][]string) error {
	if err := k.noteDownload(c, of); err != nil {
		return err
	}
	var b bytes.Buffer
	f := k.newCSV(c, &b)
	if err := f.write(rows); err != nil {
		return err
	}
	k.attach(c, name)
	return c.Send(b.Bytes())
}

// ExportTime limits how long a file that is made while it is sent may take.
const ExportTime = 15 * time.Minute

// Rows returns the next rows of a file, none at the end.
type Rows func(ctx context.Context) ([][]string, error)

// StreamCSV is SendCSV for a file of any length: next is called for more rows as they are sent, and after the request has
// returned, so it may use nothing of c. If it fails, the connection is cut, so that the browser does not take the beginning
// of a file for the whole. The server must give the route ExportTime for its answer.
func (k *Kit) StreamCSV(c *fiber.Ctx, of Download, name string, head []string, next Rows) error {
	first, err := next(k.Ctx(c))
	if err != nil {
		return err
	}
	if err := k.noteDownload(c, of); err != nil {
		return err
	}
	k.attach(c, name)
	if c.Method() == fiber.MethodHead {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.Ctx(c)), ExportTime)
	to, from := io.Pipe()
	f, id := k.newCSV(c, from), RequestID(c)
	go func() {
		defer cancel()
		err := Caught(func() error { return f.writeAll(ctx, head, first, next) })
		if err != nil && !errors.Is(err, io.ErrClosedPipe) { // the browser may have closed it
			k.Log.Warn("a file could not be sent", "request", id, "error", err)
		}
		_ = from.CloseWithError(err)
	}()
	c.Context().SetBodyStream(to, -1)
	return nil
}

// attach sets the headers of a CSV file.
func (k *Kit) attach(c *fiber.Ctx, name string) {
	c.Vary(fiber.HeaderAcceptLanguage, fiber.HeaderCookie)
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+fileName(name)+`.csv"`)
}

// csvFile writes a CSV file.
type csvFile struct {
	w       *csv.Writer
	to      io.Writer
	started bool
}

func (k *Kit) newCSV(c *fiber.Ctx, to io.Writer) *csvFile {
	w := csv.NewWriter(to)
	w.UseCRLF = true
	if k.Text(c).Locale == lang.German {
		w.Comma = ';'
	}
	return &csvFile{w: w, to: to}
}

func (f *csvFile) writeAll(ctx context.Context, head []string, rows [][]string, next Rows) (err error) {
	for rows = slices.Concat([][]string{head}, rows); len(rows) > 0; {
		if err := f.write(rows); err != nil {
			return err
		}
		if rows, err = next(ctx); err != nil {
			return err
		}
	}
	return nil
}

// write writes rows; before the first of them, the byte order mark.
func (f *csvFile) write(rows [][]string) error {
	if !f.started {
		f.started = true
		if _, err := io.WriteString(f.to, "\ufeff"); err != nil {
			return err
		}
	}
	for _, row := range rows {
		for i := range row {
			row[i] = plainCell(row[i])
		}
		if err := f.w.Write(row); err != nil {
			return err
		}
	}
	f.w.Flush()
	return f.w.Error()
}

// plainCell puts a quote in front of a value that a spreadsheet would run as a formula.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// fileName replaces every character that could have a meaning in a header or a file system.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, s)
}
