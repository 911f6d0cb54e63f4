package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/policies"
)

// TestImpact compares the figures with counts made by hand.
func TestImpact(t *testing.T) {
	each(t, func(w *world) {
		anna, tomasz, ines := w.Specialist("Anna Berg"), w.Specialist("Tomasz Kern"), w.Specialist("Ines Voss", policies.Auditor)
		off := w.Specialist("Otto Aus")
		kuehn := w.customer("person", "Kühn", anna)
		weg := w.customer("company", "Weg GmbH", anna, tomasz)
		w.customer("company", "Leer GmbH")
		w.transaction(kuehn, "Tax return 2025", "tax_return", tomasz, off)
		w.transaction(kuehn, "Contract", "contract")
		w.transaction(weg, "Accounts", "annual_accounts", anna) // administrator and processor
		w.transaction(weg, "Loan", "loan_application")
		eva, egon := w.account("Eva Ende", false), w.account("Egon Ende", false)
		w.access(kuehn, eva)
		w.access(weg, eva)
		w.access(kuehn, egon)
		w.access(weg, tomasz.ID) // administers it, processes none of it, and is its end user as well
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, off.ID)

		reader := account.Caller{ID: ines.ID, Roles: append([]policies.Role{policies.PolicyAdministrator}, ines.Roles...)}
		for name, c := range map[string]struct {
			change func(edit int) error
			want   string // as Petra sees it: customers by name, transactions by number
			reader string // as seen by somebody who may read everything; "" for the same
		}{
			"nothing": {func(int) error { return nil }, "", ""},
			"a deny for processors": {
				func(edit int) error { return w.AddRule(w.Ctx, w.petra, edit, deny(denyProcess)) },
				"Anna Berg loses process transaction on 1 transaction\nTomasz Kern loses process transaction on 1 transaction",
				"Anna Berg loses process transaction on 1 transaction (Accounts)\nTomasz Kern loses process transaction on 1 transaction (Tax return 2025)",
			},
			"by kind": {
				func(edit int) error {
					return w.AddRule(w.Ctx, w.petra, edit, deny("specialist, *, transaction, contract, read"))
				},
				"Anna Berg loses read transaction on 1 transaction\nInes Voss loses read transaction on 1 transaction", "",
			},
			"all but a kind": {
				func(edit int) error {
					return w.ChangeRule(w.Ctx, w.petra, edit, allow("auditor, *, transaction, *, read"), allow("auditor, *, transaction, contract, read"))
				},
				"Ines Voss loses read transaction on 3 transaction", "",
			},
			"without a relation": {
				func(edit int) error {
					return w.AddRule(w.Ctx, w.petra, edit, allow("specialist, *, transaction, *, read"))
				},
				"Anna Berg gains read transaction on 0\nPetra Richter gains read transaction on 4 transaction\nTomasz Kern gains read transaction on 1 transaction", "",
			},
			"end users": {
				func(edit int) error {
					return w.RemoveRule(w.Ctx, w.petra, edit, allow("end_user, access, transaction, *, read"))
				},
				"2 end users loses read transaction on 4 transaction", "",
			},
			"end users, a kind": {
				func(edit int) error {
					return w.AddRule(w.Ctx, w.petra, edit, deny("end_user, *, transaction, loan_application, read"))
				},
				"Tomasz Kern loses read transaction on 1 transaction\n1 end users loses read transaction on 1 transaction",
				"Tomasz Kern loses read transaction on 1 transaction (Loan)\n1 end users loses read transaction on 1 transaction",
			},
			"customers": {
				func(edit int) error {
					return w.AddRule(w.Ctx, w.petra, edit, deny("specialist, administrator, customer, company, update"))
				},
				"Anna Berg loses update customer on 1 customer (Weg GmbH)\nTomasz Kern loses update customer on 1 customer (Weg GmbH)", "",
			},
			"customers of processors": {
				func(edit int) error {
					return w.AddRule(w.Ctx, w.petra, edit, allow("specialist, processor, customer, *, delete"))
				},
				"Tomasz Kern gains delete customer on 1 customer (Kühn)", "",
			},
			"adding transactions": {
				func(edit int) error {
					return w.AddRule(w.Ctx, w.petra, edit, deny("specialist, administrator, transaction, contract, create"))
				},
				"Anna Berg loses create transaction on 2 customer (Weg GmbH, Kühn)\nTomasz Kern loses create transaction on 1 customer (Weg GmbH)", "",
			},
			"of a role": {
				func(edit int) error {
					return w.AddRule(w.Ctx, w.petra, edit, allow("auditor, *, specialist, *, manage"))
				},
				"Ines Voss gains manage specialist", "",
			},
			"adding customers": {
				func(edit int) error {
					return w.AddRule(w.Ctx, w.petra, edit, deny("auditor, *, customer, person, create"))
				},
				"Ines Voss loses create customer", "",
			},
			"inclusion": {
				func(edit int) error {
					return w.RemoveInclusion(w.Ctx, w.petra, edit, policies.Inclusion{Role: policies.PolicyAdministrator, Includes: policies.Specialist})
				},
				"", "", // who has a role is a specialist user anyway
			},
		} {
			w.Must(c.change(w.draftNow().Edit))
			want := c.want
			if name == "without a relation" { // Anna has a relation to all
				want = strings.TrimPrefix(want, "Anna Berg gains read transaction on 0\n")
			}
			assert.Equal(w, want, strings.Join(w.impact(w.petra), "\n"), name)
			if c.reader != "" {
				assert.Equal(w, c.reader, strings.Join(w.impact(reader), "\n"), "%s, for who may read all", name)
			}
			w.Must(w.Discard(w.Ctx, w.petra, w.draftNow().Edit))
		}
	})
}

// TestImpactOnDeputies: what somebody has as a deputy counts together with their own assignments. Each object counts
// once, a deny for one of two relations holds for both, only current deputyships count, and they are not transitive.
func TestImpactOnDeputies(t *testing.T) {
	each(t, func(w *world) {
		anna, tomasz, vera, willi := w.Specialist("Anna Berg"), w.Specialist("Tomasz Kern"), w.Specialist("Vera Vertretung"), w.Specialist("Willi Weiter")
		kuehn := w.customer("person", "Kühn", anna)
		w.customer("company", "Weg GmbH", anna, vera)
		w.transaction(kuehn, "Contract", "contract", tomasz)
		w.transaction(kuehn, "Accounts", "annual_accounts", vera)
		standIn := func(deputy, specialist account.Caller, from, until time.Duration) {
			w.Exec(`INSERT INTO deputy (id, specialist_id, deputy_id, starts_at, ends_at, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)`,
				uuid.Must(uuid.NewV7()), specialist.ID, deputy.ID, w.Now().Add(from), w.Now().Add(until), w.Now(), specialist.ID)
		}
		standIn(vera, anna, -time.Hour, time.Hour)
		standIn(willi, vera, -time.Hour, time.Hour) // gets Vera's own, not Anna's
		standIn(tomasz, anna, time.Hour, 2*time.Hour)
		standIn(w.petra, anna, -2*time.Hour, 0)
		table := map[string]string{
			"specialist, administrator, customer, *, update":         "Anna Berg loses update customer on 2 customer (Weg GmbH, Kühn)\nVera Vertretung loses update customer on 2 customer (Weg GmbH, Kühn)\nWilli Weiter loses update customer on 1 customer (Weg GmbH)",
			"specialist, administrator, transaction, *, process":     "Anna Berg loses process transaction on 2 transaction\nVera Vertretung loses process transaction on 2 transaction",
			"specialist, processor, transaction, *, process":         "Tomasz Kern loses process transaction on 1 transaction\nVera Vertretung loses process transaction on 1 transaction\nWilli Weiter loses process transaction on 1 transaction",
			"specialist, administrator, transaction, contract, read": "Anna Berg loses read transaction on 1 transaction\nVera Vertretung loses read transaction on 1 transaction",
		}
		defer func(limit int) { manyPeople = limit }(manyPeople)
		for _, manyPeople = range []int{manyPeople, 1} { // few people, and so many that all rows are read
			for rule, want := range table {
				w.Must(w.AddRule(w.Ctx, w.petra, w.draftNow().Edit, deny(rule)))
				assert.Equal(w, want, strings.Join(w.impact(w.petra), "\n"), rule)
				w.Must(w.Discard(w.Ctx, w.petra, w.draftNow().Edit))
			}
		}
	})
}

// TestImpactOfMany: fifty people are named and the others counted, each line has at most three examples, and Cut is set
// when the time is over.
func TestImpactOfMany(t *testing.T) {
	each(t, func(w *world) {
		admin := account.Caller{ID: w.petra.ID, Name: w.petra.Name, Roles: append(slices.Clone(w.petra.Roles), policies.Auditor)}
		var people []account.Caller
		for i := range maxPeople + 7 {
			people = append(people, w.Specialist("Person "+string(rune('A'+i/26))+string(rune('A'+i%26))))
		}
		cu := w.customer("person", "Kühn")
		for i := range 5 {
			w.transaction(cu, "T"+string(rune('0'+i)), "contract", people...)
		}
		w.add(deny(denyProcess))
		i, err := w.WouldChange(w.Ctx, admin, w.draftNow(), time.Minute)
		w.Must(err)
		require.Len(w, i.Lines, maxPeople, "lines")
		assert.Equal(w, 7, i.More, "more")
		assert.EqualValues(w, 5, i.Lines[0].Count)
		assert.Equal(w, "T4 T3 T2", strings.Join(i.Lines[0].Examples, " "))
		i, err = w.WouldChange(w.Ctx, admin, w.draftNow(), time.Nanosecond)
		require.NoError(w, err, "without time")
		assert.True(w, i.Cut, "without time")
		assert.False(w, i.Nothing(), "without time")
	})
}

func TestExpectations(t *testing.T) {
	each(t, func(w *world) {
		anna, tomasz := w.Specialist("Anna Berg"), w.Specialist("Tomasz Kern")
		cu := w.customer("person", "Kühn", anna)
		tr := w.transaction(cu, "Tax return 2025", "tax_return", tomasz)
		auditor := account.Caller{ID: w.petra.ID, Name: w.petra.Name, Roles: append(slices.Clone(w.petra.Roles), policies.Auditor)}
		label := fmt.Sprintf("V-%d", w.last)

		for _, c := range []struct {
			form ExpectationForm
			want string
		}{
			{ExpectationForm{}, "person policy.subject, object policy.object"},
			{ExpectationForm{Role: policies.Auditor, Person: "anna.berg@kanzlei.example", Object: policies.ObjectAudit, Action: policies.Read}, "person policy.subject"},
			{ExpectationForm{Person: "nobody@kanzlei.example", Object: policies.ObjectAudit, Action: policies.Read}, "person policy.person"},
			{ExpectationForm{Role: "boss", Object: policies.ObjectAudit, Action: policies.Read}, "role policy.role"},
			{ExpectationForm{Role: policies.Auditor, Object: policies.ObjectAudit, Action: policies.Manage}, "action policy.action"},
			{ExpectationForm{Role: policies.Auditor, Object: policies.ObjectTransaction, Action: policies.Read, Kind: "x"}, "kind policy.kind"},
			{ExpectationForm{Role: policies.Auditor, Object: policies.ObjectTransaction, Action: policies.Read, Transaction: label}, "transaction policy.transaction_person"},
			{ExpectationForm{Person: "anna.berg@kanzlei.example", Object: policies.ObjectCustomer, Action: policies.Read, Transaction: label}, "action policy.transaction_action"},
			{ExpectationForm{Person: "anna.berg@kanzlei.example", Object: policies.ObjectTransaction, Action: policies.Read, Transaction: "V-99999"}, "transaction policy.transaction"},
			{ExpectationForm{Person: "anna.berg@kanzlei.example", Object: policies.ObjectTransaction, Action: policies.Read, Transaction: "x"}, "transaction policy.transaction"},
			// Petra may not read the transaction, so it does not exist for her.
			{ExpectationForm{Person: "anna.berg@kanzlei.example", Object: policies.ObjectTransaction, Action: policies.Read, Transaction: label}, "transaction policy.transaction"},
		} {
			w.WantComplaints(c.want, w.Expect(w.Ctx, w.petra, c.form), c.want)
		}
		require.Equal(w, 0, w.count("policy_expectation"), "a refused expectation is stored")
		role := func(r policies.Role, relation string, may bool, a policies.Action, o policies.Object, kind string) ExpectationForm {
			return ExpectationForm{Role: r, Relation: relation, May: may, Action: a, Object: o, Kind: kind}
		}
		person := func(who string, may bool, a policies.Action, o policies.Object, number string) ExpectationForm {
			return ExpectationForm{Person: who, May: may, Action: a, Object: o, Transaction: number}
		}
		for i, c := range []struct {
			form  ExpectationForm
			holds bool
			rule  string
		}{
			{role(policies.Auditor, "", true, policies.Read, policies.ObjectTransaction, ""), true, ""},
			{role(policies.Specialist, "processor", false, policies.Delete, policies.ObjectCustomer, "*"), true, ""},
			{role(policies.Specialist, "administrator", false, policies.Delete, policies.ObjectCustomer, "person"), false, "p, specialist, administrator, customer, *, delete, allow"},
			{role(policies.Specialist, "*", true, policies.Read, policies.ObjectTransaction, "contract"), false, ""},
			{role(policies.EndUser, "access", true, policies.Read, policies.ObjectPortal, ""), true, ""},
			{role(policies.Auditor, "", false, policies.Create, policies.ObjectCustomer, ""), true, ""},          // an auditor is no specialist user
			{role(policies.DataAdministrator, "", true, policies.Create, policies.ObjectCustomer, ""), true, ""}, // it includes specialist
			{person("ANNA.Berg@kanzlei.example", true, policies.Process, policies.ObjectTransaction, label), true, ""},
			{person("tomasz.kern@kanzlei.example", true, policies.Process, policies.ObjectTransaction, label), true, ""},
			{person("petra.richter@kanzlei.example", false, policies.Read, policies.ObjectTransaction, label), true, ""},
			{person("anna.berg@kanzlei.example", false, policies.Read, policies.ObjectTransaction, label), false, "p, specialist, administrator, transaction, *, read, allow"},
			{person("anna.berg@kanzlei.example", true, policies.Delete, policies.ObjectCustomer, ""), true, ""},
			{person("tomasz.kern@kanzlei.example", false, policies.Delete, policies.ObjectCustomer, ""), true, ""},
			{person("petra.richter@kanzlei.example", true, policies.Manage, policies.ObjectPolicy, ""), true, ""},
			{person("anna.berg@kanzlei.example", true, policies.Manage, policies.ObjectPolicy, ""), false, ""},
		} {
			w.Must(w.Expect(w.Ctx, auditor, c.form))
			checks, err := w.Expectations(w.Ctx, auditor)
			w.Must(err)
			k := checks[len(checks)-1]
			rule := ""
			if k.Rule != nil {
				rule = k.Rule.String()
			}
			assert.Equal(w, c.holds, k.Holds, "%d: by, want %v by %q", i, c.holds, c.rule)
			assert.Equal(w, c.rule, rule, "%d", i)
			assert.False(w, k.Hidden, "%d", i)
			if !c.holds {
				w.Must(w.Unexpect(w.Ctx, auditor, k.ID))
			}
		}
		// An expectation does not reveal to Petra what she may not see.
		checks, err := w.Expectations(w.Ctx, w.petra)
		w.Must(err)
		hidden := 0
		for _, k := range checks {
			if k.Hidden {
				hidden++
			}
			assert.Empty(w, k.Transaction, "Petra reads")
		}
		assert.Equal(w, 3, hidden, "hidden")

		// An address that an earlier version folded differently is found, as it is at the sign-in.
		w.Exec(`UPDATE account SET email = ?1, email_folded = ?1 WHERE id = ?0`, tomasz.ID, "müller@bücher.example")
		w.Must(w.Expect(w.Ctx, auditor, person("müller@bücher.example", true, policies.Read, policies.ObjectTransaction, label)))
		checks, err = w.Expectations(w.Ctx, auditor)
		w.Must(err)
		k := checks[len(checks)-1]
		assert.Equal(w, "Tomasz Kern", k.Person, "about")
		w.Must(w.Unexpect(w.Ctx, auditor, checks[len(checks)-1].ID))

		w.add(deny("specialist, processor, transaction, tax_return, process"))
		w.Want("publish against an expectation", w.publish(), ErrExpectation)
		r, err := w.Review(w.Ctx, auditor, w.draftNow())
		w.Must(err)
		require.Equal(w, 1, r.Failing())
		for _, k := range r.Checks {
			if !k.Holds && (k.Person != "Tomasz Kern" || k.Transaction != "Tax return 2025" || k.Kind != "tax_return" || k.Rule.Effect != policies.Deny) {
				w.Errorf("%+v", k)
			}
			if !k.Holds {
				w.Must(w.Unexpect(w.Ctx, w.petra, k.ID))
				w.Must(w.Unexpect(w.Ctx, w.petra, k.ID))
			}
		}
		w.Must(w.publish())
		assert.Equal(w, 6, w.count(`audit WHERE action = 'policy.expectation_removed'`), "removals in the log")
		// An inactive person may do nothing. The erasure of a person removes the expectation.
		w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, anna.ID)
		checks, err = w.Expectations(w.Ctx, w.petra)
		w.Must(err)
		assert.Equal(w, 2, failing(checks), "fail")
		w.InTx(func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM transactions WHERE id = ?`, tr)
			return err
		})
		assert.Equal(w, 0, w.count(`policy_expectation WHERE transaction_id IS NOT NULL`), "expectations of a deleted transaction")
	})
}
