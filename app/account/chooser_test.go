package account

import (
	"context"
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

// TestChoosersPlan: they are found in the order of an index, without reading other preferences, or accounts without any.
func TestChoosersPlan(t *testing.T) {
	each(t, func(w *world) {
		q := choosersAfter(w.db, preference.DailySummary, uuid.Nil, 10)
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
