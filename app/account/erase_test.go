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

	"kontor/app/audit"
	"kontor/app/preference"
)

// erase erases accounts in a tx.
func (w *world) erase(ids ...uuid.UUID) (gone []Erased) {
	w.Helper()
	w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		gone, err = w.Erase(ctx, tx, ids...)
		return err
	}))
	return gone
}

// lived adds an end user with all kinds of traces: three names, sessions, links, failed sign-ins, log entries.
func (w *world) lived(name string) (a Account, access, customer uuid.UUID) {
	w.Helper()
	a, access, customer = w.endUser(name)
	nick := strings.ReplaceAll(name, " ", "_")
	_, _, err := w.SignIn(w.ctx, a.Email, better, office)
	w.want("a wrong password", err, ErrSignIn)
	w.signIn(a.Email, good)
	w.must(w.AskEmail(w.ctx, caller(a), "next."+a.Email, good))
	_, token := w.send()
	w.must(w.ConfirmEmail(w.ctx, token, office))
	w.must(w.UpdateOwn(w.ctx, caller(a), Own{Name: name, Username: nick, Shortcuts: true}))
	w.must(w.Choose(w.ctx, caller(a), Choice{preference.Theme, []string{preference.Dark}}))
	w.signIn(nick, good)
	w.must(w.ForgotPassword(w.ctx, nick, office))
	w.send()
	w.must(w.audit.Write(w.ctx, w.db, caller(a).Actor(), audit.Record{
		Action: audit.AccessRegistered, CustomerID: customer, SubjectID: access, Subject: name,
	}))
	w.exec("DELETE FROM sign_in_throttle WHERE subject LIKE 'asked:%' OR subject LIKE 'address:%'") // about the address, not the person
	a, err = findAccount(w.ctx, w.db, a.ID)
	w.must(err)
	return a, access, customer
}

// traces counts the rows about an account outside customers' logs.
func (w *world) traces(a Account) map[string]int {
	return map[string]int{
		"account": w.count("account WHERE id = ?", a.ID), "session": w.count("session WHERE account_id = ?", a.ID),
		"preference": w.count("preference WHERE account_id = ?", a.ID),
		"link":       w.count("link WHERE subject_id = ?", a.ID), "log": w.count("audit WHERE customer_id IS NULL AND (actor_id = ? OR subject_id = ?)", a.ID, a.ID),
	}
}

// TestErase: all traces of an account are erased with it. Nothing is erased for a person who has an access or works for
// the firm.
func TestErase(t *testing.T) {
	each(t, func(w *world) {
		eva, access, customer := w.lived("Eva Ende")
		ben, _, _ := w.lived("Ben Bleibt")
		carl, _, _ := w.lived("Carl Chef")
		w.exec("DELETE FROM access WHERE account_id = ?", carl.ID)
		w.exec("UPDATE account SET specialist = TRUE WHERE id = ?", carl.ID)
		before, stay, chief := w.traces(eva), w.traces(ben), w.traces(carl)
		for what, n := range before {
			require.NotEqual(w, 0, n, "nothing in %s: what goes is not tested", what)
		}
		counters := w.count("sign_in_throttle")
		everybody := []uuid.UUID{carl.ID, eva.ID, ben.ID, eva.ID}
		require.Empty(w, w.erase(everybody...), "erased although an access or the firm keeps them")
		w.exec("UPDATE access SET deactivated_at = registered_at WHERE id = ?", access)
		require.Empty(w, w.erase(everybody...), "erased although there is a deactivated access")

		w.exec("DELETE FROM access WHERE id = ?", access)
		gone := w.erase(everybody...)
		require.Len(w, gone, 1, "erased")
		require.Equal(w, eva.ID, gone[0].Account.ID)
		require.Equal(w, eva.PasswordHash, gone[0].Account.PasswordHash)
		for what, n := range w.traces(eva) {
			assert.Equal(w, 0, n, "%s: rows stay", what)
		}
		for what, n := range w.traces(ben) {
			assert.Equal(w, stay[what], n, "of somebody else: rows")
		}
		for what, n := range w.traces(carl) {
			assert.Equal(w, chief[what], n, "of somebody of the firm: rows")
		}
		n := w.count("sign_in_throttle")
		assert.Equal(w, counters*2, n*3, "%d of %d counters of three people stay", n, counters)
		var entry audit.Entry
		w.must(w.db.NewSelect().Model(&entry).Where("customer_id = ?", customer).Scan(w.ctx))
		assert.Equal(w, "Eva Ende", entry.Actor, "the customer's log says; the name goes with the customer, the address with the account")
		assert.Equal(w, "Eva Ende", entry.Subject, "the name goes with the customer, the address with the account")
		assert.Empty(w, entry.Address, "the name goes with the customer, the address with the account")

		// Entries that a concurrent request wrote about the account are erased, too.
		w.must(w.audit.Write(w.ctx, w.db, audit.Actor{Name: "Kontor", Address: office.Address}, eva.record(audit.AccountPasswordAsked, nil)))
		w.must(w.audit.Write(w.ctx, w.db, itself(eva, office), ben.record(audit.AccountSignedIn, nil)))
		gone = w.erase(eva.ID)
		assert.Empty(w, gone, "late entries stay")
		assert.Equal(w, 0, w.traces(eva)["log"], "late entries stay")
	})
}

// TestRestore: Restore brings back the account as it was, without the parts that are erased for good.
func TestRestore(t *testing.T) {
	each(t, func(w *world) {
		eva, access, _ := w.lived("Eva Ende")
		w.lived("Ben Bleibt")
		log := func() (list []audit.Entry) {
			w.must(w.db.NewSelect().Model(&list).OrderExpr("id").Scan(w.ctx))
			return list
		}
		before := log()
		w.exec("DELETE FROM access WHERE id = ?", access)
		gone := w.erase(eva.ID)
		w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) error { return w.Restore(ctx, tx, gone[0]) }))
		same := slices.EqualFunc(before, log(), func(a, b audit.Entry) bool {
			return a.At.Equal(b.At) && a.ID == b.ID && a.Actor == b.Actor && a.Address == b.Address && a.Subject == b.Subject && a.Detail == b.Detail
		})
		assert.True(w, same, "the log is %+v, want %+v", log(), before)
		now, err := findAccount(w.ctx, w.db, eva.ID)
		w.must(err)
		assert.Equal(w, eva.Username, now.Username, "restored")
		assert.Equal(w, eva.Email, now.Email)
		assert.Equal(w, eva.PasswordHash, now.PasswordHash)
		chosen, err := chosenOf(w.ctx, w.db, eva.ID)
		w.must(err)
		assert.Equal(w, preference.Chosen{preference.Theme: preference.Dark}, chosen)
		assert.WithinDuration(w, eva.CreatedAt, now.CreatedAt, 0)
		n := w.count("session WHERE account_id = ?", eva.ID) + w.count("link WHERE subject_id = ?", eva.ID)
		assert.Equal(w, 0, n, "sessions and links came back")
	})
}
