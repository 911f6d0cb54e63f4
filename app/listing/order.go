package listing

import (
	"strings"

	"github.com/uptrace/bun"

	"kontor/app/store"
)

// Order is the columns by which the rows of a list are sorted, all in one direction. Together they are unique: the values
// of a row are its key.
type Order struct {
	Columns    []string
	Descending bool
}

// By makes an order.
func By(descending bool, columns ...string) Order { return Order{columns, descending} }

// Sort is what stands behind ORDER BY.
func (o Order) Sort() store.Condition {
	direction := ` ASC`
	if o.Descending {
		direction = ` DESC`
	}
	return bun.Safe(strings.Join(o.Columns, direction+`, `) + direction)
}

// First has a query read the first n of its rows in this order, or the first n behind the row with that key.
func (o Order) First(q *bun.SelectQuery, n int, key ...any) *bun.SelectQuery {
	if len(key) > 0 {
		q.Where(`?`, o.Behind(key...))
	}
	return q.OrderExpr(`?`, o.Sort()).Limit(int64(n))
}

// Behind is the condition that a row lies behind the row with that key.
func (o Order) Behind(key ...any) store.Condition {
	than := ` > `
	if o.Descending {
		than = ` < `
	}
	return bun.SafeQuery(`(`+strings.Join(o.Columns, `, `)+`)`+than+`(?)`, bun.List(key))
}
