package policy

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// manyPeople is the number of people above which all rows are read: a range scan for each person would cost more. Tests
// set it.
var manyPeople = 500

// whom selects the people that a query is about: it makes the condition on a column with their ids.
type whom func(column string) store.Condition

func only(ids ...uuid.UUID) whom {
	return func(column string) store.Condition {
		return bun.SafeQuery(`? IN (?)`, bun.Ident(column), bun.List(ids))
	}
}

// among is only, but selects everybody when there are more than manyPeople ids.
func among(ids []uuid.UUID) whom {
	if len(ids) > manyPeople {
		return func(string) store.Condition { return store.All() }
	}
	return only(ids...)
}

// unionAll appends the rows of one query to those of another.
func unionAll(first, then schema.QueryAppender) schema.QueryAppender {
	return bun.SafeQuery(`? UNION ALL ?`, first, then)
}

// customerBits selects a row for each relation of a person to a customer: person, customer_id, bit. A person gets one
// processor row and one access row for a customer, however many transactions or accesses there are.
func customerBits(specialists, endUsers whom) schema.QueryAppender {
	return bun.SafeQuery(`SELECT ra.specialist_id AS person, ra.customer_id, 1 AS bit FROM customer_administrator AS ra WHERE ?
		UNION ALL SELECT DISTINCT rp.specialist_id, rp.customer_id, 2 FROM transaction_processor AS rp WHERE ?
		UNION ALL SELECT DISTINCT x.account_id, x.customer_id, 4 FROM access AS x WHERE`+registered+` AND ?`,
		specialists("ra.specialist_id"), specialists("rp.specialist_id"), endUsers("x.account_id"))
}

// transactionBits is the same for transactions.
func transactionBits(specialists, endUsers whom) schema.QueryAppender {
	return bun.SafeQuery(`SELECT v.specialist_id AS person, v.transaction_id, v.relmask AS bit FROM transaction_visible AS v WHERE ?
		UNION ALL SELECT DISTINCT x.account_id, xt.id, 4 FROM access AS x JOIN transactions AS xt ON xt.customer_id = x.customer_id
		WHERE`+registered+` AND ?`, specialists("v.specialist_id"), endUsers("x.account_id"))
}

// standingIn returns the specialist users who are deputies now.
func standingIn(ctx context.Context, db bun.IDB, now time.Time) (ids []uuid.UUID, err error) {
	err = db.NewSelect().Table("deputy").Distinct().Column("deputy_id").
		Where(`starts_at <= ?`, now).Where(`ends_at > ?`, now).Scan(ctx, &ids)
	return ids, err
}

// standInBits selects the rows of customerBits or transactionBits that deputies have now by the assignments of the
// people they stand in for. They are added to the deputies' own rows.
func standInBits(unit policies.Object, deputies whom, now time.Time) schema.QueryAppender {
	from := func(selected, of string) schema.QueryAppender {
		return bun.SafeQuery(`SELECT DISTINCT d.deputy_id, `+selected+` FROM deputy AS d JOIN `+of+` ON o.specialist_id = d.specialist_id
			WHERE d.starts_at <= ? AND d.ends_at > ? AND ?`, now, now, deputies("d.deputy_id"))
	}
	if unit == policies.ObjectTransaction {
		return from(`o.transaction_id, o.relmask`, `transaction_visible AS o`)
	}
	return unionAll(from(`o.customer_id, 1`, `customer_administrator AS o`), from(`o.customer_id, 2`, `transaction_processor AS o`))
}

type tallyRow struct {
	Person uuid.UUID `bun:"person"`
	Mask   int       `bun:"mask"`
	Kind   string    `bun:"kind"`
	N      int64     `bun:"n"`
}

// objects are the customers or transactions that are counted.
type objects struct {
	unit   policies.Object // policies.ObjectCustomer or policies.ObjectTransaction
	byKind bool            // each kind is counted by itself; else all under the kind ""
}

// tallied are the people whose objects are counted.
type tallied struct {
	ids   []uuid.UUID
	mixed []uuid.UUID // see concerned.mixed
}

// tallyOf counts to how many objects the people have each set of relations now.
func tallyOf(ctx context.Context, db bun.IDB, o objects, whose tallied, now time.Time) (tally, error) {
	mixed := whose.mixed
	if len(mixed) == 0 {
		mixed = []uuid.UUID{uuid.Nil}
	}
	all, both := among(whose.ids), among(mixed)
	out := tally{}
	if o.unit == policies.ObjectCustomer {
		bits := unionAll(customerBits(all, both), standInBits(o.unit, both, now))
		return out, out.add(ctx, db, o, grouped(bits, "customer_id"))
	}
	// For people without other relations, the index holds the complete relation: no bits need to be grouped by
	// transaction.
	q := db.NewSelect().TableExpr(`transaction_visible AS v`).
		ColumnExpr(`v.specialist_id AS person, v.transaction_id, v.relmask AS mask`).
		Where(`?`, all("v.specialist_id")).Where(`v.specialist_id NOT IN (?)`, bun.List(mixed))
	if err := out.add(ctx, db, o, q); err != nil {
		return nil, err
	}
	if mixed[0] == uuid.Nil {
		return out, nil
	}
	bits := unionAll(transactionBits(both, both), standInBits(o.unit, both, now))
	// Of very many people the bits of all are read: those of the others were counted above.
	theirs := bun.SafeQuery(`SELECT g.* FROM (?) AS g WHERE ?`, grouped(bits, "transaction_id"), only(mixed...)("g.person"))
	return out, out.add(ctx, db, o, theirs)
}

// grouped combines bits into each person's complete set of relations to each object.
func grouped(bits schema.QueryAppender, object string) schema.QueryAppender {
	return bun.SafeQuery(`SELECT b.person, b.?, MAX(b.bit & 1) + MAX(b.bit & 2) + MAX(b.bit & 4) AS mask FROM (?) AS b
		GROUP BY b.person, b.?`, bun.Ident(object), bits, bun.Ident(object))
}

// add adds the objects of a query of complete sets of relations: person, mask, and customer_id or transaction_id.
func (t tally) add(ctx context.Context, db bun.IDB, o objects, relations schema.QueryAppender) error {
	q := db.NewSelect().TableExpr(`(?) AS m`, relations).ColumnExpr(`m.person, m.mask, count(*) AS n`).GroupExpr(`m.person, m.mask`)
	switch {
	case !o.byKind:
	case o.unit == policies.ObjectCustomer:
		q.ColumnExpr(`o.type AS kind`).Join(`JOIN customer AS o ON o.id = m.customer_id`).GroupExpr(`o.type`)
	default:
		q.ColumnExpr(`o.kind AS kind`).Join(`JOIN transactions AS o ON o.id = m.transaction_id`).GroupExpr(`o.kind`)
	}
	var rows []tallyRow
	if err := q.Scan(ctx, &rows); err != nil {
		return err
	}
	for _, r := range rows {
		t[tallyKey{r.Person, policies.Relation(r.Mask), r.Kind}] += r.N
	}
	return nil
}

// totals counts all objects, by kind.
func totals(ctx context.Context, db bun.IDB, o objects) (map[string]int64, error) {
	table, kind := `transactions`, `kind`
	if o.unit == policies.ObjectCustomer {
		table, kind = `customer`, `type`
	}
	if !o.byKind {
		kind = `''`
	}
	var rows []tallyRow
	err := db.NewSelect().TableExpr(`(SELECT `+kind+` AS kind FROM `+table+`) AS g`).ColumnExpr(`g.kind, count(*) AS n`).
		GroupExpr(`g.kind`).Scan(ctx, &rows)
	out := map[string]int64{}
	for _, r := range rows {
		out[r.Kind] = r.N
	}
	return out, err
}

// ofKinds returns a set of kinds as a condition on a column.
func ofKinds(k policies.KindSet, column string) store.Condition {
	switch {
	case k.Full():
		return store.All()
	case k.Empty():
		return store.Any()
	case k.Except:
		return bun.SafeQuery(`? NOT IN (?)`, bun.Ident(column), bun.List(k.Kinds))
	}
	return bun.SafeQuery(`? IN (?)`, bun.Ident(column), bun.List(k.Kinds))
}

// endUserReach counts the people who are only end users and concerned by a change, and the customers or transactions.
// For a change without a relation it counts all objects, because nobody has a relation to all of them.
func endUserReach(ctx context.Context, db bun.IDB, unit policies.Object, ch policies.Change) (people int, n int64, err error) {
	table, key, column := `transactions`, `customer_id`, `o.kind`
	if unit == policies.ObjectCustomer {
		table, key, column = `customer`, `id`, `o.type`
	}
	condition := store.All()
	if kindMatters(ch) {
		condition = ofKinds(ch.Kinds, column)
	}
	onlyEndUsers := func() *bun.SelectQuery {
		return db.NewSelect().TableExpr(`access AS x`).
			Join(`JOIN account AS a ON a.id = x.account_id AND a.active AND NOT a.specialist`).Where(registered)
	}
	who := onlyEndUsers().ColumnExpr(`count(DISTINCT x.account_id)`)
	what := db.NewSelect().TableExpr(`? AS o`, bun.Ident(table)).ColumnExpr(`count(*)`)
	if ch.Relation == policies.Access {
		who.Where(`EXISTS (SELECT 1 FROM ? AS o WHERE o.? = x.customer_id AND ?)`, bun.Ident(table), bun.Ident(key), condition)
		what.Join(`JOIN (?) AS c ON c.customer_id = o.?`, onlyEndUsers().Distinct().ColumnExpr(`x.customer_id`), bun.Ident(key))
	}
	if err = who.Scan(ctx, &people); err != nil || people == 0 {
		return people, 0, err
	}
	err = what.Where(`?`, condition).Scan(ctx, &n)
	return people, n, err
}

// examplesAmong is how many of a person's newest transactions are searched for examples. A viewer who may see none of
// 300,000 must not cause a search through all of them.
const examplesAmong = 500

// examplesOf returns names of some objects that a line counts, newest first; within selects what the viewer may see.
// Objects to which the person has no relation are not named, because these are all other objects.
func examplesOf(ctx context.Context, db bun.IDB, l Line, within store.Condition, now time.Time) (names []string, err error) {
	column := map[policies.Object]string{policies.ObjectTransaction: `t.kind`, policies.ObjectCustomer: `customer.type`}[l.Unit]
	var cells []store.Condition
	for _, ch := range l.cells {
		cell := store.All(bun.SafeQuery(`m.mask = ?`, int(ch.Relation)))
		if kindMatters(ch) {
			cell = store.All(cell, ofKinds(ch.Kinds, column))
		}
		cells = append(cells, cell)
	}
	one := only(l.PersonID)
	q := db.NewSelect()
	if l.Unit == policies.ObjectCustomer {
		bits := unionAll(customerBits(one, one), standInBits(l.Unit, one, now))
		q.TableExpr(`(?) AS m`, grouped(bits, "customer_id")).
			ColumnExpr(`CASE WHEN customer.type = 'company' THEN customer.company_name WHEN customer.first_name = '' THEN customer.last_name
				ELSE customer.first_name || ' ' || customer.last_name END`).
			Join(`JOIN customer ON customer.id = m.customer_id AND NOT customer.deleting`).OrderExpr(`customer.number DESC`)
	} else {
		q.TableExpr(`(?) AS m`, l.relations(db, one, now)).ColumnExpr(`t.name`).Join(`JOIN transactions AS t ON t.id = m.transaction_id`).
			Join(`JOIN customer AS k ON k.id = t.customer_id AND NOT k.deleting`).OrderExpr(`t.created_at DESC, t.id`)
	}
	err = q.Where(`?`, store.Any(cells...)).Where(`?`, store.All(within)).Limit(maxExamples).Scan(ctx, &names)
	return names, err
}

// relations selects the transactions of the line's person with the complete relation to each. For a person who has only
// the relations in the index, these are the newest transactions with one of the line's sets of relations.
func (l Line) relations(db bun.IDB, one whom, now time.Time) schema.QueryAppender {
	if l.mixed {
		return grouped(unionAll(transactionBits(one, one), standInBits(l.Unit, one, now)), "transaction_id")
	}
	return db.NewSelect().TableExpr(`transaction_visible AS v`).ColumnExpr(`v.transaction_id, v.relmask AS mask`).
		Where(`?`, one("v.specialist_id")).Where(`v.relmask IN (?)`, bun.List(l.masks())).
		OrderExpr(`v.created_at DESC`).Limit(examplesAmong)
}

// masks returns the sets of relations of a line.
func (l Line) masks() (all []int) {
	for _, ch := range l.cells {
		all = append(all, int(ch.Relation))
	}
	return all
}

// heldBy returns the sets of relations that a caller, or the people they stand in for, have to at least one customer or
// transaction.
func heldBy(ctx context.Context, db bun.IDB, c account.Caller) (map[policies.Object][]policies.Relation, error) {
	out := map[policies.Object][]policies.Relation{}
	persons, own := only(c.Persons()...), only(c.ID)
	for unit, of := range map[policies.Object]struct {
		bits   schema.QueryAppender
		object string
	}{
		policies.ObjectCustomer:    {customerBits(persons, own), "customer_id"},
		policies.ObjectTransaction: {transactionBits(persons, own), "transaction_id"},
	} {
		mine := db.NewSelect().TableExpr(`(?) AS b`, of.bits).ColumnExpr(`MAX(b.bit & 1) + MAX(b.bit & 2) + MAX(b.bit & 4) AS mask`).
			GroupExpr(`b.?`, bun.Ident(of.object))
		var masks []int
		err := db.NewSelect().Distinct().TableExpr(`(?) AS m`, mine).ColumnExpr(`m.mask`).Scan(ctx, &masks)
		if err != nil {
			return nil, err
		}
		for _, m := range masks {
			out[unit] = append(out[unit], policies.Relation(m))
		}
	}
	return out, nil
}

// relationTo returns all relations of a person to a transaction.
func relationTo(ctx context.Context, db bun.IDB, id, transactionID uuid.UUID) (policies.Relation, error) {
	own := only(id)
	var mask int
	err := db.NewSelect().TableExpr(`(?) AS b`, transactionBits(own, own)).ColumnExpr(`COALESCE(SUM(b.bit), 0)`).
		Where(`b.transaction_id = ?`, transactionID).Scan(ctx, &mask)
	return policies.Relation(mask), err
}
