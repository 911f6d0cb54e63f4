// Package static serves the embedded files: stylesheet, script, icons.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/gofiber/fiber/v2"
)

// Files serves the embedded files. Their addresses contain a hash over all files. So browsers can cache them for a year
// and never use an old version. Each file is compressed once, when it is first requested.
type Files struct {
	base  string // "/static/<hash>/"
	files map[string]*staticFile
}

type staticFile struct {
	mime   string
	plain  []byte
	packed func() packed
}

// packed is a file in its compressed encodings.
type packed struct{ gz, br []byte }

// Load reads the files of fsys.
func Load(fsys fs.FS) (*Files, error) {
	s := &Files{files: map[string]*staticFile{}}
	sum := sha256.New()
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, "LICENSE") {
			return err
		}
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(sum, "%s %d\n", name, len(raw))
		_, _ = sum.Write(raw)
		f := &staticFile{mime: mime.TypeByExtension(path.Ext(name)), plain: raw, packed: sync.OnceValue(func() packed { return pack(raw) })}
		if f.mime == "" {
			return fmt.Errorf("%s: unknown type", name)
		}
		s.files[name] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("static files: %w", err)
	}
	s.base = "/static/" + hex.EncodeToString(sum.Sum(nil))[:12] + "/"
	return s, nil
}

// pack compresses a file. Writing to memory can't fail.
func pack(raw []byte) (p packed) {
	var buf bytes.Buffer
	gz, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	_, _ = gz.Write(raw)
	_ = gz.Close()
	p.gz = bytes.Clone(buf.Bytes())
	buf.Reset()
	// Level 5 of 11: within a few percent of the best, in milliseconds instead of a second.
	br := brotli.NewWriterLevel(&buf, 5)
	_, _ = br.Write(raw)
	_ = br.Close()
	p.br = bytes.Clone(buf.Bytes())
	return p
}

// URL is the address of a file. An unknown name is a mistake in a template; the tests that render the templates find it.
func (s *Files) URL(name string) string { return s.base + name }

// Serve answers with a file in an encoding that the browser accepts.
func (s *Files) Serve(c *fiber.Ctx) error {
	f, ok := s.files[c.Params("*")]
	if !ok {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderContentType, f.mime)
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	c.Vary(fiber.HeaderAcceptEncoding)
	switch header := c.Get(fiber.HeaderAcceptEncoding); {
	case accepts(header, "br"):
		c.Set(fiber.HeaderContentEncoding, "br")
		return c.Send(f.packed().br)
	case accepts(header, "gzip"):
		c.Set(fiber.HeaderContentEncoding, "gzip")
		return c.Send(f.packed().gz)
	}
	return c.Send(f.plain)
}

// accepts says whether an Accept-Encoding header names a coding, with a weight above 0 (RFC 9110 §12.5.3).
func accepts(header, coding string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, weight, weighted := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		if !weighted {
			return true
		}
		q, value, _ := strings.Cut(weight, "=")
		w, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		return err == nil && strings.EqualFold(strings.TrimSpace(q), "q") && w > 0
	}
	return false
}
