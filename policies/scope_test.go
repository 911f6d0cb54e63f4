package policies

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExplainDeny: where a deny overrides an allow, the deny is the reason.
func TestExplainDeny(t *testing.T) {
	d, err := New(Default + "\np, specialist, processor, transaction, *, process, deny\n")
	require.NoError(t, err)
	v, err := d.Explain(Request{[]Role{PolicyAdministrator}, Administrator | Processor, ObjectTransaction, "contract", Process})
	require.NoError(t, err)
	require.False(t, v.Allowed, "%+v", v)
	require.NotNil(t, v.Rule)
	require.Equal(t, Deny, v.Rule.Effect)
	require.Equal(t, "processor", v.Rule.Relation)
	assert.Equal(t, []Role{PolicyAdministrator, Specialist}, v.Via, "via")
	none, err := d.Explain(Request{[]Role{Specialist}, None, ObjectTransaction, "contract", Read})
	require.NoError(t, err, "no rule speaks of it")
	assert.False(t, none.Allowed, "no rule speaks of it: %+v", none)
	assert.Nil(t, none.Rule, "no rule speaks of it")
}

func TestScopeSQL(t *testing.T) {
	for name, c := range map[string]struct {
		rules string
		roles []Role
		sql   string
		args  []any
	}{
		"nothing":    {"", []Role{Specialist}, "FALSE", nil},
		"nobody":     {"p, specialist, *, transaction, *, read, allow", nil, "FALSE", nil},
		"everything": {"p, auditor, *, transaction, *, read, allow", []Role{Auditor}, "TRUE", nil},
		"related": {
			"p, specialist, administrator, transaction, *, read, allow", []Role{Specialist}, "(m IN (1, 3, 5, 7))", nil,
		},
		"by kind": {
			"p, specialist, administrator, transaction, *, read, allow\np, specialist, processor, transaction, contract, read, allow",
			[]Role{Specialist}, "(m IN (1, 3, 5, 7) OR (m IN (2, 6) AND k IN (?)))", []any{"contract"},
		},
		"all but": {
			"p, specialist, administrator, transaction, *, read, allow\np, specialist, *, transaction, contract, read, deny",
			[]Role{Specialist}, "((m IN (1, 3, 5, 7) AND k NOT IN (?)))", []any{"contract"},
		},
	} {
		d, err := New(c.rules)
		require.NoError(t, err)
		s, err := d.Scope(c.roles, ObjectTransaction, Read)
		require.NoError(t, err)
		sql, args := s.SQL("m", "k")
		assert.Equal(t, c.sql, sql, name)
		assert.Equal(t, c.args, args, name)
	}
}

func TestChanges(t *testing.T) {
	old, err := New(Default)
	require.NoError(t, err)
	new, err := New(strings.Replace(Default, "p, specialist, processor, transaction, *, process, allow",
		"p, specialist, processor, transaction, contract, process, allow", 1))
	require.NoError(t, err)
	changes, err := Changes(old, new, []Role{Specialist})
	require.NoError(t, err)
	assert.Equal(t, "[{transaction process 2 {true [contract]} false} {transaction process 6 {true [contract]} false}]", fmt.Sprint(changes), "changes")
	back, err := Changes(new, old, []Role{Specialist})
	require.NoError(t, err)
	require.Len(t, back, 2, "back")
	assert.True(t, back[0].Gained)
	assert.True(t, back[0].Kinds.Has("tax_return"))
	assert.False(t, back[0].Kinds.Has("contract"))
	same, err := Changes(old, old, []Role{Specialist})
	require.NoError(t, err)
	assert.Empty(t, same, "no change")
}

// policyOf300 has 300 rules, over kinds and roles as a large firm might write them.
func policyOf300() Document {
	var doc Document
	for _, role := range Roles {
		for k := range 12 {
			for _, rel := range []string{"administrator", "processor"} {
				for _, a := range []Action{Read, Process} {
					if len(doc.Rules) < 300 {
						doc.Rules = append(doc.Rules, Rule{role, rel, ObjectTransaction, fmt.Sprintf("kind_%d", k), a, Allow})
					}
				}
			}
		}
	}
	return doc
}

func BenchmarkPublish300(b *testing.B) {
	text := policyOf300().String()
	d, err := New(Default)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := d.publish(1, text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile300(b *testing.B) {
	text := policyOf300().String()
	for b.Loop() {
		b.StopTimer()
		d, err := New(text)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := d.Scope([]Role{Specialist, Auditor}, ObjectTransaction, Read); err != nil {
			b.Fatal(err)
		}
	}
}

// TestKindsAlike: kinds that the rules treat alike need one decision, and kinds that the rules treat differently get
// their own. Every answer equals that of the single decision.
func TestKindsAlike(t *testing.T) {
	text := policyOf260Kinds() + "p, specialist, administrator, transaction, kind_7, process, deny\np, auditor, *, transaction, kind_8, read, deny\n"
	d, err := New(text)
	require.NoError(t, err)
	v := d.current.Load()
	roles := []Role{Specialist, Auditor}
	for action, want := range map[Action]int{Process: 3, Read: 2, Create: 1} {
		groups, closed := kindsAlike(ObjectTransaction, v.rulesFor(roles, ObjectTransaction, action))
		assert.Len(t, groups, want, "%s: groups", action)
		assert.False(t, closed, "%s", action)
	}
	groups, _ := kindsAlike(ObjectTransaction, v.rulesFor([]Role{Specialist}, ObjectTransaction, Read))
	assert.Len(t, groups, 1, "a rule for another role names a kind")
	for _, action := range Objects[ObjectTransaction] {
		s, err := d.Scope(roles, ObjectTransaction, action)
		require.NoError(t, err)
		for _, kind := range []string{"kind_0", "kind_7", "kind_8", "kind_259", "other", ""} {
			for m := range masks {
				one, err := d.Allows(Request{roles, Relation(m), ObjectTransaction, kind, action})
				require.NoError(t, err, "the list says %v", !one)
				assert.Equal(t, one, s.For(Relation(m)).Has(kind), "%s the list says %v, the decision", action, !one)
			}
		}
	}
}

// TestRelationsAlike: sets of relations that differ only in what no rule for these roles names share a decision.
func TestRelationsAlike(t *testing.T) {
	d, err := New(`p, specialist, administrator, transaction, *, read, allow
p, specialist, access, transaction, *, read, deny
p, specialist, processor, transaction, *, process, allow
p, auditor, processor, transaction, *, read, allow
p, data_administrator, *, transaction, *, read, allow
g, user_administrator, auditor`)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		roles []Role
		want  Relation
	}{
		"two relations":               {[]Role{Specialist}, Administrator | Access},
		"by inclusion":                {[]Role{UserAdministrator}, Processor},
		"several roles":               {[]Role{Specialist, Auditor}, Administrator | Access | Processor},
		"every relation":              {[]Role{DataAdministrator}, None},
		"no rule for the role":        {[]Role{EndUser}, None},
		"no rule for the other roles": {[]Role{EndUser, DataAdministrator}, None},
	} {
		assert.Equal(t, int(c.want), relationsNamed(d.current.Load().rulesFor(c.roles, ObjectTransaction, Read)), name)
	}
}

// TestLongestInclusion: rights come over the longest chain of inclusions that roles can form, to somebody with several
// roles too.
func TestLongestInclusion(t *testing.T) {
	last := Roles[len(Roles)-1]
	text := "p, " + string(last) + ", *, transaction, *, read, allow\n"
	for i := range len(Roles) - 1 {
		text += Inclusion{Roles[i], Roles[i+1]}.String() + "\n"
	}
	d, err := New(text)
	require.NoError(t, err)
	for _, roles := range [][]Role{{last}, {Roles[0]}, {Roles[0], Roles[1]}, Roles} {
		ok, err := d.Allows(Request{roles, None, ObjectTransaction, "contract", Read})
		require.NoError(t, err)
		assert.True(t, ok, "%v", roles)
	}
}

// TestAdopt: what a decider was asked before it is put in force is not asked again.
func TestAdopt(t *testing.T) {
	next, err := New("p, auditor, *, transaction, *, read, allow")
	require.NoError(t, err)
	want, err := next.Scope([]Role{Auditor}, ObjectTransaction, Read)
	require.NoError(t, err)
	d, err := New(Default)
	require.NoError(t, err)
	d.Adopt(7, next)
	assert.Equal(t, 7, d.Version())
	assert.Equal(t, 0, next.Version())
	kept, there := d.current.Load().scopes.Load(scopeKey{string(Auditor), ObjectTransaction, Read})
	assert.True(t, there, "compiled before")
	assert.Equal(t, want, kept)
}

// BenchmarkCompile260Kinds measures the comparison for one person at a publication: every object and action of two
// policies, one of which names 260 kinds.
func BenchmarkCompile260Kinds(b *testing.B) {
	text := policyOf260Kinds()
	for b.Loop() {
		b.StopTimer()
		old, err := New(Default)
		if err != nil {
			b.Fatal(err)
		}
		next, err := New(text)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if changes, err := Changes(old, next, []Role{Specialist, Auditor}); err != nil || len(changes) == 0 {
			b.Fatal(changes, err)
		}
	}
}

func policyOf260Kinds() string {
	var text strings.Builder
	text.WriteString(Default)
	for i := range 260 {
		fmt.Fprintf(&text, "p, specialist, processor, transaction, kind_%d, process, deny\n", i)
	}
	return text.String()
}

func BenchmarkExplain(b *testing.B) {
	d, err := New(Default)
	if err != nil {
		b.Fatal(err)
	}
	q := Request{[]Role{Specialist}, Administrator, ObjectTransaction, "contract", Process}
	for b.Loop() {
		if v, err := d.Explain(q); err != nil || !v.Allowed {
			b.Fatal(v, err)
		}
	}
}
