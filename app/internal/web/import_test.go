package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/customerimport"
	"kontor/app/internal/web/kit"
	"kontor/app/job"
)

// sendFile sends a file as a browser does.
func (b *browser) sendFile(path string, file []byte) answer {
	b.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	must(b.TB, w.WriteField(kit.CSRFField, b.token()))
	part, err := w.CreateFormFile("file", "Kunden.csv")
	must(b.TB, err)
	_, err = part.Write(file)
	must(b.TB, err)
	must(b.TB, w.Close())
	return b.raw(http.MethodPost, path, body.String(), append([]string{"Content-Type", w.FormDataContentType()}, ourSite...)...)
}

// work does the newest job about an import.
func (w *world) work(k job.Kind, path string) {
	w.Helper()
	j, err := w.jobs.List(context.Background())
	must(w.TB, err)
	for _, j := range j {
		if j.Kind == k && j.FinishedAt == nil && strings.HasSuffix(path, j.SubjectID.String()) {
			_, err := w.jobs.Run(context.Background(), j.ID, nil)
			must(w.TB, err)
		}
	}
}

// TestImportOnScreen: from the file to the customers. Nothing lies in the folder for temporary files meanwhile.
func TestImportOnScreen(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	w := newWorld(t)
	b := w.signedIn()
	assert.NotZero(t, b.get("/customers").doc(t).Find(`a[href="/customers/import"]`).Length(), "the way to it")
	before, err := w.DB.NewSelect().Table("customer").Count(context.Background())
	must(t, err)

	file := "Vorname;Nachname;Firma;Mail;Farbe\r\nEva;Neu;;eva@neu.example;rot\r\nOtto;Ohne;;otto;blau\r\n" +
		strings.Repeat("x", 1<<20) + ";;;;\r\nMax;Bauer;Bauer GmbH;max@bauer.example;\r\n"
	a := b.sendFile("/customers/import", []byte(file))
	a.want(t, http.StatusSeeOther)
	path := a.Header.Get("Location")
	page := b.get(path).doc(t)
	assert.Equal(t, "email", page.Find(`select[name="column.3"] option[selected]`).AttrOr("value", ""))
	assert.Empty(t, page.Find(`select[name="column.4"] option[selected]`).AttrOr("value", ""), "an unknown column")
	assert.Contains(t, page.Text(), "Farbe")

	columns := []string{"column.0", "first_name", "column.1", "last_name", "column.2", "company_name", "column.3", ""}
	a = b.send(path+"/check", columns...)
	a.want(t, http.StatusUnprocessableEntity)
	assert.Contains(t, a.text(), "E-mail address")
	columns[7] = "email"
	b.send(path+"/check", columns...).goesTo(t, path)
	assert.Contains(t, b.get(path).text(), "0 of 4 rows checked")
	w.work(job.ImportCheck, path)
	a = b.get(path)
	for _, said := range []string{"Will be added 2", "Has a mistake 2", "E-mail address: “otto”", "32,767"} {
		assert.Contains(t, strings.Join(strings.Fields(a.text()), " "), said)
	}
	assert.NotContains(t, b.get(path+"?verdict=good").text(), "otto")
	csv := b.get(path + "/verdicts.csv")
	assert.Contains(t, csv.body, "3,Has a mistake,E-mail address:")
	assert.Contains(t, csv.body, ",Otto,Ohne,,otto,blau")

	b.send(path+"/start").goesTo(t, path)
	w.work(job.ImportRun, path)
	assert.Contains(t, b.get(path).text(), "Imported")
	after, err := w.DB.NewSelect().Table("customer").Count(context.Background())
	must(t, err)
	assert.EqualValues(t, before+2, after)
	b.send(path+"/start").want(t, http.StatusConflict)
	entries, err := os.ReadDir(folder)
	must(t, err)
	assert.Empty(t, entries, "in the folder for temporary files")
}

// TestTemplates: the templates are tables in the person's language.
func TestTemplates(t *testing.T) {
	b := newWorld(t).signedIn()
	a := b.get("/customers/import/template.csv")
	assert.Contains(t, a.body, "Company name")
	assert.Equal(t, `attachment; filename="customer-template.csv"`, a.Header.Get("Content-Disposition"))
	a = b.get("/customers/import/template.xlsx")
	assert.True(t, strings.HasPrefix(a.body, "PK"))
}

// TestUploadLimits: who works for the firm may upload IMPORT_MAX, and nobody else more than any form has. A larger file is
// refused by what its header says, before it is read.
func TestUploadLimits(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.ImportMax = 3 << 20 })
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	must(t, err)
	go func() { _ = w.Serve(ln) }()
	t.Cleanup(func() { _ = w.Shutdown(context.Background()) })
	b := w.signedIn()
	for _, c := range []struct {
		what, cookie string
		length       int64
		path         string
		want         string
	}{
		{"2 GB", b.cookieHeader(), 2 << 30, "/customers/import", "HTTP/1.1 413"},
		{"a little too much", b.cookieHeader(), 3<<20 + partsMargin + 1, "/customers/import", "HTTP/1.1 413"},
		{"somebody unknown", "", 2 << 20, "/customers/import", "HTTP/1.1 413"},
		{"elsewhere", b.cookieHeader(), 2 << 20, "/customers", "HTTP/1.1 413"},
	} {
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", ln.Addr().String())
		must(t, err)
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nCookie: %s\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n", c.path, c.cookie, c.length)
		must(t, err)
		must(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		got, _ := io.ReadAll(conn)
		require.True(t, strings.HasPrefix(string(got), c.want), "%s: %.200s", c.what, got)
		if c.path == "/customers/import" {
			assert.Contains(t, string(got), "larger than 3 MB", c.what)
		}
		_ = conn.Close()
	}
	a := b.sendFile("/customers/import", []byte("Vorname;Nachname;Mail\n"+strings.Repeat("Eva;Ende;eva@neu.example\n", 100_000)))
	a.want(t, http.StatusSeeOther)
	b.sendFile("/customers/import", nil).want(t, http.StatusUnprocessableEntity)
	list, err := w.imports.List(context.Background(), w.admin)
	must(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, customerimport.Mapping, list[0].State)
	assert.EqualValues(t, 100_000, list[0].Rows)
}

// cookieHeader has the browser's cookies.
func (b *browser) cookieHeader() string {
	var all []string
	for name, value := range b.cookies {
		all = append(all, name+"="+value)
	}
	return strings.Join(all, "; ")
}

// TestExportOnScreen: the overview offers what it shows as a file, which an import takes again.
func TestExportOnScreen(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	w.invite("eva@kunde.example", "+4915123456789")
	link := b.get("/customers?type=person").doc(t).Find(`a[href^="/customers.csv"]`).AttrOr("href", "")
	assert.Equal(t, "/customers.csv?type=person", link)
	a := b.get(link)
	a.want(t, http.StatusOK)
	assert.Equal(t, `attachment; filename="Customer-overview.csv"`, a.Header.Get("Content-Disposition"))
	assert.Contains(t, a.body, "eva@kunde.example,'+4915123456789")
	for _, ending := range []string{"csv", "xlsx"} {
		file := b.get("/customers." + ending)
		up := b.sendFile("/customers/import", []byte(file.body))
		up.want(t, http.StatusSeeOther)
		path := up.Header.Get("Location")
		page := b.get(path).doc(t)
		form := sentBy(page.Find(`form[action$="/check"]`))
		b.do(http.MethodPost, path+"/check", form, ourSite...).want(t, http.StatusSeeOther)
		w.work(job.ImportCheck, path)
		assert.Contains(t, b.get(path).text(), "Already there", ending)
	}
}
