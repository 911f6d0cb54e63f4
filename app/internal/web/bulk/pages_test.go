package bulk

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/bulk"
	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/internal/web/text"
	"kontor/app/transaction"
	"kontor/views"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 30, 9, 12, 0, 0, time.UTC)
	id := uuid.Must(uuid.NewV7())
	var lines []bulk.Line
	counts := bulk.Counts{}
	for i, v := range bulk.Verdicts {
		counts[v] = int64(i + 1)
		lines = append(lines, bulk.Line{Place: i + 1, Verdict: v})
	}
	lines[0].Transaction = &transaction.Transaction{ID: id, Number: 7, Name: "<Akte>", Customer: transaction.Owner{Number: 3, Name: "Groß"}}
	lines[1].Customer, lines[1].Access, lines[1].Why = &customer.Row{ID: id, Number: 3, Name: "Groß"}, "Änne Groß", "bulk.changed_since"
	page := func(k bulk.Kind, state bulk.State, change func(*actPage)) actPage {
		p := actPage{
			Act: bulk.Act{ID: id, Kind: k, State: state, RequestedAt: at, Total: 66, ToDo: 50, Done: 7, Counts: counts}, Path: "/x", Title: "Change",
			List: "/transactions", Form: kit.NewForm(nil), Button: "Change 3",
		}
		if change != nil {
			change(&p)
		}
		return p
	}
	listed := func(p *actPage) {
		p.Page, p.Prev, p.Next = bulk.Page{Rows: lines, Count: 66}, "/p", "/n"
		p.Chips = []chip{{"All", "/x", 66, true, true}, {"Changed", "/x?verdict=changed", 3, false, false}}
		p.FinishedAt, p.Until = &at, &at
	}
	kittest.Render(t, "bulk", map[string][]any{
		"bulk/ask": {
			askPage{Kind: bulk.Due, Field: "transaction", IDs: []uuid.UUID{id}, Form: kittest.Wrong("due"), Action: "/bulk?act=due", Back: "/transactions"},
			askPage{Kind: bulk.Status, Field: "transaction", Everything: true, Statuses: []text.Option{{}, {Value: "open", Text: "Open"}}, Form: kittest.Fresh()},
			askPage{Kind: bulk.Responsible, Field: "transaction", Nobody: true, People: kit.People{Field: "specialist"}, Form: kittest.Wrong("specialist")},
			askPage{Kind: bulk.Administrators, Field: "customer", IDs: []uuid.UUID{id}, Form: kittest.Fresh(), People: kit.People{
				Field: "specialist", Many: true, More: true, Offered: []kit.Offered{{ID: id, Name: "Anna Berg", On: true}}}},
			askPage{Kind: bulk.Resend, Field: "customer", Everything: true, Form: kittest.Fresh()},
		},
		"bulk/act": {
			page(bulk.Due, bulk.Trying, nil), page(bulk.Due, bulk.Doing, nil), page(bulk.Due, bulk.Returning, nil),
			page(bulk.Due, bulk.Tried, listed), page(bulk.Due, bulk.Tried, func(p *actPage) { p.Counts = bulk.Counts{} }),
			page(bulk.Administrators, bulk.Done, listed), page(bulk.Resend, bulk.Done, listed), page(bulk.Status, bulk.Returned, nil),
		},
		"bulk/recent": {recentPage{}, recentPage{Acts: []actPage{page(bulk.Due, bulk.Done, func(p *actPage) { p.Value = "2026-12-24" }), page(bulk.Status, bulk.GivenUp, nil)}}},
	})
}

// TestWords: each kind, state, verdict and button has words.
func TestWords(t *testing.T) {
	for _, locale := range []string{"de", "en"} {
		tx, err := text.Load(views.Locales(), locale, time.UTC)
		require.NoError(t, err)
		said := func(id string) { assert.NotEqual(t, id, tx.Say(id)) }
		for _, k := range bulk.Kinds {
			said("bulk_kind." + string(k))
			said("count.bulk_" + string(k))
			assert.NotEqual(t, "bulk_start."+string(k), tx.Count("bulk_start."+string(k), 2))
			for _, v := range bulk.Verdicts {
				said("bulk_verdict." + k.Word(v))
				said("count.bulk_" + k.Word(v))
			}
		}
		for _, s := range bulk.States {
			said("bulk_state." + string(s))
		}
		for _, why := range []string{"forbidden", "gone"} {
			said("fault.bulk." + why)
		}
		for _, m := range missing {
			said(m)
		}
	}
}
