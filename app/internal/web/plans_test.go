package web

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/customer"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
)

// growing are the tables that have a row for each customer, or more.
var growing = []string{"customer", "access", "account", "customer_administrator", "transactions", "transaction_visible", "transaction_processor",
	"message", "message_attempt", "audit", "session", "link"}

// wholeTables are the statements that may read a whole table, by a part of their text, with the reason.
var wholeTables = map[string]string{
	"SELECT t.number FROM transactions AS t ORDER BY t.number DESC LIMIT": "the table has the order of the numbers, so it ends at its limit",
	"SELECT t.number FROM transactions AS t ORDER BY t.number ASC LIMIT":  "the table has the order of the numbers, so it ends at its limit",
	"FROM customer NOT INDEXED":      "the table has the order of the numbers, and a sample says that the page is soon full",
	`FROM "message" WHERE (state = `: "the test itself looks for what it delivers",
}

// lists are the addresses of lists in each order, with each filter, and with several.
func lists() (addresses []string) {
	filters := []string{"", "type=company", "administrator=me", "administrator=none", "city=Kiel", "status=attention", "status=none", "status=invited",
		"status=registered&type=person", "administrator=me&city=Kiel", "status=attention&status=expired&type=company"}
	for _, sort := range customer.Sorts {
		for _, f := range filters {
			addresses = append(addresses, "/customers?sort="+sort+"&"+f, "/customers?q=k%C3%BChn&sort=-"+sort+"&"+f)
		}
	}
	for _, f := range []string{"", "kind=contract", "status=open", "status=closed", "due=overdue", "due=none", "responsible=me", "responsible=none", "kind=contract&responsible=me&status=closed"} {
		addresses = append(addresses, "/transactions?"+f, "/transactions?q=a&"+f)
		for _, sort := range transaction.Sorts {
			addresses = append(addresses, "/transactions?sort="+sort+"&"+f, "/transactions?sort=-"+sort+"&"+f, "/transactions?q=a&sort="+sort+"&"+f)
		}
	}
	return addresses
}

// TestNoWholeTables: no statement that a page needs, or that the acts of people behind these pages have run, reads all
// rows of a table that grows with the customers. On SQLite the plan does not depend on how many rows there are; on
// PostgreSQL other ways are preferred, so that what is left has none.
func TestNoWholeTables(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorldOn(t, db)
		seen := &statements{}
		w.DB.DB = w.DB.WithQueryHook(seen)
		x := w.furnish()
		w.deliver()
		b := w.signedIn()
		for _, r := range w.table() {
			if r.Method == http.MethodGet {
				b.get(x.address(t, r.Path))
			}
		}
		for _, list := range lists() {
			b.get(list).want(t, http.StatusOK)
		}
		for _, filter := range []string{"sort=notes", "sort=deliveries", "q=ruft"} {
			b.get(x.address(t, "/customers/:id/history")+"?"+filter).want(t, http.StatusOK)
		}
		processor := w.asker("processor") // whose transactions are counted in another way
		w.addProcessor(x.transaction, w.processor)
		processor.get(w.path()+"/history").want(t, http.StatusOK)
		said := shapes(seen.take())
		require.Greater(t, len(said), 100)
		found := map[string]bool{}
		for _, q := range said {
			for _, table := range w.readWhole(q) {
				reason := ""
				for part, why := range wholeTables {
					if strings.Contains(q, part) {
						found[part], reason = true, why
					}
				}
				assert.NotEmpty(t, reason, "reads all rows of %s: %s", table, q)
			}
		}
		if !w.DB.IsPostgres() {
			for part := range wholeTables {
				assert.True(t, found[part], "no statement with %q reads a whole table any more", part)
			}
		}
	})
}

// shapes returns one statement of each kind that can be explained: those that differ only in their values are the same.
func shapes(said []string) (list []string) {
	values := regexp.MustCompile(`'(?:[^']|'')*'|\b\d+\b`)
	known := map[string]bool{}
	for _, q := range said {
		word, _, _ := strings.Cut(q, " ")
		shape := values.ReplaceAllString(q, "?")
		if slices.Contains([]string{"SELECT", "UPDATE", "DELETE", "WITH"}, word) && !known[shape] {
			known[shape] = true
			list = append(list, q)
		}
	}
	return list
}

var (
	named    = regexp.MustCompile(`(?i)\b(?:FROM|JOIN|UPDATE)\s+"?(\w+)"?(?:\s+AS\s+"?(\w+)"?)?`)
	liteScan = regexp.MustCompile(`^SCAN "?(\w+)"?$`)
	pgScan   = regexp.MustCompile(`Seq Scan on (\w+)`)
)

// readWhole returns the growing tables of which a statement reads all rows.
func (w *world) readWhole(q string) (tables []string) {
	w.Helper()
	var scanned []string
	if w.DB.IsPostgres() {
		var lines []string
		w.InTx(func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.ExecContext(ctx, `SET LOCAL enable_seqscan = off`); err != nil {
				return err
			}
			return tx.NewRaw(`EXPLAIN ?`, bun.Safe(q)).Scan(ctx, &lines)
		})
		for _, m := range pgScan.FindAllStringSubmatch(strings.Join(lines, "\n"), -1) {
			scanned = append(scanned, m[1])
		}
	} else {
		var steps []struct {
			ID, Parent, Notused int
			Detail              string
		}
		w.Must(w.DB.NewRaw(`EXPLAIN QUERY PLAN ?`, bun.Safe(q)).Scan(w.Ctx, &steps))
		aliases := map[string]string{}
		for _, m := range named.FindAllStringSubmatch(q, -1) {
			aliases[m[1]] = m[1]
			if m[2] != "" {
				aliases[m[2]] = m[1]
			}
		}
		for _, step := range steps {
			if m := liteScan.FindStringSubmatch(step.Detail); m != nil {
				scanned = append(scanned, aliases[m[1]])
			}
		}
	}
	for _, table := range scanned {
		if slices.Contains(growing, table) {
			tables = append(tables, table)
		}
	}
	return tables
}
