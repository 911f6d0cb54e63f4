package courier_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
	"kontor/app/logo"
)

// part is a part of a mail as it was received, with its bytes decoded.
type part struct {
	kind   string // the media types from the outside in, such as "multipart/alternative text/plain"
	header map[string][]string
	body   []byte
}

// takenApart parses a mail as a mail program would.
func takenApart(t *testing.T, m *mail.Message) (list []part) {
	t.Helper()
	var walk func(kind string, header map[string][]string, body io.Reader)
	walk = func(kind string, header map[string][]string, body io.Reader) {
		get := mail.Header(header).Get
		media, params, err := mime.ParseMediaType(get("Content-Type"))
		require.NoError(t, err, "%q", get("Content-Type"))
		kind = strings.TrimSpace(kind + " " + media)
		if strings.HasPrefix(media, "multipart/") {
			for r := multipart.NewReader(body, params["boundary"]); ; {
				p, err := r.NextRawPart()
				if err == io.EOF {
					return
				}
				require.NoError(t, err, kind)
				walk(kind, p.Header, p)
			}
		}
		switch strings.ToLower(get("Content-Transfer-Encoding")) {
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		}
		raw, err := io.ReadAll(body)
		require.NoError(t, err, kind)
		list = append(list, part{kind, header, raw})
	}
	walk("", m.Header, m.Body)
	return list
}

func kindsOf(list []part) string {
	var all []string
	for _, p := range list {
		all = append(all, p.kind)
	}
	return strings.Join(all, ", ")
}

// TestMarkInMail: a mail consists of text and HTML. If the firm has a logo, the image that the HTML shows is a part of
// the mail.
func TestMarkInMail(t *testing.T) {
	var drawn bytes.Buffer
	require.NoError(t, png.Encode(&drawn, image.NewNRGBA(image.Rect(0, 0, 320, 80))))
	mark, err := logo.Parse(drawn.Bytes())
	require.NoError(t, err)
	w, peer := onSQLite(t), couriertest.NewSMTPPeer(t)
	w.mailBy(func(o *courier.Options) { o.SMTPURL = peer.URL() })
	list := takenApart(t, peer.Mails()[0].Message(t))
	got := kindsOf(list)
	assert.Equal(t, "multipart/alternative text/plain, multipart/alternative text/html", got, "without a logo")
	assert.False(t, bytes.Contains(list[1].body, []byte("<img")), "without a logo")

	w.mailBy(func(o *courier.Options) { o.SMTPURL, o.Logo = peer.URL(), mark })
	list = takenApart(t, peer.Mails()[1].Message(t))
	const want = "multipart/related multipart/alternative text/plain, multipart/related multipart/alternative text/html, multipart/related image/png"
	require.Equal(t, want, kindsOf(list))
	head := mail.Header(list[2].header)
	id := strings.Trim(head.Get("Content-Id"), "<>")
	assert.Equal(t, "logo-"+mark.Hash+"@kontor.test", id, "Content-ID %s in", head.Get("Content-Id"))
	assert.Contains(t, string(list[1].body), `src="cid:`+id+`"`, "Content-ID %s in", head.Get("Content-Id"))
	disposition, params, err := mime.ParseMediaType(head.Get("Content-Disposition"))
	require.NoError(t, err, "Content-Disposition %q", head.Get("Content-Disposition"))
	assert.Equal(t, "inline", disposition, "Content-Disposition %q", head.Get("Content-Disposition"))
	assert.Equal(t, "logo.png", params["filename"], "Content-Disposition %q", head.Get("Content-Disposition"))
	assert.Equal(t, drawn.Bytes(), list[2].body, "the image is another one")
	text := string(list[0].body)
	assert.NotContains(t, text, "cid:", "text")
	assert.Contains(t, strings.ReplaceAll(text, "\r\n", "\n"), "\nhttps://kontor.test/register/", "text")
}

// TestSender: mails have the firm's name as sender unless MAIL_FROM contains another name; then the subject names the
// firm.
func TestSender(t *testing.T) {
	w, peer := onSQLite(t), couriertest.NewSMTPPeer(t)
	long := strings.Repeat("Äußerst ", 12) + "KG <x>"
	for i, c := range []struct{ firm, from, name, subject string }{
		{"Kanzlei Muster", "no-reply@kontor.test", "Kanzlei Muster", "Registrieren Sie sich zum Austausch von Dokumenten"},
		{"Kanzlei Muster", "Kanzlei Muster <no-reply@kontor.test>", "Kanzlei Muster", "Registrieren Sie sich zum Austausch von Dokumenten"},
		{"Kanzlei Muster", "Portal <no-reply@kontor.test>", "Portal", "Kanzlei Muster: Registrieren Sie sich zum Austausch von Dokumenten"},
		{long, "no-reply@kontor.test", long, "Registrieren Sie sich zum Austausch von Dokumenten"},
	} {
		w.mailBy(func(o *courier.Options) { o.SMTPURL, o.Firm, o.From = peer.URL(), c.firm, c.from })
		got := peer.Mails()[i]
		head := got.Message(t).Header
		from, err := head.AddressList("From")
		subject, _ := new(mime.WordDecoder).DecodeHeader(head.Get("Subject"))
		require.NoError(t, err, "%s, %s: from", c.firm, c.from)
		require.Len(t, from, 1, "%s, %s", c.firm, c.from)
		assert.Equal(t, c.name, from[0].Name, "%s, %s", c.firm, c.from)
		assert.Equal(t, "no-reply@kontor.test", from[0].Address, "%s, %s", c.firm, c.from)
		assert.Equal(t, c.subject, subject, "%s, %s: subject", c.firm, c.from)
		assert.Equal(t, "no-reply@kontor.test", got.From, "envelope, From %q", head.Get("From"))
		assert.Equal(t, 1, strings.Count(head.Get("From"), "@"), "From %q", head.Get("From"))
	}
}
