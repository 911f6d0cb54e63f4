package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"strings"

	"kontor/app/logo"

	"github.com/andybalholm/brotli"
	"github.com/gofiber/fiber/v2"
)

// static serves the embedded files. Their address contains a hash of all of them, so browsers keep them for a year
// and never see an old one; each is compressed once, when it is first asked for.
type static struct {
	base  string // "/static/<hash>/"
	files map[string]*staticFile
}

type staticFile struct {
	mime          string
	plain, gz, br []byte // gz and br are nil for what is packed already
}

// loadStatic takes the files of fsys, and the firm's logo where there is one.
func loadStatic(fsys fs.FS, own *logo.Logo) (*static, error) {
	s := &static{files: map[string]*staticFile{}}
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
		f, err := pack(name, raw)
		s.files[name] = f
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("static files: %w", err)
	}
	if own != nil {
		_, _ = fmt.Fprintf(sum, "%s %s\n", own.Name, own.Hash)
		s.files[logoFile(own)] = &staticFile{mime: own.Type, plain: own.Data}
	}
	s.base = "/static/" + hex.EncodeToString(sum.Sum(nil))[:12] + "/"
	return s, nil
}

func pack(name string, raw []byte) (*staticFile, error) {
	f := &staticFile{mime: mime.TypeByExtension(path.Ext(name)), plain: raw}
	if f.mime == "" {
		return nil, fmt.Errorf("%s: unknown type", name)
	}
	var buf bytes.Buffer
	gz, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, _ = gz.Write(raw)
	if err := gz.Close(); err != nil {
		return nil, err
	}
	f.gz = bytes.Clone(buf.Bytes())
	buf.Reset()
	// Level 5 of 11: within a few percent of the best, in milliseconds instead of a second of start-up.
	br := brotli.NewWriterLevel(&buf, 5)
	_, _ = br.Write(raw)
	if err := br.Close(); err != nil {
		return nil, err
	}
	f.br = bytes.Clone(buf.Bytes())
	return f, nil
}

// url is the address of a file; an unknown one is a mistake in a template and is caught by the tests that render it.
func (s *static) url(name string) string { return s.base + name }

func (s *static) serve(c *fiber.Ctx) error {
	f, ok := s.files[c.Params("*")]
	if !ok {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderContentType, f.mime)
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	c.Vary(fiber.HeaderAcceptEncoding)
	switch accepted := c.Get(fiber.HeaderAcceptEncoding); {
	case f.br != nil && strings.Contains(accepted, "br"):
		c.Set(fiber.HeaderContentEncoding, "br")
		return c.Send(f.br)
	case f.gz != nil && strings.Contains(accepted, "gzip"):
		c.Set(fiber.HeaderContentEncoding, "gzip")
		return c.Send(f.gz)
	}
	return c.Send(f.plain)
}
