package transaction

import (
	"context"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/listing"
	"kontor/app/store"
)

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

// closedPhase is the last phase of a work list.
const closedPhase = 8

// workPhase returns an expression for the phase of the transaction t.
func (l sortedList) workPhase() store.Condition {
	me := bun.SafeQuery(`CASE WHEN t.responsible_id = ? THEN 0 ELSE 1 END`, l.caller.ID)
	return bun.SafeQuery(`CASE WHEN t.status = 'closed' THEN ? WHEN t.due = '' THEN 6 + ? WHEN t.due < ? THEN ? WHEN t.due <= ? THEN 2 + ? ELSE 4 + ? END`,
		closedPhase, me, l.today, me, l.week, me, me)
}

// hasWork says whether the filter lets anything of a phase through.
func (l sortedList) hasWork(phase int) bool {
	f, group, own := l.filter, groups[phase/2], phase%2 == 0
	switch {
	case f.Due == Overdue && group != GroupOverdue, f.Due == ThisDue && group != GroupWeek,
		f.Due == NoDue && group != GroupUndated && group != GroupClosed,
		f.Status == Closed && group != GroupClosed, f.Status != Closed && f.Status != "" && group == GroupClosed,
		group != GroupClosed && f.Responsible != "" && own != (l.responsible == l.caller.ID):
		return false
	}
	return true
}

// workSource selects the transactions of a phase of a work list, by an index that has them in order.
func (l sortedList) workSource(phase int) *bun.SelectQuery {
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
	q := l.db.NewSelect().TableExpr(l.only(index))
	if group == GroupClosed {
		q.Where(closedTerms)
	} else {
		q.Where(openTerms)
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
	return q
}

// countWork counts a work list. Of a list with a filter it looks at a limited number of rows; more says that there may be
// others.
func (l sortedList) countWork(ctx context.Context) (n int, more bool, err error) {
	left := l.limits.count
	for _, phase := range l.phases() {
		var counted struct {
			Seen  int `bun:"seen"`
			Found int `bun:"found"`
		}
		rows := l.sources(phase)[0].ColumnExpr(`t.number, t.id, t.customer_id, t.kind`).Limit(int64(left))
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
