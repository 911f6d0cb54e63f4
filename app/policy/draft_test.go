package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/fault"
	"kontor/policies"
)

const denyProcess = "specialist, processor, transaction, *, process"

// TestRights: every method × every role.
func TestRights(t *testing.T) {
	each(t, func(w *world) {
		methods := map[string]func(c account.Caller) error{
			"current":      func(c account.Caller) error { _, err := w.Current(w.ctx, c); return err },
			"versions":     func(c account.Caller) error { _, err := w.Versions(w.ctx, c); return err },
			"version":      func(c account.Caller) error { _, _, err := w.Version(w.ctx, c, 1); return err },
			"expectations": func(c account.Caller) error { _, err := w.Expectations(w.ctx, c); return err },
			"draft":        func(c account.Caller) error { _, err := w.Draft(w.ctx, c); return err },
			"add":          func(c account.Caller) error { return w.AddRule(w.ctx, c, 0, policies.Rule{}) },
			"change":       func(c account.Caller) error { return w.ChangeRule(w.ctx, c, 0, policies.Rule{}, policies.Rule{}) },
			"remove":       func(c account.Caller) error { return w.RemoveRule(w.ctx, c, 0, policies.Rule{}) },
			"include":      func(c account.Caller) error { return w.AddInclusion(w.ctx, c, 0, policies.Inclusion{}) },
			"exclude":      func(c account.Caller) error { return w.RemoveInclusion(w.ctx, c, 0, policies.Inclusion{}) },
			"text":         func(c account.Caller) error { return w.SetText(w.ctx, c, 0, "x") },
			"discard":      func(c account.Caller) error { return w.Discard(w.ctx, c, 0) },
			"take":         func(c account.Caller) error { return w.Take(w.ctx, c, 0, 99) },
			"undo":         func(c account.Caller) error { return w.Undo(w.ctx, c, 0) },
			"rebase":       func(c account.Caller) error { return w.Rebase(w.ctx, c, 0) },
			"propose":      func(c account.Caller) error { return w.Propose(w.ctx, c, 0, "x") },
			"publish":      func(c account.Caller) error { _, err := w.Publish(w.ctx, c, 0, "x"); return err },
			"restore":      func(c account.Caller) error { _, err := w.Restore(w.ctx, c, 1, "x"); return err },
			"expect":       func(c account.Caller) error { return w.Expect(w.ctx, c, ExpectationForm{}) },
			"unexpect":     func(c account.Caller) error { return w.Unexpect(w.ctx, c, uuid.Nil) },
			"review":       func(c account.Caller) error { _, err := w.Review(w.ctx, c, Draft{}); return err },
			"would change": func(c account.Caller) error { _, err := w.WouldChange(w.ctx, c, Draft{}, 1); return err },
		}
		reads := []string{"current", "versions", "version", "expectations"}
		for _, role := range append([]policies.Role{""}, policies.Roles...) {
			c := account.Caller{ID: w.id(), Roles: []policies.Role{role}}
			if role == "" {
				c = account.Caller{}
			}
			for name, method := range methods {
				may := role == policies.PolicyAdministrator || role == policies.Auditor && slices.Contains(reads, name)
				if got := !errors.Is(method(c), policies.ErrForbidden); got != may {
					w.Errorf("%q %s: %v, want %v", role, name, got, may)
				}
			}
		}
	})
}

// TestDraft: add, change, remove, undo, discard; comments stay where they are; nothing of it is in force.
func TestDraft(t *testing.T) {
	each(t, func(w *world) {
		d := w.draftNow()
		if d.Changed() || d.Edit != 0 || d.Base != 1 || d.Text != policies.Default {
			w.Fatalf("the first draft is %+v", d)
		}
		w.add(deny(denyProcess))
		d = w.draftNow()
		if got := fmt.Sprint(d.Added, d.Removed); got != "[p, specialist, processor, transaction, *, process, deny] []" {
			w.Errorf("after adding: %s", got)
		}
		if !strings.Contains(d.Text, "# Every specialist user sees") || d.Edit != 1 || len(d.Steps) != 1 || d.Steps[0].By != "Petra Richter" {
			w.Errorf("after adding: %+v", d)
		}
		if i := strings.Index(d.Text, "process, deny"); i > strings.Index(d.Text, "p, end_user") && i > strings.Index(d.Text, "p, user_administrator") {
			w.Error("the rule stands among another role's")
		}
		w.must(w.ChangeRule(w.ctx, w.petra, 1, deny(denyProcess), deny("specialist, processor, transaction, contract, process")))
		w.must(w.RemoveRule(w.ctx, w.petra, 2, allow("auditor, *, audit, *, read")))
		w.must(w.AddInclusion(w.ctx, w.petra, 3, policies.Inclusion{Role: policies.Auditor, Includes: policies.Specialist}))
		w.must(w.RemoveInclusion(w.ctx, w.petra, 4, policies.Inclusion{Role: policies.TemplateAdministrator, Includes: policies.Specialist}))
		d = w.draftNow()
		if got := fmt.Sprint(d.Added, d.Removed); got != "[p, specialist, processor, transaction, contract, process, deny g, auditor, specialist] "+
			"[p, auditor, *, audit, *, read, allow g, template_administrator, specialist]" {
			w.Errorf("after five: %s", got)
		}
		if w.o.Decider.Document().String() != document(policies.Default).String() {
			w.Error("a draft is in force")
		}
		w.must(w.Undo(w.ctx, w.petra, 5))
		w.must(w.Undo(w.ctx, w.petra, 6))
		w.must(w.Undo(w.ctx, w.petra, 7))
		if d = w.draftNow(); len(d.Removed) != 0 || len(d.Added) != 1 || len(d.Steps) != 2 {
			w.Errorf("after undoing three: %+v", d)
		}
		w.must(w.Discard(w.ctx, w.petra, d.Edit))
		if d = w.draftNow(); d.Changed() || len(d.Steps) != 3 {
			w.Errorf("after discarding: %+v", d)
		}
		w.must(w.Undo(w.ctx, w.petra, d.Edit)) // even that
		if d = w.draftNow(); len(d.Added) != 1 {
			w.Errorf("after undoing the discarding: %+v", d)
		}
		w.want("publish without one", w.RemoveRule(w.ctx, w.petra, d.Edit, deny(denyProcess)), ErrGone)
		w.want("change without one", w.ChangeRule(w.ctx, w.petra, d.Edit, deny(denyProcess), allow(denyProcess)), ErrGone)
		w.want("exclude without one", w.RemoveInclusion(w.ctx, w.petra, d.Edit, policies.Inclusion{}), ErrGone)
	})
}

// TestBadRules: whatever poisons a policy is refused with the reason, and nothing is stored (S27).
func TestBadRules(t *testing.T) {
	each(t, func(w *world) {
		w.account("auditor", true) // a user named like a role is none
		for text, want := range map[string]string{
			"specialist, *, customer, *, list|alow":                   "effect policy.effect",
			"specialist, *, customer, *, list|":                       "effect policy.effect",
			"specialist, *, customer, *, list|allow\nallow":           "effect policy.effect",
			"boss, *, customer, *, list|allow":                        "role policy.role",
			", *, customer, *, list|allow":                            "role policy.role",
			"auditor@firm.example, *, audit, *, read|allow":           "role policy.role",
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
			w.wantForm(text, w.AddRule(w.ctx, w.petra, 0, rule(text, effect)), want)
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
			w.wantForm(text, w.SetText(w.ctx, w.petra, 0, text), want)
		}
		w.wantForm("inclusion", w.AddInclusion(w.ctx, w.petra, 0, policies.Inclusion{Role: "anna", Includes: policies.Auditor}), "role policy.role")
		w.wantForm("in itself", w.AddInclusion(w.ctx, w.petra, 0, policies.Inclusion{Role: policies.Auditor, Includes: policies.Auditor}), "role policy.role")
		w.wantForm("twice", w.AddInclusion(w.ctx, w.petra, 0, policies.Inclusion{Role: policies.TemplateAdministrator, Includes: policies.Specialist}), "includes policy.twice")
		if n := w.count("policy_draft"); n != 0 {
			w.Error("a refused change is stored")
		}
	})
}

// TestTwoEditors: the second of two who changed the same draft is told who was quicker and with what.
func TestTwoEditors(t *testing.T) {
	each(t, func(w *world) {
		paul := w.person("Paul Adam", policies.PolicyAdministrator)
		w.add(deny(denyProcess))
		err := w.AddRule(w.ctx, paul, 0, deny("specialist, *, customer, person, update"))
		w.want("behind", err, ErrBehind)
		var f *fault.Error
		if !errors.As(err, &f) || f.Args["by"] != "Petra Richter" {
			w.Errorf("behind whom: %v", f)
		}
		if unknown := w.draftNow().Since(0); len(unknown) != 1 || unknown[0].Added[0] != deny(denyProcess).String() {
			w.Errorf("what they don't know: %+v", unknown)
		}
		for name, do := range map[string]func() error{
			"text":    func() error { return w.SetText(w.ctx, paul, 0, "") },
			"discard": func() error { return w.Discard(w.ctx, paul, 0) },
			"publish": func() error { _, err := w.Publish(w.ctx, paul, 0, "x"); return err },
			"propose": func() error { return w.Propose(w.ctx, paul, 0, "x") },
			"undo":    func() error { return w.Undo(w.ctx, paul, 0) },
		} {
			w.want(name, do(), ErrBehind)
		}
		// At once: one gets through, whoever it is.
		errs := make(chan error, 8)
		for i := range 8 {
			c := w.petra
			if i%2 == 0 {
				c = paul
			}
			kind := []string{"contract", "tax_return", "annual_accounts", "loan_application", "application", "correspondence", "other", "*"}[i]
			go func() { errs <- w.AddRule(w.ctx, c, 1, deny("specialist, access, transaction, "+kind+", read")) }()
		}
		through := 0
		for range 8 {
			if err := <-errs; err == nil {
				through++
			} else if !errors.Is(err, ErrBehind) {
				w.Error(err)
			}
		}
		if d := w.draftNow(); through != 1 || d.Edit != 2 || len(d.Added) != 2 {
			w.Errorf("%d got through: %+v", through, d.Added)
		}
	})
}

// TestRebase: a draft begun from an older version can't be published before its changes stand on the new one.
func TestRebase(t *testing.T) {
	each(t, func(w *world) {
		w.add(deny("specialist, *, customer, person, delete"))
		w.must(w.RemoveRule(w.ctx, w.petra, 1, allow("auditor, *, audit, *, read")))
		other := strings.Replace(policies.Default, "p, auditor, *, customer, *, list, allow\n", "", 1)
		w.exec(`INSERT INTO policy_version (version, text, comment, author, published_at) VALUES (2, ?, 'x', 'Paul Adam', ?)`, other, w.now())
		w.look(w.ctx)
		d := w.draftNow()
		if !d.Stale() {
			w.Fatalf("%+v", d)
		}
		w.want("publish", w.publish(), ErrBase)
		w.want("propose", w.Propose(w.ctx, w.petra, d.Edit, "x"), ErrBase)
		w.must(w.Rebase(w.ctx, w.petra, d.Edit))
		d = w.draftNow()
		if got := fmt.Sprint(d.Added, d.Removed); d.Stale() || got != "[p, specialist, *, customer, person, delete, deny] [p, auditor, *, audit, *, read, allow]" {
			w.Errorf("rebased: %v %s", d.Stale(), got)
		}
		if strings.Contains(d.Text, "p, auditor, *, customer, *, list, allow") {
			w.Error("what the other version took out is back")
		}
		w.must(w.publish())
		if d = w.draftNow(); d.Changed() || d.Base != 3 || len(d.Steps) != 0 {
			w.Errorf("after publishing: %+v", d)
		}
	})
}
