package kit

import (
	"bytes"
	"encoding/csv"
	"strings"

	"kontor/app/lang"

	"github.com/gofiber/fiber/v2"
)

// SendCSV answers with a CSV file that spreadsheets open without questions: UTF-8 with BOM, separated by ";" in German
// and "," in English, as spreadsheets expect in each language. No cell is read as a formula (S40). The download is
// recorded in the log.
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
