package demo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/customer"
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
	if err != nil {
		t.Fatal(err)
	}
	return customer.New(customer.Options{DB: db, Now: now, Decider: policy, Audit: audit.New(db, now)})
}

func transactions(t *testing.T, db *store.DB, customers *customer.Service) *transaction.Service {
	t.Helper()
	policy, err := policies.New(policies.Default)
	if err != nil {
		t.Fatal(err)
	}
	return transaction.New(transaction.Options{DB: db, Now: now, Decider: policy, Audit: audit.New(db, now), Customers: customers})
}

func caller(t *testing.T, db *store.DB) account.Caller {
	t.Helper()
	var a account.Account
	if err := db.NewSelect().Model(&a).Where("specialist").Order("created_at").Limit(1).Scan(context.Background()); err != nil {
		t.Fatal(err)
	}
	return account.Caller{ID: a.ID, Name: a.Name, Roles: []policies.Role{policies.Specialist}}
}

// TestFirm: the demo firm has examples of everything, and all of it can be read, found and deleted like real data.
func TestFirm(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		s := service(t, db)
		if filled, err := Firm(ctx, db, now, s); err != nil || !filled {
			t.Fatal(filled, err)
		}
		distinct := func(column, table string) string {
			t.Helper()
			var list []string
			if err := db.NewRaw("SELECT DISTINCT ? FROM ? ORDER BY 1", bun.Ident(column), bun.Ident(table)).Scan(ctx, &list); err != nil {
				t.Fatal(err)
			}
			return strings.Join(list, " ")
		}
		for what, want := range map[string]string{
			"state message": "cancelled delivered failed handed_over queued sending", "channel message": "email sms", "type customer": "company person",
			"outcome message_attempt": " accepted bounced delivered permanent temporary",
		} {
			column, table, _ := strings.Cut(what, " ")
			if got := distinct(column, table); got != want {
				t.Errorf("%s of %s: %q, want %q", column, table, got, want)
			}
		}
		for where, least := range map[string]int{
			"access WHERE registered_at IS NOT NULL AND deactivated_at IS NULL": 10, "access WHERE deactivated_at IS NOT NULL": 2,
			"access WHERE undeliverable <> ''": 2, "access WHERE registered_at IS NULL AND opened_at IS NOT NULL": 2, "account WHERE specialist": 8,
			"customer WHERE attention_at IS NULL": 10, "account WHERE NOT specialist": 10, "transactions": 20, "audit": 60,
			"transactions WHERE status = 'closed'": 5, "transactions WHERE status = 'in_review'": 5, "transaction_processor": 5,
			"transactions WHERE due < '2026-11-24' AND due <> '' AND status <> 'closed'": 3, "transactions WHERE responsible_id IS NOT NULL": 10,
		} {
			var n int
			if err := db.NewRaw("SELECT count(*) FROM "+where).Scan(ctx, &n); err != nil || n < least {
				t.Errorf("%s: %d, %v; want at least %d", where, n, err, least)
			}
		}
		c := caller(t, db)
		p, err := s.List(ctx, c, customer.Filter{})
		if err != nil || p.Count < 38 || p.Count > 45 {
			t.Fatalf("%d customers, %v", p.Count, err)
		}
		for _, r := range p.Rows {
			cu, err := s.Get(ctx, c, r.ID)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := customer.Validate(cu.Type, cu.Data); err != nil || again != cu.Data {
				t.Errorf("%s would not be saved as it is: %v", cu.Name(), err)
			}
		}
		if p, err := s.List(ctx, c, customer.Filter{Attention: true}); err != nil || p.Count < 5 || p.Count > 12 {
			t.Errorf("%d need attention, %v", p.Count, err)
		}
		for query, want := range map[string]int{"oztürk": 1, "anna berg": 2, "gross-oehlmann": 1, "o'brien": 1, "example.org": 40} {
			if p, err := s.List(ctx, c, customer.Filter{Query: query}); err != nil || p.Count != want {
				t.Errorf("%q finds %d, %v; want %d", query, p.Count, err, want)
			}
		}
		var foreign int
		err = db.NewRaw(`SELECT count(*) FROM message WHERE recipient NOT LIKE '%@example.org' AND recipient NOT LIKE '+4917139200%'`).Scan(ctx, &foreign)
		if err != nil || foreign != 0 {
			t.Errorf("%d messages go to somebody real, %v", foreign, err)
		}
		if diff, err := assignment.Check(ctx, db, 5); err != nil || len(diff) > 0 {
			t.Errorf("index and facts differ: %+v, %v", diff, err)
		}
		someone := c
		if err := db.NewRaw("SELECT id FROM account WHERE email = 'lindner@lindner.example'").Scan(ctx, &someone.ID); err != nil {
			t.Fatal(err)
		}
		mine, err := transactions(t, db, s).List(ctx, someone, transaction.Filter{})
		if err != nil || mine.Count < 15 || mine.Count > 40 {
			t.Fatalf("the first specialist user sees %d transactions, %v", mine.Count, err)
		}
		c = someone
		if found, err := transactions(t, db, s).List(ctx, c, transaction.Filter{Query: mine.Rows[0].Label()}); err != nil || found.Count != 1 {
			t.Errorf("%s is found %d times, %v", mine.Rows[0].Label(), found.Count, err)
		}
		if filled, err := Firm(ctx, db, now, s); err != nil || filled {
			t.Errorf("a second time: %v, %v", filled, err)
		}
	})
}

// TestSeed: the same options give the same rows on both databases; another seed gives other rows.
func TestSeed(t *testing.T) {
	o := SeedOptions{Customers: 300, TransactionsPerCustomer: 2, Assignments: 700, Specialists: 5, Seed: 7}
	sums := map[string]string{}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		told := 0
		if err := Seed(ctx, db, o, func(done, total int) { told = done * 1000 / total }); err != nil || told != 1000 {
			t.Fatal(told, err)
		}
		sums[db.Dialect().Name().String()] = sum(t, db)
		for table, want := range map[string]int{
			"customer": 300, "access": 300, "transactions": 600, "customer_administrator": 700, "account WHERE specialist": 5,
			"customer WHERE attention_at IS NULL AND number > 10000 AND number <= 10300": 300 - attention(t, db),
		} {
			var n int
			if err := db.NewRaw("SELECT count(*) FROM "+table).Scan(ctx, &n); err != nil || n != want {
				t.Errorf("%s: %d rows, %v; want %d", table, n, err, want)
			}
		}
		s, c := service(t, db), caller(t, db)
		p, err := s.List(ctx, c, customer.Filter{Query: "example"})
		if err != nil || p.Count != 300 || len(p.Rows) != customer.PageSize {
			t.Errorf("found %d, %v", p.Count, err)
		}
		cu, _, err := s.Add(ctx, c, customer.Draft{Type: customer.Person, Data: customer.Data{FirstName: "A", LastName: "B"}}, nil)
		if err != nil || cu.Number != 10301 {
			t.Errorf("the next customer is %s, %v", cu.Label(), err)
		}
		next, _, err := transactions(t, db, s).Create(ctx, c, cu.ID, transaction.Form{Name: "Nächster"})
		if err != nil || next.Number != 10601 {
			t.Errorf("the next transaction is %s, %v", next.Label(), err)
		}
		if diff, err := assignment.Check(ctx, db, 5); err != nil || len(diff) > 0 {
			t.Errorf("index and facts differ: %+v, %v", diff, err)
		}
		for who, want := range map[string]int{"specialist1@example.net": 60 + 1, "specialist5@example.net": 2 * fewCustomers} {
			var id uuid.UUID
			if err := db.NewRaw("SELECT id FROM account WHERE email = ?", who).Scan(ctx, &id); err != nil {
				t.Fatal(err)
			}
			p, err := transactions(t, db, s).List(ctx, account.Caller{ID: id, Roles: c.Roles}, transaction.Filter{})
			if err != nil || p.Count != want {
				t.Errorf("%s sees %d transactions, %v; want %d", who, p.Count, err, want)
			}
			found, err := transactions(t, db, s).List(ctx, account.Caller{ID: id, Roles: c.Roles}, transaction.Filter{Query: p.Rows[3].Label() + " " + p.Rows[3].Name})
			if err != nil || found.Count != 1 {
				t.Errorf("%s finds %q %d times, %v", who, p.Rows[3].Name, found.Count, err)
			}
		}
	})
	if a, ok := sums["pg"]; ok && a != sums["sqlite"] {
		t.Errorf("the databases differ: %v", sums)
	}
	for _, seed := range []uint64{7, 8} {
		db := storetest.SQLite(t)
		o.Seed = seed
		if err := Seed(context.Background(), db, o, nil); err != nil {
			t.Fatal(err)
		}
		if same := sum(t, db) == sums["sqlite"]; same != (seed == 7) {
			t.Errorf("seed %d makes the same: %v", seed, same)
		}
	}
}

func attention(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	if err := db.NewRaw(`SELECT count(*) FROM customer WHERE attention_at IS NOT NULL`).Scan(context.Background(), &n); err != nil {
		t.Fatal(err)
	}
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
		if err := db.NewRaw(sql).Scan(context.Background(), &rows); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(h, rows)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
