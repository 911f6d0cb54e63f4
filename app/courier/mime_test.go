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
		if err != nil {
			t.Fatalf("%q: %v", get("Content-Type"), err)
		}
		kind = strings.TrimSpace(kind + " " + media)
		if strings.HasPrefix(media, "multipart/") {
			for r := multipart.NewReader(body, params["boundary"]); ; {
				p, err := r.NextRawPart()
				if err == io.EOF {
					return
				}
				if err != nil {
					t.Fatalf("%s: %v", kind, err)
				}
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
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
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
	if err := png.Encode(&drawn, image.NewNRGBA(image.Rect(0, 0, 320, 80))); err != nil {
		t.Fatal(err)
	}
	mark, err := logo.Parse(drawn.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	w, peer := onSQLite(t), couriertest.NewSMTPPeer(t)
	w.mailBy(func(o *courier.Options) { o.SMTPURL = peer.URL() })
	list := takenApart(t, peer.Mails()[0].Message(t))
	if got := kindsOf(list); got != "multipart/alternative text/plain, multipart/alternative text/html" || bytes.Contains(list[1].body, []byte("<img")) {
		t.Errorf("without a logo: %s", got)
	}

	w.mailBy(func(o *courier.Options) { o.SMTPURL, o.Logo = peer.URL(), mark })
	list = takenApart(t, peer.Mails()[1].Message(t))
	const want = "multipart/related multipart/alternative text/plain, multipart/related multipart/alternative text/html, multipart/related image/png"
	if got := kindsOf(list); got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	head := mail.Header(list[2].header)
	id := strings.Trim(head.Get("Content-Id"), "<>")
	if id != "logo-"+mark.Hash+"@kontor.test" || !strings.Contains(string(list[1].body), `src="cid:`+id+`"`) {
		t.Errorf("Content-ID %s in\n%s", head.Get("Content-Id"), list[1].body)
	}
	if disposition, params, err := mime.ParseMediaType(head.Get("Content-Disposition")); err != nil || disposition != "inline" || params["filename"] != "logo.png" {
		t.Errorf("Content-Disposition %q", head.Get("Content-Disposition"))
	}
	if !bytes.Equal(list[2].body, drawn.Bytes()) {
		t.Error("the image is another one")
	}
	if text := string(list[0].body); strings.Contains(text, "cid:") || !strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\nhttps://kontor.test/register/") {
		t.Errorf("text: %s", text)
	}
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
		if err != nil || len(from) != 1 || from[0].Name != c.name || from[0].Address != "no-reply@kontor.test" || subject != c.subject {
			t.Errorf("%s, %s: from %v (%v), subject %q", c.firm, c.from, from, err, subject)
		}
		if got.From != "no-reply@kontor.test" || strings.Count(head.Get("From"), "@") != 1 {
			t.Errorf("envelope %s, From %q", got.From, head.Get("From"))
		}
	}
}
