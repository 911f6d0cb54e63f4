package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/operation"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// TestBounceMails: reports that a mail system sends by pipe. A delay is described and is not a failure, an automatic
// answer changes nothing, and of a report of several megabytes only the beginning is read.
func TestBounceMails(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const secretOf = "a secret of the provider's"
		w := newWorldOn(t, db, func(o *Options) { o.HookSecret = secretOf })
		w.invite("berta@kunde.example", "")
		var mail courier.Message
		must(t, w.DB.NewSelect().Model(&mail).Where("channel = ?", courier.Email).Scan(context.Background()))
		address := "http://" + w.serve(10*time.Second)
		post := func(path, body, key string) int {
			mac := hmac.New(sha256.New, []byte(key))
			_, _ = mac.Write([]byte(body))
			r, err := http.NewRequest(http.MethodPost, address+path, strings.NewReader(body))
			must(t, err)
			r.Header.Set("Content-Type", "message/rfc822")
			r.Header.Set(kit.SignatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				return http.StatusRequestEntityTooLarge // the server closes the connection while the client still sends
			}
			must(t, res.Body.Close())
			return res.StatusCode
		}
		id := "<" + mail.ID.String() + ".1@kontor.example>"
		report := func(action, status string) string {
			return "From: MAILER-DAEMON@kunde.example\nSubject: Report\nContent-Type: multipart/report; boundary=b=1\n\n" +
				"--b=1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; kunde.example\n\nFinal-Recipient: rfc822; berta@kunde.example\n" +
				"Action : " + action + "\nStatus: " + status + "\nDiagnostic-Code: smtp; said the server\n\n" +
				"--b=1\nContent-Type: message/rfc822\n\n\nMessage-ID: " + id + "\n\nHello\n"
		}
		state := func() courier.State {
			var m courier.Message
			must(t, w.DB.NewSelect().Model(&m).Where("id = ?", mail.ID).Scan(context.Background()))
			return m.State
		}
		b := w.signedIn()
		deliveries := "/customers/" + w.customer.String() + "/deliveries"
		for _, c := range []struct {
			body  string
			words []string
		}{
			{report("delayed", "4.4.1"), []string{"Delayed", "keeps trying", "said the server"}},
			{report("relayed", "2.0.0"), []string{"Passed on", "doesn't report back"}},
			{report("expanded", "2.0.0"), []string{"Passed on", "its members"}},
			{"From: berta@kunde.example\nSubject: Out of office\nIn-Reply-To: " + id + "\n\n550 5.1.1 user unknown\n", []string{"Handed over"}},
		} {
			require.Equal(t, http.StatusNoContent, post(operation.BouncePath, c.body, secretOf), "%.60q", c.body)
			b.get(deliveries).want(t, http.StatusOK, c.words...)
			require.Equal(t, courier.HandedOver, state(), "%.60q: the mail", c.body)
		}
		failed := report("failed", "5.1.1")
		for _, c := range []struct {
			path, body, key string
			status          int
		}{
			{operation.BouncePath, failed + strings.Repeat("x", 9<<20), secretOf, 413},
			{"/hooks/sms", failed + strings.Repeat("x", 2<<20), secretOf, 413},
			{operation.BouncePath, failed + strings.Repeat("x", 3<<20), "guessed", 401},
			{operation.BouncePath, strings.ReplaceAll(failed, mail.ID.String(), "0193590e"), secretOf, 422},
			{operation.BouncePath, strings.ReplaceAll(failed, mail.ID.String(), "0193590e-7b4c-7000-8000-000000000001"), secretOf, 404},
		} {
			got := post(c.path, c.body, c.key)
			assert.Equal(t, c.status, got, "%s, %d bytes", c.path, len(c.body))
			assert.Equal(t, courier.HandedOver, state(), "%s, %d bytes", c.path, len(c.body))
		}
		got := post(operation.BouncePath, failed+strings.Repeat("\nx", 3<<19), secretOf)
		assert.Equal(t, http.StatusNoContent, got, "a long report")
		assert.Equal(t, courier.Failed, state(), "a long report: and the mail")
		b.get(deliveries).want(t, http.StatusOK, "Failed, came back", "doesn't know this address")
	})
}
