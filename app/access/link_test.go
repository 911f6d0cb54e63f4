package access

import (
	"testing"

	"kontor/app/secret"
)

// TestEachGuardOfALink: a link is bound to several facts. If one of them changes, the link is refused, whether the
// change was before the page was opened or before its form was sent. The link's row itself stays valid.
func TestEachGuardOfALink(t *testing.T) {
	each(t, func(w *world) {
		for name, change := range map[string]string{
			"generation":  `generation = generation + 1`,
			"address":     `email = 'b@example.org', email_folded = 'b@example.org'`,
			"deactivated": `deactivated_at = invited_at`,
		} {
			a := w.invited("berta."+name[:3]+"@example.org", "")
			token, _ := w.deliver(a.ID)
			r, l, err := w.look(w.Ctx, token)
			w.Must(err)
			_, err = w.db.ExecContext(w.Ctx, `UPDATE access SET `+change+` WHERE id = ?`, r.ID)
			w.Must(err)
			if _, err := secret.Find(w.Ctx, w.db, secret.Register, token, w.Now()); err != nil {
				w.Fatalf("the link itself: %v", err)
			}
			if _, err := w.Invitation(w.Ctx, token); err != secret.ErrUnknownLink {
				w.Errorf("%s, opened afterwards: %v", name, err)
			}
			if _, err := w.redeem(w.Ctx, token, l, checked{hash: "x"}, here); err != secret.ErrUnknownLink {
				w.Errorf("%s, sent afterwards: %v", name, err)
			}
			if w.row(a.ID).RegisteredAt != nil || w.count("account", "NOT specialist") != 0 {
				w.Errorf("%s: registered", name)
			}
			if _, err := secret.Find(w.Ctx, w.db, secret.Register, token, w.Now()); err != nil {
				w.Errorf("%s, the link was used up: %v", name, err)
			}
		}
	})
}
