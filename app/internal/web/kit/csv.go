package kit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"kontor/app/fault"
	"kontor/app/internal/web/text"
	"kontor/app/lang"
	"kontor/app/spreadsheet"
)

// SendCSV answers with a CSV file that spreadsheets open without questions: UTF-8 with BOM, separated by ";" in German
// and "," in English, as spreadsheets expect in each language. No cell is read as a formula (S40). The download is
// recorded in the log.
func (k *Kit) SendCSV(c *fiber.Ctx, of Download, name string, rows [][]string) error {
	if err := k.NoteDownload(c, of); err != nil {
		return err
	}
	var b bytes.Buffer
	w, err := k.TableWriter(k.Text(c), &b, "csv", "")
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := w.Write(row); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	k.NameFile(c, name, "csv")
	return c.Send(b.Bytes())
}

// ExportTime limits how long a file that is made while it is sent may take.
const ExportTime = 15 * time.Minute

// Table is a file with a table: Ending is one of fileTypes, and Sheet is the name of a workbook's sheet.
type Table struct{ Name, Ending, Sheet string }

// Stream answers with a file of any length, and records the download in the log. write is called while the file is sent
// and after the request has returned, so it may use nothing of c. If it fails, the connection is cut, so that the browser
// does not take the beginning of a file for the whole. The server must give the route ExportTime for its answer.
func (k *Kit) Stream(c *fiber.Ctx, of Download, table Table, write func(ctx context.Context, w spreadsheet.Writer) error) error {
	if err := k.NoteDownload(c, of); err != nil {
		return err
	}
	k.NameFile(c, table.Name, table.Ending)
	if c.Method() == fiber.MethodHead {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.Ctx(c)), ExportTime)
	to, from := io.Pipe()
	t, id := k.Text(c), RequestID(c)
	go func() {
		defer cancel()
		err := fault.Caught(func() error {
			w, err := k.TableWriter(t, from, table.Ending, table.Sheet)
			if err != nil {
				return err
			}
			if err := write(ctx, w); err != nil {
				return err
			}
			return w.Close()
		})
		if err != nil && !errors.Is(err, io.ErrClosedPipe) { // the browser may have closed it
			k.Log.Warn("a file could not be sent", "request", id, "error", err)
		}
		_ = from.CloseWithError(err)
	}()
	c.Context().SetBodyStream(to, -1)
	return nil
}

// fileTypes are the media types of tables by the ending of their names.
var fileTypes = map[string]string{
	"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"zip": "application/zip",
}

// NameFile makes the answer a file with a name, with an ending of fileTypes.
func (k *Kit) NameFile(c *fiber.Ctx, name, ending string) {
	c.Vary(fiber.HeaderAcceptLanguage, fiber.HeaderCookie)
	c.Set(fiber.HeaderContentType, fileTypes[ending])
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+fileName(name)+"."+ending+`"`)
}

// TableWriter writes a table with an ending of fileTypes, in the language of t. sheet is the name of a workbook's sheet.
func (k *Kit) TableWriter(t *text.Texts, to io.Writer, ending, sheet string) (spreadsheet.Writer, error) {
	if ending == "xlsx" {
		return spreadsheet.WriteWorkbook(to, sheet)
	}
	return spreadsheet.WriteCSV(to, separator(t.Locale))
}

// separator is what spreadsheets expect between cells of CSV in a language.
func separator(locale string) rune {
	if locale == lang.German {
		return ';'
	}
	return ','
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
