package logo

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// picture is a PNG of a size; noise keeps it from being packed.
func picture(t *testing.T, width, height int, noise bool) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a picture
	for i := range m.Pix {
		m.Pix[i] = 200
		if noise {
			m.Pix[i] = byte(r.Uint32())
		}
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

func photo(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, nil))
	return b.Bytes()
}

// claims rewrites the head of a PNG: a small file that says it is a large picture.
func claims(data []byte, width, height uint32) []byte {
	data = bytes.Clone(data)
	binary.BigEndian.PutUint32(data[16:], width)
	binary.BigEndian.PutUint32(data[20:], height)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}

// TestParse: only PNG and JPEG within the limits are accepted, whatever the file claims to be.
func TestParse(t *testing.T) {
	small := picture(t, 40, 20, false)
	var moving bytes.Buffer
	require.NoError(t, gif.Encode(&moving, image.NewPaletted(image.Rect(0, 0, 40, 20), color.Palette{color.Black, color.White}), nil))
	gray := photo(t, image.NewGray(image.Rect(0, 0, 100, 30)))
	for name, c := range map[string]struct {
		data []byte
		want string // the name, "" for refused
	}{
		"PNG":                     {small, "logo.png"},
		"JPEG":                    {gray, "logo.jpg"},
		"smallest":                {picture(t, 16, 16, false), "logo.png"},
		"largest":                 {picture(t, 2000, 2000, false), "logo.png"},
		"too narrow":              {picture(t, 15, 40, false), ""},
		"too wide":                {picture(t, 2001, 40, false), ""},
		"too many bytes":          {picture(t, 200, 200, true), ""},
		"many pixels, few bytes":  {claims(small, 50_000, 50_000), ""},
		"more pixels than it has": {claims(small, 1900, 1900), ""},
		"PNG cut short":           {small[:len(small)-20], ""},
		"PNG, only its head":      {small[:40], ""},
		"JPEG cut short":          {gray[:len(gray)/2], ""},
		"GIF":                     {moving.Bytes(), ""},
		"SVG":                     {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><script>alert(1)</script></svg>`), ""},
		"text":                    {[]byte("logo"), ""},
		"nothing":                 {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Parse(c.data)
			assert.Equal(t, c.want != "", err == nil)
			assert.False(t, err == nil && (l.Name != c.want || len(l.Hash) != 16))
		})
	}
	a, b := picture(t, 40, 20, false), picture(t, 40, 21, false)
	one, _ := Parse(a)
	two, _ := Parse(b)
	assert.NotEqual(t, two.Hash, one.Hash)
	assert.Equal(t, "image/png", one.Type)
	assert.Equal(t, 40, one.Width)
	assert.Equal(t, 20, one.Height)
}

func TestRead(t *testing.T) {
	l, err := Read("")
	assert.NoError(t, err, "none")
	assert.Nil(t, l, "none")
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "logo.svg"), filepath.Join(dir, "logo.png") // the file's name does not count
	for path, data := range map[string][]byte{good: picture(t, 40, 20, false), bad: []byte("<svg/>")} {
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}
	for path, ok := range map[string]bool{good: true, bad: false, dir: false, filepath.Join(dir, "none.png"): false} {
		assert.Equal(t, ok, Check(path) == nil, path)
	}
}

// TestFit: an image is reduced in proportion and never enlarged.
func TestFit(t *testing.T) {
	for _, c := range []struct{ w, h, wantW, wantH int }{
		{400, 100, 200, 50}, {100, 100, 56, 56}, {40, 20, 40, 20}, {2000, 16, 200, 1}, {16, 2000, 1, 56}, {200, 56, 200, 56},
	} {
		l := Logo{Width: c.w, Height: c.h}
		w, h := l.Fit(200, 56)
		assert.Equal(t, c.wantW, w, "%d × %d: ×", c.w, c.h)
		assert.Equal(t, c.wantH, h, "%d × %d", c.w, c.h)
	}
	for size, wide := range map[[2]int]bool{{100, 100}: false, {200, 100}: false, {201, 100}: true} {
		l := (&Logo{Width: size[0], Height: size[1]})
		assert.Equal(t, wide, l.Wide(), "%v: wide", size)
	}
}
