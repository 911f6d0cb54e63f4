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

// parseParts reads multipart/form-data as browsers write it: fields like those of parseForm, and one file. Nothing is
// written into a temporary file, as fasthttp and net/http do. Errors: 413 for more or longer fields than a form has, 400 for
// what is no such body or no text.
func parseParts(contentType string, body []byte) (form map[string][]string, file []byte, err error) {
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
			return form, file, nil
		case err != nil:
			return nil, nil, ErrNoText
		case n == maxParts:
			return nil, nil, errTooLarge
		}
		if part.FileName() != "" || part.Header.Get("Content-Type") != "" {
			if file, err = io.ReadAll(part); err != nil { // a part of what is in memory already
				return nil, nil, ErrNoText
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

// SentFile is the file that was sent with a form, nil for none.
func SentFile(c *fiber.Ctx) []byte {
	file, _ := c.Locals(fileKey).([]byte)
	return file
}
