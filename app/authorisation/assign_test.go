package authorisation

import (
	"slices"
	"testing"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/policies"
)

func TestAppoint(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		out, err := w.AppointAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID, w.anna.ID))
		if err != nil || out.Fresh != 1 || out.Already != 1 || !slices.Equal(out.Names, []string{"Clara Cron"}) {
			t.Fatalf("%+v, %v", out, err)
		}
		w.sound()
		if _, err := w.transactions.Get(w.Ctx, w.clara, w.taxes.ID); err != nil {
			t.Errorf("who was appointed: %v", err)
		}
		rows, err := w.Administrators(w.Ctx, w.ben, w.customer)
		if err != nil || len(rows) != 2 || rows[1].Name != "Clara Cron" || rows[1].By != "Anna Amt" || !rows[1].Active || !rows[1].Since.Equal(w.Now()) {
			t.Errorf("%+v, %v", rows, err)
		}
		log, _, err := w.audit.Page(w.Ctx, w.customer, uuid.Nil)
		w.Must(err)
		n := 0
		for _, e := range log {
			if e.Action == audit.AdministratorAppointed {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d entries for one appointment", n)
		}
		// nobody administers it, until somebody does: it needs attention no more
		w.Exec(`DELETE FROM customer_administrator WHERE customer_id = ?`, w.customer)
		w.invite(w.addCustomer("Fremd"), "fremd@kunde.example")
		if _, err := w.AppointAdministrators(w.Ctx, w.uwe, w.customer, ids(w.clara.ID)); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAppointRefuses: a refused appointment changes nothing, and nobody gives themselves rights.
func TestAppointRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		off := w.Specialist("Olaf Off")
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, off.ID)
		end := w.invite(w.customer, "berta@kunde.example")
		w.register("berta@kunde.example")
		endUser := uuid.FromStringOrNil("")
		w.Must(w.db.NewRaw(`SELECT account_id FROM access WHERE id = ?`, end.ID).Scan(w.Ctx, &endUser))
		standIn := w.deputy(w.Specialist("Dora Deputy"), w.anna)
		adminStandingFor := w.deputy(w.Specialist("Ute User", policies.UserAdministrator), w.clara)
		many := make([]uuid.UUID, maxPeople+1)
		for i := range many {
			many[i] = newID()
		}
		before := w.facts()
		for name, c := range map[string]struct {
			by   account.Caller
			who  []uuid.UUID
			want string
		}{
			"nobody":                  {w.anna, nil, "specialist: authorisation.nobody_chosen"},
			"twice":                   {w.anna, ids(w.clara.ID, w.clara.ID), "specialist: authorisation.twice"},
			"unknown":                 {w.anna, ids(w.clara.ID, newID()), "specialist: authorisation.not_active"},
			"no id":                   {w.anna, ids(uuid.Nil), "specialist: authorisation.not_active"},
			"deactivated":             {w.anna, ids(w.clara.ID, off.ID), "specialist: authorisation.not_active"},
			"end user":                {w.anna, ids(w.clara.ID, endUser), "specialist: authorisation.not_active"},
			"access":                  {w.anna, ids(end.ID), "specialist: authorisation.not_active"},
			"too many":                {w.anna, many, "specialist: authorisation.too_many"},
			"oneself":                 {w.uwe, ids(w.clara.ID, w.uwe.ID), "specialist: authorisation.self"},
			"oneself as a deputy":     {standIn, ids(standIn.ID), "specialist: authorisation.self"},
			"whom one stands in for":  {adminStandingFor, ids(w.clara.ID), "specialist: authorisation.self"},
			"a processor":             {w.ben, ids(w.clara.ID), "forbidden: forbidden"},
			"who has nothing with it": {w.clara, ids(w.clara.ID), "forbidden: forbidden"},
			"an auditor":              {w.rita, ids(w.clara.ID), "forbidden: forbidden"},
			"nobody signed in":        {account.Caller{}, ids(w.clara.ID), "not_found: customer.not_found"},
		} {
			if _, err := w.AppointAdministrators(w.Ctx, c.by, w.customer, c.who); complaint(err) != c.want {
				t.Errorf("%s: %s, want %s", name, complaint(err), c.want)
			}
			if got := w.facts(); got != before {
				t.Fatalf("%s: %s, want %s", name, got, before)
			}
		}
		if _, err := w.AppointAdministrators(w.Ctx, w.anna, newID(), ids(w.clara.ID)); complaint(err) != "not_found: customer.not_found" {
			t.Errorf("an unknown customer: %v", err)
		}
		// a deputy acts for the administrator: on others, yes
		if out, err := w.AppointAdministrators(w.Ctx, standIn, w.customer, ids(w.clara.ID)); err != nil || out.Fresh != 1 {
			t.Errorf("a deputy: %+v, %v", out, err)
		}
		w.sound()
	})
}

func TestEntrust(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		out, err := w.EntrustProcessors(w.Ctx, w.anna, w.customer, ids(w.clara.ID, w.ben.ID), ids(w.contract.ID, w.taxes.ID))
		if err != nil || out.Fresh != 3 || out.Already != 1 || !slices.Equal(out.Names, []string{"Ben Büro", "Clara Cron"}) {
			t.Fatalf("%+v, %v", out, err)
		}
		w.sound()
		if got := w.facts(); got != "a Anna Amt, p Ben Büro Steuer, p Ben Büro Vertrag, p Clara Cron Steuer, p Clara Cron Vertrag" {
			t.Errorf("%s", got)
		}
		// an entry about a transaction names it, for who may see it
		if n := w.Number(`SELECT count(*) FROM audit WHERE action = ? AND transaction_id = ?`, audit.ProcessorEntrusted, w.taxes.ID); n != 2 {
			t.Errorf("%d entries about the tax return", n)
		}
		if out, err := w.EntrustProcessors(w.Ctx, w.anna, w.customer, ids(w.anna.ID), ids(w.taxes.ID)); err != nil || out.Fresh != 1 {
			t.Errorf("an administrator, who has the right already: %+v, %v", out, err)
		}
	})
}

func TestEntrustRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		foreign := w.transaction(w.addCustomer("Fremd"), "Fremdes", "")
		before := w.facts()
		for name, c := range map[string]struct {
			by        account.Caller
			who, what []uuid.UUID
			want      string
		}{
			"nothing":             {w.anna, nil, nil, "specialist: authorisation.nobody_chosen, transaction: authorisation.none_chosen"},
			"no transaction":      {w.anna, ids(w.clara.ID), nil, "transaction: authorisation.none_chosen"},
			"twice":               {w.anna, ids(w.clara.ID), ids(w.taxes.ID, w.taxes.ID), "transaction: authorisation.twice"},
			"another customer's":  {w.anna, ids(w.clara.ID), ids(w.taxes.ID, foreign.ID), "transaction: authorisation.no_transaction"},
			"unknown":             {w.anna, ids(w.clara.ID), ids(newID()), "transaction: authorisation.no_transaction"},
			"not one's to see":    {w.uwe, ids(w.clara.ID), ids(w.taxes.ID), "transaction: authorisation.no_transaction"},
			"unknown person":      {w.anna, ids(newID()), ids(w.taxes.ID), "specialist: authorisation.not_active"},
			"who may not":         {w.ben, ids(w.clara.ID), ids(w.contract.ID), "forbidden: forbidden"},
			"nobody may see them": {account.Caller{}, ids(w.clara.ID), ids(w.contract.ID), "not_found: customer.not_found"},
		} {
			if _, err := w.EntrustProcessors(w.Ctx, c.by, w.customer, c.who, c.what); complaint(err) != c.want {
				t.Errorf("%s: %s, want %s", name, complaint(err), c.want)
			}
			if got := w.facts(); got != before {
				t.Fatalf("%s: %s, want %s", name, got, before)
			}
		}
		// who manages authorisations and sees one transaction gives nothing to themselves
		w.policyIs("\np, specialist, processor, authorisation, *, manage, allow\n")
		if _, err := w.EntrustProcessors(w.Ctx, w.ben, w.customer, ids(w.ben.ID), ids(w.contract.ID)); err != nil {
			t.Errorf("what one has already: %v", err)
		}
		if _, err := w.EntrustProcessors(w.Ctx, w.ben, w.customer, ids(w.ben.ID), ids(w.taxes.ID)); complaint(err) != "transaction: authorisation.no_transaction" {
			t.Errorf("what one does not see: %v", err)
		}
		w.policyIs("\np, specialist, *, transaction, *, read, allow\np, user_administrator, *, transaction, *, read, allow\n")
		if _, err := w.EntrustProcessors(w.Ctx, w.uwe, w.customer, ids(w.uwe.ID), ids(w.taxes.ID)); complaint(err) != "specialist: authorisation.self" {
			t.Errorf("what one sees and does not process: %v", err)
		}
	})
}

// TestProcessorsSeen: transactions that the caller may not see are in no row and no count.
func TestProcessorsSeen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.entrust(w.taxes, w.ben)
		w.entrust(w.taxes, w.clara)
		said := func(c account.Caller) (list []string) {
			rows, err := w.Processors(w.Ctx, c, w.customer)
			w.Must(err)
			for _, r := range rows {
				line := r.Name + ":"
				for _, x := range r.Transactions {
					line += " " + x.Name
				}
				list = append(list, line)
			}
			return list
		}
		for _, c := range []struct {
			by   account.Caller
			want []string
		}{
			{w.anna, []string{"Ben Büro: Vertrag Steuer", "Clara Cron: Steuer"}},
			{w.clara, []string{"Ben Büro: Steuer", "Clara Cron: Steuer"}},
			{w.uwe, nil},
			{w.rita, []string{"Ben Büro: Vertrag Steuer", "Clara Cron: Steuer"}},
		} {
			if got := said(c.by); !slices.Equal(got, c.want) {
				t.Errorf("%s sees %q, want %q", c.by.Name, got, c.want)
			}
		}
	})
}

func TestCandidates(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		off := w.Specialist("Cornelius Off")
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, off.ID)
		find := func(c account.Caller, f CandidateFilter) (names []string, more bool) {
			list, more, err := w.Candidates(w.Ctx, c, w.customer, f)
			w.Must(err)
			for _, p := range list {
				names = append(names, p.Name)
			}
			return names, more
		}
		if got, more := find(w.anna, CandidateFilter{Query: "Kanzlei", Limit: 2}); !slices.Equal(got, []string{"Anna Amt", "Ben Büro"}) || !more {
			t.Errorf("a word of every address finds %q, %v", got, more)
		}
		if got, _ := find(w.anna, CandidateFilter{Query: "büro BEN", Limit: 10}); !slices.Equal(got, []string{"Ben Büro"}) {
			t.Errorf("folded words find %q", got)
		}
		if got, _ := find(w.anna, CandidateFilter{Query: "büro", Keep: ids(w.rita.ID, off.ID, newID()), Limit: 10}); !slices.Equal(got, []string{"Rita Revision", "Ben Büro"}) {
			t.Errorf("who was chosen comes first: %q", got)
		}
		list, _, err := w.Candidates(w.Ctx, w.anna, w.customer, CandidateFilter{Limit: 2})
		w.Must(err)
		if !list[0].Administrator || list[0].Processes != 0 || list[1].Administrator || list[1].Processes != 1 {
			t.Errorf("what they are already: %+v", list)
		}
		list, _, err = w.Candidates(w.Ctx, w.uwe, w.customer, CandidateFilter{Query: "ben", Limit: 2})
		if err != nil || list[0].Processes != 0 {
			t.Errorf("a transaction that the caller may not see is counted: %+v, %v", list, err)
		}
		if _, _, err := w.Candidates(w.Ctx, w.ben, w.customer, CandidateFilter{Limit: 2}); complaint(err) != "forbidden: forbidden" {
			t.Errorf("who may not manage: %v", err)
		}
	})
}
