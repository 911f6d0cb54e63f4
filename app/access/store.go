package access

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"kontor/app/customer"
	"kontor/app/store"
	"kontor/policies"
)

// row is an access as it is stored, including the columns that only this package needs.
type row struct {
	bun.BaseModel `bun:"table:access"`

	ID            uuid.UUID     `bun:"id,pk"`
	CustomerID    uuid.UUID     `bun:"customer_id"`
	AccountID     uuid.NullUUID `bun:"account_id"`
	FirstName     string        `bun:"first_name"`
	LastName      string        `bun:"last_name"`
	Email         string        `bun:"email"`
	EmailFolded   string        `bun:"email_folded"`
	Mobile        string        `bun:"mobile"`
	Locale        string        `bun:"locale"`
	Generation    int           `bun:"generation"`
	InvitedAt     time.Time     `bun:"invited_at"`
	LinkExpiresAt time.Time     `bun:"link_expires_at"`
	Undeliverable string        `bun:"undeliverable"`
	OpenedAt      *time.Time    `bun:"opened_at"`
	CodeEnteredAt *time.Time    `bun:"code_entered_at"`
	RegisteredAt  *time.Time    `bun:"registered_at"`
	DeactivatedAt *time.Time    `bun:"deactivated_at"`
	CodeTries     int           `bun:"code_tries"`
	CodeTriesDay  int           `bun:"code_tries_day"`
	CodeDay       string        `bun:"code_day"`
	SendsDay      int           `bun:"sends_day"`
	SendsOn       string        `bun:"sends_on"`
	SentAt        *time.Time    `bun:"sent_at"`
	Waiting       bool          `bun:"waiting"`  // for approval; DeactivatedAt is set as well
	Approved      string        `bun:"approved"` // the folded address for which a second person approved the access
	Uninvited     bool          `bun:"uninvited"`
	Submission    *string       `bun:"submission"`
	Version       int           `bun:"version"`
	CreatedAt     time.Time     `bun:"created_at"`
	CreatedBy     uuid.NullUUID `bun:"created_by"`

	LastSeenAt   *time.Time `bun:"last_seen_at,scanonly"`
	AccountEmail *string    `bun:"account_email,scanonly"` // the present address of a registered person
}

// address returns the address to which mails to the person are sent.
func (r row) address() string {
	if r.AccountEmail != nil {
		return *r.AccountEmail
	}
	return r.Email
}

func (r row) access() Access {
	return Access{
		ID: r.ID, CustomerID: r.CustomerID, AccountID: r.AccountID, FirstName: r.FirstName, LastName: r.LastName,
		Email: r.Email, Mobile: r.Mobile, Locale: r.Locale, Generation: r.Generation, InvitedAt: r.InvitedAt,
		LinkExpiresAt: r.LinkExpiresAt, Undeliverable: r.Undeliverable, OpenedAt: r.OpenedAt,
		CodeEnteredAt: r.CodeEnteredAt, RegisteredAt: r.RegisteredAt, DeactivatedAt: r.DeactivatedAt,
		Waiting: r.Waiting, Uninvited: r.Uninvited, LastSeenAt: r.LastSeenAt, Version: r.Version, CreatedAt: r.CreatedAt,
	}
}

// codeRow is a valid registration code.
type codeRow struct {
	bun.BaseModel `bun:"table:access_code"`

	Hash       string    `bun:"hash"`
	AccessID   uuid.UUID `bun:"access_id"`
	Generation int       `bun:"generation"`
	CreatedAt  time.Time `bun:"created_at"`
	ExpiresAt  time.Time `bun:"expires_at"`
}

func selectAccesses(db bun.IDB, dest any) *bun.SelectQuery {
	return db.NewSelect().Model(dest).ColumnExpr("?TableColumns").
		ColumnExpr("(SELECT last_sign_in_at FROM account WHERE account.id = ?TableAlias.account_id) AS last_seen_at").
		ColumnExpr("(SELECT email FROM account WHERE account.id = ?TableAlias.account_id) AS account_email")
}

func insertAccess(ctx context.Context, tx bun.IDB, rows ...row) error {
	return store.InsertAll(ctx, tx, rows)
}

// accessByID finds an access; ok is false when there is none.
func accessByID(ctx context.Context, db bun.IDB, id uuid.UUID) (r row, ok bool, err error) {
	return found(selectAccesses(db, &r).Where("?TableAlias.id = ?", id), ctx, &r)
}

// accessOf finds an access of a customer. An access of another customer is not found.
func accessOf(ctx context.Context, db bun.IDB, customerID, id uuid.UUID) (r row, ok bool, err error) {
	return found(selectAccesses(db, &r).Where("?TableAlias.id = ?", id).Where("?TableAlias.customer_id = ?", customerID), ctx, &r)
}

// lockAccess loads an access and prevents others from changing it until the tx ends. On SQLite the tx does that anyway.
func lockAccess(ctx context.Context, tx bun.IDB, id uuid.UUID) (r row, ok bool, err error) {
	return found(lock(tx, tx.NewSelect().Model(&r).Where("id = ?", id), "NO KEY UPDATE"), ctx, &r)
}

// lockAccesses locks accesses, in the order of their ids so that two tx do not wait for each other, and returns them by id.
func lockAccesses(ctx context.Context, tx bun.IDB, ids []uuid.UUID) (map[uuid.UUID]row, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []row
	err := lock(tx, tx.NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Order("id"), "NO KEY UPDATE").Scan(ctx)
	of := make(map[uuid.UUID]row, len(rows))
	for _, r := range rows {
		of[r.ID] = r
	}
	return of, err
}

func accessBySubmission(ctx context.Context, db bun.IDB, submission string) (r row, ok bool, err error) {
	return found(selectAccesses(db, &r).Where("?TableAlias.submission = ?", submission), ctx, &r)
}

func accessesOf(ctx context.Context, db bun.IDB, customerID uuid.UUID) (rows []row, err error) {
	err = selectAccesses(db, &rows).Where("?TableAlias.customer_id = ?", customerID).Scan(ctx)
	return rows, err
}

// AllOf returns the accesses of a customer without data from their accounts. The caller has authorised it.
func AllOf(ctx context.Context, db bun.IDB, customerID uuid.UUID) ([]Access, error) {
	var rows []row
	err := db.NewSelect().Model(&rows).Where("customer_id = ?", customerID).Scan(ctx)
	list := make([]Access, len(rows))
	for i, r := range rows {
		list[i] = r.access()
	}
	return list, err
}

func found(q *bun.SelectQuery, ctx context.Context, r *row) (row, bool, error) {
	err := q.Scan(ctx)
	if store.IsNoRows(err) {
		return row{}, false, nil
	}
	return *r, err == nil, err
}

// updateAccess begins an UPDATE that returns the changed row. returning executes it.
func updateAccess(tx bun.IDB, r *row, id uuid.UUID) *bun.UpdateQuery {
	return tx.NewUpdate().Model(r).Where("id = ?", id).Returning("*")
}

// returning runs q. ok is false when its WHERE matched no row.
func returning(ctx context.Context, q *bun.UpdateQuery) (ok bool, err error) {
	res, err := q.Exec(ctx)
	if store.IsNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// saveForm stores what people can change of an access if the version is still the given one (optimistic locking).
func saveForm(ctx context.Context, tx bun.IDB, id uuid.UUID, version int, f Form) (r row, ok bool, err error) {
	ok, err = returning(ctx, updateAccess(tx, &r, id).Where("version = ?", version).
		Set("first_name = ?", f.FirstName).Set("last_name = ?", f.LastName).
		Set("email = ?", f.Email).Set("email_folded = ?", store.FoldEmail(f.Email)).
		Set("mobile = ?", f.Mobile).Set("locale = ?", f.Locale).Set("version = version + 1"))
	return r, ok, err
}

// renew begins the next generation of a pending access. With pause > 0 it does so only if the last invitation is at
// least that old. An invitation time in the future, from a wrong clock, is ignored.
func renew(ctx context.Context, tx bun.IDB, id uuid.UUID, now time.Time, pause time.Duration) (r row, ok bool, err error) {
	q := updateAccess(tx, &r, id).Where("registered_at IS NULL").Where("deactivated_at IS NULL").
		Set("generation = generation + 1").Set("invited_at = ?", now).Set("link_expires_at = ?", now.Add(LinkLife)).
		Set("undeliverable = ''").Set("opened_at = NULL").Set("code_entered_at = NULL").Set("code_tries = 0").Set("uninvited = FALSE")
	if pause > 0 {
		q = q.Where("(invited_at <= ? OR invited_at > ? OR uninvited)", now.Add(-pause), now)
	}
	ok, err = returning(ctx, q)
	return r, ok, err
}

// expire ends an invitation. uninvited says that the person counts as not invited yet.
func expire(ctx context.Context, tx bun.IDB, id uuid.UUID, now time.Time, uninvited bool) error {
	var r row
	_, err := returning(ctx, updateAccess(tx, &r, id).Set("link_expires_at = ?", now).Set("uninvited = ?", uninvited))
	return err
}

func deactivate(ctx context.Context, tx bun.IDB, id uuid.UUID, now time.Time) (r row, ok bool, err error) {
	ok, err = returning(ctx, updateAccess(tx, &r, id).Where("deactivated_at IS NULL").
		Set("deactivated_at = ?", now).Set("version = version + 1"))
	return r, ok, err
}

func reactivate(ctx context.Context, tx bun.IDB, id uuid.UUID) (r row, ok bool, err error) {
	ok, err = returning(ctx, updateAccess(tx, &r, id).Where("deactivated_at IS NOT NULL").Where("NOT waiting").
		Set("deactivated_at = NULL").Set("version = version + 1"))
	return r, ok, err
}

// markRegistered registers in one statement: of several concurrent calls only one succeeds, and only for the generation
// of its link. It increments the version, because forms that contain the e-mail address are out of date now.
func markRegistered(ctx context.Context, tx bun.IDB, id uuid.UUID, generation int, now time.Time) (r row, ok bool, err error) {
	ok, err = returning(ctx, updateAccess(tx, &r, id).Where("generation = ?", generation).
		Where("registered_at IS NULL").Where("deactivated_at IS NULL").
		Set("registered_at = ?", now).Set("opened_at = COALESCE(opened_at, ?)", now).
		Set("undeliverable = ''").Set("version = version + 1"))
	return r, ok, err
}

func setAccount(ctx context.Context, tx bun.IDB, id, account uuid.UUID) error {
	_, err := tx.NewUpdate().Model((*row)(nil)).Set("account_id = ?", account).Where("id = ?", id).Exec(ctx)
	return err
}

// markOpened records once per generation that a person opened the registration page.
func markOpened(ctx context.Context, db bun.IDB, id uuid.UUID, generation int, now time.Time) error {
	_, err := db.NewUpdate().Model((*row)(nil)).Set("opened_at = ?", now).Where("id = ?", id).
		Where("generation = ?", generation).Where("opened_at IS NULL").
		Where("registered_at IS NULL").Where("deactivated_at IS NULL").Exec(ctx)
	return err
}

// setUndeliverable records the result of a generation's mail: the reason of its failure, or "" when it was sent.
func setUndeliverable(ctx context.Context, tx bun.IDB, id uuid.UUID, generation int, reason string) (r row, ok bool, err error) {
	ok, err = returning(ctx, updateAccess(tx, &r, id).Where("generation = ?", generation).Set("undeliverable = ?", reason))
	return r, ok, err
}

// countTry counts an attempt before its code is compared; ok is false when no attempts are left.
func countTry(ctx context.Context, tx bun.IDB, a row, now time.Time) (r row, ok bool, err error) {
	today, _ := day(now)
	ok, err = returning(ctx, updateAccess(tx, &r, a.ID).Where("generation = ?", a.Generation).
		Where("code_tries < ?", codeTries).Where("(code_day <> ? OR code_tries_day < ?)", today, codeTriesDay).
		Set("code_tries = code_tries + 1").
		Set("code_tries_day = CASE WHEN code_day = ? THEN code_tries_day + 1 ELSE 1 END", today).Set("code_day = ?", today))
	return r, ok, err
}

// codeRight undoes the count of an attempt with the right code: only wrong codes count.
func codeRight(ctx context.Context, tx bun.IDB, a row, now time.Time) error {
	today, _ := day(now)
	_, err := tx.NewUpdate().Model((*row)(nil)).Where("id = ?", a.ID).Where("generation = ?", a.Generation).
		Set("code_tries = 0").
		Set("code_tries_day = CASE WHEN code_day = ? AND code_tries_day > 0 THEN code_tries_day - 1 ELSE code_tries_day END", today).
		Set("code_entered_at = COALESCE(code_entered_at, ?)", now).Exec(ctx)
	return err
}

// takeSend counts a link or code that the end user requests. ok is false when it is too early or the daily limit is
// reached. A last request in the future, from a wrong clock, is ignored.
func takeSend(ctx context.Context, tx bun.IDB, a row, now time.Time) (r row, ok bool, err error) {
	today, _ := day(now)
	ok, err = returning(ctx, updateAccess(tx, &r, a.ID).Where("generation = ?", a.Generation).
		Where("registered_at IS NULL").Where("deactivated_at IS NULL").
		Where("(sent_at IS NULL OR sent_at <= ? OR sent_at > ?)", now.Add(-sendPause), now).
		Where("(sends_on <> ? OR sends_day < ?)", today, sendsDay).
		Set("sends_day = CASE WHEN sends_on = ? THEN sends_day + 1 ELSE 1 END", today).
		Set("sends_on = ?", today).Set("sent_at = ?", now))
	return r, ok, err
}

func unlockCode(ctx context.Context, tx bun.IDB, id uuid.UUID) error {
	_, err := tx.NewUpdate().Model((*row)(nil)).Set("code_tries = 0").Where("id = ?", id).Exec(ctx)
	return err
}

func insertCodes(ctx context.Context, tx bun.IDB, codes []codeRow) error {
	if len(codes) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&codes).Exec(ctx)
	return err
}

// codeInForce says whether a code of the access with one of these hashes is valid.
func codeInForce(ctx context.Context, db bun.IDB, a row, hashes []string, now time.Time) (bool, error) {
	return db.NewSelect().Model((*codeRow)(nil)).Where("access_id = ?", a.ID).Where("generation = ?", a.Generation).
		Where("hash IN (?)", bun.List(hashes)).Where("expires_at > ?", now).Exists(ctx)
}

func voidCodes(ctx context.Context, tx bun.IDB, access uuid.UUID) error {
	_, err := tx.NewDelete().Model((*codeRow)(nil)).Where("access_id = ?", access).Exec(ctx)
	return err
}

// presentIDs returns the ids of all accesses.
func presentIDs(ctx context.Context, db bun.IDB) (ids []uuid.UUID, err error) {
	err = db.NewSelect().Model((*row)(nil)).Column("id").Scan(ctx, &ids)
	return ids, err
}

// unkeptAccounts returns the accounts of end users without an access.
func unkeptAccounts(ctx context.Context, db bun.IDB) (ids []uuid.UUID, err error) {
	err = db.NewSelect().TableExpr("account AS a").Column("a.id").Where("NOT a.specialist").
		Where("NOT EXISTS (SELECT 1 FROM access AS b WHERE b.account_id = a.id)").Scan(ctx, &ids)
	return ids, err
}

func deleteAccess(ctx context.Context, tx bun.IDB, ids ...uuid.UUID) error {
	_, err := tx.NewDelete().Model((*row)(nil)).Where("id IN (?)", bun.List(ids)).Exec(ctx)
	return err
}

// countAccesses counts the accesses that a customer has left. It locks the customer, so that two txs that remove the
// last two accesses run one after the other.
func countAccesses(ctx context.Context, tx bun.IDB, customerID uuid.UUID) (int64, error) {
	var id uuid.UUID
	err := lock(tx, tx.NewSelect().Table("customer").Column("id").Where("id = ?", customerID), "NO KEY UPDATE").Scan(ctx, &id)
	if err != nil && !store.IsNoRows(err) {
		return 0, err
	}
	return tx.NewSelect().Model((*row)(nil)).Where("customer_id = ?", customerID).Count(ctx)
}

// activeElsewhere says whether an account has an active access.
func activeElsewhere(ctx context.Context, tx bun.IDB, account uuid.UUID) (bool, error) {
	return tx.NewSelect().Model((*row)(nil)).Where("account_id = ?", account).
		Where("deactivated_at IS NULL").Exists(ctx)
}

// hasEmail says whether a customer has an access with an e-mail address.
func hasEmail(ctx context.Context, tx bun.IDB, customerID uuid.UUID, folded string) (bool, error) {
	return tx.NewSelect().Model((*row)(nil)).Where("customer_id = ?", customerID).Where("email_folded = ?", folded).Exists(ctx)
}

// customerRow is the part of a customer that the registration page and the portal show.
type customerRow struct {
	ID          uuid.UUID     `bun:"id"`
	Number      int64         `bun:"number"`
	Type        customer.Type `bun:"type"`
	FirstName   string        `bun:"first_name"`
	LastName    string        `bun:"last_name"`
	CompanyName string        `bun:"company_name"`
	Administers bool          `bun:"administers"`
}

func (r customerRow) customer() customer.Customer {
	return customer.Customer{ID: r.ID, Number: r.Number, Type: r.Type, Data: customer.Data{
		FirstName: r.FirstName, LastName: r.LastName, CompanyName: r.CompanyName,
	}}
}

func (r customerRow) relation() policies.Relation {
	if r.Administers {
		return policies.Access | policies.Administrator
	}
	return policies.Access
}

// customersByID returns those of the customers that are not being deleted, by id.
func customersByID(ctx context.Context, db bun.IDB, ids []uuid.UUID) (map[uuid.UUID]customer.Customer, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []customerRow
	err := db.NewSelect().TableExpr("customer AS c").
		ColumnExpr("c.id, c.number, c.type, c.first_name, c.last_name, c.company_name").
		Where("c.id IN (?)", bun.List(ids)).Where("NOT c.deleting").Scan(ctx, &rows)
	of := make(map[uuid.UUID]customer.Customer, len(rows))
	for _, r := range rows {
		of[r.ID] = r.customer()
	}
	return of, err
}

func customerByID(ctx context.Context, db bun.IDB, id uuid.UUID) (customer.Customer, bool, error) {
	of, err := customersByID(ctx, db, []uuid.UUID{id})
	c, there := of[id]
	return c, there, err
}

// customersOf lists the customers to which an account has an active access, and whether it also administers them.
func customersOf(ctx context.Context, db bun.IDB, account uuid.UUID) (out []customerRow, err error) {
	err = db.NewSelect().TableExpr("customer AS c").
		ColumnExpr("c.id, c.number, c.type, c.first_name, c.last_name, c.company_name").
		ColumnExpr(`EXISTS (SELECT 1 FROM customer_administrator AS ca
			WHERE ca.customer_id = c.id AND ca.specialist_id = ?) AS administers`, account).
		Where("NOT c.deleting").
		Where(`c.id IN (SELECT a.customer_id FROM access AS a
			WHERE a.account_id = ? AND a.registered_at IS NOT NULL AND a.deactivated_at IS NULL)`, account).
		Scan(ctx, &out)
	return out, err
}

// lock locks the rows of q until the tx ends, if the database has row locks. "NO KEY UPDATE" allows others to insert
// rows that refer to the locked ones, "UPDATE" does not.
func lock(tx bun.IDB, q *bun.SelectQuery, strength string) *bun.SelectQuery {
	if tx.Dialect().Name() == dialect.PG {
		return q.For(strength)
	}
	return q
}
