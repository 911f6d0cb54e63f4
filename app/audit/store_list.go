package audit

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/listing"
	"kontor/app/store"
)

// ordered makes a query read the first n entries of a reading, within the filter's days.
func ordered(f Filter, r reading, q *bun.SelectQuery, n int) *bun.SelectQuery {
	o := listing.By(!r.Back, "entry.at", "entry.id")
	from, to := f.From, f.To
	if r.From != nil {
		q.Where(`?`, o.Behind(r.From.At, r.From.ID))
		// Of two limits in one direction, only the narrower one: the index is read by one of them.
		if r.Back && !from.After(r.From.At) {
			from = time.Time{}
		} else if !r.Back && !to.IsZero() && r.From.At.Before(to) {
			to = time.Time{}
		}
	}
	if !from.IsZero() {
		q.Where(`entry.at >= ?`, from)
	}
	if !to.IsZero() {
		q.Where(`entry.at < ?`, to)
	}
	return o.First(q, n)
}

// waysOf returns the ways to the entries of a reading.
func waysOf(f Filter, r reading) (ways []*way) {
	add := func(index string, ranges ...store.Condition) {
		ways = append(ways, &way{index: index, ranges: ranges, rest: r})
	}
	if f.Transaction != uuid.Nil {
		add("audit_transaction", bun.SafeQuery(`entry.transaction_id = ?`, f.Transaction))
		return ways
	}
	if f.Customers != nil {
		add("audit_customer", eachOf(f.Customers, func(id uuid.UUID) store.Condition { return bun.SafeQuery(`entry.customer_id = ?`, id) })...)
	}
	if f.Who != nil {
		add("audit_actor", eachOf(f.Who, actedBy)...)
	}
	if f.Actions != nil {
		add("audit_action", eachOf(f.Actions, func(a Action) store.Condition { return bun.SafeQuery(`entry.action = ?`, a) })...)
	}
	if address, ok := f.Address.single(); ok {
		add("audit_address", at(address))
	}
	if len(ways) == 0 {
		add("audit_at", store.All())
	}
	return ways
}

func eachOf[T any](values []T, condition func(T) store.Condition) (list []store.Condition) {
	for _, v := range values {
		list = append(list, condition(v))
	}
	return list
}

func actedBy(id uuid.UUID) store.Condition {
	if id == uuid.Nil {
		return bun.SafeQuery(`entry.actor_id IS NULL`)
	}
	return bun.SafeQuery(`entry.actor_id = ?`, id)
}

// at is the condition of the index of addresses, and that it is this address.
func at(address string) store.Condition {
	return bun.SafeQuery(`(entry.address <> '' AND entry.address = ?)`, address)
}

// within is the condition that an address begins like each one of the network; nil if these have no common beginning.
func within(n Network) store.Condition {
	text := n.begins()
	if text == "" {
		return nil
	}
	last := len(text) - 1
	return bun.SafeQuery(`(entry.address <> '' AND entry.address >= ? AND entry.address < ?)`, text, text[:last]+string(text[last]+1))
}

// meets is all that the database checks of an entry besides its time.
func (f Filter) meets() store.Condition {
	all := []store.Condition{f.Only}
	if f.Who != nil {
		all = append(all, store.Any(eachOf(f.Who, actedBy)...))
	}
	if f.Actions != nil {
		all = append(all, bun.SafeQuery(`entry.action IN (?)`, bun.List(f.Actions)))
	}
	if f.Customers != nil {
		all = append(all, bun.SafeQuery(`entry.customer_id IN (?)`, bun.List(f.Customers)))
	}
	if f.Transaction != uuid.Nil {
		all = append(all, bun.SafeQuery(`entry.transaction_id = ?`, f.Transaction))
	}
	if f.Subject != "" {
		all = append(all, bun.SafeQuery(`entry.subject = ?`, f.Subject))
	}
	if address, ok := f.Address.single(); ok {
		all = append(all, at(address))
	} else if some := within(f.Address); some != nil {
		all = append(all, some)
	}
	return store.All(all...)
}

// walkedColumns are the columns by which an entry is checked.
const walkedColumns = `entry.id, entry.at, entry.actor_id, entry.actor, entry.action, entry.customer_id, entry.transaction_id, entry.subject, entry.address`

// table returns the table with the index that SQLite has to use. PostgreSQL has statistics to choose by.
func (l *Log) table(index string) string {
	if l.db.IsPostgres() {
		return `audit AS entry`
	}
	return `audit AS entry INDEXED BY ` + index
}

// walked selects the first n entries of a way. The first ones of all its ranges contain the first ones of the whole.
func (l *Log) walked(f Filter, w *way, n int) *bun.SelectQuery {
	var all *bun.SelectQuery
	for _, within := range w.ranges {
		one := l.db.NewSelect().ColumnExpr(walkedColumns).TableExpr(l.table(w.index)).Where(`?`, within)
		ordered(f, w.rest, one, n)
		if len(w.ranges) == 1 {
			return one
		}
		if part := l.db.NewSelect().TableExpr(`(?) AS one`, one); all == nil {
			all = part
		} else {
			all.UnionAll(part)
		}
	}
	q := l.db.NewSelect().TableExpr(`(?) AS merged`, all)
	return listing.By(!w.rest.Back, "merged.at", "merged.id").First(q, n)
}

// step reads the next n entries of a way.
func (l *Log) step(ctx context.Context, f Filter, w *way, n int) error {
	page := l.db.NewSelect().ColumnExpr(`entry.id, entry.at, entry.actor, entry.subject, entry.address`).
		TableExpr(`walked AS entry`).Where(`?`, f.meets())
	most := n
	if !f.checked() {
		most = w.rest.Limit - len(w.hits)
	}
	listing.By(!w.rest.Back, "entry.at", "entry.id").First(page, most)
	last := listing.By(w.rest.Back, "at", "id").First(l.db.NewSelect().Column("at", "id").Table("walked"), 1)
	var rows []struct {
		Seen   int        `bun:"seen"`
		LastAt *time.Time `bun:"last_at"`
		LastID *uuid.UUID `bun:"last_id"`
		foundRow
	}
	// Raw SQL: without MATERIALIZED the entries would be read twice.
	err := l.db.NewRaw(`WITH walked AS MATERIALIZED (?) SELECT total.seen, last.at AS last_at, last.id AS last_id,
		page.id, page.at, page.actor, page.subject, page.address
		FROM (SELECT count(*) AS seen FROM walked) AS total LEFT JOIN (?) AS last ON TRUE LEFT JOIN (?) AS page ON TRUE
		ORDER BY ?`, l.walked(f, w, n), last, page, listing.By(!w.rest.Back, "page.at", "page.id").Sort()).Scan(ctx, &rows)
	if err != nil {
		return err
	}
	found := make([]foundRow, len(rows))
	for i, r := range rows {
		found[i] = r.foundRow
	}
	if len(rows) == 0 || rows[0].LastAt == nil || rows[0].LastID == nil {
		w.done = true
		return nil
	}
	w.add(n, f.hits(found), rows[0].Seen, key{At: *rows[0].LastAt, ID: *rows[0].LastID})
	return nil
}

// foundRow is an entry that the database has found, as far as the rest of it is to be checked. Without one it is empty.
type foundRow struct {
	ID      *uuid.UUID `bun:"id"`
	At      *time.Time `bun:"at"`
	Actor   *string    `bun:"actor"`
	Subject *string    `bun:"subject"`
	Address *string    `bun:"address"`
}

// hits returns the keys of those rows that match.
func (f Filter) hits(rows []foundRow) (list []key) {
	words := f.words()
	for _, r := range rows {
		if r.ID != nil && f.matches(words, Entry{Actor: *r.Actor, Subject: *r.Subject, Address: *r.Address}) {
			list = append(list, key{At: *r.At, ID: *r.ID})
		}
	}
	return list
}

// gather reads all entries of a network at once if there are few: its addresses are one range of their index, but not in
// the order of the log. all is false if there are many, or no network is asked for.
func (l *Log) gather(ctx context.Context, f Filter, r reading) (hits []key, all bool, err error) {
	if _, single := f.Address.single(); single || within(f.Address) == nil {
		return nil, false, nil
	}
	some := l.db.NewSelect().ColumnExpr(walkedColumns).TableExpr(l.table("audit_address")).Where(`?`, within(f.Address)).
		Limit(int64(l.limits.few) + 1)
	page := ordered(f, r, l.db.NewSelect(), l.limits.few).ColumnExpr(`entry.id, entry.at, entry.actor, entry.subject, entry.address`).
		TableExpr(`gathered AS entry`).Where(`?`, f.meets())
	var rows []struct {
		Seen int `bun:"seen"`
		foundRow
	}
	err = listing.Avoiding(ctx, l.db, []string{"seqscan"}, func(db bun.IDB) error {
		// Raw SQL: without MATERIALIZED the entries would be read twice.
		return db.NewRaw(`WITH gathered AS MATERIALIZED (?) SELECT total.seen, page.id, page.at, page.actor, page.subject, page.address
			FROM (SELECT count(*) AS seen FROM gathered) AS total LEFT JOIN (?) AS page ON TRUE
			ORDER BY ?`, some, page, listing.By(!r.Back, "page.at", "page.id").Sort()).Scan(ctx, &rows)
	})
	if err != nil || len(rows) == 0 || rows[0].Seen > l.limits.few {
		return nil, false, err
	}
	found := make([]foundRow, len(rows))
	for i, row := range rows {
		found[i] = row.foundRow
	}
	hits = f.hits(found)
	return hits[:min(len(hits), r.Limit)], true, nil
}

// countRange counts the entries, up to listing.CountCap+1, if ranges of one index hold exactly these; known is false
// otherwise.
func (l *Log) countRange(ctx context.Context, f Filter) (n int, known bool, err error) {
	ways := waysOf(f, reading{})
	if len(ways) > 1 || f.checked() || f.Only != nil || f.Subject != "" || f.Transaction != uuid.Nil && f.Customers != nil {
		return 0, false, nil
	}
	n, err = listing.Count(ctx, l.db, l.walked(f, ways[0], listing.CountCap+1))
	return n, true, err
}

// Load reads entries, in the order of the keys.
func (l *Log) Load(ctx context.Context, keys []key) ([]Entry, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	ids := make([]uuid.UUID, len(keys))
	for i, k := range keys {
		ids[i] = k.ID
	}
	var list []Entry
	if err := l.db.NewSelect().Model(&list).Where(`id IN (?)`, bun.List(ids)).Scan(ctx); err != nil {
		return nil, err
	}
	entries := make(map[uuid.UUID]Entry, len(list))
	for _, e := range list {
		entries[e.ID] = e
	}
	return listing.InOrder(ids, entries), nil
}

// people returns the people in the newest entries, the newest first.
func (l *Log) people(ctx context.Context, f Filter) (list []Person, err error) {
	w := waysOf(f, reading{})[0]
	var rows []struct {
		ActorID uuid.UUID `bun:"actor_id"`
		Actor   string    `bun:"actor"`
	}
	err = l.db.NewSelect().With("walked", l.walked(f, w, recent)).ColumnExpr(`entry.actor_id, entry.actor`).TableExpr(`walked AS entry`).
		Where(`entry.actor_id IS NOT NULL`).Where(`?`, f.meets()).
		GroupExpr(`entry.actor_id, entry.actor`).OrderExpr(`max(entry.at) DESC, entry.actor_id`).Scan(ctx, &rows)
	known := map[uuid.UUID]bool{}
	for _, r := range rows {
		if !known[r.ActorID] {
			known[r.ActorID] = true
			list = append(list, Person{r.ActorID, r.Actor})
		}
	}
	return list, err
}
