package policy

import (
	"context"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/store"
	"kontor/policies"
)

// manyPeople is from how many on all rows are read: a range for each of them would cost more.
const manyPeople = 500

// among is the condition that a column is one of ids; it begins with AND, and is empty for too many of them.
func among(column string, ids []uuid.UUID) store.Clause {
	if len(ids) > manyPeople {
		return store.Clause{}
	}
	return store.SQL(` AND `+column+` IN (?)`, bun.List(ids))
}

// customerBits is a row for each relation of a person to a customer: person, customer_id, bit. Processors and accesses
// are of the customer once, however many there are.
func customerBits(specialists, endUsers store.Clause) store.Clause {
	q := store.SQL(`SELECT ra.specialist_id AS person, ra.customer_id, 1 AS bit FROM customer_administrator AS ra WHERE TRUE`)
	q.Append(alias(specialists, "ra.specialist_id"))
	q.Add(` UNION ALL SELECT DISTINCT rp.specialist_id, rp.customer_id, 2 FROM transaction_processor AS rp WHERE TRUE`)
	q.Append(alias(specialists, "rp.specialist_id"))
	q.Add(` UNION ALL SELECT DISTINCT x.account_id, x.customer_id, 4 FROM access AS x WHERE` + registered)
	q.Append(alias(endUsers, "x.account_id"))
	return q
}

// transactionBits is the same of transactions.
func transactionBits(specialists, endUsers store.Clause) store.Clause {
	q := store.SQL(`SELECT v.specialist_id AS person, v.transaction_id, v.relmask AS bit FROM transaction_visible AS v WHERE TRUE`)
	q.Append(alias(specialists, "v.specialist_id"))
	q.Add(` UNION ALL SELECT DISTINCT x.account_id, xt.id, 4 FROM access AS x JOIN transactions AS xt ON xt.customer_id = x.customer_id WHERE` + registered)
	q.Append(alias(endUsers, "x.account_id"))
	return q
}

// standingIn are the specialist users who stand in for somebody now.
func standingIn(ctx context.Context, db bun.IDB, now time.Time) (ids []uuid.UUID, err error) {
	err = db.NewRaw(`SELECT DISTINCT deputy_id FROM deputy WHERE starts_at <= ? AND ends_at > ?`, now, now).Scan(ctx, &ids)
	return ids, err
}

// standInBits are the rows of customerBits or transactionBits that deputies have by the assignments of those they stand
// in for now, to be added to their own.
func standInBits(unit policies.Object, deputies store.Clause, now time.Time) (q store.Clause) {
	from := func(selected, of string) {
		q.Add(` UNION ALL SELECT DISTINCT d.deputy_id, `+selected+` FROM deputy AS d JOIN `+of+` ON o.specialist_id = d.specialist_id
			WHERE d.starts_at <= ? AND d.ends_at > ?`, now, now)
		q.Append(alias(deputies, "d.deputy_id"))
	}
	if unit == policies.Transaction {
		from(`o.transaction_id, o.relmask`, `transaction_visible AS o`)
		return q
	}
	from(`o.customer_id, 1`, `customer_administrator AS o`)
	from(`o.customer_id, 2`, `transaction_processor AS o`)
	return q
}

// person stands in a condition for the column that names the person.
const person = "<person>"

func alias(c store.Clause, column string) store.Clause {
	return store.SQL(strings.ReplaceAll(c.SQL, person, column), c.Args...)
}

type tallyRow struct {
	Person uuid.UUID `bun:"person"`
	Mask   int       `bun:"mask"`
	Kind   string    `bun:"kind"`
	N      int64     `bun:"n"`
}

// tallyOf counts for people what they have which relations to.
func tallyOf(ctx context.Context, db bun.IDB, unit policies.Object, people []concerned, ids []uuid.UUID, byKind bool, now time.Time) (tally, error) {
	mixed := []uuid.UUID{}
	for _, p := range people {
		if p.mixed {
			mixed = append(mixed, p.ID)
		}
	}
	if len(mixed) == 0 {
		mixed = append(mixed, uuid.Nil)
	}
	all, both := among(person, ids), among(person, mixed)
	out := tally{}
	if unit == policies.Customer {
		bits := customerBits(all, both)
		bits.Append(standInBits(unit, both, now))
		return out, out.add(ctx, db, grouped(bits, "customer_id"), `customer AS o ON o.id = m.customer_id`, `o.type`, byKind)
	}
	// The index knows the whole relation of who has no others: no need to gather bits by transaction.
	q := store.SQL(`SELECT v.specialist_id AS person, v.transaction_id, v.relmask AS mask FROM transaction_visible AS v WHERE TRUE`)
	q.Append(alias(all, "v.specialist_id"))
	q.Add(` AND v.specialist_id NOT IN (?)`, bun.List(mixed))
	join := `transactions AS o ON o.id = m.transaction_id`
	if err := out.add(ctx, db, q, join, `o.kind`, byKind); err != nil {
		return nil, err
	}
	if mixed[0] == uuid.Nil {
		return out, nil
	}
	bits := transactionBits(both, both)
	bits.Append(standInBits(unit, both, now))
	return out, out.add(ctx, db, grouped(bits, "transaction_id"), join, `o.kind`, byKind)
}

// grouped gathers bits into each person's whole relation to each object.
func grouped(bits store.Clause, object string) store.Clause {
	q := store.SQL(`SELECT b.person, b.` + object + `, MAX(b.bit & 1) + MAX(b.bit & 2) + MAX(b.bit & 4) AS mask FROM (`)
	q.Append(bits)
	q.Add(`) AS b GROUP BY b.person, b.` + object)
	return q
}

func (t tally) add(ctx context.Context, db bun.IDB, relations store.Clause, join, kind string, byKind bool) error {
	q := store.SQL(`SELECT m.person, m.mask, `)
	group := ` GROUP BY m.person, m.mask`
	if byKind {
		q.Add(kind + ` AS kind, `)
		group += `, ` + kind
	}
	q.Add(`count(*) AS n FROM (`)
	q.Append(relations)
	q.Add(`) AS m`)
	if byKind {
		q.Add(` JOIN ` + join)
	}
	q.Add(group)
	var rows []tallyRow
	if err := db.NewRaw(q.SQL, q.Args...).Scan(ctx, &rows); err != nil {
		return err
	}
	for _, r := range rows {
		t[tallyKey{r.Person, policies.Relation(r.Mask), r.Kind}] += r.N
	}
	return nil
}

// totals counts all of a unit, by kind or under "".
func totals(ctx context.Context, db bun.IDB, unit policies.Object, byKind bool) (map[string]int64, error) {
	table, kind := `transactions`, `kind`
	if unit == policies.Customer {
		table, kind = `customer`, `type`
	}
	if !byKind {
		kind = `''`
	}
	var rows []tallyRow
	err := db.NewRaw(`SELECT g.kind, count(*) AS n FROM (SELECT `+kind+` AS kind FROM `+table+`) AS g GROUP BY g.kind`).Scan(ctx, &rows)
	out := map[string]int64{}
	for _, r := range rows {
		out[r.Kind] = r.N
	}
	return out, err
}

// ofKinds is a set of kinds as a condition on a column; it begins with AND, and is empty for all kinds.
func ofKinds(k policies.KindSet, column string) store.Clause {
	switch {
	case k.Full():
		return store.Clause{}
	case k.Empty():
		return store.SQL(` AND FALSE`)
	case k.Except:
		return store.SQL(` AND `+column+` NOT IN (?)`, bun.List(k.Kinds))
	}
	return store.SQL(` AND `+column+` IN (?)`, bun.List(k.Kinds))
}

// endUserReach is how many people who are only end users a change concerns, and how many customers or transactions: all
// of them where it is one without a relation, since nobody has one to all.
func endUserReach(ctx context.Context, db bun.IDB, unit policies.Object, ch policies.Change) (people int, n int64, err error) {
	condition := store.Clause{}
	column := map[policies.Object]string{policies.Transaction: `o.kind`, policies.Customer: `o.type`}[unit]
	if kindMatters(ch) {
		condition = ofKinds(ch.Kinds, column)
	}
	table, key := `transactions`, `customer_id`
	if unit == policies.Customer {
		table, key = `customer`, `id`
	}
	const onlyEndUser = ` FROM access AS x JOIN account AS a ON a.id = x.account_id AND a.active AND NOT a.specialist WHERE` + registered
	who := store.SQL(`SELECT count(DISTINCT x.account_id)` + onlyEndUser)
	what := store.SQL(`SELECT count(*) FROM ` + table + ` AS o`)
	if ch.Relation == policies.Access {
		who.Add(` AND EXISTS (SELECT 1 FROM ` + table + ` AS o WHERE o.` + key + ` = x.customer_id`)
		who.Append(condition)
		who.Add(`)`)
		what.Add(` JOIN (SELECT DISTINCT x.customer_id` + onlyEndUser + `) AS c ON c.customer_id = o.` + key)
	}
	what.Add(` WHERE TRUE`)
	what.Append(condition)
	if err = db.NewRaw(who.SQL, who.Args...).Scan(ctx, &people); err != nil || people == 0 {
		return people, 0, err
	}
	err = db.NewRaw(what.SQL, what.Args...).Scan(ctx, &n)
	return people, n, err
}

// examplesAmong is among how many of a person's newest transactions examples are looked for: a viewer who may see none of
// 300,000 must not have them all looked through.
const examplesAmong = 500

// examplesOf names some of what a line counts, the newest first; within is what the viewer may see. What a person has no
// relation to is not named: that is everything else.
func examplesOf(ctx context.Context, db bun.IDB, l Line, within store.Condition, now time.Time) (names []string, err error) {
	cells := store.SQL(`(FALSE`)
	column := map[policies.Object]string{policies.Transaction: `t.kind`, policies.Customer: `customer.type`}[l.Unit]
	for _, ch := range l.cells {
		cells.Add(` OR m.mask = ?`, int(ch.Relation))
		if kindMatters(ch) {
			cells.Append(ofKinds(ch.Kinds, column))
		}
	}
	cells.Add(`)`)
	one := store.SQL(` AND `+person+` = ?`, l.PersonID)
	q := store.SQL(`SELECT t.name FROM (`)
	if l.Unit == policies.Customer {
		q = store.SQL(`SELECT CASE WHEN customer.type = 'company' THEN customer.company_name WHEN customer.first_name = '' THEN customer.last_name
			ELSE customer.first_name || ' ' || customer.last_name END FROM (`)
		bits := customerBits(one, one)
		bits.Append(standInBits(l.Unit, one, now))
		q.Append(grouped(bits, "customer_id"))
		q.Add(`) AS m JOIN customer ON customer.id = m.customer_id AND NOT customer.deleting WHERE `)
	} else {
		if l.mixed {
			bits := transactionBits(one, one)
			bits.Append(standInBits(l.Unit, one, now))
			q.Append(grouped(bits, "transaction_id"))
		} else {
			q.Add(`SELECT v.transaction_id, v.relmask AS mask FROM transaction_visible AS v WHERE TRUE`)
			q.Append(alias(one, "v.specialist_id"))
			q.Add(` AND v.relmask IN (?) ORDER BY v.created_at DESC LIMIT ?`, bun.List(l.masks()), examplesAmong)
		}
		q.Add(`) AS m JOIN transactions AS t ON t.id = m.transaction_id JOIN customer AS k ON k.id = t.customer_id AND NOT k.deleting WHERE `)
	}
	q.Append(cells)
	q.Add(` AND ?`, store.All(within))
	if l.Unit == policies.Customer {
		q.Add(` ORDER BY customer.number DESC LIMIT ?`, maxExamples)
	} else {
		q.Add(` ORDER BY t.created_at DESC, t.id LIMIT ?`, maxExamples)
	}
	err = db.NewRaw(q.SQL, q.Args...).Scan(ctx, &names)
	return names, err
}

// masks are the sets of relations that a line is about.
func (l Line) masks() (all []int) {
	for _, ch := range l.cells {
		all = append(all, int(ch.Relation))
	}
	return all
}

// heldBy is which sets of relations a caller, or those they stand in for, have to at least one customer and transaction.
func heldBy(ctx context.Context, db bun.IDB, c account.Caller) (map[policies.Object][]policies.Relation, error) {
	out := map[policies.Object][]policies.Relation{}
	persons := store.SQL(` AND `+person+` IN (?)`, bun.List(c.Persons()))
	own := store.SQL(` AND `+person+` = ?`, c.ID)
	for unit, of := range map[policies.Object]struct {
		bits   store.Clause
		object string
	}{
		policies.Customer:    {customerBits(persons, own), "customer_id"},
		policies.Transaction: {transactionBits(persons, own), "transaction_id"},
	} {
		q := store.SQL(`SELECT DISTINCT m.mask FROM (SELECT MAX(b.bit & 1) + MAX(b.bit & 2) + MAX(b.bit & 4) AS mask FROM (`)
		q.Append(of.bits)
		q.Add(`) AS b GROUP BY b.` + of.object + `) AS m`)
		var masks []int
		if err := db.NewRaw(q.SQL, q.Args...).Scan(ctx, &masks); err != nil {
			return nil, err
		}
		for _, m := range masks {
			out[unit] = append(out[unit], policies.Relation(m))
		}
	}
	return out, nil
}

// relationTo is everything a person is to a transaction.
func relationTo(ctx context.Context, db bun.IDB, id, transactionID uuid.UUID) (policies.Relation, error) {
	own := store.SQL(` AND `+person+` = ?`, id)
	var mask int
	q := store.SQL(`SELECT COALESCE(SUM(b.bit), 0) FROM (`)
	q.Append(transactionBits(own, own))
	q.Add(`) AS b WHERE b.transaction_id = ?`, transactionID)
	err := db.NewRaw(q.SQL, q.Args...).Scan(ctx, &mask)
	return policies.Relation(mask), err
}
