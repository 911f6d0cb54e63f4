package courier

import (
	"net/mail"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"kontor/app/lang"
	"kontor/app/logo"
)

// emails calls f with every e-mail in every language, with a firm's settings.
func emails(t *testing.T, firm string, f firmed, each func(t *testing.T, kind Kind, locale string, l rendered)) {
	t.Helper()
	r := testRenderer(t, firm).with(f)
	for _, kind := range Kinds() {
		if channelOf(kind) != Email {
			continue
		}
		for _, locale := range lang.All {
			t.Run(string(kind)+"."+locale, func(t *testing.T) {
				c := sample(kind, locale)
				switch d := c.Data.(type) { // the sample's own firm would win
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
				}
				l, err := r.render(Email, c)
				if err != nil {
					t.Fatal(err)
				}
				each(t, kind, locale, l)
			})
		}
	}
}

// page holds the parts of a mail's HTML.
type page struct {
	title, hidden string // hidden: what only the inbox shows
	shown         string // the rest of the body
	images        []*html.Node
	broken        []string // words that may be parted at their hyphen
}

var hyphened = regexp.MustCompile(`(?i:\be-mail\b)|\bK-[0-9]+\b`)

func read(t *testing.T, mail string) (p page) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(mail))
	if err != nil {
		t.Fatal(err)
	}
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
			if hidden = true; attr(n, "aria-hidden") != "true" || !strings.Contains(style, "mso-hide:all") || strings.TrimSpace(p.shown) != "" {
				t.Errorf("hidden by %q, after %q", style, p.shown)
			}
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
		if len(said) < 20 || len([]rune(said)) > 110 {
			t.Errorf("%q", said)
		}
		if room := strings.Count(p.hidden, "\u00a0"); room < 80 {
			t.Errorf("room for %d", room)
		}
		for _, other := range []string{l.Subject, p.title} {
			if strings.Contains(said, other) || strings.Contains(other, said) {
				t.Errorf("%q repeats %q", said, other)
			}
		}
		if strings.Contains(l.Text, "\u200c") || strings.Contains(l.Text, said+"\n\n") {
			t.Errorf("the text has it too:\n%s", l.Text)
		}
		if before := seen[locale+said]; before != "" {
			t.Errorf("%s has the same: %q", before, said)
		}
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
			if strings.HasPrefix(l.Subject, firm+": ") != inSubject || strings.Count(l.Subject, firm) > 1 || !inSubject && strings.Contains(l.Subject, firm) {
				t.Errorf("from %s: %q", from, l.Subject)
			}
		})
	}
}

// TestSameWordsInTextAndHTML: the text of a mail says the same as its HTML, and no word that must stay together can be
// broken at its hyphen.
func TestSameWordsInTextAndHTML(t *testing.T) {
	emails(t, "Kanzlei Muster", firmed{reply: true}, func(t *testing.T, _ Kind, _ string, l rendered) {
		p := read(t, l.HTML)
		for _, line := range strings.Split(l.Text, "\n") {
			if !strings.Contains(p.shown, line) {
				t.Errorf("only in the text: %q", line)
			}
		}
		if len(p.broken) > 0 {
			t.Errorf("may break: %q", p.broken)
		}
		if strings.Contains(p.title, "<") {
			t.Errorf("markup in the title: %q", p.title)
		}
	})
}

// TestAnswers: a mail says that people can reply to it only if a reply reaches a person who can help.
func TestAnswers(t *testing.T) {
	say := map[string]string{"de": "Sie können auf diese E-Mail antworten.", "en": "You can reply to this e-mail."}
	for _, set := range []bool{false, true} {
		emails(t, "Kanzlei Muster", firmed{reply: set}, func(t *testing.T, kind Kind, locale string, l rendered) {
			inside := slices.Contains([]Kind{SetPassword, ApprovalAsked, RolesChanged, RoleGranted}, kind)
			want := map[bool]int{true: 1}[set && !inside]
			for _, part := range []string{l.Text, read(t, l.HTML).shown} {
				if strings.Count(part, say[locale]) != want {
					t.Errorf("REPLY_TO set: %v\n%s", set, part)
				}
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
			if !strings.Contains(part, "Müller & Söhne") || strings.Contains(lower, "another customer") || strings.Contains(lower, "weiterer kunde") || strings.Contains(lower, "weiteren kunden") {
				t.Error(part)
			}
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
				if len(p.images) > 0 || strings.Contains(got.HTML, "cid:") {
					t.Error("an image without a logo")
				}
				return
			}
			if len(p.images) != 1 {
				t.Fatalf("%d images", len(p.images))
			}
			img := p.images[0]
			if attr(img, "src") != "cid:logo-0123456789abcdef@firm.example" || attr(img, "alt") != `Kanzlei "Muster" & Söhne` || attr(img, "width") != "200" || attr(img, "height") != "25" {
				t.Errorf("%v", img.Attr)
			}
			shown := Mail{HTML: got.HTML}.Page(`/static/x/firm/logo.png"`)
			if strings.Contains(shown, "cid:") || attr(read(t, shown).images[0], "src") != `/static/x/firm/logo.png"` {
				t.Errorf("in the mailbox: %s", shown)
			}
		})
	}
}

// TestColours: the mails have the colours of the screens, light and dark, and the button has the accent colour.
func TestColours(t *testing.T) {
	theme, err := os.ReadFile("../../views/theme/_tokens.scss")
	if err != nil {
		t.Fatal(err)
	}
	layout, err := os.ReadFile("../../views/mail/layout.html.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	const dark = "prefers-color-scheme: dark"
	lightTokens, darkTokens, _ := strings.Cut(string(theme), dark)
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
			if body == nil {
				t.Errorf("%s: no rule for %s", mode, rule)
				continue
			}
			for _, want := range wants {
				property, token, found := strings.Cut(want, ": ")
				if !found {
					property, token = "", want
				} else {
					property = " " + property + ": "
				}
				if colour := tokens[token]; colour == "" || !strings.Contains(body[1], property+colour) {
					t.Errorf("%s: %s {%s} has not %s of the theme, %s", mode, rule, body[1], want, colour)
				}
			}
		}
		for _, colour := range regexp.MustCompile(`#[0-9a-f]{3,6}\b`).FindAllString(c.rules, -1) {
			if !strings.Contains(c.tokens, colour) {
				t.Errorf("%s: %s is no colour of the theme", mode, colour)
			}
		}
	}
}
