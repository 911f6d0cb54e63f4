package audit

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/audit"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	id := uuid.Must(uuid.NewV7())
	var entries []audit.Entry
	for _, detail := range []string{"", `{"city":["Kiel",""]}`, `{"accesses":2}`} {
		entries = append(entries, audit.Entry{ID: id, At: at, Actor: "Anna", Action: audit.CustomerUpdated, Subject: "K-00001", Detail: detail,
			CustomerID: uuid.NullUUID{UUID: id, Valid: true}})
	}
	entries = append(entries, audit.Entry{ID: id, At: at, Action: audit.SignInUnknown, Times: 3, LastAt: &at, Bucket: "x", Fold: "y", Detail: `["POST /login"]`},
		audit.Entry{ID: id, At: at, Action: audit.RequestRefused, Times: 1, LastAt: &at, Bucket: "x", Fold: "y", Address: "192.0.2.7"})
	kittest.Render(t, "audit", map[string][]any{
		"audit/index":       {auditPage{}, auditPage{Entries: entries, Next: "/audit?after=x"}, auditPage{Entries: entries, Of: true}},
		"audit/customer":    {customerLog{Log: &kit.Frame{D: auditPage{Entries: entries, Of: true}}}},
		"audit/transaction": {transactionLog{Log: &kit.Frame{D: auditPage{Entries: entries, Of: true}}}},
	})
}
