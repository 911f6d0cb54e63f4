package policies

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/fault"
)

// TestDefault checks the default policy with a table of roles, relations and permissions.
func TestDefault(t *testing.T) {
	d, err := New(Default)
	require.NoError(t, err)
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
		{"specialist", None, ObjectNote, Read, true},
		{"specialist", None, ObjectNote, Create, true},
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
		{"auditor", None, ObjectNote, Read, true},
		{"auditor", None, ObjectNote, Create, false},
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
		{"end_user", Access, ObjectNote, Read, false},
		{"", Administrator, ObjectCustomer, List, false},
	} {
		var roles []Role
		for _, r := range strings.Fields(c.roles) {
			roles = append(roles, Role(r))
		}
		got, err := d.Allows(Request{Roles: roles, Relation: c.rel, Object: c.object, Kind: "person", Action: c.action})
		require.NoError(t, err, "%q with relation %d", c.roles, c.rel)
		assert.Equal(t, c.want, got, "%q with relation %d: %s %s", c.roles, c.rel, c.action, c.object)
	}
}

// TestDenyOverrides: a deny for one of two relations, or one of two roles, holds for a person who has both.
func TestDenyOverrides(t *testing.T) {
	d, err := New(Default + "\np, specialist, processor, transaction, *, process, deny\np, auditor, *, customer, company, create, deny\n")
	require.NoError(t, err)
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
		got, err := d.Allows(c.q)
		require.NoError(t, err, name)
		assert.Equal(t, c.want, got, name)
	}
}

// TestBadLines: no policy with one of these lines can be put in force (S27).
func TestBadLines(t *testing.T) {
	d, err := New(Default)
	require.NoError(t, err)
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
		err := d.publish(1, line)
		require.ErrorAs(t, err, &f, "%q", line)
		assert.False(t, f.Fields[len(f.Fields)-1].Message != message && f.Fields[0].Message != message, "%q: want %s", line, message)
	}
	ok, _ := d.Allows(Request{[]Role{Specialist}, None, ObjectCustomer, "person", List})
	assert.True(t, ok, "a refused policy replaced the one in force")
}

// TestPublishWhileDeciding is for -race: decisions continue while versions are replaced, and a question that both
// versions answer alike always gets that answer.
func TestPublishWhileDeciding(t *testing.T) {
	d, err := New(Default)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				ok, err := d.Allows(Request{[]Role{Specialist, Auditor}, None, ObjectAudit, "", Read})
				if assert.NoError(t, err) {
					assert.True(t, ok, "audit read = %v", ok)
				}
			}
		})
	}
	for i := range 20 {
		text := Default
		if i%2 == 0 {
			text += "p, specialist, *, queue, *, read, allow\n"
		}
		assert.NoError(t, d.publish(1, text))
	}
	wg.Wait()
}

func FuzzParse(f *testing.F) {
	f.Add(Default)
	f.Add("p, specialist, *, customer, *, list, allow")
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := Parse(text, AnyKind)
		if err != nil {
			assert.Equal(t, fault.Invalid, fault.CodeOf(err), "is not an Invalid fault")
			return
		}
		again, err := Parse(doc.String(), AnyKind)
		require.NoError(t, err)
		assert.Equal(t, doc.String(), again.String(), "%q is written as %q and read back as %q", text, doc, again)
	})
}

// TestAnswersKept: answers are cached for each version, and only for the policy's own words, so questions from outside
// do not fill the memory.
func TestAnswersKept(t *testing.T) {
	d, err := New(Default)
	require.NoError(t, err)
	kept := func() (n int) {
		d.current.Load().answers.Range(func(any, any) bool { n++; return true })
		return n
	}
	ask := func(q Request, want bool) {
		t.Helper()
		for range 2 {
			ok, err := d.Allows(q)
			if assert.NoError(t, err, "%+v", q) {
				assert.Equal(t, want, ok, "%+v", q)
			}
		}
	}
	read := Request{[]Role{Specialist}, Processor, ObjectTransaction, "", Read}
	ask(read, true)
	assert.Equal(t, 1, kept(), "answers are kept")
	for i := range 100 {
		ask(Request{[]Role{Specialist}, Processor, ObjectTransaction, fmt.Sprint("made up ", i), Read}, true)
		ask(Request{[]Role{Specialist}, Processor, ObjectTransaction, "", Action(fmt.Sprint("made up ", i))}, false)
	}
	assert.Equal(t, 1, kept(), "answers are kept")
	require.NoError(t, d.publish(1, Default+"p, specialist, processor, transaction, *, read, deny\n"))
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
