package demo

import (
	"context"
	"crypto/sha256"
	"fmt"
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
	require.NoError(t, db.NewSelect().Model(&a).Where("specialist").Order("created_at").Limit(1).Scan(context.Background()))
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
		p, err = s.List(ctx, c, customer.Filter{Attention: true})
		require.NoError(t, err)
		assert.GreaterOrEqual(t, p.Count, 5, "need attention")
		assert.LessOrEqual(t, p.Count, 12)
		for query, want := range map[string]int{"oztürk": 1, "anna berg": 2, "gross-oehlmann": 1, "o'brien": 1, "example.org": 40} {
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

func attention(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	require.NoError(t, db.NewRaw(`SELECT count(*) FROM customer WHERE attention_at IS NOT NULL`).Scan(context.Background(), &n))
	return n
}

// sum is one value over what Seed made.
func sum(t *testing.T, db *store.DB) string {
	t.Helper()
	h := sha256.New()
	for _, sql := range []string{
		`SELECT number || CAST(id AS TEXT) || search || name_sort || city || identity FROM customer ORDER BY number`,
		`SELECT CAST(id AS TEXT) || CAST(customer_id AS TEXT) || email || COALESCE(CAST(account_id AS TEXT), '') FROM access ORDER BY id`,
		`SELECT CAST(customer_id AS TEXT) || CAST(specialist_id AS TEXT) FROM customer_administrator ORDER BY customer_id, specialist_id`,
		`SELECT CAST(id AS TEXT) || name || search || kind || status || due FROM transactions ORDER BY id`,
		`SELECT CAST(specialist_id AS TEXT) || CAST(transaction_id AS TEXT) FROM transaction_visible ORDER BY specialist_id, transaction_id`,
	} {
		var rows []string
		require.NoError(t, db.NewRaw(sql).Scan(context.Background(), &rows))
		fmt.Fprintln(h, rows)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
