package customer

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/job"
	"kontor/app/sample"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

// world is a database with the service on it and a few people.
type world struct {
	*Service
	*accounttest.Firm

	anna, ben, data, auditor, end account.Caller
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, newWorld(t, db)) })
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	w := &world{Firm: accounttest.NewFirm(t, db, testNow)}
	w.Service = New(Options{DB: db, Now: w.Now, Decider: w.Decider, Audit: w.Audit, Courier: w.Post, Accounts: w.Accounts, Jobs: w.Jobs})
	AddFeatures(w.Firm, w.Service)
	w.anna = w.Person("Anna Amt", true, policies.Specialist)
	w.ben = w.Person("Ben Büro", true, policies.Specialist)
	w.data = w.Person("Dora Daten", true, policies.Specialist, policies.DataAdministrator)
	w.auditor = w.Person("Rita Revision", true, policies.Auditor)
	w.end = w.Person("Eva Ende", false, policies.EndUser)
	return w
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// add adds a customer with one access.
func (w *world) add(c account.Caller, t Type, d Data, email string) Customer {
	w.Helper()
	cu, _, err := w.Add(context.Background(), c, Draft{Type: t, Data: d}, w.first(email))
	require.NoError(w, err)
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
	id, now := newID(), w.Now()
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
	w.Helper()
	id, err := w.access(context.Background(), w.db, customer, email, account)
	require.NoError(w, err)
	return id
}

func (w *world) touch(id uuid.UUID) {
	w.Helper()
	err := w.db.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error { return w.Refresh(ctx, tx, id) })
	require.NoError(w, err)
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
	w.Helper()
	var rows []struct {
		Table  string `bun:"t"`
		Column string `bun:"c"`
	}
	sql := `SELECT m.name AS t, p.name AS c FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p
		WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%'`
	if w.db.IsPostgres() {
		sql = `SELECT table_name AS t, column_name AS c FROM information_schema.columns WHERE table_schema = 'public'`
	}
	require.NoError(w, w.db.NewRaw(sql).Scan(context.Background(), &rows))
	tables := map[string][]string{}
	for _, r := range rows {
		tables[r.Table] = append(tables[r.Table], r.Column)
	}
	return tables
}

// references lists where in the database one of the needles stands, "table.column"; the record of the customer's
// deletion may name its id.
func (w *world) references(customer uuid.UUID, needles ...string) (found []string) {
	w.Helper()
	for table, columns := range w.columns() {
		for _, column := range columns {
			if table == "deletion" && column == "customer_id" {
				continue
			}
			for _, needle := range needles {
				n := w.Number(`SELECT count(*) FROM ? WHERE CAST(? AS TEXT) LIKE ?`, bun.Ident(table), bun.Ident(column), "%"+needle+"%")
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

// sampleOnce makes searches use one sample of the customers that there are now.
func (w *world) sampleOnce() {
	w.Helper()
	t, err := w.sampled().Take(w.Ctx, 1)
	w.Must(err)
	w.texts = sample.Always(t)
}
