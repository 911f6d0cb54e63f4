package policies_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/effort"
	"kontor/policies"
)

func TestWidens(t *testing.T) {
	keeper := []policies.Role{policies.PolicyAdministrator, policies.Specialist, policies.EndUser}
	for _, tt := range []struct {
		name, took, added string
		widens            bool
	}{
		{"nothing", "", "", false},
		{"one's own role reads the log", "", "p, policy_administrator, *, audit, *, read, allow", true},
		{"end users read the log: anybody can make one of themselves", "", "p, end_user, *, audit, *, read, allow", true},
		{"end users delete the customer of their access", "", "p, end_user, access, customer, *, delete, allow", true},
		{"a role that nobody gets alone", "", "p, auditor, *, queue, *, read, allow", false},
		{"inclusion of a guarding role", "", "g, end_user, auditor", true},
		{"inclusion that gives nothing new", "", "g, policy_administrator, end_user", false},
		{"inclusion by a role that nobody gets alone", "", "g, auditor, user_administrator", false},
		{"a deny", "", "p, specialist, *, customer, *, update, deny", false},
		{"a rule less", "p, specialist, *, customer, *, update, allow", "", false},
		{"the same for one relation", "p, specialist, *, customer, *, update, allow", "p, specialist, administrator, customer, *, update, allow", false},
		{"for any relation", "p, specialist, administrator, customer, *, delete, allow", "p, specialist, *, customer, *, delete, allow", true},
		{"another action", "", "p, specialist, *, customer, person, delete, allow", true},
		{"an action that another role of theirs has", "", "p, specialist, *, policy, *, read, allow", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old := parse(t, policies.Default)
			text := policies.Default
			if tt.took != "" {
				require.Contains(t, text, tt.took+"\n", "no line")
				text = strings.Replace(text, tt.took+"\n", "", 1)
			}
			next := parse(t, text+"\n"+tt.added+"\n")
			assert.Equal(t, tt.widens, policies.Widens(old, next, keeper), "widens")
		})
	}
	t.Run("a deny taken away", func(t *testing.T) {
		old := parse(t, policies.Default+"p, specialist, *, customer, *, update, deny\n")
		assert.True(t, policies.Widens(old, parse(t, policies.Default), keeper), "does not widen")
	})
	t.Run("an allow that a deny covered, given to another role", func(t *testing.T) {
		old := parse(t, policies.Default+"p, policy_administrator, *, audit, *, read, allow\np, policy_administrator, *, audit, *, read, deny\n")
		next := parse(t, old.String()+"p, end_user, *, audit, *, read, allow\n")
		assert.True(t, policies.Widens(old, next, keeper), "does not widen")
	})
}

func TestCovers(t *testing.T) {
	d := parse(t, policies.Default)
	for _, tt := range []struct {
		giver []policies.Role
		role  policies.Role
		want  bool
	}{
		{[]policies.Role{policies.UserAdministrator}, policies.Specialist, true},
		{[]policies.Role{policies.UserAdministrator}, policies.TemplateAdministrator, false},
		{[]policies.Role{policies.UserAdministrator, policies.TemplateAdministrator}, policies.TemplateAdministrator, true},
		{[]policies.Role{policies.Auditor}, policies.Specialist, false},
	} {
		assert.Equal(t, tt.want, d.Covers(tt.giver, tt.role))
	}
}

// TestWidensAgreesWithDecisions: when Widens says no, no set of these roles may do anything that no set of them might
// do before.
func TestWidensAgreesWithDecisions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	roles := []policies.Role{policies.Specialist, policies.EndUser, policies.PolicyAdministrator}
	all := []policies.Role{policies.Specialist, policies.EndUser, policies.PolicyAdministrator, policies.Auditor}
	pick := func(n int) bool { return r.IntN(n) == 0 }
	random := func() policies.Document {
		var d policies.Document
		seen := map[string]bool{}
		add := func(line string) bool { was := seen[line]; seen[line] = true; return !was }
		for range 1 + r.IntN(5) {
			rule := policies.Rule{
				Role: all[r.IntN(len(all))], Relation: []string{"*", "administrator", "processor"}[r.IntN(3)], Object: policies.ObjectTransaction,
				Kind: []string{"*", "contract"}[r.IntN(2)], Action: []policies.Action{policies.Read, policies.Process}[r.IntN(2)],
				Effect: policies.Allow,
			}
			if pick(4) {
				rule.Effect = policies.Deny
			}
			if add(rule.String()) {
				d.Rules = append(d.Rules, rule)
			}
		}
		if pick(3) {
			i := policies.Inclusion{Role: all[r.IntN(4)], Includes: all[r.IntN(4)]}
			if i.Role != i.Includes {
				d.Inclusions = append(d.Inclusions, i)
			}
		}
		return d
	}
	narrow := 0
	for range effort.Of(2000, 400) {
		old := random()
		next := random()
		if pick(2) { // a small change removes rights more often
			next = policies.Document{Rules: append([]policies.Rule{}, old.Rules...), Inclusions: old.Inclusions}
			if pick(2) {
				next.Rules = next.Rules[1:]
			} else {
				next.Rules = append(next.Rules, random().Rules[0])
			}
		}
		if policies.Widens(old, next, roles) {
			continue
		}
		before, err := policies.New(old.String())
		if err != nil {
			continue // the same line twice
		}
		after, err := policies.New(next.String())
		if err != nil {
			continue
		}
		narrow++
		for _, act := range []policies.Action{policies.Read, policies.Process} {
			for _, kind := range []string{"contract", "other"} {
				for rel := policies.Relation(0); rel < 4; rel++ {
					q := policies.Request{Relation: rel, Object: policies.ObjectTransaction, Kind: kind, Action: act}
					if might(t, after, roles, q) && !might(t, before, roles, q) {
						t.Fatalf("%+v\nbefore:\n%s\nafter:\n%s", q, old, next)
					}
				}
			}
		}
	}
	require.GreaterOrEqual(t, narrow, effort.Of(200, 40), "only %d policies were narrowing: the test proves little", narrow)
}

// might says whether some set of the roles may.
func might(t *testing.T, d *policies.Decider, roles []policies.Role, q policies.Request) bool {
	t.Helper()
	for set := 1; set < 1<<len(roles); set++ {
		q.Roles = nil
		for i, r := range roles {
			if set&(1<<i) != 0 {
				q.Roles = append(q.Roles, r)
			}
		}
		ok, err := d.Allows(q)
		require.NoError(t, err)
		if ok {
			return true
		}
	}
	return false
}

func parse(t *testing.T, text string) policies.Document {
	t.Helper()
	d, err := policies.Parse(text, policies.AnyKind)
	require.NoError(t, err)
	return d
}
