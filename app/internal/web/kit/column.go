package kit

// Column is the head of a column of a list; see views/shell/columns.html.
type Column struct {
	Text string // text id
	Href string // of the list in the other order of this column; "" if the list can't be sorted by it
	Sort string // for aria-sort: ascending, descending, none; "" if the list can't be sorted by it
	Low  bool   // there is room for it only in a wide window
	// Second is the head of the second lines of its cells, if the list can be sorted by them.
	Second *Column
}

// Sorted is the direction in which the list is sorted by the column or its second lines; see Sort.
func (c Column) Sorted() string {
	if c.Second != nil && c.Sort != "ascending" && c.Sort != "descending" {
		return c.Second.Sort
	}
	return c.Sort
}
