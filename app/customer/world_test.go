package customer

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/job"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
	"kontor/views"
)

// world is a database with the service on it and a few people.
type world struct {
	*Service
	t  *testing.T
	db *store.DB

	mu  sync.Mutex
	now time.Time

	anna, ben, data, auditor, end account.Caller
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{t: t, db: db, now: testNow}
	policy, err := policies.New(policies.Default)
	if err != nil {
		t.Fatal(err)
	}
	key, err := secret.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	log := audit.New(db, w.clock)
	post, err := courier.New(courier.Options{
		DB: db, Now: w.clock, Key: key, Log: slog.New(slog.DiscardHandler), Templates: views.Mail(), Firm: "Kanzlei Berg",
		From: "Kanzlei Berg <no-reply@kanzlei.example>",
	})
	if err != nil {
		t.Fatal(err)
	}
	approvals := approval.New(approval.Options{DB: db, Now: w.clock, Audit: log, Courier: post})
	people := account.New(account.Options{DB: db, Now: w.clock, Key: key, Policy: policy, Audit: log, Courier: post, Approvals: approvals})
	w.Service = New(Options{DB: db, Now: w.clock, Policy: policy, Audit: log, Courier: post, Accounts: people})
	AddFeatures(db, w.clock, w.Service, people, post, approvals)
	w.anna = w.person("Anna Amt", true, policies.Specialist)
	w.ben = w.person("Ben Büro", true, policies.Specialist)
	w.data = w.person("Dora Daten", true, policies.Specialist, policies.DataAdministrator)
	w.auditor = w.person("Rita Revision", true, policies.Auditor)
	w.end = w.person("Eva Ende", false, policies.EndUser)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.ExecContext(context.Background(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	if err := w.db.NewRaw(sql, args...).Scan(context.Background(), &n); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// person adds an account.
func (w *world) person(name string, specialist bool, roles ...policies.Role) account.Caller {
	w.t.Helper()
	c := account.Caller{ID: newID(), Name: name, Roles: roles, Address: "192.0.2.1"}
	email := store.FoldEmail(c.ID.String() + "@example.org")
	w.exec(`INSERT INTO account (id, specialist, name, username, username_folded, email, email_folded, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, c.ID, specialist, name, email, email, email, email, w.clock())
	return c
}

// add adds a customer with one access.
func (w *world) add(c account.Caller, t Type, d Data, email string) Customer {
	w.t.Helper()
	cu, _, err := w.Add(context.Background(), c, Draft{Type: t, Data: d}, w.first(email))
	if err != nil {
		w.t.Fatal(err)
	}
	return cu
}

func (w *world) first(email string) func(context.Context, bun.Tx, Customer) error {
	return func(ctx context.Context, tx bun.Tx, cu Customer) error {
		_, err := w.access(ctx, tx, cu.ID, email, uuid.NullUUID{})
		return err
	}
}

// access writes an access; with an account it is registered.
func (w *world) access(ctx context.Context, db bun.IDB, customer uuid.UUID, email string, account uuid.NullUUID) (uuid.UUID, error) {
	id, now := newID(), w.clock()
	var registered *time.Time
	if account.Valid {
		registered = &now
	}
	_, err := db.ExecContext(ctx, `INSERT INTO access (id, customer_id, account_id, first_name, last_name, email, email_folded, locale,
		invited_at, link_expires_at, registered_at, created_at) VALUES (?, ?, ?, 'Eva', 'Ende', ?, ?, 'de', ?, ?, ?, ?)`,
		id, customer, account, email, store.FoldEmail(email), now, now.Add(48*time.Hour), registered, now)
	return id, err
}

func (w *world) mustAccess(customer uuid.UUID, email string, account uuid.NullUUID) uuid.UUID {
	w.t.Helper()
	id, err := w.access(context.Background(), w.db, customer, email, account)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) touch(id uuid.UUID) {
	w.t.Helper()
	err := w.db.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error { return w.Touch(ctx, tx, id) })
	if err != nil {
		w.t.Fatal(err)
	}
}

// racesFromEnv is how many rounds a race is run: KONTOR_TEST_RACES, or few.
func racesFromEnv(few int) int {
	if n, err := strconv.Atoi(os.Getenv("KONTOR_TEST_RACES")); err == nil && n > 0 {
		return n
	}
	return few
}

// columns lists the tables of the schema with their columns, whatever they are: a new table can't be forgotten.
func (w *world) columns() map[string][]string {
	w.t.Helper()
	var rows []struct {
		Table  string `bun:"t"`
		Column string `bun:"c"`
	}
	sql := `SELECT m.name AS t, p.name AS c FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p
		WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%'`
	if w.db.IsPostgres() {
		sql = `SELECT table_name AS t, column_name AS c FROM information_schema.columns WHERE table_schema = 'public'`
	}
	if err := w.db.NewRaw(sql).Scan(context.Background(), &rows); err != nil {
		w.t.Fatal(err)
	}
	tables := map[string][]string{}
	for _, r := range rows {
		tables[r.Table] = append(tables[r.Table], r.Column)
	}
	return tables
}

// references lists where in the database one of the needles stands, "table.column"; the record of the customer's
// deletion may name its id.
func (w *world) references(customer uuid.UUID, needles ...string) (found []string) {
	w.t.Helper()
	for table, columns := range w.columns() {
		for _, column := range columns {
			if table == "deletion" && column == "customer_id" {
				continue
			}
			for _, needle := range needles {
				n := w.count(`SELECT count(*) FROM ? WHERE CAST(? AS TEXT) LIKE ?`, bun.Ident(table), bun.Ident(column), "%"+needle+"%")
				if n > 0 {
					found = append(found, fmt.Sprintf("%s.%s has %q %d times", table, column, needle, n))
				}
			}
		}
	}
	return found
}

// continueDeletions is the worker's part of deletions, in chunks of so many rows, until all are done or one fails.
func (w *world) continueDeletions(ctx context.Context, chunk int) (finished int, err error) {
	w.deletionChunk = chunk
	return w.jobs.Finish(ctx, job.CustomerDeletion)
}

// continueSwitches is the same for the customers of who was deactivated.
func (w *world) continueSwitches(ctx context.Context, chunk int) error {
	w.switchChunk = chunk
	_, err := w.jobs.Finish(ctx, job.AdministratorSwitch)
	return err
}
