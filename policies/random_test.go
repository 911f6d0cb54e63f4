package policies_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		require.NoError(t, err, "policy %d: \n%s", i, doc)
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
				require.NoError(t, err)
				for m := range policytest.AllRelations + 1 {
					for _, kind := range kinds {
						asked++
						q := policies.Request{Roles: roles, Relation: m, Object: o, Kind: kind, Action: a}
						want := policytest.Allows(doc, q)
						verdict, err := d.Explain(q)
						require.NoError(t, err)
						got, err := d.Allows(q)
						require.NoError(t, err, "%+v: %s", q, doc)
						require.Equal(t, want, got, "%+v: Casbin, want \n%s", q, doc)
						require.Equal(t, want, verdict.Allowed, "%+v: explained, %s", q, doc)
						require.Equal(t, want, scope.For(m).Has(kind), "%+v: compiled, %s", q, doc)
						checkVerdict(t, q, verdict, doc)
					}
				}
			}
		}
	}
	assert.GreaterOrEqual(t, asked, effort.Of(100_000, 15_000), "only %d questions", asked)
}

func checkVerdict(t *testing.T, q policies.Request, v policies.Verdict, doc policies.Document) {
	t.Helper()
	if v.Rule == nil {
		require.False(t, v.Allowed, "%+v is allowed by no rule", q)
		return
	}
	alone := policies.Document{Rules: []policies.Rule{*v.Rule}, Inclusions: doc.Inclusions}
	alone.Rules[0].Effect = policies.Allow
	require.True(t, policytest.Allows(alone, q), "%+v is %v by %s", q, v.Allowed, v.Rule)
	require.Equal(t, v.Rule.Effect == policies.Allow, v.Allowed)
	require.NotEmpty(t, v.Via, "no way from a role of the person to the role of the rule")
	require.Contains(t, q.Roles, v.Via[0], "the first role that the right comes by is none of the person's")
	require.Equal(t, v.Rule.Role, v.Via[len(v.Via)-1])
}
