package policies_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/effort"
	"kontor/policies"
	"kontor/policies/policytest"
)

// saidOf writes a cell down: "all", "administrator<specialist", "processor?" for some kinds, "-processor" for never.
func saidOf(c policies.Cell) string {
	names := map[policies.Relation]string{policies.None: "all", policies.Administrator: "administrator", policies.Processor: "processor", policies.Access: "access"}
	var parts []string
	for _, p := range c.Parts {
		s := names[p.Relation]
		switch p.Answer {
		case policies.Never:
			s = "-" + s
		case policies.SomeKinds:
			s += "?"
		}
		if c.Inherited(p) {
			for _, r := range p.From {
				s += "<" + string(r)
			}
		}
		parts = append(parts, s)
	}
	if n := len(c.Denies()); n > 0 {
		parts = append(parts, fmt.Sprintf("%d denied", n))
	}
	if n := len(c.ByKind()); n > 0 {
		parts = append(parts, fmt.Sprintf("%d by kind", n))
	}
	if c.Clash {
		parts = append(parts, "clash")
	}
	return strings.Join(parts, " ")
}

// TestCell: what a cell of the table of policies says, by the rules that there are.
func TestCell(t *testing.T) {
	read := policies.Permission{Object: policies.ObjectTransaction, Action: policies.Read}
	log := policies.Permission{Object: policies.ObjectAudit, Action: policies.Read}
	customers := policies.Permission{Object: policies.ObjectCustomer, Action: policies.Read}
	add := policies.Permission{Object: policies.ObjectCustomer, Action: policies.Create}
	const inherits = "\ng, auditor, specialist"
	for _, tt := range []struct {
		name, text string
		role       policies.Role
		permission policies.Permission
		want       string
	}{
		{"nothing given", "", policies.Auditor, log, ""},
		{"for all", "p, auditor, *, audit, *, read, allow", policies.Auditor, log, "all"},
		{"another role", "p, specialist, *, audit, *, read, allow", policies.Auditor, log, ""},
		{"included", "p, specialist, *, audit, *, read, allow" + inherits, policies.Auditor, log, "all<specialist"},
		{"included twice over", "p, end_user, *, audit, *, read, allow\ng, specialist, end_user" + inherits, policies.Auditor, log, "all<end_user"},
		{"own and included", "p, specialist, *, audit, *, read, allow\np, auditor, *, audit, *, read, allow" + inherits, policies.Auditor, log, "all"},
		{"for own", "p, specialist, administrator, transaction, *, read, allow\np, specialist, processor, transaction, *, read, allow", policies.Specialist, read, "administrator processor"},
		{"own access", "p, end_user, access, transaction, *, read, allow", policies.EndUser, read, "access"},
		{"for all covers for own", "p, specialist, *, transaction, *, read, allow\np, specialist, processor, transaction, *, read, allow", policies.Specialist, read, "all"},
		{"all of one's own, own from another", "p, auditor, *, transaction, *, read, allow\np, specialist, processor, transaction, *, read, allow" + inherits, policies.Auditor, read, "all"},
		{"some kinds", "p, specialist, *, transaction, contract, read, allow", policies.Specialist, read, "all? 1 by kind"},
		{"some kinds, and more for own", "p, specialist, *, transaction, contract, read, allow\np, specialist, processor, transaction, *, read, allow", policies.Specialist, read, "all? processor 1 by kind"},
		{"every kind by name", "p, specialist, *, customer, person, read, allow\np, specialist, *, customer, company, read, allow", policies.Specialist, customers, "all 2 by kind"},
		{"denied", "p, auditor, *, audit, *, read, allow\np, auditor, *, audit, *, read, deny", policies.Auditor, log, "1 denied"},
		{"denied without being given", "p, auditor, *, audit, *, read, deny", policies.Auditor, log, "1 denied"},
		{"denied by what is included", "p, auditor, *, audit, *, read, allow\np, specialist, *, audit, *, read, deny" + inherits, policies.Auditor, log, "1 denied"},
		{"denied for own", "p, auditor, *, transaction, *, read, allow\np, auditor, processor, transaction, *, read, deny", policies.Auditor, read, "all -processor 1 denied clash"},
		{"denied for one of two", "p, auditor, administrator, transaction, *, read, allow\np, auditor, processor, transaction, *, read, deny", policies.Auditor, read, "administrator 1 denied clash"},
		{"denied for a kind", "p, auditor, *, transaction, *, read, allow\np, auditor, *, transaction, contract, read, deny", policies.Auditor, read, "all? 1 denied"},
		{"a relation that nobody has", "p, specialist, administrator, customer, *, create, allow", policies.Specialist, add, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := policies.New(tt.text)
			require.NoError(t, err)
			c, err := d.Cell(tt.role, tt.permission)
			require.NoError(t, err)
			assert.Equal(t, tt.want, saidOf(c))
		})
	}
}

// TestCellsAreDecisions: in random policies, every cell says what Casbin decides for a person with that role: with no
// relation, with each relation, and with several. What it calls inherited goes with the inclusions, and nothing else does.
func TestCellsAreDecisions(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 7))
	said := map[policies.Degree]int{}
	clashes, inherited := 0, 0
	for range effort.Of(300, 100) {
		doc := policytest.Random(r)
		d, err := policies.New(doc.String())
		require.NoError(t, err)
		for _, o := range policies.ObjectList {
			for _, a := range policies.Objects[o] {
				p := policies.Permission{Object: o, Action: a}
				for _, role := range policies.Roles {
					c, err := d.Cell(role, p)
					require.NoError(t, err)
					mayBy := func(doc policies.Document, m policies.Relation) []bool {
						var may []bool
						for _, kind := range kindsOf(o) {
							may = append(may, policytest.Allows(doc, policies.Request{Roles: []policies.Role{role}, Relation: m, Object: o, Kind: kind, Action: a}))
						}
						return may
					}
					may := func(m policies.Relation) []bool { return mayBy(doc, m) }
					for _, rel := range append([]policies.Relation{policies.None}, policies.RelationsTo(p)...) {
						want := policies.SomeKinds
						if all := may(rel); !slices.Contains(all, false) {
							want = policies.Always
						} else if !slices.Contains(all, true) {
							want = policies.Never
						}
						said[want]++
						require.Equal(t, want, c.Answer(rel), "%s %v with %d: %s\n%s", role, p, rel, saidOf(c), doc)
					}
					for _, part := range c.Parts {
						if part.Answer == policies.Never {
							continue
						}
						require.NotEmpty(t, part.From, "%s %v: %s comes from nowhere\n%s", role, p, saidOf(c), doc)
						alone := policies.Document{Rules: slices.DeleteFunc(slices.Clone(doc.Rules), func(r policies.Rule) bool { return r.Effect == policies.Deny })}
						if c.Inherited(part) {
							inherited++
							gave := slices.Contains(mayBy(alone, part.Relation), true)
							if part.Relation == policies.None {
								require.False(t, gave, "%s %v: %s, and has it without what it includes\n%s", role, p, saidOf(c), doc)
							}
						} else {
							require.Contains(t, mayBy(alone, part.Relation), true, "%s %v: %s, and has it only from others\n%s", role, p, saidOf(c), doc)
						}
					}
					require.Equal(t, clashes2(p, may), c.Clash, "%s %v: %s\n%s", role, p, saidOf(c), doc)
					if c.Clash {
						clashes++
					}
				}
			}
		}
	}
	assert.Greater(t, min(said[policies.Never], said[policies.SomeKinds], said[policies.Always], clashes, inherited), 20, "%v, %d clashes, %d inherited: the test proves little", said, clashes, inherited)
}

// kindsOf are kinds that rules may name, and one that none names.
func kindsOf(o policies.Object) []string {
	switch {
	case o == policies.ObjectTransaction:
		return append(slices.Clone(policytest.Kinds), policytest.Unnamed)
	case len(policies.Kinds[o]) > 0:
		return policies.Kinds[o]
	}
	return []string{""}
}

// clashes2 says whether a second relation takes something away.
func clashes2(p policies.Permission, may func(policies.Relation) []bool) bool {
	for m := range policytest.AllRelations + 1 {
		for _, bit := range policies.RelationsTo(p) {
			if m&bit == 0 {
				continue
			}
			with, alone := may(m), may(bit)
			for i := range with {
				if alone[i] && !with[i] {
					return true
				}
			}
		}
	}
	return false
}

// TestOdd: what is called odd. The policy that Kontor starts with has nothing odd.
func TestOdd(t *testing.T) {
	without := func(role policies.Role, o policies.Object, right, needs policies.Action) policies.Oddity {
		return policies.Oddity{Why: policies.Without, Role: role, Right: policies.Permission{Object: o, Action: right}, Needs: policies.Permission{Object: o, Action: needs}}
	}
	const auditor, specialist = policies.Auditor, policies.Specialist
	for _, tt := range []struct {
		name, took, added string
		want              []policies.Oddity
	}{
		{"the policy that Kontor starts with", "", "", nil},
		{"process without see", "", "p, auditor, *, transaction, *, process, allow\np, auditor, *, transaction, *, read, deny", []policies.Oddity{without(auditor, policies.ObjectTransaction, policies.Process, policies.Read)}},
		{"process more than see", "p, specialist, processor, transaction, *, read, allow", "", []policies.Oddity{without(specialist, policies.ObjectTransaction, policies.Process, policies.Read)}},
		{"process one kind more than see", "", "p, end_user, *, transaction, contract, process, allow\np, end_user, *, transaction, tax_return, read, allow", []policies.Oddity{without(policies.EndUser, policies.ObjectTransaction, policies.Process, policies.Read)}},
		{"a deny for a second relation", "", "p, specialist, processor, transaction, *, read, deny", []policies.Oddity{without(specialist, policies.ObjectTransaction, policies.Process, policies.Read)}},
		{"update, list, delete and export without read", "p, specialist, *, customer, *, read, allow", "", []policies.Oddity{
			without(specialist, policies.ObjectCustomer, policies.List, policies.Read), without(specialist, policies.ObjectCustomer, policies.Update, policies.Read),
			without(specialist, policies.ObjectCustomer, policies.Delete, policies.Read), without(policies.DataAdministrator, policies.ObjectCustomer, policies.Delete, policies.Read),
			without(policies.UserAdministrator, policies.ObjectCustomer, policies.Export, policies.Read), without(policies.DataAdministrator, policies.ObjectCustomer, policies.Export, policies.Read),
		}},
		{"import without add", "p, specialist, *, customer, *, create, allow", "", []policies.Oddity{
			{Why: policies.Nobody, Right: policies.Permission{Object: policies.ObjectCustomer, Action: policies.Create}},
			without(policies.UserAdministrator, policies.ObjectCustomer, policies.Import, policies.Create), without(policies.DataAdministrator, policies.ObjectCustomer, policies.Import, policies.Create),
		}},
		{"accesses without seeing them", "", "p, auditor, *, access, *, create, allow\np, auditor, *, access, *, resend, allow\np, auditor, *, access, *, remove, allow\np, auditor, *, access, *, read, deny", []policies.Oddity{
			without(auditor, policies.ObjectAccess, policies.Create, policies.Read), without(auditor, policies.ObjectAccess, policies.Resend, policies.Read),
			without(auditor, policies.ObjectAccess, policies.Remove, policies.Read),
		}},
		{"manage without read", "p, user_administrator, *, specialist, *, read, allow", "", []policies.Oddity{without(policies.UserAdministrator, policies.ObjectSpecialist, policies.Manage, policies.Read)}},
		{"download the log without seeing it", "p, auditor, *, audit, *, read, allow", "", []policies.Oddity{
			{Why: policies.Nobody, Right: policies.Permission{Object: policies.ObjectAudit, Action: policies.Read}},
			without(auditor, policies.ObjectAudit, policies.Export, policies.Read),
		}},
		{"nobody may change the policies", "p, policy_administrator, *, policy, *, manage, allow", "", []policies.Oddity{
			{Why: policies.Nobody, Right: policies.Permission{Object: policies.ObjectPolicy, Action: policies.Manage}},
		}},
		{"a relation to what is not there yet", "", "p, auditor, administrator, customer, *, create, allow", []policies.Oddity{
			{Why: policies.NoEffect, Role: auditor, Right: policies.Permission{Object: policies.ObjectCustomer, Action: policies.Create}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			published, err := policies.New(policies.Default)
			require.NoError(t, err)
			text := policies.Default
			if tt.took != "" {
				require.Contains(t, text, tt.took+"\n")
				text = strings.Replace(text, tt.took+"\n", "", 1)
			}
			d, err := policies.New(text + tt.added)
			require.NoError(t, err)
			got, err := policies.Odd(d, published)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

// TestPlain: what the table sets with one click is a rule that every policy may have.
func TestPlain(t *testing.T) {
	for _, o := range policies.ObjectList {
		for _, a := range policies.Objects[o] {
			for _, role := range policies.Roles {
				p := policies.Permission{Object: o, Action: a}
				for _, r := range policies.PlainRelations(role, p) {
					assert.Nil(t, policies.Plain(role, p, r).Check(policies.AnyKind))
				}
			}
		}
	}
	assert.Equal(t, "p, end_user, access, transaction, *, read, allow", policies.Plain(policies.EndUser, policies.Permission{Object: policies.ObjectTransaction, Action: policies.Read}, policies.Access).String())
}
