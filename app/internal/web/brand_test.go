package web

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kontor/app/firm"
	"kontor/app/logo"
)

func testLogo(t *testing.T, width, height int) *logo.Logo {
	t.Helper()
	var b bytes.Buffer
	must(t, png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, width, height))))
	l, err := logo.Parse(b.Bytes())
	must(t, err)
	return l
}

// TestLogo: the firm's logo replaces Kontor's on every page and does not repeat the firm's name. Its space is reserved
// before it is loaded. Browsers cache it under an address that changes with the image.
func TestLogo(t *testing.T) {
	addresses := map[string]bool{}
	for name, c := range map[string]struct {
		logo   *logo.Logo
		alt    string
		beside bool // the firm's name in letters
		size   [2]int
	}{
		"none":    {nil, "", true, [2]int{}},
		"square":  {testLogo(t, 100, 100), "", true, [2]int{36, 36}},
		"wide":    {testLogo(t, 368, 50), "Kanzlei Berg", false, [2]int{184, 25}},
		"another": {testLogo(t, 368, 52), "Kanzlei Berg", false, [2]int{184, 26}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, beginning(firm.Start{Mark: c.logo}))
			end := w.endUser()
			for what, page := range map[string]answer{
				"sign-in": w.browser().get("/login"), "registration": w.browser().get("/register/" + w.inviteIn("de", "live@kunde.example")),
				"portal": end.get("/portal"), "customers": w.signedIn().get("/customers"), "nothing": w.signedIn().get("/no-such-page"),
			} {
				brand := page.doc(t).Find(".brand")
				img := brand.Find("img")
				assert.Equal(t, 1, brand.Length(), "%s: times", what)
				assert.Equal(t, map[bool]int{true: 1}[c.logo == nil], brand.Find("i").Length(), what)
				assert.Equal(t, c.beside, strings.TrimSpace(brand.Text()) == "Kanzlei Berg", what)
				if c.logo == nil {
					assert.Equal(t, 0, img.Length(), "%s: an image without a logo", what)
					continue
				}
				alt, named := img.Attr("alt")
				assert.True(t, named, "%s: %s × %s", what, img.AttrOr("width", ""), img.AttrOr("height", ""))
				assert.Equal(t, c.alt, alt, "%s: alt, %s × %s", what, img.AttrOr("width", ""), img.AttrOr("height", ""))
				assert.Equal(t, strconv.Itoa(c.size[0]), img.AttrOr("width", ""), "%s: %s × %s", what, img.AttrOr("width", ""), img.AttrOr("height", ""))
				assert.Equal(t, strconv.Itoa(c.size[1]), img.AttrOr("height", ""), "%s: %s × %s", what, img.AttrOr("width", ""), img.AttrOr("height", ""))
				assert.Contains(t, page.Header.Get("Content-Security-Policy"), "img-src 'self' data:;", what)
				src := img.AttrOr("src", "")
				addresses[src] = true
				got := w.browser().get(src)
				got.want(t, http.StatusOK)
				assert.Equal(t, string(c.logo.Data), got.body, src)
				assert.Equal(t, "image/png", got.Header.Get("Content-Type"), src)
				assert.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"), src)
				assert.Equal(t, "public, max-age=31536000, immutable", got.Header.Get("Cache-Control"), src)
				assert.Empty(t, got.Header.Get("Content-Encoding"), src)
			}
		})
	}
	assert.Len(t, addresses, 3, "three images have the addresses")
}
