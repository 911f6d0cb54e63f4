package courier

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"kontor/app/lang"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

func channelOf(kind Kind) Channel {
	k, _ := kindOf(kind)
	return k.channel
}

func testRenderer(t *testing.T, firm string) *renderer {
	t.Helper()
	r, err := newRenderer(os.DirFS("../../views/mail"), firm, nil)
	require.NoError(t, err)
	return r
}

// Every e-mail in every language contains what it must, and text that people typed stays text.
func TestMailTemplates(t *testing.T) {
	const evil = "Eva <script>alert(1)</script>\r\nBcc: x@example.org\r\n\r\nhttps://evil.test"
	until := time.Date(2026, 7, 1, 13, 30, 0, 0, time.UTC)
	r := testRenderer(t, "Kanzlei <b>Muster</b> & Söhne")
	for _, kind := range allKinds() {
		if channelOf(kind) != Email {
			continue
		}
		for _, locale := range lang.All {
			t.Run(string(kind)+"."+locale, func(t *testing.T) {
				link, settings := "https://kontor.test/register/token-of-43-characters", ""
				c := Content{Template: kind, Locale: locale}
				switch sample(kind, locale).Data.(type) {
				case RegistrationData:
					c.Data = RegistrationData{Customer: evil, Number: "K-10001", Name: evil, Link: link, Expires: until, HasCode: true}
				case ApprovalData:
					link = "https://kontor.test/approvals"
					c.Data = ApprovalData{Name: evil, By: evil, Kind: "roles", About: evil, Why: evil, Link: link, Until: until, Yours: true}
				case RolesData:
					c.Data, link = RolesData{Name: evil, Person: evil, Gained: []string{"auditor"}, At: until}, ""
				case SummaryData:
					link, settings = "https://kontor.test/attention", "https://kontor.test/account"
					c.Data = SummaryData{Name: evil, Lines: []SummaryLine{{Section: "overdue", Count: 2}}, At: until, Link: link, Settings: settings}
				case AccountData:
					switch kind {
					case EmailChanged, EmailConfirmed, PasswordChanged:
						link = "" // they tell what was done
					}
					c.Data = AccountData{Name: evil, Email: "neu@example.org", Link: link, Expires: until, At: until}
				}
				l, err := r.render(Email, c)
				require.NoError(t, err)
				checkText(t, l, kind, locale, link)
				checkHTML(t, l, locale, link, settings)
			})
		}
	}
}

func checkText(t *testing.T, l rendered, kind Kind, locale, link string) {
	t.Helper()
	assert.NotEmpty(t, l.Subject, "subject")
	assert.False(t, strings.ContainsAny(l.Subject, "\r\n"))
	assert.NotContains(t, l.Subject, "Kanzlei")
	alone := 0
	for _, line := range strings.Split(l.Text, "\n") {
		switch {
		case line == link && link != "":
			alone++
		case strings.HasPrefix(line, "http"), strings.HasPrefix(line, "Bcc:"):
			t.Errorf("a name has made a line of its own: %q", line)
		}
	}
	if link != "" && alone != 1 {
		t.Errorf("the link stands alone on %d lines:\n%s", alone, l.Text)
	}
	time := map[string]string{"de": "01.07.2026, 15:30 Uhr (MESZ)", "en": "1 July 2026, 15:30 (CEST)"}[locale]
	code := map[string]string{"de": "Registrierungscode per SMS", "en": "registration code by SMS"}[locale]
	for what, want := range map[string]bool{
		time: link != "" || slices.Contains([]Kind{PasswordChanged, RolesChanged, RoleGranted}, kind), code: kind == Registration || kind == JoinCustomer, "K-10001": kind == Registration || kind == JoinCustomer,
		"neu@example.org": kind == ConfirmEmail || kind == EmailChanged || kind == EmailConfirmed, "Eva <script>": true, "{{": false, "no value": false,
	} {
		assert.Equal(t, want, strings.Contains(l.Text, what), "in text")
	}
}

// checkHTML wants two links to link, if there is one, and one to settings.
func checkHTML(t *testing.T, l rendered, locale, link, settings string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(l.HTML))
	require.NoError(t, err)
	var links, want []string
	for n := range doc.Descendants() {
		switch n.Data {
		case "script", "img", "link", "iframe", "table", "b", "form":
			assert.NotEqual(t, html.ElementNode, n.Type)
		case "html": // the doctype has the same Data
			if n.Type == html.ElementNode && (len(n.Attr) != 1 || n.Attr[0].Val != locale) {
				t.Errorf("language %v", n.Attr)
			}
		case "a":
			assert.Equal(t, "href", n.Attr[0].Key, "link")
			links = append(links, n.Attr[0].Val)
		}
	}
	if link != "" {
		want = append(want, link, link)
	}
	if settings != "" {
		want = append(want, settings)
	}
	assert.Equal(t, want, links, "links")
	for _, foreign := range []string{"url(", "src=", "@import"} {
		assert.NotContains(t, l.HTML, foreign, "in a mail")
	}
	assert.Contains(t, l.HTML, "prefers-color-scheme: dark", "no dark colours")
}

// TestSummaryInWords: a summary says how much there is by the names of the sections, and no number where it says nothing.
func TestSummaryInWords(t *testing.T) {
	r := testRenderer(t, "Kanzlei Muster")
	for locale, want := range map[string][]string{
		"de": {"Zu erledigen: mehr als 104", "Der Versand steht still\nEinladungen: 3\nÜberfällige Geschäftsvorfälle: mehr als 100\n\nhttps://example.org/attention\n", "abschalten: https://example.org/account\n"},
		"en": {"Needs attention: more than 104", "Sending has stopped\nInvitations: 3\nOverdue business transactions: more than 100\n\nhttps://example.org/attention\n", "turn it off: https://example.org/account\n"},
	} {
		l, err := r.render(Email, sample(DailySummary, locale))
		require.NoError(t, err)
		assert.Equal(t, want[0], l.Subject)
		assert.Contains(t, l.Text, want[1])
		assert.Contains(t, l.Text, want[2])
	}
	one := Content{Template: DailySummary, Locale: "en", Data: SummaryData{Lines: []SummaryLine{{Section: "of_tomorrow", Count: 1}}}}
	l, err := r.render(Email, one)
	require.NoError(t, err)
	assert.Equal(t, "Needs attention: 1", l.Subject)
	assert.Contains(t, l.Text, "of_tomorrow: 1\n")
}

// TestRolesInWords: roles that were given, taken away or kept are named in words; others are not mentioned.
func TestRolesInWords(t *testing.T) {
	r := testRenderer(t, "Kanzlei Muster")
	for _, c := range []struct {
		kind      Kind
		locale    string
		data      RolesData
		want, not []string
	}{
		{RolesChanged, "de", RolesData{Gained: []string{"policy_administrator", "auditor"}, Roles: []string{"policy_administrator", "auditor"}},
			[]string{"Neu: Richtlinien-Administrator, Revision. Insgesamt haben Sie jetzt: Richtlinien-Administrator, Revision."}, []string{"Nicht mehr", "_"}},
		{RolesChanged, "en", RolesData{Lost: []string{"auditor"}}, []string{"No longer: Auditor. You have no other roles."}, []string{"New:", "are now"}},
		{RoleGranted, "en", RolesData{Person: "Otto Ort", Gained: []string{"auditor"}}, []string{"At Kanzlei Muster, Otto Ort was given a role on ", " that you have too: Auditor."}, []string{"_"}},
		{RoleGranted, "de", RolesData{Person: "Otto Ort", Gained: []string{"of_tomorrow"}}, []string{"of_tomorrow"}, nil},
	} {
		l, err := r.render(Email, Content{Template: c.kind, Locale: c.locale, Data: c.data})
		require.NoError(t, err)
		for _, part := range []string{l.Text, l.HTML} {
			for _, want := range c.want {
				assert.Contains(t, part, want, "%s.%s lacks", c.kind, c.locale)
			}
			for _, not := range c.not {
				assert.NotContains(t, part, not, "%s.%s says", c.kind, c.locale)
			}
		}
		assert.NotContains(t, l.Text+l.HTML, "http", "%s.%s has a link", c.kind, c.locale)
	}
}

func TestWithoutCodeNoWordOfIt(t *testing.T) {
	r := testRenderer(t, "Kanzlei Muster")
	for _, locale := range lang.All {
		c := sample(Registration, locale)
		d := c.Data.(RegistrationData)
		d.HasCode = false
		c.Data = d
		l, err := r.render(Email, c)
		require.NoError(t, err)
		assert.NotContains(t, l.Text+l.HTML, "SMS")
	}
}

func TestSMSTemplates(t *testing.T) {
	for _, firm := range []string{
		"", "K", "Kanzlei Muster", strings.Repeat("Groß- und Außenhandelsgesellschaft ", 10), strings.Repeat("€", 200),
		"Šafařík & Łoś — „Söhne“", "株式会社", strings.Repeat("[]", 80), "A\r\nB", "\xff\xfe",
	} {
		r := testRenderer(t, firm)
		for _, locale := range append(slices.Clone(lang.All), "fr", "") {
			l, err := r.render(SMS, Content{
				Template: RegistrationCode, Locale: locale,
				Data: CodeData{Code: "2345-6789", Number: "K-123456789", Expires: time.Date(2026, 12, 31, 22, 59, 0, 0, time.UTC)},
			})
			require.NoError(t, err, "%q", firm)
			n, ok := septets(l.Text)
			require.True(t, ok, "%d septets (%v)", n, ok)
			assert.LessOrEqual(t, n, 160)
			assert.Contains(t, l.Text, " K-123456789 ")
			assert.Contains(t, l.Text, " 2345-6789.")
			assert.NotContains(t, l.Text, "\n")
		}
	}
	l, err := testRenderer(t, "Šafařík & Łoś — „Söhne“").render(SMS, sample(RegistrationCode, "de"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(l.Text, "Kontor: Ihr Registrierungscode für Kundennummer K-10001 ist 2345-6789. Gültig bis 26.11.2026 14:00 MEZ."), "%q", l.Text)
	assert.Equal(t, `Safarik & Los - "Söhne"`, toGSM("Šafařík & Łoś — „Söhne“"))
}

func TestSeptets(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "äöüÄÖÜß": 7, "€[]": 6, "Ł": -1, "–": -1, "\n": 1, "ç": -1, "Ç": 1} {
		n, ok := septets(text)
		if !ok {
			n = -1
		}
		assert.Equal(t, want, n, "%q", text)
	}
}

func TestMissingOrBrokenTemplates(t *testing.T) {
	whole := os.DirFS("../../views/mail")
	files := func() fstest.MapFS {
		m := fstest.MapFS{}
		entries, err := os.ReadDir("../../views/mail")
		require.NoError(t, err)
		for _, e := range entries {
			data, err := os.ReadFile("../../views/mail/" + e.Name())
			require.NoError(t, err)
			m[e.Name()] = &fstest.MapFile{Data: data}
		}
		return m
	}
	_, err := newRenderer(whole, "", nil)
	require.NoError(t, err)
	for name := range files() {
		m := files()
		delete(m, name)
		_, err := newRenderer(m, "", nil)
		assert.Error(t, err, "without %s: no error", name)
		m = files()
		m[name] = &fstest.MapFile{Data: append([]byte("{{.NoSuchField}}"), m[name].Data...)}
		if strings.HasSuffix(name, ".html.tmpl") {
			m[name] = &fstest.MapFile{Data: []byte(strings.Replace(string(m[name].Data), ".Firm", ".NoSuchField", 1) + "{{end}}")}
		}
		_, err = newRenderer(m, "", nil)
		assert.Error(t, err, "with a mistake in %s: no error", name)
	}
}

func TestPlain(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"550 no\r\n\tsuch\x00user \x1b[31m", "550 no such user [31m"},
		{"token AbC-dEf is yours", "token *** is yours"},
		{"ABC-DEF", "***"},
		{"\u202Eevil\u200b", "evil"},
		{strings.Repeat("ä", 300), strings.Repeat("ä", 199) + "…"},
		{"\xff", "�"},
	} {
		assert.Equal(t, c.want, plain(c.in, "abc-def", ""), "%q", c.in)
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("550 5.1.1 no\r\nuser", "user")
	f.Fuzz(func(t *testing.T, s, secret string) {
		got := plain(s)
		assert.LessOrEqual(t, len([]rune(got)), detailLimit)
		assert.False(t, strings.ContainsAny(got, "\r\n\x00\x1b"))
		_ = plain(s, secret)
	})
}
