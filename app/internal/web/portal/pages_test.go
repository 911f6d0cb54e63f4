package portal

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/access"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/transaction"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	id := uuid.Must(uuid.NewV7())
	late := transaction.Transaction{
		ID: id, Number: 10001, Name: "Mietvertrag", Kind: "contract", Status: transaction.InReview, Due: "2026-11-01", Responsible: "Änne", CreatedAt: at,
	}
	kittest.Render(t, "portal", map[string][]any{
		"portal/index": {portal{}, portal{Name: "Änne", Customers: []portalCustomer{
			{MyCustomer: access.MyCustomer{ID: id, Number: 7, Name: "Hafen AG"}},
			{MyCustomer: access.MyCustomer{ID: uuid.Must(uuid.NewV7())}, Rows: []transaction.Transaction{{Status: transaction.Closed}, late}, Next: "/n", Prev: "/p"},
		}}},
		"portal/transaction": {portalTransaction{Transaction: late, Owner: "Hafen AG"}, portalTransaction{Transaction: transaction.Transaction{Status: transaction.Closed}}},
	})
}
