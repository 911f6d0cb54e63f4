package account

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kontor/app/courier"
	"kontor/app/secret"
	"kontor/policies"
	"kontor/policies/policytest"
)

// letters turns the name of a test case into one word.
func letters(name string) string { return strings.NewReplacer(",", "", " ", "").Replace(name) }

// TestEachGuardOfALink: a link to an account is bound to several facts. If one of them changes, the link is refused.
// The link's row itself stays valid.
func TestEachGuardOfALink(t *testing.T) {
	each(t, func(w *world) {
		for name, c := range map[string]struct {
			purpose secret.Purpose
			change  string
			want    error
		}{
			"reset, nothing":             {secret.ResetPassword, `name = name`, nil},
			"reset, another address":     {secret.ResetPassword, `email = 'b@firm.example'`, secret.ErrUnknownLink},
			"reset, deactivated":         {secret.ResetPassword, `active = FALSE`, secret.ErrUnknownLink},
			"confirm, nothing":           {secret.ConfirmEmail, `name = name`, nil},
			"confirm, another asked for": {secret.ConfirmEmail, `pending_email = 'b@firm.example'`, secret.ErrUnknownLink},
			"confirm, none asked for":    {secret.ConfirmEmail, `pending_email = ''`, secret.ErrUnknownLink},
			"confirm, deactivated":       {secret.ConfirmEmail, `active = FALSE`, secret.ErrUnknownLink},
		} {
			anna := w.specialist("Anna " + letters(name))
			if c.purpose == secret.ConfirmEmail {
				w.must(w.AskEmail(w.ctx, caller(anna), "next."+anna.Email, good))
			} else {
				w.must(w.ForgotPassword(w.ctx, anna.Email, office))
			}
			_, token := w.send()
			w.exec(`UPDATE account SET `+c.change+` WHERE id = ?`, anna.ID)
			if c.purpose == secret.ConfirmEmail {
				w.want(name, w.ConfirmEmail(w.ctx, token, office), c.want)
			} else {
				_, err := w.PasswordLink(w.ctx, token)
				w.want(name+", looking", err, c.want)
				_, err = w.SetPassword(w.ctx, token, better, better, office)
				w.want(name+", setting", err, c.want)
			}
			if _, err := secret.Find(w.ctx, w.db, c.purpose, token, w.now()); c.want != nil && err != nil {
				w.Errorf("%s: the link was used up: %v", name, err)
			}
		}
	})
}

// TestEachGuardOfAMail: a queued mail becomes void when its account is deactivated or gets another address.
func TestEachGuardOfAMail(t *testing.T) {
	each(t, func(w *world) {
		for name, c := range map[string]struct {
			kind   courier.Kind
			change string
			void   bool
		}{
			"set, nothing":               {courier.SetPassword, `name = name`, false},
			"set, has a password by now": {courier.SetPassword, `password_hash = 'x'`, true},
			"set, another address":       {courier.SetPassword, `email = 'b@firm.example'`, true},
			"set, deactivated":           {courier.SetPassword, `active = FALSE`, true},
			"reset, nothing":             {courier.ResetPassword, `name = name`, false},
			"reset, another address":     {courier.ResetPassword, `email = 'b@firm.example'`, true},
			"reset, deactivated":         {courier.ResetPassword, `active = FALSE`, true},
			"confirm, nothing":           {courier.ConfirmEmail, `name = name`, false},
			"confirm, another asked for": {courier.ConfirmEmail, `pending_email = 'b@firm.example'`, true},
			"confirm, deactivated":       {courier.ConfirmEmail, `active = FALSE`, true},
		} {
			anna := w.specialist("Anna " + letters(name))
			switch c.kind {
			case courier.SetPassword:
				var err error
				anna, err = w.AddSpecialist(w.ctx, w.admin(), SpecialistForm{Name: "Neu Ling", Email: letters(name) + "@firm.example"})
				w.must(err)
			case courier.ResetPassword:
				w.must(w.ForgotPassword(w.ctx, anna.Email, office))
			default:
				w.must(w.AskEmail(w.ctx, caller(anna), "next."+anna.Email, good))
			}
			w.exec(`UPDATE account SET `+c.change+` WHERE id = ?`, anna.ID)
			content, token := w.send()
			assert.Equal(w, c.void, content.Void, "%s: void, a link %v", name, token != "")
			assert.Equal(w, c.void, token == "", "%s: a link %v", name, token != "")
		}
	})
}

// TestLastKeeper: the policy decides who manages policies. The last of them who can sign in cannot be deactivated or
// lose the role, although others hold every guarded role.
func TestLastKeeper(t *testing.T) {
	each(t, func(w *world) {
		w.must(policytest.Publish(w.decider, 1, policies.Default+`
p, policy_administrator, *, policy, *, manage, deny
p, template_administrator, *, policy, *, read, allow
p, template_administrator, *, policy, *, manage, allow
`))
		admin := w.admin()
		w.specialist("Petra Richter", guarded...)
		w.specialist("Paul Richter", guarded...)
		keeper := w.specialist("Toni Technik", policies.TemplateAdministrator)
		_, err := w.AddSpecialist(w.ctx, admin, SpecialistForm{Name: "Neu", Email: "neu@firm.example", Roles: []policies.Role{policies.TemplateAdministrator}})
		w.must(err) // can't sign in yet
		w.want("deactivating the last", w.Deactivate(w.ctx, admin, keeper.ID), ErrLastHolder)
		w.want("the last one's role", w.UpdateSpecialist(w.ctx, admin, keeper.ID, SpecialistForm{Name: "Toni", Version: 1}), ErrLastHolder)
		w.specialist("Tina Technik", policies.TemplateAdministrator)
		w.must(w.UpdateSpecialist(w.ctx, admin, keeper.ID, SpecialistForm{Name: "Toni", Version: 1}))
		w.must(w.Deactivate(w.ctx, admin, keeper.ID)) // has no effect any more
	})
}
