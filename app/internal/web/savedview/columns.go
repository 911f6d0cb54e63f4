package savedview

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"kontor/app/account"
	"kontor/app/internal/web/kit"
	"kontor/app/preference"
	"kontor/app/savedview"
)

// columnsOf are the preferences that say which columns a list has.
var columnsOf = map[savedview.List]preference.Name{
	savedview.Customers: preference.CustomerColumns, savedview.Transactions: preference.TransactionColumns,
}

// Without returns the columns of a list that the person has not chosen, but for the one by which it is sorted.
func (s *Screens) Without(c *fiber.Ctx, list savedview.List, sorted string) (hidden []string) {
	entry, _ := preference.Find(columnsOf[list])
	chosen := s.Preferences(c).List(entry.Name)
	for _, column := range entry.Values {
		if column != sorted && !slices.Contains(chosen, column) {
			hidden = append(hidden, column)
		}
	}
	return hidden
}

// ColumnsPath is the address of the page that chooses the columns of a list.
func ColumnsPath(list savedview.List, query string) string {
	q := kit.NewQuery("/views/columns")
	q.Add("list", string(list))
	q.Add("query", savedview.Clean(list, query))
	return q.String()
}

// column is a column to choose.
type column struct {
	Name   string
	Chosen bool
}

// columnChoice is the data of the page that chooses the columns of a list.
type columnChoice struct {
	List    savedview.List
	Query   string
	Columns []column
	Back    string
}

func (s *Screens) askColumns(c *fiber.Ctx) error {
	list := savedview.List(c.Query("list"))
	entry, ok := preference.Find(columnsOf[list])
	if !ok {
		return savedview.ErrUnknown
	}
	d := columnChoice{List: list, Query: savedview.Clean(list, c.Query("query"))}
	d.Back = hrefOf(list, d.Query)
	chosen := s.Preferences(c).List(entry.Name)
	for _, name := range entry.Values {
		d.Columns = append(d.Columns, column{name, slices.Contains(chosen, name)})
	}
	return s.Render(c, kit.View{Page: "savedview/columns", Title: s.Say(c, "columns.title"), Nav: string(list), Data: d})
}

func (s *Screens) chooseColumns(c *fiber.Ctx) error {
	list, err := listOf(c)
	if err != nil {
		return err
	}
	if err := s.Choose(c, account.Choice{Name: columnsOf[list], Values: kit.PostedAll(c, "column")}); err != nil {
		return err
	}
	return s.Redirect(c, hrefOf(list, savedview.Clean(list, kit.Posted(c, "query"))), "toast.saved")
}
