package transaction

import (
	"context"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/assignment"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/policies"
)

func TestCreate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		got, repeated, err := w.Create(ctx, w.anna, w.customer.ID, Form{
			Name: "  Einkommensteuer   2025 ", Kind: "tax_return", Due: "2026-12-31", Responsible: w.ben.ID.String(), IdempotencyKey: "a",
		})
		require.NoError(t, err)
		require.False(t, repeated)
		assert.Equal(t, "V-10001", got.Label())
		assert.Equal(t, "Einkommensteuer 2025", got.Name)
		assert.Equal(t, "tax_return", got.Kind)
		assert.Equal(t, Open, got.Status)
		assert.Equal(t, "2026-12-31", got.Due)
		assert.Equal(t, "Ben Büro", got.Responsible)
		assert.Equal(t, policies.Administrator, got.Relation)
		assert.Equal(t, "Kühn, Berta", got.Customer.Name)
		again, repeated, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: "Anders", IdempotencyKey: "a"})
		require.NoError(t, err, "sent twice")
		assert.True(t, repeated, "sent twice: %v, %v", again.Name, repeated)
		assert.Equal(t, got.ID, again.ID, "sent twice")
		plain, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: "Nur ein Name"})
		require.NoError(t, err, "only a name")
		assert.Equal(t, OtherKind, plain.Kind, "only a name")
		assert.Empty(t, plain.Due, "only a name")
		assert.Equal(t, uuid.Nil, plain.ResponsibleID, "only a name")
		assert.Equal(t, "V-10002", plain.Label(), "only a name")
		other := w.addCustomer(w.anna, "Lang")
		_, _, err = w.Create(ctx, w.anna, other.ID, Form{Name: "Einkommensteuer 2025"})
		assert.NoError(t, err, "the name is free at another customer")
		page, err := w.audit.Page(ctx, audit.Filter{Customers: []uuid.UUID{w.customer.ID}})
		entries := page.Entries
		require.NoError(t, err, "log")
		require.Len(t, entries, 3, "log")
		assert.Equal(t, audit.TransactionCreated, entries[1].Action, "log")
		assert.Equal(t, got.ID, entries[1].TransactionID.UUID, "log")
		assert.Equal(t, "V-10001 Einkommensteuer 2025", entries[1].Subject, "log")
		assert.Equal(t, "Ben Büro", entries[1].Changes()["responsible"][1], "log")
		diff, err := assignment.Check(ctx, w.db, 10)
		require.NoError(t, err, "index")
		assert.Empty(t, diff, "index")
	})
}

func TestCreateRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		gone := w.Person("Weg", true, policies.Specialist)
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, gone.ID)
		_, err := w.AddKind(ctx, w.templates, KindForm{NameEN: "Old", NameDE: "Alt"})
		require.NoError(t, err)
		_, err = w.RetireKind(ctx, w.templates, "old")
		require.NoError(t, err)
		w.create(w.anna, w.customer, "Groß & Söhne")
		before := w.Number(`SELECT count(*) FROM transactions`)
		for name, c := range map[string]struct {
			form        Form
			field, says string
		}{
			"no name":            {Form{Name: " "}, "name", "required"},
			"long":               {Form{Name: strings.Repeat("ä", 201)}, "name", "too_long"},
			"control":            {Form{Name: "a\x00b"}, "name", "control_characters"},
			"nothing to see":     {Form{Name: "\u200b\u3164"}, "name", "required"},
			"taken":              {Form{Name: "GROSS  Söhne"}, "name", "transaction.name_taken"},
			"unknown kind":       {Form{Name: "x", Kind: "nothing"}, "kind", "transaction.kind_unknown"},
			"retired kind":       {Form{Name: "x", Kind: "old"}, "kind", "transaction.kind_unknown"},
			"no date":            {Form{Name: "x", Due: "31.12.2026"}, "due", "date.malformed"},
			"no day":             {Form{Name: "x", Due: "2026-02-30"}, "due", "date.malformed"},
			"nobody":             {Form{Name: "x", Responsible: "x"}, "responsible", "transaction.responsible_unknown"},
			"nobody we know":     {Form{Name: "x", Responsible: newID().String()}, "responsible", "transaction.responsible_unknown"},
			"an end user":        {Form{Name: "x", Responsible: w.end.ID.String()}, "responsible", "transaction.responsible_unknown"},
			"a deactivated user": {Form{Name: "x", Responsible: gone.ID.String()}, "responsible", "transaction.responsible_unknown"},
		} {
			_, _, err := w.Create(ctx, w.anna, w.customer.ID, c.form)
			var f *fault.Error
			if !assert.ErrorAs(t, err, &f, name) {
				continue
			}
			if !assert.Equal(t, fault.Invalid, f.Code, name) {
				continue
			}
			if len(f.Fields) > 0 {
				f = f.Fields[0]
			}
			assert.Equal(t, c.field, f.Field, name)
			assert.Equal(t, c.says, f.Message, name)
		}
		for _, c := range []struct {
			who  string
			err  error
			want error
		}{
			{"a specialist user without relation", third(w.Create(ctx, w.ben, w.customer.ID, Form{Name: "x"})), policies.ErrForbidden},
			{"an auditor", third(w.Create(ctx, w.auditor, w.customer.ID, Form{Name: "x"})), policies.ErrForbidden},
			{"an end user", third(w.Create(ctx, w.end, w.customer.ID, Form{Name: "x"})), customer.ErrNotFound},
			{"no customer", third(w.Create(ctx, w.anna, newID(), Form{Name: "x"})), customer.ErrNotFound},
		} {
			assert.ErrorIs(t, c.err, c.want, c.who)
		}
		n := w.Number(`SELECT count(*) FROM transactions`)
		assert.Equal(t, before, n, "%d were added all the same", n-before)
	})
}

func third[A, B any](_ A, _ B, err error) error { return err }

func TestUpdate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		tr := w.create(w.anna, w.customer, "Vertrag")
		w.create(w.anna, w.customer, "Anderer")
		w.addProcessor(tr, w.ben)
		got, err := w.Update(ctx, w.ben, tr.ID, 1, Form{Name: "Mietvertrag", Kind: "contract", Due: "2026-11-30", Responsible: w.ben.ID.String()})
		require.NoError(t, err)
		require.Equal(t, 2, got.Version)
		require.Equal(t, "Mietvertrag", got.Name)
		require.Equal(t, "contract", got.Kind)
		assert.Equal(t, []string{"Mietvertrag"}, w.names(w.anna, Filter{Query: "mietv"}), "found under its new name")
		now, err := w.Update(ctx, w.anna, tr.ID, 1, Form{Name: "Zu spät"})
		assert.ErrorIs(t, err, ErrVersion, "the second editor")
		assert.Equal(t, "Mietvertrag", now.Name, "the second editor")
		same, err := w.Update(ctx, w.anna, tr.ID, 2, FormOf(got))
		require.NoError(t, err, "nothing changed")
		assert.Equal(t, 2, same.Version, "nothing changed: version")
		_, err = w.Update(ctx, w.anna, tr.ID, 2, Form{Name: "anderer"})
		assert.ErrorIs(t, err, ErrNameTaken, "name taken")
		for who, err := range map[string]error{
			"without relation": second(w.Update(ctx, w.clara, tr.ID, 2, Form{Name: "x"})),
			"unknown":          second(w.SetStatus(ctx, w.clara, newID(), 1, Closed)),
		} {
			assert.ErrorIs(t, err, ErrNotFound, who)
		}
		assert.ErrorIs(t, second(w.Update(ctx, w.auditor, tr.ID, 2, Form{Name: "x"})), policies.ErrForbidden, "an auditor")
		for i, to := range []Status{InReview, Closed, Open} {
			got, err := w.SetStatus(ctx, w.ben, tr.ID, 2+i, to)
			require.NoError(t, err)
			assert.Equal(t, to, got.Status, "to")
			assert.Equal(t, 3+i, got.Version)
		}
		_, err = w.SetStatus(ctx, w.ben, tr.ID, 2, Closed)
		assert.ErrorIs(t, err, ErrVersion, "status of an old version")
		_, err = w.SetStatus(ctx, w.ben, tr.ID, 5, "lost")
		assert.Equal(t, fault.Invalid, fault.CodeOf(err), "unknown status")
		page, err := w.audit.Page(ctx, audit.Filter{Customers: []uuid.UUID{w.customer.ID}})
		entries := page.Entries
		require.NoError(t, err, "log")
		assert.Equal(t, audit.TransactionMoved, entries[0].Action, "log")
		assert.Equal(t, [2]string{"closed", "open"}, entries[0].Changes()["status"], "log")
		assert.Equal(t, audit.TransactionUpdated, entries[3].Action, "log")
		assert.Equal(t, [2]string{"Vertrag", "Mietvertrag"}, entries[3].Changes()["name"], "log")
	})
}

func second[A any](_ A, err error) error { return err }

// TestLogged: a person without a relation to a transaction finds neither its name nor its number in the customer's log.
func TestLogged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		seen, hidden := w.create(w.anna, w.customer, "Gezeigt"), w.create(w.anna, w.customer, "Verborgen")
		w.addProcessor(seen, w.ben)
		_, err := w.SetStatus(ctx, w.anna, hidden.ID, 1, Closed)
		require.NoError(t, err)
		for who, c := range map[string]struct {
			caller       account.Caller
			seen, hidden bool
		}{
			"an administrator": {w.anna, true, true}, "a processor of one": {w.ben, true, false}, "somebody without relation": {w.clara, false, false},
			"an auditor": {w.auditor, true, true},
		} {
			logged, err := w.Logged(c.caller, "entry")
			w.Must(err)
			page, err := w.audit.Page(ctx, audit.Filter{Customers: []uuid.UUID{w.customer.ID}, Only: logged})
			entries := page.Entries
			w.Must(err)
			var log string
			for _, e := range entries {
				log += e.Subject + " " + e.Detail + "\n"
			}
			for tr, want := range map[Transaction]bool{seen: c.seen, hidden: c.hidden} {
				got := strings.Contains(log, tr.Name) || strings.Contains(log, tr.Label())
				assert.Equal(t, want, got, "%s finds %s in the log", who, tr.Name)
			}
			assert.Contains(t, log, w.customer.Label(), "%s does not find the customer in its log", who)
		}
	})
}

// TestTendFillsIn: transactions without a search text, as after the migration, are found after the worker's
// maintenance.
func TestTendFillsIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		cu := w.addCustomer(w.anna, "Zwergpudel")
		found := w.create(w.anna, cu, "Hausbau")
		w.Exec(`UPDATE transactions SET search = '' WHERE id = ?`, found.ID)
		if !w.db.IsPostgres() {
			w.Exec(`DELETE FROM transaction_search WHERE rowid = ?`, found.Number)
		}
		require.Empty(t, w.names(w.anna, Filter{Query: "hausbau"}), "found without a search text")
		w.Must(w.MergeSearchIndex(context.Background()))
		for _, q := range []string{"hausbau", "zwergpudel", found.Label()} {
			assert.Len(t, w.names(w.anna, Filter{Query: q}), 1, "%s finds", q)
		}
	})
}
