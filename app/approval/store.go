package approval

import (
	"context"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"kontor/app/store"
	"kontor/policies"
)

// holdersLock is the advisory lock of LockHolders ("role" in ASCII).
const holdersLock = 0x726f6c65

// LockHolders lets only one tx at a time change who is active, who holds which role, which policy is in force and what
// is approved. Otherwise a count of the other holders could be wrong by the time it is used. On SQLite there is only
// one writer anyway.
func LockHolders(ctx context.Context, tx bun.IDB) error {
	if tx.Dialect().Name() != dialect.PG {
		return nil
	}
	// Raw SQL: it calls a function and reads no table.
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?)", int64(holdersLock))
	return err
}

func insertApproval(ctx context.Context, tx bun.IDB, a Approval) error {
	_, err := tx.NewInsert().Model(&a).Exec(ctx)
	return err
}

// lockApproval loads an approval and prevents others from deciding it until the tx ends.
func lockApproval(ctx context.Context, tx bun.IDB, id uuid.UUID) (a Approval, err error) {
	q := tx.NewSelect().Model(&a).Where("id = ?", id)
	if tx.Dialect().Name() == dialect.PG {
		q.For("UPDATE")
	}
	err = q.Scan(ctx)
	if store.IsNoRows(err) {
		err = ErrNotFound
	}
	return a, err
}

func saveDecision(ctx context.Context, tx bun.IDB, a Approval) error {
	_, err := tx.NewUpdate().Model(&a).Column("state", "decided_by", "decider", "decided_at", "passes_at").WherePK().Exec(ctx)
	return err
}

// Forget removes the name of an erased account from the proposals that it made or decided, and from those that concern
// it.
func Forget(ctx context.Context, tx bun.IDB, account uuid.UUID) error {
	for _, names := range [][2]string{{"proposer", "proposed_by"}, {"decider", "decided_by"}, {"subject", "concerned_id"}} {
		_, err := tx.NewUpdate().Model((*Approval)(nil)).Set("? = ''", bun.Ident(names[0])).
			Where("? = ?", bun.Ident(names[1]), account).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// waiting lists the waiting proposals, oldest first. There are only a few at a time.
func waiting(ctx context.Context, db bun.IDB) ([]Approval, error) {
	list, err := store.Once(ctx, db, waitingKey{}, func() (list []Approval, err error) {
		err = db.NewSelect().Model(&list).Where("state = 'waiting'").Order("proposed_at", "id").Scan(store.Prepared(ctx))
		return list, err
	})
	return slices.Clone(list), err
}

// waitingKey names the waiting proposals for store.Once.
type waitingKey struct{}

// CountWaiting counts the waiting proposals.
func CountWaiting(ctx context.Context, db bun.IDB) (int64, error) {
	return db.NewSelect().Model((*Approval)(nil)).Where("state = 'waiting'").Count(ctx)
}

// waitingAbout lists the waiting proposals about a subject.
func waitingAbout(ctx context.Context, db bun.IDB, kind Kind, subject uuid.UUID) (list []Approval, err error) {
	q := db.NewSelect().Model(&list).Where("state = 'waiting'").Where("kind = ?", kind)
	if subject == uuid.Nil {
		q.Where("subject_id IS NULL")
	} else {
		q.Where("subject_id = ?", subject)
	}
	return list, q.Order("proposed_at", "id").Scan(ctx)
}

// elapsed returns the ids of the waiting proposals that have expired or whose waiting time is over.
func elapsed(ctx context.Context, db bun.IDB, now time.Time) (ids []uuid.UUID, err error) {
	err = db.NewSelect().Model((*Approval)(nil)).Column("id").Where("state = 'waiting'").
		Where("expires_at <= ? OR passes_at <= ?", now, now).Order("proposed_at", "id").Scan(ctx, &ids)
	return ids, err
}

// settled lists the settled proposals, newest first: all of them, or those that by took part in.
func settled(ctx context.Context, db bun.IDB, by uuid.UUID, all bool, limit int64) (list []Approval, err error) {
	q := db.NewSelect().Model(&list).Where("state <> 'waiting'")
	if !all {
		q.Where("proposed_by = ? OR decided_by = ? OR concerned_id = ?", by, by, by)
	}
	err = q.OrderExpr("proposed_at DESC, id DESC").Limit(limit).Scan(ctx)
	return list, err
}

// loadGuards loads the holders of guarding roles, and those who lost one within apart + Life.
func loadGuards(ctx context.Context, db bun.IDB, now time.Time) ([]guard, error) {
	since := now.Add(-apart - Life)
	var rows []struct {
		ID       uuid.UUID
		Name     string
		Email    string
		Locale   string
		Active   bool
		Password bool
		Role     *policies.Role
	}
	err := db.NewSelect().TableExpr("account AS a").
		ColumnExpr("a.id, a.name, a.email, a.locale, a.active, a.password_hash <> '' AS password, r.role").
		Join("LEFT JOIN account_role AS r ON r.account_id = a.id AND r.role IN (?)", bun.List(Guarding)).
		Where("a.specialist").
		Where(`r.role IS NOT NULL OR a.id IN (SELECT e.account_id FROM guard_event AS e WHERE e.what = 'lost' AND e.at > ?)`, since).
		Order("a.name_sort", "a.id").Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	var guards []guard
	for _, r := range rows {
		if n := len(guards); n == 0 || guards[n-1].ID != r.ID {
			guards = append(guards, guard{ID: r.ID, Name: r.Name, Email: r.Email, Locale: r.Locale, Active: r.Active, Password: r.Password})
		}
		if r.Role != nil {
			g := &guards[len(guards)-1]
			g.Roles = append(g.Roles, *r.Role)
		}
	}
	return guards, addEvents(ctx, db, guards, now, since)
}

func addEvents(ctx context.Context, db bun.IDB, guards []guard, now, since time.Time) error {
	events, err := eventsSince(ctx, db, since)
	if err != nil {
		return err
	}
	for _, e := range events {
		if i := slices.IndexFunc(guards, func(g guard) bool { return g.ID == e.AccountID }); i >= 0 {
			guards[i].events = append(guards[i].events, e)
		}
		if i := slices.IndexFunc(guards, func(g guard) bool { return e.ByID.Valid && g.ID == e.ByID.UUID }); i >= 0 {
			guards[i].did = append(guards[i].did, e)
		}
	}
	sides := sidesOf(events, guards, now)
	for i := range guards {
		guards[i].sides = sides
	}
	return nil
}

func eventsSince(ctx context.Context, db bun.IDB, since time.Time) (events []event, err error) {
	return events, db.NewSelect().Model(&events).Where("at > ?", since).Order("at", "id").Scan(ctx)
}

func insertEvents(ctx context.Context, tx bun.IDB, events []event) error {
	if len(events) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&events).Exec(ctx)
	return err
}

func deleteEvents(ctx context.Context, db bun.IDB, before time.Time) error {
	_, err := db.NewDelete().Model((*event)(nil)).Where("at <= ?", before).Exec(ctx)
	return err
}

// personOf is the recipient of a mail.
type personOf struct {
	ID     uuid.UUID
	Name   string
	Email  string
	Locale string
}

func personByID(ctx context.Context, db bun.IDB, id uuid.UUID) (p personOf, ok bool, err error) {
	err = db.NewSelect().Table("account").Column("id", "name", "email", "locale").Where("id = ?", id).Where("active").Scan(ctx, &p)
	if store.IsNoRows(err) {
		return personOf{}, false, nil
	}
	return p, err == nil, err
}
