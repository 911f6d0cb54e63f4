package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/effort"
	"kontor/app/secret"
)

// TestS5Expiry: one second before the expiry the link works, one second after it does not. No clean-up job runs here.
func TestS5Expiry(t *testing.T) {
	each(t, func(w *world) {
		for i, c := range []struct {
			after time.Duration
			want  string
		}{{LinkLife - time.Second, ""}, {LinkLife, "gone: link.expired"}, {LinkLife + time.Second, "gone: link.expired"}} {
			w.Set(at(9, 0, 0))
			a := w.invited(fmt.Sprintf("b%d@example.org", i), mobile)
			token, code := w.deliver(a.ID)
			w.Tick(c.after)
			_, err := w.register(token, code)
			assert.Equal(w, c.want, complaint(err), "after %s", c.after)
		}
	})
}

// TestS6TokensThatAreNone: all invalid tokens get the same answer, in about the same time.
func TestS6TokensThatAreNone(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		token, _ := w.deliver(a.ID)
		former := token
		w.Tick(time.Minute)
		w.Must(w.Resend(w.Ctx, w.anna, w.customer, a.ID))
		token, _ = w.deliver(a.ID)
		other, err := secret.Mint(w.Ctx, w.db, secret.Link{
			Purpose: secret.ResetPassword, SubjectID: a.ID, Generation: 2, Address: w.key.Bind("berta@example.org"),
			CreatedAt: w.Now(), ExpiresAt: w.Now().Add(time.Hour),
		})
		w.Must(err)
		gone, err := secret.Mint(w.Ctx, w.db, secret.Link{
			Purpose: secret.Register, SubjectID: newID(), Generation: 1, Address: w.key.Bind("x@example.org"),
			CreatedAt: w.Now(), ExpiresAt: w.Now().Add(time.Hour),
		})
		w.Must(err)
		tokens := map[string]string{
			"unknown": secret.NewToken(), "empty": "", "truncated": token[:42], "former": former, "other purpose": other,
			"of an access that is gone": gone,
		}
		for name, tok := range tokens {
			inv, err := w.Invitation(w.Ctx, tok)
			assert.ErrorIs(w, err, secret.ErrUnknownLink, name)
			assert.Equal(w, (Invitation{}), inv, name)
			_, err = w.register(tok, "2222-2222")
			assert.ErrorIs(w, err, secret.ErrUnknownLink, "%s: register", name)
			assert.ErrorIs(w, w.NewCode(w.Ctx, tok, here), secret.ErrUnknownLink, "%s: new code", name)
			assert.NoError(w, errors.Join(w.NewLink(w.Ctx, tok, here), w.Opened(w.Ctx, tok)), "%s: new link, opened", name)
		}
		least := leastTimes(w, tokens)
		for name, took := range least {
			if d := (took - least["unknown"]).Abs(); d > 5*time.Millisecond && d > least["unknown"]/2 {
				w.Errorf("%s takes %s, an unknown one %s", name, took, least["unknown"])
			}
		}
		assert.EqualValues(w, 0, w.count("message", "state = ?", courier.Queued), "messages sent")
	})
}

// leastTimes measures the shortest time of an answer to each token, so that other load on the machine does not count.
// The tokens are measured in turns.
func leastTimes(w *world, tokens map[string]string) map[string]time.Duration {
	least := map[string]time.Duration{}
	for range effort.Of(500, 50) {
		for name, tok := range tokens {
			begin := time.Now()
			_, _ = w.register(tok, "2222-2222")
			if took := time.Since(begin); least[name] == 0 || took < least[name] {
				least[name] = took
			}
		}
	}
	return least
}

// TestS9Corrected: a correction voids the link and the code at once, cancels queued messages and sends new ones.
func TestS9Corrected(t *testing.T) {
	for name, change := range map[string]func(*Form){
		"e-mail": func(f *Form) { f.Email = "berta.kuehn@example.org" },
		"case":   func(f *Form) { f.Email = "Berta@example.org" },
		"mobile": func(f *Form) { f.Mobile = "+491722345678" },
		"both":   func(f *Form) { f.Email, f.Mobile = "b@example.org", "+491722345678" },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				a := w.invited("berta@example.org", mobile)
				token, code := w.deliver(a.ID)
				w.Tick(time.Second)
				f := form("berta@example.org", mobile)
				change(&f)
				got, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{f, a.Version})
				w.Must(err)
				assert.Equal(w, 2, got.Generation)
				assert.Equal(w, f.Email, got.Email)
				assert.Equal(w, f.Mobile, got.Mobile)
				assert.Equal(w, 2, got.Version)
				assert.WithinDuration(w, at(9, 0, 1), got.InvitedAt, 0)
				_, err = w.register(token, code)
				assert.ErrorIs(w, err, secret.ErrUnknownLink, "the old link")
				for _, m := range w.messages(a.ID, courier.HandedOver) {
					assert.True(w, w.compose(m).Void, "%s of the old generation is sent", m.Kind)
				}
				var to []string
				for _, m := range w.messages(a.ID, courier.Queued) {
					to = append(to, m.Recipient)
				}
				assert.Equal(w, []string{f.Email, f.Mobile}, to, "sent")
				token, code = w.deliver(a.ID)
				_, err = w.register(token, code)
				w.Must(err)
			})
		})
	}
}

// TestS9MintedMeanwhile: a link that a slow worker mints for the old generation after the correction is not valid.
func TestS9MintedMeanwhile(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		r := w.row(a.ID)
		_, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, Correction{form("b@example.org", ""), a.Version})
		w.Must(err)
		late, err := secret.Mint(w.Ctx, w.db, secret.Link{
			Purpose: secret.Register, SubjectID: a.ID, Generation: r.Generation, Address: w.key.Bind(r.EmailFolded),
			CreatedAt: r.InvitedAt, ExpiresAt: r.LinkExpiresAt,
		})
		w.Must(err)
		_, err = w.register(late, "")
		assert.ErrorIs(w, err, secret.ErrUnknownLink)
		assert.Nil(w, w.row(a.ID).RegisteredAt, "registered")
	})
}

// TestS10UsedAndExpired: a used link gets the answer that it was used. For an expired link a new one is sent to the
// stored address.
func TestS10UsedAndExpired(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		expired, _ := w.deliver(a.ID)
		w.Tick(LinkLife)
		inv, err := w.Invitation(w.Ctx, expired)
		require.ErrorIs(w, err, secret.ErrExpiredLink)
		require.Equal(w, "berta@example.org", inv.Username)
		require.Equal(w, "de", inv.Locale)
		assert.Equal(w, LinkExpired, w.row(a.ID).access().status(w.Now()), "status")
		w.Must(w.NewLink(w.Ctx, expired, here))
		queued := w.messages(a.ID, courier.Queued)
		require.Len(w, queued, 1)
		require.Equal(w, "berta@example.org", queued[0].Recipient)
		assert.EqualValues(w, 1, w.count("audit", "action = ?", audit.AccessLinkAsked), "log entries")
		token, _ := w.deliver(a.ID)
		err = w.NewLink(w.Ctx, token, here)
		require.NoError(w, err, "a good link asks for another")
		assert.Empty(w, w.messages(a.ID, courier.Queued), "a good link asks for another")
		_, err = w.register(token, "")
		w.Must(err)
		for _, used := range []string{token, expired} {
			inv, err := w.Invitation(w.Ctx, used)
			assert.ErrorIs(w, err, secret.ErrUsedLink)
			assert.Equal(w, "berta@example.org", inv.Username)
			_, err = w.register(used, "")
			assert.ErrorIs(w, err, secret.ErrUsedLink)
			w.Must(w.NewLink(w.Ctx, used, here))
		}
		assert.Empty(w, w.messages(a.ID, courier.Queued), "a registered person got a new link")
	})
}

func TestS14FloodOfLinks(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		expired, _ := w.deliver(a.ID)
		w.Tick(LinkLife)
		w.Must(w.NewLink(w.Ctx, expired, here))
		err := w.NewLink(w.Ctx, expired, here)
		wantFault(w.TB, err, "too_many: link.wait")
		inv, err := w.Invitation(w.Ctx, expired)
		assert.ErrorIs(w, err, secret.ErrExpiredLink)
		assert.WithinDuration(w, w.Now().Add(time.Minute), inv.NextCodeAt, 0)
		for range 4 {
			w.Tick(time.Minute)
			w.Must(w.NewLink(w.Ctx, expired, here))
		}
		w.Tick(time.Minute)
		wantFault(w.TB, w.NewLink(w.Ctx, expired, here), "too_many: link.wait")
		assert.Equal(w, 6, len(w.messages(a.ID)), "mails")
	})
}

// TestS53ClockJumps: a send recorded by a clock that was an hour ahead locks nobody out, and nothing is sent twice.
func TestS53ClockJumps(t *testing.T) {
	each(t, func(w *world) {
		w.Set(at(10, 0, 0))
		a := w.invited("berta@example.org", mobile)
		token, _ := w.deliver(a.ID)
		w.Must(w.NewCode(w.Ctx, token, here))
		w.Set(at(9, 0, 0))
		w.Must(w.NewCode(w.Ctx, token, here))
		w.Must(w.Resend(w.Ctx, w.anna, w.customer, a.ID))
		assert.Equal(w, 2, len(w.messages(a.ID, courier.Queued)), "messages queued")
	})
}

// TestAttemptsMintTheirOwn: a message is sent twice because the answer to the first attempt was lost. Both links and
// both codes are valid.
func TestAttemptsMintTheirOwn(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		var links, codes []string
		for range 2 {
			for _, m := range w.messages(a.ID) {
				switch d := w.compose(m).Data.(type) {
				case courier.RegistrationData:
					links = append(links, strings.TrimPrefix(d.Link, "https://kontor.example/register/"))
				case courier.CodeData:
					codes = append(codes, d.Code)
				}
			}
		}
		require.NotEqual(w, links[1], links[0], "the same secret twice")
		require.NotEqual(w, codes[1], codes[0], "the same secret twice")
		_, err := w.register(links[0], codes[1])
		w.Must(err)
		_, err = w.register(links[1], codes[0])
		assert.ErrorIs(w, err, secret.ErrUsedLink)
	})
}

func TestOpened(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		token, _ := w.deliver(a.ID)
		w.Tick(time.Minute)
		w.Must(w.Opened(w.Ctx, token))
		w.Tick(time.Minute)
		w.Must(w.Opened(w.Ctx, token))
		r := w.row(a.ID)
		require.NotNil(w, r.OpenedAt)
		assert.WithinDuration(w, at(9, 1, 0), *r.OpenedAt, 0)
		w.Must(w.Resend(w.Ctx, w.anna, w.customer, a.ID))
		assert.Nil(w, w.row(a.ID).OpenedAt, "of the generation before")
	})
}

// TestLinkOfBefore: a link that was sent by an earlier version, which folded addresses differently, is still valid for
// its access. A link for another address is not.
func TestLinkOfBefore(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@b\u00fccher.example", "")
		token, _ := w.deliver(a.ID)
		bind := func(folded string) {
			_, err := w.db.ExecContext(w.Ctx, "UPDATE link SET address = ? WHERE hash = ?", w.key.MAC("address", folded), secret.HashToken(token))
			w.Must(err)
		}
		for folded, want := range map[string]error{"berta@b\u00fccher.example": nil, "berta@xn--bcher-kva.example": nil, "berta@bucher.example": secret.ErrUnknownLink} {
			bind(folded)
			_, err := w.Invitation(w.Ctx, token)
			assert.ErrorIs(w, err, want, "bound to %s", folded)
		}
		bind("berta@b\u00fccher.example")
		_, err := w.register(token, "")
		assert.NoError(w, err)
	})
}
