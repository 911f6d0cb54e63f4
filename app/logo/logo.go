// Package logo reads the firm's logo: an image that mails and screens show in place of Kontor's.
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

// The limits of an image. Every mail contains it, and a small file may contain very many pixels.
const (
	maxBytes = 64 << 10
	minSide  = 16 // pixels
	maxSide  = 2000
)

// Logo is an image that was read completely.
type Logo struct {
	Data          []byte
	Type          string // image/png or image/jpeg
	Name          string // logo.png or logo.jpg
	Width, Height int    // pixels
	Hash          string // of Data: 16 hexadecimal digits
}

// What can be wrong with an image.
var (
	ErrBytes  = errors.New("more than 64 KB")
	ErrFormat = errors.New("no PNG or JPEG")
	ErrPixels = errors.New("from 16 to 2000 pixels wide and high")
	ErrBroken = errors.New("broken")
)

// Read reads the image in a file. It returns nil for path "". An error says what is wrong with the image.
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

// Check returns an error if Read would not accept the file.
func Check(path string) error {
	_, err := Read(path)
	return err
}

// Parse reads a PNG or JPEG image within the limits. It checks the number of pixels before it decodes them. Errors:
// ErrBytes, ErrFormat, ErrPixels, ErrBroken.
func Parse(data []byte) (*Logo, error) {
	if len(data) > maxBytes {
		return nil, ErrBytes
	}
	l := &Logo{Data: data, Type: "image/png", Name: "logo.png"}
	size, whole := png.DecodeConfig, png.Decode // not image.Decode, which takes any format that a library has registered
	if bytes.HasPrefix(data, []byte("\xff\xd8")) {
		l.Type, l.Name = "image/jpeg", "logo.jpg"
		size, whole = jpeg.DecodeConfig, jpeg.Decode
	}
	head, err := size(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	l.Width, l.Height = head.Width, head.Height
	if min(l.Width, l.Height) < minSide || max(l.Width, l.Height) > maxSide {
		return nil, fmt.Errorf("%w, not %d × %d", ErrPixels, l.Width, l.Height)
	}
	if _, err := whole(bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	sum := sha256.Sum256(data)
	l.Hash = hex.EncodeToString(sum[:8])
	return l, nil
}

// Wide says that the image probably shows the firm's name, so that screens need not repeat it.
func (l *Logo) Wide() bool { return l.Width > 2*l.Height }

// Fit is the size at which the image is shown in a space of width × height pixels: its own size, or reduced in
// proportion.
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
