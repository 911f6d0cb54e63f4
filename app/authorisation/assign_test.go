package authorisation

import (
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/policies"
)

func TestAddAdministrators(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		out, err := w.AddAdministrators(w.Ctx, w.anna, w.customer, ids(w.clara.ID, w.anna.ID))
		require.NoError(t, err)
		require.Equal(t, 1, out.Fresh)
		require.Equal(t, 1, out.Already)
		require.Equal(t, []string{"Clara Cron"}, out.Names)
		w.sound()
		_, err = w.transactions.Get(w.Ctx, w.clara, w.taxes.ID)
		assert.NoError(t, err, "a new administrator")
		rows, err := w.Administrators(w.Ctx, w.ben, w.customer)
		require.NoError(t, err)
		require.Len(t, rows, 2)
		assert.Equal(t, "Clara Cron", rows[1].Name)
		assert.Equal(t, "Anna Amt", rows[1].By)
		assert.True(t, rows[1].Active)
		assert.WithinDuration(t, w.Now(), rows[1].Since, 0)
		page, err := w.audit.Page(w.Ctx, audit.Filter{Customers: []uuid.UUID{w.customer}})
		log := page.Entries
		w.Must(err)
		n := 0
		for _, e := range log {
			if e.Action == audit.AdministratorAdded {
				n++
			}
		}
		assert.Equal(t, 1, n, "entries for one assignment")
		// A customer without an administrator needs attention until somebody is added.
		w.Exec(`DELETE FROM customer_administrator WHERE customer_id = ?`, w.customer)
		w.invite(w.addCustomer("Fremd"), "fremd@kunde.example")
		_, err = w.AddAdministrators(w.Ctx, w.uwe, w.customer, ids(w.clara.ID))
		require.NoError(t, err)
	})
}

// TestAddAdministratorsRefuses: a refused appointment changes nothing, and nobody gives themselves rights.
func TestAddAdministratorsRefuses(t *testing.T) {
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
			_, err := w.AddAdministrators(w.Ctx, c.by, w.customer, c.who)
			assert.Equal(t, c.want, complaint(err), name)
			require.Equal(t, before, w.facts(), name)
		}
		_, err := w.AddAdministrators(w.Ctx, w.anna, newID(), ids(w.clara.ID))
		assert.Equal(t, "not_found: customer.not_found", complaint(err), "an unknown customer")
		// A deputy acts for the administrator and may assign others.
		out, err := w.AddAdministrators(w.Ctx, standIn, w.customer, ids(w.clara.ID))
		require.NoError(t, err, "a deputy")
		assert.Equal(t, 1, out.Fresh, "a deputy")
		w.sound()
	})
}

func TestAddProcessors(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		out, err := w.AddProcessors(w.Ctx, w.anna, w.customer, ids(w.clara.ID, w.ben.ID), ids(w.contract.ID, w.taxes.ID))
		require.NoError(t, err)
		require.Equal(t, 3, out.Fresh)
		require.Equal(t, 1, out.Already)
		require.Equal(t, []string{"Ben Büro", "Clara Cron"}, out.Names)
		w.sound()
		assert.Equal(t, "a Anna Amt, p Ben Büro Steuer, p Ben Büro Vertrag, p Clara Cron Steuer, p Clara Cron Vertrag", w.facts())
		// An entry about a transaction names it, so that it is shown to those who may see the transaction.
		n := w.Number(`SELECT count(*) FROM audit WHERE action = ? AND transaction_id = ?`, audit.ProcessorAdded, w.taxes.ID)
		assert.Equal(t, 2, n, "entries about the tax return")
		out, err = w.AddProcessors(w.Ctx, w.anna, w.customer, ids(w.anna.ID), ids(w.taxes.ID))
		require.NoError(t, err, "an administrator, who has the right already")
		assert.Equal(t, 1, out.Fresh, "an administrator, who has the right already")
	})
}

func TestAddProcessorsRefuses(t *testing.T) {
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
			_, err := w.AddProcessors(w.Ctx, c.by, w.customer, c.who, c.what)
			assert.Equal(t, c.want, complaint(err), name)
			require.Equal(t, before, w.facts(), name)
		}
		// Somebody who manages authorisations and sees one transaction can't give themselves another.
		w.policyIs("\np, specialist, processor, authorisation, *, manage, allow\n")
		_, err := w.AddProcessors(w.Ctx, w.ben, w.customer, ids(w.ben.ID), ids(w.contract.ID))
		assert.NoError(t, err, "what one has already")
		_, err = w.AddProcessors(w.Ctx, w.ben, w.customer, ids(w.ben.ID), ids(w.taxes.ID))
		assert.Equal(t, "transaction: authorisation.no_transaction", complaint(err), "what one does not see")
		w.policyIs("\np, specialist, *, transaction, *, read, allow\np, user_administrator, *, transaction, *, read, allow\n")
		_, err = w.AddProcessors(w.Ctx, w.uwe, w.customer, ids(w.uwe.ID), ids(w.taxes.ID))
		assert.Equal(t, "specialist: authorisation.self", complaint(err), "what one sees and does not process")
	})
}

// TestProcessorsSeen: transactions that the caller may not see are in no row and no count.
func TestProcessorsSeen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.addProcessor(w.taxes, w.ben)
		w.addProcessor(w.taxes, w.clara)
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
			assert.Equal(t, c.want, said(c.by), "%s sees", c.by.Name)
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
		got, more := find(w.anna, CandidateFilter{Query: "Kanzlei", Limit: 2})
		assert.Equal(t, []string{"Anna Amt", "Ben Büro"}, got, "a word of every address finds")
		assert.True(t, more, "%v", more)
		got, _ = find(w.anna, CandidateFilter{Query: "büro BEN", Limit: 10})
		assert.Equal(t, []string{"Ben Büro"}, got, "folded words find")
		got, _ = find(w.anna, CandidateFilter{Query: "büro", Keep: ids(w.rita.ID, off.ID, newID()), Limit: 10})
		assert.Equal(t, []string{"Rita Revision", "Ben Büro"}, got, "who was chosen comes first")
		list, _, err := w.Candidates(w.Ctx, w.anna, w.customer, CandidateFilter{Limit: 2})
		w.Must(err)
		assert.True(t, list[0].Administrator, "what they are already: %+v", list)
		assert.Equal(t, 0, list[0].Processes, "what they are already")
		assert.False(t, list[1].Administrator, "what they are already")
		assert.Equal(t, 1, list[1].Processes, "what they are already")
		list, _, err = w.Candidates(w.Ctx, w.uwe, w.customer, CandidateFilter{Query: "ben", Limit: 2})
		require.NoError(t, err, "a transaction that the caller may not see is counted")
		assert.Equal(t, 0, list[0].Processes, "a transaction that the caller may not see is counted")
		_, _, err = w.Candidates(w.Ctx, w.ben, w.customer, CandidateFilter{Limit: 2})
		assert.Equal(t, "forbidden: forbidden", complaint(err), "who may not manage")
	})
}
