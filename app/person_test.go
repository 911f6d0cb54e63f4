package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/config"
	"kontor/app/wire"
)

// program is a running web process in this test process.
type program struct {
	URL      string
	Address  string // host and port where it listens, whatever BASE_URL says
	Password string // of the first user, when it was printed
	Said     string // at its start
}

var printedPassword = regexp.MustCompile(`Password\s+(\S+)`)

// boot starts the whole program on a free port with the given settings and stops it with the test.
func boot(t testing.TB, settings map[string]string, tune ...wire.Tune) *program {
	t.Helper()
	env := map[string]string{"LISTEN": "127.0.0.1:0", "DATA_DIR": t.TempDir(), "LOG": "warn"}
	for k, v := range settings {
		env[k] = v
	}
	var args []string
	if env["DEMO"] != "" {
		args = append(args, "--demo")
	}
	c, _, err := config.Load(args, func(k string) string { return env[k] }, wire.Checks())
	require.NoError(t, err)
	var out bytes.Buffer
	ctx, stop := context.WithCancel(context.Background())
	app, err := Start(ctx, c, &out, logWriter{t}, tune...)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		err := <-done
		assert.NoError(t, err, "stopping")
	})
	p := &program{URL: app.URL, Address: app.Address.String(), Said: out.String()}
	if m := printedPassword.FindStringSubmatch(out.String()); m != nil {
		p.Password = m[1]
	}
	return p
}

// logWriter sends the program's log to the test's.
type logWriter struct{ t testing.TB }

func (w logWriter) Write(b []byte) (int, error) {
	w.t.Logf("log: %s", bytes.TrimSpace(b))
	return len(b), nil
}

// someone is a person with a browser of their own, without script.
type someone struct {
	t      testing.TB
	base   string
	client *http.Client
	lang   string
}

func visitor(t testing.TB, base string) *someone {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &someone{t: t, base: base, client: &http.Client{Jar: jar, Timeout: 30 * time.Second}, lang: "en"}
}

// page is what a person sees.
type page struct {
	t      testing.TB
	by     *someone
	Status int
	URL    *url.URL
	*goquery.Document
}

func (s *someone) get(path string) *page {
	s.t.Helper()
	return s.do(http.MethodGet, path, nil)
}

func (s *someone) do(method, path string, form url.Values) *page {
	s.t.Helper()
	target := path
	if !strings.HasPrefix(path, "http") {
		target = s.base + path
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, target, body)
	require.NoError(s.t, err)
	req.Header.Set("Accept-Language", s.lang)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", s.base)
	}
	res, err := s.client.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = res.Body.Close() }()
	doc, err := goquery.NewDocumentFromReader(res.Body)
	require.NoError(s.t, err)
	return &page{t: s.t, by: s, Status: res.StatusCode, URL: res.Request.URL, Document: doc}
}

// send presses the button with the given name after typing into its form, and follows to the next page.
func (p *page) send(button string, typed map[string]string) *page {
	p.t.Helper()
	press := p.Find("button").FilterFunction(func(_ int, b *goquery.Selection) bool {
		return strings.Join(strings.Fields(b.Text()), " ") == button && p.formOf(b).Length() > 0
	}).First()
	require.NotEqual(p.t, 0, press.Length(), "no button %q on %s (%d): %s", button, p.URL, p.Status, p.text("main"))
	form := p.formOf(press)
	fields := p.Find("[name]").FilterFunction(func(_ int, f *goquery.Selection) bool { return p.formOf(f).IsSelection(form) })
	values := url.Values{}
	fields.Filter("input, select, textarea").Each(func(_ int, f *goquery.Selection) {
		name := f.AttrOr("name", "")
		switch {
		case goquery.NodeName(f) == "select":
			option := f.Find("option[selected]")
			if option.Length() == 0 {
				option = f.Find("option").First()
			}
			values.Set(name, option.AttrOr("value", ""))
		case goquery.NodeName(f) == "textarea":
			values.Set(name, f.Text())
		case f.AttrOr("type", "") == "checkbox" || f.AttrOr("type", "") == "radio":
			if _, on := f.Attr("checked"); on {
				values.Add(name, f.AttrOr("value", "on"))
			}
		case f.AttrOr("type", "") != "submit":
			values.Set(name, f.AttrOr("value", ""))
		}
	})
	for k, v := range typed {
		require.NotEqual(p.t, 0, fields.Filter(fmt.Sprintf("[name=%q]", k)).Length(), "the form with %q on %s has no field", button, p.URL)
		values.Set(k, v)
	}
	if name, named := press.Attr("name"); named {
		values.Set(name, press.AttrOr("value", ""))
	}
	action, err := p.URL.Parse(press.AttrOr("formaction", form.AttrOr("action", p.URL.String())))
	require.NoError(p.t, err)
	if strings.EqualFold(form.AttrOr("method", "get"), "get") {
		action.RawQuery = values.Encode()
		return p.by.do(http.MethodGet, action.String(), nil)
	}
	return p.by.do(http.MethodPost, action.String(), values)
}

// formOf is the form that a button or field belongs to: the one that it names, else the one that it stands in.
func (p *page) formOf(e *goquery.Selection) *goquery.Selection {
	if id, named := e.Attr("form"); named {
		return p.Find("form[id=\"" + id + "\"]")
	}
	return e.Closest("form")
}

// text is what stands in the elements, white space folded.
func (p *page) text(selector string) string {
	return strings.Join(strings.Fields(p.Find(selector).Text()), " ")
}

// shows fails the test unless the text stands in the page's main part.
func (p *page) shows(texts ...string) *page {
	p.t.Helper()
	for _, want := range texts {
		require.Contains(p.t, p.text("main"), want, "%s (%d) does not show %q but: %s", p.URL, p.Status, want, p.text("main"))
	}
	return p
}

// hides fails the test if the text stands anywhere in the page.
func (p *page) hides(texts ...string) *page {
	p.t.Helper()
	for _, no := range texts {
		html, _ := p.Html()
		assert.NotContains(p.t, html, no, "%s shows", p.URL)
	}
	return p
}

func (p *page) is(status int, path string) *page {
	p.t.Helper()
	require.Equal(p.t, status, p.Status, "answered (%s), want %d at %s", p.text("main"), status, path)
	require.False(p.t, path != "" && p.URL.Path != path)
	return p
}

func (s *someone) signIn(login, password string) *page {
	s.t.Helper()
	return s.get("/login").send("Sign in", map[string]string{"login": login, "password": password})
}

// mailboxMail is a line of /mailbox.json.
type mailboxMail struct {
	ID, Channel, To, Subject, Text, HTML string
}

func (s *someone) mailbox() []mailboxMail {
	s.t.Helper()
	res, err := s.client.Get(s.base + "/mailbox.json")
	require.NoError(s.t, err)
	defer func() { _ = res.Body.Close() }()
	var mails []mailboxMail
	require.NoError(s.t, json.NewDecoder(res.Body).Decode(&mails), "mailbox (%d)", res.StatusCode)
	return mails
}

// received waits for the newest message to an address on a channel.
func (s *someone) received(channel, to string) mailboxMail {
	s.t.Helper()
	var found mailboxMail
	await.True(s.t, channel+" to "+to, func() bool {
		for _, m := range s.mailbox() {
			if m.Channel == channel && m.To == to {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

var (
	linkLine = regexp.MustCompile(`(?m)^(https?://\S+/(?:register|password/reset|account/email)/[A-Za-z0-9_-]{43})\r?$`)
	codeWord = regexp.MustCompile(`\b[2-9CFGHJMPQRVWX]{4}-[2-9CFGHJMPQRVWX]{4}\b`)
)

func linkIn(t testing.TB, text string) string {
	t.Helper()
	m := linkLine.FindStringSubmatch(text)
	require.NotNil(t, m, "no link alone on a line in %q", text)
	return m[1]
}

func codeIn(t testing.TB, text string) string {
	t.Helper()
	code := codeWord.FindString(text)
	require.NotEmpty(t, code, "no code in %q", text)
	return code
}

// productionKey is a SECRET_KEY for tests.
var productionKey = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))

const goodPassword = "quiet harbour lantern 47"
