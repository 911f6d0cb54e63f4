package account

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/preference"
	"kontor/policies"
)

// TestChoosers: specialist users who can sign in are found by what they have chosen, page by page or by their ids.
func TestChoosers(t *testing.T) {
	each(t, func(w *world) {
		people := map[string]Account{}
		for _, name := range []string{"Anna", "Ben", "Cleo", "Dora", "Emil", "Fritz"} {
			people[name] = w.specialist(name, policies.Specialist)
		}
		end, _, _ := w.endUser("Gerd")
		choose := func(a Account, name preference.Name, value string) {
			w.must(w.Choose(w.ctx, caller(a), Choice{name, []string{value}}))
		}
		for name, value := range map[string]string{
			"Anna": preference.Daily, "Ben": preference.Off, "Cleo": preference.Workdays, "Dora": preference.Daily, "Emil": preference.Daily,
		} {
			choose(people[name], preference.DailySummary, value)
		}
		choose(people["Fritz"], preference.Theme, preference.Dark)
		choose(end, preference.DailySummary, preference.Daily)
		w.exec(`UPDATE account SET active = FALSE WHERE id = ?`, people["Dora"].ID)
		w.exec(`UPDATE account SET password_hash = '' WHERE id = ?`, people["Emil"].ID)
		w.exec(`UPDATE account SET locale = 'de' WHERE id = ?`, people["Cleo"].ID)
		w.exec(`UPDATE preference SET value = 'of_yesterday' WHERE account_id = ?`, people["Ben"].ID)

		of := func(name, locale, value string) Chooser {
			a := people[name]
			return Chooser{ID: a.ID, Name: a.Name, Email: a.Email, Locale: locale, Value: value}
		}
		anna, ben, cleo := of("Anna", people["Anna"].Locale, preference.Daily), of("Ben", people["Ben"].Locale, preference.Off), of("Cleo", "de", preference.Workdays)
		for _, c := range []struct {
			after uuid.UUID
			limit int
			want  []Chooser
		}{{uuid.Nil, 2, []Chooser{anna, ben}}, {ben.ID, 2, []Chooser{cleo}}, {cleo.ID, 2, nil}} {
			got, err := w.ChoosersAfter(w.ctx, preference.DailySummary, c.after, c.limit)
			w.must(err)
			assert.Equal(w, c.want, got)
		}
		ids := []uuid.UUID{people["Cleo"].ID, people["Dora"].ID, people["Fritz"].ID, end.ID, uuid.Must(uuid.NewV7())}
		got, err := w.ChoosersAmong(w.ctx, w.db, preference.DailySummary, ids)
		w.must(err)
		assert.Equal(w, map[uuid.UUID]Chooser{cleo.ID: cleo}, got)
		got, err = w.ChoosersAmong(w.ctx, w.db, preference.DailySummary, nil)
		w.must(err)
		assert.Empty(w, got)
	})
}

// chooses is a firm that has chosen a daily summary for auditors, and one on workdays for data administrators.
type chooses struct{ unset }

func (chooses) Preferences(roles []policies.Role) preference.Chosen {
	switch {
	case slices.Contains(roles, policies.Auditor):
		return preference.Chosen{preference.DailySummary: preference.Daily}
	case slices.Contains(roles, policies.DataAdministrator):
		return preference.Chosen{preference.DailySummary: preference.Workdays}
	}
	return nil
}

// TestUnchosen: where the firm has chosen something for a role, people with the role are found who have chosen nothing; a
// choice of their own counts more. Nobody else is found.
func TestUnchosen(t *testing.T) {
	each(t, func(w *world) {
		w.firm = chooses{}
		of := map[string]Account{}
		for name, roles := range map[string][]policies.Role{
			"Rita": {policies.Auditor}, "Dora": {policies.Specialist, policies.DataAdministrator}, "Anna": {policies.Specialist},
			"Off": {policies.Auditor}, "Own": {policies.Specialist}, "Gone": {policies.Auditor}, "Old": {policies.Auditor},
		} {
			of[name] = w.specialist(name, roles...)
		}
		w.must(w.Choose(w.ctx, caller(of["Off"]), Choice{preference.DailySummary, []string{preference.Off}}))
		w.must(w.Choose(w.ctx, caller(of["Own"]), Choice{preference.DailySummary, []string{preference.Daily}}))
		w.must(w.Choose(w.ctx, caller(of["Old"]), Choice{preference.DailySummary, []string{preference.Off}}))
		w.exec(`UPDATE preference SET value = 'of_yesterday' WHERE account_id = ?`, of["Old"].ID)
		w.exec(`UPDATE account SET active = FALSE WHERE id = ?`, of["Gone"].ID)
		got := map[string]string{}
		for after := uuid.Nil; ; {
			list, err := w.ChoosersAfter(w.ctx, preference.DailySummary, after, 2)
			w.must(err)
			if len(list) == 0 {
				break
			}
			for _, x := range list {
				got[x.Name] = x.Value
			}
			after = list[len(list)-1].ID
		}
		want := map[string]string{"Rita": preference.Daily, "Dora": preference.Workdays, "Off": preference.Off, "Own": preference.Daily, "Old": preference.Daily}
		assert.Equal(w, want, got)
		among, err := w.ChoosersAmong(w.ctx, w.db, preference.DailySummary, []uuid.UUID{of["Rita"].ID, of["Anna"].ID, of["Gone"].ID})
		w.must(err)
		assert.Len(w, among, 1)
		assert.Equal(w, preference.Daily, among[of["Rita"].ID].Value)
	})
}

// shows is a firm that shows the last sign-in to those who manage people.
type shows struct{ unset }

func (shows) ShowsSignIn(manages bool) bool { return manages }

// TestLastSignIn: who may not see when people have signed in last does not get it from the service.
func TestLastSignIn(t *testing.T) {
	each(t, func(w *world) {
		w.firm = shows{}
		rita, ute := w.specialist("Rita", policies.Auditor), w.specialist("Ute", policies.UserAdministrator)
		w.exec(`UPDATE account SET last_sign_in_at = ?`, w.now())
		for _, c := range []struct {
			who  Account
			role policies.Role
			sees bool
		}{{rita, policies.Auditor, false}, {ute, policies.UserAdministrator, true}} {
			asks := caller(c.who)
			asks.Roles = []policies.Role{c.role}
			page, err := w.Specialists(w.ctx, asks, SpecialistFilter{})
			w.must(err)
			assert.Equal(w, c.sees, page.SignIns)
			for _, a := range page.Items {
				assert.Equal(w, c.sees, a.LastSignInAt != nil, "%s in the list", a.Name)
			}
			a, err := w.Specialist(w.ctx, asks, ute.ID)
			w.must(err)
			assert.Equal(w, c.sees, a.LastSignInAt != nil, "one person")
		}
	})
}

// TestChoosersPlan: they are found in the order of an index, without reading other preferences, or accounts without any.
func TestChoosersPlan(t *testing.T) {
	each(t, func(w *world) {
		q := choosersAfter(w.db, preference.DailySummary, nil, uuid.Nil, 10)
		var lines []string
		if w.db.IsPostgres() {
			w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error {
				if _, err := tx.ExecContext(ctx, `SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off`); err != nil {
					return err
				}
				return tx.NewRaw(`EXPLAIN ?`, q).Scan(ctx, &lines)
			}))
		} else {
			var steps []struct {
				ID, Parent, Notused int
				Detail              string
			}
			w.must(w.db.NewRaw(`EXPLAIN QUERY PLAN ?`, q).Scan(w.ctx, &steps))
			for _, s := range steps {
				lines = append(lines, s.Detail)
			}
		}
		plan := strings.Join(lines, "\n")
		require.Regexp(w, `preference_name \(name=\? AND account_id>\?\)|(?s)preference_name .*Index Cond: \(\(name = .*account_id >`, plan)
		assert.NotRegexp(w, `SCAN [ap]\b|TEMP B-TREE|Seq Scan|Sort`, plan)
	})
}

// TestPresentCaller: somebody as a caller has the roles of now and those whom they stand in for now.
func TestPresentCaller(t *testing.T) {
	each(t, func(w *world) {
		anna, ben := w.specialist("Anna Amt", policies.Specialist), w.specialist("Ben Bau", policies.Specialist, policies.Auditor)
		at := w.now()
		for _, c := range []struct{ from, until int }{{-2, 0}, {1, 2}} {
			w.exec(`INSERT INTO deputy (id, specialist_id, deputy_id, starts_at, ends_at, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)`,
				uuid.Must(uuid.NewV7()), anna.ID, ben.ID, at.AddDate(0, 0, c.from), at.AddDate(0, 0, c.until), at, anna.ID)
		}
		got, err := w.PresentCaller(w.ctx, ben.ID)
		w.must(err)
		assert.Equal(w, Caller{ID: ben.ID, Name: ben.Name, Roles: []policies.Role{policies.Specialist, policies.Auditor}}, got)
		token := w.signIn(ben.Email, good)
		w.exec(`UPDATE deputy SET ends_at = ? WHERE ends_at = ?`, at.AddDate(0, 0, 1), at)
		got, err = w.PresentCaller(w.ctx, ben.ID)
		w.must(err)
		signed, err := w.Authenticate(w.ctx, token)
		w.must(err)
		assert.Equal(w, []uuid.UUID{anna.ID}, got.For)
		assert.Equal(w, signed.For, got.For, "as the session has it")
		assert.Equal(w, signed.Roles, got.Roles, "as the session has it")
		w.exec(`UPDATE account SET active = FALSE WHERE id = ?`, ben.ID)
		_, err = w.PresentCaller(w.ctx, ben.ID)
		assert.ErrorIs(w, err, ErrNobody)
	})
}
