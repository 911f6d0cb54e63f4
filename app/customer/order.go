package customer

import (
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/store"
)

// Sorts are the values of Filter.Sort: what the overview can be sorted by. With equal values, customers are sorted by
// name. Whatever has no value comes last.
var Sorts = []string{byName, byNumber, byType, byCity, byStatus, byChanged}

const (
	byName    = "name"
	byNumber  = "number" // the order in which customers were added
	byType    = "type"
	byCity    = "city"
	byStatus  = "status" // the most serious first; see Statuses
	byChanged = "changed"
)

// order is the sort order of a list.
type order struct {
	by       string
	reversed bool
}

func parseOrder(s string) order {
	by := strings.TrimPrefix(s, "-")
	if !slices.Contains(Sorts, by) {
		return order{by: byName}
	}
	return order{by, by != s}
}

// descending says whether a database reads the list in descending order. Types and statuses are phases, which are numbered
// the other way round instead, so that the names of each are always in ascending order.
func (o order) descending() bool { return o.reversed && o.by != byType && o.by != byStatus }

// columns are the columns of the table by which the rows of a phase are sorted.
func (o order) columns() []string {
	switch o.by {
	case byNumber:
		return []string{"number"}
	case byCity:
		return []string{"city_sort", "name_sort", "number"}
	case byChanged:
		return []string{"updated_at", "number"}
	}
	return []string{"name_sort", "number"}
}

// mark is a number for each order.
func (o order) mark() int {
	m := 2 * slices.Index(Sorts, o.by)
	if o.reversed {
		m++
	}
	return m
}

// The phases of a search that is sorted by name: the most likely results come first. Lists in other orders have phases of
// their own; see segments.
const (
	phaseNumber  = iota // the customer with this number
	phasePrefix         // customers whose name begins with the query
	phaseWord           // customers whose name begins with one of several words: "Anna Müller" finds "Müller, Anna"
	phaseRest           // all others with the words in their search text, and all rows of lists without phases
	phaseDetails        // customers found only by their details
)

// phaseCounted is not a phase, but marks the row with the number of walked rows: see part.
const phaseCounted = 100

// position is the key of a row in a list. Columns by which the list is not sorted are zero.
type position struct {
	Phase   int       `bun:"phase"`
	City    string    `bun:"city_sort"`
	Name    string    `bun:"name_sort"`
	Changed time.Time `bun:"updated_at"`
	Number  int64     `bun:"number"`
}

// key returns the values of the order's columns.
func (p position) key(o order) []any {
	switch o.by {
	case byNumber:
		return []any{p.Number}
	case byCity:
		return []any{p.City, p.Name, p.Number}
	case byChanged:
		return []any{p.Changed, p.Number}
	}
	return []any{p.Name, p.Number}
}

// encode writes the cursor of a row in a list with this order.
func (p position) encode(o order) string {
	values := []any{o.mark(), p.Phase, p.Number}
	switch o.by {
	case byNumber:
	case byCity:
		values = append(values, p.City, p.Name)
	case byChanged:
		values = append(values, p.Changed)
	default:
		values = append(values, p.Name)
	}
	return listing.Encode(cursorVersion, values...)
}

// decode reads a cursor; ok=false when encode did not write it for a list with this order.
func decode(s string, o order) (p position, ok bool) {
	var mark int
	values := []any{&mark, &p.Phase, &p.Number}
	switch o.by {
	case byNumber:
	case byCity:
		values = append(values, &p.City, &p.Name)
	case byChanged:
		values = append(values, &p.Changed)
	default:
		values = append(values, &p.Name)
	}
	if !listing.Decode(s, cursorVersion, values...) {
		return position{}, false
	}
	return p, mark == o.mark() && p.Phase < phaseCounted && p.Number > 0
}

// segments returns the parts of a list that is not phased, in ascending order of their phases.
func (l *overview) segments() (list []part) {
	add := func(only store.Condition, index string, excluded bool) {
		list = append(list, part{phase: len(list), only: only, index: index, excluded: excluded})
	}
	switch l.order.by {
	case byType:
		for _, t := range Types {
			add(bun.SafeQuery(`customer.type = ?`, t), "customer_type_name", l.filter.Type != "" && l.filter.Type != t)
		}
	case byStatus:
		for _, s := range Statuses {
			add(l.hasStatus(s), "customer_status_name", l.filter.Status != "" && l.filter.Status != s)
		}
	case byCity:
		add(bun.Safe(`customer.city_sort > ''`), "customer_city_name", false)
		add(bun.Safe(`customer.city_sort = ''`), "customer_city_name", l.filter.City != "")
	default:
		return []part{{phase: phaseRest}}
	}
	if l.order.reversed { // in a descending list the last phase comes first, so the number of the first part is the highest
		for i := range list {
			list[i].phase = len(list) - 1 - i
		}
		slices.Reverse(list)
	}
	return slices.DeleteFunc(list, func(p part) bool { return p.excluded })
}

// hasStatus is the condition for a status of the filter. A constant in the condition of a partial index stands in the text of
// a query.
func (l *overview) hasStatus(s AccessStatus) store.Condition {
	switch s {
	case NoAccesses:
		return bun.Safe(`customer.access_worst = ''`)
	case Invited:
		return bun.SafeQuery(`customer.access_worst = 'invited' AND customer.access_expires_at > ?`, l.now)
	case LinkExpired:
		return bun.SafeQuery(`customer.access_worst = 'invited' AND customer.access_expires_at <= ?`, l.now)
	}
	return bun.SafeQuery(`customer.access_worst = ?`, s)
}
