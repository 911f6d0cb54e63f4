package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/app/effort"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/operation"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

func (a answer) doc(t testing.TB) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	must(t, err)
	return doc
}

// TestFragmentOrPage: the answer is a fragment if and only if HTMX asks for one, and caches can tell the two apart.
func TestFragmentOrPage(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	paths := []string{"/customers", "/search", "/search?q=berta", "/specialists", "/queues", "/customers/" + w.customer.String() + "/authorisations", "/customers/" + w.customer.String() + "/deliveries"}
	for _, c := range []struct {
		headers  []string
		fragment bool
	}{
		{nil, false},
		{[]string{"HX-Request", "true"}, true},
		{[]string{"HX-Request", "true", "HX-Target", "list"}, true},
		{[]string{"HX-Request", "false"}, false},
		{[]string{"HX-Request", "true", "HX-Boosted", "true"}, false},
		{[]string{"HX-Request", "true", "HX-History-Restore-Request", "true"}, false},
		{[]string{"HX-Boosted", "true"}, false},
	} {
		for _, path := range paths {
			a := b.get(path, c.headers...)
			a.want(t, http.StatusOK)
			assert.NotEqual(t, c.fragment, strings.Contains(a.body, "<html"), "%s with %v: a page", path, c.headers)
			vary := strings.Join(a.Header.Values("Vary"), ", ")
			for _, h := range []string{"HX-Request", "HX-Boosted", "HX-History-Restore-Request", "Cookie", "Accept-Language"} {
				assert.Contains(t, vary, h, "%s: the headers that its answer varies by", path)
			}
		}
	}
}

// TestComplaints: a form with mistakes is answered with 422, the typed values, and a summary that links to the fields.
func TestComplaints(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	b := w.signedIn()
	customers, accesses := "/customers/"+x.customer.String(), "/customers/"+x.customer.String()+"/accesses"
	long := strings.Repeat("ä", 5001)
	for _, c := range []struct {
		path  string
		typed []string
		wrong []string // the fields, in the order of the summary
	}{
		{"/customers", []string{"type", "person", "first_name", "Änne", "country", "DE", "locale", "de", "email", "not an address", "mobile", "030 123", "date_of_birth", "yesterday", "postal_code", "1", "phone", "x"},
			[]string{"date_of_birth", "last_name", "postal_code", "phone", "email", "mobile"}},
		{"/customers", []string{"type", "company", "first_name", "Änne", "last_name", "Öhl", "country", "ZZ", "locale", "fr", "vat_id", "DE000000000", "email", "a@b.example", "note", long},
			[]string{"company_name", "vat_id", "country", "note", "locale"}},
		{"/customers", []string{"first_name", "Änne", "last_name", "Öhl", "locale", "de", "email", "a@b.example"}, []string{"type"}},
		{customers + "/data", []string{"version", "1", "last_name", "Öhl\u0007evil", "country", "DE", "locale", "de"}, []string{"first_name", "last_name"}},
		{customers + "/delete", []string{"confirm", "K-1"}, []string{"confirm"}},
		{accesses, []string{"first_name", strings.Repeat("x", 101), "email", "a@b", "mobile", "0900 123456", "locale", "fr"}, []string{"first_name", "last_name", "email", "mobile", "locale"}},
		{accesses, []string{"first_name", "A", "last_name", "B", "email", "OFFEN@kunde.example", "locale", "de"}, []string{"email"}},
		{accesses + "/" + x.access.String(), []string{"version", "1", "first_name", "A", "email", "x", "locale", "de"}, []string{"last_name", "email"}},
		{"/account", []string{"name", "", "username", "some body@x", "locale", "fr"}, []string{"name", "username", "locale"}},
		{"/account/email", []string{"email", "x", "email_password", strong}, []string{"email"}},
		{"/account/email", []string{"email", "neu@kanzlei.example", "email_password", "wrong wrong wrong"}, []string{"email_password"}},
		{"/account/password", []string{"current_password", "wrong wrong wrong", "password", strong + " 2", "password_repeat", strong + " 2"}, []string{"current_password"}},
		{"/account/password", []string{"current_password", strong, "password", "short", "password_repeat", "else"}, []string{"password", "password_repeat"}},
		{"/specialists", []string{"name", "", "email", "x", "role", "root"}, []string{"name", "email", "roles"}},
		{"/specialists/" + x.specialist.String(), []string{"name", "", "version", "1"}, []string{"name"}},
		{"/password/reset/" + x.reset, []string{"password", "short", "password_repeat", "other"}, []string{"password", "password_repeat"}},
		{"/password/forgotten", nil, []string{"login"}},
		{"/login", nil, []string{"login", "password"}},
		{"/register/" + x.register, []string{"code", "ABCD-EFGH", "password", "short", "password_repeat", "short"}, []string{"code", "password"}},
	} {
		a := b.send(c.path, c.typed...)
		where := fmt.Sprintf("%s %.80v", c.path, c.typed)
		if !assert.Equal(t, http.StatusUnprocessableEntity, a.StatusCode, "%s: : %.300s", where, a.text()) {
			continue
		}
		doc := a.doc(t)
		assert.True(t, strings.HasPrefix(doc.Find("title").Text(), "Error: "), "%s: the title is %q", where, doc.Find("title").Text())
		var linked []string
		doc.Find("#summary a").Each(func(_ int, link *goquery.Selection) {
			id := strings.TrimPrefix(link.AttrOr("href", ""), "#")
			linked = append(linked, strings.TrimPrefix(id, "f-"))
			assert.Equal(t, 1, doc.Find(`[id="`+id+`"]`).Length(), "%s: the summary leads to #, which is not there", where)
		})
		slices.Sort(linked)
		want := slices.Sorted(slices.Values(c.wrong))
		assert.Equal(t, want, linked, "%s: the summary names, want : %s", where, doc.Find("#summary").Text())
		assert.Empty(t, textIDs(t).FindString(" "+a.text()+" "), "%s: shows the name of a text", where)
		for i := 0; i+1 < len(c.typed); i += 2 {
			name, typed := c.typed[i], c.typed[i+1]
			field := doc.Find(`main form [name="` + name + `"]:not([type=hidden])`)
			if strings.Contains(name, "password") {
				if strings.Contains(a.body, typed) && typed != "short" && typed != "other" && typed != "else" {
					t.Errorf("%s: the password is on the page", where)
				}
				continue
			}
			if goquery.NodeName(field) == "textarea" {
				assert.Equal(t, typed, field.Text(), "%s: what was typed at %s is gone", where, name)
			} else if field.AttrOr("type", "") != "radio" && field.AttrOr("type", "") != "checkbox" && goquery.NodeName(field) == "input" &&
				field.AttrOr("value", "") != typed {
				t.Errorf("%s: %q typed at %s became %q", where, typed, name, field.AttrOr("value", ""))
			}
		}
	}
}

// TestSideBySide: two people edit one customer. The second sees both values of each conflict, keeps the typed values, and
// may choose the other's.
func TestSideBySide(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	path := "/customers/" + w.customer.String() + "/data"
	base := []string{"first_name", "Berta", "last_name", "Kühn", "country", "DE", "locale", "de"}
	send := func(pairs ...string) answer { return b.send(path, append(slices.Clone(base), pairs...)...) }
	first := b.get(path).doc(t).Find("[name=version]").AttrOr("value", "")
	send("version", first, "city", "Kiel", "street", "Weg 1").goesTo(t, path)
	a := send("version", first, "city", "Bremen", "street", "Weg 1", "note", "mine")
	a.want(t, http.StatusConflict, "Kiel", "Bremen")
	doc := a.doc(t)
	assert.Equal(t, "Bremen", doc.Find("[name=city]").AttrOr("value", ""), "what was typed became")
	assert.Equal(t, 2, doc.Find("[name=keep_city]").Length(), "not exactly what differs is side by side: %s", doc.Find("main").Text())
	assert.Equal(t, 0, doc.Find("[name=keep_street]").Length(), "not exactly what differs is side by side: %s", doc.Find("main").Text())
	assert.Equal(t, 2, doc.Find("[name=keep_note]").Length(), "not exactly what differs is side by side: %s", doc.Find("main").Text())
	now := doc.Find("[name=version]").AttrOr("value", "")
	require.NotEqual(t, first, now, "saving again would conflict for ever")
	send("version", now, "city", "Bremen", "street", "Weg 1", "note", "mine", "keep_city", "theirs", "keep_note", "mine").goesTo(t, path)
	doc = b.get(path).doc(t)
	city, note := doc.Find("[name=city]").AttrOr("value", ""), doc.Find("[name=note]").Text()
	assert.Equal(t, "Kiel", city, "saved")
	assert.Equal(t, "mine", note)
	for _, version := range []string{"", "x", "-1", "999999"} {
		send("version", version, "city", "Ulm").want(t, http.StatusConflict)
	}
	assert.Equal(t, "Kiel", b.get(path).doc(t).Find("[name=city]").AttrOr("value", ""), "a form without a version saved")
}

// TestExtraFields: fields that the form does not have are ignored (S36).
func TestExtraFields(t *testing.T) {
	w := newWorld(t)
	end := w.endUser()
	b := w.signedIn()
	extra := []string{"role", "user_administrator", "roles", "user_administrator", "id", "0193a3c0-0000-7000-8000-000000000000", "specialist", "true",
		"active", "false", "status", "registered", "registered_at", "2026-01-01", "customer_id", w.customer.String(), "number", "1",
		"email_folded", "x", "password_hash", "x", "account_id", w.admin.ID.String(), "generation", "9", "deleting", "true"}
	end.send("/account", append([]string{"name", "Berta Kühn", "username", "berta", "email", "evil@example.org"}, extra...)...).goesTo(t, "/account")
	berta, _, err := w.Accounts.ByEmail(context.Background(), w.DB, "berta@kunde.example")
	must(t, err)
	assert.False(t, berta.Specialist, "%+v", berta)
	assert.True(t, berta.Active)
	assert.Empty(t, berta.Roles)
	assert.Equal(t, "berta", berta.Username)
	end.get("/customers").want(t, http.StatusNotFound)
	a := b.send("/customers", append([]string{"type", "person", "first_name", "A", "last_name", "B", "country", "DE", "locale", "de", "email", "a@b.example"}, extra...)...)
	require.Equal(t, http.StatusSeeOther, a.StatusCode, "to %s", a.Header.Get("Location"))
	require.NotContains(t, a.Header.Get("Location"), "0193a3c0-0000-7000-8000")
	b.get(a.Header.Get("Location")).want(t, http.StatusOK, "Invited", "K-10002")
	must(t, w.Accounts.Deactivate(context.Background(), w.admin, w.specialist("x@kanzlei.example").ID))
}

// TestToSignIn: a request without a session is redirected to the sign-in page, with HTMX as well, and back afterwards.
func TestToSignIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.get("/customers?q=a&type=person").goesTo(t, "/login?next="+url.QueryEscape("/customers?q=a&type=person"))
	a := b.get("/customers", "HX-Request", "true")
	assert.Equal(t, http.StatusUnauthorized, a.StatusCode, "to %q", a.Header.Get("HX-Redirect"))
	assert.Equal(t, "/login", a.Header.Get("HX-Redirect"))
	assert.False(t, a.body != "Unauthorized" && a.body != "", "%s", a.body)
	in := b.send("/login", "login", adminEmail, "password", strong, "next", "/customers?q=a&type=person")
	in.goesTo(t, "/customers?q=a&type=person")
	hx := b.do(http.MethodPost, "/account", url.Values{kit.CSRFField: {b.token()}, "name": {"Anna"}, "username": {"anna"}}, "HX-Request", "true")
	assert.Equal(t, http.StatusOK, hx.StatusCode, "a form sent by HTMX: to %q", hx.Header.Get("HX-Redirect"))
	assert.Equal(t, "/account", hx.Header.Get("HX-Redirect"), "a form sent by HTMX")
	b.get("/account").want(t, http.StatusOK, "Saved.")
	assert.NotContains(t, b.get("/account").text(), "Saved.", "the toast is shown twice")
}

// TestBroken: after any internal error the answer is a page with the request's id and without the error's text, and the
// process continues.
func TestBroken(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	check := func(a answer, secret string) {
		t.Helper()
		if a.StatusCode != http.StatusInternalServerError && a.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("%d: %s", a.StatusCode, a.text())
		}
		id := a.Header.Get("X-Request-Id")
		assert.NotEmpty(t, id)
		assert.Contains(t, a.body, id)
		assert.NotContains(t, strings.ToLower(a.body), secret)
		assert.Contains(t, a.body, "<html")
		checkHeaders(t, "broken", a, false)
	}
	panics := newWorld(t, func(o *Options) { o.Queue = panicking{} })
	check(panics.signedIn().get("/queues"), "nobody is to read this")
	for _, in := range []panicking{{in: "tasks"}, {in: "troubles"}} { // requested together with other data of the page
		beside := newWorld(t, func(o *Options) { o.Queue = in })
		path := map[string]string{"tasks": "/queues", "troubles": "/readyz"}[in.in]
		check(beside.signedIn().get(path), "nobody is to read this")
		beside.signedIn().get("/customers").want(t, http.StatusOK)
	}
	panics.signedIn().get("/customers").want(t, http.StatusOK)
	must(t, w.DB.Close())
	for _, path := range []string{"/customers", "/", "/login", "/register/" + strings.Repeat("A", 43), "/mailbox", "/account"} {
		check(b.get(path), "closed")
	}
	check(b.do(http.MethodPost, "/login", url.Values{"login": {"x"}}), "closed")
	w.browser().get("/login").want(t, http.StatusOK)
	part := b.get("/customers", "HX-Request", "true")
	assert.GreaterOrEqual(t, part.StatusCode, 500)
	assert.NotContains(t, part.body, "<html")
}

// panicking is a queue with a bug: in one of its methods, or in all.
type panicking struct {
	operation.Queue
	in string
}

func (p panicking) bug(in string) {
	if p.in == "" || p.in == in {
		panic("nobody is to read this")
	}
}

func (p panicking) Overview(context.Context) ([]courier.QueueInfo, error) {
	p.bug("overview")
	return []courier.QueueInfo{{Name: "mail"}}, nil
}

func (p panicking) Tasks(context.Context, string, courier.TaskState, int) ([]courier.TaskInfo, error) {
	p.bug("tasks")
	return nil, nil
}

func (p panicking) Troubles(context.Context) []courier.QueueTrouble {
	p.bug("troubles")
	return nil
}

// serve puts the server on a free port, with less patience than it has for people.
func (w *world) serve(patience time.Duration) string {
	w.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(w.TB, err)
	w.Handler().Server().ReadTimeout = patience
	done := make(chan error, 1)
	go func() { done <- w.Serve(ln) }()
	w.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = w.Shutdown(ctx)
		<-done
	})
	return ln.Addr().String()
}

// TestTooMuch: a request that is too large is refused with a normal page and complete headers (413, 431).
func TestTooMuch(t *testing.T) {
	w := newWorld(t)
	at := w.serve(10 * time.Second)
	for name, c := range map[string]struct {
		header, body, status int
	}{"5 kB header": {5000, 10, 403}, "large header": {40_000, 10, 431}, "large body": {10, 1<<20 + 1, 413}} {
		r, err := http.NewRequest(http.MethodPost, "http://"+at+"/login", strings.NewReader("login="+strings.Repeat("a", c.body)))
		must(t, err)
		r.Header.Set("X-Long", strings.Repeat("a", c.header))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := http.DefaultClient.Do(r)
		if err != nil { // the server may close the connection while the client still sends
			t.Logf("%s: %v", name, err)
			continue
		}
		raw, err := io.ReadAll(res.Body)
		must(t, err)
		must(t, res.Body.Close())
		a := answer{res, string(raw)}
		a.want(t, c.status)
		checkHeaders(t, name, a, false)
		checkPage(t, name, a, textIDs(t))
	}
}

// TestSlow: connections that send headers or a body very slowly are closed (S44).
func TestSlow(t *testing.T) {
	w := newWorld(t)
	at := w.serve(400 * time.Millisecond)
	for name, start := range map[string]string{
		"nothing": "", "half a header": "GET /login HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"half a body": "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nlogin=",
	} {
		conn, err := net.Dial("tcp", at)
		must(t, err)
		_, err = io.WriteString(conn, start)
		must(t, err)
		must(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		answered, err := io.ReadAll(bufio.NewReader(conn))
		assert.NoError(t, err, "%s: still open after 5 s: (%.100s)", name, answered)
		_ = conn.Close()
	}
}

// TestOddInput: no bytes in an address or a form make the server fail, on either database.
func TestOddInput(t *testing.T) { storetest.Each(t, oddInput) }

func oddInput(t *testing.T, db *store.DB) {
	w := newWorldOn(t, db)
	x := w.furnish()
	b := w.signedIn()
	for _, odd := range []string{"%00", "%ff%fe", "a%00b", "%E2%80%AE", "'", `"`, "%25", "\\", "%F0%9F%92%A9", strings.Repeat("x", 3000), "-1", "9999999999999999999", "K-99999999999"} {
		for _, address := range []string{
			"/customers?q=" + odd, "/customers?after=" + odd, "/customers?before=" + odd, "/customers?sort=" + odd, "/customers?q=a&after=" + odd, "/customers/" + odd + "/data",
			"/specialists?q=" + odd, "/specialists?after=" + odd, "/audit?after=" + odd, "/queues?page=" + odd, "/queues?queue=" + odd, "/mailbox?id=" + odd,
			"/register/" + odd, "/password/reset/" + odd, "/login?next=" + odd, "/customers/new?first_name=" + odd,
		} {
			assert.Less(t, b.get(address).StatusCode, 500, address)
		}
	}
	for _, odd := range []string{"\x00", "\xff\xfe", "a\x00b", strings.Repeat("x", 20_000), "\r\nBcc: evil@example.org"} {
		for n, r := range w.table() {
			if r.Method == http.MethodGet || r.Audience == kit.Automatic || r.Path == "/logout" || r.Path == "/account/sessions" || n%effort.Every(11) != 0 {
				continue
			}
			form := url.Values{kit.CSRFField: {b.token()}}
			for _, name := range append(customerFields(), "type", "email", "mobile", "version", "submission", "login", "password", "password_repeat",
				"code", "confirm", "name", "username", "role", "state", "current_password", "email_password", "last", "from") {
				form.Set(name, odd)
			}
			a := b.do(r.Method, x.address(t, r.Path), form)
			assert.Less(t, a.StatusCode, 500, "%s with %.10q: %s", r.Path, odd, a.text())
		}
	}
}

// TestCookiesOverHTTP: without HTTPS the cookies have no name prefix, and scripts still can't read them (S17).
func TestCookiesOverHTTP(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.BaseURL = "http://127.0.0.1:3000" })
	b := w.browser()
	names := map[string]bool{}
	for _, a := range []answer{b.get("/login"), b.send("/login", "login", adminEmail, "password", strong), b.send("/logout"), b.get("/login")} {
		for _, c := range a.Cookies() {
			names[c.Name] = true
			assert.False(t, strings.HasPrefix(c.Name, "__Host-"), "cookie %+v", c)
			assert.False(t, c.Secure)
			assert.True(t, c.HttpOnly)
			assert.Equal(t, http.SameSiteLaxMode, c.SameSite)
			assert.Equal(t, "/", c.Path)
			assert.Empty(t, c.Domain)
			if c.Value == "" && c.MaxAge >= 0 {
				t.Errorf("the cookie %s is emptied and not deleted", c.Name)
			}
		}
		assert.Empty(t, a.Header.Get("Strict-Transport-Security"), "Strict-Transport-Security over HTTP")
	}
	for _, name := range []string{"kontor-session", "kontor-browser", "kontor-toast"} {
		assert.True(t, names[name], "no cookie %s among %v", name, names)
	}
	a := b.do(http.MethodPost, "/login", url.Values{kit.CSRFField: {b.token()}}, "Origin", "http://127.0.0.1:3000")
	assert.NotEqual(t, http.StatusForbidden, a.StatusCode, "our own origin is refused")
	a = b.do(http.MethodPost, "/login", url.Values{kit.CSRFField: {b.token()}}, "Origin", "http://localhost:3000", "Host", "localhost:3000")
	assert.NotEqual(t, http.StatusForbidden, a.StatusCode, "the embedded program under another name of its machine is refused")
	b.do(http.MethodPost, "/login", url.Values{kit.CSRFField: {b.token()}}, "Origin", "http://evil.example", "Host", "localhost:3000").want(t, http.StatusForbidden)
}

// TestOtherAddress: a form from a page that was opened under another address than BASE_URL is refused, and the answer
// names the right address. Another site gets no such answer.
func TestOtherAddress(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.get("/login")
	for origin, says := range map[string]bool{"http://192.0.2.7:3000": true, "https://evil.example": false, "null": false} {
		a := b.do(http.MethodPost, "/login", url.Values{kit.CSRFField: {b.token()}}, "Origin", origin, "Host", "192.0.2.7:3000")
		a.want(t, http.StatusForbidden)
		assert.Equal(t, says, strings.Contains(a.text(), "Open "+baseURL+" and repeat your entry there"), "from %s: %s", origin, a.text())
	}
}

// TestSessionEnds: a session ends when it is idle for too long, at the latest after its maximum life (S19), and at once
// with its account (S16).
func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	alive := func(b *browser) bool { return b.get("/account").StatusCode == http.StatusOK }
	b := w.signedIn()
	w.Tick(29 * time.Minute)
	require.True(t, alive(b), "ended before 30 minutes")
	w.Tick(30*time.Minute + time.Second)
	require.False(t, alive(b), "still good after 30 minutes idle")
	b = w.signedIn()
	for range 35 {
		w.Tick(20 * time.Minute)
		require.True(t, alive(b), "ended although it was in use")
	}
	w.Tick(20*time.Minute + time.Second)
	require.False(t, alive(b), "still good after 12 hours")
	c := w.specialist("wer@kanzlei.example")
	one, two := w.browser().signIn("wer@kanzlei.example", strong), w.browser().signIn("wer@kanzlei.example", strong)
	one.send("/account/password", "current_password", strong, "password", strong+" zwei", "password_repeat", strong+" zwei").goesTo(t, "/account")
	assert.True(t, alive(one), "a new password must end the other sessions, and only those")
	assert.False(t, alive(two), "a new password must end the other sessions, and only those")
	must(t, w.Accounts.Deactivate(context.Background(), w.admin, c.ID))
	assert.False(t, alive(one), "good after deactivation")
	end := w.endUser()
	rows, err := w.accesses.OfCustomer(context.Background(), w.admin, w.customer)
	must(t, err)
	must(t, w.accesses.Deactivate(context.Background(), w.admin, w.customer, rows[0].ID))
	assert.False(t, alive(end), "good without an access")
}

// TestSaysWhenNext: a person who requests links or codes too often is told when the next one can be requested (S14).
func TestSaysWhenNext(t *testing.T) {
	w := newWorld(t)
	token, _ := w.invite("berta@kunde.example", "+4915123456789")
	b := w.browser()
	b.send("/register/"+token+"/code").goesTo(t, "/register/"+token)
	page := b.get("/register/" + token)
	page.want(t, http.StatusOK, "You can ask for a new code in 60 seconds.")
	assert.NotContains(t, page.text(), "Send a new code", "the button is offered too early")
	again := b.send("/register/" + token + "/code")
	again.want(t, http.StatusTooManyRequests)
	assert.Equal(t, "60", again.Header.Get("Retry-After"), "Retry-After %q", again.Header.Get("Retry-After"))
	w.Tick(time.Minute)
	b.get("/register/"+token).want(t, http.StatusOK, "Send a new code")
	for range 4 {
		b.send("/register/"+token+"/code").goesTo(t, "/register/"+token)
		w.Tick(time.Minute)
	}
	b.send("/register/"+token+"/code").want(t, http.StatusTooManyRequests, "hours")
}

// TestReportIsSeen: the timeline shows the reports of gateway and mail server.
func TestReportIsSeen(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.HookSecret = "of the provider" })
	w.invite("berta@kunde.example", "+4915123456789")
	var sms, mail courier.Message
	must(t, w.DB.NewSelect().Model(&sms).Where("channel = ?", courier.SMS).Scan(context.Background()))
	must(t, w.DB.NewSelect().Model(&mail).Where("channel = ?", courier.Email).Scan(context.Background()))
	b := w.signedIn()
	deliveries := "/customers/" + w.customer.String() + "/deliveries"
	b.get(deliveries).want(t, http.StatusOK, "Handed over", "Waiting for registration")
	b.hook("/hooks/sms", `{"id": "`+sms.ID.String()+`", "status": "delivered"}`, "of the provider").want(t, http.StatusNoContent)
	b.get(deliveries).want(t, http.StatusOK, "Delivered")
	b.hook("/hooks/bounce", `{"message_id": "<`+mail.ID.String()+`.1@kontor.example>", "status": "5.1.1", "detail": "550 no such user"}`, "of the provider").want(t, http.StatusNoContent)
	b.get(deliveries).want(t, http.StatusOK, "Failed", "550 no such user", "Undeliverable", "The mail server doesn't know this address.")
	b.get("/customers?status=attention").want(t, http.StatusOK, "Undeliverable")
}

// TestMetricsAreOurs: /metrics answers only this machine, not through a proxy, and not if metrics have their own address.
func TestMetricsAreOurs(t *testing.T) {
	ask := func(w *world, headers ...string) *http.Response {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, "http://"+w.serve(time.Second)+"/metrics", nil)
		must(t, err)
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		must(t, res.Body.Close())
		return res
	}
	assert.Equal(t, http.StatusOK, ask(newWorld(t)).StatusCode, "from loopback")
	assert.Equal(t, http.StatusNotFound, ask(newWorld(t), "X-Forwarded-For", "203.0.113.7").StatusCode, "through a proxy")
	assert.Equal(t, http.StatusNotFound, ask(newWorld(t, func(o *Options) { o.MetricsOpen = false })).StatusCode, "although it has an address of its own")
	newWorld(t).browser().get("/metrics").want(t, http.StatusNotFound) // from 0.0.0.0
}

// TestLogSaysNoSecrets: the request log contains route patterns, never addresses with their tokens.
func TestLogSaysNoSecrets(t *testing.T) {
	var log strings.Builder
	w := newWorld(t, func(o *Options) { o.Log = textLog(&log) })
	token, code := w.invite("berta@kunde.example", "+4915123456789")
	b := w.browser()
	b.send("/register/"+token, "code", code, "password", strong, "password_repeat", strong).goesTo(t, "/portal")
	must(t, w.DB.Close())
	b.get("/register/" + token)
	said := log.String()
	assert.Contains(t, said, "/register/:token", "the log says")
	assert.Contains(t, said, "request failed")
	for _, secret := range []string{token, code, strong, b.cookies["__Host-kontor-session"], "berta@kunde.example"} {
		assert.NotContains(t, said, secret, "the log holds")
	}
}
