package account

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"kontor/app/approval"
	"kontor/app/preference"
	"kontor/app/store"
	"kontor/policies"
)

// --- accounts ----------------------------------------------------------------------------------------------------

// accountKey names an account with its roles for store.Once.
type accountKey struct{ id uuid.UUID }

func findAccount(ctx context.Context, db bun.IDB, id uuid.UUID) (Account, error) {
	a, err := store.Once(ctx, db, accountKey{id}, func() (a Account, err error) {
		if err = db.NewSelect().Model(&a).Where("id = ?", id).Scan(ctx); err != nil {
			return Account{}, err
		}
		return a, loadRoles(ctx, db, &a)
	})
	a.Roles = slices.Clone(a.Roles)
	return a, err
}

// ByID loads an account, without its roles; ok is false when there is none.
func ByID(ctx context.Context, db bun.IDB, id uuid.UUID) (a Account, ok bool, err error) {
	err = db.NewSelect().Model(&a).Where("id = ?", id).Scan(ctx)
	if store.IsNoRows(err) {
		return Account{}, false, nil
	}
	return a, err == nil, err
}

// Named returns the account that an e-mail address or username, as somebody typed it, signs in to; ok is false when
// there is none.
func Named(ctx context.Context, db bun.IDB, login string) (a Account, ok bool, err error) {
	found, _, err := find(ctx, db, login)
	return found.Account, err == nil && !found.Account.ID.IsNil(), err
}

// ByLogin returns the accounts whose e-mail address or username, folded, is one of the names, without their roles. The
// accounts cannot be deleted until the tx ends.
func ByLogin(ctx context.Context, tx bun.IDB, folded ...string) (list []Account, err error) {
	names := bun.List(folded)
	err = stay(tx, tx.NewSelect().Model(&list).Where("email_folded IN (?) OR username_folded IN (?)", names, names)).Scan(ctx)
	return list, err
}

// stay prevents the deletion of the selected rows until the tx ends, as a foreign key does.
func stay(tx bun.IDB, q *bun.SelectQuery) *bun.SelectQuery {
	if tx.Dialect().Name() == dialect.PG {
		return q.For("KEY SHARE")
	}
	return q
}

func findByEmail(ctx context.Context, db bun.IDB, folded string) (a Account, err error) {
	if err = db.NewSelect().Model(&a).Where("email_folded = ?", folded).Scan(ctx); err != nil {
		return Account{}, err
	}
	return a, loadRoles(ctx, db, &a)
}

// lockAccount loads an account without its roles, and prevents others from changing it until the tx ends.
func lockAccount(ctx context.Context, tx bun.IDB, id uuid.UUID) (a Account, err error) {
	return a, forUpdate(tx, tx.NewSelect().Model(&a).Where("id = ?", id)).Scan(ctx)
}

// forUpdate locks the selected rows. On SQLite that is not necessary: the tx is the only writer from its beginning.
func forUpdate(db bun.IDB, q *bun.SelectQuery) *bun.SelectQuery {
	if db.Dialect().Name() == dialect.PG {
		return q.For("UPDATE")
	}
	return q
}

// existing returns those of the ids that belong to an account. These accounts cannot be deleted until the tx ends.
func existing(ctx context.Context, tx bun.IDB, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	var found []uuid.UUID
	q := tx.NewSelect().Model((*Account)(nil)).Column("id").Where("id IN (?)", bun.List(ids))
	if err := stay(tx, q).Scan(ctx, &found); err != nil {
		return nil, err
	}
	there := make(map[uuid.UUID]bool, len(found))
	for _, id := range found {
		there[id] = true
	}
	return there, nil
}

func specialistsAmong(ctx context.Context, db bun.IDB, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var found []uuid.UUID
	err := db.NewSelect().Model((*Account)(nil)).Column("id").Where("id IN (?)", bun.List(ids)).Where("specialist").Scan(ctx, &found)
	list := make(map[uuid.UUID]bool, len(found))
	for _, id := range found {
		list[id] = true
	}
	return list, err
}

func nameOf(ctx context.Context, db bun.IDB, id uuid.UUID) (name string, err error) {
	err = db.NewSelect().Model((*Account)(nil)).Column("name").Where("id = ?", id).Scan(ctx, &name)
	if store.IsNoRows(err) {
		return "", nil
	}
	return name, err
}

func insertAccount(ctx context.Context, tx bun.IDB, a *Account) error {
	_, err := tx.NewInsert().Model(a).Exec(ctx)
	return err
}

// saveAccount stores what people can change in a form, and increments the version. The caller has locked the account.
func saveAccount(ctx context.Context, tx bun.IDB, a *Account) error {
	a.Version++
	_, err := tx.NewUpdate().Model(a).Column("name", "name_sort", "search", "username", "username_folded", "email",
		"email_folded", "pending_email", "locale", "shortcuts", "active", "version").WherePK().Exec(ctx)
	return err
}

func setPassword(ctx context.Context, tx bun.IDB, id uuid.UUID, hash string) error {
	return setColumn(ctx, tx, id, "password_hash", hash)
}

func setPendingEmail(ctx context.Context, tx bun.IDB, id uuid.UUID, email string) error {
	return setColumn(ctx, tx, id, "pending_email", email)
}

func setSignedIn(ctx context.Context, tx bun.IDB, id uuid.UUID, at time.Time) error {
	return setColumn(ctx, tx, id, "last_sign_in_at", at)
}

func setColumn(ctx context.Context, tx bun.IDB, id uuid.UUID, column string, value any) error {
	_, err := tx.NewUpdate().Model((*Account)(nil)).Set("? = ?", bun.Ident(column), value).Where("id = ?", id).Exec(ctx)
	return err
}

// --- roles -------------------------------------------------------------------------------------------------------

type accountRole struct {
	bun.BaseModel `bun:"table:account_role"`

	AccountID uuid.UUID     `bun:"account_id,pk"`
	Role      policies.Role `bun:"role,pk"`
}

func insertRoles(ctx context.Context, tx bun.IDB, id uuid.UUID, roles []policies.Role) error {
	if len(roles) == 0 {
		return nil
	}
	rows := make([]accountRole, len(roles))
	for i, r := range roles {
		rows[i] = accountRole{AccountID: id, Role: r}
	}
	_, err := tx.NewInsert().Model(&rows).Exec(ctx)
	return err
}

func replaceRoles(ctx context.Context, tx bun.IDB, id uuid.UUID, roles []policies.Role) error {
	if _, err := tx.NewDelete().Model((*accountRole)(nil)).Where("account_id = ?", id).Exec(ctx); err != nil {
		return err
	}
	return insertRoles(ctx, tx, id, roles)
}

// loadRoles sets Roles of all accounts with one query.
func loadRoles(ctx context.Context, db bun.IDB, accounts ...*Account) error {
	if len(accounts) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(accounts))
	for i, a := range accounts {
		ids[i] = a.ID
	}
	var rows []accountRole
	if err := db.NewSelect().Model(&rows).Where("account_id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return err
	}
	of := map[uuid.UUID][]policies.Role{}
	for _, r := range rows {
		of[r.AccountID] = append(of[r.AccountID], r.Role)
	}
	for _, a := range accounts {
		a.Roles, _ = inOrder(of[a.ID])
	}
	return nil
}

// lockHolders lets only one tx at a time change who is active and who holds which role.
func lockHolders(ctx context.Context, tx bun.IDB) error { return approval.LockHolders(ctx, tx) }

// hasOtherHolder says whether an active specialist user other than id has the role and, if withPassword, a password.
func hasOtherHolder(ctx context.Context, tx bun.IDB, role policies.Role, id uuid.UUID, withPassword bool) (bool, error) {
	q := tx.NewSelect().TableExpr("account AS a").Join("JOIN account_role AS r ON r.account_id = a.id").ColumnExpr("1").
		Where("a.specialist AND a.active").Where("r.role = ?", role).Where("a.id <> ?", id)
	if withPassword {
		q.Where("a.password_hash <> ''")
	}
	return q.Exists(ctx)
}

// otherHolders returns the active specialist users other than id who hold one of the roles, with all their roles.
func otherHolders(ctx context.Context, tx bun.IDB, roles []policies.Role, id uuid.UUID) (list []Account, err error) {
	if len(roles) == 0 {
		return nil, nil
	}
	held := tx.NewSelect().Model((*accountRole)(nil)).Column("account_id").Where("role IN (?)", bun.List(roles))
	err = tx.NewSelect().Model(&list).Where("specialist AND active").Where("id <> ?", id).Where("id IN (?)", held).Order("id").Scan(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]*Account, len(list))
	for i := range list {
		all[i] = &list[i]
	}
	return list, loadRoles(ctx, tx, all...)
}

// ableSpecialists returns all specialist users who can sign in, with the facts that determine their roles.
func ableSpecialists(ctx context.Context, tx bun.IDB) (list []withAccess, err error) {
	err = selectWithAccess(tx).Where("a.specialist").Where("a.active").Where("a.password_hash <> ''").Scan(ctx, &list)
	for i := range list {
		list[i].readRoles()
	}
	return list, err
}

// newestPolicy returns the policy version that was published last; number 0 when there is none yet. The table belongs
// to package policy, which imports this package. It is read here because the answer must belong to this tx.
func newestPolicy(ctx context.Context, tx bun.IDB) (number int, text string, err error) {
	err = tx.NewSelect().Table("policy_version").Column("version", "text").Order("version DESC").Limit(1).Scan(ctx, &number, &text)
	if store.IsNoRows(err) {
		return 0, "", nil
	}
	return number, text, err
}

// --- specialist users --------------------------------------------------------------------------------------------

// HasSpecialist says whether there is a specialist user yet.
func HasSpecialist(ctx context.Context, db bun.IDB) (bool, error) {
	return db.NewSelect().Model((*Account)(nil)).Where("specialist").Exists(ctx)
}

func listSpecialists(ctx context.Context, db bun.IDB, f SpecialistFilter, limit int64) (list []Account, err error) {
	after := readCursor(f.After)
	q := db.NewSelect().Model(&list).Where("specialist").Where("(name_sort, id) > (?, ?)", after.name, after.id).
		Order("name_sort", "id").Limit(limit)
	if !f.Inactive {
		q.Where("active")
	}
	for _, w := range strings.Fields(store.Fold(f.Query)) { // they are letters and digits, without wildcards of LIKE
		q.Where("search LIKE ?", "%"+w+"%")
	}
	if err := q.Scan(ctx); err != nil {
		return nil, err
	}
	all := make([]*Account, len(list))
	for i := range list {
		all[i] = &list[i]
	}
	return list, loadRoles(ctx, db, all...)
}

// --- sessions ----------------------------------------------------------------------------------------------------

// withAccess is an account with the facts that determine its roles.
type withAccess struct {
	Account Account `bun:"embed:a_"`
	Facts
	StandsFor *string `bun:"stands_for"` // ids of those whose deputy the person is now; set only by findSession
	Chosen    *string `bun:"chosen"`     // the preferences, as preference.Decode reads them; set only by findSession
}

// selectWithAccess begins a query for withAccess. Its table account has the alias a.
func selectWithAccess(db bun.IDB) *bun.SelectQuery {
	return db.NewSelect().TableExpr("account AS a").ColumnExpr(columns(db, Account{}, "a")).ColumnExpr(FactsOf("a"))
}

func (w *withAccess) readRoles() { w.Account.Roles = w.given() }

// Facts determine an account's roles. They are read in the same query as a row of the account; see FactsOf.
type Facts struct {
	RoleNames *string `bun:"role_names"`
	HasAccess bool    `bun:"has_access"` // the account has an active access, so it is an end user's
}

// FactsOf returns the columns of Facts for a row of table account with that alias. The tables access and customer
// belong to other features. They are read here, in the same query, because every request needs the answer.
func FactsOf(alias string) string {
	return `(SELECT string_agg(r.role, ',') FROM account_role AS r WHERE r.account_id = ` + alias + `.id) AS role_names,
	EXISTS (SELECT 1 FROM access AS x JOIN customer AS k ON k.id = x.customer_id WHERE x.account_id = ` + alias + `.id
		AND x.registered_at IS NOT NULL AND x.deactivated_at IS NULL AND NOT k.deleting) AS has_access`
}

// Roles returns all roles of a person: those granted to a specialist user, and end user if the person has an access.
func (f Facts) Roles(specialist bool) []policies.Role {
	return allRoles(Account{Specialist: specialist, Roles: f.given()}, f.HasAccess)
}

// given returns the roles stored in account_role.
func (f Facts) given() (roles []policies.Role) {
	if f.RoleNames == nil {
		return nil
	}
	names := strings.Split(*f.RoleNames, ",")
	for _, r := range policies.FirmRoles {
		if slices.Contains(names, string(r)) {
			roles = append(roles, r)
		}
	}
	return roles
}

// findLogin finds an account by its folded username or e-mail address. At most one account matches: a username with an
// @ is always its owner's own address.
func findLogin(ctx context.Context, db bun.IDB, folded string) (w withAccess, err error) {
	err = selectWithAccess(db).Where("a.email_folded = ? OR a.username_folded = ?", folded, folded).Scan(ctx, &w)
	w.readRoles()
	return w, err
}

// findFacts finds an account with the facts that determine its roles.
func findFacts(ctx context.Context, db bun.IDB, id uuid.UUID) (w withAccess, err error) {
	err = selectWithAccess(db).Where("a.id = ?", id).Scan(ctx, &w)
	w.readRoles()
	return w, err
}

type sessionRow struct {
	withAccess

	Session Session `bun:"embed:s_"`
}

// validity says which sessions are valid: those that end after now and were used after idleSince.
type validity struct{ now, idleSince time.Time }

func (s *Service) validity(now time.Time) validity { return validity{now, now.Add(-s.idle)} }

// findSession finds a valid session and everything about its account that a request needs, in one query.
func findSession(ctx context.Context, db bun.IDB, hash string, v validity) (row sessionRow, err error) {
	// Raw SQL: it runs with every request.
	err = db.NewRaw("SELECT "+columns(db, Session{}, "s")+", "+columns(db, Account{}, "a")+", "+FactsOf("a")+`,
		(SELECT string_agg(CAST(d.specialist_id AS TEXT), ',') FROM deputy AS d
			WHERE d.deputy_id = a.id AND d.starts_at <= ? AND d.ends_at > ?) AS stands_for,
		(SELECT string_agg(p.name || '=' || p.value, '`+"\n"+`') FROM preference AS p WHERE p.account_id = a.id) AS chosen
		FROM session AS s JOIN account AS a ON a.id = s.account_id
		WHERE s.id_hash = ? AND s.expires_at > ? AND s.last_seen_at > ? AND a.active`,
		store.Bind(v.now), store.Bind(v.now), store.Bind(hash), store.Bind(v.now), store.Bind(v.idleSince)).
		Scan(store.Prepared(ctx), &row)
	row.readRoles()
	if row.Chosen != nil {
		row.Account.Chosen = preference.Decode(*row.Chosen)
	}
	return row, err
}

// standsFor returns the ids of those whose deputy the person is.
func (w *withAccess) standsFor() (ids []uuid.UUID) {
	if w.StandsFor == nil {
		return nil
	}
	for _, s := range strings.Split(*w.StandsFor, ",") {
		if id, err := uuid.FromString(s); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// columns lists the columns of a model as "t.x AS t_x", the names that embed:t_ expects.
func columns(db bun.IDB, model any, alias string) string {
	var b strings.Builder
	for i, f := range db.Dialect().Tables().Get(reflect.TypeOf(model)).Fields {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s.%s AS %s_%s", alias, f.Name, alias, f.Name)
	}
	return b.String()
}

func insertSession(ctx context.Context, tx bun.IDB, s Session) error {
	_, err := tx.NewInsert().Model(&s).Exec(ctx)
	return err
}

// touchSession records that a session was used, unless another request has just done so.
func touchSession(ctx context.Context, db bun.IDB, hash string, now, before time.Time) error {
	_, err := db.NewUpdate().Model((*Session)(nil)).Set("last_seen_at = ?", now).
		Where("id_hash = ?", hash).Where("last_seen_at <= ?", before).Exec(ctx)
	return err
}

func sessionsOf(ctx context.Context, db bun.IDB, account uuid.UUID, v validity) (list []Session, err error) {
	err = db.NewSelect().Model(&list).Where("account_id = ?", account).Where("expires_at > ?", v.now).
		Where("last_seen_at > ?", v.idleSince).Order("created_at DESC", "id_hash").Scan(ctx)
	return list, err
}

// endSession deletes a session and returns its account; the error is store.IsNoRows when there is none.
func endSession(ctx context.Context, tx bun.IDB, hash string) (a Account, err error) {
	err = tx.NewSelect().Model(&a).Where("id = (SELECT account_id FROM session WHERE id_hash = ?)", hash).Scan(ctx)
	if err != nil {
		return Account{}, err
	}
	_, err = tx.NewDelete().Model((*Session)(nil)).Where("id_hash = ?", hash).Exec(ctx)
	return a, err
}

// deleteOldest deletes all but the newest most of the account's other valid sessions.
func deleteOldest(ctx context.Context, tx bun.IDB, keep Session, v validity, most int64) error {
	others := bun.SafeQuery("account_id = ? AND id_hash <> ? AND expires_at > ? AND last_seen_at > ?",
		keep.AccountID, keep.IDHash, v.now, v.idleSince)
	newest := tx.NewSelect().Model((*Session)(nil)).Column("id_hash").Where("?", others).
		Order("created_at DESC", "id_hash").Limit(most)
	_, err := tx.NewDelete().Model((*Session)(nil)).Where("?", others).
		Where("id_hash NOT IN (?)", newest).Exec(ctx)
	return err
}

// renameSession gives a session of the account another id. It changes nothing if the hash belongs to no session of the
// account.
func renameSession(ctx context.Context, tx bun.IDB, account uuid.UUID, from, to string) (renamed bool, err error) {
	res, err := tx.NewUpdate().Model((*Session)(nil)).Set("id_hash = ?", to).Where("id_hash = ?", from).Where("account_id = ?", account).Exec(ctx)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// deleteSessionOf deletes one session of an account.
func deleteSessionOf(ctx context.Context, tx bun.IDB, account uuid.UUID, hash string) error {
	_, err := tx.NewDelete().Model((*Session)(nil)).Where("id_hash = ?", hash).Where("account_id = ?", account).Exec(ctx)
	return err
}

// deleteSessions deletes all sessions of an account except the one with the hash keep.
func deleteSessions(ctx context.Context, tx bun.IDB, account uuid.UUID, keep string) error {
	_, err := tx.NewDelete().Model((*Session)(nil)).Where("account_id = ?", account).Where("id_hash <> ?", keep).Exec(ctx)
	return err
}

func deleteAllSessions(ctx context.Context, tx bun.IDB, accounts []uuid.UUID) error {
	if len(accounts) == 0 {
		return nil
	}
	_, err := tx.NewDelete().Model((*Session)(nil)).Where("account_id IN (?)", bun.List(accounts)).Exec(ctx)
	return err
}

// --- failed sign-ins ---------------------------------------------------------------------------------------------

type throttle struct {
	bun.BaseModel `bun:"table:sign_in_throttle"`

	Subject   string    `bun:"subject,pk"`
	Failures  int       `bun:"failures"`
	NextAt    time.Time `bun:"next_at"`
	UpdatedAt time.Time `bun:"updated_at"`

	AccountID uuid.NullUUID `bun:"account_id"` // the account that the counter belongs to, if any
}

func hasThrottle(ctx context.Context, db bun.IDB, subject string) (bool, error) {
	return db.NewSelect().Model((*throttle)(nil)).Where("subject = ?", subject).Exists(ctx)
}

// lockThrottle loads a counter, creates it if necessary, and locks it until the tx ends. It is one statement: between
// two, somebody else's successful sign-in could delete the counter.
func lockThrottle(ctx context.Context, tx bun.IDB, sl slot, now time.Time) (t throttle, err error) {
	t = throttle{Subject: sl.subject, NextAt: noDelay, UpdatedAt: now, AccountID: sl.account}
	_, err = tx.NewInsert().Model(&t).On("CONFLICT (subject) DO UPDATE").Set("subject = EXCLUDED.subject").Returning("*").Exec(ctx)
	return t, err
}

// holdPerson prevents the deletion of a person's account, if there is one, until the tx ends. Writing a counter takes
// the same lock, because the counter has a foreign key to its account. A tx that changes an account locks it before the
// account's counters. So whoever counts must lock the account first, too, or there would be a deadlock. For a person
// without an account it takes as long.
func holdPerson(ctx context.Context, tx bun.IDB, who person) error {
	if tx.Dialect().Name() != dialect.PG {
		return nil
	}
	_, err := existing(ctx, tx, []uuid.UUID{who.account.UUID})
	return err
}

func putThrottle(ctx context.Context, tx bun.IDB, t throttle) error {
	_, err := tx.NewInsert().Model(&t).On("CONFLICT (subject) DO UPDATE").Set("failures = EXCLUDED.failures").
		Set("next_at = EXCLUDED.next_at").Set("updated_at = EXCLUDED.updated_at").Exec(ctx)
	return err
}

// keepThrottle creates a counter, or records that it is still in use.
func keepThrottle(ctx context.Context, tx bun.IDB, t throttle) error {
	_, err := tx.NewInsert().Model(&t).On("CONFLICT (subject) DO UPDATE").Set("updated_at = EXCLUDED.updated_at").Exec(ctx)
	return err
}

func throttlesOf(ctx context.Context, tx bun.IDB, account uuid.UUID) (list []throttle, err error) {
	err = tx.NewSelect().Model(&list).Where("account_id = ?", account).Scan(ctx)
	return list, err
}

func giveBackThrottle(ctx context.Context, tx bun.IDB, subject string) error {
	_, err := tx.NewUpdate().Model((*throttle)(nil)).Set("failures = failures - 1").Set("next_at = ?", noDelay).
		Where("subject = ?", subject).Where("failures > 0").Exec(ctx)
	return err
}

func deleteThrottle(ctx context.Context, tx bun.IDB, subject string) error {
	_, err := tx.NewDelete().Model((*throttle)(nil)).Where("subject = ?", subject).Exec(ctx)
	return err
}

// --- erasing -----------------------------------------------------------------------------------------------------

// kept says whether a reason to keep an account exists: it works for the firm or has an access. The table access
// belongs to another feature. It is read here because the answer must belong to this tx.
func kept(ctx context.Context, tx bun.IDB, a Account) (bool, error) {
	if a.Specialist {
		return true, nil
	}
	return tx.NewSelect().Table("access").ColumnExpr("1").Where("account_id = ?", a.ID).Exists(ctx)
}

// deleteAccount deletes the row. Its roles, sessions, preferences, messages and expectations are deleted by cascade.
func deleteAccount(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	_, err := tx.NewDelete().Model((*Account)(nil)).Where("id = ?", id).Exec(ctx)
	return err
}

// --- clean-up ----------------------------------------------------------------------------------------------------

// deleteExpired deletes sessions that have ended, counters without a change since failures, and known addresses and
// browsers that were last seen before known.
func deleteExpired(ctx context.Context, tx bun.IDB, v validity, failures, known time.Time) error {
	for _, q := range []*bun.DeleteQuery{
		tx.NewDelete().Model((*Session)(nil)).Where("expires_at <= ? OR last_seen_at <= ?", v.now, v.idleSince),
		tx.NewDelete().Model((*throttle)(nil)).
			Where("subject NOT LIKE 'known:%' AND updated_at <= ? OR updated_at <= ?", failures, known),
		tx.NewDelete().Model((*knownBrowser)(nil)).Where("seen_at <= ?", known),
	} {
		if _, err := q.Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}
