package savedview

import (
	"testing"

	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/savedview"
)

// TestPagesRender: each page, filled and empty.
func TestPagesRender(t *testing.T) {
	links := []Link{
		{View: savedview.View{Name: "Meine <Firmen>", Own: true}, Href: "/customers?type=company", Remove: true, Current: true},
		{View: savedview.View{Name: "Für alle", Shared: true}, Href: "/customers"},
	}
	form := kit.NewForm(map[string]string{"list": "customers", "query": "type=company", "shared": "1"})
	kittest.Render(t, "savedview", map[string][]any{
		"savedview/index":   {[]listed{{savedview.Customers, links}, {savedview.Transactions, nil}}},
		"savedview/new":     {newView{Form: form, Share: true, Back: "/customers"}, newView{Form: form}},
		"savedview/links":   {},
		"savedview/columns": {columnChoice{List: savedview.Customers, Columns: []column{{"type", true}, {"city", false}}, Back: "/customers"}},
	})
}
