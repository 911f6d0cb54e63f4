package account

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
)

// spellings are ways to write one address: its domain in its own script and in Punycode, in capitals, with a letter in two
// characters, with characters that nobody sees.
var spellings = []string{
	"müller@bücher.example", "müller@xn--bcher-kva.example", "MÜLLER@XN--BCHER-KVA.example", "Mu\u0308ller@Bücher.Example", "mü\u00adller@b\u200bücher.example",
}

// TestEverySpellingIsFound: an account is found by its address, in whatever spelling the address was stored and is
// given.
func TestEverySpellingIsFound(t *testing.T) {
	each(t, func(w *world) {
		a, other := w.specialist("Anna Berg"), w.specialist("Otto Ort")
		for _, stored := range []string{"müller@bücher.example", "müller@xn--bcher-kva.example"} {
			was := a
			was.setEmail(stored)
			was.setUsername(stored)
			w.exec("UPDATE account SET email = ?, email_folded = ?, username = ?, username_folded = ?, search = ? WHERE id = ?",
				was.Email, was.EmailFolded, was.Username, was.UsernameFolded, was.Search, a.ID)
			for _, typed := range spellings {
				for what, look := range map[string]func() (Account, error){
					"ByEmail":      func() (Account, error) { found, _, err := w.ByEmail(w.ctx, w.db, typed); return found, err },
					"SpecialistAt": func() (Account, error) { found, _, err := w.SpecialistAt(w.ctx, w.db, typed); return found, err },
					"SpecialistAt, with a part": func() (Account, error) {
						found, _, err := w.SpecialistAt(w.ctx, w.db, strings.Replace(typed, "@", "+privat@", 1))
						return found, err
					},
					"signing in":        func() (Account, error) { found, _, err := w.SignIn(w.ctx, typed, good, office); return found, err },
					"app user sign-out": func() (Account, error) { return w.SignOutByCommand(w.ctx, typed) },
					"app user unlock":   func() (Account, error) { return w.UnlockByCommand(w.ctx, typed) },
				} {
					found, err := look()
					require.NoError(w, err, "%s stored, %s by %q", stored, what, typed)
					assert.Equal(w, a.ID, found.ID, "%s stored, %s by %q", stored, what, typed)
				}
				page, err := w.Specialists(w.ctx, w.admin(), SpecialistFilter{Query: typed})
				require.NoError(w, err, "%s stored, the list by %q", stored, typed)
				require.Len(w, page.Items, 1, "%s stored, the list by %q", stored, typed)
				assert.Equal(w, a.ID, page.Items[0].ID, "%s stored, the list by %q", stored, typed)
				w.wait(time.Hour)
				w.must(w.ForgotPassword(w.ctx, typed, office))
				posts := w.box.posts
				require.Len(w, posts, 1, "%s stored, forgotten by %q", stored, typed)
				assert.Equal(w, courier.ResetPassword, posts[0].Kind, "%s stored, forgotten by %q", stored, typed)
				assert.Equal(w, a.ID, posts[0].AccountID, "%s stored, forgotten by %q", stored, typed)
				w.box.posts = nil
				_, err = w.AddSpecialist(w.ctx, w.admin(), SpecialistForm{Name: "Neu", Email: typed, Locale: "de"})
				w.wantForm("a second account at "+typed, err, "email email.taken")
				w.must(w.AskEmail(w.ctx, caller(other), typed, good)) // the answer is the same
				w.wantMails()
			}
		}
	})
}

// TestTwinsAreFound: an earlier version allowed one account for each spelling. Each of two such accounts is found by
// its own spelling, and both addresses count as the firm's.
func TestTwinsAreFound(t *testing.T) {
	each(t, func(w *world) {
		a, b := w.specialist("Anna Berg"), w.specialist("Otto Ort")
		w.exec("UPDATE account SET email = ?1, email_folded = ?1 WHERE id = ?0", a.ID, "müller@xn--bcher-kva.example")
		w.exec("UPDATE account SET email = ?1, email_folded = ?1 WHERE id = ?0", b.ID, "müller@bücher.example")
		for typed, want := range map[string]Account{"müller@xn--bcher-kva.example": a, "müller@bücher.example": b} {
			found, _, err := w.ByEmail(w.ctx, w.db, typed)
			require.NoError(w, err)
			assert.Equal(w, want.ID, found.ID)
		}
		w.exec("DELETE FROM account WHERE id = ?", a.ID)
		for _, typed := range spellings {
			found, _, err := w.SpecialistAt(w.ctx, w.db, typed)
			require.NoError(w, err)
			assert.Equal(w, b.ID, found.ID)
		}
	})
}

// TestBothSpellingsSignIn: an international domain in its own script and in Punycode is the same address. If an earlier
// version made an account for each spelling, each signs in with its own.
func TestBothSpellingsSignIn(t *testing.T) {
	each(t, func(w *world) {
		a := w.specialist("Anna Berg")
		is := func(login string) string {
			found, _, err := find(w.ctx, w.db, login)
			w.must(err)
			return found.Account.ID.String()
		}
		set := func(id any, folded string) {
			_, err := w.db.ExecContext(w.ctx, "UPDATE account SET email_folded = ?, username_folded = ? WHERE id = ?", folded, folded, id)
			w.must(err)
		}
		set(a.ID, "müller@xn--bcher-kva.example")
		for _, login := range []string{"müller@bücher.example", "MÜLLER@xn--bcher-kva.example", "mu\u0308ller@b\u200bücher.example"} {
			assert.Equal(w, a.ID.String(), is(login), "is not who it")
		}
		b := w.specialist("Otto Ort")
		set(b.ID, "müller@bücher.example")
		assert.Equal(w, b.ID.String(), is("müller@bücher.example"), "one of two twins is locked out")
		assert.Equal(w, a.ID.String(), is("müller@xn--bcher-kva.example"), "one of two twins is locked out")
	})
}
