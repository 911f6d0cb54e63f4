package web

import (
	"context"
	"testing"

	"kontor/app/access"
	"kontor/app/courier"
)

func TestQueueRefusalIsLogged(t *testing.T) {
	for _, away := range []bool{true, false} {
		w := newWorld(t)
		b := w.signedIn()
		_, err := w.accesses.Create(context.Background(), w.admin, w.customer, access.Form{FirstName: "B", LastName: "K", Email: "berta@kunde.example", Locale: "de"}, "")
		must(t, err)
		var m courier.Message
		must(t, w.DB.NewSelect().Model(&m).Where("channel = ?", courier.Email).Scan(context.Background()))
		before, auditBefore := w.dump("message"), w.dump("audit")
		w.tasks.away = away
		b.send("/queues/mail/"+m.ID.String()+":1/delete", "state", "retry")
		if w.dump("message") != before && w.dump("audit") == auditBefore {
			t.Errorf("away=%v: a message was cancelled and the log does not say so", away)
		}
	}
}
