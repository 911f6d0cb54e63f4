package demo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/job"
	"kontor/app/listing"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

var testNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func now() time.Time { return testNow }

func service(t *testing.T, db *store.DB) *customer.Service {
	t.Helper()
	policy, err := policies.New(policies.Default)
	require.NoError(t, err)
	return customer.New(customer.Options{DB: db, Now: now, Decider: policy, Audit: audit.New(db, now), Jobs: job.New(job.Options{DB: db, Now: now})})
}

func transactions(t *testing.T, db *store.DB, customers *customer.Service) *transaction.Service {
	t.Helper()
	policy, err := policies.New(policies.Default)
	require.NoError(t, err)
	return transaction.New(transaction.Options{DB: db, Now: now, Decider: policy, Audit: audit.New(db, now), Customers: customers})
}

func caller(t *testing.T, db *store.DB) account.Caller {
	t.Helper()
	var a account.Account
	require.NoError(t, db.NewSelect().Model(&a).Where("specialist").Order("created_at", "email").Limit(1).Scan(context.Background()))
	return account.Caller{ID: a.ID, Name: a.Name, Roles: []policies.Role{policies.Specialist}}
}

// TestFirm: the demo firm has examples of everything, and all of it can be read, found and deleted like real data.
func TestFirm(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		s := service(t, db)
		filled, err := Firm(ctx, db, now, s)
		require.NoError(t, err)
		require.True(t, filled)
		distinct := func(column, table string) string {
			t.Helper()
			var list []string
			require.NoError(t, db.NewRaw("SELECT DISTINCT ? FROM ? ORDER BY 1", bun.Ident(column), bun.Ident(table)).Scan(ctx, &list))
			return strings.Join(list, " ")
		}
		for what, want := range map[string]string{
			"state message": "cancelled delivered failed handed_over queued sending", "channel message": "email sms", "type customer": "company person",
			"outcome message_attempt": " accepted bounced delivered permanent temporary",
		} {
			column, table, _ := strings.Cut(what, " ")
			assert.Equal(t, want, distinct(column, table), "%s of %s", column, table)
		}
		for where, least := range map[string]int{
			"access WHERE registered_at IS NOT NULL AND deactivated_at IS NULL": 10, "access WHERE deactivated_at IS NOT NULL": 2,
			"access WHERE undeliverable <> ''": 2, "access WHERE registered_at IS NULL AND opened_at IS NOT NULL": 2, "account WHERE specialist": 8,
			"customer WHERE attention_at IS NULL": 10, "account WHERE NOT specialist": 10, "transactions": 20, "audit": 60,
			"transactions WHERE status = 'closed'": 5, "transactions WHERE status = 'in_review'": 5, "transaction_processor": 5,
			"note": 5, "firm WHERE mark IS NOT NULL": 1, "firm_setting": 10, "firm_holiday": 20, "firm_phrase": 3, "account WHERE specialist AND password_hash <> '' AND last_sign_in_at IS NOT NULL": 6, "account WHERE specialist AND password_hash = ''": 1,
			"transactions WHERE due < '2026-11-24' AND due <> '' AND status <> 'closed'": 3, "transactions WHERE responsible_id IS NOT NULL": 10,
		} {
			var n int
			err := db.NewRaw("SELECT count(*) FROM "+where).Scan(ctx, &n)
			require.NoError(t, err, where)
			assert.GreaterOrEqual(t, n, least, where)
		}
		c := caller(t, db)
		p, err := s.List(ctx, c, customer.Filter{})
		require.NoError(t, err)
		require.GreaterOrEqual(t, p.Count, 38, "customers")
		require.LessOrEqual(t, p.Count, 45)
		for _, r := range p.Rows {
			cu, err := s.Get(ctx, c, r.ID)
			require.NoError(t, err)
			again, err := customer.Validate(cu.Type, cu.Data)
			require.NoError(t, err, "%s would not be saved as it is", cu.Name())
			assert.Equal(t, cu.Data, again, "%s would not be saved as it is", cu.Name())
		}
		uta := c
		uta.Roles = []policies.Role{policies.UserAdministrator}
		p, err = s.List(ctx, uta, customer.Filter{Attention: true})
		require.NoError(t, err)
		assert.GreaterOrEqual(t, p.Count, 5, "need attention")
		assert.LessOrEqual(t, p.Count, 12)
		for query, want := range map[string]int{"oztürk": 1, "anna berg": 2, "gross-oehlmann": 1, "o'brien": 1, "example.org": 41} {
			p, err := s.List(ctx, c, customer.Filter{Query: query})
			require.NoError(t, err)
			assert.Equal(t, want, p.Count, "%q finds", query)
		}
		var foreign int
		err = db.NewRaw(`SELECT count(*) FROM message WHERE recipient NOT LIKE '%@example.org' AND recipient NOT LIKE '+4917139200%'`).Scan(ctx, &foreign)
		require.NoError(t, err)
		assert.Equal(t, 0, foreign, "messages go to somebody real")
		diff, err := assignment.Check(ctx, db, 5)
		require.NoError(t, err, "index and facts differ")
		assert.Empty(t, diff, "index and facts differ")
		someone := c
		require.NoError(t, db.NewRaw("SELECT id FROM account WHERE email = 'lindner@lindner.example'").Scan(ctx, &someone.ID))
		mine, err := transactions(t, db, s).List(ctx, someone, transaction.Filter{})
		require.NoError(t, err)
		require.GreaterOrEqual(t, mine.Count, 15, "the first specialist user sees %d transactions", mine.Count)
		require.LessOrEqual(t, mine.Count, 40)
		c = someone
		found, err := transactions(t, db, s).List(ctx, c, transaction.Filter{Query: mine.Rows[0].Label()})
		require.NoError(t, err)
		assert.Equal(t, 1, found.Count, "%s is found %d times", mine.Rows[0].Label(), found.Count)
		filled, err = Firm(ctx, db, now, s)
		require.NoError(t, err, "a second time")
		assert.False(t, filled, "a second time: %v", filled)
	})
}

// TestSeed: the same options give the same rows on both databases; another seed gives other rows.
func TestSeed(t *testing.T) {
	o := SeedOptions{Customers: 300, TransactionsPerCustomer: 2, Assignments: 700, Specialists: 5, Seed: 7}
	sums := map[string]string{}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		told := 0
		err := Seed(ctx, db, o, func(done, total int) { told = done * 1000 / total })
		require.NoError(t, err)
		require.Equal(t, 1000, told)
		sums[db.Dialect().Name().String()] = sum(t, db)
		for table, want := range map[string]int{
			"customer": 300, "access": 300, "transactions": 600, "customer_administrator": 700, "account WHERE specialist": 5,
			"customer WHERE attention_at IS NULL AND number > 10000 AND number <= 10300": 300 - attention(t, db),
		} {
			var n int
			err := db.NewRaw("SELECT count(*) FROM "+table).Scan(ctx, &n)
			require.NoError(t, err, "%s: rows", table)
			assert.Equal(t, want, n, table)
		}
		s, c := service(t, db), caller(t, db)
		p, err := s.List(ctx, c, customer.Filter{Query: "example"})
		require.NoError(t, err)
		assert.Equal(t, 300, p.Count, "found")
		assert.Len(t, p.Rows, listing.PageSize)
		cu, _, err := s.Add(ctx, c, customer.Draft{Type: customer.Person, Data: customer.Data{FirstName: "A", LastName: "B"}}, nil)
		require.NoError(t, err, "the next customer is %s", cu.Label())
		assert.EqualValues(t, 10301, cu.Number, "the next customer is %s", cu.Label())
		next, _, err := transactions(t, db, s).Create(ctx, c, cu.ID, transaction.Form{Name: "Nächster"})
		require.NoError(t, err, "the next transaction is %s", next.Label())
		assert.EqualValues(t, 10601, next.Number, "the next transaction is %s", next.Label())
		diff, err := assignment.Check(ctx, db, 5)
		require.NoError(t, err, "index and facts differ")
		assert.Empty(t, diff, "index and facts differ")
		for who, want := range map[string]int{"specialist1@example.net": 60 + 1, "specialist5@example.net": 2 * fewCustomers} {
			var id uuid.UUID
			require.NoError(t, db.NewRaw("SELECT id FROM account WHERE email = ?", who).Scan(ctx, &id))
			p, err := transactions(t, db, s).List(ctx, account.Caller{ID: id, Roles: c.Roles}, transaction.Filter{})
			require.NoError(t, err)
			assert.Equal(t, want, p.Count, "%s sees %d transactions", who, p.Count)
			found, err := transactions(t, db, s).List(ctx, account.Caller{ID: id, Roles: c.Roles}, transaction.Filter{Query: p.Rows[3].Label() + " " + p.Rows[3].Name})
			require.NoError(t, err)
			assert.Equal(t, 1, found.Count, "%s finds %q %d times", who, p.Rows[3].Name, found.Count)
		}
	})
	assert.Equal(t, seeded, sums["sqlite"], "the rows are others than those of earlier versions")
	if a, ok := sums["pg"]; ok && a != sums["sqlite"] {
		t.Errorf("the databases differ: %v", sums)
	}
	for _, seed := range []uint64{7, 8} {
		db := storetest.SQLite(t)
		o.Seed = seed
		require.NoError(t, Seed(context.Background(), db, o, nil))
		same := sum(t, db) == sums["sqlite"]
		assert.Equal(t, seed == 7, same, "seed %d makes the same", seed)
	}
}

// TestSeedResumed: a seeding that is interrupted after each of its tx, or within one, goes on and makes the same in the
// end. Until then the database counts as unfinished, and other options are refused.
func TestSeedResumed(t *testing.T) {
	o := SeedOptions{Customers: 300, TransactionsPerCustomer: 2, Assignments: 700, Specialists: 5, Seed: 7}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		indexes := func() (all []string) {
			t.Helper()
			query := `SELECT sql FROM sqlite_schema ORDER BY 1`
			if db.IsPostgres() {
				query = `SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1`
			}
			require.NoError(t, db.NewRaw(query).Scan(context.Background(), &all))
			for i := range all { // PostgreSQL adds brackets, and fewer when it reads its own text again
				all[i] = strings.NewReplacer("(", "", ")", "").Replace(all[i])
			}
			return all
		}
		before, stopped := indexes(), errors.New("stopped")
		interrupted := func(n int) error {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			s := seeding{sizes: sizes{batch: 20, tx: 3, bulk: 100}, step: func() error { return stopped }}
			s.tell = func(done, total int) {
				assert.Equal(t, o.Customers, total)
				if n%2 == 0 && done%60 == 40 { // in the middle of a tx
					cancel()
				}
			}
			return s.run(ctx, db, o)
		}
		ended := map[error]int{}
		for n := 0; ; n++ {
			err := interrupted(n)
			if err == nil {
				break
			}
			for _, why := range []error{stopped, context.Canceled} {
				if errors.Is(err, why) {
					ended[why]++
				}
			}
			require.Less(t, n, 100, "it does not come to its end: %v", err)
			if ended[stopped] == 0 {
				continue
			}
			_, unfinished, err := Unfinished(context.Background(), db)
			require.NoError(t, err)
			require.True(t, unfinished, "after part %d", n)
			other := o
			other.Customers++
			require.ErrorIs(t, Seed(context.Background(), db, other, nil), ErrUnfinished, "after part %d", n)
		}
		assert.GreaterOrEqual(t, ended[context.Canceled], 3, "interrupted within a tx")
		assert.Greater(t, ended[stopped], 10, "interrupted after a tx")
		_, unfinished, err := Unfinished(context.Background(), db)
		require.NoError(t, err)
		assert.False(t, unfinished)
		assert.Equal(t, seeded, sum(t, db), "rows")
		assert.Equal(t, before, indexes(), "indexes")
		require.ErrorIs(t, Seed(context.Background(), db, o, nil), ErrSeeded)
		if db.IsPostgres() {
			return
		}
		assert.Equal(t, expectedIndex(t, o), indexed(t, db), "search indexes")
		var broken []string
		require.NoError(t, db.NewRaw(`SELECT "table" FROM pragma_foreign_key_check`).Scan(context.Background(), &broken))
		assert.Empty(t, broken, "foreign keys")
		var mode string
		require.NoError(t, db.NewRaw(`PRAGMA journal_mode`).Scan(context.Background(), &mode))
		assert.Equal(t, "wal", mode)
	})
}

// expectedIndex is the sum of the search indexes after a seeding that was not interrupted.
func expectedIndex(t *testing.T, o SeedOptions) string {
	t.Helper()
	db := storetest.SQLite(t)
	require.NoError(t, Seed(context.Background(), db, o, nil))
	return indexed(t, db)
}

// TestSeedOnce: a database is filled if it is empty or unfinished.
func TestSeedOnce(t *testing.T) {
	ctx, db := context.Background(), storetest.SQLite(t)
	o, stopped := SeedOptions{Customers: 10, Seed: 1}, errors.New("stopped")
	s := seeding{sizes: sizes{batch: 2, tx: 2, bulk: 100}, step: func() error { return stopped }}
	require.ErrorIs(t, s.run(ctx, db, o), stopped)
	for _, want := range []bool{true, false} {
		did, err := SeedOnce(ctx, db, o)
		require.NoError(t, err)
		assert.Equal(t, want, did)
	}
	n, err := db.NewSelect().Table("customer").Count(ctx)
	require.NoError(t, err)
	assert.EqualValues(t, 10, n)
}

func attention(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	require.NoError(t, db.NewRaw(`SELECT count(*) FROM customer WHERE attention_at IS NOT NULL`).Scan(context.Background(), &n))
	return n
}

// seeded is the sum of the rows of TestSeed. Databases that are kept for measurements hold the same rows in every version.
const seeded = "069723a28348571e9c88bd071a75bcae7c32c69dedbca52b67c4e7eabbf6ea40"

// sum is one value over what Seed made.
func sum(t *testing.T, db *store.DB) string {
	t.Helper()
	h := sha256.New()
	seconds := `strftime('%%s', %s)`
	if db.IsPostgres() {
		seconds = `CAST(extract(epoch FROM %s) AS BIGINT)`
	}
	text := func(column string) string {
		column, kind, _ := strings.Cut(column, ":")
		switch kind {
		case "time":
			column = fmt.Sprintf(seconds, column)
		case "bool":
			return `CASE WHEN ` + column + ` THEN 'y' ELSE 'n' END`
		}
		return `COALESCE(CAST(` + column + ` AS TEXT), '')`
	}
	var last []string
	for _, c := range []store.Counter{customer.Counter, transaction.Counter} {
		number, err := c.Last(context.Background(), db)
		require.NoError(t, err)
		last = append(last, fmt.Sprintf("%s|%d", c, number))
	}
	fmt.Fprintln(h, "counter", last)
	for _, table := range []struct{ name, columns string }{
		{"account", "id specialist:bool name name_sort username username_folded email email_folded search locale created_at:time"},
		{"account_role", "account_id role"},
		{"customer", `number id type salutation first_name last_name date_of_birth company_name legal_form register_number street postal_code
			city country phone locale name_sort search details identity attention_at:time created_at:time updated_at:time`},
		{"search_word", "word backwards"},
		{"customer_administrator", "customer_id specialist_id created_at:time created_by"},
		{"access", `id customer_id account_id first_name last_name email email_folded mobile locale invited_at:time link_expires_at:time
			undeliverable registered_at:time deactivated_at:time created_at:time`},
		{"transactions", "number id customer_id name name_folded kind status due responsible_id search created_at:time updated_at:time"},
		{"transaction_visible", "specialist_id transaction_id created_at:time relmask"},
	} {
		var columns, rows []string
		for _, c := range strings.Fields(table.columns) {
			columns = append(columns, text(c))
		}
		keys := slices.Clone(columns[:2])
		if db.IsPostgres() {
			for i := range keys {
				keys[i] += ` COLLATE "C"`
			}
		}
		err := db.NewRaw(`SELECT `+strings.Join(columns, ` || '|' || `)+` FROM `+table.name+` ORDER BY `+strings.Join(keys, ", ")).
			Scan(context.Background(), &rows)
		require.NoError(t, err, table.name)
		fmt.Fprintln(h, table.name, rows)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// indexed is one value over the entries of SQLite's search indexes.
func indexed(t *testing.T, db *store.DB) string {
	t.Helper()
	ctx, h := context.Background(), sha256.New()
	err := db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, index := range []string{"customer_search", "transaction_search"} {
			var terms []string
			_, err := tx.NewRaw(`CREATE VIRTUAL TABLE temp.entries USING fts5vocab('main', ?, 'instance')`, index).Exec(ctx)
			require.NoError(t, err, index)
			require.NoError(t, tx.NewRaw(`SELECT term || '|' || doc FROM temp.entries ORDER BY term, doc`).Scan(ctx, &terms), index)
			_, err = tx.NewRaw(`DROP TABLE temp.entries`).Exec(ctx)
			require.NoError(t, err, index)
			fmt.Fprintln(h, terms)
		}
		return nil
	})
	require.NoError(t, err)
	return fmt.Sprintf("%x", h.Sum(nil))
}
