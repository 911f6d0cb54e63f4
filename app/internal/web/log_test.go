package web

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/valyala/fasthttp"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/internal/web/kit"
	"kontor/app/spreadsheet"
	"kontor/policies"
)

// done are the words for what was done in the rows of a log.
func (a answer) done(t testing.TB) (list []string) {
	t.Helper()
	a.doc(t).Find("#log tbody .name, tbody .name").Each(func(_ int, s *goquery.Selection) { list = append(list, s.Text()) })
	return list
}

// wrote writes an entry by somebody.
func (w *world) wrote(by audit.Actor, r audit.Record) {
	w.Helper()
	must(w.TB, w.Audit.Write(context.Background(), w.DB, by, r))
}

// TestLogFilters: the filters of the address combine, the form shows them again, and the links keep them.
func TestLogFilters(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	ben := account.Caller{ID: w.specialist("ben@kanzlei.example").ID, Name: "Ben Anders"}
	by := ben.Actor()
	by.Address = "198.51.100.7"
	w.Tick(48 * time.Hour)
	w.wrote(by, audit.Record{Action: audit.CustomerUpdated, CustomerID: w.customer, SubjectID: w.customer, Subject: "K-10001 Kühn, Berta"})
	w.wrote(audit.Actor{Address: "198.51.100.200"}, audit.Record{Action: audit.AccountPasswordAsked, Subject: "Ben Anders"})
	b := w.signedIn()
	today := w.Clock.Now().Format(time.DateOnly)
	const changed, asked, deleted, set = "Customer data changed", "New password requested", "Customer deleted permanently", "Password set"
	for query, want := range map[string][]string{
		"address=198.51.100.":       {asked, changed},
		"address=198.51.100.0/25":   {changed},
		"address=198.51.100.200":    {asked},
		"address=nowhere":           nil,
		"who=ben":                   {changed, set},
		"who=BEN+kanz":              {changed, set},
		"who=" + ben.ID.String():    {changed, set},
		"who=nobody&address=198.51": {asked},
		"who=Kontor+selbst+oder+unbekannt&address=198.51": {asked},
		"who=xaver":                                           nil,
		"what=customers&from=" + today:                        {changed},
		"what=customer.updated":                               {changed},
		"what=policies":                                       nil,
		"what=nonsense&address=198.51":                        {asked, changed},
		"q=k%C3%BChn&what=customers&who=ben":                  {changed},
		"q=qwertz":                                            nil,
		"customer=K-10001&what=customer.updated":              {changed},
		"customer=kuhn&what=customer.updated":                 {changed},
		"customer=K-10002":                                    {deleted},
		"customer=K-10002&what=customers":                     {deleted},
		"customer=K-10002&what=accesses":                      nil,
		"customer=K-99999":                                    nil,
		"customer=nobody+of+that+name":                        nil,
		"from=" + today + "&to=" + today + "&who=ben":         {changed},
		"from=2026-11-20&to=2026-11-25&what=customer.deleted": {deleted},
		"to=2026-11-20":                                       nil,
		"from=2026-12-01&to=2026-11-01":                       nil,
		"from=2026-02-31&what=customer.deleted":               {deleted},
	} {
		for _, fragment := range []string{"", "true"} {
			a := b.get("/audit?"+query, "HX-Request", fragment)
			a.want(t, http.StatusOK)
			assert.Equal(t, want, a.done(t), query)
			assert.Equal(t, fragment == "", strings.Contains(a.body, "<html"), "%s: a whole page", query)
			if want == nil {
				assert.Contains(t, a.text(), "Nothing matches", query)
			}
		}
	}
	page := b.get("/audit?q=k%C3%BChn&who=ben&what=customer.updated&customer=K-10001&from=" + today + "&to=" + today + "&address=198.51.100.7")
	doc := page.doc(t)
	for name, value := range map[string]string{"q": "kühn", "who": "ben", "customer": "K-10001", "from": today, "to": today, "address": "198.51.100.7"} {
		assert.Equal(t, value, attr(doc, ".filter [name="+name+"]", "value"), name)
	}
	assert.Equal(t, "customer.updated", attr(doc, ".filter option[selected]", "value"))
	page.want(t, http.StatusOK, "1 entry", "Entries by: Ben Anders")
	week, err := url.Parse(attr(doc, ".chips a:contains('Last 7 days')", "href"))
	must(t, err)
	assert.Equal(t, w.Clock.Now().AddDate(0, 0, -6).Format(time.DateOnly), week.Query().Get("from"))
	assert.Equal(t, "ben", week.Query().Get("who"), "the other filters stay")
	assert.Empty(t, week.Query().Get("to"))

	one := b.get("/audit?what=customer.updated&who=" + ben.ID.String())
	one.want(t, http.StatusOK, "Ben Anders", "Show everybody again")
	assert.Equal(t, "/audit?what=customer.updated", attr(one.doc(t), ".chips a:contains('Show everybody')", "href"))
	assert.Equal(t, ben.ID.String(), attr(one.doc(t), ".filter [name=who]", "value"))
	assert.Contains(t, attr(b.get("/audit?what=customer.updated").doc(t), "tbody td a", "href"), "who="+ben.ID.String(), "the name leads to what else the person has done")
}

// TestLogPages: older and newer pages lead to each other and keep the filter.
func TestLogPages(t *testing.T) {
	w := newWorld(t)
	for i := range 120 {
		w.wrote(w.admin.Actor(), audit.Record{Action: audit.CustomerUpdated, CustomerID: w.customer, Subject: fmt.Sprint("Zahl ", i)})
	}
	b := w.signedIn()
	path := "/customers/" + w.customer.String() + "/log?what=customer.updated"
	var seen []string
	pages := 0
	for at := path; at != ""; pages++ {
		a := b.get(at)
		a.want(t, http.StatusOK)
		a.doc(t).Find("tbody tr").Each(func(_ int, s *goquery.Selection) { seen = append(seen, s.Text()) })
		at = attr(a.doc(t), ".pages a:contains('Older')", "href")
		if at != "" {
			assert.Contains(t, at, "what=customer.updated&after=")
		}
		if pages == 1 {
			back := b.get(attr(a.doc(t), ".pages a:contains('Previous')", "href"))
			assert.Equal(t, b.get(path).done(t), back.done(t), "the page before")
			assert.Contains(t, back.text(), "Zahl 119")
		}
	}
	assert.Equal(t, 3, pages)
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(seen))), 120, "each once")
	b.get("/customers/"+w.customer.String()+"/log").want(t, http.StatusOK, "121 entries")
	beyond := b.get(path + "&to=2026-11-01&after=" + url.QueryEscape(lastCursor(t, b, path)))
	beyond.want(t, http.StatusOK, "No older entries", "Back to the newest entries")
}

func lastCursor(t *testing.T, b *browser, path string) string {
	t.Helper()
	u, err := url.Parse(attr(b.get(path).doc(t), ".pages a", "href"))
	must(t, err)
	return u.Query().Get("after")
}

// TestLogLinks: each kind of object is linked to, and every link leads to a page that this person may open.
func TestLogLinks(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	ben := w.specialist("ben@kanzlei.example")
	w.addProcessor(x.transaction, ben.ID)
	w.Tick(time.Minute)
	by := w.admin.Actor()
	for _, r := range []audit.Record{
		{Action: audit.AdministratorAdded, CustomerID: w.customer, SubjectID: ben.ID, Subject: "Ben"},
		{Action: audit.ProcessorAdded, CustomerID: w.customer, SubjectID: ben.ID, TransactionID: x.transaction, Subject: "Ben: V-10001"},
		{Action: audit.HandoverStarted, SubjectID: x.specialist, Subject: "Kollegin → Anna"},
		{Action: audit.PolicyPublished, Subject: "Version 1: Anfang"}, {Action: audit.PolicyProposed, Subject: "Vorschlag"},
		{Action: audit.PolicyExpectationAdded, Subject: "Erwartung"}, {Action: audit.KindAdded, SubjectID: uuid.Must(uuid.NewV7()), Subject: "Art"},
		{Action: audit.ApprovalProposed, Subject: "Antrag"}, {Action: audit.QueueRun, Subject: "mail 3"}, {Action: audit.JobCancelled, Subject: "dream"},
		// What is not there has no link.
		{Action: audit.CustomerUpdated, CustomerID: uuid.Must(uuid.NewV7()), Subject: "K-77777"},
		{Action: audit.AccessUpdated, CustomerID: w.customer, SubjectID: uuid.Must(uuid.NewV7()), Subject: "Entfernter Zugang"},
		{Action: audit.TransactionUpdated, CustomerID: w.customer, TransactionID: uuid.Must(uuid.NewV7()), Subject: "V-77777"},
		{Action: audit.AccountUpdated, SubjectID: uuid.Must(uuid.NewV7()), Subject: "Niemand"},
	} {
		w.wrote(by, r)
	}
	links := func(b *browser, path string) map[string]bool {
		found := map[string]bool{}
		for at := path; at != ""; {
			a := b.get(at)
			a.want(t, http.StatusOK)
			a.doc(t).Find("#log tbody a").Each(func(_ int, s *goquery.Selection) { found[s.AttrOr("href", "")] = true })
			for _, gone := range []string{"K-77777", "Entfernter Zugang", "V-77777", "Niemand"} {
				assert.Zero(t, a.doc(t).Find("#log tbody a:contains('"+gone+"')").Length(), gone)
			}
			at = attr(a.doc(t), ".pages a:contains('Older')", "href")
		}
		for href := range found {
			status := b.get(href).StatusCode
			assert.Contains(t, []int{http.StatusOK, http.StatusSeeOther}, status, "%s leads to %s", path, href)
		}
		return found
	}
	customerPath, specialist := "/customers/"+w.customer.String(), "/specialists/"+x.specialist.String()
	all := []string{
		customerPath, customerPath + "/authorisations", "/transactions/" + x.transaction.String(), specialist, specialist + "/deputies",
		specialist + "/handovers/" + x.handover.String(), "/customers/deletions/" + x.deletion.String(), "/policies/versions/1", "/policies/draft",
		"/policies", "/transaction-kinds", "/approvals", "/queues?queue=mail", "/queues",
	}
	found := links(w.signedIn(), "/audit")
	for _, href := range all {
		assert.True(t, found[href], "%s is in %v", href, slices.Sorted(maps.Keys(found)))
	}
	w.specialist("rita@kanzlei.example", policies.Auditor)
	found = links(w.browser().signIn("rita@kanzlei.example", strong), "/audit")
	for _, href := range []string{"/customers/deletions/" + x.deletion.String(), "/policies/draft", "/transaction-kinds", "/queues"} {
		assert.False(t, found[href], "an auditor can't open %s", href)
	}
	assert.True(t, found[specialist])
	found = links(w.browser().signIn("ben@kanzlei.example", strong), customerPath+"/log")
	assert.True(t, found["/transactions/"+x.transaction.String()])
	w.specialist("clara@kanzlei.example")
	clara := w.browser().signIn("clara@kanzlei.example", strong)
	assert.False(t, links(clara, customerPath+"/log")["/transactions/"+x.transaction.String()])
	clara.get("/transactions/"+x.transaction.String()+"/log").want(t, http.StatusNotFound)
}

// readsLogAlone is a policy by which auditors see no transactions.
const readsLogAlone = `
p, auditor, *, customer, *, list, allow
p, auditor, *, customer, *, read, allow
p, auditor, *, audit, *, read, allow
p, auditor, *, audit, *, export, allow
p, specialist, *, customer, *, read, allow`

// TestLogHides: entries about transactions that somebody may not see are in no row, no count, no suggestion and no file,
// whatever the filter asks for.
func TestLogHides(t *testing.T) {
	w := newWorld(t)
	tr := w.transaction("Erbvertrag")
	secret := audit.Actor{ID: uuid.Must(uuid.NewV7()), Name: "Heimlich Tuend", Address: "198.51.100.7"}
	w.wrote(secret, audit.Record{Action: audit.TransactionUpdated, CustomerID: w.customer, TransactionID: tr.ID, SubjectID: tr.ID, Subject: tr.Label() + " Erbvertrag"})
	w.wrote(w.admin.Actor(), audit.Record{Action: audit.CustomerUpdated, CustomerID: w.customer, Subject: "K-10001 Kühn, Berta"})
	w.specialist("clara@kanzlei.example")
	w.specialist("rita@kanzlei.example", policies.Auditor)
	clara, rita := w.browser().signIn("clara@kanzlei.example", strong), w.browser().signIn("rita@kanzlei.example", strong)
	w.publish(readsLogAlone)
	of := "/customers/" + w.customer.String() + "/log"
	for _, c := range []struct {
		who  *browser
		path string
	}{{clara, of}, {rita, of}, {rita, "/audit"}, {rita, "/audit.csv"}} {
		for _, query := range []string{
			"", "?q=erb", "?q=heimlich", "?what=transactions", "?what=transaction.updated", "?address=198.51.100.7", "?address=198.51.100.",
			"?who=heimlich", "?who=" + secret.ID.String(), "?customer=K-10001", "?what=transaction.updated&from=2026-11-01&address=198.51.100.7",
		} {
			for _, fragment := range []string{"", "true"} {
				a := c.who.get(c.path+query, "HX-Request", fragment)
				a.want(t, http.StatusOK)
				typed := attr(a.doc(t), ".filter [name=who]", "value") + attr(a.doc(t), ".filter [name=q]", "value")
				for _, word := range []string{"Erbvertrag", "Heimlich", tr.Label(), "Business transaction changed"} {
					text := a.body
					if c.path != "/audit.csv" { // the choice of what was done names every action
						text = strings.Join([]string{a.doc(t).Find("#log, datalist").Text(), a.doc(t).Find("tbody, .empty, .count").Text()}, " ")
						if fragment == "true" {
							text = a.text()
						}
					}
					assert.NotContains(t, text, word, "%s%s (%s)", c.path, query, typed)
				}
				if query != "" && !strings.Contains(query, "customer=") && c.path != "/audit.csv" {
					assert.Contains(t, a.text(), "Nothing matches", "%s%s", c.path, query)
				}
			}
		}
	}
	clara.get(of).want(t, http.StatusOK, "2 entries") // the customer's, and its access's
	rita.get("/audit?customer=K-10001").want(t, http.StatusOK, "2 entries")
}

// TestLogExport: the file has what the filter shows, all of it, in the reader's language; no cell of it is a formula. The
// download is in the log. Only who has the right gets it.
func TestLogExport(t *testing.T) {
	w := newWorld(t)
	w.specialist("rita@kanzlei.example", policies.Auditor)
	rita := w.browser().signIn("rita@kanzlei.example", strong)
	by := w.admin.Actor()
	by.Address = "198.51.100.7"
	const n = 1234
	for i := range n {
		w.wrote(by, audit.Record{
			Action: audit.CustomerUpdated, CustomerID: w.customer, Subject: fmt.Sprintf("=%d+1; \"x\"", i),
			Detail: audit.Changes{"city": {"Kiel", ""}, "country": {"", "AT"}},
		})
	}
	for _, c := range []struct {
		language string
		comma    rune
		head     string
		detail   string
	}{
		{"en", ',', "When", "City: Kiel → –; Country: – → Austria"},
		{"de", ';', "Wann", "Ort: Kiel → –; Land: – → Österreich"},
	} {
		w.exec(`UPDATE account SET locale = ? WHERE email = 'rita@kanzlei.example'`, c.language)
		page := rita.get("/audit?what=customer.updated&address=198.51.100.7")
		href := attr(page.doc(t), "a[href^='/audit.csv']", "href")
		require.Equal(t, "/audit.csv?what=customer.updated&address=198.51.100.7", href)
		a := rita.get(href)
		a.want(t, http.StatusOK)
		assert.Equal(t, "text/csv; charset=utf-8", a.Header.Get("Content-Type"))
		assert.Regexp(t, `^attachment; filename="(Log|Protokoll)-2026-11-24\.csv"$`, a.Header.Get("Content-Disposition"))
		body, found := strings.CutPrefix(a.body, "\ufeff")
		require.True(t, found, "byte order mark")
		r := csv.NewReader(strings.NewReader(body))
		r.Comma = c.comma
		rows, err := r.ReadAll()
		must(t, err)
		require.Len(t, rows, n+1, c.language)
		assert.Equal(t, c.head, rows[0][0])
		assert.Equal(t, "'=1233+1; \"x\"", rows[1][4], "the newest first, and no formula")
		assert.Equal(t, "'=0+1; \"x\"", rows[n][4])
		assert.Equal(t, []string{"2026-11-24T09:00:00Z", "Anna Berg"}, rows[1][1:3])
		assert.Equal(t, "K-10001", rows[1][5])
		assert.Equal(t, c.detail, rows[1][6])
		assert.Equal(t, []string{"1", "", "198.51.100.7", "customer.updated"}, rows[1][7:])

		href = attr(page.doc(t), "a[href^='/audit.xlsx']", "href")
		require.Equal(t, "/audit.xlsx?what=customer.updated&address=198.51.100.7", href)
		book := rita.get(href)
		book.want(t, http.StatusOK)
		assert.Equal(t, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", book.Header.Get("Content-Type"))
		assert.Regexp(t, `^attachment; filename="(Log|Protokoll)-2026-11-24\.xlsx"$`, book.Header.Get("Content-Disposition"))
		for _, row := range rows {
			for i, cell := range row {
				row[i] = spreadsheet.TypedCell(cell)
			}
		}
		assert.Equal(t, rows, workbookRows(t, book.body), "%s: the workbook has the same, its cells as text", c.language)
	}
	rita.do(http.MethodHead, "/audit.csv", nil)
	rita.do(http.MethodHead, "/audit.xlsx", nil)
	downloads := w.counted(audit.Downloaded)
	require.Len(t, downloads, 1)
	assert.EqualValues(t, 4, downloads[0].Times, "HEAD is no download")
	assert.Equal(t, []string{"GET /audit.csv", "GET /audit.xlsx"}, downloads[0].Places())

	var header fasthttp.RequestHeader
	for path, want := range map[string]time.Duration{
		"/audit.csv?q=x": kit.ExportTime, "/audit.csv": kit.ExportTime, "/audit.xlsx": kit.ExportTime, "/audit": 0, "/audit.pdf": 0,
		"/customers.csv": kit.ExportTime, "/customers.xlsx?q=x": kit.ExportTime, "/customers/import/template.xlsx": 0,
		"/transactions.csv": kit.ExportTime, "/transactions.xlsx": kit.ExportTime, "/firm.csv": 0, "/": 0,
	} {
		header.SetRequestURI(path)
		assert.Equal(t, want, w.Handler().Server().HeaderReceived(&header).WriteTimeout, path)
	}

	empty := rita.get("/audit.csv?q=qwertz")
	empty.want(t, http.StatusOK)
	assert.Equal(t, 1, strings.Count(empty.body, "\n"), "only the head of the columns")
	assert.Len(t, workbookRows(t, rita.get("/audit.xlsx?q=qwertz").body), 1, "only the head of the columns")

	w.publish(strings.ReplaceAll(policies.Default, "p, auditor, *, audit, *, export, allow\n", ""))
	assert.NotRegexp(t, `href="/audit\.(csv|xlsx)`, rita.get("/audit").body, "who may not download is offered nothing")
	rita.get("/audit.csv").want(t, http.StatusForbidden)
	rita.get("/audit.xlsx").want(t, http.StatusForbidden)
	w.publish(strings.ReplaceAll(policies.Default, "p, auditor, *, audit, *, read, allow\n", ""))
	rita.get("/audit.csv").want(t, http.StatusForbidden)
	rita.get("/audit.xlsx").want(t, http.StatusForbidden)
}

// workbookRows are the rows of a workbook.
func workbookRows(t *testing.T, file string) (rows [][]string) {
	t.Helper()
	r, closed, err := spreadsheet.Open([]byte(file))
	must(t, err)
	defer func() { must(t, closed()) }()
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows
		}
		must(t, err)
		rows = append(rows, row.Cells)
	}
}

// failing makes the readings of the log fail after some of them. It is told of each.
type failing struct {
	after int
	asked chan struct{}
	n     int
}

func (f *failing) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	if !strings.HasPrefix(e.Query, "WITH walked AS MATERIALIZED") {
		return ctx
	}
	f.asked <- struct{}{}
	if f.n++; f.n <= f.after {
		return ctx
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	return ended
}

func (f *failing) AfterQuery(context.Context, *bun.QueryEvent) {}

// TestLogExportFails: a file that can't be made to its end is not taken for a whole one: the connection is cut.
func TestLogExportFails(t *testing.T) {
	w := newWorld(t)
	for i := range 3000 {
		w.wrote(w.admin.Actor(), audit.Record{Action: audit.CustomerUpdated, Subject: fmt.Sprint(i, " ", strings.Repeat("x", 5000))})
	}
	b := w.signedIn()
	hook := &failing{after: 3, asked: make(chan struct{}, 100)}
	w.DB.DB = w.DB.WithQueryHook(hook)
	at := w.serve(10 * time.Second)
	r, err := http.NewRequest(http.MethodGet, "http://"+at+"/audit.csv", nil)
	must(t, err)
	r.Host = strings.TrimPrefix(baseURL, "https://")
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	body, err := io.ReadAll(res.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Contains(t, string(body), "2999 xxx", "the beginning has come")
	must(t, res.Body.Close())
	assert.Len(t, hook.asked, 4)
}
