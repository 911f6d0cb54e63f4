package courier

import (
	"strings"
	"testing"

	"kontor/app/lang"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// TestFirmLinks: every e-mail in every language ends with the links that the firm has set, and with no others, in the
// text and in the HTML. What the firm wrote stays text, on one line. An SMS has none of it.
func TestFirmLinks(t *testing.T) {
	imprint := FirmLink{Key: "imprint", Href: "https://kanzlei.example/impressum?a=1&b=2"}
	privacy := FirmLink{Key: "privacy", Href: "https://kanzlei.example/datenschutz"}
	for name, c := range map[string]struct {
		links []FirmLink
		text  map[string]string // what the text ends with
		html  map[string]string // what is read below the HTML
		hrefs []string
	}{
		"none": {nil, map[string]string{"de": "", "en": ""}, map[string]string{"de": "Kontor", "en": "Kontor"}, nil},
		"all": {
			[]FirmLink{imprint, privacy, {Key: "contact", Text: "hallo@kanzlei.example", Href: "mailto:hallo@kanzlei.example"}},
			map[string]string{
				"de": "\nImpressum: " + imprint.Href + "\nDatenschutz: " + privacy.Href + "\nKontakt: hallo@kanzlei.example\n",
				"en": "\nImprint: " + imprint.Href + "\nPrivacy: " + privacy.Href + "\nContact: hallo@kanzlei.example\n",
			},
			map[string]string{
				"de": "Kontor · Impressum · Datenschutz · Kontakt: hallo@kanzlei.example",
				"en": "Kontor · Imprint · Privacy · Contact: hallo@kanzlei.example",
			},
			[]string{imprint.Href, privacy.Href, "mailto:hallo@kanzlei.example"},
		},
		"phone": {
			[]FirmLink{{Key: "contact", Text: "040 1234567", Href: "tel:0401234567"}},
			map[string]string{"de": "\nKontakt: 040 1234567\n", "en": "\nContact: 040 1234567\n"},
			map[string]string{"de": "Kontor · Kontakt: 040 1234567", "en": "Kontor · Contact: 040 1234567"},
			[]string{"tel:0401234567"},
		},
		"hostile": {
			[]FirmLink{{Key: "contact", Text: "\"><script>alert(1)</script>\r\nBcc: x@evil.example {{.Name}}\u2028https://evil.example"}},
			map[string]string{
				"de": "\nKontakt: \"><script>alert(1)</script> Bcc: x@evil.example {{.Name}} https://evil.example\n",
				"en": "\nContact: \"><script>alert(1)</script> Bcc: x@evil.example {{.Name}} https://evil.example\n",
			},
			map[string]string{
				"de": "Kontor · Kontakt: \"><script>alert(1)</script> Bcc: x@evil.example {{.Name}} https://evil.example",
				"en": "Kontor · Contact: \"><script>alert(1)</script> Bcc: x@evil.example {{.Name}} https://evil.example",
			},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain := testRenderer(t, "Kontor")
			linked := testRenderer(t, "Kontor").with(firmed{links: c.links})
			for _, kind := range allKinds() {
				for _, locale := range lang.All {
					before, err := plain.render(channelOf(kind), sample(kind, locale))
					require.NoError(t, err)
					l, err := linked.render(channelOf(kind), sample(kind, locale))
					require.NoError(t, err)
					if channelOf(kind) == SMS {
						assert.Equal(t, before, l, "%s.%s", kind, locale)
						continue
					}
					assert.Equal(t, before.Subject, l.Subject)
					assert.Equal(t, before.Text+c.text[locale], l.Text, "%s.", kind)
					said, hrefs := foot(t, l.HTML)
					assert.Equal(t, c.html[locale], said, "%s.: leads", kind)
					assert.Equal(t, c.hrefs, hrefs)
					assert.NotContains(t, l.HTML, "<script", "%s.%s: what the firm wrote is markup", kind, locale)
				}
			}
		})
	}
}

// foot returns the text at the end of a mail in HTML, and the targets of its links.
func foot(t *testing.T, mail string) (said string, hrefs []string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(mail))
	require.NoError(t, err)
	var last *html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "p" {
			last = n
		}
	}
	for n := range last.Descendants() {
		if n.Type == html.TextNode {
			said += n.Data
		}
		if n.Type == html.ElementNode && n.Data == "a" {
			hrefs = append(hrefs, n.Attr[0].Val)
		}
	}
	return said, hrefs
}
