package account

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/policies"
)

// guard adds a specialist user with these roles and returns them as a caller.
func (w *world) guard(name string, roles ...policies.Role) Caller {
	w.Helper()
	c, err := w.CallerOf(w.ctx, w.db, w.specialist(name, roles...).ID)
	w.must(err)
	w.wait(time.Second) // a role that was given at this very moment does not count as held before
	return c
}

// approved runs fn on an account in the same way as after a second person's approval.
func (w *world) approved(id uuid.UUID, fn func(ctx context.Context, tx bun.Tx, a *Account) error) {
	w.Helper()
	w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
		a, err := lockAccount(ctx, tx, id)
		if err == nil {
			err = loadRoles(ctx, tx, &a)
		}
		if err != nil {
			return err
		}
		return fn(ctx, tx, &a)
	}))
}

// waiting returns the waiting proposal about an account.
func (w *world) waiting(kind approval.Kind, id uuid.UUID) approval.Approval {
	w.Helper()
	list, err := w.ap.About(w.ctx, kind, id)
	w.must(err)
	require.Len(w, list, 1, "proposals about %s", id)
	return list[0]
}

func (w *world) nothingWaits(what string) {
	w.Helper()
	assert.Equal(w, 0, w.count("approval WHERE state = 'waiting'"), "%s: proposals wait", what)
}

func (w *world) rolesOf(id uuid.UUID) string {
	w.Helper()
	a, err := findAccount(w.ctx, w.db, id)
	w.must(err)
	return joinRoles(a.Roles)
}

// TestRolesTakeASecondPerson: which roles are given at once and which are proposed, depending on who gives them to
// whom.
func TestRolesTakeASecondPerson(t *testing.T) {
	const (
		user, policy, data  = policies.UserAdministrator, policies.PolicyAdministrator, policies.DataAdministrator
		template, auditor   = policies.TemplateAdministrator, policies.Auditor
		specialist          = policies.Specialist
		fresh, lately, long = "a new account", "an account made lately", "a colleague"
	)
	every := []policies.Role{specialist, user, policy, data, auditor}
	for _, tt := range []struct {
		giver   []policies.Role
		whose   string
		has     []policies.Role
		give    []policies.Role
		at, ask string // roles that the account has then, and those that are proposed
	}{
		{[]policies.Role{user}, fresh, nil, []policies.Role{specialist}, "specialist", ""},
		{[]policies.Role{user}, fresh, nil, []policies.Role{specialist, policy, auditor}, "specialist", "policy_administrator, auditor"},
		{[]policies.Role{user}, fresh, nil, []policies.Role{user}, "", "user_administrator"},
		{[]policies.Role{user}, fresh, nil, []policies.Role{template}, "", "template_administrator"},
		{[]policies.Role{user, template}, fresh, nil, []policies.Role{template}, "template_administrator", ""},
		{[]policies.Role{user}, lately, nil, []policies.Role{template}, "", "template_administrator"},
		{[]policies.Role{user}, long, nil, []policies.Role{template}, "template_administrator", ""},
		{[]policies.Role{user}, long, nil, []policies.Role{data}, "", "data_administrator"},
		{[]policies.Role{user}, long, []policies.Role{specialist, auditor}, []policies.Role{specialist}, "specialist", ""},
		{[]policies.Role{user}, long, []policies.Role{auditor}, []policies.Role{specialist, policy}, "specialist", "policy_administrator"},
		{every, fresh, nil, []policies.Role{specialist, template}, "specialist, template_administrator", ""},
		{every, fresh, nil, []policies.Role{specialist, auditor}, "specialist", "auditor"},
		{every, long, []policies.Role{auditor}, []policies.Role{auditor, user, data}, "user_administrator, data_administrator, auditor", ""},
		{every[:4], long, []policies.Role{auditor}, []policies.Role{auditor, user}, "auditor", "user_administrator"},
	} {
		t.Run(fmt.Sprint(tt.giver, tt.whose, tt.has, tt.give), func(t *testing.T) {
			each(t, func(w *world) {
				uta := w.guard("Uta Amt", tt.giver...)
				form := SpecialistForm{Name: "Neu", Email: "neu@firm.example", Roles: tt.give, Why: "new here"}
				var id uuid.UUID
				if tt.whose == long {
					id = w.specialist("Neu", tt.has...).ID
				} else {
					if tt.whose == lately {
						form.Roles = nil
					}
					a, err := w.AddSpecialist(w.ctx, uta, form)
					w.must(err)
					id = a.ID
				}
				if tt.whose != fresh {
					form.Roles, form.Version = tt.give, 1
					w.must(w.UpdateSpecialist(w.ctx, uta, id, form))
				}
				assert.Equal(t, tt.at, w.rolesOf(id), "has")
				if tt.ask == "" {
					w.nothingWaits("given at once")
					return
				}
				p := w.waiting(approval.Roles, id)
				var wanted RolesWanted
				w.must(p.Read(&wanted))
				assert.Equal(t, joinRoles(wanted.Roles), tt.ask)
				assert.Equal(t, uta.ID, p.ProposedBy, "proposed")
				assert.Equal(t, "new here", p.Why)
				assert.Equal(t, id, p.ConcernedID.UUID)
			})
		})
	}
}

// TestRolesApproved: approval adds the roles to those the account has by then. The proposer counts as the one who gave
// them.
func TestRolesApproved(t *testing.T) {
	each(t, func(w *world) {
		uta, ben := w.guard("Uta Amt", policies.UserAdministrator), w.guard("Ben Bach", policies.PolicyAdministrator)
		neu := w.specialist("Neu", policies.Auditor)
		w.must(w.UpdateSpecialist(w.ctx, uta, neu.ID, SpecialistForm{Name: "Neu", Roles: []policies.Role{policies.Auditor, policies.DataAdministrator}, Version: 1}))
		w.must(w.UpdateSpecialist(w.ctx, uta, neu.ID, SpecialistForm{Name: "Neu", Roles: []policies.Role{policies.Specialist}, Version: 1}))
		p := w.waiting(approval.Roles, neu.ID)
		_, err := w.ap.Approve(w.ctx, ben.Actor(), p.ID)
		w.must(err)
		assert.Equal(t, "specialist, data_administrator", w.rolesOf(neu.ID), "has")
		w.wantLogged(audit.AccountRolesChanged, 2)
		w.wait(time.Hour)
		// Uta gave Neu the role. So Neu may not approve Uta's next proposal, but may approve Ben's.
		other := w.specialist("Dritt")
		w.must(w.UpdateSpecialist(w.ctx, uta, other.ID, SpecialistForm{Name: "Dritt", Roles: []policies.Role{policies.Auditor}, Version: 1}))
		q := w.waiting(approval.Roles, other.ID)
		_, err = w.ap.Approve(w.ctx, audit.Actor{ID: neu.ID, Name: "Neu"}, q.ID)
		w.want("whom the proposer gave the role", err, approval.ErrNotYours)
	})
}

// TestRolesVoid: an approved proposal is checked again before it is carried out.
func TestRolesVoid(t *testing.T) {
	for name, change := range map[string]func(w *world, uta, ben Caller, neu Account){
		"the proposer was deactivated": func(w *world, uta, _ Caller, _ Account) {
			w.exec(`UPDATE account SET active = FALSE WHERE id = ?`, uta.ID)
		},
		"the proposer lost the role": func(w *world, uta, _ Caller, _ Account) {
			w.exec(`DELETE FROM account_role WHERE account_id = ?`, uta.ID)
		},
		"the account was deactivated": func(w *world, _, _ Caller, neu Account) {
			w.exec(`UPDATE account SET active = FALSE WHERE id = ?`, neu.ID)
		},
		"it has the role by now": func(w *world, _, _ Caller, neu Account) {
			w.exec(`INSERT INTO account_role (account_id, role) VALUES (?, 'auditor')`, neu.ID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				uta, ben := w.guard("Uta Amt", policies.UserAdministrator), w.guard("Ben Bach", policies.PolicyAdministrator)
				neu := w.specialist("Neu")
				w.must(w.UpdateSpecialist(w.ctx, uta, neu.ID, SpecialistForm{Name: "Neu", Roles: []policies.Role{policies.Auditor}, Version: 1}))
				p := w.waiting(approval.Roles, neu.ID)
				change(w, uta, ben, neu)
				before := w.rolesOf(neu.ID)
				_, err := w.ap.Approve(w.ctx, ben.Actor(), p.ID)
				w.want("approve", err, approval.ErrVoid)
				assert.Equal(t, before, w.rolesOf(neu.ID), "has, had")
				w.nothingWaits("void")
			})
		})
	}
}

// TestReactivationTakesASecondPerson: reactivating a holder of guarding roles needs approval, whoever proposes it.
// Deactivating takes effect at once and voids waiting proposals.
func TestReactivationTakesASecondPerson(t *testing.T) {
	each(t, func(w *world) {
		every := append([]policies.Role{policies.Specialist}, approval.Guarding...)
		uta, ben := w.guard("Uta Amt", every...), w.guard("Ben Bach", policies.UserAdministrator)
		gone, plain := w.specialist("Gerd", policies.Auditor), w.specialist("Paul", policies.Specialist)
		for _, a := range []Account{gone, plain} {
			w.must(w.Deactivate(w.ctx, uta, a.ID))
			w.must(w.Reactivate(w.ctx, uta, a.ID))
		}
		active := func(id uuid.UUID) bool { a, err := findAccount(w.ctx, w.db, id); w.must(err); return a.Active }
		assert.True(t, active(plain.ID), "plain %v", active(plain.ID))
		assert.False(t, active(gone.ID), "auditor %v", active(gone.ID))
		p := w.waiting(approval.Reactivation, gone.ID)
		_, err := w.ap.Approve(w.ctx, ben.Actor(), p.ID)
		require.NoError(t, err)
		require.True(t, active(gone.ID), "active %v", active(gone.ID))
		w.wantLogged(audit.AccountReactivated, 2)

		neu := w.specialist("Neu")
		w.must(w.UpdateSpecialist(w.ctx, ben, neu.ID, SpecialistForm{Name: "Neu", Roles: []policies.Role{policies.Auditor}, Version: 1}))
		w.must(w.Deactivate(w.ctx, ben, neu.ID))
		w.nothingWaits("deactivated")
	})
}

// TestNobodyLeftByDeactivating: if somebody deactivates the only second person, or takes their role, their proposals
// still do not take effect without an approval.
func TestNobodyLeftByDeactivating(t *testing.T) {
	each(t, func(w *world) {
		uta, ben := w.guard("Uta Amt", policies.UserAdministrator, policies.PolicyAdministrator), w.guard("Ben Bach", policies.DataAdministrator)
		w.must(w.Deactivate(w.ctx, uta, ben.ID))
		a, err := w.AddSpecialist(w.ctx, uta, SpecialistForm{Name: "Neu", Email: "neu@firm.example", Roles: []policies.Role{policies.Auditor}})
		w.must(err)
		assert.Nil(t, w.waiting(approval.Roles, a.ID).PassesAt, "takes effect by itself at")
		cleo := w.guard("Cleo", policies.DataAdministrator)
		w.must(w.UpdateSpecialist(w.ctx, uta, cleo.ID, SpecialistForm{Name: "Cleo", Version: 1}))
		w.exec(`DELETE FROM guard_event WHERE account_id = ?`, ben.ID)
		w.must(w.UpdateSpecialist(w.ctx, uta, a.ID, SpecialistForm{Name: "Neu", Roles: []policies.Role{policies.Auditor}, Version: 1}))
		assert.Nil(t, w.waiting(approval.Roles, a.ID).PassesAt, "takes effect by itself at, though Cleo was deprived of her role")
	})
}

// TestAfterTheWait: if only one person can decide, a proposed role is given after one day.
func TestAfterTheWait(t *testing.T) {
	each(t, func(w *world) {
		_, _, err := w.CreateFirst(w.ctx, "uta@firm.example", "Uta Amt", good)
		w.must(err)
		first, _, err := w.ByEmail(w.ctx, w.db, "uta@firm.example")
		w.must(err)
		uta, err := w.CallerOf(w.ctx, w.db, first.ID)
		w.must(err)
		a, err := w.AddSpecialist(w.ctx, uta, SpecialistForm{Name: "Neu", Email: "neu@firm.example", Roles: policies.FirmRoles})
		w.must(err)
		w.wantMails("role_granted uta@firm.example", "approval_asked uta@firm.example", "approval_asked neu@firm.example", "set_password neu@firm.example")
		got := w.rolesOf(a.ID)
		assert.Equal(t, "specialist, template_administrator", got, "has %q at once", got)
		w.wait(24*time.Hour - time.Second)
		w.must(w.ap.Tick(w.ctx))
		got = w.rolesOf(a.ID)
		assert.Equal(t, "specialist, template_administrator", got, "has %q a second before", got)
		w.wait(time.Second)
		w.must(w.ap.Tick(w.ctx))
		assert.Equal(t, joinRoles(policies.FirmRoles), w.rolesOf(a.ID), "has")
		w.nothingWaits("after the wait")
	})
}

func TestMailbox(t *testing.T) {
	same := [][]string{
		{"Anna@Firm.example", " anna@firm.example", "anna+kunde@firm.example", "ANNA+a+b@FIRM.EXAMPLE", "anna@firm.example."},
		{"anna.berg@gmail.com", "annaberg@gmail.com", "a.n.n.a.berg+x@googlemail.com", "AnnaBerg@GMail.com"},
		{"anna.berg@firm.example", "anna.berg+1@firm.example"},
		{"annaberg@firm.example"},
		{"+anna@firm.example"},
		{"anna"}, {""},
	}
	seen := map[string]string{}
	for _, group := range same {
		want := Mailbox(group[0])
		for _, email := range group {
			assert.Equal(t, want, Mailbox(email), "%q %q", email, group[0])
		}
		other, ok := seen[want]
		assert.False(t, ok, "%q and %q are the same mailbox %q", group[0], other, want)
		seen[want] = group[0]
	}
}

func TestSpecialistAt(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg") // anna.berg@firm.example
		w.endUser("Eva Ende")
		w.exec(`UPDATE account SET username = 'a.berg@gmail.com', username_folded = 'a.berg@gmail.com', active = FALSE WHERE id = ?`, anna.ID)
		for email, want := range map[string]bool{
			"anna.berg@firm.example": true, "Anna.Berg+kunde@firm.example": true, "aberg+1@googlemail.com": true,
			"annaberg@firm.example": false, "anna.berg@other.firm.example": false, "anna.berg@example": false,
			"eva.ende@customer.example": false, "%@firm.example": false, "": false,
		} {
			a, ok, err := w.SpecialistAt(w.ctx, w.db, email)
			if assert.NoError(t, err, "%q", email) {
				assert.Equal(t, want, ok, "%q", email)
				assert.False(t, ok && a.ID != anna.ID, "%q", email)
			}
		}
	})
}

// TestFormerAddress: an address that a specialist user has given up still counts as theirs. An end user's former
// address is not stored.
func TestFormerAddress(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		eva, _, _ := w.endUser("Eva Ende")
		for _, a := range []Account{anna, eva} {
			w.must(w.AskEmail(w.ctx, caller(a), "new."+a.Email, good))
			_, token := w.send()
			w.must(w.ConfirmEmail(w.ctx, token, office))
		}
		for email, want := range map[string]bool{
			"anna.berg+x@firm.example": true, "new.anna.berg@firm.example": true, eva.Email: false, "new." + eva.Email: false,
		} {
			a, ok, err := w.SpecialistAt(w.ctx, w.db, email)
			if assert.NoError(t, err, email) {
				assert.Equal(t, want, ok, email)
				assert.False(t, ok && a.ID != anna.ID, "%s", email)
			}
		}
		assert.Equal(t, 1, w.count("former_address"), "former addresses are kept")
	})
}

// TestAddressed: the callback runs in the same tx for every account that gets an address or becomes a specialist
// user's.
func TestAddressed(t *testing.T) {
	each(t, func(w *world) {
		var told []string
		w.OnAddressed(func(_ context.Context, _ bun.IDB, c Caller, a Account) error {
			told = append(told, fmt.Sprint(c.Name, " ", a.Email, " ", a.Specialist))
			return nil
		})
		_, err := w.AddSpecialist(w.ctx, w.admin(), SpecialistForm{Name: "Neu", Email: "neu@firm.example"})
		w.must(err)
		eva, _, _ := w.endUser("Eva Ende")
		w.must(w.AskEmail(w.ctx, caller(eva), "eva@new.example", good))
		_, token := w.send()
		assert.Len(t, told, 1)
		w.must(w.ConfirmEmail(w.ctx, token, office))
		want := []string{"Adele Admin neu@firm.example true", "Eva Ende eva@new.example false"}
		assert.Equal(t, want, told, "told")
	})
}
