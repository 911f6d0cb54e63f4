// Package filetype says of what type a file is: by its content, and by the end of its name only where content can't tell. It
// also makes harmless what a file is called.
package filetype

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// The groups of types.
const (
	PDF     = "pdf"
	Image   = "image"
	Office  = "office"
	Text    = "text"
	Archive = "archive"
	Other   = "other"
)

// Groups lists the groups in the order in which people read them.
var Groups = []string{PDF, Image, Office, Text, Archive, Other}

// Type is the type of a file.
type Type struct {
	MIME      string
	Extension string // with its dot, the usual one of the type; "" if there is none
	Group     string
	Inline    bool // a browser may show it; everything else is downloaded
	Risky     bool // opening it may run what is in it
}

// ContentType is what a browser is told about the file: never a type that it would run, or lay out as a page.
func (t Type) ContentType() string {
	switch {
	case t.Risky || strings.HasSuffix(t.MIME, "xml") || t.Group == Other:
		return octets
	case strings.HasPrefix(t.MIME, "text/"):
		return plain
	}
	return t.MIME
}

// IsInline says whether a browser may show what has this content type: a PDF or a raster image.
func IsInline(contentType string) bool {
	return contentType == "application/pdf" || IsImage(contentType)
}

// IsImage says whether what has this content type is a raster image that a browser shows.
func IsImage(contentType string) bool {
	return slices.Contains([]string{"image/jpeg", "image/png", "image/gif", "image/webp"}, contentType)
}

// ErrContradicts says that the content of a file is not what the end of its name says.
var ErrContradicts = errors.New("the content of the file is not what its name says")

// headSize is how many bytes at the beginning are looked at, as many as mimetype does.
const headSize = 3072

// Detect says of what type a file is that has a size in bytes and a name. Nothing is unpacked. Errors: ErrContradicts, or r's.
func Detect(r io.ReaderAt, size int64, name string) (Type, error) {
	extension := Extension(name)
	head := make([]byte, min(max(size, 0), headSize))
	if n, err := r.ReadAt(head, 0); err != nil && (!errors.Is(err, io.EOF) || n < len(head)) {
		return Type{}, fmt.Errorf("the beginning of a file: %w", err)
	}
	mime := mimetype.Detect(head)
	switch {
	case mime.Is(zipped) || under(mime, zipped):
		return named(inZIP(r, size), extension)
	case under(mime, oleOther):
		return named(inOLE(r, size, extension), extension)
	case isImage(r, size, head):
		return named(byMIME[image], extension)
	case mime.Is(octets) || under(mime, plain):
		if at := bytes.Index(head[:min(len(head), 1024)], []byte("%PDF-")); at >= 0 && extension == ".pdf" {
			return named(byMIME["application/pdf"], extension) // readers take what stands before it for dirt
		}
	}
	if under(mime, plain) {
		return named(textual(mime, extension), extension)
	}
	for m := mime; m != nil; m = m.Parent() {
		if e := byMIME[bare(m)]; e != nil {
			return named(e, extension)
		}
	}
	return named(&entry{Type: Type{MIME: bare(mime), Extension: mime.Extension(), Group: Other}}, extension)
}

// Extension returns the end of a name from its last dot, in lower case; "" if there is none, or if it does not look like one.
func Extension(name string) string {
	e := strings.ToLower(path.Ext(name))
	if len(e) < 2 || len(e) > 12 || strings.Trim(e[1:], "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return ""
	}
	return e
}

// named decides between what the content of a file is and what its name says. An image may be called another image, since
// telephones do so and nobody is deceived.
func named(content *entry, extension string) (Type, error) {
	said := byExtension[extension]
	switch {
	case content.MIME == octets && len(said) == 0:
		return Type{MIME: octets, Extension: extension, Group: Other}, nil
	case len(said) == 0, slices.Contains(content.extensions, extension):
		return content.Type, nil
	case content.Group == Image && slices.ContainsFunc(said, func(e *entry) bool { return e.Group == Image }):
		return content.Type, nil
	case content.Group == Text && slices.ContainsFunc(said, func(e *entry) bool { return e.Group == Text }):
		return content.Type, nil
	}
	return Type{}, ErrContradicts
}

// under says whether a type is another one, or a kind of it.
func under(m *mimetype.MIME, of string) bool {
	for ; m != nil; m = m.Parent() {
		if m.Is(of) {
			return true
		}
	}
	return false
}

// bare returns the name of a type without parameters.
func bare(m *mimetype.MIME) string {
	name, _, _ := strings.Cut(m.String(), ";")
	return name
}

// textual says what text is. What runs is told by its content or by its name, whichever says so; everything else by its name.
func textual(m *mimetype.MIME, extension string) *entry {
	for up := m; up != nil; up = up.Parent() {
		if e := byMIME[bare(up)]; e != nil && (e.Risky || e.Group == Office) {
			return e
		}
	}
	said := byExtension[extension]
	for _, e := range said {
		if e.Risky && (strings.HasPrefix(e.MIME, "text/") || strings.HasSuffix(e.MIME, "xml")) {
			one := *e
			one.Extension = extension
			return &one
		}
	}
	xml := under(m, "text/xml")
	for _, e := range said {
		if e.Group == Text && (e.MIME == "text/xml") == xml {
			return e
		}
	}
	if xml {
		return byMIME["text/xml"]
	}
	return byMIME[plain]
}

// isImage says whether a file is the image of a disk.
func isImage(r io.ReaderAt, size int64, head []byte) bool {
	for _, magic := range []string{"vhdxfile", "conectix", "KDMV", "COWD", "QFI\xfb"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return at(r, 0x8001, size, "CD001") || at(r, size-512, size, "koly") || at(r, size-512, size, "conectix")
}

// at says whether some bytes stand at a place.
func at(r io.ReaderAt, place, size int64, want string) bool {
	if place < 0 || place+int64(len(want)) > size {
		return false
	}
	got := make([]byte, len(want))
	_, err := r.ReadAt(got, place)
	return (err == nil || errors.Is(err, io.EOF)) && string(got) == want
}
