package transaction

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gofrs/uuid/v5"

	"kontor/app/listing"
)

// ByWork is the value of Filter.Sort for a work list: what is overdue comes first, then what is due this week, later, or at no
// time, and then what is closed. Of each, what the caller is responsible for comes first. With a due date, the earliest
// is first; without one, the newest. A search and the list of one customer are not work lists.
const ByWork = "work"

// Sorts are the other values of Filter.Sort. Of the same kind or status, and of what has no due date or nobody responsible, the
// newest comes first; otherwise equal values are in the order of the numbers. What has no value comes last. A search can be
// sorted by number only: with other values the newest comes first.
var Sorts = []string{byNumber, byName, byCustomer, byKind, byStatus, byDue, byResponsible}

const (
	byNumber      = "number" // the order in which transactions were added
	byName        = "name"
	byCustomer    = "customer" // the customer's name
	byKind        = "kind"     // in the order of the kinds
	byStatus      = "status"   // in the order of Statuses
	byDue         = "due"
	byResponsible = "responsible" // the name of who is responsible
)

// order is the sort order of a list.
type order struct {
	by       string
	reversed bool
}

// orderOf reads the value of Filter.Sort.
func (l *list) orderOf(sort string) order {
	by := strings.TrimPrefix(sort, "-")
	o := order{by, by != sort}
	switch {
	case sort == ByWork && !l.search && l.customer == uuid.Nil:
	case !slices.Contains(Sorts, by), l.search && by != byNumber:
		return order{byNumber, true}
	case by == byCustomer && l.customer != uuid.Nil:
		o.by = byNumber // it is the same
	}
	return o
}

// descending says whether a database reads the list in descending order. Kinds and statuses are phases, which are numbered
// the other way round instead, so that the newest of each always comes first.
func (o order) descending() bool { return o.reversed && o.by != byKind && o.by != byStatus }

// mark is a number for each order.
func (o order) mark() int {
	m := 2 * (slices.Index(Sorts, o.by) + 1) // 0: ByWork
	if o.reversed {
		m++
	}
	return m
}

// The phases of a list that is sorted by due date or by who is responsible, in ascending order. In descending order their
// numbers are exchanged.
const (
	valuePhase = 0
	nonePhase  = 1
)

// phaseOf returns the number of the phase at a place of the list in ascending order, of so many.
func (o order) phaseOf(place, phases int) int {
	if o.reversed {
		return phases - 1 - place
	}
	return place
}

// valued says whether the rows of a phase have a due date or somebody who is responsible, by which they are sorted.
func (o order) valued(phase int) bool {
	switch o.by {
	case ByWork:
		return phase < 6
	case byDue, byResponsible:
		return phase == o.phaseOf(valuePhase, 2)
	}
	return false
}

// dated says whether a phase is sorted by due date.
func (o order) dated(phase int) bool { return o.by != byResponsible && o.valued(phase) }

// newest says whether in a phase the newest comes first, whatever the direction.
func (o order) newest(phase int) bool {
	switch o.by {
	case ByWork, byDue, byResponsible:
		return !o.valued(phase)
	}
	return o.by == byKind || o.by == byStatus
}

// sortKey is the key of a row in a list that is not sorted by number. Columns by which the list is not sorted are zero.
type sortKey struct {
	Phase  int    `bun:"phase"`
	Text   string `bun:"text"`   // the due date (ISO 8601), the folded name, or the name by which customers or people are sorted
	Owner  int64  `bun:"owner"`  // the customer's number
	Person string `bun:"person"` // the id of who is responsible
	Number int64  `bun:"number"`
}

// place is a number by which a database sorts the rows with the same other values.
func (k sortKey) place(o order) int64 {
	if o.newest(k.Phase) && !o.descending() {
		return -k.Number
	}
	return k.Number
}

// column is a column by which a part of a list is sorted.
type column struct {
	name string
	of   func(k sortKey) any
}

// columns are those by which the rows of a phase are sorted: their text, if they have one, and the rest.
func (o order) columns(phase int) (list []column) {
	add := func(name string, of func(k sortKey) any) { list = append(list, column{name, of}) }
	text := func(k sortKey) any { return k.Text }
	switch {
	case o.by == byName:
		add(`t.name_folded`, text)
	case o.by == byCustomer:
		add(`c.name_sort`, text)
		add(`c.number`, func(k sortKey) any { return k.Owner })
	case o.dated(phase):
		add(`t.due`, text)
	case o.valued(phase):
		add(`p.name_sort`, text)
		add(`p.id`, func(k sortKey) any { return k.Person })
	}
	add(`t.number`, func(k sortKey) any { return k.Number })
	return list
}

// sortVersion changes when the meaning of a key changes. Cursors of older versions are then ignored.
const sortVersion = 's'

// encode writes a cursor.
func (k sortKey) encode(o order) string {
	values := []any{o.mark(), k.Phase, k.Number}
	switch o.by {
	case byName:
		values = append(values, listing.Text(k.Text))
	case byCustomer:
		values = append(values, k.Owner, k.Text)
	case byResponsible:
		values = append(values, uuid.FromStringOrNil(k.Person), k.Text)
	case ByWork, byDue:
		day, _ := strconv.Atoi(strings.ReplaceAll(k.Text, "-", "")) // 0 without a date
		values = append(values, day)
	}
	return listing.Encode(sortVersion, values...)
}

// decodeKey reads a cursor; ok=false when encode did not write it for a list with this order and so many phases.
func decodeKey(cursor string, o order, phases int) (k sortKey, ok bool) {
	var mark, day int
	var person uuid.UUID
	values := []any{&mark, &k.Phase, &k.Number}
	switch o.by {
	case byName:
		values = append(values, (*listing.Text)(&k.Text))
	case byCustomer:
		values = append(values, &k.Owner, &k.Text)
	case byResponsible:
		values = append(values, &person, &k.Text)
	case ByWork, byDue:
		values = append(values, &day)
	}
	if !listing.Decode(cursor, sortVersion, values...) || mark != o.mark() || k.Phase >= phases || k.Number < 1 ||
		o.dated(k.Phase) != (day > 0) || day > 99991231 || (o.by == byResponsible && o.valued(k.Phase)) != (person != uuid.Nil) {
		return sortKey{}, false
	}
	if person != uuid.Nil {
		k.Person = person.String()
	}
	if day > 0 {
		k.Text = fmt.Sprintf("%04d-%02d-%02d", day/10000, day/100%100, day%100)
	}
	return k, true
}
