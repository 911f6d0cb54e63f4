package courier

import (
	"net/mail"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"kontor/app/lang"
	"kontor/app/logo"
)

// emails calls f with every e-mail in every language, with a firm's settings.
func emails(t *testing.T, firm string, f firmed, each func(t *testing.T, kind Kind, locale string, l rendered)) {
	t.Helper()
	r := testRenderer(t, firm).with(f)
	for _, kind := range allKinds() {
		if channelOf(kind) != Email {
			continue
		}
		for _, locale := range lang.All {
			t.Run(string(kind)+"."+locale, func(t *testing.T) {
				c := sample(kind, locale)
				switch d := c.Data.(type) { // the sample's own firm would be used
				case RegistrationData:
					d.Firm, d.Customer = "", "Müller & Söhne"
					c.Data = d
				case AccountData:
					d.Firm = ""
					c.Data = d
				case ApprovalData:
					d.Firm = ""
					c.Data = d
				case RolesData:
					d.Firm = ""
					c.Data = d
				case SummaryData:
					d.Firm = ""
					c.Data = d
				}
				l, err := r.render(Email, c)
				require.NoError(t, err)
				each(t, kind, locale, l)
			})
		}
	}
}

// page holds the parts of a mail's HTML.
type page struct {
	title, hidden string // hidden text that only the inbox shows
	shown         string // the rest of the body
	images        []*html.Node
	broken        []string // words that may be split at their hyphen
}

var blanks = regexp.MustCompile(`[ \t\n]+`)

var hyphened = regexp.MustCompile(`(?i:\be-mail\b)|\bK-[0-9]+\b`)

func read(t *testing.T, mail string) (p page) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(mail))
	require.NoError(t, err)
	var walk func(n *html.Node, hidden, whole bool)
	walk = func(n *html.Node, hidden, whole bool) {
		style := attr(n, "style")
		whole = whole || strings.Contains(style, "white-space:nowrap")
		switch {
		case n.Type == html.TextNode && hidden:
			p.hidden += n.Data
		case n.Type == html.TextNode:
			p.shown += n.Data
			if !whole {
				p.broken = append(p.broken, hyphened.FindAllString(n.Data, -1)...)
			}
		case n.Data == "title":
			p.title = n.FirstChild.Data
			return
		case n.Data == "head" && n.Type == html.ElementNode:
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				if c.Data == "title" {
					p.title = c.FirstChild.Data
				}
			}
			return
		case n.Data == "img":
			p.images = append(p.images, n)
		}
		if strings.Contains(style, "display:none") {
			hidden = true
			assert.Equal(t, "true", attr(n, "aria-hidden"))
			assert.Contains(t, style, "mso-hide:all")
			assert.Empty(t, strings.TrimSpace(p.shown), "after")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, hidden, whole)
		}
	}
	walk(doc, false, false)
	return p
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// TestPreheader: the line after the subject in the inbox is different for each mail, says more than the subject, is
// followed by padding, and is shown nowhere else.
func TestPreheader(t *testing.T) {
	seen := map[string]string{}
	emails(t, "Kanzlei Muster", firmed{}, func(t *testing.T, kind Kind, locale string, l rendered) {
		p := read(t, l.HTML)
		said := strings.TrimSpace(strings.TrimRight(p.hidden, "\u034f\u200c\u00a0"))
		assert.GreaterOrEqual(t, len(said), 20)
		assert.LessOrEqual(t, len([]rune(said)), 110)
		assert.GreaterOrEqual(t, strings.Count(p.hidden, "\u00a0"), 80, "room")
		for _, other := range []string{l.Subject, p.title} {
			assert.NotContains(t, said, other, "repeats")
			assert.NotContains(t, other, said)
		}
		assert.NotContains(t, l.Text, "\u200c", "the text has it too")
		assert.NotContains(t, l.Text, said+"\n\n", "the text has it too")
		before := seen[locale+said]
		assert.Empty(t, before, "has the same: %q", said)
		seen[locale+said] = string(kind)
	})
}

// TestFirmOnceInTheInbox: the firm's name is in the sender's name or before the subject, never in both.
func TestFirmOnceInTheInbox(t *testing.T) {
	const firm = "Kanzlei Muster"
	for from, inSubject := range map[string]bool{
		"Kanzlei Muster": false, "KANZLEI MUSTER": false, "Kanzlei Muster (Portal)": false, "Kontor": true, "Muster": true,
	} {
		emails(t, firm, firmed{from: &mail.Address{Name: from}}, func(t *testing.T, _ Kind, _ string, l rendered) {
			assert.Equal(t, inSubject, strings.HasPrefix(l.Subject, firm+": "), "from %s", from)
			assert.LessOrEqual(t, strings.Count(l.Subject, firm), 1, "from %s", from)
			assert.False(t, !inSubject && strings.Contains(l.Subject, firm), "from %s", from)
		})
	}
}

// TestSameWordsInTextAndHTML: the text of a mail says the same as its HTML, and no word that must stay together can be
// broken at its hyphen.
func TestSameWordsInTextAndHTML(t *testing.T) {
	emails(t, "Kanzlei Muster", firmed{reply: true}, func(t *testing.T, _ Kind, _ string, l rendered) {
		p := read(t, l.HTML)
		words := blanks.ReplaceAllString(p.shown, " ") // a line break in HTML is a blank
		for _, line := range strings.Split(l.Text, "\n") {
			assert.Contains(t, words, line, "only in the text")
		}
		assert.Empty(t, p.broken, "may break")
		assert.NotContains(t, p.title, "<", "markup in the title")
	})
}

// TestAnswers: a mail says that people can reply to it only if a reply reaches a person who can help.
func TestAnswers(t *testing.T) {
	say := map[string]string{"de": "Sie können auf diese E-Mail antworten.", "en": "You can reply to this e-mail."}
	for _, set := range []bool{false, true} {
		emails(t, "Kanzlei Muster", firmed{reply: set}, func(t *testing.T, kind Kind, locale string, l rendered) {
			inside := slices.Contains([]Kind{SetPassword, ApprovalAsked, RolesChanged, RoleGranted, DailySummary}, kind)
			want := map[bool]int{true: 1}[set && !inside]
			for _, part := range []string{l.Text, read(t, l.HTML).shown} {
				assert.Equal(t, want, strings.Count(part, say[locale]), "REPLY_TO set: %v", set)
				if lower := strings.ToLower(part); want == 0 && (strings.Contains(lower, "antwort") || strings.Contains(lower, "reply")) {
					t.Errorf("speaks of answers:\n%s", part)
				}
			}
		})
	}
}

// TestJoinIsForWhomItIs: the mail to a person who has an access already names the customer, and does not call the
// person "another customer".
func TestJoinIsForWhomItIs(t *testing.T) {
	emails(t, "Kanzlei Muster", firmed{}, func(t *testing.T, kind Kind, _ string, l rendered) {
		if kind != JoinCustomer {
			return
		}
		for _, part := range []string{l.Subject, l.Text, read(t, l.HTML).shown} {
			lower := strings.ToLower(part)
			assert.Contains(t, part, "Müller & Söhne")
			assert.NotContains(t, lower, "another customer")
			assert.NotContains(t, lower, "weiterer kunde")
			assert.NotContains(t, lower, "weiteren kunden")
		}
	})
}

// TestMark: the firm's logo is at the top of each mail, with the firm's name, in a size that fits; without a logo there
// is no image.
func TestMark(t *testing.T) {
	mark := &logo.Logo{Name: "logo.png", Type: "image/png", Width: 800, Height: 100, Hash: "0123456789abcdef"}
	for _, l := range []*logo.Logo{nil, mark} {
		emails(t, `Kanzlei "Muster" & Söhne`, firmed{logo: l, host: "firm.example"}, func(t *testing.T, _ Kind, _ string, got rendered) {
			p := read(t, got.HTML)
			if l == nil {
				assert.Empty(t, p.images, "an image without a logo")
				assert.NotContains(t, got.HTML, "cid:", "an image without a logo")
				return
			}
			require.Len(t, p.images, 1, "images")
			img := p.images[0]
			assert.Equal(t, "cid:logo-0123456789abcdef@firm.example", attr(img, "src"))
			assert.Equal(t, `Kanzlei "Muster" & Söhne`, attr(img, "alt"))
			assert.Equal(t, "200", attr(img, "width"))
			assert.Equal(t, "25", attr(img, "height"))
			shown := Mail{HTML: got.HTML}.Page(`/static/x/firm/logo.png"`)
			assert.NotContains(t, shown, "cid:", "in the mailbox")
			assert.Equal(t, `/static/x/firm/logo.png"`, attr(read(t, shown).images[0], "src"), "in the mailbox")
		})
	}
}

// TestColours: the mails have the colours of the screens, light and dark, and the button has the accent colour.
func TestColours(t *testing.T) {
	theme, err := os.ReadFile("../../views/theme/_tokens.scss")
	require.NoError(t, err)
	layout, err := os.ReadFile("../../views/mail/layout.html.tmpl")
	require.NoError(t, err)
	const dark = "prefers-color-scheme: dark"
	lightTokens, darkTokens, _ := strings.Cut(string(theme), "color-mode(dark")
	_, style, _ := strings.Cut(string(layout), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	lightRules, darkRules, _ := strings.Cut(style, dark)
	for mode, c := range map[string]struct{ tokens, rules string }{"light": {lightTokens, lightRules}, "dark": {darkTokens, darkRules}} {
		tokens := map[string]string{}
		for _, m := range regexp.MustCompile(`--k-([a-z0-9-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(c.tokens, -1) {
			if tokens[m[1]] == "" {
				tokens[m[1]] = m[2]
			}
		}
		for rule, wants := range map[string][]string{
			"body": {"background: paper", "color: ink"}, "main": {"background: sheet"}, "a": {"color: accent"}, ".small": {"color: ink-2"},
			".act a": {"background: accent", "color: accent-ink"}, ".foot": {"line"},
		} {
			body := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(rule) + ` \{(.*)\}`).FindStringSubmatch(c.rules)
			if !assert.NotNil(t, body, "%s: no rule for %s", mode, rule) {
				continue
			}
			for _, want := range wants {
				property, token, found := strings.Cut(want, ": ")
				if !found {
					property, token = "", want
				} else {
					property = " " + property + ": "
				}
				colour := tokens[token]
				assert.NotEmpty(t, colour, mode)
				assert.Contains(t, body[1], property+colour, "%s: %s {} has not %s of the theme", mode, rule, want)
			}
		}
		for _, colour := range regexp.MustCompile(`#[0-9a-f]{3,6}\b`).FindAllString(c.rules, -1) {
			assert.Contains(t, c.tokens, colour, "%s: is no colour of the theme", mode)
		}
	}
}
