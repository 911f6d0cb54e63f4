package policy

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/customer"
	"kontor/app/fault"
	"kontor/app/job"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/app/transaction"
	"kontor/policies"
)

// FuzzRuleForm: for any form, a rule is either refused at one of its fields, or added to the text as one line that
// parses to the same rule and can be removed again (S27, S35).
func FuzzRuleForm(f *testing.F) {
	f.Add("specialist", "processor", "transaction", "contract", "process", "deny")
	f.Add("auditor", "*", "customer", "person\n", "list,", `al"low`)
	f.Add("user:anna", "owner", "eval(r)", ".*", "keyMatch", "alow")
	f.Fuzz(func(t *testing.T, role, relation, object, kind, action, effect string) {
		r := policies.Rule{
			Role: policies.Role(role), Relation: relation, Object: policies.Object(object), Kind: kind, Action: policies.Action(action), Effect: effect,
		}
		before := document(policies.Default)
		if err := checkRule(before, r, policies.AnyKind); err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", r)
			return
		}
		with := exchange(policies.Default, "", r.String())
		require.Equal(t, strings.Count(policies.Default, "\n")+1, strings.Count(with, "\n"), "%v is more than a line", r)
		doc, err := policies.Parse(with, policies.AnyKind)
		require.NoError(t, err, with)
		require.Len(t, doc.Rules, len(before.Rules)+1, with)
		require.Contains(t, doc.Rules, r, with)
		require.Equal(t, policies.Default, exchange(with, r.String(), ""), "does not go out again")
	})
}

// FuzzExpectationForm: any form gets a complaint, or makes an expectation whose words are valid in a rule.
func FuzzExpectationForm(f *testing.F) {
	f.Add("auditor", "", "", "read", "transaction", "", "")
	f.Add("", "*", "anna@kanzlei.example", "read", "transaction", "*", "V-10001")
	f.Add("", "", "\x00", "read", "transaction", "contract", "v-99999999999999999999")
	f.Add("boss", "owner", "x", "eval(1)", "a,b", "\n", "V--1")
	db := storetest.SQLite(f)
	decider, err := policies.New(policies.Default)
	require.NoError(f, err)
	log := audit.New(db, store.System)
	customers := customer.New(customer.Options{DB: db, Now: store.System, Decider: decider, Audit: log, Jobs: job.New(job.Options{DB: db, Now: store.System})})
	s := New(Options{DB: db, Now: store.System, Decider: decider, Audit: log, Customers: customers, Transactions: transaction.New(
		transaction.Options{DB: db, Now: store.System, Decider: decider, Audit: log, Customers: customers})})
	c := account.Caller{Roles: []policies.Role{policies.Specialist, policies.PolicyAdministrator, policies.Auditor}}
	f.Fuzz(func(t *testing.T, role, relation, person, action, object, kind, number string) {
		e, err := s.expectation(context.Background(), c, ExpectationForm{
			Role: policies.Role(role), Relation: relation, Person: person, Action: policies.Action(action), Object: policies.Object(object),
			Kind: kind, Transaction: number,
		})
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		complaint := e.rule().Check(policies.AnyKind)
		require.Nil(t, complaint)
		require.NotEmpty(t, e.Role)
		require.False(t, e.PersonID.Valid)
		require.False(t, e.TransactionID.Valid)
	})
}
