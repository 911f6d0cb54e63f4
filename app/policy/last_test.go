package policy

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/secret"
	"kontor/policies"
)

type noOutbox struct{}

func (noOutbox) Enqueue(context.Context, bun.IDB, courier.Post) error { return nil }
func (noOutbox) Free(context.Context, bun.IDB, string) error          { return nil }

func (noOutbox) Register(map[courier.Kind]courier.Composer) {}

func (noOutbox) CancelAccount(context.Context, bun.IDB, uuid.UUID, ...courier.Kind) error {
	return nil
}

// accounts is the accounts' service of a process that decides with a decider of its own.
func (w *world) accounts(d *policies.Decider) *account.Service {
	w.Helper()
	key, err := secret.NewKey([]byte(strings.Repeat("k", 32)))
	w.must(err)
	log := audit.New(w.db, w.now)
	approvals := approval.New(approval.Options{DB: w.db, Now: w.now, Audit: log, Courier: noOutbox{}})
	return account.New(account.Options{Approvals: approvals, DB: w.db, Now: w.now, Key: key, Decider: d, Courier: noOutbox{}, Audit: log, Firm: "x"})
}

// TestLastPolicyAdministrator: whoever is the last to manage policies can't be deactivated or lose the role that lets
// them, whichever role the policy says that is, also in a process that does not know the newest version yet (S30).
func TestLastPolicyAdministrator(t *testing.T) {
	each(t, func(w *world) {
		ulla, dora := w.person("Ulla User", policies.UserAdministrator), w.person("Dora Daten", policies.DataAdministrator)
		stale, err := policies.New(policies.Default)
		w.must(err)
		services := map[string]*account.Service{"this process": w.accounts(w.o.Decider), "a process that is behind": w.accounts(stale)}
		kept := func(name string, who account.Caller) {
			w.Helper()
			for process, people := range services {
				w.want(name+": deactivate, in "+process, people.Deactivate(w.ctx, ulla, who.ID), account.ErrLastHolder)
				w.want(name+": take the role, in "+process,
					people.UpdateSpecialist(w.ctx, ulla, who.ID, account.SpecialistForm{Name: who.Name, Version: 1}), account.ErrLastHolder)
			}
		}
		kept("by default", w.petra)
		for _, people := range services {
			w.must(people.Deactivate(w.ctx, ulla, dora.ID))
			w.must(people.Reactivate(w.ctx, ulla, dora.ID)) // takes a second person
			w.exec(`UPDATE account SET active = TRUE WHERE id = ?`, dora.ID)
		}
		w.exec(`UPDATE account SET version = 1 WHERE id = ?`, dora.ID)
		w.must(w.SetText(w.ctx, w.petra, w.draftNow().Edit, strings.ReplaceAll(policies.Default, "p, policy_administrator, *, policy", "p, data_administrator, *, policy")))
		w.must(w.publish())
		kept("where the policy says another role", dora)
		w.exec(`UPDATE account SET password_hash = '' WHERE id = ?`, dora.ID)
		for _, people := range services {
			w.want("who can't sign in is no loss", people.UpdateSpecialist(w.ctx, ulla, dora.ID, account.SpecialistForm{Name: "Dora", Version: 9}), account.ErrVersion)
			w.must(people.Deactivate(w.ctx, ulla, dora.ID))
			w.must(people.Reactivate(w.ctx, ulla, dora.ID)) // takes a second person
			w.exec(`UPDATE account SET active = TRUE WHERE id = ?`, dora.ID)
		}
	})
}

// TestLockoutAtOnce: a version that leaves policies to one person, and that person's deactivation, can't pass each other.
func TestLockoutAtOnce(t *testing.T) {
	each(t, func(w *world) {
		ulla := w.person("Ulla User", policies.UserAdministrator)
		moved := strings.ReplaceAll(policies.Default, "p, policy_administrator, *, policy", "p, data_administrator, *, policy")
		for range 5 {
			w.exec(`DELETE FROM policy_draft`)
			w.exec(`DELETE FROM policy_version WHERE version > 1`)
			w.Service = w.process()
			w.must(w.Load(w.ctx))
			dora := w.person("Dora "+w.id().String(), policies.DataAdministrator)
			w.must(w.SetText(w.ctx, w.petra, 0, moved))
			people := w.accounts(w.o.Decider)
			var published, deactivated error
			var both sync.WaitGroup
			both.Go(func() { _, published = w.Publish(w.ctx, w.petra, 1, "x") })
			both.Go(func() { deactivated = people.Deactivate(w.ctx, ulla, dora.ID) })
			both.Wait()
			switch {
			case published == nil && errors.Is(deactivated, account.ErrLastHolder):
			case deactivated == nil && errors.Is(published, ErrLockout):
			default:
				w.Errorf("published: %v, deactivated: %v", published, deactivated)
			}
			w.exec(`UPDATE account SET active = FALSE WHERE id = ?`, dora.ID)
		}
	})
}
