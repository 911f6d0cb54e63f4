package demo

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/document"
	"kontor/app/template"
	"kontor/app/transaction"
	"kontor/policies"
)

// templates are those of the gallery that the firm has taken over.
var templates = []string{"tax_income_return", "tax_annual_accounts", "tax_monthly_bookkeeping"}

// exchange takes templates from the gallery and starts transactions from one: a customer has answered some of what is asked, and
// another one nothing yet. It does nothing if the visitor administers no customer with an end user.
func (s Services) exchange(ctx context.Context, who people) error {
	visitor := who[""]
	for _, key := range templates {
		t, err := s.Templates.Use(ctx, visitor, "de", key)
		if err != nil {
			return err
		}
		if _, err := s.Templates.Publish(ctx, visitor, t.ID, template.Publication{Seen: template.Seen(t.Revision)}); err != nil {
			return err
		}
	}
	ends, err := s.endUsers(ctx, visitor)
	if err != nil {
		return err
	}
	for i, e := range ends {
		t, err := s.request(ctx, visitor, e.CustomerID)
		if err != nil {
			return err
		}
		if i > 0 {
			continue
		}
		end := account.Caller{ID: e.AccountID, Name: e.Name, Roles: []policies.Role{policies.EndUser}, Locale: "de", Address: office}
		if err := s.converse(ctx, visitor, end, t); err != nil {
			return err
		}
	}
	return nil
}

// endUser is somebody who is registered with a customer.
type endUser struct {
	CustomerID uuid.UUID `bun:"customer_id"`
	AccountID  uuid.UUID `bun:"account_id"`
	Name       string    `bun:"name"`
}

// endUsers returns end users of customers that somebody administers, of two customers at most.
func (s Services) endUsers(ctx context.Context, of account.Caller) (list []endUser, err error) {
	var all []endUser
	err = s.DB.NewSelect().TableExpr("access AS x").Join("JOIN customer_administrator AS a ON a.customer_id = x.customer_id").
		Join("JOIN account AS p ON p.id = x.account_id").ColumnExpr("x.customer_id, x.account_id, p.name").Where("a.specialist_id = ?", of.ID).Where("x.registered_at IS NOT NULL").
		Where("x.deactivated_at IS NULL").OrderExpr("x.created_at, x.id").Scan(ctx, &all)
	seen := map[uuid.UUID]bool{}
	for _, e := range all {
		if !seen[e.CustomerID] && len(list) < 2 {
			seen[e.CustomerID] = true
			list = append(list, e)
		}
	}
	return list, err
}

// request starts a transaction from the first template.
func (s Services) request(ctx context.Context, by account.Caller, customerID uuid.UUID) (t transaction.Transaction, err error) {
	kinds, err := s.Transactions.Choices(ctx, by, customerID)
	if err != nil {
		return t, err
	}
	keys := make([]string, len(kinds))
	for i, k := range kinds {
		keys[i] = k.Key
	}
	offers, err := s.Templates.Offered(ctx, by, keys)
	if err != nil || len(offers) == 0 {
		return t, err
	}
	o := offers[0]
	due := s.Now().In(s.Zone).AddDate(0, 0, 30).Format("2006-01-02")
	t, _, err = s.Documents.Start(ctx, by, customerID, transaction.Form{
		Name: o.Preset() + " (Unterlagen)", Kind: o.Kind, Due: due, Responsible: by.ID.String(),
	}, o.Outline)
	return t, err
}

// converse lets the end user answer, and the firm look at it: one answer is accepted, one rejected, some wait.
func (s Services) converse(ctx context.Context, firm, end account.Caller, t transaction.Transaction) error {
	tree, err := s.Documents.Tree(ctx, end, t.ID)
	if err != nil {
		return err
	}
	if err := s.Documents.Viewed(ctx, end, tree); err != nil {
		return err
	}
	given := 0
	for _, e := range tree.Elements {
		switch {
		case e.Type != document.Slot || given > 4:
			continue
		case e.Answer == document.AnswerDocument && given == 3:
			_, err = s.Documents.Answer(ctx, end, e.ID, document.Given{NotApplicable: true, Comment: "Das hatte ich in diesem Jahr nicht."})
		case e.Answer == document.AnswerDocument:
			file := pdf(e.Name, "Beispiel der Vorführung")
			_, err = s.Documents.Upload(ctx, end, document.Announced{
				Target: document.Target{ElementID: e.ID}, File: e.Name + ".pdf", Size: int64(len(file)),
			}, bytes.NewReader(file))
		default:
			continue
		}
		if err != nil {
			return err
		}
		if err := s.judge(ctx, firm, e.ID, given); err != nil {
			return err
		}
		given++
	}
	return nil
}

// judge reviews the answers with the first two numbers.
func (s Services) judge(ctx context.Context, firm account.Caller, id uuid.UUID, n int) (err error) {
	switch n {
	case 0:
		_, err = s.Documents.Accept(ctx, firm, id, 1)
	case 1:
		if _, err = s.Documents.Comment(ctx, firm, id, document.Remark{Text: "Beim letzten Mal fehlte sie auch.", Internal: true}); err == nil {
			_, err = s.Documents.Reject(ctx, firm, id, 1, "Seite 2 fehlt.")
		}
	}
	return err
}

// pdf makes a PDF file (ISO 32000-1) with one page A4 and two lines.
func pdf(title, text string) []byte {
	line := func(s string) string { // WinAnsi has the first 256 characters of Unicode, but for a few
		var b strings.Builder
		for _, r := range s {
			switch {
			case r == '(' || r == ')' || r == '\\':
				b.WriteString("\\" + string(r))
			case r < 256:
				b.WriteByte(byte(r))
			default:
				b.WriteByte('?')
			}
		}
		return b.String()
	}
	content := "BT /F1 22 Tf 60 760 Td (" + line(title) + ") Tj 0 -34 Td /F1 12 Tf (" + line(text) + ") Tj ET"
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
		fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", len(content), content),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	places := make([]int, len(objects))
	for i, o := range objects {
		places[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj%s\nendobj\n", i+1, o)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, p := range places {
		fmt.Fprintf(&b, "%010d 00000 n \n", p)
	}
	fmt.Fprintf(&b, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, table)
	return b.Bytes()
}
