package access

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
			_, err = secret.Find(w.Ctx, w.db, secret.Register, token, w.Now())
			require.NoError(w, err, "the link itself")
			_, err = w.Invitation(w.Ctx, token)
			assert.ErrorIs(w, err, secret.ErrUnknownLink, "%s, opened afterwards", name)
			_, err = w.redeem(w.Ctx, token, l, checked{hash: "x"}, here)
			assert.ErrorIs(w, err, secret.ErrUnknownLink, "%s, sent afterwards", name)
			assert.Nil(w, w.row(a.ID).RegisteredAt, "%s: registered", name)
			assert.EqualValues(w, 0, w.count("account", "NOT specialist"), "%s: registered", name)
			_, err = secret.Find(w.Ctx, w.db, secret.Register, token, w.Now())
			assert.NoError(w, err, "%s, the link was used up", name)
		}
	})
}
