package customer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/effort"
	"kontor/app/job"
	"kontor/policies"
)

// doomed is a customer with something in every table, and what must go with it.
type doomed struct {
	Customer
	needles []string // ids and names that must be nowhere after the deletion
}

// fill makes a customer with n transactions; its end users are one who has nothing else, one with an access at
// another customer, and one who works for the firm.
func (w *world) fill(n int) (d doomed, stays []account.Caller) {
	w.Helper()
	const at = "2026-11-24 12:00:00+00:00"
	data := anna()
	data.LastName, data.Note, data.Phone = "Vergissmeinnicht-Xq", "Zwergpudelzucht", "0221 7654321"
	d.Customer = w.add(w.anna, Person, data, "vergissmein@example.org")
	other := w.add(w.anna, Person, anna(), "other@example.org")
	only := w.Person("Only Vergissmeinnicht-Xq", false, policies.EndUser)
	both := w.Person("Both Elsewhere", false, policies.EndUser)
	w.mustAccess(other.ID, "both@example.org", uuid.NullUUID{UUID: both.ID, Valid: true})
	d.needles = []string{
		d.ID.String(), only.ID.String(), "Vergissmeinnicht", "vergissmeinnicht", "Zwergpudelzucht", "7654321", "vergissmein", "Nachricht-Xq",
	}
	for i, account := range []account.Caller{only, both, w.ben} {
		who := uuid.NullUUID{UUID: account.ID, Valid: true}
		a := w.mustAccess(d.ID, fmt.Sprintf("vergissmein%d@example.org", i), who)
		m := newID()
		d.needles = append(d.needles, a.String(), m.String())
		w.Exec(`INSERT INTO session (id_hash, account_id, created_at, last_seen_at, expires_at, address, agent)
			VALUES (?, ?, ?, ?, ?, '192.0.2.1', 'test')`, "session of "+account.Name, account.ID, at, at, at)
		w.Exec(`INSERT INTO link (hash, purpose, subject_id, customer_id, generation, address, created_at, expires_at)
			VALUES (?, 'register', ?, ?, 1, '', ?, ?), (?, 'reset_password', ?, NULL, 1, '', ?, ?)`,
			"link of "+a.String(), a, d.ID, at, at, "reset of "+account.Name, account.ID, at, at)
		w.Exec(`INSERT INTO access_code (hash, access_id, generation, created_at, expires_at) VALUES (?, ?, 1, ?, ?)`, "code", a, at, at)
		w.Exec(`INSERT INTO message (id, kind, channel, customer_id, access_id, recipient, locale, generation, dedupe, state, expires_at, created_at)
			VALUES (?, 'registration', 'email', ?, ?, 'vergissmein@example.org', 'de', 1, ?, 'queued', ?, ?)`, m, d.ID, a, m.String(), at, at)
		w.Exec(`INSERT INTO message_attempt (id, message_id, number, started_at, detail) VALUES (?, ?, 1, ?, 'Nachricht-Xq')`, newID(), m, at)
		w.Exec(`INSERT INTO message_stall (message_id, channel) VALUES (?, 'email')`, m)
		w.Exec(`INSERT INTO refused_address (hash, reason, message_id, refused_at) VALUES (?, 'recipient_unknown', ?, ?)`, m.String(), m, at)
		w.Exec(`INSERT INTO message_status (message_id, ask_at) VALUES (?, ?)`, m, at)
		w.Exec(`INSERT INTO mailbox (id, message_id, sealed, created_at) VALUES (?, ?, ?, ?)`, newID(), m, []byte("Nachricht-Xq"), at)
		w.Exec(`INSERT INTO audit (id, at, actor_id, actor, action, subject_id, subject) VALUES (?, ?, ?, ?, 'account.signed_in', ?, ?)`,
			newID(), at, account.ID, account.Name, account.ID, account.Name)
	}
	w.Exec(`INSERT INTO account_role (account_id, role) VALUES (?, 'auditor')`, only.ID)
	for i := range n {
		id, number := newID(), w.Number(`UPDATE counter SET value = value + 1 WHERE name = 'transaction_number' RETURNING value`)
		w.Exec(`INSERT INTO transactions (number, id, customer_id, name, name_folded, search, kind, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, 'other', ?, ?)`,
			number, id, d.ID, fmt.Sprintf("Zwergpudelzucht %d", i), fmt.Sprintf("zwergpudelzucht %d", i), fmt.Sprintf(" zwergpudelzucht %d", i), at, at)
		if !w.db.IsPostgres() {
			w.Exec(`INSERT INTO transaction_search (rowid, text) VALUES (?, ?)`, number, fmt.Sprintf("  zwergpudelzucht  %d", i))
		}
		if i < 3 {
			w.Exec(`INSERT INTO transaction_processor (transaction_id, specialist_id, customer_id, created_at, created_by) VALUES (?, ?, ?, ?, ?)`, id, w.ben.ID, d.ID, at, w.anna.ID)
			w.Exec(`INSERT INTO transaction_visible (specialist_id, created_at, transaction_id, relmask) VALUES (?, ?, ?, 2)`, w.ben.ID, at, id)
			w.Exec(`INSERT INTO policy_expectation (id, person_id, may, action, object, transaction_id, created_at, created_by) VALUES (?, ?, FALSE, 'read', 'transaction', ?, ?, ?)`,
				newID(), w.ben.ID, id, at, w.anna.ID)
			d.needles = append(d.needles, id.String())
		}
	}
	w.Exec(`INSERT INTO approval (id, kind, subject_id, customer_id, concerned_id, subject, why, proposed_by, proposer, proposed_at, expires_at, state)
		VALUES (?, 'access', ?, ?, ?, 'Zwergpudelzucht', 'Zwergpudelzucht', ?, 'Anna Amt', ?, ?, 'waiting')`, newID(), newID(), d.ID, w.ben.ID, w.anna.ID, at, at)
	w.Exec(`INSERT INTO job (id, kind, subject_id, customer_id, state, requested_at) VALUES (?, 'export', ?, ?, 'waiting', ?)`, newID(), newID(), d.ID, at)
	w.Exec(`INSERT INTO recent_customer (account_id, customer_id, opened_at) VALUES (?, ?, ?)`, w.ben.ID, d.ID, at)
	w.fillDocuments(d.ID, at)
	w.Exec(`INSERT INTO note (id, customer_id, author_id, text, search, created_at) VALUES (?, ?, ?, 'Zwergpudelzucht', 'zwergpudelzucht', ?)`, newID(), d.ID, w.ben.ID, at)
	w.Exec(`INSERT INTO saved_view (id, account_id, list, name, query, created_at) VALUES (?, ?, 'customers', 'Meine', 'administrator=me', ?)`, newID(), only.ID, at)
	w.Exec(`INSERT INTO preference (account_id, name, value) VALUES (?, 'theme', 'dark')`, only.ID)
	w.Exec(`INSERT INTO known_browser (id, account_id, token_hash, seen_at) VALUES (?, ?, 'hash', ?)`, newID(), only.ID, at)
	w.Exec(`INSERT INTO authorisation_removal (id, customer_id, removed_by, expires_at, sealed) VALUES (?, ?, ?, ?, ?)`, newID(), d.ID, w.anna.ID, at, []byte("sealed"))
	act := newID()
	w.Exec(`INSERT INTO bulk_act (id, kind, value, state, requested_by, requested_at, total) VALUES (?, 'due', '', 'done', ?, ?, 1)`, act, w.anna.ID, at)
	w.Exec(`INSERT INTO bulk_row (act_id, place, customer_id, subject_id, verdict) VALUES (?, 1, ?, ?, 'changed')`, act, d.ID, newID())
	w.touch(d.ID)
	return d, []account.Caller{both, w.ben}
}

// fillDocuments gives the customer's first transaction an element with a version and a comment, and an upload.
func (w *world) fillDocuments(customerID uuid.UUID, at string) {
	w.Helper()
	var of uuid.UUID
	w.Must(w.db.NewSelect().Table("transactions").Column("id").Where("customer_id = ?", customerID).Order("number").Limit(1).Scan(context.Background(), &of))
	b, e := newID(), newID()
	w.Exec(`INSERT INTO blob_key (owner_id, sealed, folder, created_at) VALUES (?, ?, ?, ?)`, customerID, []byte("sealed"), b.String(), at)
	w.Exec(`INSERT INTO blob (id, owner_id, digest, size, type, parts, scan, created_at) VALUES (?, ?, ?, 1, 'text/plain', ?, 'off', ?)`, b, customerID, []byte("x"), []byte{}, at)
	w.Exec(`INSERT INTO upload (id, owner_id, sender_id, name, target, size, hash, parts, created_at, expires_at) VALUES (?, ?, ?, 'Zwergpudelzucht', '', 1, ?, ?, ?, ?)`,
		newID(), customerID, w.ben.ID, []byte{}, []byte{}, at, at)
	w.Exec(`INSERT INTO element (id, transaction_id, customer_id, position, type, name, name_folded, latest_id, created_at) VALUES (?, ?, ?, 0, 'slot', 'Zwergpudelzucht', 'zwergpudelzucht', NULL, ?)`,
		e, of, customerID, at)
	w.Exec(`INSERT INTO element_version (id, element_id, customer_id, number, blob_id, file, firm, created_at) VALUES (?, ?, ?, 1, ?, 'Zwergpudelzucht', FALSE, ?)`, newID(), e, customerID, b, at)
	w.Exec(`INSERT INTO element_comment (id, element_id, customer_id, internal, text, author_id, created_at) VALUES (?, ?, ?, FALSE, ?, ?, ?)`, newID(), e, customerID, []byte("sealed"), w.ben.ID, at)
}

// notOfCustomers are the tables that hold nothing of a customer, each for a reason.
var notOfCustomers = []string{
	"bun_migrations", "bun_migration_locks", "sqlite_sequence", "sqlite_stat1", "sqlite_stat4",
	"sign_in_throttle", // keyed hashes that expire
	"counter",
	"blob_garbage", // hashed names of folders whose objects are being deleted
	// SQLite's search index has trigrams; its rows are counted below.
	"customer_search_data", "customer_search_idx", "customer_search_docsize", "customer_search_config",
	"transaction_search_data", "transaction_search_idx", "transaction_search_docsize", "transaction_search_config",
	"transaction_kind", "policy_version", "policy_draft", "policy_offer", "process", "installation", "installation_id", // data of the firm
	"template", "template_version", // what transactions are made from
	"firm", "firm_setting", "firm_holiday", "firm_phrase", // what the firm sets about itself
	"deputy", "handover", "handover_target", "guard_event", "former_address", // between specialist users
	"channel_state", "channel_pace", "channel_refusal", // state of the channels; a refusal is erased with its message
	"customer_import", "customer_import_chunk", // counts; rows of a file, sealed, which are erased within a day
	"bulk_act",                // what was done, by whom, when; what it was about is in bulk_row
	"administrator_switch",    // filled only while many customers are looked at
	"deletion", "erasure_log", // the receipt with its counts; the position in the log of erasures
}

// everyTable fails if a table exists that fill puts nothing of the customer into: a new one can't be forgotten.
func (w *world) everyTable(d doomed) {
	w.Helper()
	has := strings.Join(w.references(newID(), append(d.needles, "Only ")...), "\n")
	for table := range w.columns() {
		if !slices.Contains(notOfCustomers, table) && !strings.Contains("\n"+has, "\n"+table+".") {
			w.Errorf("table %s: the test puts nothing of the customer into it, so whether it goes is not tested", table)
		}
	}
}

// TestDelete: after one call nothing is left in any table (S56), nor in the file (S57).
func TestDelete(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		d, stays := w.fill(3)
		w.everyTable(d)
		cu, counts, err := w.WillDelete(ctx, w.anna, d.ID)
		want := DeletionCounts{Accesses: 4, EndUsers: 1, Transactions: 3, Documents: 1, Notes: 1, Messages: 3, LogEntries: 1}
		require.NoError(t, err)
		assert.Equal(t, d.ID, cu.ID)
		assert.Equal(t, want, counts, "will delete")
		got, err := w.Delete(ctx, w.anna, d.ID, " k-"+d.Label()[2:])
		require.NoError(t, err)
		require.NotNil(t, got.FinishedAt)
		require.Equal(t, got.Total, got.Done)
		require.Equal(t, d.Number, got.Number)
		select {
		case <-w.jobs.Nudges():
			t.Error("workers were called to what the request does itself")
		default:
		}
		if want.LogEntries++; got.Took() != want {
			t.Errorf("the receipt says %+v, want %+v", got.Took(), want)
		}
		w.gone(d, stays)
		page, err := w.audit.Page(ctx, audit.Filter{})
		log := page.Entries
		require.NoError(t, err, "receipt in the log")
		assert.Equal(t, audit.CustomerDeleted, log[0].Action, "receipt in the log")
		assert.Equal(t, d.Label(), log[0].Subject, "receipt in the log")
		assert.Equal(t, "Anna Amt", log[0].Actor, "receipt in the log")
		assert.False(t, log[0].CustomerID.Valid, "receipt in the log")
		assert.EqualValues(t, 3, log[0].Counts()["transactions"], "receipt in the log")
		assert.Equal(t, 1, w.Number(`SELECT count(*) FROM audit WHERE action = ?`, audit.CustomerDeleted), "receipts")
		cu = w.add(w.anna, Person, anna(), "next@example.org")
		assert.Greater(t, cu.Number, d.Number, "%s was given again as %s", d.Label(), cu.Label())
	})
}

// gone checks that nothing of the customer is left, and everybody else is.
func (w *world) gone(d doomed, stays []account.Caller) {
	w.Helper()
	ctx := context.Background()
	assert.Empty(w, w.references(d.ID, d.needles...), "tables that still refer to the deleted customer")
	for _, c := range stays {
		for table, column := range map[string]string{"account": "id", "session": "account_id"} {
			assert.Equal(w, 1, w.Number(`SELECT count(*) FROM `+table+` WHERE `+column+` = ?`, c.ID), "%s: rows in %s", c.Name, table)
		}
	}
	for _, q := range []string{"vergissmein", d.Label(), ""} {
		p, err := w.List(ctx, w.anna, Filter{Query: q})
		require.NoError(w, err, "%q still finds it", q)
		assert.False(w, slices.ContainsFunc(p.Rows, func(r Row) bool { return r.ID == d.ID }), "%q still finds it", q)
	}
	if w.db.IsPostgres() {
		return
	}
	assert.Equal(w, 0, w.Number(`SELECT count(*) FROM customer_search WHERE rowid = ?`, d.Number), "it is still in the search index")
	var path string
	require.NoError(w, w.db.NewRaw(`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(ctx, &path))
	for _, file := range []string{path, path + "-wal"} {
		content, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			w.Fatal(err)
		}
		for _, needle := range d.needles {
			if needle == d.ID.String() {
				continue // the record of the deletion has it
			}
			at := bytes.Index(content, []byte(needle))
			assert.Less(w, at, 0, "%q stands in %s at : %q", needle, file, content[max(0, at-30):min(len(content), at+60)])
		}
	}
}

func TestDeleteRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		cu := w.add(w.anna, Person, anna(), "a@example.org")
		for name, c := range map[string]struct {
			caller  account.Caller
			id      uuid.UUID
			confirm string
			want    error
		}{
			"not an administrator": {w.ben, cu.ID, cu.Label(), policies.ErrForbidden},
			"an auditor":           {w.auditor, cu.ID, cu.Label(), policies.ErrForbidden},
			"an end user":          {w.end, cu.ID, cu.Label(), ErrNotFound},
			"no such customer":     {w.anna, newID(), cu.Label(), ErrNotFound},
			"nothing typed":        {w.anna, cu.ID, "", ErrConfirm},
			"another's number":     {w.anna, cu.ID, "K-10002", ErrConfirm},
			"only digits":          {w.anna, cu.ID, "10001", ErrConfirm},
		} {
			_, err := w.Delete(ctx, c.caller, c.id, c.confirm)
			assert.ErrorIs(t, err, c.want, name)
			if _, _, err := w.WillDelete(ctx, c.caller, c.id); c.want != ErrConfirm && !errors.Is(err, c.want) {
				t.Errorf("%s, counting: %v, want %v", name, err, c.want)
			}
		}
		_, err := w.Get(ctx, w.anna, cu.ID)
		assert.NoError(t, err, "what was refused is gone")
		assert.Equal(t, 0, w.Number(`SELECT count(*) FROM deletion`), "deletions noted")
	})
}

// TestDeletionNeedsEveryPart: while a part has no registered deletion, no deletion begins and nothing is deleted.
func TestDeletionNeedsEveryPart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		d, _ := w.fill(3)
		require.NoError(t, w.CheckDependents())
		for p, was := range maps.Clone(w.dependents) {
			delete(w.dependents, p)
			err := w.CheckDependents()
			require.Error(t, err)
			assert.Contains(t, err.Error(), string(p), "the check does not name the part")
			_, err = w.Delete(ctx, w.anna, d.ID, d.Label())
			assert.Error(t, err, "deleted without %s", p)
			w.dependents[p] = was
		}
		_, err := w.Get(ctx, w.anna, d.ID)
		assert.NoError(t, err, "the customer is gone")
	})
}

// TestDependentsMatchParts: a registered part that is not in the list of parts, or is registered twice, or is counted
// on one side only, would silently be left out of a deletion or of its counts. CheckDependents names it.
func TestDependentsMatchParts(t *testing.T) {
	count := func(context.Context, bun.IDB, uuid.UUID) (int64, error) { return 1, nil }
	each(t, func(t *testing.T, w *world) {
		d := w.add(w.anna, Person, anna(), "a@example.org")
		require.NoError(t, w.CheckDependents())
		dependents := maps.Clone(w.dependents)
		for _, c := range []struct {
			part Part
			Dependent
			want string
		}{
			{"letters", Dependent{}, "their letters have no place among the parts"},
			{"letters", Dependent{Count: count}, "their letters have no place among the parts"},
			{Links, Dependent{Count: count}, "two features erase their links"},
			{Transactions, dependents[Transactions], "two features erase their transactions"},
		} {
			w.AddDependent(c.part, c.Dependent)
			require.EqualError(t, w.CheckDependents(), "customers can't be deleted: "+c.want)
			_, err := w.Delete(t.Context(), w.anna, d.ID, d.Label())
			require.ErrorContains(t, err, c.want)
			w.dependents, w.twice = maps.Clone(dependents), nil
		}
		w.dependents[Links] = Dependent{Count: count, Erase: dependents[Links].Erase}
		require.EqualError(t, w.CheckDependents(), "customers can't be deleted: their links are counted, but have no place in the counts")
		w.dependents = maps.Clone(dependents)
		w.dependents[Messages] = Dependent{Erase: dependents[Messages].Erase}
		require.EqualError(t, w.CheckDependents(), "customers can't be deleted: nobody counts their messages")
		w.dependents = dependents
		require.NoError(t, w.CheckDependents())
	})
}

// TestEveryCountIsInTheTotal: each field of DeletionCounts is the count of one part, and adds to the total.
func TestEveryCountIsInTheTotal(t *testing.T) {
	seen := map[*int64]Part{}
	var counts DeletionCounts
	for _, p := range parts {
		if p.count == nil {
			continue
		}
		place := p.count(&counts)
		require.Empty(t, seen[place], "%s is counted where another part is", p.Part)
		seen[place] = p.Part
	}
	all := reflect.ValueOf(&counts).Elem()
	require.EqualValues(t, 1, counts.total(), "the customer alone")
	want := int64(1)
	for f, v := range all.Fields() {
		require.NotEmpty(t, seen[v.Addr().Interface().(*int64)], "%s is the count of no part", f.Name)
		v.SetInt(int64(10 + f.Index[0]))
		want += v.Int()
		require.Equal(t, want, counts.total(), "the total with %s", f.Name)
	}
}

// TestLargeDeletion: a large deletion runs in the worker, with progress; the customer is hidden from everybody at once.
func TestLargeDeletion(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		d, stays := w.fill(600)
		got, err := w.Delete(ctx, w.anna, d.ID, d.Label())
		require.NoError(t, err)
		require.Nil(t, got.FinishedAt)
		require.EqualValues(t, 0, got.Done)
		require.True(t, got.Total >= 600)
		_, err = w.Get(ctx, w.anna, d.ID)
		assert.ErrorIs(t, err, ErrNotFound, "read while it goes")
		_, err = w.Update(ctx, w.anna, d.ID, 1, anna())
		assert.ErrorIs(t, err, ErrNotFound, "changed while it goes")
		_, err = w.Delete(ctx, w.anna, d.ID, d.Label())
		assert.ErrorIs(t, err, ErrNotFound, "deleted while it goes")
		for _, q := range []string{"", "vergissmein"} {
			p, err := w.List(ctx, w.anna, Filter{Query: q})
			require.NoError(t, err, "%q finds it while it goes", q)
			assert.False(t, slices.ContainsFunc(p.Rows, func(r Row) bool { return r.ID == d.ID }), "%q finds it while it goes", q)
		}
		n := w.Number(`SELECT count(*) FROM link WHERE customer_id = ?`, d.ID) + w.Number(`SELECT count(*) FROM access_code`)
		assert.Equal(t, 0, n, "links and codes are still good")
		n = w.Number(`SELECT count(*) FROM message WHERE customer_id = ? AND state = ?`, d.ID, courier.Cancelled)
		assert.Equal(t, 3, n, "messages are cancelled")
		assert.Equal(t, 1, w.Number(`SELECT count(*) FROM job WHERE customer_id = ? AND state = 'cancelled'`, d.ID), "of its jobs are cancelled")
		assert.Equal(t, len(stays), w.Number(`SELECT count(*) FROM session`), "sessions while it want those of %d who stay", len(stays))

		var progress []int64
		w.step = func() error {
			now, err := w.DeletionOf(ctx, w.anna, got.ID)
			progress = append(progress, now.Done)
			return err
		}
		n, err = w.continueDeletions(ctx, 100)
		require.NoError(t, err)
		require.Equal(t, 1, n, "finished")
		assert.True(t, slices.IsSorted(progress), "progress %v to %d", progress, got.Total)
		require.GreaterOrEqual(t, len(progress), 10)
		assert.Equal(t, got.Total, progress[len(progress)-1])
		w.gone(d, stays)
		n, err = w.continueDeletions(ctx, 100)
		assert.NoError(t, err, "once more")
		assert.Equal(t, 0, n, "once more: finished")
		for name, c := range map[string]struct {
			caller account.Caller
			want   error
		}{
			"who asked": {w.anna, nil}, "who may delete all": {w.data, nil}, "somebody else": {w.ben, ErrNotFound}, "an end user": {w.end, ErrNotFound},
		} {
			_, err := w.DeletionOf(ctx, c.caller, got.ID)
			assert.ErrorIs(t, err, c.want, "the receipt for %s", name)
		}
		_, err = w.DeletionOf(ctx, w.anna, newID())
		assert.ErrorIs(t, err, ErrNotFound, "an unknown deletion")
	})
}

// TestDeletionKilled stops a deletion after each of its txs in turn. The next run completes it, and there is one
// receipt (S58).
func TestDeletionKilled(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		for n, kill := 1, 1; ; n, kill = n+1, kill+effort.Every(4) {
			d, stays := w.fill(25)
			steps := 0
			w.step = func() error {
				if steps++; steps == kill {
					return errBoom
				}
				return nil
			}
			_, err := w.Delete(ctx, w.anna, d.ID, d.Label())
			killed := errors.Is(err, errBoom)
			if err != nil && !killed {
				t.Fatal(err)
			}
			w.step = func() error { return nil }
			_, err = w.continueDeletions(ctx, 10)
			require.NoError(t, err)
			w.gone(d, stays)
			got := w.Number(`SELECT count(*) FROM audit WHERE action = ?`, audit.CustomerDeleted)
			require.Equal(t, n, got, "killed at %d: %d receipts for %d deletions", kill, got, n)
			w.Exec(`DELETE FROM session`)
			w.Exec(`DELETE FROM link`)
			if !killed {
				assert.GreaterOrEqual(t, kill, 8, "a deletion had only %d steps", kill)
				return
			}
		}
	})
}

// TestDeletionByTwoWorkers: two workers on the same deletion write one receipt and leave nothing.
func TestDeletionByTwoWorkers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		d, stays := w.fill(600)
		_, err := w.Delete(ctx, w.anna, d.ID, d.Label())
		require.NoError(t, err)
		var wg sync.WaitGroup
		var mu sync.Mutex
		finished := 0
		w.deletionChunk = 50
		for range 3 {
			wg.Go(func() {
				n, err := w.jobs.Finish(ctx, job.CustomerDeletion)
				assert.NoError(t, err)
				mu.Lock()
				finished += n
				mu.Unlock()
			})
		}
		wg.Wait()
		n := w.Number(`SELECT count(*) FROM audit WHERE action = ?`, audit.CustomerDeleted)
		assert.Equal(t, 1, n, "receipts")
		assert.Equal(t, 1, finished, "finished")
		w.gone(d, stays)
	})
}

// TestDeletionEnds: a deletion stops between two txs when its context ends.
func TestDeletionEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d, stays := w.fill(600)
		_, err := w.Delete(context.Background(), w.anna, d.ID, d.Label())
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		w.step = func() error { cancel(); return nil }
		n, err := w.continueDeletions(ctx, 50)
		assert.Equal(t, 0, n, "finished")
		assert.ErrorIs(t, err, context.Canceled)
		w.step = func() error { return nil }
		n, err = w.continueDeletions(context.Background(), 50)
		assert.NoError(t, err)
		assert.Equal(t, 1, n, "finished")
		w.gone(d, stays)
	})
}
