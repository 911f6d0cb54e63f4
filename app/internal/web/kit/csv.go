package kit

import (
	"bytes"
	"encoding/csv"
	"strings"

	"kontor/app/lang"

	"github.com/gofiber/fiber/v2"
)

// SendCSV answers with a file that spreadsheets open as it is: UTF-8 with BOM, ";" in German and "," in English, as
// they expect it there. No cell is a formula (S40). That the file was handed out is in the log.
func (k *Kit) SendCSV(c *fiber.Ctx, of Download, name string, rows [][]string) error {
	if err := k.noteDownload(c, of); err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	if k.Text(c).Locale == lang.German {
		w.Comma = ';'
	}
	for _, row := range rows {
		for i := range row {
			row[i] = plainCell(row[i])
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	c.Vary(fiber.HeaderAcceptLanguage, fiber.HeaderCookie)
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+fileName(name)+`.csv"`)
	return c.Send(b.Bytes())
}

// plainCell keeps a spreadsheet from running what somebody typed.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// fileName is a name in which no header and no file system finds anything of its own.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, s)
}
