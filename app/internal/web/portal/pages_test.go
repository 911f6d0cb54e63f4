package portal

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/access"
	elements "kontor/app/document"
	"kontor/app/internal/web/document"
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
	row := func(e elements.Element) document.Row {
		e.ID = uuid.Must(uuid.NewV7())
		return document.Row{Element: e, Path: "/elements/x", Page: "/documents/x", MayGive: true, MayAnswer: true, MayContents: true, Late: e.Due != ""}
	}
	rows := []document.Row{
		row(elements.Element{Type: elements.Slot, Name: "Lohn", Help: "Alle Seiten", Required: true, State: elements.Rejected, Reason: "Seite 2 fehlt", Due: "2026-11-01", Answer: elements.AnswerDocument, Comments: 1}),
		row(elements.Element{Type: elements.Slot, Name: "Kinder", State: elements.Answered, Answer: elements.AnswerNumber, Latest: &elements.Version{Text: "2", At: at}}),
		row(elements.Element{Type: elements.File, Name: "lohn.pdf", Latest: &elements.Version{File: "lohn.pdf", BlobID: id, Size: 14_000, At: at}}),
	}
	kittest.Render(t, "portal", map[string][]any{
		"portal/index": {portal{}, portal{Name: "Änne", Customers: []portalCustomer{
			{MyCustomer: access.MyCustomer{ID: id, Number: 7, Name: "Hafen AG"}},
			{MyCustomer: access.MyCustomer{ID: uuid.Must(uuid.NewV7())}, Rows: []transaction.Transaction{{Status: transaction.Closed}, late}, Next: "/n", Prev: "/p"},
		}}},
		"portal/transaction": {portalTransaction{Transaction: late, Owner: "Hafen AG"}, portalTransaction{Transaction: transaction.Transaction{Status: transaction.Closed}},
			portalTransaction{
				Transaction: late, Form: kittest.Fresh(), Contents: document.Contents{Path: "/transactions/x", Root: document.Place{MayAdd: true}},
				Asked: rows, Done: rows[1:], Files: rows[2:],
			}, portalTransaction{Transaction: late, Form: kittest.Fresh(), Done: rows[1:]}},
	})
}
