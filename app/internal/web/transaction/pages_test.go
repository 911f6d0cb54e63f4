package transaction

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	elements "kontor/app/document"
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/document"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/internal/web/text"
	"kontor/app/transaction"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 12, 0, 0, time.UTC)
	id := uuid.Must(uuid.NewV7())
	locales := []text.Option{{Value: "", Text: "-"}, {Value: "de", Text: "Deutsch"}}
	kinds := []transaction.Kind{{Key: "contract", NameEN: "Contract", NameDE: "Vertrag", Active: true}, {Key: "other", NameEN: "Other", NameDE: "Sonstiges"}}
	late := transactionRow{Late: true, KindName: "Contract", Transaction: transaction.Transaction{
		ID: id, Number: 10001, Name: "Mietvertrag", Kind: "contract", Status: transaction.InReview, Due: "2026-11-01", Responsible: "Änne", CreatedAt: at, Progress: transaction.Progress{Asked: 9, Answered: 7, ToReview: 2},
	}}
	list := transactionList{Path: "/transactions", Groups: []group{{Name: transaction.GroupOverdue, Rows: []listRow{late.listed(true), late.listed(false)}}}, Heads: headsOf(transactionList{}), Page: transaction.Page{Count: 1000, Capped: true}, Next: "/n", Prev: "/p",
		Kinds: locales, Statuses: locales, Dues: locales}
	sorted, searched := list, list
	sorted.Sort, sorted.Filter.Sort, sorted.Work = "-customer", "-customer", "/transactions"
	sorted.Heads = headsOf(sorted)
	searched.Sort, searched.Filter.Sort, searched.Filter.Query = "name", "name", "x"
	searched.Heads = headsOf(searched)
	wrong := kittest.Wrong("login", "password", "password_repeat", "code", "name", "username", "email", "roles", "current_password", "email_password")
	full := document.Contents{Path: "/transactions/x", Root: document.Place{MayAdd: true, MayStructure: true}, Trash: true, Query: "x", Rows: []document.Row{
		{Element: elements.Element{ID: id, Type: elements.Folder, Name: "Belege"}, Place: document.Place{MayAdd: true, MayStructure: true}},
		{Element: elements.Element{ID: id, Type: elements.Slot, Name: "Lohn", State: elements.Answered, Latest: &elements.Version{File: "lohn.pdf", BlobID: id, At: at}}, MayReview: true},
	}}
	full.Progress = elements.Progress{Asked: 9, Answered: 7, ToReview: 2}
	kittest.Render(t, "transaction", map[string][]any{
		"transaction/index": {transactionList{Path: "/transactions"}, transactionList{Path: "/transactions"}, list,
			transactionList{Path: "/transactions", Filter: transaction.Filter{Query: "x"}}, sorted, searched},
		"transaction/customer": {transactionList{Path: "/c/transactions", Customer: &customerpage.Head{}, Add: true},
			transactionList{Path: "/c/transactions", Customer: &customerpage.Head{}}},
		"transaction/show": {transactionPage{Transaction: Head{transactionRow: late, MaySeeFirm: true, MayProcess: true}, Form: wrong, Moves: movesFrom(transaction.Open)},
			transactionPage{Transaction: Head{transactionRow: transactionRow{Transaction: transaction.Transaction{Status: transaction.Closed}}}, Form: kittest.Fresh()},
			transactionPage{Transaction: Head{transactionRow: late}, Form: kittest.Fresh(), Contents: full},
			transactionPage{Transaction: Head{transactionRow: late}, Form: kittest.Fresh(), Contents: document.Contents{Hidden: true, Query: "x"}}},
		"transaction/form": {transactionForm{Customer: &customerpage.Head{}, Form: kittest.Fresh(), Kinds: locales, People: locales},
			transactionForm{Transaction: &Head{transactionRow: late}, Form: &kit.Form{Overlap: kit.Overlap{
				Conflicts: []kit.Conflict{{Field: "kind", Mine: "a", Theirs: "b", MineSaid: "A", TheirsSaid: "B"}, {Field: "name", Mine: "a", Changed: kit.Changed{By: "Ben", At: time.Unix(1, 0)}}},
				Also:      []string{"due"}}}},
			transactionForm{Transaction: &Head{transactionRow: late}, Form: &kit.Form{Overlap: kit.Overlap{Also: []string{"due"}}}}},
		"transaction/kinds": {kindsPage{Form: kittest.Fresh(), Kinds: kinds}, kindsPage{Form: wrong, Kinds: kinds, Manage: true}},
		"transaction/kind":  {kindPage{Form: kittest.Fresh(), Kind: kinds[0]}, kindPage{Form: wrong, Kind: kinds[1]}},
	})
}
