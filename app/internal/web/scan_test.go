package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/blob"
	"kontor/app/document"
)

// TestScanShown: a page says what is known of malware in a document, gives out only what may be, and never calls anything clean.
func TestScanShown(t *testing.T) {
	w := newWorld(t)
	ctx, of := context.Background(), w.transaction("Steuer 2026")
	must(t, w.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return w.documents.Build(ctx, tx, w.admin, of, document.Outline{Elements: []document.Planned{
			{Type: document.Slot, Name: "Payslip", Answer: document.AnswerDocument, Required: true},
		}})
	}))
	tree, err := w.documents.Tree(ctx, w.admin, of.ID)
	must(t, err)
	id := tree.Elements[0].ID
	const text = "1234 Euro"
	_, err = w.documents.Upload(ctx, w.admin, document.Announced{
		Target: document.Target{ElementID: id, TransactionID: of.ID}, File: "slip.txt", Size: int64(len(text)),
	}, strings.NewReader(text))
	must(t, err)
	b := w.signedIn()
	page := "/documents/" + id.String()
	const unscanned, waiting, found = "Not checked for viruses", "Being checked for viruses", "Virus found"
	for state, c := range map[blob.Scan]struct {
		says   string
		status int
	}{
		blob.ScanOff: {"", http.StatusOK}, blob.ScanClean: {"", http.StatusOK}, blob.ScanAway: {unscanned, http.StatusOK},
		blob.ScanTooLarge: {unscanned, http.StatusOK}, blob.ScanWaiting: {waiting, http.StatusConflict}, blob.ScanInfected: {found, http.StatusGone},
	} {
		_, err := w.DB.NewUpdate().Table("blob").Set(`scan = ?`, state).Where(`TRUE`).Exec(ctx)
		require.NoError(t, err)
		for _, path := range []string{page, "/transactions/" + of.ID.String()} {
			shown := b.get(path)
			shown.want(t, http.StatusOK, "slip.txt", c.says)
			for _, other := range []string{unscanned, waiting, found} {
				if other != c.says {
					assert.NotContains(t, shown.text(), other, "%s at %s", state, path)
				}
			}
			assert.Equal(t, c.status == http.StatusOK, strings.Contains(shown.body, page+"/content"), "%s at %s: a link", state, path)
		}
		assert.Equal(t, state == blob.ScanWaiting, b.get(page).doc(t).Find("#preview[hx-get]").Length() == 1, "%s: it refreshes itself", state)
		content := b.get(page + "/content")
		assert.Equal(t, c.status, content.StatusCode, state)
		assert.Equal(t, c.status == http.StatusOK, content.body == text, state)
	}
}
