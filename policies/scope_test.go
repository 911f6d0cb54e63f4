package policies

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// reference answers a question from the lines of a policy, without Casbin: the small model that decisions are held
// against.
func reference(doc Document, q Request) bool {
	roles := map[Role]bool{}
	var add func(Role)
	add = func(r Role) {
		if roles[r] {
			return
		}
		roles[r] = true
		for _, i := range doc.Inclusions {
			if i.Role == r {
				add(i.Includes)
			}
		}
	}
	for _, r := range q.Roles {
		add(r)
	}
	allowed := false
	for _, r := range doc.Rules {
		if !roles[r.Role] || r.Object != q.Object || r.Action != q.Action || r.Kind != Anything && r.Kind != q.Kind {
			continue
		}
		if r.Relation != Anything && relations[r.Relation]&q.Relation == 0 {
			continue
		}
		if r.Effect == Deny {
			return false
		}
		allowed = true
	}
	return allowed
}

var transactionKinds = []string{"contract", "tax_return", "loan_application"}

// randomPolicy is a policy of any shape that Check lets through.
func randomPolicy(r *rand.Rand) Document {
	var doc Document
	for range 1 + r.IntN(40) {
		o := ObjectList[r.IntN(len(ObjectList))]
		if r.IntN(2) == 0 {
			o = Transaction
		}
		rule := Rule{
			Role: Roles[r.IntN(len(Roles))], Relation: Anything, Object: o, Kind: Anything,
			Action: Objects[o][r.IntN(len(Objects[o]))], Effect: Allow,
		}
		if len(Related[o]) > 0 && r.IntN(3) > 0 {
			rule.Relation = []string{"administrator", "processor", "access"}[r.IntN(3)]
		}
		switch {
		case o == Transaction && r.IntN(2) == 0:
			rule.Kind = transactionKinds[r.IntN(len(transactionKinds))]
		case len(Kinds[o]) > 0 && r.IntN(2) == 0:
			rule.Kind = Kinds[o][r.IntN(len(Kinds[o]))]
		}
		if r.IntN(4) == 0 {
			rule.Effect = Deny
		}
		if !slices.Contains(doc.Rules, rule) {
			doc.Rules = append(doc.Rules, rule)
		}
	}
	for range r.IntN(4) {
		i := Inclusion{Roles[r.IntN(len(Roles))], Roles[r.IntN(len(Roles))]}
		if i.Role != i.Includes && !slices.Contains(doc.Inclusions, i) {
			doc.Inclusions = append(doc.Inclusions, i)
		}
	}
	return doc
}

func randomRoles(r *rand.Rand) []Role {
	var roles []Role
	for range 1 + r.IntN(3) {
		if role := Roles[r.IntN(len(Roles))]; !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}

// TestRandomPolicies: Casbin, the compiled scope and the reference give the same answer to every question, and a
// verdict's rule is one that speaks of the question (S23). 600 policies make more than 100,000 questions.
func TestRandomPolicies(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	asked := 0
	for i := range 600 {
		doc := randomPolicy(r)
		d, err := New(doc.String())
		if err != nil {
			t.Fatalf("policy %d: %v\n%s", i, err, doc)
		}
		for range 3 {
			roles := randomRoles(r)
			o := ObjectList[r.IntN(len(ObjectList))]
			if r.IntN(2) == 0 {
				o = Transaction
			}
			kinds := append(slices.Clone(Kinds[o]), "other")
			if o == Transaction {
				kinds = append(slices.Clone(transactionKinds), "correspondence")
			}
			for _, a := range Objects[o] {
				scope, err := d.Scope(roles, o, a)
				if err != nil {
					t.Fatal(err)
				}
				for m := range Relation(masks) {
					for _, kind := range kinds {
						if len(Kinds[o]) > 0 && kind == "other" {
							continue // such an object is always of one of its kinds
						}
						asked++
						q := Request{Roles: roles, Relation: m, Object: o, Kind: kind, Action: a}
						want := reference(doc, q)
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
	if asked < 100_000 {
		t.Errorf("only %d questions", asked)
	}
}

func checkVerdict(t *testing.T, q Request, v Verdict, doc Document) {
	t.Helper()
	if v.Rule == nil {
		if v.Allowed {
			t.Fatalf("%+v is allowed by no rule", q)
		}
		return
	}
	alone := Document{Rules: []Rule{*v.Rule}, Inclusions: doc.Inclusions}
	alone.Rules[0].Effect = Allow
	if !reference(alone, q) || v.Allowed != (v.Rule.Effect == Allow) {
		t.Fatalf("%+v is %v by %s", q, v.Allowed, v.Rule)
	}
	if len(v.Via) == 0 || !slices.Contains(q.Roles, v.Via[0]) || v.Via[len(v.Via)-1] != v.Rule.Role {
		t.Fatalf("%+v by %s: %v leads not from a role held to the rule's", q, v.Rule, v.Via)
	}
}

// TestExplainDeny: where a deny overrides an allow, the deny is the reason.
func TestExplainDeny(t *testing.T) {
	d, err := New(Default + "\np, specialist, processor, transaction, *, process, deny\n")
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.Explain(Request{[]Role{PolicyAdministrator}, Administrator | Processor, Transaction, "contract", Process})
	if err != nil || v.Allowed || v.Rule == nil || v.Rule.Effect != Deny || v.Rule.Relation != "processor" {
		t.Fatalf("%+v, %v", v, err)
	}
	if !slices.Equal(v.Via, []Role{PolicyAdministrator, Specialist}) {
		t.Errorf("via %v", v.Via)
	}
	none, err := d.Explain(Request{[]Role{Specialist}, None, Transaction, "contract", Read})
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
		s, err := d.Scope(c.roles, Transaction, Read)
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
						doc.Rules = append(doc.Rules, Rule{role, rel, Transaction, fmt.Sprintf("kind_%d", k), a, Allow})
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
		if _, err := d.Scope([]Role{Specialist, Auditor}, Transaction, Read); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExplain(b *testing.B) {
	d, err := New(Default)
	if err != nil {
		b.Fatal(err)
	}
	q := Request{[]Role{Specialist}, Administrator, Transaction, "contract", Process}
	for b.Loop() {
		if v, err := d.Explain(q); err != nil || !v.Allowed {
			b.Fatal(v, err)
		}
	}
}
