package kit

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"

	"github.com/gofiber/fiber/v2"

	"kontor/app/entry"
)

// maxParts is how many parts a form with a file has at most.
const maxParts = 20

// File is a file that was sent with a form.
type File struct {
	Name string // as the browser has sent it
	Data []byte
}

// parseParts reads multipart/form-data as browsers write it: fields like those of parseForm, and files. A field for a file that
// nobody chose is none. Nothing is written into a temporary file, as fasthttp and net/http do. Errors: 413 for more or longer fields than a form has, 400 for
// what is no such body or no text.
func parseParts(contentType string, body []byte) (form map[string][]string, files []File, err error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return nil, nil, ErrNoText
	}
	form = map[string][]string{}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		switch {
		case errors.Is(err, io.EOF):
			return form, files, nil
		case err != nil:
			return nil, nil, ErrNoText
		case n == maxParts:
			return nil, nil, errTooLarge
		}
		if part.FileName() != "" || part.Header.Get("Content-Type") != "" {
			data, err := io.ReadAll(part) // a part of what is in memory already
			if err != nil || !IsText([]byte(part.FileName())) {
				return nil, nil, ErrNoText
			}
			if part.FileName() != "" || len(data) > 0 {
				files = append(files, File{part.FileName(), data})
			}
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, MaxField+1))
		switch name := part.FormName(); {
		case err != nil, !IsText([]byte(name)), !IsText(value):
			return nil, nil, ErrNoText
		case len(value) > MaxField, len(name) > MaxField:
			return nil, nil, errTooLarge
		default:
			form[name] = append(form[name], entry.Field(string(value)))
		}
	}
}

// SentFiles are the files that were sent with a form.
func SentFiles(c *fiber.Ctx) []File {
	files, _ := c.Locals(fileKey).([]File)
	return files
}

// SentFile is the only file that was sent with a form, nil for none.
func SentFile(c *fiber.Ctx) []byte {
	files := SentFiles(c)
	if len(files) == 0 {
		return nil
	}
	return files[len(files)-1].Data
}
