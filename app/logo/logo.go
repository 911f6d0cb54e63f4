// Package logo is the firm's own mark: an image that stands in mails and on screens in place of Kontor's.
package logo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image/jpeg"
	"image/png"
	"io"
	"os"
)

// The bounds of an image. Every mail carries it, and a few bytes may say that they are very many pixels.
const (
	maxBytes = 64 << 10
	minSide  = 16 // pixels
	maxSide  = 2000
)

// Logo is an image that was read whole.
type Logo struct {
	Data          []byte
	Type          string // image/png or image/jpeg
	Name          string // logo.png or logo.jpg
	Width, Height int    // pixels
	Hash          string // of Data: 16 hexadecimal digits
}

var errSize = errors.New("more than 64 KB")

// Read reads the image in a file; path "" is none, and returns nil. An error says what is wrong with it.
func Read(path string) (*Logo, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // none is none
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, err
	}
	return Parse(data)
}

// Check says whether Read would take a file.
func Check(path string) error {
	_, err := Read(path)
	return err
}

// Parse takes the bytes of a PNG or JPEG image within the bounds. The pixels are counted before they are unpacked.
func Parse(data []byte) (*Logo, error) {
	if len(data) > maxBytes {
		return nil, errSize
	}
	l := &Logo{Data: data, Type: "image/png", Name: "logo.png"}
	size, whole := png.DecodeConfig, png.Decode // not what the package image was taught, by whatever library
	if bytes.HasPrefix(data, []byte("\xff\xd8")) {
		l.Type, l.Name = "image/jpeg", "logo.jpg"
		size, whole = jpeg.DecodeConfig, jpeg.Decode
	}
	head, err := size(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("no PNG or JPEG: %w", err)
	}
	l.Width, l.Height = head.Width, head.Height
	if min(l.Width, l.Height) < minSide || max(l.Width, l.Height) > maxSide {
		return nil, fmt.Errorf("%d × %d pixels", l.Width, l.Height)
	}
	if _, err := whole(bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("broken: %w", err)
	}
	sum := sha256.Sum256(data)
	l.Hash = hex.EncodeToString(sum[:8])
	return l, nil
}

// Wide says that the image most likely shows the firm's name, which then need not stand beside it.
func (l *Logo) Wide() bool { return l.Width > 2*l.Height }

// Fit is the size at which the image is shown in a space of width × height pixels: its own, or smaller in proportion.
func (l *Logo) Fit(width, height int) (w, h int) {
	w, h = l.Width, l.Height
	if w > width {
		w, h = width, max(1, h*width/w)
	}
	if h > height {
		w, h = max(1, w*height/h), height
	}
	return w, h
}
