package migrations_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/effort"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/migrations"
)

// TestDownAndUp: every step can be reverted, the last one first, and applied again, and the rows of the tables are kept.
func TestDownAndUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		exec := func(sql string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(ctx, sql, args...)
			require.NoError(t, err, sql)
		}
		const at = "2026-11-24 12:00:00+00:00"
		const id = "0193512f-0000-7000-8000-00000000000"
		exec(`INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at)
			VALUES (10001, ?, 'person', 'de', 'a', 'a', '', ?, ?)`, id+"1", at, at)
		for i, name := range []string{"Tax return", "Contract"} {
			exec(`INSERT INTO transactions (number, id, customer_id, name, name_folded, kind, created_at, updated_at)
				VALUES (?, ?, ?, ?, ?, 'contract', ?, ?)`, 10001+i, id+string(rune('2'+i)), id+"1", name, name, at, at)
		}
		// Before the step that brought kinds and names that are unique, two transactions could have the same name.
		_, err := migrations.Revert(ctx, db.DB, "20261125000004")
		require.NoError(t, err)
		exec(`INSERT INTO transactions (id, customer_id, name, created_at) VALUES (?, ?, 'Contract', ?)`, id+"4", id+"1", at)
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
		var got []struct {
			Number int    `bun:"number"`
			Folded string `bun:"name_folded"`
			Kind   string `bun:"kind"`
		}
		require.NoError(t, db.NewRaw(`SELECT number, name_folded, kind FROM transactions ORDER BY number`).Scan(ctx, &got))
		require.Len(t, got, 3, "transactions after the way down and up")
		assert.Equal(t, 10001, got[0].Number, "transactions after the way down and up")
		assert.Equal(t, 10003, got[2].Number, "transactions after the way down and up")
		assert.Equal(t, "contract 2", got[2].Folded, "transactions after the way down and up")
		assert.Equal(t, "other", got[0].Kind, "transactions after the way down and up")
		exec(`DELETE FROM transactions`)
		exec(`DELETE FROM customer`)
		steps, err := migrations.Revert(ctx, db.DB, "")
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(steps), 7, "reverted")
		assert.Empty(t, tables(t, db.DB), "left after the way down")
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
	})
}

// TestStopBetween: a process is stopped after any query of a migration, or after the commit. The next start brings the
// database up to date.
func TestStopBetween(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const from = "20261128000031"
		ctx := context.Background()
		for n, stopped, rounds := 1, true, 1; stopped; n, rounds = n+effort.Every(3), rounds+1 {
			if rounds%40 == 0 { // PostgreSQL counts columns that were dropped, and takes 1,600 for a table
				_, err := migrations.Revert(ctx, db.DB, "")
				require.NoError(t, err)
				_, err = migrations.Apply(ctx, db.DB)
				require.NoError(t, err)
			}
			_, err := migrations.Revert(ctx, db.DB, from)
			require.NoError(t, err, "before query %d", n)
			short, cancel := context.WithCancel(ctx)
			stop := &stopAfter{queries: n, stop: cancel}
			_, _ = migrations.Apply(short, db.WithQueryHook(stop))
			cancel()
			if err := migrations.Pending(ctx, db.DB); err == nil && stop.queries > 0 {
				stopped = false // It had finished before the stop came.
			}
			_, err = migrations.Apply(ctx, db.DB)
			require.NoError(t, err, "a start after a stop behind query %d", n)
			require.NoError(t, migrations.Pending(ctx, db.DB), "after a stop behind query %d", n)
			if !stopped && n < 12 {
				t.Fatalf("only %d queries were seen", n)
			}
		}
	})
}

// stopAfter calls stop behind the query with a number.
type stopAfter struct {
	queries int
	stop    func()
}

func (s *stopAfter) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (s *stopAfter) AfterQuery(context.Context, *bun.QueryEvent) {
	if s.queries--; s.queries == 0 {
		s.stop()
	}
}

// TestOwnComments: English comments that Kontor wrote on versions become text ids, and comments of people with the same
// words stay; the same in the other direction.
func TestOwnComments(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		comments := func() (list []string) {
			t.Helper()
			require.NoError(t, db.NewRaw(`SELECT comment FROM policy_version ORDER BY version`).Scan(ctx, &list))
			return list
		}
		_, err := migrations.Revert(ctx, db.DB, "20261125000009")
		require.NoError(t, err)
		const first, reset = "The policy that Kontor starts with.", "Reset to the policy that Kontor starts with."
		for i, v := range []struct {
			comment string
			author  any
		}{{first, nil}, {reset, nil}, {first, "0193512f-0000-7000-8000-000000000001"}} {
			_, err := db.ExecContext(ctx, `INSERT INTO policy_version (version, text, comment, author_id, author, published_at) VALUES (?, '', ?, ?, '', ?)`,
				i+1, v.comment, v.author, "2026-11-24 12:00:00+00:00")
			require.NoError(t, err)
		}
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
		assert.Equal(t, []string{"policy.comment_first", "policy.comment_reset", first}, comments(), "up")
		_, err = migrations.Revert(ctx, db.DB, "20261125000009")
		require.NoError(t, err)
		assert.Equal(t, []string{first, reset, first}, comments(), "down")
	})
}

// TestSearchDetails: a customer of the previous version stays unchanged, and is marked so that its details will be
// written. The previous version can still run with the new schema.
func TestSearchDetails(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		_, err := migrations.Revert(ctx, db.DB, "20261128000054")
		require.NoError(t, err)
		insert := func(number int) {
			t.Helper()
			_, err := db.ExecContext(ctx, `INSERT INTO customer (number, id, type, last_name, street, locale, name_sort, search, identity, created_at, updated_at)
				VALUES (?, ?, 'person', 'Berg', 'Hauptstr. 5', 'de', 'berg', ' berg', '', '2026-11-24 12:00:00+00:00', '2026-11-24 12:00:00+00:00')`,
				number, fmt.Sprintf("0193512f-0000-7000-8000-0000000%05d", number))
			require.NoError(t, err)
		}
		insert(10001)
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
		insert(10002)
		var open []int
		err = db.NewRaw(`SELECT number FROM customer WHERE details IS NULL AND search = ' berg' ORDER BY number`).Scan(ctx, &open)
		require.NoError(t, err, "to be written")
		assert.Equal(t, []int{10001, 10002}, open, "to be written")
	})
}

// TestNeeds: a customer of the previous version gets the reasons why it needs attention, and keeps its time. What the
// previous version writes with the new schema is found by the index of customers whose reasons are not known.
func TestNeeds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		exec := func(sql string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(ctx, sql, args...)
			require.NoError(t, err, sql)
		}
		const at, since = "2026-11-24 12:00:00+00:00", "2026-11-26 12:00:00+00:00"
		id := func(n int) string { return fmt.Sprintf("0193512f-0000-7000-8000-0000000%05d", n) }
		customer := func(number int, attention any) {
			t.Helper()
			exec(`INSERT INTO customer (number, id, type, locale, name_sort, search, identity, attention_at, created_at, updated_at)
				VALUES (?, ?, 'person', 'de', 'a', 'a', '', ?, ?, ?)`, number, id(number), attention, at, at)
		}
		access := func(number int, registered any) {
			t.Helper()
			exec(`INSERT INTO access (id, customer_id, first_name, last_name, email, email_folded, locale, invited_at, link_expires_at, registered_at, created_at)
				VALUES (?, ?, 'A', 'B', 'a@example.org', 'a@example.org', 'de', ?, ?, ?, ?)`, id(number), id(number), at, since, registered, at)
		}
		_, err := migrations.Revert(ctx, db.DB, "20261130000109")
		require.NoError(t, err)
		exec(`INSERT INTO account (id, specialist, name, name_sort, username, username_folded, email, email_folded, search, locale, created_at)
			VALUES (?, TRUE, 'A', 'a', 'a', 'a', 'a', 'a', 'a', 'de', ?)`, id(1), at)
		for n, attention := range []any{since, since, since, nil} {
			customer(n, attention)
			if n != 1 { // nobody administers it
				exec(`INSERT INTO customer_administrator (customer_id, specialist_id, created_at, created_by) VALUES (?, ?, ?, ?)`, id(n), id(1), at, id(1))
			}
		}
		access(1, at)
		access(2, nil)
		access(3, at)
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
		customer(4, since)
		for column, want := range map[string][]int{"no_access_since": {0}, "no_administrator_since": {1}, "invitation_at": {2}} {
			var got []int
			require.NoError(t, db.NewRaw(`SELECT number FROM customer WHERE ? = attention_at ORDER BY number`, bun.Ident(column)).Scan(ctx, &got))
			assert.Equal(t, want, got, column)
		}
		var unknown []int
		require.NoError(t, db.NewRaw(`SELECT number FROM customer WHERE COALESCE(attention_at, no_administrator_since, no_access_since, invitation_at) IS NOT NULL
			AND (attention_at IN (no_administrator_since, no_access_since, invitation_at)) IS NOT TRUE`).Scan(ctx, &unknown))
		assert.Equal(t, []int{4}, unknown, "whose reasons are not known")
		_, err = migrations.Revert(ctx, db.DB, "20261130000109")
		require.NoError(t, err)
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
	})
}

// TestRefusedAddresses: messages of the previous version stay, and none of their addresses counts as refused. The
// previous version can delete what the new one stores.
func TestRefusedAddresses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		exec := func(sql string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(ctx, sql, args...)
			require.NoError(t, err)
		}
		_, err := migrations.Revert(ctx, db.DB, "20261128000084")
		require.NoError(t, err)
		const id, at = "0193512f-0000-7000-8000-000000000001", "2026-11-24 12:00:00+00:00"
		exec(`INSERT INTO message (id, kind, channel, recipient, locale, generation, dedupe, state, reason, expires_at, created_at)
			VALUES (?, 'registration', 'email', 'anna@example.org', 'de', 1, 'a', 'failed', 'recipient_unknown', ?, ?)`, id, at, at)
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
		count := func() (n int) {
			t.Helper()
			require.NoError(t, db.NewRaw(`SELECT count(*) FROM refused_address`).Scan(ctx, &n))
			return n
		}
		assert.Equal(t, 0, count(), "refused")
		exec(`INSERT INTO refused_address (hash, reason, message_id, refused_at) VALUES ('h', 'recipient_unknown', ?, ?)`, id, at)
		exec(`DELETE FROM message`)
		assert.Equal(t, 0, count(), "left without their message")
	})
}

// TestAccessSummary: customers of the previous version get the summary of their accesses.
func TestAccessSummary(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		exec := func(sql string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(ctx, sql, args...)
			require.NoError(t, err)
		}
		_, err := migrations.Revert(ctx, db.DB, "20261129000087")
		require.NoError(t, err)
		const at, early, late = "2026-11-24 12:00:00+00:00", "2026-11-26 12:00:00+00:00", "2026-11-27 12:00:00+00:00"
		id := func(n int) string { return fmt.Sprintf("0193512f-0000-7000-8000-0000000%05d", n) }
		type access struct {
			waiting               bool
			deactivated, register any
			undeliverable, link   string
		}
		invited, later := access{link: early}, access{link: late}
		registered, bounced := access{register: at, link: early}, access{undeliverable: "refused", link: early}
		deactivated, waits := access{deactivated: at, register: at, link: early}, access{waiting: true, deactivated: at, link: early}
		for i, accesses := range [][]access{{}, {registered, deactivated}, {later, invited, registered}, {waits, invited}, {bounced, waits}, {deactivated}} {
			exec(`INSERT INTO customer (number, id, type, last_name, locale, name_sort, search, identity, created_at, updated_at)
				VALUES (?, ?, 'person', 'Berg', 'de', 'berg', ' berg', '', ?, ?)`, 10001+i, id(i), at, at)
			for j, a := range accesses {
				exec(`INSERT INTO access (id, customer_id, first_name, last_name, email, email_folded, locale, invited_at, link_expires_at, undeliverable,
					registered_at, deactivated_at, waiting, created_at) VALUES (?, ?, 'B', 'K', ?, ?, 'de', ?, ?, ?, ?, ?, ?, ?)`, id(100*i+j), id(i), id(j), id(j),
					at, a.link, a.undeliverable, a.register, a.deactivated, a.waiting, at)
			}
		}
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
		var got []struct {
			Count     int        `bun:"access_count"`
			Registers int        `bun:"access_registered"`
			Worst     string     `bun:"access_worst"`
			Expires   *time.Time `bun:"access_expires_at"`
		}
		err = db.NewRaw(`SELECT access_count, access_registered, access_worst, access_expires_at FROM customer ORDER BY number`).Scan(ctx, &got)
		require.NoError(t, err)
		var said []string
		for _, g := range got {
			expires := "never"
			if g.Expires != nil {
				expires = g.Expires.UTC().Format("2006-01-02")
			}
			said = append(said, fmt.Sprint(g.Count, g.Registers, g.Worst, " ", expires))
		}
		assert.Equal(t, []string{
			"0 0 never", "2 1registered never", "3 1invited 2026-11-26", "2 0waiting 2026-11-26", "2 0undeliverable never", "1 0deactivated never",
		}, said)
	})
}

// TestVisibleByNumber: the index of visible transactions has the numbers of the transactions, also in rows that the previous
// version writes beside the new one.
func TestVisibleByNumber(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		exec := func(sql string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(ctx, sql, args...)
			require.NoError(t, err, sql)
		}
		_, err := migrations.Revert(ctx, db.DB, "20261130000119")
		require.NoError(t, err)
		const id, at = "0193512f-0000-7000-8000-00000000000", "2026-11-24 12:00:00+00:00"
		exec(`INSERT INTO account (id, username, username_folded, email, email_folded, name, specialist, created_at)
			VALUES (?, 'anna', 'anna', 'anna@example.org', 'anna@example.org', 'Anna', TRUE, ?)`, id+"9", at)
		exec(`INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at)
			VALUES (10001, ?, 'person', 'de', 'a', 'a', '', ?, ?)`, id+"1", at, at)
		insert := func(number int, id string) {
			t.Helper()
			exec(`INSERT INTO transactions (number, id, customer_id, name, name_folded, kind, created_at, updated_at)
				VALUES (?, ?, '0193512f-0000-7000-8000-000000000001', ?, ?, 'contract', ?, ?)`, number, id, id, id, at, at)
			exec(`INSERT INTO transaction_visible (specialist_id, created_at, transaction_id, relmask)
				VALUES ('0193512f-0000-7000-8000-000000000009', ?, ?, 1)`, at, id)
		}
		insert(10005, id+"2")
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
		insert(10006, id+"3")
		var numbers []int
		require.NoError(t, db.NewRaw(`SELECT number FROM transaction_visible ORDER BY transaction_id`).Scan(ctx, &numbers))
		assert.Equal(t, []int{10005, 10006}, numbers)
	})
}

// TestTransactionSorts: transactions of the previous version are found in the order of their folded names, which is that of their
// bytes on both databases. Saved views keep their order in both directions.
func TestTransactionSorts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		exec := func(sql string, args ...any) {
			t.Helper()
			_, err := db.ExecContext(ctx, sql, args...)
			require.NoError(t, err, sql)
		}
		_, err := migrations.Revert(ctx, db.DB, "20261130000299")
		require.NoError(t, err)
		const id, at = "0193512f-0000-7000-8000-00000000000", "2026-11-24 12:00:00+00:00"
		exec(`INSERT INTO account (id, username, username_folded, email, email_folded, name, specialist, created_at)
			VALUES (?, 'anna', 'anna', 'anna@example.org', 'anna@example.org', 'Anna', TRUE, ?)`, id+"9", at)
		exec(`INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at)
			VALUES (10001, ?, 'person', 'de', 'a', 'a', '', ?, ?)`, id+"1", at, at)
		for i, folded := range []string{"zoll", "a b", "ab", "ärger", "a-b"} {
			exec(`INSERT INTO transactions (number, id, customer_id, name, name_folded, kind, created_at, updated_at)
				VALUES (?, ?, ?, ?, ?, 'contract', ?, ?)`, 10001+i, fmt.Sprint("0193512f-0000-7000-8000-00000000001", i), id+"1", folded, folded, at, at)
		}
		view := func(n int, list, query string) {
			exec(`INSERT INTO saved_view (id, account_id, list, name, query, created_at) VALUES (?, ?, ?, ?, ?, ?)`,
				fmt.Sprint("0193512f-0000-7000-8000-00000000002", n), id+"9", list, fmt.Sprint(n), query, at)
		}
		view(0, "transactions", "kind=contract&sort=newest")
		view(1, "transactions", "status=open")
		view(2, "customers", "city=Kiel&sort=-number")
		views := func() (queries []string) {
			require.NoError(t, db.NewRaw(`SELECT query FROM saved_view ORDER BY id`).Scan(ctx, &queries))
			return queries
		}
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
		assert.Equal(t, []string{"kind=contract&sort=-number", "status=open", "city=Kiel&sort=-number"}, views())
		var folded []string
		require.NoError(t, db.NewRaw(`SELECT name_folded FROM transactions ORDER BY name_folded, number`).Scan(ctx, &folded))
		assert.Equal(t, []string{"a b", "a-b", "ab", "zoll", "ärger"}, folded)
		_, err = migrations.Revert(ctx, db.DB, "20261130000299")
		require.NoError(t, err)
		assert.Equal(t, []string{"kind=contract&sort=newest", "status=open", "city=Kiel&sort=-number"}, views())
		_, err = migrations.Apply(ctx, db.DB)
		require.NoError(t, err)
	})
}

// tables are those that are not the database's or the migrator's own.
func tables(t *testing.T, db *bun.DB) (names []string) {
	t.Helper()
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'bun_%'`
	if (&store.DB{DB: db}).IsPostgres() {
		query = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name NOT LIKE 'bun_%'`
	}
	require.NoError(t, db.NewRaw(query).Scan(context.Background(), &names))
	return names
}
