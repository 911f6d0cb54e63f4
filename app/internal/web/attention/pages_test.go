package attention

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/attention"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/internal/web/kit/kittest"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	id := uuid.Must(uuid.NewV7())
	owner := attention.Owner{ID: id, Number: 7, Type: customer.Company, Name: "Hafen AG"}
	parts := []attention.Part{{Section: attention.Sending, NoWorker: at, Queues: []courier.QueueTrouble{{Queues: []string{"mail", "sms"}, Reason: courier.QueueSilent, Since: at}}},
		{Section: attention.Channels, Channels: []courier.Trouble{{Channel: courier.SMS, Reason: "credit", Status: "402"}, {Channel: courier.Email, Reason: "auth"}}},
		{Section: attention.Invitations, More: true, Next: "n"}, {Section: attention.Administrators, Customers: []attention.Owner{owner}},
		{Section: attention.Accesses, Customers: []attention.Owner{owner}, More: true},
		{Section: attention.Overdue, Overdue: []attention.OverdueTransaction{{ID: id, Number: 7, Name: "Vertrag", Due: "2026-11-01", Customer: owner}}}}
	for _, reason := range attention.Reasons {
		parts[2].Invitations = append(parts[2].Invitations, attention.Invitation{ID: id, Name: "Änne", Email: "a@b.example", Reason: reason, Detail: "mailbox_full", Customer: owner})
	}
	wrong := kittest.Wrong("login", "password", "password_repeat", "code", "name", "username", "email", "roles", "current_password", "email_password")
	kittest.Render(t, "attention", map[string][]any{
		"attention/index": {attentionPage{Form: kittest.Fresh()}, attentionPage{Form: wrong, Parts: parts, Resent: &resent{Sent: 2, Failed: 1, Reasons: []string{"x"}}},
			attentionPage{Form: kittest.Fresh(), One: true, Parts: parts[:1], Resent: &resent{Sent: 1}}},
	})
}
