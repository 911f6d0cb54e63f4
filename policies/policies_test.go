package policies

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"kontor/app/fault"
)

// TestDefault checks the default policy with a table of roles, relations and permissions.
func TestDefault(t *testing.T) {
	d, err := New(Default)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		roles  string
		rel    Relation
		object Object
		action Action
		want   bool
	}{
		{"specialist", None, ObjectCustomer, List, true},
		{"specialist", None, ObjectCustomer, Create, true},
		{"specialist", None, ObjectCustomer, Update, true},
		{"specialist", None, ObjectCustomer, Delete, false},
		{"specialist", Administrator, ObjectCustomer, Delete, true},
		{"specialist", Processor, ObjectCustomer, Delete, false},
		{"specialist", None, ObjectAccess, Create, false},
		{"specialist", Administrator, ObjectAccess, Create, true},
		{"specialist", Administrator, ObjectAccess, Remove, true},
		{"specialist", Administrator | Processor, ObjectAccess, Resend, true},
		{"specialist", None, ObjectAccess, Read, true},
		{"specialist", None, ObjectTransaction, Read, false},
		{"specialist", Processor, ObjectTransaction, Process, true},
		{"specialist", Administrator, ObjectSpecialist, Manage, false},
		{"specialist", None, ObjectQueue, Read, false},
		{"specialist", None, ObjectAudit, Read, false},
		{"user_administrator", None, ObjectSpecialist, Manage, true},
		{"user_administrator", None, ObjectCustomer, List, true},
		{"user_administrator", None, ObjectAccess, Update, true},
		{"user_administrator", None, ObjectQueue, Manage, false},
		{"data_administrator", None, ObjectQueue, Manage, true},
		{"data_administrator", None, ObjectCustomer, Delete, true},
		{"auditor", None, ObjectCustomer, Read, true},
		{"auditor", None, ObjectCustomer, Update, false},
		{"auditor", None, ObjectAudit, Read, true},
		{"auditor", None, ObjectSpecialist, Manage, false},
		{"auditor specialist", None, ObjectAudit, Read, true},
		{"specialist auditor", None, ObjectCustomer, Create, true},
		{"end_user", Access, ObjectPortal, Read, true},
		{"end_user", None, ObjectPortal, Read, false},
		{"end_user", Access, ObjectTransaction, Read, true},
		{"end_user", Access, ObjectTransaction, Process, false},
		{"end_user", Access, ObjectCustomer, List, false},
		{"end_user", Access, ObjectCustomer, Read, false},
		{"end_user", Access, ObjectAccess, Read, false},
		{"", Administrator, ObjectCustomer, List, false},
	} {
		var roles []Role
		for _, r := range strings.Fields(c.roles) {
			roles = append(roles, Role(r))
		}
		got, err := d.Allows(Request{Roles: roles, Relation: c.rel, Object: c.object, Kind: "person", Action: c.action})
		if err != nil || got != c.want {
			t.Errorf("%q with relation %d: %s %s = %v, %v; want %v", c.roles, c.rel, c.action, c.object, got, err, c.want)
		}
	}
}

// TestDenyOverrides: a deny for one of two relations, or one of two roles, holds for a person who has both.
func TestDenyOverrides(t *testing.T) {
	d, err := New(Default + "\np, specialist, processor, transaction, *, process, deny\np, auditor, *, customer, company, create, deny\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		q    Request
		want bool
	}{
		"administrator alone":   {Request{[]Role{Specialist}, Administrator, ObjectTransaction, "", Process}, true},
		"both relations":        {Request{[]Role{Specialist}, Administrator | Processor, ObjectTransaction, "", Process}, false},
		"one role":              {Request{[]Role{Specialist}, None, ObjectCustomer, "company", Create}, true},
		"both roles":            {Request{[]Role{Specialist, Auditor}, None, ObjectCustomer, "company", Create}, false},
		"both roles, the other": {Request{[]Role{Auditor, Specialist}, None, ObjectCustomer, "person", Create}, true},
	} {
		if got, err := d.Allows(c.q); err != nil || got != c.want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
}

// TestBadLines: no policy with one of these lines can be put in force (S27).
func TestBadLines(t *testing.T) {
	d, err := New(Default)
	if err != nil {
		t.Fatal(err)
	}
	for line, message := range map[string]string{
		"p, specialist, *, customer, *, list, alow":            "policy.effect",
		"p, specialist, *, customer, *, list":                  "policy.shape",
		"p, specialist, *, customer, *, list, allow, more":     "policy.shape",
		"p, specialist, *, costumer, *, list, allow":           "policy.object",
		"p, specialist, *, customer, *, process, allow":        "policy.action",
		"p, specialist, *, customer, robot, list, allow":       "policy.kind",
		"p, specialist, owner, customer, *, list, allow":       "policy.relation",
		"p, boss, *, customer, *, list, allow":                 "policy.role",
		"p, specialist+auditor, *, customer, *, list, allow":   "policy.role",
		"g, auditor, auditor":                                  "policy.role",
		"g, anna, auditor":                                     "policy.role",
		`p, specialist, *, customer, *, "list`:                 "policy.csv",
		"p, specialist, *, customer, *, eval(r.role), allow":   "policy.action",
		"p2, specialist, *, customer, *, list, allow":          "policy.shape",
		"g, auditor, specialist\ng, auditor, specialist":       "policy.twice",
		"p, .*, *, customer, *, list, allow":                   "policy.role",
		"p, specialist, *, customer, *, list, allow\np, x":     "policy.shape",
		"p, specialist, *, queue, person, read, allow":         "policy.kind",
		"p, \"spec\nialist\", *, customer, *, list, allow":     "policy.csv",
		"p, specialist, *, customer, *, list,":                 "policy.effect",
		"p, specialist, *, customer, *, LIST, allow":           "policy.action",
		"p, specialist,, customer, *, list, allow":             "policy.relation",
		"p, specialist, *, customer,, list, allow":             "policy.kind",
		"p, specialist, *, customer, *, list, allow # comment": "policy.effect",
	} {
		var f *fault.Error
		if err := d.Publish(1, line); !errors.As(err, &f) || f.Fields[len(f.Fields)-1].Message != message && f.Fields[0].Message != message {
			t.Errorf("%q: %v, want %s", line, err, message)
		}
	}
	if ok, _ := d.Allows(Request{[]Role{Specialist}, None, ObjectCustomer, "person", List}); !ok {
		t.Error("a refused policy replaced the one in force")
	}
}

// TestPublishWhileDeciding is for -race: decisions continue while versions are replaced, and a question that both
// versions answer alike always gets that answer.
func TestPublishWhileDeciding(t *testing.T) {
	d, err := New(Default)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				if ok, err := d.Allows(Request{[]Role{Specialist, Auditor}, None, ObjectAudit, "", Read}); err != nil || !ok {
					t.Errorf("audit read = %v, %v", ok, err)
				}
			}
		})
	}
	for i := range 20 {
		text := Default
		if i%2 == 0 {
			text += "p, specialist, *, queue, *, read, allow\n"
		}
		if err := d.Publish(1, text); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func FuzzParse(f *testing.F) {
	f.Add(Default)
	f.Add("p, specialist, *, customer, *, list, allow")
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := Parse(text, AnyKind)
		if err != nil {
			if fault.CodeOf(err) != fault.Invalid {
				t.Errorf("%v is not an Invalid fault", err)
			}
			return
		}
		again, err := Parse(doc.String(), AnyKind)
		if err != nil || again.String() != doc.String() {
			t.Errorf("%q is written as %q and read back as %q, %v", text, doc, again, err)
		}
	})
}

// TestAnswersKept: answers are cached for each version, and only for the policy's own words, so questions from outside
// do not fill the memory.
func TestAnswersKept(t *testing.T) {
	d, err := New(Default)
	if err != nil {
		t.Fatal(err)
	}
	kept := func() (n int) {
		d.current.Load().answers.Range(func(any, any) bool { n++; return true })
		return n
	}
	ask := func(q Request, want bool) {
		t.Helper()
		for range 2 {
			if ok, err := d.Allows(q); err != nil || ok != want {
				t.Errorf("%+v: %v, %v, want %v", q, ok, err, want)
			}
		}
	}
	read := Request{[]Role{Specialist}, Processor, ObjectTransaction, "", Read}
	ask(read, true)
	if kept() != 1 {
		t.Errorf("%d answers are kept, want 1", kept())
	}
	for i := range 100 {
		ask(Request{[]Role{Specialist}, Processor, ObjectTransaction, fmt.Sprint("made up ", i), Read}, true)
		ask(Request{[]Role{Specialist}, Processor, ObjectTransaction, "", Action(fmt.Sprint("made up ", i))}, false)
	}
	if kept() != 1 {
		t.Errorf("%d answers are kept, want 1", kept())
	}
	if err := d.Publish(1, Default+"p, specialist, processor, transaction, *, read, deny\n"); err != nil {
		t.Fatal(err)
	}
	ask(read, false)
}

// BenchmarkAllows measures one decision: with a kind of transaction that no rule names, for which Casbin decides each
// time, and with the policy's own words, for which the answer is cached.
func BenchmarkAllows(b *testing.B) {
	d, err := New(Default)
	if err != nil {
		b.Fatal(err)
	}
	for name, q := range map[string]Request{
		"asked": {[]Role{Specialist, Auditor}, Administrator, ObjectTransaction, "contract", Process},
		"kept":  {[]Role{Specialist, Auditor}, Administrator, ObjectAccess, "person", Update},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := d.Allows(q); err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
