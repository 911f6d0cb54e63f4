package policies_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"kontor/app/effort"
	"kontor/policies"
	"kontor/policies/policytest"
)

// TestRandomPolicies: Casbin, the compiled scope and the reference give the same answer to every question, and the rule
// of a verdict applies to the question (S23). 600 policies make more than 100,000 questions.
func TestRandomPolicies(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	asked := 0
	for i := range effort.Of(600, 100) {
		doc := policytest.Random(r)
		d, err := policies.New(doc.String())
		if err != nil {
			t.Fatalf("policy %d: %v\n%s", i, err, doc)
		}
		for range 3 {
			roles, o := policytest.Roles(r), policytest.Object(r)
			kinds := slices.Clone(policies.Kinds[o])
			switch {
			case o == policies.ObjectTransaction:
				kinds = append(slices.Clone(policytest.Kinds), policytest.Unnamed)
			case len(kinds) == 0:
				kinds = []string{""}
			}
			for _, a := range policies.Objects[o] {
				scope, err := d.Scope(roles, o, a)
				if err != nil {
					t.Fatal(err)
				}
				for m := range policytest.AllRelations + 1 {
					for _, kind := range kinds {
						asked++
						q := policies.Request{Roles: roles, Relation: m, Object: o, Kind: kind, Action: a}
						want := policytest.Allows(doc, q)
						verdict, err := d.Explain(q)
						if err != nil {
							t.Fatal(err)
						}
						if got, err := d.Allows(q); err != nil || got != want || verdict.Allowed != want || scope.For(m).Has(kind) != want {
							t.Fatalf("%+v: Casbin %v, %v, explained %v, compiled %v, want %v\n%s",
								q, got, err, verdict.Allowed, scope.For(m).Has(kind), want, doc)
						}
						checkVerdict(t, q, verdict, doc)
					}
				}
			}
		}
	}
	if asked < effort.Of(100_000, 15_000) {
		t.Errorf("only %d questions", asked)
	}
}

func checkVerdict(t *testing.T, q policies.Request, v policies.Verdict, doc policies.Document) {
	t.Helper()
	if v.Rule == nil {
		if v.Allowed {
			t.Fatalf("%+v is allowed by no rule", q)
		}
		return
	}
	alone := policies.Document{Rules: []policies.Rule{*v.Rule}, Inclusions: doc.Inclusions}
	alone.Rules[0].Effect = policies.Allow
	if !policytest.Allows(alone, q) || v.Allowed != (v.Rule.Effect == policies.Allow) {
		t.Fatalf("%+v is %v by %s", q, v.Allowed, v.Rule)
	}
	if len(v.Via) == 0 || !slices.Contains(q.Roles, v.Via[0]) || v.Via[len(v.Via)-1] != v.Rule.Role {
		t.Fatalf("%+v by %s: %v leads not from a role held to the rule's", q, v.Rule, v.Via)
	}
}
