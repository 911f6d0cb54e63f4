package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/document"
	"kontor/app/internal/web/kit"
)

// speak sends a request of the protocol tus.
func (b *browser) speak(method, path string, body []byte, headers ...string) answer {
	b.Helper()
	sent := []string{}
	all := append([]string{"Tus-Resumable", "1.0.0", kit.CSRFHeader, b.token()}, headers...)
	for i := 0; i+1 < len(all); i += 2 { // of two headers with one name, the later one is sent
		if !slices.Contains(all[i+2:], all[i]) {
			sent = append(sent, all[i], all[i+1])
		}
	}
	return b.raw(method, path, string(body), sent...)
}

func meta(pairs ...string) string {
	var all []string
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(all, ",")
}

// begin begins an upload and returns its address.
func (b *browser) begin(size int, pairs ...string) string {
	b.Helper()
	a := b.speak(http.MethodPost, "/uploads", nil, "Upload-Length", strconv.Itoa(size), "Upload-Metadata", meta(pairs...))
	require.Equal(b, http.StatusCreated, a.StatusCode, a.body)
	return a.Header.Get("Location")
}

// part sends the next bytes of an upload.
func (b *browser) part(path string, at int, data []byte, headers ...string) answer {
	b.Helper()
	return b.speak(http.MethodPatch, path, data, append([]string{"Content-Type", "application/offset+octet-stream", "Upload-Offset", strconv.Itoa(at)}, headers...)...)
}

// TestTus goes through what the protocol says that a server does.
func TestTus(t *testing.T) {
	w := newWorld(t)
	of := w.transaction("Steuer").ID.String()
	b := w.signedIn()
	a := b.speak(http.MethodOptions, "/uploads", nil)
	a.want(t, http.StatusNoContent)
	assert.Equal(t, "1.0.0", a.Header.Get("Tus-Version"))
	assert.Equal(t, "creation,checksum,termination,expiration", a.Header.Get("Tus-Extension"))
	assert.Equal(t, "sha1,sha256", a.Header.Get("Tus-Checksum-Algorithm"))

	data := []byte(strings.Repeat("Zeile mit Text\n", 100))
	path := b.begin(len(data), "filename", "a.txt", "transaction", of)
	ask := func() string {
		t.Helper()
		a := b.speak(http.MethodHead, path, nil)
		assert.Equal(t, "1.0.0", a.Header.Get("Tus-Resumable"))
		assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		return fmt.Sprint(a.StatusCode, " ", a.Header.Get("Upload-Offset"), "/", a.Header.Get("Upload-Length"))
	}
	assert.Equal(t, "200 0/1500", ask())
	sum := func(of []byte) string {
		s := sha256.Sum256(of)
		return "sha256 " + base64.StdEncoding.EncodeToString(s[:])
	}
	for name, c := range map[string]struct {
		at      int
		data    []byte
		headers []string
		want    int
	}{
		"too early":              {5, data[5:10], nil, http.StatusConflict},
		"another media type":     {0, data[:10], []string{"Content-Type", "text/plain"}, http.StatusUnsupportedMediaType},
		"a wrong checksum":       {0, data[:10], []string{"Upload-Checksum", sum(data[:11])}, 460},
		"an unknown checksum":    {0, data[:10], []string{"Upload-Checksum", "md4 x"}, http.StatusBadRequest},
		"no offset":              {0, data[:10], []string{"Upload-Offset", "x"}, http.StatusBadRequest},
		"a negative offset":      {0, data[:10], []string{"Upload-Offset", "-1"}, http.StatusBadRequest},
		"another version":        {0, data[:10], []string{"Tus-Resumable", "0.2.2"}, http.StatusPreconditionFailed},
		"more than announced":    {0, append(bytes.Clone(data), 'x'), nil, http.StatusRequestEntityTooLarge},
		"compressed":             {0, data[:10], []string{"Content-Encoding", "gzip"}, http.StatusUnsupportedMediaType},
		"without the CSRF token": {0, data[:10], []string{kit.CSRFHeader, "x"}, http.StatusForbidden},
	} {
		assert.Equal(t, c.want, b.part(path, c.at, c.data, c.headers...).StatusCode, name)
		assert.Equal(t, "200 0/1500", ask(), name)
	}
	a = b.part(path, 0, data[:600], "Upload-Checksum", sum(data[:600]))
	a.want(t, http.StatusNoContent)
	assert.Equal(t, "600", a.Header.Get("Upload-Offset"))
	assert.NotEmpty(t, a.Header.Get("Upload-Expires"))
	assert.Equal(t, http.StatusConflict, b.part(path, 0, data[:600]).StatusCode, "the same part again")
	assert.Equal(t, "200 600/1500", ask())
	other := w.signedIn() // from another address and browser, or after the page was left
	a = other.part(path, 600, data[600:])
	a.want(t, http.StatusNoContent)
	page := a.Header.Get("Kontor-Document")
	require.True(t, strings.HasPrefix(page, "/documents/"), page)
	assert.Equal(t, "200 1500/1500", ask(), "for who did not hear the answer")
	assert.Equal(t, string(data), b.get(page+"/content").body)

	again := b.begin(len(data), "filename", "b.txt", "transaction", of)
	a = b.part(again, 0, data)
	a.want(t, http.StatusOK)
	assert.Contains(t, a.body, "You have sent “b.txt” before")

	ended := b.begin(len(data), "filename", "c.txt", "transaction", of)
	b.part(ended, 0, data[:10]).want(t, http.StatusNoContent)
	b.speak(http.MethodDelete, ended, nil).want(t, http.StatusNoContent)
	path = ended
	assert.Equal(t, "404 /", ask())

	for name, c := range map[string]struct {
		length, meta string
		want         int
	}{
		"no length": {"", "", 400}, "a negative length": {"-5", "", 400}, "no bytes": {"0", meta("filename", "a.txt", "transaction", of), 422},
		"no base64": {"5", "filename ???", 400}, "twice": {"5", meta("filename", "a", "filename", "b"), 400}, "no target": {"5", meta("filename", "a.txt"), 404},
		"nobody's": {"5", meta("filename", "a.txt", "element", uuid.Must(uuid.NewV7()).String()), 404},
	} {
		assert.Equal(t, c.want, b.speak(http.MethodPost, "/uploads", nil, "Upload-Length", c.length, "Upload-Metadata", c.meta).StatusCode, name)
	}
}

// TestForeignUploads: nobody sees, continues or ends the upload of somebody else, not even a colleague who may see the transaction.
func TestForeignUploads(t *testing.T) {
	w := newWorld(t)
	of := w.transaction("Steuer").ID
	path := w.signedIn().begin(10, "filename", "a.txt", "transaction", of.String())
	colleague := w.specialist("ben@kanzlei.example")
	w.addProcessor(of, colleague.ID)
	for name, b := range map[string]*browser{"a colleague": w.browser().signIn("ben@kanzlei.example", strong), "an end user": w.endUser()} {
		assert.Equal(t, http.StatusNotFound, b.speak(http.MethodHead, path, nil).StatusCode, name)
		assert.Equal(t, http.StatusNotFound, b.part(path, 0, []byte("0123456789")).StatusCode, name)
		assert.Equal(t, http.StatusNotFound, b.speak(http.MethodDelete, path, nil).StatusCode, name)
	}
	assert.Equal(t, http.StatusUnauthorized, w.browser().speak(http.MethodPatch, path, []byte("0123456789"), "Content-Type", "application/offset+octet-stream", "Upload-Offset", "0").StatusCode)
}

// TestContent: what is sent of a document, and under which policy.
func TestContent(t *testing.T) {
	w := newWorld(t)
	of := w.transaction("Steuer").ID
	b := w.signedIn()
	put := func(name, text string) string {
		t.Helper()
		a := b.part(b.begin(len(text), "filename", name, "transaction", of.String()), 0, []byte(text))
		a.want(t, http.StatusNoContent)
		return a.Header.Get("Kontor-Document") + "/content"
	}
	pdf := put("Lohn & Gehalt ä.pdf", onePage)
	a := b.get(pdf)
	a.want(t, http.StatusOK)
	assert.Equal(t, onePage, a.body)
	for header, want := range map[string]string{
		"Content-Type": "application/pdf", "X-Content-Type-Options": "nosniff", "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache",
		"Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'self'", "X-Frame-Options": "", "Content-Encoding": "",
		"Content-Length": strconv.Itoa(len(onePage)),
	} {
		assert.Equal(t, want, a.Header.Get(header), header)
	}
	assert.True(t, strings.HasPrefix(a.Header.Get("Content-Disposition"), "inline;"), a.Header.Get("Content-Disposition"))
	assert.True(t, strings.HasPrefix(b.get(pdf+"?download=1").Header.Get("Content-Disposition"), "attachment;"))
	tag := a.Header.Get("ETag")
	assert.Equal(t, http.StatusNotModified, b.get(pdf, "If-None-Match", tag).StatusCode)
	assert.Equal(t, http.StatusNotFound, b.get(pdf+"?version=2").StatusCode)
	assert.Equal(t, http.StatusNotFound, b.get(pdf+"?version=x").StatusCode)
	text := put("brief.txt", "Guten Tag, <b>Frau Kühn</b>")
	a = b.get(text)
	assert.True(t, strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment;"), "text is downloaded")
	assert.True(t, strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain"), a.Header.Get("Content-Type"))

	size := len(onePage)
	for asked, want := range map[string]struct {
		status int
		body   string
		rng    string
	}{
		"bytes=0-3":        {206, onePage[:4], fmt.Sprintf("bytes 0-3/%d", size)},
		"bytes=5-":         {206, onePage[5:], fmt.Sprintf("bytes 5-%d/%d", size-1, size)},
		"bytes=-7":         {206, onePage[size-7:], fmt.Sprintf("bytes %d-%d/%d", size-7, size-1, size)},
		"bytes=3-99999999": {206, onePage[3:], fmt.Sprintf("bytes 3-%d/%d", size-1, size)},
		"bytes=99999999-":  {416, "", fmt.Sprintf("bytes */%d", size)},
		"bytes=0-1,3-4":    {200, onePage, ""},
	} {
		a := b.get(pdf, "Range", asked)
		assert.Equal(t, want.status, a.StatusCode, asked)
		assert.Equal(t, want.rng, a.Header.Get("Content-Range"), asked)
		if want.status != 416 {
			assert.Equal(t, want.body, a.body, asked)
		}
	}
	assert.Equal(t, http.StatusPartialContent, b.get(pdf, "Range", "bytes=0-3", "If-Range", tag).StatusCode)
	assert.Equal(t, http.StatusOK, b.get(pdf, "Range", "bytes=0-3", "If-Range", `"x"`).StatusCode)
	page := b.get(strings.TrimSuffix(pdf, "/content"))
	page.want(t, http.StatusOK)
	assert.Contains(t, page.Header.Get("Content-Security-Policy"), "frame-src 'self'")
	assert.NotContains(t, b.get("/transactions/"+of.String()).Header.Get("Content-Security-Policy"), "frame-src")
}

// filesOf is a form with files as a browser without the script sends it.
func (b *browser) filesOf(path, element string, files map[string]string) answer {
	b.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	must(b.TB, m.WriteField(kit.CSRFField, b.token()))
	must(b.TB, m.WriteField("element", element))
	for name, text := range files {
		part, err := m.CreateFormFile("file", name)
		must(b.TB, err)
		_, err = io.WriteString(part, text)
		must(b.TB, err)
	}
	must(b.TB, m.Close())
	return b.raw(http.MethodPost, path, body.String(), append([]string{"Content-Type", m.FormDataContentType()}, ourSite...)...)
}

// TestUploadForm: without the script files come with a form. One that is refused says why where a file can be chosen again.
func TestUploadForm(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	b := w.signedIn()
	path, page := "/transactions/"+x.transaction.String()+"/documents", "/transactions/"+x.transaction.String()
	b.filesOf(path, "", map[string]string{"brief.txt": "Guten Tag"}).goesTo(t, page)
	b.filesOf(path, x.element.String(), map[string]string{"lohn 2.pdf": onePage + "2"}).goesTo(t, page+"#e-"+x.element.String())
	shown := b.get(page)
	shown.want(t, http.StatusOK, "brief.txt", "lohn 2.pdf")
	for name, c := range map[string]struct {
		files map[string]string
		says  string
	}{
		"none":            {nil, "Choose a file."},
		"an empty one":    {map[string]string{"a.txt": ""}, "The file is empty."},
		"a program":       {map[string]string{"a.exe": "MZ\x90\x00" + strings.Repeat("\x00", 100)}, "aren't accepted"},
		"one in disguise": {map[string]string{"a.pdf": "MZ\x90\x00" + strings.Repeat("\x00", 100)}, "isn't what its name says"},
		"a page":          {map[string]string{"a.html": "<!DOCTYPE html><html><script>alert(1)</script></html>"}, "aren't accepted"},
	} {
		a := b.filesOf(path, "", c.files)
		a.want(t, http.StatusUnprocessableEntity, "Error:", c.says)
		assert.NotZero(t, a.doc(t).Find(`input[type="file"]`).Length(), name)
	}
	for _, name := range []string{"../../etc/passwd.txt", "C:\\temp\\x.txt", "a\u202efdp.txt", strings.Repeat("ä", 300) + ".txt", "😀.txt", "CON.txt"} {
		b.filesOf(path, "", map[string]string{name: "Text von " + name}).goesTo(t, page)
	}
	shown = b.get(page)
	for _, never := range []string{"../", "C:", "\u202e", strings.Repeat("ä", 201)} {
		assert.NotContains(t, shown.text(), never)
	}
	assert.Contains(t, shown.text(), "😀.txt")
	end := w.endUser()
	end.filesOf(path, "", map[string]string{"von mir.txt": "Hallo"}).goesTo(t, "/portal"+page)
}

// TestPortalAnswers: an end user sees in plain words what is asked, answers, and sees nothing internal.
func TestPortalAnswers(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	ctx := context.Background()
	at := document.Place{TransactionID: x.transaction}
	hidden, err := w.documents.Add(ctx, w.admin, at, document.Slot, document.Form{Name: "Prüfvermerk", Answer: document.AnswerText, Internal: true})
	must(t, err)
	count, err := w.documents.Add(ctx, w.admin, at, document.Slot, document.Form{Name: "Zahl der Kinder", Help: "Auch volljährige", Answer: document.AnswerNumber, Required: true})
	must(t, err)
	end := w.endUser()
	page := "/portal/transactions/" + x.transaction.String()
	a := end.get(page)
	a.want(t, http.StatusOK, "Zahl der Kinder", "Auch volljährige", "1 von 2 beantwortet")
	assert.NotContains(t, a.body, "Prüfvermerk")
	assert.NotContains(t, a.body, hidden.String())
	for _, path := range []string{"/documents/" + hidden.String(), "/documents/" + hidden.String() + "/content"} {
		assert.Equal(t, http.StatusNotFound, end.get(path).StatusCode)
	}
	for _, act := range []string{"/answer", "/comments", "/accept", "/delete", "/move"} {
		assert.Equal(t, http.StatusNotFound, end.send("/elements/"+hidden.String()+act, "comment", "x", "value", "x").StatusCode, act)
	}
	wrong := end.send("/elements/"+count.String()+"/answer", "value", "zwei")
	wrong.want(t, http.StatusUnprocessableEntity, "Geben Sie eine Zahl")
	assert.Equal(t, "zwei", wrong.doc(t).Find(`input[name="value"]`).AttrOr("value", ""), "what was typed")
	end.send("/elements/"+count.String()+"/answer", "value", "2").goesTo(t, page+"#e-"+count.String())
	end.get(page).want(t, http.StatusOK, "Sie haben alles beantwortet")
	w.signedIn().get("/transactions/"+x.transaction.String()).want(t, http.StatusOK, "2 of 2 answered", "1 to review", "Prüfvermerk")
}
