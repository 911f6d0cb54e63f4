package policy

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"kontor/app/account"
	"kontor/app/account/accounttest"
	"kontor/policies"
)

// accounts is the accounts' service of a process that decides with a decider of its own.
func (w *world) accounts(d *policies.Decider) *account.Service {
	return account.New(account.Options{
		DB: w.DB, Now: w.Now, Key: w.Key, Decider: d, Courier: w.Post, Audit: w.Audit, Approvals: w.Approvals,
	})
}

// TestLastPolicyAdministrator: the last person who can manage policies can't be deactivated or lose the role that
// permits it, whichever role that is by the policy, also in a process that does not know the newest version yet (S30).
func TestLastPolicyAdministrator(t *testing.T) {
	each(t, func(w *world) {
		ulla, dora := w.Specialist("Ulla User", policies.UserAdministrator), w.Specialist("Dora Daten", policies.DataAdministrator)
		stale, err := policies.New(policies.Default)
		w.Must(err)
		services := map[string]*account.Service{"this process": w.accounts(w.o.Decider), "a process that is behind": w.accounts(stale)}
		kept := func(name string, who account.Caller) {
			w.Helper()
			for process, people := range services {
				w.Want(name+": deactivate, in "+process, people.Deactivate(w.Ctx, ulla, who.ID), account.ErrLastHolder)
				w.Want(name+": take the role, in "+process,
					people.UpdateSpecialist(w.Ctx, ulla, who.ID, account.SpecialistForm{Name: who.Name, Version: 1}), account.ErrLastHolder)
			}
		}
		kept("by default", w.petra)
		for _, people := range services {
			w.Must(people.Deactivate(w.Ctx, ulla, dora.ID))
			w.Must(people.Reactivate(w.Ctx, ulla, dora.ID)) // takes a second person
			w.Exec(`UPDATE account SET active = TRUE WHERE id = ?`, dora.ID)
		}
		w.Exec(`UPDATE account SET version = 1 WHERE id = ?`, dora.ID)
		w.Must(w.SetText(w.Ctx, w.petra, w.draftNow().Edit, strings.ReplaceAll(policies.Default, "p, policy_administrator, *, policy", "p, data_administrator, *, policy")))
		w.Must(w.publish())
		kept("where the policy says another role", dora)
		w.Exec(`UPDATE account SET password_hash = '' WHERE id = ?`, dora.ID)
		for _, people := range services {
			w.Want("who can't sign in is no loss", people.UpdateSpecialist(w.Ctx, ulla, dora.ID, account.SpecialistForm{Name: "Dora", Version: 9}), account.ErrVersion)
			w.Must(people.Deactivate(w.Ctx, ulla, dora.ID))
			w.Must(people.Reactivate(w.Ctx, ulla, dora.ID)) // takes a second person
			w.Exec(`UPDATE account SET active = TRUE WHERE id = ?`, dora.ID)
		}
	})
}

// TestLockoutAtOnce: of two concurrent changes, a version that leaves policies to one person and the deactivation of
// that person, exactly one succeeds.
func TestLockoutAtOnce(t *testing.T) {
	each(t, func(w *world) {
		ulla := w.Specialist("Ulla User", policies.UserAdministrator)
		moved := strings.ReplaceAll(policies.Default, "p, policy_administrator, *, policy", "p, data_administrator, *, policy")
		for range 5 {
			w.Exec(`DELETE FROM policy_draft`)
			w.Exec(`DELETE FROM policy_version WHERE version > 1`)
			w.Service = w.process()
			w.Must(w.Load(w.Ctx))
			dora := w.Specialist("Dora "+accounttest.ID().String(), policies.DataAdministrator)
			w.Must(w.SetText(w.Ctx, w.petra, 0, moved))
			people := w.accounts(w.o.Decider)
			var published, deactivated error
			var both sync.WaitGroup
			both.Go(func() { _, published = w.Publish(w.Ctx, w.petra, 1, "x") })
			both.Go(func() { deactivated = people.Deactivate(w.Ctx, ulla, dora.ID) })
			both.Wait()
			switch {
			case published == nil && errors.Is(deactivated, account.ErrLastHolder):
			case deactivated == nil && errors.Is(published, ErrLockout):
			default:
				w.Errorf("published: %v, deactivated: %v", published, deactivated)
			}
			w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, dora.ID)
		}
	})
}
