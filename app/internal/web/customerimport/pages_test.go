package customerimport

import (
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/customer"
	"kontor/app/customerimport"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/internal/web/text"
	"kontor/views"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	at := time.Date(2026, 11, 30, 9, 12, 0, 0, time.UTC)
	id := uuid.Must(uuid.NewV7())
	counts := map[customerimport.Verdict]int64{}
	var lines []line
	for i, v := range customerimport.Verdicts {
		counts[v] = int64(i + 1)
		lines = append(lines, line{Row: i + 2, Verdict: v, Name: "Änne Groß"})
	}
	lines[0].Known, lines[1].Hidden, lines[2].Above = []customer.Row{{ID: id, Number: 7, Name: "Groß, Änne"}}, 1, 12
	lines[3].Wrong = []complaint{{"E-mail address", "a<b>", "Enter an e-mail address"}, {"", "", "This row …"}}
	page := func(state customerimport.State, change func(*importPage)) importPage {
		p := importPage{Import: customerimport.Import{ID: id, State: state, Rows: 4000, Done: 7, Counts: counts, RequestedAt: at}, Path: "/x", Form: kittest.Fresh()}
		if change != nil {
			change(&p)
		}
		return p
	}
	listed := func(p *importPage) {
		p.Lines, p.From, p.To, p.Total, p.Prev, p.Next, p.Adds, p.Alike = lines, 1, 8, 4000, "/p", "/n", 3, 2
		p.Chips = []chip{{"All rows", "/x", 4000, true}, {"Added", "/x?verdict=added", 3, false}}
	}
	kittest.Render(t, "customerimport", map[string][]any{
		"customerimport/upload": {uploadPage{Form: kittest.Fresh(), Max: 64}, uploadPage{Form: kittest.Wrong("file"), Max: 64,
			Recent: []recent{{Import: page(customerimport.Done, nil).Import, Path: "/x", Added: 12}}}},
		"customerimport/import": {
			page(customerimport.Mapping, func(p *importPage) {
				p.Form = kittest.Wrong("columns")
				p.Fields = []text.Option{{Value: "", Text: "Ignore"}, {Value: "city", Text: "City"}}
				p.Mapping = []mappedColumn{{Column: customerimport.Column{Header: "Ort", Example: "Köln", Field: "city"}, Name: "column.0", Text: "Ort"}}
			}),
			page(customerimport.Checking, nil), page(customerimport.Importing, nil), page(customerimport.Cancelled, func(p *importPage) { p.FinishedAt, p.Erased = &at, true }),
			page(customerimport.Checked, nil), page(customerimport.Checked, listed), page(customerimport.Done, listed),
			page(customerimport.Done, func(p *importPage) { p.FinishedAt, p.Erased = &at, true }),
		},
	})
}

// TestWords: each state, verdict, field and complaint has a text, and the labels of forms are known as headers.
func TestWords(t *testing.T) {
	for _, locale := range []string{"de", "en"} {
		tx, err := text.Load(views.Locales(), locale, time.UTC)
		require.NoError(t, err)
		for _, s := range customerimport.States {
			assert.NotEqual(t, "import_state."+string(s), tx.Say("import_state."+string(s)))
		}
		for _, v := range customerimport.Verdicts {
			assert.NotEqual(t, "import_verdict."+string(v), tx.Say("import_verdict."+string(v)))
		}
		for _, f := range customerimport.Fields() {
			label := tx.Say("field." + f.Name)
			assert.NotEqual(t, "field."+f.Name, label)
			assert.Equal(t, f.Name, customerimport.FieldOf(label), "%s: the label %q is no header", locale, label)
		}
	}
}
