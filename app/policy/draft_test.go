package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/app/fault"
	"kontor/policies"
)

const denyProcess = "specialist, processor, transaction, *, process"

// TestRights checks the permission for every method and every role.
func TestRights(t *testing.T) {
	each(t, func(w *world) {
		methods := map[string]func(c account.Caller) error{
			"current":      func(c account.Caller) error { _, err := w.Current(w.Ctx, c); return err },
			"versions":     func(c account.Caller) error { _, err := w.Versions(w.Ctx, c); return err },
			"version":      func(c account.Caller) error { _, _, err := w.Version(w.Ctx, c, 1); return err },
			"expectations": func(c account.Caller) error { _, err := w.Expectations(w.Ctx, c); return err },
			"draft":        func(c account.Caller) error { _, err := w.Draft(w.Ctx, c); return err },
			"add":          func(c account.Caller) error { return w.AddRule(w.Ctx, c, 0, policies.Rule{}) },
			"toggle":       func(c account.Caller) error { _, err := w.ToggleRule(w.Ctx, c, 0, policies.Rule{}); return err },
			"change":       func(c account.Caller) error { return w.ChangeRule(w.Ctx, c, 0, policies.Rule{}, policies.Rule{}) },
			"remove":       func(c account.Caller) error { return w.RemoveRule(w.Ctx, c, 0, policies.Rule{}) },
			"include":      func(c account.Caller) error { return w.AddInclusion(w.Ctx, c, 0, policies.Inclusion{}) },
			"exclude":      func(c account.Caller) error { return w.RemoveInclusion(w.Ctx, c, 0, policies.Inclusion{}) },
			"text":         func(c account.Caller) error { return w.SetText(w.Ctx, c, 0, "x") },
			"discard":      func(c account.Caller) error { return w.Discard(w.Ctx, c, 0) },
			"take":         func(c account.Caller) error { return w.Take(w.Ctx, c, 0, 99) },
			"undo":         func(c account.Caller) error { return w.Undo(w.Ctx, c, 0) },
			"rebase":       func(c account.Caller) error { return w.Rebase(w.Ctx, c, 0) },
			"propose":      func(c account.Caller) error { return w.Propose(w.Ctx, c, 0, "x") },
			"publish":      func(c account.Caller) error { _, err := w.Publish(w.Ctx, c, 0, "x"); return err },
			"restore":      func(c account.Caller) error { _, err := w.Restore(w.Ctx, c, 1, "x"); return err },
			"expect":       func(c account.Caller) error { return w.Expect(w.Ctx, c, ExpectationForm{}) },
			"candidates":   func(c account.Caller) error { _, _, err := w.Candidates(w.Ctx, c, "", uuid.Nil); return err },
			"unexpect":     func(c account.Caller) error { return w.Unexpect(w.Ctx, c, uuid.Nil) },
			"review":       func(c account.Caller) error { _, err := w.Review(w.Ctx, c, Draft{}); return err },
			"would change": func(c account.Caller) error { _, err := w.WouldChange(w.Ctx, c, Draft{}, 1); return err },
		}
		reads := []string{"current", "versions", "version", "expectations"}
		for _, role := range append([]policies.Role{""}, policies.Roles...) {
			c := account.Caller{ID: accounttest.ID(), Roles: []policies.Role{role}}
			if role == "" {
				c = account.Caller{}
			}
			for name, method := range methods {
				may := role == policies.PolicyAdministrator || role == policies.Auditor && slices.Contains(reads, name)
				got := !errors.Is(method(c), policies.ErrForbidden)
				assert.Equal(w, may, got, "%q %s", role, name)
			}
		}
	})
}

// TestDraft: rules can be added, changed, removed and undone, and the draft discarded. Comments stay where they are,
// and nothing of the draft is in force.
func TestDraft(t *testing.T) {
	each(t, func(w *world) {
		d := w.draftNow()
		require.False(w, d.Changed(), "the first draft is %+v", d)
		require.Equal(w, 0, d.Edit)
		require.Equal(w, 1, d.Base)
		require.Equal(w, policies.Default, d.Text)
		w.add(deny(denyProcess))
		d = w.draftNow()
		assert.Equal(w, "[p, specialist, processor, transaction, *, process, deny] []", fmt.Sprint(d.Added, d.Removed), "after adding")
		assert.Contains(w, d.Text, "# Every specialist user sees", "after adding")
		assert.Equal(w, 1, d.Edit, "after adding")
		require.Len(w, d.Steps, 1, "after adding")
		assert.Equal(w, "Petra Richter", d.Steps[0].By, "after adding")
		if i := strings.Index(d.Text, "process, deny"); i > strings.Index(d.Text, "p, end_user") && i > strings.Index(d.Text, "p, user_administrator") {
			w.Error("the rule stands among another role's")
		}
		w.Must(w.ChangeRule(w.Ctx, w.petra, 1, deny(denyProcess), deny("specialist, processor, transaction, contract, process")))
		w.Must(w.RemoveRule(w.Ctx, w.petra, 2, allow("auditor, *, audit, *, read")))
		w.Must(w.AddInclusion(w.Ctx, w.petra, 3, policies.Inclusion{Role: policies.Auditor, Includes: policies.Specialist}))
		w.Must(w.RemoveInclusion(w.Ctx, w.petra, 4, policies.Inclusion{Role: policies.TemplateAdministrator, Includes: policies.Specialist}))
		d = w.draftNow()
		assert.Equal(w, "[p, specialist, processor, transaction, contract, process, deny g, auditor, specialist] "+
			"[p, auditor, *, audit, *, read, allow g, template_administrator, specialist]", fmt.Sprint(d.Added, d.Removed), "after five")
		assert.Equal(w, document(policies.Default).String(), w.o.Decider.Document().String(), "a draft is in force")
		w.Must(w.Undo(w.Ctx, w.petra, 5))
		w.Must(w.Undo(w.Ctx, w.petra, 6))
		w.Must(w.Undo(w.Ctx, w.petra, 7))
		d = w.draftNow()
		assert.Empty(w, d.Removed, "after undoing three")
		assert.Len(w, d.Added, 1, "after undoing three")
		assert.Len(w, d.Steps, 2, "after undoing three")
		w.Must(w.Discard(w.Ctx, w.petra, d.Edit))
		d = w.draftNow()
		assert.False(w, d.Changed(), "after discarding: %+v", d)
		assert.Len(w, d.Steps, 3, "after discarding")
		w.Must(w.Undo(w.Ctx, w.petra, d.Edit)) // even this
		d = w.draftNow()
		assert.Len(w, d.Added, 1, "after undoing the discarding")
		w.Want("publish without one", w.RemoveRule(w.Ctx, w.petra, d.Edit, deny(denyProcess)), ErrGone)
		w.Want("change without one", w.ChangeRule(w.Ctx, w.petra, d.Edit, deny(denyProcess), allow(denyProcess)), ErrGone)
		w.Want("exclude without one", w.RemoveInclusion(w.Ctx, w.petra, d.Edit, policies.Inclusion{}), ErrGone)
	})
}

// TestBadRules: every invalid rule is refused with the reason, and nothing is stored (S27).
func TestBadRules(t *testing.T) {
	each(t, func(w *world) {
		w.account("auditor", true) // a user with the name of a role does not have the role
		for text, want := range map[string]string{
			"specialist, *, customer, *, list|alow":                   "effect policy.effect",
			"specialist, *, customer, *, list|":                       "effect policy.effect",
			"specialist, *, customer, *, list|allow\nallow":           "effect policy.effect",
			"boss, *, customer, *, list|allow":                        "role policy.role",
			", *, customer, *, list|allow":                            "role policy.role",
			"auditor@kanzlei.example, *, audit, *, read|allow":        "role policy.role",
			"user:auditor, *, audit, *, read|allow":                   "role policy.role",
			"specialist+auditor, *, audit, *, read|allow":             "role policy.role",
			".*, *, customer, *, list|allow":                          "role policy.role",
			"specialist, owner, customer, *, list|allow":              "relation policy.relation",
			"specialist, , customer, *, list|allow":                   "relation policy.relation",
			"specialist, administrator, queue, *, read|allow":         "relation policy.relation",
			"specialist, *, costumer, *, list|allow":                  "object policy.object",
			"specialist, *, /customers/:id, *, list|allow":            "object policy.object",
			"specialist, *, customer, robot, list|allow":              "kind policy.kind",
			"specialist, *, customer, , list|allow":                   "kind policy.kind",
			"specialist, *, transaction, unheard_of, read|allow":      "kind policy.kind",
			"specialist, *, transaction, contract\n, read|allow":      "kind policy.kind",
			"specialist, *, transaction, contract.*, read|allow":      "kind policy.kind",
			"specialist, *, customer, *, process|allow":               "action policy.action",
			"specialist, *, customer, *, eval(r.role)|allow":          "action policy.action",
			"specialist, *, customer, *, keyMatch(r.obj p.obj)|allow": "action policy.action",
			"specialist, *, customer, *, list\np|allow":               "action policy.action",
			"specialist, *, customer, *, list|allow":                  "action policy.twice",
		} {
			text, effect, _ := strings.Cut(text, "|")
			w.WantComplaints(text, w.AddRule(w.Ctx, w.petra, 0, rule(text, effect)), want)
		}
		for text, want := range map[string]string{
			"p, specialist, *, customer, *, list, alow":                 "line 1 policy.effect",
			"# good\n\np, specialist, *, customer, *, list":             "line 3 policy.shape",
			"p, specialist, *, transaction, unheard_of, read, allow":    "line 1 policy.kind",
			"p, \"spec\nialist\", *, customer, *, list, allow":          "line 1 policy.csv, line 2 policy.csv",
			"g, auditor, auditor\r\ng, anna, auditor":                   "line 1 policy.role, line 2 policy.role",
			"p, specialist, *, customer, *, list, allow, and, more\nhm": "line 1 policy.shape, line 2 policy.shape",
			"p, specialist\x00":          "text control_characters",
			"p, specialist\xff":          "text control_characters",
			strings.Repeat("#", 100_001): "text too_long",
		} {
			w.WantComplaints(text, w.SetText(w.Ctx, w.petra, 0, text), want)
		}
		w.WantComplaints("inclusion", w.AddInclusion(w.Ctx, w.petra, 0, policies.Inclusion{Role: "anna", Includes: policies.Auditor}), "role policy.role")
		w.WantComplaints("in itself", w.AddInclusion(w.Ctx, w.petra, 0, policies.Inclusion{Role: policies.Auditor, Includes: policies.Auditor}), "role policy.role")
		w.WantComplaints("twice", w.AddInclusion(w.Ctx, w.petra, 0, policies.Inclusion{Role: policies.TemplateAdministrator, Includes: policies.Specialist}), "includes policy.twice")
		assert.Equal(w, 0, w.count("policy_draft"), "a refused change is stored")
	})
}

// TestTwoEditors: when two people change the same draft, the second is told who changed it first, and what.
func TestTwoEditors(t *testing.T) {
	each(t, func(w *world) {
		paul := w.Specialist("Paul Adam", policies.PolicyAdministrator)
		w.add(deny(denyProcess))
		err := w.AddRule(w.Ctx, paul, 0, deny("specialist, *, customer, person, update"))
		w.Want("behind", err, ErrBehind)
		var f *fault.Error
		require.ErrorAs(w, err, &f, "behind whom")
		assert.Equal(w, "Petra Richter", f.Args["by"], "behind whom")
		unknown := w.draftNow().Since(0)
		require.Len(w, unknown, 1, "what they don't know")
		assert.Equal(w, deny(denyProcess).String(), unknown[0].Added[0], "what they don't know")
		for name, do := range map[string]func() error{
			"text":    func() error { return w.SetText(w.Ctx, paul, 0, "") },
			"discard": func() error { return w.Discard(w.Ctx, paul, 0) },
			"publish": func() error { _, err := w.Publish(w.Ctx, paul, 0, "x"); return err },
			"propose": func() error { return w.Propose(w.Ctx, paul, 0, "x") },
			"undo":    func() error { return w.Undo(w.Ctx, paul, 0) },
		} {
			w.Want(name, do(), ErrBehind)
		}
		// Of several at the same time, exactly one succeeds.
		errs := make(chan error, 8)
		for i := range 8 {
			c := w.petra
			if i%2 == 0 {
				c = paul
			}
			kind := []string{"contract", "tax_return", "annual_accounts", "loan_application", "application", "correspondence", "other", "*"}[i]
			go func() { errs <- w.AddRule(w.Ctx, c, 1, deny("specialist, access, transaction, "+kind+", read")) }()
		}
		through := 0
		for range 8 {
			if err := <-errs; err == nil {
				through++
			} else if !errors.Is(err, ErrBehind) {
				w.Error(err)
			}
		}
		d := w.draftNow()
		assert.Equal(w, 1, through, "got through")
		assert.Equal(w, 2, d.Edit)
		assert.Len(w, d.Added, 2)
	})
}

// TestRebase: a draft based on an older version can't be published before it is rebased on the new one.
func TestRebase(t *testing.T) {
	each(t, func(w *world) {
		w.add(deny("specialist, *, customer, person, delete"))
		w.Must(w.RemoveRule(w.Ctx, w.petra, 1, allow("auditor, *, audit, *, read")))
		other := strings.Replace(policies.Default, "p, auditor, *, customer, *, list, allow\n", "", 1)
		w.Exec(`INSERT INTO policy_version (version, text, comment, author, published_at) VALUES (2, ?, 'x', 'Paul Adam', ?)`, other, w.Now())
		w.look(w.Ctx)
		d := w.draftNow()
		require.True(w, d.Stale(), "%+v", d)
		w.Want("publish", w.publish(), ErrBase)
		w.Want("propose", w.Propose(w.Ctx, w.petra, d.Edit, "x"), ErrBase)
		w.Must(w.Rebase(w.Ctx, w.petra, d.Edit))
		d = w.draftNow()
		got := fmt.Sprint(d.Added, d.Removed)
		assert.False(w, d.Stale(), "rebased: %v %s", d.Stale(), got)
		assert.Equal(w, "[p, specialist, *, customer, person, delete, deny] [p, auditor, *, audit, *, read, allow]", got, "rebased")
		assert.NotContains(w, d.Text, "p, auditor, *, customer, *, list, allow", "what the other version took out is back")
		w.Must(w.publish())
		d = w.draftNow()
		assert.False(w, d.Changed(), "after publishing: %+v", d)
		assert.Equal(w, 3, d.Base, "after publishing")
		assert.Empty(w, d.Steps, "after publishing")
	})
}
