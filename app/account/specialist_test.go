package account

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

// TestSpecialistRights: every method with every role.
func TestSpecialistRights(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		methods := map[string]func(c Caller) error{
			"list":       func(c Caller) error { _, err := w.Specialists(w.ctx, c, SpecialistFilter{}); return err },
			"read":       func(c Caller) error { _, err := w.Specialist(w.ctx, c, anna.ID); return err },
			"add":        func(c Caller) error { _, err := w.AddSpecialist(w.ctx, c, SpecialistForm{}); return err },
			"update":     func(c Caller) error { return w.UpdateSpecialist(w.ctx, c, anna.ID, SpecialistForm{}) },
			"deactivate": func(c Caller) error { return w.Deactivate(w.ctx, c, uuid.Nil) },
			"reactivate": func(c Caller) error { return w.Reactivate(w.ctx, c, uuid.Nil) },
			"try":        func(c Caller) error { return w.TryAddress(w.ctx, c, uuid.Nil) },
			"resend":     func(c Caller) error { return w.ResendSetPassword(w.ctx, c, uuid.Nil) },
		}
		for _, role := range append([]policies.Role{""}, policies.Roles...) {
			c := Caller{ID: uuid.Must(uuid.NewV7()), Roles: []policies.Role{role}}
			if role == "" {
				c = Caller{}
			}
			for name, method := range methods {
				reads := name == "list" || name == "read"
				may := role == policies.UserAdministrator || role == policies.Auditor && reads
				got := !errors.Is(method(c), policies.ErrForbidden)
				assert.Equal(w, may, got, "%q %s", role, name)
			}
		}
	})
}

func TestAddSpecialist(t *testing.T) {
	each(t, func(w *world) {
		eva, _, _ := w.endUser("Eva Ende")
		admin := w.admin()
		add := func(f SpecialistForm) error { _, err := w.AddSpecialist(w.ctx, admin, f); return err }
		for _, c := range []struct {
			form SpecialistForm
			want string
		}{
			{SpecialistForm{}, "name required, email required"},
			{SpecialistForm{Name: "A\x07B", Email: "x", Locale: "xx", Roles: []policies.Role{policies.EndUser}},
				"name control_characters, email email.malformed, roles role.unknown, locale locale.unknown"},
			{SpecialistForm{Name: strings.Repeat("x", 201), Email: strings.Repeat("x", 300) + "@x.de"}, "name too_long, email too_long"},
			{SpecialistForm{Name: "A", Email: "a@firm.example", Roles: []policies.Role{policies.EndUser}}, "roles role.unknown"},
			{SpecialistForm{Name: "A", Email: "a@firm.example", Roles: []policies.Role{"boss"}}, "roles role.unknown"},
			{SpecialistForm{Name: "A", Email: strings.ToUpper(eva.Email)}, "email email.taken"},
		} {
			w.wantForm(fmt.Sprint(c.form), add(c.form), c.want)
		}
		w.wantMails()
		assert.Equal(w, 1, w.count("account"), "accounts after refusals")
		a, err := w.AddSpecialist(w.ctx, admin, SpecialistForm{
			Name: " Änne Groß ", Email: " Anne@Firm.Example", Locale: "de",
			Roles: []policies.Role{policies.Specialist, policies.Specialist},
		})
		w.must(err)
		w.wantMails("set_password Anne@firm.example")
		got, err := w.Specialist(w.ctx, admin, a.ID)
		w.must(err)
		assert.Equal(w, "Änne Groß", got.Name, "made")
		assert.Equal(w, "Anne@firm.example", got.Username)
		assert.True(w, got.Active)
		assert.True(w, got.Specialist)
		assert.Empty(w, got.PasswordHash)
		assert.Equal(w, "specialist", joinRoles(got.Roles))
		assert.WithinDuration(w, w.now(), got.CreatedAt, 0)
		w.wantForm("twice", add(SpecialistForm{Name: "A", Email: "anne@firm.example"}), "email email.taken")
		mail, token := w.send()
		assert.Equal(w, "de", mail.Locale, "mail")
		assert.Equal(w, "Änne Groß", mail.ToName)
		assert.WithinDuration(w, w.now().Add(setPasswordLife), mail.Data.(courier.AccountData).Expires, 0)

		w.must(w.ResendSetPassword(w.ctx, admin, a.ID))
		assert.Equal(w, []string{a.Email}, w.box.freed, "freed")
		w.wantMails("set_password Anne@firm.example")
		_, err = w.SetPassword(w.ctx, token, good, good, office)
		w.want("the link before", err, secret.ErrUnknownLink)
		_, token = w.send()
		_, err = w.SetPassword(w.ctx, token, good, good, office)
		w.must(err)
		w.signIn("anne@firm.example", good)
		w.want("resend", w.ResendSetPassword(w.ctx, admin, a.ID), fault.New(fault.Conflict, "account.has_password"))
		w.want("resend to an end user", w.ResendSetPassword(w.ctx, admin, eva.ID), ErrUnknown)
		want := []audit.Action{audit.AccountCreated, audit.AccountLinkSent, audit.AccountPasswordSet, audit.AccountSignedIn}
		assert.Equal(w, want, w.logged(), "log")
	})
}

func TestUpdateSpecialist(t *testing.T) {
	each(t, func(w *world) {
		eva, _, _ := w.endUser("Eva Ende")
		anna := w.specialist("Anna Berg", policies.Auditor)
		admin := w.admin()
		form := SpecialistForm{Name: "Anna Tal", Locale: "de", Roles: []policies.Role{policies.TemplateAdministrator}, Version: anna.Version}
		w.must(w.UpdateSpecialist(w.ctx, admin, anna.ID, form))
		got, err := w.Specialist(w.ctx, admin, anna.ID)
		w.must(err)
		assert.Equal(w, "Anna Tal", got.Name, "saved")
		assert.Equal(w, anna.Email, got.Email)
		assert.Equal(w, "de", got.Locale)
		assert.Equal(w, "template_administrator", joinRoles(got.Roles))
		assert.Equal(w, 2, got.Version)
		w.want("an old version", w.UpdateSpecialist(w.ctx, admin, anna.ID, form), ErrVersion)
		form.Version = 2
		w.must(w.UpdateSpecialist(w.ctx, admin, anna.ID, form)) // nothing new
		w.wantLogged(audit.AccountUpdated, 1)
		w.wantLogged(audit.AccountRolesChanged, 1)
		w.wantForm("bad form", w.UpdateSpecialist(w.ctx, admin, anna.ID, SpecialistForm{Roles: []policies.Role{"x"}, Version: 2}), "name required, roles role.unknown")
		w.want("an end user", w.UpdateSpecialist(w.ctx, admin, eva.ID, form), ErrUnknown)
		w.want("nobody", w.UpdateSpecialist(w.ctx, admin, uuid.Must(uuid.NewV7()), form), ErrUnknown)
		_, err = w.Specialist(w.ctx, admin, eva.ID)
		w.want("reading an end user", err, ErrUnknown)

		// Nobody gives themselves another role (S31).
		w.specialist("Uta Amt", policies.UserAdministrator)
		uta := w.specialist("Ulf Amt", policies.UserAdministrator, policies.Auditor)
		self := SpecialistForm{Name: "Ulf Amt", Roles: append(uta.Roles, policies.PolicyAdministrator), Version: 1}
		w.wantForm("raising oneself", w.UpdateSpecialist(w.ctx, caller(uta), uta.ID, self), "roles role.self")
		self.Roles = nil
		w.must(w.UpdateSpecialist(w.ctx, caller(uta), uta.ID, self))
	})
}

func TestDeactivate(t *testing.T) {
	each(t, func(w *world) {
		eva, _, _ := w.endUser("Eva Ende")
		anna := w.specialist("Anna Berg", policies.TemplateAdministrator)
		admin := w.admin()
		token := w.signIn(anna.Email, good)
		w.want("an end user", w.Deactivate(w.ctx, admin, eva.ID), ErrUnknown)
		w.want("oneself", w.Deactivate(w.ctx, Caller{ID: anna.ID, Roles: admin.Roles}, anna.ID), ErrSelf)
		assert.True(w, w.alive(token), "a refusal ended a session")
		w.must(w.Deactivate(w.ctx, admin, anna.ID))
		w.must(w.Deactivate(w.ctx, admin, anna.ID))
		assert.False(w, w.alive(token), "still signed in")
		w.want("resend", w.ResendSetPassword(w.ctx, admin, anna.ID), fault.New(fault.Conflict, "account.inactive"))
		w.want("try", w.TryAddress(w.ctx, admin, anna.ID), fault.New(fault.Conflict, "account.inactive"))
		w.must(w.Reactivate(w.ctx, admin, anna.ID))
		w.must(w.Reactivate(w.ctx, admin, anna.ID))
		assert.False(w, w.alive(token), "an old session came back to life")
		got, _ := w.Specialist(w.ctx, admin, anna.ID)
		assert.Equal(w, "template_administrator", joinRoles(got.Roles), "roles after all")
		w.signIn(anna.Email, good)
		w.wantLogged(audit.AccountDeactivated, 1)
		w.wantLogged(audit.AccountReactivated, 1)
	})
}

// TestLastHolder (S30): the last holder cannot be deactivated or lose the role, and a person who cannot sign in does
// not count as another holder.
func TestLastHolder(t *testing.T) {
	for _, role := range guarded {
		t.Run(string(role), func(t *testing.T) {
			each(t, func(w *world) {
				admin := w.admin()
				one, two := w.specialist("Eins", role), w.specialist("Zwei", role)
				_, err := w.AddSpecialist(w.ctx, admin, SpecialistForm{Name: "Neu", Email: "neu@firm.example", Roles: []policies.Role{role}})
				w.must(err)
				w.must(w.Deactivate(w.ctx, admin, one.ID))
				w.want("deactivating the last", w.Deactivate(w.ctx, admin, two.ID), ErrLastHolder)
				none := SpecialistForm{Name: "Zwei", Version: 1}
				w.want("the last one's role", w.UpdateSpecialist(w.ctx, admin, two.ID, none), ErrLastHolder)
				w.exec(`UPDATE account SET active = TRUE WHERE id = ?`, one.ID)
				w.must(w.UpdateSpecialist(w.ctx, admin, two.ID, none))
				w.want("deactivating the other", w.Deactivate(w.ctx, admin, one.ID), ErrLastHolder)
			})
		})
	}
}

// TestLastHolderRace (S30): the same with many concurrent changes.
func TestLastHolderRace(t *testing.T) {
	each(t, func(w *world) {
		const people, rounds = 6, 5
		for round := range rounds {
			w.exec("UPDATE account SET active = FALSE")
			var list []Account
			for i := range people {
				list = append(list, w.specialist(fmt.Sprintf("P%d R%d", i, round), policies.UserAdministrator))
			}
			var refused atomic.Int32
			var wg sync.WaitGroup
			for i, a := range list {
				wg.Go(func() {
					var err error
					if c := caller(list[(i+1)%people]); i%2 == 0 {
						err = w.Deactivate(w.ctx, c, a.ID)
					} else {
						err = w.UpdateSpecialist(w.ctx, c, a.ID, SpecialistForm{Name: a.Name, Version: 1})
					}
					if errors.Is(err, ErrLastHolder) {
						refused.Add(1)
					} else if err != nil {
						w.Error(err)
					}
				})
			}
			wg.Wait()
			left := w.count("account_role AS r JOIN account AS a ON a.id = r.account_id WHERE a.active AND r.role = 'user_administrator'")
			require.Equal(w, 1, left, "round %d: holders left", round)
			require.EqualValues(w, 1, refused.Load(), "round %d: refused", round)
		}
	})
}

// TestEditRace (S55): of many concurrent edits of one version one is saved, and all others get an error.
func TestEditRace(t *testing.T) {
	each(t, func(w *world) {
		anna := w.specialist("Anna Berg")
		var saved atomic.Int32
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				err := w.UpdateSpecialist(w.ctx, w.admin(), anna.ID, SpecialistForm{Name: fmt.Sprintf("Anna %d", i), Version: 1})
				if err == nil {
					saved.Add(1)
				} else if !errors.Is(err, ErrVersion) {
					w.Error(err)
				}
			})
		}
		wg.Wait()
		assert.EqualValues(w, 1, saved.Load(), "saved")
	})
}

func TestSpecialists(t *testing.T) {
	each(t, func(w *world) {
		admin := w.admin()
		w.endUser("Eva Ende")
		for _, name := range []string{"Zoe Zander", "anton alt", "Änne Amsel", "Bernd Müller", "Łukasz Groß"} {
			email := strings.ToLower(strings.Split(store.SortKey(name), " ")[0]) + "@firm.example"
			_, err := w.AddSpecialist(w.ctx, admin, SpecialistForm{Name: name, Email: email, Roles: []policies.Role{policies.Specialist}})
			w.must(err)
		}
		off := w.specialist("Carl Gone")
		w.must(w.Deactivate(w.ctx, admin, off.ID))
		for _, c := range []struct {
			filter SpecialistFilter
			want   string
		}{
			{SpecialistFilter{}, "Änne Amsel, anton alt, Bernd Müller, Łukasz Groß, Zoe Zander"},
			{SpecialistFilter{Inactive: true}, "Änne Amsel, anton alt, Bernd Müller, Carl Gone, Łukasz Groß, Zoe Zander"},
			{SpecialistFilter{Query: "MUELLER"}, "Bernd Müller"},
			{SpecialistFilter{Query: "muller bernd"}, "Bernd Müller"},
			{SpecialistFilter{Query: "gross"}, "Łukasz Groß"},
			{SpecialistFilter{Query: "zoe@firm"}, "Zoe Zander"},
			{SpecialistFilter{Query: "ende"}, ""},
			{SpecialistFilter{Query: "%"}, "Änne Amsel, anton alt, Bernd Müller, Łukasz Groß, Zoe Zander"},
			{SpecialistFilter{Query: "a_t\x00"}, "anton alt"},
			{SpecialistFilter{After: "nonsense"}, "Änne Amsel, anton alt, Bernd Müller, Łukasz Groß, Zoe Zander"},
			{SpecialistFilter{After: cursor{name: "bernd\x00", id: off.ID}.String()}, "Änne Amsel, anton alt, Bernd Müller, Łukasz Groß, Zoe Zander"},
			{SpecialistFilter{After: cursor{name: "bernd muller", id: off.ID}.String()}, "Łukasz Groß, Zoe Zander"},
		} {
			page, err := w.Specialists(w.ctx, admin, c.filter)
			w.must(err)
			var names []string
			for _, a := range page.Items {
				names = append(names, a.Name)
			}
			got := strings.Join(names, ", ")
			assert.Equal(w, c.want, got, "%+v", c.filter)
			assert.Empty(w, page.Next, "%+v", c.filter)
			if len(page.Items) > 0 && page.Items[0].Name == "Änne Amsel" && joinRoles(page.Items[0].Roles) != "specialist" {
				w.Errorf("roles %v", page.Items[0].Roles)
			}
		}
	})
}

// TestSpecialistPages: every specialist user is on exactly one page, including those with the same name.
func TestSpecialistPages(t *testing.T) {
	each(t, func(w *world) {
		admin := w.admin()
		for i := range 2*SpecialistPageSize + 3 {
			_, err := w.AddSpecialist(w.ctx, admin, SpecialistForm{Name: fmt.Sprintf("Name %d", i%7), Email: fmt.Sprintf("n%d@firm.example", i)})
			w.must(err)
		}
		seen := map[uuid.UUID]bool{}
		var sizes []int
		for after := ""; ; {
			page, err := w.Specialists(w.ctx, admin, SpecialistFilter{After: after})
			w.must(err)
			for _, a := range page.Items {
				assert.False(w, seen[a.ID], "%s twice", a.Email)
				seen[a.ID] = true
			}
			sizes = append(sizes, len(page.Items))
			if after = page.Next; after == "" {
				break
			}
		}
		assert.Equal(w, []int{SpecialistPageSize, SpecialistPageSize, 3}, sizes, "pages")
		assert.Len(w, seen, 2*SpecialistPageSize+3, "people")
	})
}

func TestCreateFirst(t *testing.T) {
	each(t, func(w *world) {
		_, _, err := w.CreateFirst(w.ctx, "admin@kontor.local", "Administrator", "kurz")
		w.wantForm("a short password", err, "password password.short")
		_, _, err = w.CreateFirst(w.ctx, "admin@localhost", "", good)
		w.wantForm("bad settings", err, "name required, email email.malformed")
		w.endUser("Eva Ende") // end users don't count
		var made atomic.Int32
		var shown atomic.Value
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				password, created, err := w.CreateFirst(w.ctx, "admin@kontor.local", "Administrator", "")
				assert.NoError(w, err)
				if created {
					made.Add(1)
					shown.Store(password)
				} else if password != "" {
					w.Errorf("a password nobody has: %q", password)
				}
			})
		}
		wg.Wait()
		require.EqualValues(w, 1, made.Load(), "made, %d there", w.count("account WHERE specialist"))
		require.Equal(w, 1, w.count("account WHERE specialist"), "%d there", w.count("account WHERE specialist"))
		signed, err := w.Authenticate(w.ctx, w.signIn("admin@kontor.local", shown.Load().(string)))
		w.must(err)
		assert.Equal(w, policies.FirmRoles, signed.Roles, "roles")
		w.must(w.CheckPassword(shown.Load().(string), shown.Load().(string)))
		w.wantLogged(audit.AccountCreated, 1)
		w.wantMails()
	})
}

func TestCreateFirstWithPassword(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	shown, created, err := w.CreateFirst(w.ctx, "admin@firm.example", "Administrator", "administrator")
	assert.NoError(t, err, "the operator's own choice stands")
	assert.Equal(t, "administrator", shown, "the operator's own choice stands")
	assert.True(t, created, "%v, the operator's own choice stands", created)
}

func TestAddByCommand(t *testing.T) {
	each(t, func(w *world) {
		token, err := w.AddByCommand(w.ctx, SpecialistForm{Name: "Anna Berg", Email: "anna@firm.example", Roles: []policies.Role{policies.Auditor}})
		w.must(err)
		w.wantMails()
		_, err = w.AddByCommand(w.ctx, SpecialistForm{Name: "Anna Berg", Email: "Anna@firm.example"})
		w.wantForm("twice", err, "email email.taken")
		_, err = w.AddByCommand(w.ctx, SpecialistForm{Name: "Anna Berg", Email: "anna", Roles: []policies.Role{"boss"}})
		w.wantForm("bad", err, "email email.malformed, roles role.unknown")
		a, err := w.SetPassword(w.ctx, token, good, good, office)
		w.must(err)
		w.signIn(a.Username, good)
		w.wantLogged(audit.AccountCreated, 1)
	})
}

// TestRolesByCommand: an account has the given roles, and specialist if none was given.
func TestRolesByCommand(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for _, c := range []struct{ email, given, want string }{
		{"anna@firm.example", "auditor", "auditor"},
		{"ben@firm.example", "", "specialist"},
		{"cem@firm.example", "template_administrator specialist", "specialist, template_administrator"},
	} {
		f := SpecialistForm{Name: c.email, Email: c.email}
		for _, r := range strings.Fields(c.given) {
			f.Roles = append(f.Roles, policies.Role(r))
		}
		_, err := w.AddByCommand(w.ctx, f)
		w.must(err)
		a, _, err := w.ByEmail(w.ctx, w.db, c.email)
		require.NoError(t, err)
		assert.Equal(t, c.want, joinRoles(a.Roles), "%q becomes", c.given)
	}
}

func TestEndUserAccounts(t *testing.T) {
	each(t, func(w *world) {
		eva, _, _ := w.endUser("Eva Ende")
		assert.Equal(w, eva.Email, eva.Username)
		assert.False(w, eva.Specialist)
		assert.Equal(w, "de", eva.Locale)
		got, ok, err := w.ByEmail(w.ctx, w.db, " EVA.ende@customer.example")
		require.NoError(w, err, "by e-mail")
		require.True(w, ok, "by e-mail: %v", ok)
		assert.Equal(w, eva.ID, got.ID, "by e-mail")
		_, ok, err = w.ByEmail(w.ctx, w.db, "eva")
		assert.NoError(w, err, "nobody")
		assert.False(w, ok, "nobody: %v", ok)
		_, err = w.CreateEndUser(w.ctx, w.db, EndUser{"Eva", "Eva.Ende@customer.example", "de", "x"})
		w.wantForm("twice", err, "email email.taken")
		hash, err := w.Hash(w.ctx, good)
		w.must(err)
		ok, _, _ = w.hasher.verify(w.ctx, good, hash)
		assert.True(w, ok, "Hash does not fit")
	})
}
