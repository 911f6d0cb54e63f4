package search

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/customer"
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
	kittest.Render(t, "search", map[string][]any{
		"search/palette": {palette{}, palette{Here: "/customers", Themes: []string{"dark"}, Count: 2, Groups: []group{
			{"recent", []entry{{ID: "p-0", Text: "Groß, Änne", Sub: "K-10001", Href: "/customers/1", Icon: "user"}}},
			{"actions", []entry{{ID: "p-1", Text: "Sign out", Form: "palette-sign-out", Icon: "log-out"}}},
		}}},
		"search/index": {found{}, found{Recent: []customer.Row{{ID: id, Number: 7, Type: customer.Person, Name: "Groß, Änne", City: "Kiel"}}}, found{Query: "x"}, found{Query: "x", Transactions: &transaction.Page{}},
			found{Query: "x", Customers: &customer.Page{Rows: []customer.Row{{ID: id, Number: 7, Type: customer.Person, Name: "Groß, Änne", City: "Kiel"}}, Count: 1},
				Transactions: &transaction.Page{Rows: []transaction.Transaction{late}, Count: 1000, Capped: true}}},
	})
}
