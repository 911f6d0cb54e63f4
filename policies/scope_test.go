package policies

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestExplainDeny: where a deny overrides an allow, the deny is the reason.
func TestExplainDeny(t *testing.T) {
	d, err := New(Default + "\np, specialist, processor, transaction, *, process, deny\n")
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.Explain(Request{[]Role{PolicyAdministrator}, Administrator | Processor, ObjectTransaction, "contract", Process})
	if err != nil || v.Allowed || v.Rule == nil || v.Rule.Effect != Deny || v.Rule.Relation != "processor" {
		t.Fatalf("%+v, %v", v, err)
	}
	if !slices.Equal(v.Via, []Role{PolicyAdministrator, Specialist}) {
		t.Errorf("via %v", v.Via)
	}
	none, err := d.Explain(Request{[]Role{Specialist}, None, ObjectTransaction, "contract", Read})
	if err != nil || none.Allowed || none.Rule != nil {
		t.Errorf("no rule speaks of it: %+v, %v", none, err)
	}
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
		if err != nil {
			t.Fatal(err)
		}
		s, err := d.Scope(c.roles, ObjectTransaction, Read)
		if err != nil {
			t.Fatal(err)
		}
		if sql, args := s.SQL("m", "k"); sql != c.sql || !slices.Equal(args, c.args) {
			t.Errorf("%s: %s %v, want %s %v", name, sql, args, c.sql, c.args)
		}
	}
}

func TestChanges(t *testing.T) {
	old, err := New(Default)
	if err != nil {
		t.Fatal(err)
	}
	new, err := New(strings.Replace(Default, "p, specialist, processor, transaction, *, process, allow",
		"p, specialist, processor, transaction, contract, process, allow", 1))
	if err != nil {
		t.Fatal(err)
	}
	changes, err := Changes(old, new, []Role{Specialist})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(changes); got != "[{transaction process 2 {true [contract]} false} {transaction process 6 {true [contract]} false}]" {
		t.Errorf("changes = %s", got)
	}
	back, err := Changes(new, old, []Role{Specialist})
	if err != nil || len(back) != 2 || !back[0].Gained || !back[0].Kinds.Has("tax_return") || back[0].Kinds.Has("contract") {
		t.Errorf("back = %v, %v", back, err)
	}
	if same, err := Changes(old, old, []Role{Specialist}); err != nil || len(same) > 0 {
		t.Errorf("no change = %v, %v", same, err)
	}
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
		if err := d.Publish(1, text); err != nil {
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
	if err != nil {
		t.Fatal(err)
	}
	for action, want := range map[Action]int{Process: 3, Read: 2, Create: 1} {
		if groups, closed := d.current.Load().kinds(ObjectTransaction, action); len(groups) != want || closed {
			t.Errorf("%s: %d groups, want %d", action, len(groups), want)
		}
	}
	roles := []Role{Specialist, Auditor}
	for _, action := range Objects[ObjectTransaction] {
		s, err := d.Scope(roles, ObjectTransaction, action)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"kind_0", "kind_7", "kind_8", "kind_259", "other", ""} {
			for m := range masks {
				one, err := d.Allows(Request{roles, Relation(m), ObjectTransaction, kind, action})
				if err != nil || s.For(Relation(m)).Has(kind) != one {
					t.Errorf("%s %q to %d: the list says %v, the decision %v, %v", action, kind, m, !one, one, err)
				}
			}
		}
	}
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
