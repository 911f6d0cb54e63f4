package transaction

import (
	"kontor/app/internal/web/customerpage"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/text"
)

// transactionForm is the data of the pages that add or change a transaction.
type transactionForm struct {
	Customer    *customerpage.Head // set when adding
	Transaction *Head              // set when changing
	Form        *kit.Form
	Action      string // where the form is sent
	Back        string
	Kinds       []text.Option
	People      []text.Option
	Templates   []text.Option // only when adding; nil if there are none
}
