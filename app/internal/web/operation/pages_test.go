package operation

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/access"
	"kontor/app/courier"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/job"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	id := uuid.Must(uuid.NewV7())
	mail := courier.Mail{ID: id, Channel: courier.Email, To: "a@b.example", Subject: "S", Text: "t\nhttps://kontor.example/register/x", HTML: "<p>", At: at}
	sms := courier.Mail{ID: uuid.Must(uuid.NewV7()), Channel: courier.SMS, To: "+4915123456789", Text: "t", At: at}
	task := courier.TaskInfo{ID: id.String() + ":1", State: courier.TaskRetry, Retried: 1, LastError: "unreachable", NextRun: at}
	jobs := []pageJob{
		{Job: job.Job{ID: id, Kind: job.Handover, State: job.Running, Done: 1200, Total: 5000, RequestedAt: at}, By: "Anna Amt", Cancellable: true},
		{Job: job.Job{ID: id, Kind: job.CustomerDeletion, State: job.Waiting, Attempts: 3, Reason: job.ErasureLog, NextAt: &at, RequestedAt: at}},
		{Job: job.Job{ID: id, Kind: job.AdministratorSwitch, State: job.Done, RequestedAt: at, FinishedAt: &at}},
	}
	kittest.Render(t, "operation", map[string][]any{
		"operation/queues": {queuePage{Away: courier.QueueFull, Queue: "mail", State: courier.TaskRetry, Jobs: jobs}, queuePage{Queue: "sms", State: courier.TaskPending, States: courier.TaskStates},
			queuePage{Queue: "mail", State: courier.TaskRetry, States: courier.TaskStates, Manage: true, Page: 1, More: true,
				Queues: []courier.QueueInfo{{Name: "mail", Retry: 1200}, {Name: "sms"}}, All: 1200, Jobs: jobs, Tasks: []queueTask{{TaskInfo: task, For: access.Addressee{CustomerID: task.MessageID, Customer: "Kühn, Berta", Number: "K-1", Person: "Berta Kühn"}}, {}}},
			queuePage{Queue: "sms", State: courier.TaskRetry, States: courier.TaskStates, Unknown: true, Warnings: []courier.QueueReason{courier.QueueEvicts},
				Queues: []courier.QueueInfo{{Name: "mail", Retry: 1200}, {Name: "sms", Away: courier.QueueSilent}}}},
		"operation/mailbox": {mailboxPage{}, mailboxPage{Mails: []courier.Mail{mail, sms}, Open: &mail}, mailboxPage{Mails: []courier.Mail{mail, sms}, Open: &sms}},
	})
}
