package web

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"strconv"
	"strings"
	"testing"

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
			w := newWorld(t, func(o *Options) { o.Logo = c.logo })
			end := w.endUser()
			for what, page := range map[string]answer{
				"sign-in": w.browser().get("/login"), "registration": w.browser().get("/register/" + w.inviteIn("de", "live@kunde.example")),
				"portal": end.get("/portal"), "customers": w.signedIn().get("/customers"), "nothing": w.signedIn().get("/no-such-page"),
			} {
				brand := page.doc(t).Find(".brand")
				img := brand.Find("img")
				if brand.Length() != 1 || brand.Find("i").Length() != map[bool]int{true: 1}[c.logo == nil] || (strings.TrimSpace(brand.Text()) == "Kanzlei Berg") != c.beside {
					t.Errorf("%s: %d times %q", what, brand.Length(), brand.Text())
				}
				if c.logo == nil {
					if img.Length() != 0 {
						t.Errorf("%s: an image without a logo", what)
					}
					continue
				}
				alt, named := img.Attr("alt")
				if !named || alt != c.alt || img.AttrOr("width", "") != strconv.Itoa(c.size[0]) || img.AttrOr("height", "") != strconv.Itoa(c.size[1]) {
					t.Errorf("%s: alt %q, %s × %s", what, alt, img.AttrOr("width", ""), img.AttrOr("height", ""))
				}
				if csp := page.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "img-src 'self' data:;") {
					t.Errorf("%s: %s", what, csp)
				}
				src := img.AttrOr("src", "")
				addresses[src] = true
				got := w.browser().get(src)
				got.want(t, http.StatusOK)
				if got.body != string(c.logo.Data) || got.Header.Get("Content-Type") != "image/png" || got.Header.Get("X-Content-Type-Options") != "nosniff" ||
					got.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || got.Header.Get("Content-Encoding") != "" {
					t.Errorf("%s: %d bytes, %v", src, len(got.body), got.Header)
				}
			}
		})
	}
	if len(addresses) != 3 {
		t.Errorf("three images have the addresses %v", addresses)
	}
}
