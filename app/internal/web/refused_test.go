package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kontor/policies"
)

// exec changes rows behind the program's back.
func (w *world) exec(sql string, args ...any) {
	w.Helper()
	_, err := w.DB.ExecContext(context.Background(), sql, args...)
	must(w.TB, err)
}

// TestCodeThatCouldNotBeSent: while the gateway refuses the firm, the page still asks for the code, says that it was not
// sent, and can send a new one.
func TestCodeThatCouldNotBeSent(t *testing.T) {
	w := newWorld(t)
	token, _ := w.invite("berta@kunde.example", "+4915123456789")
	b := w.browser()
	b.get("/register/"+token).want(t, http.StatusOK, "We sent it by SMS")
	for _, state := range []string{
		"state = 'queued', reason = 'credit'", "state = 'failed', reason = 'expired'", "state = 'failed', reason = 'not_delivered'",
	} {
		w.exec("UPDATE message SET " + state + " WHERE channel = 'sms'")
		page := b.get("/register/" + token)
		page.want(t, http.StatusOK, "Registration code", "couldn't be delivered so far", "789", "Send a new code")
		assert.NotContains(t, page.text(), "We sent it by SMS", "%s: the page says that the code was sent", state)
		b.send("/register/"+token, "password", strong, "password_repeat", strong).want(t, http.StatusUnprocessableEntity)
	}
	b.send("/register/"+token+"/code").goesTo(t, "/register/"+token)
	w.exec("UPDATE message SET state = 'failed', reason = 'number_invalid' WHERE channel = 'sms'")
	assert.NotContains(t, b.get("/register/"+token).text(), "Registration code", "a code is asked for that can't be sent")
}

// TestAttentionOfQueueKeepers: people who manage the queues see which channel does not work, why, and since when.
func TestAttentionOfQueueKeepers(t *testing.T) {
	w := newWorld(t)
	w.specialist("dora@kanzlei.example", policies.DataAdministrator)
	w.specialist("sven@kanzlei.example", policies.UserAdministrator)
	w.exec("INSERT INTO channel_state (channel, since, last_at, reason, status) VALUES ('sms', ?, ?, 'credit', '402')", w.Clock.Now(), w.Clock.Now())
	b := w.browser().signIn("dora@kanzlei.example", strong)
	page := b.get("/attention")
	page.want(t, http.StatusOK, "E-mails and SMS being refused", "our credit is used up", "402")
	doc := page.doc(t)
	assert.Equal(t, 1, doc.Find(`#s-channels`).Length(), "headings")
	badge := strings.TrimSpace(doc.Find(`nav a[href="/attention"] .n`).Text())
	assert.True(t, strings.HasPrefix(badge, "1"), "the badge says %q", badge)
	b.get(doc.Find(`section[aria-labelledby="s-channels"] tbody a`).AttrOr("href", "")).want(t, http.StatusOK, "Queues")
	assert.NotContains(t, w.browser().signIn("sven@kanzlei.example", strong).get("/attention").text(), "credit", "somebody who does not keep the queues sees it")
	w.exec("DELETE FROM channel_state")
	assert.NotContains(t, b.get("/attention").text(), "credit", "it does not go")
}
