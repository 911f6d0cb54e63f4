package listing

import (
	"strings"

	"github.com/uptrace/bun"

	"kontor/app/store"
)

// Order is the columns by which the rows of a list are sorted, all in one direction. Together they are unique: their
// values in a row are the key of the row.
type Order struct {
	Columns    []string
	Descending bool
}

// By makes an order.
func By(descending bool, columns ...string) Order { return Order{columns, descending} }

// Sort returns the expression after ORDER BY.
func (o Order) Sort() store.Condition {
	direction := ` ASC`
	if o.Descending {
		direction = ` DESC`
	}
	return bun.Safe(strings.Join(o.Columns, direction+`, `) + direction)
}

// Key returns the columns, as what a query selects.
func (o Order) Key() store.Condition { return bun.Safe(strings.Join(o.Columns, `, `)) }

// First makes a query read its first n rows in this order, or the first n rows after the row with the given key.
func (o Order) First(q *bun.SelectQuery, n int, key ...any) *bun.SelectQuery {
	if len(key) > 0 {
		q.Where(`?`, o.Behind(key...))
	}
	return q.OrderExpr(`?`, o.Sort()).Limit(int64(n))
}

// From is the condition that a row has the given key or comes after it. It may be the beginning of a key.
func (o Order) From(key ...any) store.Condition { return o.than(`= `, key) }

// Behind is the condition that a row comes after the row with the given key.
func (o Order) Behind(key ...any) store.Condition { return o.than(` `, key) }

func (o Order) than(equal string, key []any) store.Condition {
	than := ` >`
	if o.Descending {
		than = ` <`
	}
	return bun.SafeQuery(`(`+strings.Join(o.Columns, `, `)+`)`+than+equal+`(?)`, store.BindList(key))
}
