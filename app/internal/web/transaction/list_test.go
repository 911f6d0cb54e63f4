package transaction

import (
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"

	"kontor/app/transaction"
	"kontor/policies"
)

// TestListed: what is kept of a rendered row is the same for everybody who sees the transaction, and different for
// different rows.
func TestListed(t *testing.T) {
	row := func() transactionRow {
		return transactionRow{KindName: "Contract", Transaction: transaction.Transaction{
			ID: uuid.Must(uuid.FromString("0198c0de-0000-7000-8000-000000000001")), Number: 10_001, Name: "Mietvertrag", Kind: "contract",
			Status: transaction.Open, Due: "2026-11-01", Responsible: "Änne", Customer: transaction.Owner{Number: 10_007, Name: "Berg, Anna"},
		}}
	}
	one := row().listed(true)
	related := row()
	related.Relation = policies.Administrator
	assert.Equal(t, one, related.listed(true), "for who has another relation")
	assert.True(t, map[any]bool{one: true}[related.listed(true)], "a row is a key")
	for name, change := range map[string]func(r *transactionRow){
		"another kind": func(r *transactionRow) { r.KindName = "Vertrag" },
		"late":         func(r *transactionRow) { r.Late = true },
		"renamed":      func(r *transactionRow) { r.Name = "Pachtvertrag" },
		"closed":       func(r *transactionRow) { r.Status = transaction.Closed },
		"of another":   func(r *transactionRow) { r.Responsible = "Ben" },
		"its customer": func(r *transactionRow) { r.Customer.Name = "Berg, Berta" },
		"due later":    func(r *transactionRow) { r.Due = "2026-12-01" },
	} {
		r := row()
		change(&r)
		assert.NotEqual(t, one, r.listed(true), name)
	}
	assert.Empty(t, row().listed(false).Owner, "in the list of one customer")
}
