package wire

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/access"
	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/authorisation"
	"kontor/app/customer"
	"kontor/app/handover"
	"kontor/app/policy"
	"kontor/policies"
)

// act is one thing that somebody does. Its name is the same wherever it can be done, so that a path can be walked again.
type act struct {
	group, name string
	do          func() error
}

type acts struct {
	f    *firm
	v    view
	list []act
}

// acts lists everything that the attacker could try at a moment, and how time may go on.
func (f *firm) acts(v view, b bounds, waited time.Duration) []act {
	a := &acts{f: f, v: v}
	for _, x := range v.actors {
		a.account(x)
		a.approvals(x)
		if !x.Specialist {
			continue
		}
		a.people(x, b)
		a.policy(x)
		a.accesses(x)
		a.assignments(x)
		a.handovers(x)
	}
	a.registering()
	a.time(b, waited)
	return a.list
}

func (a *acts) add(group, name string, do func() error) {
	a.list = append(a.list, act{group, name, do})
}

// target is a specialist user, and by what name.
func (a *acts) targets() (list []person) {
	for _, p := range a.v.people {
		if p.Specialist {
			list = append(list, p)
		}
	}
	return list
}

// --- people -------------------------------------------------------------------------------------------------------

var roleSets = [][]policies.Role{
	nil,
	{policies.Specialist},
	{policies.Specialist, policies.UserAdministrator},
	{policies.Specialist, policies.PolicyAdministrator},
	{policies.Specialist, policies.DataAdministrator},
	{policies.Specialist, policies.TemplateAdministrator},
	{policies.Auditor},
	policies.FirmRoles,
}

func (a *acts) people(x actor, b bounds) {
	s, ctx := a.f.s, a.f.ctx
	if n := a.v.puppets(); n < b.puppets {
		for _, roles := range roleSets {
			for _, email := range []string{fmt.Sprintf("p%d@pup.example", n), home} {
				if email == home && len(roles) != 1 {
					continue
				}
				a.add("people", fmt.Sprint(x.Name, " adds ", email, " with ", roles), func() error {
					p, err := s.Accounts.AddSpecialist(ctx, x.caller, account.SpecialistForm{
						Name: fmt.Sprint(puppet, " ", n), Email: email, Locale: "en", Roles: roles,
					})
					if err == nil {
						a.f.settle(p.ID)
					}
					return err
				})
			}
		}
	}
	for _, p := range a.targets() {
		for _, roles := range roleSets {
			if slices.Equal(roles, p.roles()) {
				continue
			}
			a.add("roles", fmt.Sprint(x.Name, " gives ", p.Name, " the roles ", roles), func() error {
				return s.Accounts.UpdateSpecialist(ctx, x.caller, p.ID, account.SpecialistForm{Name: p.Name, Locale: "en", Roles: roles, Version: p.Version})
			})
		}
		if p.Active {
			a.add("switch", x.Name+" deactivates "+p.Name, func() error { return s.Accounts.Deactivate(ctx, x.caller, p.ID) })
		} else {
			a.add("switch", x.Name+" reactivates "+p.Name, func() error { return s.Accounts.Reactivate(ctx, x.caller, p.ID) })
		}
	}
}

// account is what everybody may do about themselves.
func (a *acts) account(x actor) {
	for _, email := range []string{home, "x.aver+7@gmail.com", "p0+e@pup.example", "moved@pup.example"} {
		if strings.EqualFold(email, x.Email) {
			continue
		}
		a.add("email", x.Name+" moves to "+email, func() error { return a.f.changeEmail(x.caller, email) })
	}
}

func (a *acts) approvals(x actor) {
	s, ctx := a.f.s, a.f.ctx
	for i, p := range a.v.waiting(a.f.now) {
		about := fmt.Sprint(p.Kind, " of ", p.Subject, " by ", p.Proposer, " (", i, ")")
		a.add("approve", x.Name+" approves "+about, func() error {
			_, err := s.Approvals.Approve(ctx, x.caller.Actor(), p.ID)
			return err
		})
		if x.ID == a.f.attacker {
			a.add("stop", x.Name+" stops "+about, func() error {
				_, err := s.Approvals.Stop(ctx, x.caller.Actor(), p.ID)
				return err
			})
		}
	}
}

// --- the policy ---------------------------------------------------------------------------------------------------

// drafts change a policy: what is added to it, and what is taken out.
var drafts = []struct{ name, add, remove string }{
	{"end users read the log", "p, end_user, *, audit, *, read, allow", ""},
	{"end users process", "p, end_user, access, transaction, *, process, allow", ""},
	{"specialist users read transactions", "p, specialist, *, transaction, *, read, allow", ""},
	{"policy administrators manage specialist users", "p, policy_administrator, *, specialist, *, manage, allow", ""},
	{"auditors manage specialist users", "p, auditor, *, specialist, *, manage, allow", ""},
	{"template administrators read transactions", "p, template_administrator, *, transaction, *, read, allow", ""},
	{"policy administrators are auditors", "g, policy_administrator, auditor", ""},
	{"specialist users are user administrators", "g, specialist, user_administrator", ""},
	{"end users are specialist users", "g, end_user, specialist", ""},
	{"policy administrators are template administrators", "g, policy_administrator, template_administrator", ""},
	{"nobody else decides", `p, user_administrator, *, approval, *, read, deny
p, data_administrator, *, approval, *, read, deny
p, user_administrator, *, policy, *, manage, deny
p, auditor, *, policy, *, read, deny`, ""},
	{"approvals are read by nobody", "", ", approval, "},
	{"policy administrators are no specialist users", "", "g, policy_administrator, specialist"},
	{"specialist users change no customer", "p, specialist, *, customer, *, update, deny", ""},
}

func (a *acts) policy(x actor) {
	s, ctx := a.f.s, a.f.ctx
	if ok, err := s.Decider.Allows(policies.Request{Roles: x.caller.Roles, Object: policies.ObjectPolicy, Action: policies.Manage}); err != nil || !ok {
		return
	}
	d, err := s.Policies.Draft(ctx, x.caller)
	a.f.must(err)
	add := func(name string, do func(d policy.Draft) error) {
		a.add("policy", x.Name+" "+name, func() error {
			d, err := s.Policies.Draft(ctx, x.caller)
			if err != nil {
				return err
			}
			return do(d)
		})
	}
	publish := func(d policy.Draft) error {
		_, err := s.Policies.Publish(ctx, x.caller, d.Edit, "a comment")
		return err
	}
	propose := func(d policy.Draft) error { return s.Policies.Propose(ctx, x.caller, d.Edit, "a comment") }
	for _, change := range drafts {
		text := changed(d.Text, change.add, change.remove)
		if text == d.Text {
			continue
		}
		with := func(then func(policy.Draft) error) func(policy.Draft) error {
			return func(d policy.Draft) error {
				if err := s.Policies.SetText(ctx, x.caller, d.Edit, text); err != nil {
					return err
				}
				d, err := s.Policies.Draft(ctx, x.caller)
				if err != nil {
					return err
				}
				return then(d)
			}
		}
		add("publishes that "+change.name, with(publish))
		add("proposes that "+change.name, with(propose))
		if d.Proposed {
			add("drafts that "+change.name, with(func(policy.Draft) error { return nil }))
		}
	}
	if d.Changed() {
		add("publishes the draft", publish)
		add("proposes the draft", propose)
		add("takes back the last change", func(d policy.Draft) error { return s.Policies.Undo(ctx, x.caller, d.Edit) })
		add("discards the draft", func(d policy.Draft) error { return s.Policies.Discard(ctx, x.caller, d.Edit) })
		add("rebases the draft", func(d policy.Draft) error { return s.Policies.Rebase(ctx, x.caller, d.Edit) })
	}
	for n := 1; n < d.Published.Number; n++ {
		add(fmt.Sprint("restores version ", n), func(policy.Draft) error {
			_, err := s.Policies.Restore(ctx, x.caller, n, "a comment")
			return err
		})
	}
}

// changed is a policy with lines added, and without those that have a text in them.
func changed(text, add, remove string) string {
	if remove != "" {
		lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool {
			return !strings.HasPrefix(line, "#") && strings.Contains(line, remove)
		})
		text = strings.Join(lines, "\n")
	}
	if add == "" || strings.Contains(text, add) {
		return text
	}
	return text + add + "\n"
}

// --- accesses -----------------------------------------------------------------------------------------------------

// addresses are some that reach the attacker, or may from some moment on.
var addresses = []string{own, "x.aver+k@gmail.com", "XAVER@googlemail.com", home, "p0@pup.example"}

func (a *acts) places() map[string]uuid.UUID {
	at := map[string]uuid.UUID{"K": a.f.k.id, "L": a.f.l.id}
	for i, id := range a.v.owned {
		at[fmt.Sprint("O", i)] = id
	}
	return at
}

func (a *acts) named(customer uuid.UUID) string {
	for name, id := range a.places() {
		if id == customer {
			return name
		}
	}
	return "?"
}

func (a *acts) accesses(x actor) {
	s, ctx := a.f.s, a.f.ctx
	form := func(email string) access.Form {
		return access.Form{FirstName: "Self", LastName: "Made", Email: email, Locale: "en"}
	}
	if len(a.v.owned) == 0 {
		for _, email := range []string{own, home} {
			a.add("customer", x.Name+" adds a customer with "+email, func() error {
				_, _, err := s.Accesses.AddCustomer(ctx, x.caller, customer.Draft{
					Type: customer.Person, Data: customer.Data{FirstName: "Self", LastName: "Made", Locale: "en"},
				}, email, "")
				return err
			})
		}
	}
	for _, name := range []string{"K", "L", "O0"} {
		at, ok := a.places()[name]
		if !ok {
			continue
		}
		for _, email := range addresses {
			a.add("access", x.Name+" adds an access for "+email+" at "+name, func() error {
				_, err := s.Accesses.Create(ctx, x.caller, at, form(email), "")
				return err
			})
		}
	}
	for _, r := range a.v.accesses {
		about := "the access of " + r.Email + " at " + a.named(r.CustomerID)
		if r.RegisteredAt == nil {
			for _, email := range []string{"x.aver+c@gmail.com", "n@neutral.example", "p0@pup.example"} {
				a.add("correct", x.Name+" corrects "+about+" to "+email, func() error {
					_, err := s.Accesses.Correct(ctx, x.caller, r.CustomerID, r.ID, access.Correction{Form: form(email), Version: r.Version})
					return err
				})
			}
		}
		if r.DeactivatedAt == nil || r.Waiting {
			a.add("access", x.Name+" deactivates "+about, func() error { return s.Accesses.Deactivate(ctx, x.caller, r.CustomerID, r.ID) })
		}
		if r.DeactivatedAt != nil {
			a.add("access", x.Name+" reactivates "+about, func() error { return s.Accesses.Reactivate(ctx, x.caller, r.CustomerID, r.ID) })
			a.add("access", x.Name+" sends again "+about, func() error { return s.Accesses.Resend(ctx, x.caller, r.CustomerID, r.ID) })
		}
		a.remove(x, about, r.CustomerID, authorisation.Selection{Accesses: []uuid.UUID{r.ID}})
	}
}

// registering redeems links that the attacker gets.
func (a *acts) registering() {
	for _, r := range a.v.accesses {
		if r.FirstName != "Self" || r.RegisteredAt != nil || r.DeactivatedAt != nil || !a.f.now.Before(r.LinkExpiresAt) {
			continue
		}
		a.add("register", r.Email+" registers at "+a.named(r.CustomerID), func() error { return a.f.register(r.ID) })
	}
}

// --- assignments --------------------------------------------------------------------------------------------------

func (a *acts) remove(x actor, about string, at uuid.UUID, sel authorisation.Selection) {
	a.add("remove", x.Name+" removes "+about, func() error {
		_, err := a.f.s.Authorisations.Remove(a.f.ctx, x.caller, at, sel, true)
		return err
	})
}

func (a *acts) assignments(x actor) {
	s, ctx := a.f.s, a.f.ctx
	for _, at := range []place{a.f.k, a.f.l} {
		for _, p := range a.targets() {
			a.add("assign", x.Name+" adds the administrator "+p.Name+" at "+at.name, func() error {
				_, err := s.Authorisations.AddAdministrators(ctx, x.caller, at.id, []uuid.UUID{p.ID})
				return err
			})
			a.add("assign", x.Name+" adds the processor "+p.Name+" at "+at.name, func() error {
				_, err := s.Authorisations.AddProcessors(ctx, x.caller, at.id, []uuid.UUID{p.ID}, []uuid.UUID{at.transaction})
				return err
			})
			a.remove(x, "the administrator "+p.Name+" at "+at.name, at.id, authorisation.Selection{Administrators: []uuid.UUID{p.ID}})
			a.remove(x, "the processor "+p.Name+" at "+at.name, at.id, authorisation.Selection{Processors: []uuid.UUID{p.ID}})
		}
	}
	for i, r := range a.v.removals {
		a.add("undo", fmt.Sprint(x.Name, " takes back the removal at ", a.named(r.CustomerID), " (", i, ")"), func() error {
			_, err := s.Authorisations.Undo(ctx, x.caller, r.ID)
			return err
		})
	}
}

func (a *acts) handovers(x actor) {
	s, ctx := a.f.s, a.f.ctx
	day := func(d time.Duration) string { return a.f.now.Add(d).Format(time.DateOnly) }
	for _, from := range a.targets() {
		for _, to := range a.targets() {
			if from.ID == to.ID || a.f.silent == to.ID {
				continue
			}
			a.add("deputy", x.Name+" names "+to.Name+" the deputy of "+from.Name, func() error {
				return s.Handovers.AddDeputy(ctx, x.caller, from.ID, handover.DeputyForm{Deputy: to.ID.String(), From: day(0), Until: day(40 * time.Hour)})
			})
			if a.f.hands(from) && from.ID != a.f.attacker {
				continue
			}
			for _, move := range []bool{false, true} {
				verb := map[bool]string{false: " copies ", true: " moves "}[move]
				a.add("handover", x.Name+verb+from.Name+"'s assignments to "+to.Name, func() error {
					_, err := s.Handovers.Start(ctx, x.caller, from.ID, []uuid.UUID{to.ID}, move)
					return err
				})
			}
		}
	}
	for i, d := range a.v.deputies {
		a.add("deputy", fmt.Sprint(x.Name, " ends the deputyship (", i, ")"), func() error {
			return s.Handovers.EndDeputy(ctx, x.caller, d.SpecialistID, d.ID)
		})
	}
}

// --- time ---------------------------------------------------------------------------------------------------------

func (a *acts) time(b bounds, waited time.Duration) {
	for _, d := range b.waits {
		if d < 0 && !a.pending() || waited+d > b.longest {
			continue
		}
		a.add("time", fmt.Sprint(waiting, d), func() error {
			a.f.now = a.f.now.Add(d)
			if err := a.f.s.Approvals.Tick(a.f.ctx); err != nil {
				return err
			}
			return a.f.s.Authorisations.Purge(a.f.ctx)
		})
	}
}

const waiting = "wait "

func (a *acts) pending() bool {
	return slices.ContainsFunc(a.v.approvals, func(p approval.Approval) bool { return p.State == approval.Waiting })
}
