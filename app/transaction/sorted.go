package transaction

import (
	"context"
	"slices"
	"strings"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/store"
)

// sortedList reads a list that is not in the order of the numbers; package listing reads it. There are two ways to find a page.
// If the caller sees few transactions, or one of the filters finds few, all of them are read and sorted. Otherwise the phases
// of the list are read one after the other, by indexes that have all people's transactions in order: there, those that the
// person sees and that the filters find are dense.
type sortedList struct{ *list }

// sortReading is one query of such a list.
type sortReading = listing.Reading[sortKey]

// sortResult is what it found.
type sortResult = listing.Found[sortKey]

// Encode writes a cursor.
func (l sortedList) Encode(k sortKey) string { return k.encode(l.order) }

// Decode reads a cursor.
func (l sortedList) Decode(cursor string) (sortKey, bool) {
	return decodeKey(cursor, l.order, l.phaseCount())
}

// Load loads the rows of a page.
func (l sortedList) Load(ctx context.Context, keys []sortKey) ([]Transaction, error) {
	numbers := make([]int64, len(keys))
	for i, k := range keys {
		numbers[i] = k.Number
	}
	return l.list.Load(ctx, numbers)
}

// Find finds the rows of a reading.
func (l sortedList) Find(ctx context.Context, r sortReading) (sortResult, error) {
	return listing.Find(ctx, r, l.count, l.gatherOwn, l.gatherFound, l.walk)
}

// --- few rows ----------------------------------------------------------------------------------------------------

// gatherOwn reads all transactions to which the caller has a relation, if they are few, and sorts them.
func (l sortedList) gatherOwn(ctx context.Context, r sortReading) (f sortResult, done bool, err error) {
	if !l.byRelation() {
		return f, false, nil
	}
	own := l.walked(reading{}, l.limits.own+1)
	if own == nil {
		return sortResult{Counted: true}, true, nil
	}
	return l.gather(ctx, r, own, allowed(l.scope, "own.mask", "t.kind"))
}

// gatherFound reads all transactions that one of the filters finds, if they are few, and sorts them. A work list needs it not:
// its indexes have what is filtered.
func (l sortedList) gatherFound(ctx context.Context, r sortReading) (f sortResult, done bool, err error) {
	if l.order.by == ByWork {
		return f, false, nil
	}
	for _, rows := range l.found() {
		if f, done, err = l.gather(ctx, r, rows.Limit(int64(l.limits.own)+1), l.readable()); done || err != nil {
			return f, done, err
		}
	}
	return f, false, nil
}

// found selects the numbers of the transactions that each filter finds for which there is an index.
func (l sortedList) found() (all []*bun.SelectQuery) {
	by := func(index string) *bun.SelectQuery {
		q := l.db.NewSelect().ColumnExpr(`t.number`).TableExpr(l.only(index))
		all = append(all, q)
		return q
	}
	if l.customer != uuid.Nil {
		by(`transactions_customer`).Where(`t.customer_id = ?`, l.customer)
	}
	if l.responsible != uuid.Nil {
		by(`transactions_responsible`).Where(`t.responsible_id = ?`, l.responsible)
	}
	if l.filter.Responsible == Nobody {
		by(`transactions_nobody`).Where(`t.responsible_id IS NULL`)
	}
	switch l.filter.Due {
	case Overdue, ThisDue:
		l.duly(by(`transactions_due`))
	case NoDue:
		open, closed := by(`transactions_due`).Where(openTerms), by(`transactions_due_closed`).Where(closedTerms)
		most := int64(l.limits.own) + 1
		both := l.db.NewSelect().TableExpr(`(?) AS open`, l.duly(open).Limit(most)).
			UnionAll(l.db.NewSelect().TableExpr(`(?) AS closed`, l.duly(closed).Limit(most)))
		all = append(all[:len(all)-2], l.db.NewSelect().TableExpr(`(?) AS undated`, both))
	}
	if l.filter.Kind != "" {
		by(`transactions_kind`).Where(`t.kind = ?`, l.filter.Kind)
	}
	if l.filter.Status != "" {
		by(`transactions_status`).Where(`t.status = ?`, l.filter.Status)
	}
	return all
}

// gather sorts the transactions whose numbers rows selects, as table own, unless they are more than limits.own. The condition
// readable says which of them the caller may read.
func (l sortedList) gather(ctx context.Context, r sortReading, rows store.Condition, readable store.Condition) (f sortResult, done bool, err error) {
	hits := l.passing(l.db.NewSelect().TableExpr(`own CROSS JOIN transactions AS t`)).Where(`t.number = own.number`).
		Where(`(SELECT count(*) FROM own) <= ?`, l.limits.own).Where(`?`, readable)
	switch l.order.by {
	case byCustomer:
		hits.Join(`JOIN customer AS c ON c.id = t.customer_id`)
	case byResponsible:
		hits.Join(`LEFT JOIN account AS p ON p.id = t.responsible_id`)
	}
	l.keyed(hits)
	var key []any
	if k := r.From; k != nil {
		key = []any{k.Phase, k.Text, k.Owner, k.Person, k.place(l.order)}
	}
	o := listing.By(r.Back != l.order.descending(), "phase", "text", "owner", "person", "place")
	page := o.First(l.db.NewSelect().Table(`hits`), r.Limit, key...)
	var found []struct {
		Seen  int `bun:"seen"`
		Total int `bun:"total"`
		sortKey
	}
	// Raw SQL: without MATERIALIZED the rows would be read twice.
	err = l.db.NewRaw(`WITH own AS MATERIALIZED (?), hits AS MATERIALIZED (?)
		SELECT totals.seen, totals.total, page.phase, page.text, page.owner, page.person, page.number
		FROM (SELECT (SELECT count(*) FROM own) AS seen, (SELECT count(*) FROM hits) AS total) AS totals LEFT JOIN (?) AS page ON TRUE
		ORDER BY ?`, rows, hits, page, o.Sort()).Scan(ctx, &found)
	if err != nil || len(found) == 0 || found[0].Seen > l.limits.own {
		return f, false, err
	}
	f.Counted, f.Count = true, found[0].Total
	for _, row := range found {
		if row.Number != 0 {
			f.Hits = append(f.Hits, row.sortKey)
		}
	}
	return f, true, nil
}

// keyed makes a query select the keys of its transactions.
func (l sortedList) keyed(q *bun.SelectQuery) {
	text, owner, person := `''`, `0`, `''`
	switch l.order.by {
	case byResponsible:
		text, person = `COALESCE(p.name_sort, '')`, `COALESCE(CAST(p.id AS TEXT), '')`
	case byName:
		text = `t.name_folded`
	case byCustomer:
		text, owner = `c.name_sort`, `c.number`
	case byDue:
		text = `t.due`
	case ByWork:
		text = `CASE WHEN t.status = 'closed' THEN '' ELSE t.due END`
	}
	place := `t.number`
	switch {
	case l.order.descending():
	case l.order.by == ByWork:
		place = `CASE WHEN t.status = 'closed' OR t.due = '' THEN -t.number ELSE t.number END`
	case l.order.by == byDue:
		place = `CASE WHEN t.due = '' THEN -t.number ELSE t.number END`
	case l.order.by == byResponsible:
		place = `CASE WHEN t.responsible_id IS NULL THEN -t.number ELSE t.number END`
	case l.order.newest(0):
		place = `-t.number`
	}
	q.ColumnExpr(`? AS phase, `+text+` AS text, `+owner+` AS owner, `+person+` AS person, `+place+` AS place, t.number`, l.phaseIn())
}

// phaseIn returns an expression for the phase of the transaction t.
func (l sortedList) phaseIn() store.Condition {
	if l.order.by == ByWork {
		return l.workPhase()
	}
	var args []any
	last := 0
	for place, of := range l.values() {
		last = l.order.phaseOf(place, l.phaseCount())
		args = append(args, of, last)
	}
	if len(args) == 0 {
		return bun.Safe(`0`)
	}
	return bun.SafeQuery(`CASE`+strings.Repeat(` WHEN ? THEN ?`, len(args)/2)+` ELSE ? END`, append(args, last)...)
}

// values returns what is true for the rows of each phase, in ascending order; none if the list has one phase.
func (l sortedList) values() (list []store.Condition) {
	switch l.order.by {
	case byKind:
		for _, k := range l.kinds {
			list = append(list, bun.SafeQuery(`t.kind = ?`, k.Key))
		}
	case byStatus:
		for _, s := range Statuses {
			list = append(list, bun.SafeQuery(`t.status = ?`, s))
		}
	case byDue:
		list = append(list, bun.Safe(`t.due > ''`), bun.Safe(`t.due = ''`))
	case byResponsible:
		list = append(list, bun.Safe(`t.responsible_id IS NOT NULL`), bun.Safe(`t.responsible_id IS NULL`))
	}
	return list
}

// --- many rows ---------------------------------------------------------------------------------------------------

// phaseCount is the number of phases.
func (l sortedList) phaseCount() int {
	if l.order.by == ByWork {
		return closedPhase + 1
	}
	return max(len(l.values()), 1)
}

// phases returns the phases in which the filter lets anything through, in ascending order of their numbers.
func (l sortedList) phases() (list []int) {
	f := l.filter
	for phase := range l.phaseCount() {
		place := phase
		if l.order.by != ByWork {
			place = l.order.phaseOf(phase, l.phaseCount())
		}
		switch {
		case l.order.by == ByWork && !l.hasWork(phase),
			l.order.by == byKind && f.Kind != "" && f.Kind != l.kinds[place].Key,
			l.order.by == byStatus && f.Status != "" && f.Status != Statuses[place],
			l.order.by == byDue && f.Due != "" && (f.Due == NoDue) != (place == nonePhase),
			l.order.by == byResponsible && f.Responsible != "" && (f.Responsible == Nobody) != (place == nonePhase):
		default:
			list = append(list, phase)
		}
	}
	return list
}

// walk reads the phases one after the other, until the page is full.
func (l sortedList) walk(ctx context.Context, r sortReading) (f sortResult, done bool, err error) {
	list, descending := l.phases(), l.order.descending() != r.Back
	if descending {
		slices.Reverse(list)
	}
	var parts []any
	for _, phase := range list {
		if r.From != nil && phase != r.From.Phase && (phase < r.From.Phase) != descending {
			continue // before the beginning of the reading
		}
		parts = append(parts, l.part(phase, r))
	}
	if len(parts) == 0 {
		return f, true, nil
	}
	union := strings.Repeat(` UNION ALL SELECT * FROM (?) AS part`, len(parts))[len(` UNION ALL `):]
	read := func(db bun.IDB) error {
		// Raw SQL: a UNION with one limit for all parts, which are read in this order.
		return db.NewRaw(union+` LIMIT ?`, append(parts, r.Limit)...).Scan(ctx, &f.Hits)
	}
	if l.order.by == ByWork {
		return f, true, read(l.db)
	}
	// There are so many rows that PostgreSQL must not read all that a filter finds to sort them.
	return f, true, listing.Avoiding(ctx, l.db, []string{"sort"}, read)
}

// part selects the first keys of a reading in a phase.
func (l sortedList) part(phase int, r sortReading) *bun.SelectQuery {
	ranges := l.ranges(phase, r)
	if len(ranges) == 1 {
		return ranges[0]
	}
	all := l.db.NewSelect().TableExpr(`(?) AS source`, ranges[0])
	for _, q := range ranges[1:] {
		all.UnionAll(l.db.NewSelect().TableExpr(`(?) AS source`, q))
	}
	o, _ := l.ordered(phase, r)
	columns := []string{"text", "number"}
	return listing.By(o.Descending, columns[len(columns)-len(o.Columns):]...).First(l.db.NewSelect().TableExpr(`(?) AS sources`, all), r.Limit)
}

// ranges selects the first keys of a reading in each of the ranges of indexes that together hold a phase.
func (l sortedList) ranges(phase int, r sortReading) (list []*bun.SelectQuery) {
	if len(l.order.columns(phase)) > 2 {
		return []*bun.SelectQuery{l.alongNames(phase, r)}
	}
	o, key := l.ordered(phase, r)
	text := `''`
	if len(o.Columns) > 1 {
		text = o.Columns[0]
	}
	for _, q := range l.sources(phase) {
		q.Where(`?`, l.readable()).ColumnExpr(`? AS phase, `+text+` AS text, 0 AS owner, '' AS person, t.number`, phase)
		list = append(list, o.First(q, r.Limit, key...))
	}
	return list
}

// owners is a table that has an index of names along which transactions are read.
type owners struct {
	table, named string // the index of the names
	term         string // of this partial index
	of, index    string // the column of transactions that refers to it, and its index
	key          string // what a key has of it
	unique       string // that no two of its rows have the same key, as SQLite knows it; "": the key shows it
}

var (
	customersByName = owners{
		table: `customer AS c`, named: `customer_name`, term: `NOT c.deleting`, of: `t.customer_id = c.id`, index: `transactions_customer`,
		key: `c.name_sort AS text, c.number AS owner, '' AS person`,
	}
	peopleByName = owners{
		table: `account AS p`, named: `account_specialists`, term: `p.specialist`, of: `t.responsible_id = p.id`, index: `transactions_responsible`,
		key:    `p.name_sort AS text, 0 AS owner, CAST(p.id AS TEXT) AS person`,
		unique: `p.rowid`,
	}
)

// alongNames selects the first keys of a phase that is sorted by the names of customers or people: along the index of the names
// it reads the transactions of one after the other. On PostgreSQL it reads no more of each than the page has, because it
// sorts them.
func (l sortedList) alongNames(phase int, r sortReading) *bun.SelectQuery {
	by := customersByName
	if l.order.by == byResponsible {
		by = peopleByName
	}
	o, key := l.ordered(phase, r)
	q := l.db.NewSelect()
	if l.db.IsPostgres() {
		one := l.passing(l.db.NewSelect().ColumnExpr(`t.number`).TableExpr(`transactions AS t`)).Where(by.of).Where(`?`, l.readable())
		if key != nil {
			one.Where(`?`, o.Behind(key...))
		}
		q.TableExpr(by.table+` CROSS JOIN LATERAL (?) AS t`, listing.By(o.Descending, `t.number`).First(one, r.Limit))
	} else {
		l.passing(q.TableExpr(by.table+` INDEXED BY `+by.named+` CROSS JOIN transactions AS t INDEXED BY `+by.index)).Where(by.of).Where(`?`, l.readable())
	}
	q.Where(by.term).ColumnExpr(`? AS phase, `+by.key+`, t.number`, phase)
	if key != nil { // the first condition says where the range of names begins
		q.Where(`?`, listing.By(o.Descending, o.Columns[:2]...).From(key[:2]...)).Where(`?`, o.Behind(key...))
	}
	if by.unique != "" && !l.db.IsPostgres() {
		o.Columns = slices.Insert(o.Columns, len(o.Columns)-1, by.unique)
	}
	return o.First(q, r.Limit)
}

// ordered returns the order in which a phase is read, and the key of the row after which a reading begins in it.
func (l sortedList) ordered(phase int, r sortReading) (o listing.Order, key []any) {
	o.Descending = (l.order.descending() || l.order.newest(phase)) != r.Back
	for _, c := range l.order.columns(phase) {
		o.Columns = append(o.Columns, c.name)
		if r.From != nil && r.From.Phase == phase {
			key = append(key, c.of(*r.From))
		}
	}
	return o, key
}

// Terms of partial indexes.
const (
	openTerms   = `t.status <> 'closed'`
	closedTerms = `t.status = 'closed'`
)

// sources selects the transactions of a phase that the filter lets through, whoever may read them, each from an index that has
// them in the order of the phase.
func (l sortedList) sources(phase int) []*bun.SelectQuery {
	from := func(index string) *bun.SelectQuery { return l.db.NewSelect().TableExpr(l.only(index)) }
	var all []*bun.SelectQuery
	place := l.order.phaseOf(phase, l.phaseCount())
	switch l.order.by {
	case ByWork:
		all = append(all, l.workSource(phase))
	case byName:
		all = append(all, from(`transactions_name`))
	case byKind:
		all = append(all, from(`transactions_kind`).Where(`?`, l.values()[place]))
	case byStatus:
		all = append(all, from(`transactions_status`).Where(`?`, l.values()[place]))
	case byResponsible:
		all = append(all, from(`transactions_nobody`).Where(`?`, l.values()[place]))
	case byDue:
		if l.filter.Status != Closed {
			all = append(all, from(l.dueIndex()).Where(openTerms).Where(`?`, l.values()[place]))
		}
		if f := l.filter; (f.Status == "" || f.Status == Closed) && f.Due != Overdue && f.Due != ThisDue {
			all = append(all, from(`transactions_due_closed`).Where(closedTerms).Where(`?`, l.values()[place]))
		}
	}
	for _, q := range all {
		l.passing(q)
	}
	return all
}

// dueIndex is the index of what is not closed that has the rows of a filter in the order of due dates.
func (l sortedList) dueIndex() string {
	switch {
	case l.responsible != uuid.Nil:
		return `transactions_responsible_due`
	case l.filter.Kind != "":
		return `transactions_kind_due`
	}
	return `transactions_due`
}

// passing adds the conditions of the filter to a query of transactions, and that their customers are not being deleted.
func (l sortedList) passing(q *bun.SelectQuery) *bun.SelectQuery {
	return l.filtered(l.byIndex(l.ofCustomer(living(q)), ``))
}

// ofCustomer adds the condition that a transaction is of the customer that the list is about.
func (l *list) ofCustomer(q *bun.SelectQuery) *bun.SelectQuery {
	if l.customer != uuid.Nil {
		q.Where(`t.customer_id = ?`, l.customer)
	}
	return q
}

// count counts the list up to listing.CountCap+1. more says that there may be others.
func (l sortedList) count(ctx context.Context) (n int, more bool, err error) {
	if n, ok, err := l.countIndexed(ctx); ok || err != nil {
		return n, false, err
	}
	if l.order.by == ByWork {
		return l.countWork(ctx)
	}
	// Sorted by number, the list has as many rows.
	f, err := listing.Find(ctx, reading{Limit: listing.PageSize + 1}, l.countFastest, l.race)
	return f.Count, f.More, err
}
