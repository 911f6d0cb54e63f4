package kit

// Column is the head of a column of a list; see views/shell/columns.html.
type Column struct {
	Text string // text id
	Href string // of the list in the other order of this column; "" if the list can't be sorted by it
	Sort string // for aria-sort: ascending, descending, none; "" if the list can't be sorted by it
	Low  bool   // there is room for it only in a wide window
}
