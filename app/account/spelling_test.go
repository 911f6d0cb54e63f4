package account

import (
	"strings"
	"testing"
	"time"

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
					if found, err := look(); err != nil || found.ID != a.ID {
						w.Errorf("%s stored, %s by %q: %s, %v", stored, what, typed, found.Name, err)
					}
				}
				if page, err := w.Specialists(w.ctx, w.admin(), SpecialistFilter{Query: typed}); err != nil || len(page.Items) != 1 || page.Items[0].ID != a.ID {
					w.Errorf("%s stored, the list by %q: %+v, %v", stored, typed, page.Items, err)
				}
				w.wait(time.Hour)
				w.must(w.ForgotPassword(w.ctx, typed, office))
				if posts := w.box.posts; len(posts) != 1 || posts[0].Kind != courier.ResetPassword || posts[0].AccountID != a.ID {
					w.Errorf("%s stored, forgotten by %q: %+v", stored, typed, posts)
				}
				w.box.posts = nil
				_, err := w.AddSpecialist(w.ctx, w.admin(), SpecialistForm{Name: "Neu", Email: typed, Locale: "de"})
				w.wantForm("a second account at "+typed, err, "email email.taken")
				w.must(w.AskEmail(w.ctx, caller(other), typed, good)) // the answer does not tell
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
			if found, _, err := w.ByEmail(w.ctx, w.db, typed); err != nil || found.ID != want.ID {
				w.Errorf("%s is %s, %v", typed, found.Name, err)
			}
		}
		w.exec("DELETE FROM account WHERE id = ?", a.ID)
		for _, typed := range spellings {
			if found, _, err := w.SpecialistAt(w.ctx, w.db, typed); err != nil || found.ID != b.ID {
				w.Errorf("%s is %q's, %v", typed, found.Name, err)
			}
		}
	})
}

// TestBothSpellingsSignIn: an international domain in its own script and in Punycode is the same address. If an earlier
// version made an account for each spelling, each signs in with its own.
func TestBothSpellingsSignIn(t *testing.T) {
	each(t, func(w *world) {
		a := w.specialist("Anna Berg")
		is := func(login string) string {
			found, _, err := w.find(w.ctx, w.db, login)
			w.must(err)
			return found.Account.ID.String()
		}
		set := func(id any, folded string) {
			_, err := w.db.ExecContext(w.ctx, "UPDATE account SET email_folded = ?, username_folded = ? WHERE id = ?", folded, folded, id)
			w.must(err)
		}
		set(a.ID, "müller@xn--bcher-kva.example")
		for _, login := range []string{"müller@bücher.example", "MÜLLER@xn--bcher-kva.example", "mu\u0308ller@b\u200bücher.example"} {
			if is(login) != a.ID.String() {
				w.Errorf("%q is not who it is", login)
			}
		}
		b := w.specialist("Otto Ort")
		set(b.ID, "müller@bücher.example")
		if is("müller@bücher.example") != b.ID.String() || is("müller@xn--bcher-kva.example") != a.ID.String() {
			w.Errorf("one of two twins is locked out")
		}
	})
}
