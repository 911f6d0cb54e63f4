package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/store"
)

// --- versions -----------------------------------------------------------------------------------------------------

func newestNumber(ctx context.Context, db bun.IDB) (n int, err error) {
	err = db.NewSelect().Model((*Version)(nil)).ColumnExpr("COALESCE(MAX(version), 0)").Scan(ctx, &n)
	return n, err
}

// Keys of store.Once.
type (
	newestKey struct{}
	draftKey  struct{}
)

func newest(ctx context.Context, db bun.IDB) (Version, error) {
	return store.Once(ctx, db, newestKey{}, func() (v Version, err error) {
		err = db.NewSelect().Model(&v).Order("version DESC").Limit(1).Scan(ctx)
		return v, err
	})
}

func version(ctx context.Context, db bun.IDB, number int) (v Version, err error) {
	err = db.NewSelect().Model(&v).Where("version = ?", number).Scan(ctx)
	if store.IsNoRows(err) {
		err = ErrVersion
	}
	return v, err
}

// versionBefore returns the version before this number; its Number is 0 when there is none.
func versionBefore(ctx context.Context, db bun.IDB, number int) (v Version, err error) {
	err = db.NewSelect().Model(&v).Where("version < ?", number).Order("version DESC").Limit(1).Scan(ctx)
	if store.IsNoRows(err) {
		return Version{}, nil
	}
	return v, err
}

func versions(ctx context.Context, db bun.IDB) (all []Version, err error) {
	err = db.NewSelect().Model(&all).ExcludeColumn("text").Order("version DESC").Scan(ctx)
	return all, err
}

func insertVersion(ctx context.Context, tx bun.IDB, v *Version) error {
	_, err := tx.NewInsert().Model(v).Exec(ctx)
	return err
}

// insertFirst inserts version 1 unless another process has inserted it.
func insertFirst(ctx context.Context, db bun.IDB, v *Version) error {
	_, err := db.NewInsert().Model(v).On("CONFLICT (version) DO NOTHING").Exec(ctx)
	return err
}

// --- the draft ----------------------------------------------------------------------------------------------------

type draftRow struct {
	bun.BaseModel `bun:"table:policy_draft,alias:policy_draft"`

	ID         int           `bun:"id,pk"`
	Text       string        `bun:"text"`
	Base       int           `bun:"base"`
	Edit       int           `bun:"edit"`
	ChangedBy  string        `bun:"changed_by"`
	StepsJSON  string        `bun:"steps"`
	ProposedBy uuid.NullUUID `bun:"proposed_by"`
	Proposer   string        `bun:"proposer"`
	Comment    string        `bun:"comment"`

	Steps []Step `bun:"-"`
}

// readDraft returns the row of the draft; its Edit is 0 when there is no draft.
func readDraft(ctx context.Context, db bun.IDB) (draftRow, error) {
	return store.Once(ctx, db, draftKey{}, func() (draftRow, error) { return scanDraft(ctx, db) })
}

func scanDraft(ctx context.Context, db bun.IDB) (r draftRow, err error) {
	err = db.NewSelect().Model(&r).Where("id = 1").Scan(ctx)
	if store.IsNoRows(err) {
		return draftRow{}, nil
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(r.StepsJSON), &r.Steps); err != nil {
		return r, fmt.Errorf("steps of the draft: %w", err)
	}
	return r, nil
}

// putDraft writes the draft and increments its edit. ok is false when the stored draft has another edit than d.
func putDraft(ctx context.Context, tx bun.IDB, d Draft) (ok bool, err error) {
	steps, err := json.Marshal(d.Steps)
	if err != nil {
		return false, err
	}
	if d.Steps == nil {
		steps = []byte("[]")
	}
	r := draftRow{
		ID: 1, Text: d.Text, Base: d.Base, Edit: d.Edit + 1, ChangedBy: d.ChangedBy, StepsJSON: string(steps),
		ProposedBy: uuid.NullUUID{UUID: d.ProposedBy, Valid: d.Proposed}, Proposer: d.Proposer, Comment: d.Comment,
	}
	q := tx.NewInsert().Model(&r).On("CONFLICT (id) DO UPDATE").Where("policy_draft.edit = ?", d.Edit)
	for _, column := range []string{"text", "base", "edit", "changed_by", "steps", "proposed_by", "proposer", "comment"} {
		q.Set("? = EXCLUDED.?", bun.Ident(column), bun.Ident(column))
	}
	res, err := q.Exec(ctx)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// --- offers -------------------------------------------------------------------------------------------------------

type offerRow struct {
	bun.BaseModel `bun:"table:policy_offer"`

	ID        string        `bun:"id,pk"`
	State     string        `bun:"state"`
	SettledBy uuid.NullUUID `bun:"settled_by"`
	SettledAt time.Time     `bun:"settled_at"`
}

// offerStates returns the states of the offers by id.
func offerStates(ctx context.Context, db bun.IDB) (map[string]string, error) {
	var rows []offerRow
	err := db.NewSelect().Model(&rows).Column("id", "state").Scan(ctx)
	states := make(map[string]string, len(rows))
	for _, r := range rows {
		states[r.ID] = r.State
	}
	return states, err
}

// putOffer stores the state of an offer; by is Nil for Kontor itself.
func (s *Service) putOffer(ctx context.Context, tx bun.IDB, id, state string, by uuid.UUID) error {
	r := offerRow{ID: id, State: state, SettledBy: store.NullID(by), SettledAt: s.o.Now()}
	_, err := tx.NewInsert().Model(&r).On("CONFLICT (id) DO UPDATE").Set("state = EXCLUDED.state").
		Set("settled_by = EXCLUDED.settled_by").Set("settled_at = EXCLUDED.settled_at").Exec(ctx)
	return err
}

// --- vocabulary and people ----------------------------------------------------------------------------------------

// personRow is an active account with everything that determines its roles.
type personRow struct {
	ID   uuid.UUID `bun:"id"`
	Name string    `bun:"name"`
	account.Facts
	Password bool `bun:"password"`
}

// registered is the condition that a row of access (alias x) makes its account an end user.
const registered = ` x.registered_at IS NOT NULL AND x.deactivated_at IS NULL`

// specialists returns all active specialist users, ordered by name.
func specialists(ctx context.Context, db bun.IDB) (all []personRow, err error) {
	err = db.NewSelect().TableExpr(`account AS a`).ColumnExpr(`a.id, a.name, a.password_hash <> '' AS password, `+account.FactsOf("a")).
		Where(`a.specialist`).Where(`a.active`).OrderExpr(`a.name_sort, a.id`).Scan(ctx, &all)
	return all, err
}

// --- expectations -------------------------------------------------------------------------------------------------

type expectationRow struct {
	bun.BaseModel `bun:"table:policy_expectation"`

	Expectation
	CreatedBy uuid.UUID `bun:"created_by"`
}

// factsRow is an expectation with the current facts about its person and transaction.
type factsRow struct {
	Expectation
	account.Facts
	Person          string        `bun:"person"`
	Specialist      bool          `bun:"specialist"`
	Active          bool          `bun:"active"`
	TransactionName string        `bun:"transaction_name"`
	TransactionKind string        `bun:"transaction_kind"`
	CustomerID      uuid.NullUUID `bun:"customer_id"`
}

func expectations(ctx context.Context, db bun.IDB) (all []factsRow, err error) {
	err = db.NewSelect().TableExpr(`policy_expectation AS e`).
		ColumnExpr(`e.id, e.role, e.relation, e.person_id, e.may, e.action, e.object, e.kind, e.transaction_id, e.created_at`).
		ColumnExpr(`COALESCE(a.name, '') AS person, COALESCE(a.specialist, FALSE) AS specialist, COALESCE(a.active, FALSE) AS active`).
		ColumnExpr(account.FactsOf("a")).
		ColumnExpr(`COALESCE(t.name, '') AS transaction_name, COALESCE(t.kind, '') AS transaction_kind, t.customer_id`).
		Join(`LEFT JOIN account AS a ON a.id = e.person_id`).Join(`LEFT JOIN transactions AS t ON t.id = e.transaction_id`).
		OrderExpr(`e.created_at, e.id`).Scan(ctx, &all)
	return all, err
}

func insertExpectation(ctx context.Context, tx bun.IDB, r *expectationRow) error {
	_, err := tx.NewInsert().Model(r).Exec(ctx)
	return err
}

func deleteExpectation(ctx context.Context, tx bun.IDB, id uuid.UUID) (e Expectation, ok bool, err error) {
	var r expectationRow
	err = tx.NewDelete().Model(&r).Where("id = ?", id).Returning("*").Scan(ctx)
	if store.IsNoRows(err) {
		return e, false, nil
	}
	return r.Expectation, err == nil, err
}

// accountID returns the id of an account; not valid when there is none with it.
func accountID(ctx context.Context, db bun.IDB, id uuid.UUID) (uuid.NullUUID, error) {
	ok, err := db.NewSelect().Table("account").Where("id = ?", id).Exists(ctx)
	return uuid.NullUUID{UUID: id, Valid: ok}, err
}

// candidates returns active specialist users who match all words, and the chosen one, one more than are offered.
func candidates(ctx context.Context, db bun.IDB, words []string, chosen uuid.UUID) (list []Candidate, err error) {
	q := db.NewSelect().TableExpr(`account AS a`).ColumnExpr(`a.id, a.name, a.email`).ColumnExpr(account.FactsOf("a")).
		ColumnExpr(assignment.LoadOf("a", CustomersCap) + ` AS customers`).Where(`a.specialist`).Where(`a.active`)
	match := q.QueryBuilder()
	match.WhereGroup(" AND ", func(q bun.QueryBuilder) bun.QueryBuilder {
		q = q.WhereGroup(" OR ", func(q bun.QueryBuilder) bun.QueryBuilder {
			q = q.Where(`TRUE`)
			for _, w := range words { // folded words contain no LIKE wildcard
				q = q.Where(`a.search LIKE ?`, "%"+w+"%")
			}
			return q
		})
		return q.WhereOr(`a.id = ?`, chosen)
	})
	err = q.OrderExpr(`a.id <> ?, a.name_sort, a.id`, chosen).Limit(maxCandidates+1).Scan(ctx, &list)
	return list, err
}

// seen finds a transaction by its number, among those that match the condition.
func seen(ctx context.Context, db bun.IDB, number int64, within store.Condition) (id uuid.UUID, ok bool, err error) {
	err = db.NewSelect().TableExpr(`transactions AS t`).Column("t.id").
		Join(`JOIN customer AS k ON k.id = t.customer_id AND NOT k.deleting`).
		Where(`t.number = ?`, number).Where(`?`, store.All(within)).Scan(ctx, &id)
	if store.IsNoRows(err) {
		return id, false, nil
	}
	return id, err == nil, err
}

// seenAmong returns which of the transactions match the condition.
func seenAmong(ctx context.Context, db bun.IDB, ids []uuid.UUID, within store.Condition) (seen map[uuid.UUID]bool, err error) {
	seen = map[uuid.UUID]bool{}
	if len(ids) == 0 {
		return seen, nil
	}
	var found []uuid.UUID
	err = db.NewSelect().TableExpr(`transactions AS t`).Column("t.id").
		Where(`t.id IN (?)`, bun.List(ids)).Where(`?`, store.All(within)).Scan(ctx, &found)
	for _, id := range found {
		seen[id] = true
	}
	return seen, err
}
