package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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
			if got := complaint(err); got != c.want {
				w.Errorf("after %s: %q, want %q", c.after, got, c.want)
			}
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
			if err != secret.ErrUnknownLink || inv != (Invitation{}) {
				w.Errorf("%s: %+v, %v", name, inv, err)
			}
			if _, err := w.register(tok, "2222-2222"); err != secret.ErrUnknownLink {
				w.Errorf("%s: register %v", name, err)
			}
			if err := w.NewCode(w.Ctx, tok, here); err != secret.ErrUnknownLink {
				w.Errorf("%s: new code %v", name, err)
			}
			if err := errors.Join(w.NewLink(w.Ctx, tok, here), w.Opened(w.Ctx, tok)); err != nil {
				w.Errorf("%s: new link, opened %v", name, err)
			}
		}
		least := leastTimes(w, tokens)
		for name, took := range least {
			if d := (took - least["unknown"]).Abs(); d > 5*time.Millisecond && d > least["unknown"]/2 {
				w.Errorf("%s takes %s, an unknown one %s", name, took, least["unknown"])
			}
		}
		if n := w.count("message", "state = ?", courier.Queued); n != 0 {
			w.Errorf("%d messages sent", n)
		}
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
				got, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, a.Version, f)
				w.Must(err)
				if got.Generation != 2 || got.Email != f.Email || got.Mobile != f.Mobile || got.Version != 2 || !got.InvitedAt.Equal(at(9, 0, 1)) {
					w.Errorf("%+v", got)
				}
				if _, err := w.register(token, code); err != secret.ErrUnknownLink {
					w.Errorf("the old link: %v", err)
				}
				for _, m := range w.messages(a.ID, courier.HandedOver) {
					if c := w.compose(m); !c.Void {
						w.Errorf("%s of the old generation is sent", m.Kind)
					}
				}
				var to []string
				for _, m := range w.messages(a.ID, courier.Queued) {
					to = append(to, m.Recipient)
				}
				if !slices.Equal(to, []string{f.Email, f.Mobile}) {
					w.Errorf("sent to %v", to)
				}
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
		_, err := w.Correct(w.Ctx, w.anna, w.customer, a.ID, a.Version, form("b@example.org", ""))
		w.Must(err)
		late, err := secret.Mint(w.Ctx, w.db, secret.Link{
			Purpose: secret.Register, SubjectID: a.ID, Generation: r.Generation, Address: w.key.Bind(r.EmailFolded),
			CreatedAt: r.InvitedAt, ExpiresAt: r.LinkExpiresAt,
		})
		w.Must(err)
		if _, err := w.register(late, ""); err != secret.ErrUnknownLink {
			w.Errorf("%v", err)
		}
		if w.row(a.ID).RegisteredAt != nil {
			w.Error("registered")
		}
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
		if err != secret.ErrExpiredLink || inv.Username != "berta@example.org" || inv.Locale != "de" {
			w.Fatalf("%+v, %v", inv, err)
		}
		if s := w.row(a.ID).access().Status(w.Now()); s != LinkExpired {
			w.Errorf("status %s", s)
		}
		w.Must(w.NewLink(w.Ctx, expired, here))
		queued := w.messages(a.ID, courier.Queued)
		if len(queued) != 1 || queued[0].Recipient != "berta@example.org" {
			w.Fatalf("%+v", queued)
		}
		if n := w.count("audit", "action = ?", audit.AccessLinkAsked); n != 1 {
			w.Errorf("%d log entries", n)
		}
		token, _ := w.deliver(a.ID)
		if err := w.NewLink(w.Ctx, token, here); err != nil || len(w.messages(a.ID, courier.Queued)) != 0 {
			w.Errorf("a good link asks for another: %v", err)
		}
		_, err = w.register(token, "")
		w.Must(err)
		for _, used := range []string{token, expired} {
			inv, err := w.Invitation(w.Ctx, used)
			if err != secret.ErrUsedLink || inv.Username != "berta@example.org" {
				w.Errorf("%+v, %v", inv, err)
			}
			if _, err := w.register(used, ""); err != secret.ErrUsedLink {
				w.Errorf("%v", err)
			}
			w.Must(w.NewLink(w.Ctx, used, here))
		}
		if len(w.messages(a.ID, courier.Queued)) != 0 {
			w.Error("a registered person got a new link")
		}
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
		if inv, err := w.Invitation(w.Ctx, expired); err != secret.ErrExpiredLink || !inv.NextCodeAt.Equal(w.Now().Add(time.Minute)) {
			w.Errorf("%+v, %v", inv, err)
		}
		for range 4 {
			w.Tick(time.Minute)
			w.Must(w.NewLink(w.Ctx, expired, here))
		}
		w.Tick(time.Minute)
		wantFault(w.TB, w.NewLink(w.Ctx, expired, here), "too_many: link.wait")
		if n := len(w.messages(a.ID)); n != 6 {
			w.Errorf("%d mails", n)
		}
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
		if n := len(w.messages(a.ID, courier.Queued)); n != 2 {
			w.Errorf("%d messages queued", n)
		}
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
		if links[0] == links[1] || codes[0] == codes[1] {
			w.Fatal("the same secret twice")
		}
		_, err := w.register(links[0], codes[1])
		w.Must(err)
		if _, err := w.register(links[1], codes[0]); err != secret.ErrUsedLink {
			w.Errorf("%v", err)
		}
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
		if r := w.row(a.ID); r.OpenedAt == nil || !r.OpenedAt.Equal(at(9, 1, 0)) {
			w.Errorf("%v", r.OpenedAt)
		}
		w.Must(w.Resend(w.Ctx, w.anna, w.customer, a.ID))
		if r := w.row(a.ID); r.OpenedAt != nil {
			w.Errorf("%v of the generation before", r.OpenedAt)
		}
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
			if _, err := w.Invitation(w.Ctx, token); err != want {
				w.Errorf("bound to %s: %v, want %v", folded, err, want)
			}
		}
		bind("berta@b\u00fccher.example")
		if _, err := w.register(token, ""); err != nil {
			w.Error(err)
		}
	})
}
