package transaction

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

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
		if err != nil || repeated {
			t.Fatal(repeated, err)
		}
		if got.Label() != "V-10001" || got.Name != "Einkommensteuer 2025" || got.Kind != "tax_return" || got.Status != Open || got.Due != "2026-12-31" ||
			got.Responsible != "Ben Büro" || got.Relation != policies.Administrator || got.Customer.Name != "Kühn, Berta" {
			t.Errorf("%+v", got)
		}
		if again, repeated, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: "Anders", IdempotencyKey: "a"}); err != nil || !repeated || again.ID != got.ID {
			t.Errorf("sent twice: %v, %v, %v", again.Name, repeated, err)
		}
		plain, _, err := w.Create(ctx, w.anna, w.customer.ID, Form{Name: "Nur ein Name"})
		if err != nil || plain.Kind != OtherKind || plain.Due != "" || plain.ResponsibleID != uuid.Nil || plain.Label() != "V-10002" {
			t.Errorf("only a name: %+v, %v", plain, err)
		}
		other := w.addCustomer(w.anna, "Lang")
		if _, _, err := w.Create(ctx, w.anna, other.ID, Form{Name: "Einkommensteuer 2025"}); err != nil {
			t.Errorf("the name is free at another customer: %v", err)
		}
		entries, _, err := w.audit.Page(ctx, w.customer.ID, uuid.Nil)
		if err != nil || len(entries) != 3 || entries[1].Action != audit.TransactionCreated || entries[1].TransactionID.UUID != got.ID ||
			entries[1].Subject != "V-10001 Einkommensteuer 2025" || entries[1].Changes()["responsible"][1] != "Ben Büro" {
			t.Errorf("log: %+v, %v", entries, err)
		}
		if diff, err := assignment.Check(ctx, w.db, 10); err != nil || len(diff) > 0 {
			t.Errorf("index: %+v, %v", diff, err)
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		gone := w.Person("Weg", true, policies.Specialist)
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, gone.ID)
		if _, err := w.AddKind(ctx, w.templates, KindForm{NameEN: "Old", NameDE: "Alt"}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.RetireKind(ctx, w.templates, "old"); err != nil {
			t.Fatal(err)
		}
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
			if !errors.As(err, &f) || f.Code != fault.Invalid {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if len(f.Fields) > 0 {
				f = f.Fields[0]
			}
			if f.Field != c.field || f.Message != c.says {
				t.Errorf("%s: %s %s", name, f.Field, f.Message)
			}
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
			if !errors.Is(c.err, c.want) {
				t.Errorf("%s: %v, want %v", c.who, c.err, c.want)
			}
		}
		if n := w.Number(`SELECT count(*) FROM transactions`); n != before {
			t.Errorf("%d were added all the same", n-before)
		}
	})
}

func third[A, B any](_ A, _ B, err error) error { return err }

func TestUpdate(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		tr := w.create(w.anna, w.customer, "Vertrag")
		w.create(w.anna, w.customer, "Anderer")
		w.entrust(tr, w.ben)
		got, err := w.Update(ctx, w.ben, tr.ID, 1, Form{Name: "Mietvertrag", Kind: "contract", Due: "2026-11-30", Responsible: w.ben.ID.String()})
		if err != nil || got.Version != 2 || got.Name != "Mietvertrag" || got.Kind != "contract" {
			t.Fatalf("%+v, %v", got, err)
		}
		if names := w.names(w.anna, Filter{Query: "mietv"}); !slices.Equal(names, []string{"Mietvertrag"}) {
			t.Errorf("found under its new name: %v", names)
		}
		if now, err := w.Update(ctx, w.anna, tr.ID, 1, Form{Name: "Zu spät"}); !errors.Is(err, ErrVersion) || now.Name != "Mietvertrag" {
			t.Errorf("the second editor: %v, %v", now.Name, err)
		}
		if same, err := w.Update(ctx, w.anna, tr.ID, 2, FormOf(got)); err != nil || same.Version != 2 {
			t.Errorf("nothing changed: version %d, %v", same.Version, err)
		}
		if _, err := w.Update(ctx, w.anna, tr.ID, 2, Form{Name: "anderer"}); !errors.Is(err, ErrNameTaken) {
			t.Errorf("name taken: %v", err)
		}
		for who, err := range map[string]error{
			"without relation": second(w.Update(ctx, w.clara, tr.ID, 2, Form{Name: "x"})),
			"unknown":          second(w.SetStatus(ctx, w.clara, newID(), 1, Closed)),
		} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", who, err)
			}
		}
		if err := second(w.Update(ctx, w.auditor, tr.ID, 2, Form{Name: "x"})); !errors.Is(err, policies.ErrForbidden) {
			t.Errorf("an auditor: %v", err)
		}
		for i, to := range []Status{InReview, Closed, Open} {
			got, err := w.SetStatus(ctx, w.ben, tr.ID, 2+i, to)
			if err != nil || got.Status != to || got.Version != 3+i {
				t.Errorf("to %s: %+v, %v", to, got, err)
			}
		}
		if _, err := w.SetStatus(ctx, w.ben, tr.ID, 2, Closed); !errors.Is(err, ErrVersion) {
			t.Errorf("status of an old version: %v", err)
		}
		if _, err := w.SetStatus(ctx, w.ben, tr.ID, 5, "lost"); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("unknown status: %v", err)
		}
		entries, _, err := w.audit.Page(ctx, w.customer.ID, uuid.Nil)
		if err != nil || entries[0].Action != audit.TransactionMoved || entries[0].Changes()["status"] != [2]string{"closed", "open"} ||
			entries[3].Action != audit.TransactionUpdated || entries[3].Changes()["name"] != [2]string{"Vertrag", "Mietvertrag"} {
			t.Errorf("log: %+v, %v", entries, err)
		}
	})
}

func second[A any](_ A, err error) error { return err }

// TestLogged: a person without a relation to a transaction finds neither its name nor its number in the customer's log.
func TestLogged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		seen, hidden := w.create(w.anna, w.customer, "Gezeigt"), w.create(w.anna, w.customer, "Verborgen")
		w.entrust(seen, w.ben)
		if _, err := w.SetStatus(ctx, w.anna, hidden.ID, 1, Closed); err != nil {
			t.Fatal(err)
		}
		for who, c := range map[string]struct {
			caller       account.Caller
			seen, hidden bool
		}{
			"an administrator": {w.anna, true, true}, "a processor of one": {w.ben, true, false}, "somebody without relation": {w.clara, false, false},
			"an auditor": {w.auditor, true, true},
		} {
			logged, err := w.Logged(c.caller, "entry")
			w.Must(err)
			entries, _, err := w.audit.Page(ctx, w.customer.ID, uuid.Nil, logged)
			w.Must(err)
			var log string
			for _, e := range entries {
				log += e.Subject + " " + e.Detail + "\n"
			}
			for tr, want := range map[Transaction]bool{seen: c.seen, hidden: c.hidden} {
				if got := strings.Contains(log, tr.Name) || strings.Contains(log, tr.Label()); got != want {
					t.Errorf("%s finds %s in the log: %v, want %v", who, tr.Name, got, want)
				}
			}
			if !strings.Contains(log, w.customer.Label()) {
				t.Errorf("%s does not find the customer in its log", who)
			}
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
		if got := w.names(w.anna, Filter{Query: "hausbau"}); len(got) != 0 {
			t.Fatalf("found without a search text: %v", got)
		}
		w.Must(w.MergeSearchIndex(context.Background()))
		for _, q := range []string{"hausbau", "zwergpudel", found.Label()} {
			if got := w.names(w.anna, Filter{Query: q}); len(got) != 1 {
				t.Errorf("%s finds %v", q, got)
			}
		}
	})
}
