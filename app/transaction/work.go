package transaction

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/listing"
)

// ByWork is the value of Filter.Sort for a work list: what is overdue comes first, then what is due this week, later, or at no
// time, and then what is closed. Of each, what the caller is responsible for comes first. With a due date, the earliest
// is first; without one, the newest.
const ByWork = "work"

// Group is a part of a work list.
type Group string

// The groups; locale keys "transaction_group.<group>".
const (
	GroupOverdue Group = "overdue"
	GroupWeek    Group = "week"
	GroupLater   Group = "later"
	GroupUndated Group = "undated"
	GroupClosed  Group = "closed"
)

// groups are the groups in the order of the list. All but the last one have two phases: the caller's own, and others.
var groups = []Group{GroupOverdue, GroupWeek, GroupLater, GroupUndated, GroupClosed}

// GroupOf returns the group of a transaction today.
func (s *Service) GroupOf(t Transaction) Group {
	today, week := s.days()
	switch {
	case t.Status == Closed:
		return GroupClosed
	case t.Due == "":
		return GroupUndated
	case t.Due < today:
		return GroupOverdue
	case t.Due <= week:
		return GroupWeek
	}
	return GroupLater
}

// workList reads a list as a work list; package listing reads it. There are two ways to find a page. Who sees few
// transactions has all of them read and sorted. Who sees many has the phases read one after the other, by indexes that have
// all people's transactions in order: there, those that the person sees are dense.
type workList struct{ *list }

// workKey is the key of a row: phase, then due date, then number.
type workKey struct {
	Phase  int    `bun:"phase"`
	Due    string `bun:"due"` // ISO 8601, or "" in phases that are sorted by number
	Number int64  `bun:"number"`
}

const closedPhase = 8

// dated says whether a phase is sorted by due date, and not by number with the newest first.
func dated(phase int) bool { return phase < 6 }

// workVersion changes when the meaning of a key changes. Cursors of older versions are then ignored.
const workVersion = 'w'

// Encode writes a cursor.
func (l workList) Encode(k workKey) string {
	var day int
	if k.Due != "" {
		_, _ = fmt.Sscan(strings.ReplaceAll(k.Due, "-", ""), &day) // a stored date has digits
	}
	return listing.Encode(workVersion, k.Phase, day, k.Number)
}

// Decode reads a cursor.
func (l workList) Decode(cursor string) (k workKey, ok bool) {
	var day int
	if !listing.Decode(cursor, workVersion, &k.Phase, &day, &k.Number) || k.Phase > closedPhase || dated(k.Phase) != (day > 0) || day > 99991231 {
		return workKey{}, false
	}
	if day > 0 {
		k.Due = fmt.Sprintf("%04d-%02d-%02d", day/10000, day/100%100, day%100)
	}
	return k, true
}

// Load loads the rows of a page.
func (l workList) Load(ctx context.Context, keys []workKey) ([]Transaction, error) {
	numbers := make([]int64, len(keys))
	for i, k := range keys {
		numbers[i] = k.Number
	}
	return l.list.Load(ctx, numbers)
}

// Find finds the rows of a reading.
func (l workList) Find(ctx context.Context, r listing.Reading[workKey]) (listing.Found[workKey], error) {
	return listing.Find(ctx, r, l.count, l.gather, l.walk)
}

// gather reads all transactions to which the caller has a relation, if they are few, and sorts them.
func (l workList) gather(ctx context.Context, r listing.Reading[workKey]) (f listing.Found[workKey], done bool, err error) {
	if !l.byRelation() {
		return f, false, nil
	}
	own := l.walked(reading{}, l.limits.own+1)
	if own == nil {
		return listing.Found[workKey]{Counted: true}, true, nil
	}
	me := bun.SafeQuery(`CASE WHEN t.responsible_id = ? THEN 0 ELSE 1 END`, l.caller.ID)
	hits := living(l.db.NewSelect().TableExpr(`own CROSS JOIN transactions AS t`)).Where(`t.number = own.number`).
		Where(`(SELECT count(*) FROM own) <= ?`, l.limits.own).
		ColumnExpr(`CASE WHEN t.status = 'closed' THEN ? WHEN t.due = '' THEN 6 + ? WHEN t.due < ? THEN ? WHEN t.due <= ? THEN 2 + ? ELSE 4 + ? END AS phase`,
			closedPhase, me, l.today, me, l.week, me, me).
		ColumnExpr(`CASE WHEN t.status = 'closed' THEN '' ELSE t.due END AS due`).
		ColumnExpr(`CASE WHEN t.status = 'closed' OR t.due = '' THEN -t.number ELSE t.number END AS place`).ColumnExpr(`t.number`).
		Where(`?`, allowed(l.scope, "own.mask", "t.kind"))
	l.filtered(l.byIndex(hits, ``))
	var key []any
	if r.From != nil {
		place := r.From.Number
		if !dated(r.From.Phase) {
			place = -place
		}
		key = []any{r.From.Phase, r.From.Due, place}
	}
	o := listing.By(r.Back, "phase", "due", "place")
	page := o.First(l.db.NewSelect().Table(`hits`), r.Limit, key...)
	var rows []struct {
		Seen  int `bun:"seen"`
		Total int `bun:"total"`
		workKey
	}
	// Raw SQL: without MATERIALIZED the rows would be read twice.
	err = l.db.NewRaw(`WITH own AS MATERIALIZED (?), hits AS MATERIALIZED (?)
		SELECT totals.seen, totals.total, page.phase, page.due, page.number
		FROM (SELECT (SELECT count(*) FROM own) AS seen, (SELECT count(*) FROM hits) AS total) AS totals LEFT JOIN (?) AS page ON TRUE
		ORDER BY ?`, own, hits, page, o.Sort()).Scan(ctx, &rows)
	if err != nil || len(rows) == 0 || rows[0].Seen > l.limits.own {
		return f, false, err
	}
	f.Counted, f.Count = true, rows[0].Total
	for _, row := range rows {
		if row.Number != 0 {
			f.Hits = append(f.Hits, row.workKey)
		}
	}
	return f, true, nil
}

// walk reads the phases one after the other, until the page is full.
func (l workList) walk(ctx context.Context, r listing.Reading[workKey]) (f listing.Found[workKey], done bool, err error) {
	list := l.phases()
	if r.Back {
		slices.Reverse(list)
	}
	var parts []any
	for _, phase := range list {
		if r.From != nil && phase != r.From.Phase && (phase < r.From.Phase) != r.Back {
			continue // before the beginning of the reading
		}
		o, key := l.order(phase, r)
		due := `''`
		if dated(phase) {
			due = `t.due`
		}
		q := l.phase(phase).Where(`?`, l.readable()).ColumnExpr(`? AS phase, `+due+` AS due, t.number`, phase)
		parts = append(parts, o.First(q, r.Limit, key...))
	}
	if len(parts) == 0 {
		return f, true, nil
	}
	union := strings.Repeat(` UNION ALL SELECT * FROM (?) AS part`, len(parts))[len(` UNION ALL `):]
	// Raw SQL: a UNION with one limit for all parts, which are read in this order.
	err = l.db.NewRaw(union+` LIMIT ?`, append(parts, r.Limit)...).Scan(ctx, &f.Hits)
	return f, true, err
}

// order returns the order in which a phase is read, and the key of the row after which a reading begins in it.
func (l workList) order(phase int, r listing.Reading[workKey]) (o listing.Order, key []any) {
	here := r.From != nil && r.From.Phase == phase
	if dated(phase) {
		if here {
			key = []any{r.From.Due, r.From.Number}
		}
		return listing.By(r.Back, "t.due", "t.number"), key
	}
	if here {
		key = []any{r.From.Number}
	}
	return listing.By(!r.Back, "t.number"), key
}

// phases returns the phases in which the filter lets anything through.
func (l workList) phases() (list []int) {
	f := l.filter
	for phase := range closedPhase + 1 {
		group, own := groups[phase/2], phase%2 == 0
		switch {
		case f.Due == Overdue && group != GroupOverdue, f.Due == ThisDue && group != GroupWeek,
			f.Due == NoDue && group != GroupUndated && group != GroupClosed,
			f.Status == Closed && group != GroupClosed, f.Status != Closed && f.Status != "" && group == GroupClosed,
			group != GroupClosed && f.Responsible != "" && own != (l.responsible == l.caller.ID):
		default:
			list = append(list, phase)
		}
	}
	return list
}

// phase selects the transactions of a phase that the filter lets through, whoever may read them.
func (l workList) phase(phase int) *bun.SelectQuery {
	group, own := groups[phase/2], phase%2 == 0
	index := `transactions_due`
	switch {
	case group == GroupClosed && l.responsible != uuid.Nil:
		index = `transactions_responsible`
	case group == GroupClosed && l.filter.Kind != "":
		index = `transactions_kind`
	case group == GroupClosed:
		index = `transactions_status`
	case own || l.responsible != uuid.Nil:
		index = `transactions_responsible_due`
	case l.filter.Kind != "":
		index = `transactions_kind_due`
	}
	q := living(l.db.NewSelect().TableExpr(l.only(index)))
	if group == GroupClosed {
		q.Where(`t.status = 'closed'`)
	} else {
		q.Where(`t.status <> 'closed'`)
		if own {
			q.Where(`t.responsible_id = ?`, l.caller.ID)
		} else {
			q.Where(`t.responsible_id IS DISTINCT FROM ?`, l.caller.ID)
		}
	}
	switch group {
	case GroupOverdue:
		q.Where(`t.due > '' AND t.due < ?`, l.today)
	case GroupWeek:
		q.Where(`t.due >= ? AND t.due <= ?`, l.today, l.week)
	case GroupLater:
		q.Where(`t.due > ?`, l.week)
	case GroupUndated:
		q.Where(`t.due = ''`)
	}
	return l.filtered(l.byIndex(q, ``))
}

// count counts the list up to listing.CountCap+1. Of a list with a filter it looks at a limited number of rows; more says
// that there may be others.
func (l workList) count(ctx context.Context) (n int, more bool, err error) {
	if n, ok, err := l.countIndexed(ctx); ok || err != nil {
		return n, false, err
	}
	left := l.limits.count
	for _, phase := range l.phases() {
		var counted struct {
			Seen  int `bun:"seen"`
			Found int `bun:"found"`
		}
		rows := l.phase(phase).ColumnExpr(`t.number, t.id, t.customer_id, t.kind`).Limit(int64(left))
		shown := l.db.NewSelect().TableExpr(`walked AS t`).ColumnExpr(`count(*)`).Where(`?`, l.readable())
		// Raw SQL: without MATERIALIZED the rows would be read twice.
		err := l.db.NewRaw(`WITH walked AS MATERIALIZED (?) SELECT (SELECT count(*) FROM walked) AS seen, (?) AS found`, rows, shown).Scan(ctx, &counted)
		if err != nil {
			return 0, false, err
		}
		n, left = n+counted.Found, left-counted.Seen
		if left <= 0 || n > listing.CountCap {
			return n, left <= 0, nil
		}
	}
	return n, false, nil
}

// responsibleOf reads whose transactions a filter asks for; ok=false when that can be nobody.
func responsibleOf(c account.Caller, f Filter) (id uuid.UUID, ok bool) {
	switch f.Responsible {
	case "", Nobody:
		return uuid.Nil, true
	case Me:
		return c.ID, true
	}
	id, err := uuid.FromString(f.Responsible)
	return id, err == nil && id != uuid.Nil
}

// answering adds the condition of the filter on who is responsible.
func (l *list) answering(q *bun.SelectQuery) *bun.SelectQuery {
	switch {
	case l.filter.Responsible == Nobody:
		q.Where(`t.responsible_id IS NULL`)
	case l.responsible != uuid.Nil:
		q.Where(`t.responsible_id = ?`, l.responsible)
	}
	return q
}
