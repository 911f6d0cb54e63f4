package customer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

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
	needles []string // ids and names: nowhere after the deletion
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
	w.Exec(`INSERT INTO known_browser (id, account_id, token_hash, seen_at) VALUES (?, ?, 'hash', ?)`, newID(), only.ID, at)
	w.Exec(`INSERT INTO authorisation_removal (id, customer_id, removed_by, expires_at, sealed) VALUES (?, ?, ?, ?, ?)`, newID(), d.ID, w.anna.ID, at, []byte("sealed"))
	w.touch(d.ID)
	return d, []account.Caller{both, w.ben}
}

// notOfCustomers are the tables that hold nothing of a customer, each for a reason.
var notOfCustomers = []string{
	"bun_migrations", "bun_migration_locks", "sqlite_sequence", "sqlite_stat1", "sqlite_stat4",
	"sign_in_throttle", // keyed hashes that expire
	"counter",
	// SQLite's search index: trigrams, whose rows are looked at by number below
	"customer_search_data", "customer_search_idx", "customer_search_docsize", "customer_search_config",
	"transaction_search_data", "transaction_search_idx", "transaction_search_docsize", "transaction_search_config",
	"transaction_kind", "policy_version", "policy_draft", "policy_offer", "process", "installation", "installation_id", // the firm's own
	"deputy", "handover", "handover_target", "guard_event", "former_address", // between specialist users
	"channel_state", "channel_pace", "channel_refusal", // of the ways; a refusal goes with its message
	"administrator_switch",    // filled only while many customers are looked at
	"deletion", "erasure_log", // the receipt: counts; how far the log of erasures goes
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
		want := DeletionCounts{Accesses: 4, EndUsers: 1, Transactions: 3, Messages: 3, LogEntries: 1}
		if err != nil || cu.ID != d.ID || counts != want {
			t.Errorf("will delete %+v, %v; want %+v", counts, err, want)
		}
		got, err := w.Delete(ctx, w.anna, d.ID, " k-"+d.Label()[2:])
		if err != nil || got.FinishedAt == nil || got.Done != got.Total || got.Number != d.Number {
			t.Fatalf("%+v, %v", got, err)
		}
		select {
		case <-w.jobs.Nudges():
			t.Error("workers were called to what the request does itself")
		default:
		}
		if want.LogEntries++; got.Took() != want {
			t.Errorf("the receipt says %+v, want %+v", got.Took(), want)
		}
		w.gone(d, stays)
		log, _, err := w.audit.Page(ctx, uuid.Nil, uuid.Nil)
		if err != nil || log[0].Action != audit.CustomerDeleted || log[0].Subject != d.Label() || log[0].Actor != "Anna Amt" || log[0].CustomerID.Valid ||
			log[0].Counts()["transactions"] != 3 {
			t.Errorf("receipt in the log: %+v, %v", log[0], err)
		}
		if n := w.Number(`SELECT count(*) FROM audit WHERE action = ?`, audit.CustomerDeleted); n != 1 {
			t.Errorf("%d receipts", n)
		}
		if cu := w.add(w.anna, Person, anna(), "next@example.org"); cu.Number <= d.Number {
			t.Errorf("%s was given again as %s", d.Label(), cu.Label())
		}
	})
}

// gone checks that nothing of the customer is left, and everybody else is.
func (w *world) gone(d doomed, stays []account.Caller) {
	w.Helper()
	ctx := context.Background()
	if left := w.references(d.ID, d.needles...); len(left) > 0 {
		w.Errorf("left: %s", strings.Join(left, "; "))
	}
	for _, c := range stays {
		for table, column := range map[string]string{"account": "id", "session": "account_id"} {
			if n := w.Number(`SELECT count(*) FROM `+table+` WHERE `+column+` = ?`, c.ID); n != 1 {
				w.Errorf("%s: %d rows in %s, want 1", c.Name, n, table)
			}
		}
	}
	for _, q := range []string{"vergissmein", d.Label(), ""} {
		if p, err := w.List(ctx, w.anna, Filter{Query: q}); err != nil || slices.ContainsFunc(p.Rows, func(r Row) bool { return r.ID == d.ID }) {
			w.Errorf("%q still finds it, %v", q, err)
		}
	}
	if w.db.IsPostgres() {
		return
	}
	if n := w.Number(`SELECT count(*) FROM customer_search WHERE rowid = ?`, d.Number); n != 0 {
		w.Errorf("it is still in the search index")
	}
	var path string
	if err := w.db.NewRaw(`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(ctx, &path); err != nil {
		w.Fatal(err)
	}
	for _, file := range []string{path, path + "-wal"} {
		content, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			w.Fatal(err)
		}
		for _, needle := range d.needles {
			if needle == d.ID.String() {
				continue // the record of the deletion has it
			}
			if at := bytes.Index(content, []byte(needle)); at >= 0 {
				w.Errorf("%q stands in %s at %d: %q", needle, file, at, content[max(0, at-30):min(len(content), at+60)])
			}
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
			if _, err := w.Delete(ctx, c.caller, c.id, c.confirm); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			if _, _, err := w.WillDelete(ctx, c.caller, c.id); c.want != ErrConfirm && !errors.Is(err, c.want) {
				t.Errorf("%s, counting: %v, want %v", name, err, c.want)
			}
		}
		if _, err := w.Get(ctx, w.anna, cu.ID); err != nil {
			t.Errorf("what was refused is gone: %v", err)
		}
		if n := w.Number(`SELECT count(*) FROM deletion`); n != 0 {
			t.Errorf("%d deletions noted", n)
		}
	})
}

// TestDeletionNeedsEveryPart: while a part has no registered deletion, no deletion begins and nothing is deleted.
func TestDeletionNeedsEveryPart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		d, _ := w.fill(3)
		if err := w.CheckDependents(); err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			was := w.dependents[p]
			delete(w.dependents, p)
			if err := w.CheckDependents(); err == nil || !strings.Contains(err.Error(), string(p)) {
				t.Errorf("without %s: %v", p, err)
			}
			if _, err := w.Delete(ctx, w.anna, d.ID, d.Label()); err == nil {
				t.Errorf("deleted without %s", p)
			}
			w.dependents[p] = was
		}
		if _, err := w.Get(ctx, w.anna, d.ID); err != nil {
			t.Errorf("the customer is gone: %v", err)
		}
	})
}

// TestLargeDeletion: a large deletion runs in the worker, with progress; the customer is hidden from everybody at once.
func TestLargeDeletion(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		d, stays := w.fill(600)
		got, err := w.Delete(ctx, w.anna, d.ID, d.Label())
		if err != nil || got.FinishedAt != nil || got.Done != 0 || got.Total < 600 {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, err := w.Get(ctx, w.anna, d.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("read while it goes: %v", err)
		}
		if _, err := w.Update(ctx, w.anna, d.ID, 1, anna()); !errors.Is(err, ErrNotFound) {
			t.Errorf("changed while it goes: %v", err)
		}
		if _, err := w.Delete(ctx, w.anna, d.ID, d.Label()); !errors.Is(err, ErrNotFound) {
			t.Errorf("deleted while it goes: %v", err)
		}
		for _, q := range []string{"", "vergissmein"} {
			if p, err := w.List(ctx, w.anna, Filter{Query: q}); err != nil || slices.ContainsFunc(p.Rows, func(r Row) bool { return r.ID == d.ID }) {
				t.Errorf("%q finds it while it goes, %v", q, err)
			}
		}
		if n := w.Number(`SELECT count(*) FROM link WHERE customer_id = ?`, d.ID) + w.Number(`SELECT count(*) FROM access_code`); n != 0 {
			t.Errorf("%d links and codes are still good", n)
		}
		if n := w.Number(`SELECT count(*) FROM message WHERE customer_id = ? AND state = ?`, d.ID, courier.Cancelled); n != 3 {
			t.Errorf("%d messages are cancelled, want those of 3 accesses", n)
		}
		if n := w.Number(`SELECT count(*) FROM job WHERE customer_id = ? AND state = 'cancelled'`, d.ID); n != 1 {
			t.Errorf("%d of its jobs are cancelled, want 1", n)
		}
		if n := w.Number(`SELECT count(*) FROM session`); n != len(stays) {
			t.Errorf("%d sessions while it goes, want those of %d who stay", n, len(stays))
		}

		var progress []int64
		w.step = func() error {
			now, err := w.DeletionOf(ctx, w.anna, got.ID)
			progress = append(progress, now.Done)
			return err
		}
		if n, err := w.continueDeletions(ctx, 100); n != 1 || err != nil {
			t.Fatalf("%d finished, %v", n, err)
		}
		if !slices.IsSorted(progress) || len(progress) < 10 || progress[len(progress)-1] != got.Total {
			t.Errorf("progress %v to %d", progress, got.Total)
		}
		w.gone(d, stays)
		if n, err := w.continueDeletions(ctx, 100); n != 0 || err != nil {
			t.Errorf("once more: %d finished, %v", n, err)
		}
		for name, c := range map[string]struct {
			caller account.Caller
			want   error
		}{
			"who asked": {w.anna, nil}, "who may delete all": {w.data, nil}, "somebody else": {w.ben, ErrNotFound}, "an end user": {w.end, ErrNotFound},
		} {
			if _, err := w.DeletionOf(ctx, c.caller, got.ID); !errors.Is(err, c.want) {
				t.Errorf("the receipt for %s: %v, want %v", name, err, c.want)
			}
		}
		if _, err := w.DeletionOf(ctx, w.anna, newID()); !errors.Is(err, ErrNotFound) {
			t.Errorf("an unknown deletion: %v", err)
		}
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
			if _, err := w.continueDeletions(ctx, 10); err != nil {
				t.Fatal(err)
			}
			w.gone(d, stays)
			if got := w.Number(`SELECT count(*) FROM audit WHERE action = ?`, audit.CustomerDeleted); got != n {
				t.Fatalf("killed at %d: %d receipts for %d deletions", kill, got, n)
			}
			w.Exec(`DELETE FROM session`)
			w.Exec(`DELETE FROM link`)
			if !killed {
				if kill < 8 {
					t.Errorf("a deletion had only %d steps", kill)
				}
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
		if _, err := w.Delete(ctx, w.anna, d.ID, d.Label()); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		finished := 0
		w.deletionChunk = 50
		for range 3 {
			wg.Go(func() {
				n, err := w.jobs.Finish(ctx, job.CustomerDeletion)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				finished += n
				mu.Unlock()
			})
		}
		wg.Wait()
		if n := w.Number(`SELECT count(*) FROM audit WHERE action = ?`, audit.CustomerDeleted); n != 1 || finished != 1 {
			t.Errorf("%d receipts, %d finished", n, finished)
		}
		w.gone(d, stays)
	})
}

// TestDeletionEnds: a deletion stops between two txs when its context ends.
func TestDeletionEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		d, stays := w.fill(600)
		if _, err := w.Delete(context.Background(), w.anna, d.ID, d.Label()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		w.step = func() error { cancel(); return nil }
		if n, err := w.continueDeletions(ctx, 50); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d finished, %v", n, err)
		}
		w.step = func() error { return nil }
		if n, err := w.continueDeletions(context.Background(), 50); n != 1 || err != nil {
			t.Errorf("%d finished, %v", n, err)
		}
		w.gone(d, stays)
	})
}
