package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/access"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/firm"
	"kontor/app/internal/web/kit"
	"kontor/policies"
	"kontor/policies/policytest"
)

func TestQueues(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	b.get("/queues").want(t, http.StatusOK, w.tasks.task.ID)
	part := b.get("/queues", "HX-Request", "true")
	part.want(t, http.StatusOK)
	assert.NotContains(t, part.body, "<html", "HTMX gets the whole page")
	b.get("/queues?queue=nonsense").want(t, http.StatusNotFound)
	b.get("/queues?queue=mail&state=nonsense&page=-3").want(t, http.StatusOK)

	task := "/queues/mail/" + w.tasks.task.ID
	b.send(task+"/run", "state", "retry").goesTo(t, "/queues?queue=mail&state=retry")
	b.send(task+"/delete", "state", "retry").goesTo(t, "/queues?queue=mail&state=retry")
	assert.Equal(t, "run mail "+w.tasks.task.ID+", delete mail "+w.tasks.task.ID, strings.Join(w.tasks.done, ", "), "done")
	log := b.get("/audit")
	log.want(t, http.StatusOK)
	for _, action := range []audit.Action{audit.QueueTaskRun, audit.QueueTaskDeleted} {
		assert.Contains(t, log.text(), w.TextsIn("en").Say("audit."+string(action)), "is not in the log")
	}
	before := w.dump("audit")
	b.send("/queues/mail/unknown/run").want(t, http.StatusNotFound)
	assert.Equal(t, before, w.dump("audit"), "what was not done is in the log")
}

// TestQueueSaysWhatItGot: a reason without a text is shown as it is, not as a missing text id.
func TestQueueSaysWhatItGot(t *testing.T) {
	w := newWorld(t)
	w.tasks.task.LastError = "context deadline exceeded <b>"
	page := w.signedIn().get("/queues")
	page.want(t, http.StatusOK, "context deadline exceeded <b>")
	assert.NotContains(t, page.text(), "reason.", "a text id is on the page")
}

// TestQueueStateStaysAState: a value from the form can't change the address.
func TestQueueStateStaysAState(t *testing.T) {
	w := newWorld(t)
	a := w.signedIn().send("/queues/mail/"+w.tasks.task.ID+"/run", "state", "retry&page=9#x\r\nX-Evil: 1")
	to := a.Header.Get("Location")
	assert.False(t, strings.ContainsAny(to, "#\r\n"), "goes to %q", to)
	assert.NotContains(t, to, "page=9")
	assert.Empty(t, a.Header.Get("X-Evil"))
}

// TestQueueAway: pages and readiness say why the queues can't be used, and which of them, in both languages.
func TestQueueAway(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn()
	w.tasks.away = true
	b.get("/queues").want(t, http.StatusServiceUnavailable, w.TextsIn("en").Say("queue.away"), w.TextsIn("en").Say("queue_reason.full"))
	w.tasks.away = false
	w.tasks.silent = "mail"
	page := b.get("/queues?queue=mail")
	page.want(t, http.StatusOK, w.TextsIn("en").Say("queue_reason.full"), w.TextsIn("en").Say("queue.away"))
	assert.NotContains(t, page.body, "1,200", "the page has numbers of a queue that can't be asked")
	both := []string{"mail", "sms"}
	for want, troubles := range map[string][]courier.QueueTrouble{
		"ok": nil,
		"Redis is full: maxmemory is reached; messages wait in the outbox":   {{Queues: both, Reason: courier.QueueFull}},
		"sms: Redis does not answer; messages wait in the outbox":            {{Queues: both[1:], Reason: courier.QueueSilent}},
		"Redis may throw messages away: maxmemory-policy must be noeviction": {{Queues: both, Reason: courier.QueueEvicts}},
		"mail: Redis is loading its data; messages wait in the outbox; sms: " +
			"Redis does not answer; messages wait in the outbox": {{Queues: both[:1], Reason: courier.QueueLoading}, {Queues: both[1:], Reason: courier.QueueSilent}},
	} {
		w.tasks.troubles = troubles
		ready := b.get("/readyz")
		ready.want(t, http.StatusOK)
		var parts map[string]string
		must(t, json.Unmarshal([]byte(ready.body), &parts))
		assert.Equal(t, want, parts["queue"], "readiness says")
	}
	for _, r := range courier.QueueReasons() {
		assert.NotEmpty(t, r.Words(), "has no words")
		w.tasks.troubles = []courier.QueueTrouble{{Queues: both, Reason: r}}
		code, said := readyOf(t, b)
		assert.Equal(t, http.StatusOK, code, "readiness")
		assert.Equal(t, "degraded", said["status"])
		assert.True(t, strings.HasPrefix(said["reason"], "queue: "+r.Words()))
		for _, language := range []string{"de", "en"} {
			id := "queue_reason." + string(r)
			assert.NotEqual(t, id, w.TextsIn(language).Say(id), "%s has no text", r)
		}
	}
}

func TestHealth(t *testing.T) {
	broken := false
	w := newWorld(t, func(o *Options) {
		o.Schema = func(context.Context) error {
			if broken {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
	})
	b := w.browser()
	b.get("/healthz").want(t, http.StatusOK)
	for _, part := range []string{"database", "queue", "policy"} {
		var parts map[string]string
		a := b.get("/readyz")
		must(t, json.Unmarshal([]byte(a.body), &parts))
		assert.Equal(t, "ok", parts[part])
	}
	broken = true
	a := b.get("/readyz")
	a.want(t, http.StatusServiceUnavailable)
	assert.NotContains(t, a.body, "unexpected EOF", "readiness gives away the error's text")
	broken = false
	must(t, w.DB.Close())
	b.get("/healthz").want(t, http.StatusOK)
	b.get("/readyz").want(t, http.StatusServiceUnavailable)
}

// TestAuditPages: the log is paged by cursor, and people without the permission can't read it.
func TestAuditPages(t *testing.T) {
	w := newWorld(t)
	must(t, w.DB.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
		for range audit.PageSize + 3 {
			if err := w.Audit.Write(ctx, tx, w.admin.Actor(), audit.Record{
				Action: audit.CustomerUpdated, CustomerID: w.customer, Subject: `<img src=x onerror="alert(1)">`,
				Detail: audit.Changes{"city": {"<script>", "Kiel"}},
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	b := w.signedIn()
	first := b.get("/audit")
	first.want(t, http.StatusOK, "<script>")
	assert.NotContains(t, first.body, "<img", "a subject is not escaped")
	assert.NotContains(t, first.body, "<script>", "a subject is not escaped")
	assert.Contains(t, first.body, "/customers/"+w.customer.String(), "no link to the customer")
	_, rest, found := strings.Cut(first.body, `href="/audit?after=`)
	next, _, _ := strings.Cut(rest, `"`)
	require.True(t, found, "no second page")
	b.get("/audit?after="+next).want(t, http.StatusOK)
	b.get("/audit?after=nonsense").want(t, http.StatusOK)
}

// evilMail puts a letter into the mailbox that tries everything.
func (w *world) evilMail() courier.Mail {
	w.Helper()
	w.invite("berta@kunde.example", "")
	id := w.box()[0].ID
	evil := courier.Mail{
		ID: id, Channel: courier.Email, To: `"><script>alert(1)</script>@kunde.example`, Subject: `<img src=x onerror=alert(1)>`,
		Text: "<script>alert(2)</script>\nhttps://kontor.example/register/abc\njavascript:alert(3) https://x.example/\"onclick=alert(4)",
		HTML: `<p onclick="alert(5)">Hello<script>alert(6)</script></p>`, At: w.Clock.Now(),
	}
	w.rewrite(evil)
	return evil
}

// rewrite puts another letter in the place of one in the mailbox.
func (w *world) rewrite(m courier.Mail) {
	w.Helper()
	raw, err := json.Marshal(m)
	must(w.TB, err)
	sealed, err := w.Key.Seal("mailbox", raw)
	must(w.TB, err)
	_, err = w.DB.NewUpdate().Table("mailbox").Set("sealed = ?", sealed).Where("id = ?", m.ID).Exec(context.Background())
	must(w.TB, err)
}

// TestMailShowsMark: a mail in the mailbox shows the firm's logo, loaded from this site, and can still do nothing else.
func TestMailShowsMark(t *testing.T) {
	w := newWorld(t, beginning(firm.Start{Mark: testLogo(t, 40, 20)}))
	mail := w.evilMail()
	mail.HTML = `<p>Hello<img src="cid:logo-1@kanzlei.example" alt="Kanzlei Berg"></p>`
	w.rewrite(mail)
	letter := w.signedIn().get("/mailbox/" + mail.ID.String() + "/html")
	letter.want(t, http.StatusOK)
	src, found := letter.doc(t).Find("img").Attr("src")
	require.True(t, found)
	assert.True(t, strings.HasPrefix(src, "/firm/mark/"), "the mark comes from %q", src)
	w.browser().get(src).want(t, http.StatusOK)
	assert.Equal(t, "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; sandbox; frame-ancestors 'self'", letter.Header.Get("Content-Security-Policy"), "the letter's page may do")
}

// TestMailboxIsHarmless: mails are shown and never executed (S37).
func TestMailboxIsHarmless(t *testing.T) {
	w := newWorld(t)
	evil := w.evilMail()
	b := w.signedIn()
	page := b.get("/mailbox?id=" + evil.ID.String())
	page.want(t, http.StatusOK, "<script>alert(2)</script>", `<img src=x onerror=alert(1)>`)
	for _, bad := range []string{"<script>alert", "<img src=x", `href="javascript:`, `"onclick=`} {
		assert.NotContains(t, page.body, bad, "is on the page as it")
	}
	assert.Contains(t, page.body, `href="https://kontor.example/register/abc"`, "the link can't be clicked")
	letter := b.get("/mailbox/" + evil.ID.String() + "/html")
	letter.want(t, http.StatusOK)
	csp := letter.Header.Get("Content-Security-Policy")
	assert.Contains(t, csp, "sandbox", "the letter's page may do")
	assert.Contains(t, csp, "default-src 'none'")
	assert.NotContains(t, csp, "allow-scripts")
	b.get("/mailbox/"+w.customer.String()+"/html").want(t, http.StatusNotFound)

	var mails []map[string]any
	raw := b.get("/mailbox.json")
	must(t, json.Unmarshal([]byte(raw.body), &mails))
	for _, field := range []string{"id", "channel", "to", "subject", "text", "html", "at"} {
		_, there := mails[0][field]
		assert.True(t, there, "no %s", field)
	}
}

// TestWhoReadsTheMailbox: people with the permission can read the mailbox, from any machine, if there is a mailbox.
// Others do not see a link to it.
func TestWhoReadsTheMailbox(t *testing.T) {
	w := newWorld(t)
	x := w.furnish()
	for who, status := range map[string]int{
		"nobody": http.StatusSeeOther, "end user": http.StatusNotFound, "specialist": http.StatusForbidden, "auditor": http.StatusForbidden,
		"data administrator": http.StatusForbidden, "policy administrator": http.StatusForbidden, "user administrator": http.StatusForbidden, "no role": http.StatusForbidden,
	} {
		each := w // there is a mail to read
		if status != http.StatusOK {
			each = newWorld(t)
		}
		b := each.asker(who)
		for _, path := range []string{"/mailbox", "/mailbox.json", "/mailbox/" + x.mail.String() + "/html"} {
			for _, host := range []string{"kontor.example", "localhost:3000", "127.0.0.1:3000"} {
				a := b.get(path, "Host", host)
				assert.Equal(t, status, a.StatusCode, "%s gets %d at %s", who, a.StatusCode, path)
			}
		}
		if who != "nobody" && strings.Contains(b.get("/account").body, `href="/mailbox"`) != (status == http.StatusOK) {
			t.Errorf("%s: the way to the mailbox is shown, or is not", who)
		}
	}
	w.signedIn().get("/mailbox.json").want(t, http.StatusOK)
	assert.Contains(t, w.signedIn().get("/account").body, `href="/mailbox"`, "who holds every guarding role is not shown the way to the mailbox")
	closed := newWorld(t)
	closed.browser().get("/mailbox.json").goesTo(t, "/login?next=%2Fmailbox.json")
	none := newWorld(t, func(o *Options) { o.Mailbox = false })
	none.signedIn().get("/mailbox").want(t, http.StatusNotFound)
	none.signedIn().get("/mailbox.json").want(t, http.StatusNotFound)
}

// TestUndelivered: if the mailbox keeps messages that customers wait for, every page of a specialist user says so, and
// who can read them. Pages of other people do not.
func TestUndelivered(t *testing.T) {
	for kept, words := range map[string][2]string{
		"all":   {"This installation doesn't deliver messages", "Diese Installation stellt keine Nachrichten zu"},
		"email": {"This installation doesn't deliver e-mails", "Diese Installation stellt keine E-Mails zu"},
		"sms":   {"This installation doesn't deliver SMS", "Diese Installation stellt keine SMS zu"},
		"":      {},
	} {
		w := newWorld(t, func(o *Options) { o.Undelivered = kept })
		w.specialist("clara@kanzlei.example")
		b := w.browser().signIn("clara@kanzlei.example", strong)
		for _, path := range []string{"/customers", "/customers/" + w.customer.String() + "/data", "/account", "/attention", "/queues", "/no-such-page"} {
			if kept == "" {
				assert.NotContains(t, b.get(path).body, "undelivered", "says something")
				continue
			}
			b.language = "en"
			a := b.get(path)
			said := a.doc(t).Find("#undelivered").Text()
			assert.True(t, strings.HasPrefix(said, words[0]), "%s says %q", path, said)
			assert.True(t, strings.HasSuffix(said, "the roles that guard the system can read them there."))
			b.language = "de"
			said = b.get(path).doc(t).Find("#undelivered").Text()
			assert.True(t, strings.HasPrefix(said, words[1]), "%s says %q", path, said)
		}
		for _, other := range []answer{w.browser().get("/login"), w.endUser().get("/portal")} {
			assert.NotContains(t, other.body, "undelivered", "who does not work here is told")
		}
		if kept == "all" {
			must(t, policytest.Publish(w.Policy, 2, "p, specialist, *, customer, *, list, allow"))
			b.language = "en"
			b.get("/account").want(t, http.StatusOK, "No role may read them there.")
		}
	}
}

// hook sends a report, signed with a key.
func (b *browser) hook(path, body, key string) answer {
	b.Helper()
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set(kit.SignatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	res, err := b.Handler().Test(r, 10_000)
	must(b.TB, err)
	raw, err := io.ReadAll(res.Body)
	must(b.TB, err)
	return answer{res, string(raw)}
}

func TestHooks(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.HookSecret = "a secret of the provider's" })
	w.invite("berta@kunde.example", "+4915123456789")
	var sms, mail courier.Message
	must(t, w.DB.NewSelect().Model(&sms).Where("channel = ?", courier.SMS).Scan(context.Background()))
	must(t, w.DB.NewSelect().Model(&mail).Where("channel = ?", courier.Email).Scan(context.Background()))
	const right = "a secret of the provider's"
	report := `{"id": "` + sms.ID.String() + `", "status": "delivered"}`
	bounce := `{"message_id": "<` + mail.ID.String() + `.1@kontor.example>", "status": "5.1.1", "detail": "no such user"}`
	b := w.browser()
	for _, c := range []struct {
		path, body, key string
		status          int
	}{
		{"/hooks/sms", report, "", 401},
		{"/hooks/sms", report, "guessed", 401},
		{"/hooks/bounce", bounce, "guessed", 401},
		{"/hooks/sms", `{"id": "0193a3c0-0000-7000-8000-000000000000", "status": "delivered"}`, right, 404},
		{"/hooks/sms", `{"id": `, right, 422},
		{"/hooks/sms", ``, right, 422},
		{"/hooks/bounce", `not a mail`, right, 422},
		{"/hooks/sms", report, right, 204},
		{"/hooks/sms", report, right, 204},
		{"/hooks/bounce", bounce, right, 204},
	} {
		assert.Equal(t, c.status, b.hook(c.path, c.body, c.key).StatusCode, "%s %s signed with %q", c.path, c.body, c.key)
	}
	for id, want := range map[string]courier.State{sms.ID.String(): courier.Delivered, mail.ID.String(): courier.Failed} {
		var m courier.Message
		must(t, w.DB.NewSelect().Model(&m).Where("id = ?", id).Scan(context.Background()))
		assert.Equal(t, want, m.State)
	}
}

// TestMetrics count by route pattern: a token in an address makes no time series and can't be read there.
func TestMetrics(t *testing.T) {
	w := newWorld(t)
	token, _ := w.invite("berta@kunde.example", "")
	w.browser().get("/register/" + token)
	res := httptest.NewRecorder()
	w.metrics.handler().ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body := res.Body.String()
	assert.NotContains(t, body, token, "the metrics name the token or not the route")
	assert.Contains(t, body, `route="/register/:token"`, "the metrics name the token or not the route")
	assert.Contains(t, body, "go_goroutines", "nothing of Go itself")
}

// TestQueueNames: the Queues page names customer and person only for callers who may see them.
func TestQueueNames(t *testing.T) {
	w := newWorld(t)
	w.invite("berta@kunde.example", "")
	var m courier.Message
	must(t, w.DB.NewSelect().Model(&m).Where("channel = ?", courier.Email).Scan(context.Background()))
	w.tasks.task.MessageID, w.tasks.task.ID = m.ID, m.ID.String()+":1"
	w.specialist("dora@kanzlei.example", policies.DataAdministrator)
	must(t, policytest.Publish(w.Policy, 2, "p, auditor, *, queue, *, read, allow\np, specialist, administrator, customer, *, read, allow"))
	w.specialist("rita@kanzlei.example", policies.Auditor)
	text := w.browser().signIn("rita@kanzlei.example", strong).get("/queues").text()
	assert.NotContains(t, text, "Kühn", "who may not read the customer sees")
	assert.Contains(t, text, m.ID.String())
	must(t, policytest.Publish(w.Policy, 3, "p, auditor, *, queue, *, read, allow\np, auditor, *, customer, *, read, allow"))
	page := w.browser().signIn("rita@kanzlei.example", strong).get("/queues")
	page.want(t, http.StatusOK, "Kühn, Berta")
	assert.NotContains(t, page.text(), "Berta Kühn", "who may not read accesses is told the person")
	must(t, policytest.Publish(w.Policy, 4, policies.Default))
	page = w.signedIn().get("/queues")
	page.want(t, http.StatusOK, "Kühn, Berta", "Berta Kühn")
	assert.Equal(t, "/customers/"+w.customer.String()+"/authorisations", page.doc(t).Find("#queues td a.name").AttrOr("href", ""), "it leads")
}

// TestRunAllOfQueue: all waiting messages of this channel are due at once, those of the other channel are not; the log
// records it.
func TestRunAllOfQueue(t *testing.T) {
	w := newWorld(t)
	_, err := w.accesses.Create(context.Background(), w.admin, w.customer,
		access.Form{FirstName: "B", LastName: "K", Email: "berta@kunde.example", Mobile: "+4915112345678", Locale: "de"}, "")
	must(t, err)
	w.exec("UPDATE message SET next_at = ?, relay_at = ?", w.Clock.Now().Add(time.Hour), w.Clock.Now().Add(time.Hour))
	b := w.signedIn()
	require.Equal(t, 1, b.get("/queues").doc(t).Find(`form[action="/queues/mail/run"] button`).Length(), "buttons")
	b.send("/queues/default/run").want(t, http.StatusNotFound)
	b.send("/queues/mail/run").goesTo(t, "/queues?queue=mail&state=pending")
	assert.Equal(t, "run all mail", strings.Join(w.tasks.done, ", "), "done")
	var messages []courier.Message
	must(t, w.DB.NewSelect().Model(&messages).Scan(context.Background()))
	for _, m := range messages {
		due := m.NextAt == nil && !m.RelayAt.After(w.Clock.Now())
		assert.Equal(t, m.Channel == courier.Email, due, "the %s is due", m.Channel)
	}
	b.get("/audit").want(t, http.StatusOK, w.TextsIn("en").Say("audit.queue.run_all"), "mail 3000")
}
