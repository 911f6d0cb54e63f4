package access

import (
	"context"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/courier"
)

// TestSendAgainWhenDeactivated: nothing is sent for a deactivated access that was never registered.
func TestSendAgainWhenDeactivated(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		w.Must(w.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		w.Tick(time.Hour)
		wantFault(w.TB, w.Resend(w.Ctx, w.anna, w.customer, a.ID), "conflict: access.deactivated")
		r := w.row(a.ID)
		assert.Equal(w, 1, r.Generation, "generation")
		assert.Empty(w, w.messages(a.ID, courier.Queued), "messages wait")
	})
}

// TestStaleCorrection: a form with an old version is refused, even if it contains the present values.
func TestStaleCorrection(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		f := form("berta@example.org", "")
		f.FirstName = "Bertha"
		_, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{f, a.Version})
		w.Must(err)
		got, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{f, a.Version})
		assert.ErrorIs(w, err, ErrVersion)
		assert.Equal(w, "Bertha", got.FirstName)
	})
}

// TestDeactivatingShuts: links and codes of a deactivated access are deleted, not only refused. A specialist user whose
// access is deactivated stays signed in, because they need no access.
func TestDeactivatingShuts(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		w.deliver(a.ID)
		require.NotEqualValues(w, 0, w.count("link", "subject_id = ?", a.ID), "nothing was minted")
		require.NotEqualValues(w, 0, w.count("access_code", "access_id = ?", a.ID), "nothing was minted")
		w.Must(w.Deactivate(w.Ctx, w.anna, w.customer, a.ID))
		n := w.count("link", "subject_id = ?", a.ID) + w.count("access_code", "access_id = ?", a.ID)
		assert.EqualValues(w, 0, n, "links and codes are left")

		own := w.invited("anna@kanzlei.example", "")
		token, _ := w.deliver(own.ID)
		_, err := w.Register(w.Ctx, token, RegisterForm{Password: strong}, account.Caller{}, here)
		w.Must(err)
		_, session, err := w.Accounts.SignIn(w.Ctx, "anna@kanzlei.example", strong, here)
		w.Must(err)
		w.Must(w.Deactivate(w.Ctx, w.anna, w.customer, own.ID))
		p, err := w.Accounts.Authenticate(w.Ctx, session)
		require.NoError(w, err, "who works for the firm is signed out")
		assert.NotNil(w, p, "who works for the firm is signed out")
	})
}

// TestCodeOfThisInvitation: whether a code is required depends only on the messages of the present invitation, not on
// messages to an earlier number.
func TestCodeOfThisInvitation(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		w.deliver(a.ID) // to the former number it went out
		_, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{form("berta@example.org", "+491722345678"), a.Version})
		w.Must(err)
		needs := func(want bool) {
			w.Helper()
			got, _, err := w.needsCode(w.Ctx, w.row(a.ID))
			if assert.NoError(w, err, "a code is asked for") {
				assert.Equal(w, want, got, "a code is asked for")
			}
		}
		needs(true)
		for _, m := range w.messages(a.ID, courier.Queued) {
			if m.Channel == courier.SMS {
				w.settle(m, courier.Failed, "number_invalid", courier.Permanent)
			}
		}
		needs(false)
		// In the other case, the former number was refused, and the present one gets its code.
		_, err = w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{form("berta@example.org", mobile), w.row(a.ID).Version})
		w.Must(err)
		needs(true)
	})
}

// TestCodeInForce: a code is valid for its access and generation, until it expires.
func TestCodeInForce(t *testing.T) {
	each(t, func(w *world) {
		a, other := w.invited("berta@example.org", mobile), w.invited("otto@example.org", mobile)
		start := w.Now()
		ends := start.Add(10 * time.Minute)
		w.Must(insertCodes(w.Ctx, w.db, []codeRow{{Hash: "h", AccessID: a.ID, Generation: 1, CreatedAt: start, ExpiresAt: ends}}))
		for name, c := range map[string]struct {
			access     uuid.UUID
			generation int
			hash       string
			now        time.Time
			want       bool
		}{
			"it":                 {a.ID, 1, "h", ends.Add(-time.Microsecond), true},
			"at its end":         {a.ID, 1, "h", ends, false},
			"later":              {a.ID, 1, "h", ends.Add(time.Hour), false},
			"another generation": {a.ID, 2, "h", start, false},
			"another's":          {other.ID, 1, "h", start, false},
			"another code":       {a.ID, 1, "g", start, false},
		} {
			got, err := codeInForce(w.Ctx, w.db, row{ID: c.access, Generation: c.generation}, []string{"x", c.hash}, c.now)
			require.NoError(w, err, name)
			assert.Equal(w, c.want, got, name)
		}
	})
}

// TestAccountMeanwhile: an access is linked to the account whose password was checked, or to a new one. It is never
// linked to an account that was created, deleted or changed its address after the check.
func TestAccountMeanwhile(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("anna@kanzlei.example", "")
		anna, _, err := w.Accounts.ByEmail(w.Ctx, w.db, "anna@kanzlei.example")
		w.Must(err)
		r := w.row(a.ID)
		other := anna
		other.ID = newID()
		nobody := r
		nobody.Email, nobody.EmailFolded = "nobody@example.org", "nobody@example.org"
		for name, c := range map[string]struct {
			r    row
			who  checked
			want error
		}{
			"it is there":                 {r, checked{owner: anna, has: true}, nil},
			"it came since":               {r, checked{hash: "x"}, ErrAgain},
			"another has the address now": {r, checked{owner: other, has: true}, ErrAgain},
			"it went since":               {nobody, checked{owner: anna, has: true}, ErrAgain},
			"there is none":               {nobody, checked{hash: "x"}, nil},
		} {
			err := w.db.InTx(w.Ctx, func(ctx context.Context, tx bun.Tx) error {
				got, err := w.accountFor(ctx, tx, c.r, c.who)
				if err == nil && got.Email != c.r.Email {
					w.Errorf("%s: %+v", name, got)
				}
				return err
			})
			assert.ErrorIs(w, err, c.want, name)
		}
	})
}
