package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/secret"
	"kontor/app/store/storetest"
	"kontor/policies"
)

const mobile = "+491712345678"

func TestRegister(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, code := w.deliver(a.ID)
		inv, err := w.Invitation(w.ctx(), token)
		must(w.t, err)
		if !inv.NeedsCode || inv.MobileEnd != "678" || inv.HasAccount || inv.Username != "berta@example.org" ||
			inv.Customer != "Berta Kühn" || inv.CustomerNumber != "K-10001" || !inv.Expires.Equal(at(9, 0, 0).Add(LinkLife)) {
			w.t.Errorf("invitation %+v", inv)
		}
		w.clock.tick(time.Hour)
		username, err := w.register(token, code)
		must(w.t, err)
		r := w.row(a.ID)
		if username != "berta@example.org" || !r.AccountID.Valid || r.RegisteredAt == nil || !r.RegisteredAt.Equal(at(10, 0, 0)) ||
			r.OpenedAt == nil || r.CodeEnteredAt == nil || r.CodeTries != 0 || r.CodeTriesDay != 0 {
			w.t.Errorf("%q, %+v", username, r)
		}
		if n := w.count("audit", "action = ? AND subject_id = ? AND address = ?", audit.AccessRegistered, a.ID, here.Address); n != 1 {
			w.t.Errorf("%d log entries", n)
		}
		if n := w.count("access_code", "access_id = ?", a.ID); n != 0 {
			w.t.Errorf("%d codes left", n)
		}
		end := account.Caller{ID: r.AccountID.UUID, Roles: []policies.Role{policies.EndUser}}
		mine, err := w.Mine(w.ctx(), end)
		if err != nil || len(mine) != 1 || mine[0] != (MyCustomer{w.customer, 10001, "Berta Kühn"}) {
			w.t.Errorf("%+v, %v", mine, err)
		}
	})
}

func TestRegisterComplains(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, code := w.deliver(a.ID)
		for name, c := range map[string]struct {
			form RegisterForm
			want string
		}{
			"no code":              {RegisterForm{"", strong, strong}, "code: required"},
			"half a code":          {RegisterForm{code[:4], strong, strong}, "code: code.malformed"},
			"weak password":        {RegisterForm{code, "short", "short"}, "password: password.short"},
			"weak, and code":       {RegisterForm{"2222-2222", "short", "short"}, "password: password.short"},
			"passwords differ":     {RegisterForm{code, strong, strong + "!"}, "password_repeat: password.repeat"},
			"another's characters": {RegisterForm{"OOOO-IIII", strong, strong}, "code: code.malformed"},
		} {
			_, err := w.Register(w.ctx(), token, c.form, account.Caller{}, here)
			if got := complaint(err); got != c.want {
				w.t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
		if r := w.row(a.ID); r.CodeTries != 0 || r.CodeTriesDay != 0 || r.OpenedAt == nil {
			w.t.Errorf("tries were counted: %+v", r)
		}
	})
}

// TestS1ScannersChangeNothing: looking at the page, however often, writes nothing.
func TestS1ScannersChangeNothing(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, code := w.deliver(a.ID)
		before := w.row(a.ID)
		rows := func() string {
			return fmt.Sprint(w.count("audit", "1=1"), w.count("link", "used_at IS NULL"), w.count("message", "1=1"), w.count("access_code", "1=1"))
		}
		counts := rows()
		for range 100 {
			w.clock.tick(time.Second)
			_, err := w.Invitation(w.ctx(), token)
			must(w.t, err)
		}
		if after := w.row(a.ID); fmt.Sprintf("%+v", after) != fmt.Sprintf("%+v", before) || rows() != counts {
			w.t.Errorf("changed from\n%+v to\n%+v", before, after)
		}
		_, err := w.register(token, code)
		must(w.t, err)
	})
}

// TestS2RegistersOnce: of 100 valid POSTs at once one registers.
func TestS2RegistersOnce(t *testing.T) {
	each(t, func(w *world) {
		for _, number := range []string{"", mobile} {
			a := w.invited("berta"+number+"@example.org", number)
			token, code := w.deliver(a.ID)
			errs := make([]error, 100)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { _, errs[i] = w.register(token, code) })
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				switch {
				case err == nil:
					won++
				case fault.CodeOf(err) == fault.Internal:
					w.t.Error(err)
				}
			}
			if won != 1 || w.count("account", "email_folded = ?", a.Email) != 1 ||
				w.count("audit", "action = ? AND subject_id = ?", audit.AccessRegistered, a.ID) != 1 {
				w.t.Errorf("%d of 100 registered", won)
			}
		}
	})
}

// TestS3WrongCodes: of 1,000 wrong codes at once at most 5 are compared; the right one is refused then, too.
func TestS3WrongCodes(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, code := w.deliver(a.ID)
		wrong := "2222-2222"
		if code == wrong {
			wrong = "3333-3333"
		}
		var mu sync.Mutex
		said := map[string]int{}
		var wg sync.WaitGroup
		tries := 50 // of each of 20
		if storetest.Race {
			tries = 15
		}
		for range 20 {
			wg.Go(func() {
				for range tries {
					_, err := w.register(token, wrong)
					mu.Lock()
					said[complaint(err)]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		r := w.row(a.ID)
		if r.CodeTries != 5 || r.CodeTriesDay != 5 || said["code: code.wrong"] != 4 || said["too_many: code.locked"] != 20*tries-4 {
			w.t.Errorf("%d tries, %v", r.CodeTries, said)
		}
		_, err := w.register(token, code)
		wantFault(w.t, err, "too_many: code.locked")
		if inv, err := w.Invitation(w.ctx(), token); err != nil || !inv.CodeLocked {
			w.t.Errorf("%+v, %v", inv, err)
		}
	})
}

// TestS4NewCodesDoNotResetTheDay: five tries a code, fifteen a day, and a new day begins at midnight.
func TestS4NewCodesDoNotResetTheDay(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, _ := w.deliver(a.ID)
		var code string
		for round := range 3 {
			for try := 1; try <= 5; try++ {
				_, err := w.register(token, "2222-2222")
				want := "code: code.wrong"
				if try == 5 {
					want = "too_many: code.locked"
				}
				if round == 2 && try == 5 {
					want = "too_many: code.day"
				}
				wantFault(w.t, err, want)
				if try == 2 {
					var e *fault.Error
					if !errors.As(err, &e) || e.Fields[0].Args["left"] != 3 {
						w.t.Errorf("left: %v", e.Fields[0].Args)
					}
				}
			}
			w.clock.tick(2 * time.Minute)
			must(w.t, w.NewCode(w.ctx(), token, here))
			_, code = w.deliver(a.ID)
		}
		_, err := w.register(token, code)
		var e *fault.Error
		if !errors.As(err, &e) || !errors.Is(err, ErrCodeDay) || e.RetryAfter != at(24, 0, 0).Sub(w.clock.now()) {
			w.t.Fatalf("%v", err)
		}
		w.clock.set(at(24, 0, 0))
		must(w.t, w.NewCode(w.ctx(), token, here))
		_, code = w.deliver(a.ID)
		_, err = w.register(token, code)
		must(w.t, err)
	})
}

// TestS5Expiry: one second before works, one after does not. No clean-up job runs here at all.
func TestS5Expiry(t *testing.T) {
	each(t, func(w *world) {
		for i, c := range []struct {
			after time.Duration
			want  string
		}{{LinkLife - time.Second, ""}, {LinkLife, "gone: link.expired"}, {LinkLife + time.Second, "gone: link.expired"}} {
			w.clock.set(at(9, 0, 0))
			a := w.invited(fmt.Sprintf("b%d@example.org", i), mobile)
			token, code := w.deliver(a.ID)
			w.clock.tick(c.after)
			_, err := w.register(token, code)
			if got := complaint(err); got != c.want {
				w.t.Errorf("after %s: %q, want %q", c.after, got, c.want)
			}
		}
	})
}

// TestS6TokensThatAreNone all get one answer, in about the same time.
func TestS6TokensThatAreNone(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		token, _ := w.deliver(a.ID)
		former := token
		w.clock.tick(time.Minute)
		must(w.t, w.Resend(w.ctx(), w.anna, w.customer, a.ID))
		token, _ = w.deliver(a.ID)
		other, err := secret.Mint(w.ctx(), w.db, secret.Link{
			Purpose: secret.ResetPassword, SubjectID: a.ID, Generation: 2, Address: w.address("berta@example.org"),
			CreatedAt: w.clock.now(), ExpiresAt: w.clock.now().Add(time.Hour),
		})
		must(w.t, err)
		gone, err := secret.Mint(w.ctx(), w.db, secret.Link{
			Purpose: secret.Register, SubjectID: newID(), Generation: 1, Address: w.address("x@example.org"),
			CreatedAt: w.clock.now(), ExpiresAt: w.clock.now().Add(time.Hour),
		})
		must(w.t, err)
		tokens := map[string]string{
			"unknown": secret.NewToken(), "empty": "", "truncated": token[:42], "former": former, "other purpose": other,
			"of an access that is gone": gone,
		}
		for name, tok := range tokens {
			inv, err := w.Invitation(w.ctx(), tok)
			if err != secret.ErrUnknownLink || inv != (Invitation{}) {
				w.t.Errorf("%s: %+v, %v", name, inv, err)
			}
			if _, err := w.register(tok, "2222-2222"); err != secret.ErrUnknownLink {
				w.t.Errorf("%s: register %v", name, err)
			}
			if err := w.NewCode(w.ctx(), tok, here); err != secret.ErrUnknownLink {
				w.t.Errorf("%s: new code %v", name, err)
			}
			if err := errors.Join(w.NewLink(w.ctx(), tok, here), w.Opened(w.ctx(), tok)); err != nil {
				w.t.Errorf("%s: new link, opened %v", name, err)
			}
		}
		median := func(tok string) time.Duration {
			took := make([]time.Duration, 500)
			for i := range took {
				begin := time.Now()
				_, _ = w.register(tok, "2222-2222")
				took[i] = time.Since(begin)
			}
			slices.Sort(took)
			return took[len(took)/2]
		}
		base := median(tokens["unknown"])
		for name, tok := range tokens {
			if d := (median(tok) - base).Abs(); d > 5*time.Millisecond {
				w.t.Errorf("%s takes %s longer or shorter", name, d)
			}
		}
		if n := w.count("message", "state = ?", courier.Queued); n != 0 {
			w.t.Errorf("%d messages sent", n)
		}
	})
}

// TestS8RecipientFromTheDatabase: whatever a message or a form says, the mail goes where the access's row says.
func TestS8RecipientFromTheDatabase(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		for _, m := range w.messages(a.ID) {
			m.Recipient = "mallory@example.net"
			if c := w.compose(m); !c.Void || c.To != "" {
				w.t.Errorf("%s goes to %q", m.Kind, c.To)
			}
		}
		if n := w.count("link", "1=1") + w.count("access_code", "1=1"); n != 0 {
			w.t.Errorf("%d secrets minted for a foreign address", n)
		}
	})
}

// TestS9Corrected: a correction kills link and code at once, cancels what is queued and sends anew.
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
				w.clock.tick(time.Second)
				f := form("berta@example.org", mobile)
				change(&f)
				got, err := w.Correct(w.ctx(), w.anna, w.customer, a.ID, a.Version, f)
				must(w.t, err)
				if got.Generation != 2 || got.Email != f.Email || got.Mobile != f.Mobile || got.Version != 2 || !got.InvitedAt.Equal(at(9, 0, 1)) {
					w.t.Errorf("%+v", got)
				}
				if _, err := w.register(token, code); err != secret.ErrUnknownLink {
					w.t.Errorf("the old link: %v", err)
				}
				for _, m := range w.messages(a.ID, courier.HandedOver) {
					if c := w.compose(m); !c.Void {
						w.t.Errorf("%s of the old generation is sent", m.Kind)
					}
				}
				var to []string
				for _, m := range w.messages(a.ID, courier.Queued) {
					to = append(to, m.Recipient)
				}
				if !slices.Equal(to, []string{f.Email, f.Mobile}) {
					w.t.Errorf("sent to %v", to)
				}
				token, code = w.deliver(a.ID)
				_, err = w.register(token, code)
				must(w.t, err)
			})
		})
	}
}

// TestS9MintedMeanwhile: a link that a slow worker mints for the old generation after the correction opens nothing.
func TestS9MintedMeanwhile(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		r := w.row(a.ID)
		_, err := w.Correct(w.ctx(), w.anna, w.customer, a.ID, a.Version, form("b@example.org", ""))
		must(w.t, err)
		late, err := secret.Mint(w.ctx(), w.db, secret.Link{
			Purpose: secret.Register, SubjectID: a.ID, Generation: r.Generation, Address: w.address(r.EmailFolded),
			CreatedAt: r.InvitedAt, ExpiresAt: r.LinkExpiresAt,
		})
		must(w.t, err)
		if _, err := w.register(late, ""); err != secret.ErrUnknownLink {
			w.t.Errorf("%v", err)
		}
		if w.row(a.ID).RegisteredAt != nil {
			w.t.Error("registered")
		}
	})
}

// TestS10UsedAndExpired: a used link says so, an expired one sends a new one to the stored address.
func TestS10UsedAndExpired(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		expired, _ := w.deliver(a.ID)
		w.clock.tick(LinkLife)
		inv, err := w.Invitation(w.ctx(), expired)
		if err != secret.ErrExpiredLink || inv.Username != "berta@example.org" || inv.Locale != "de" {
			w.t.Fatalf("%+v, %v", inv, err)
		}
		if s := w.row(a.ID).access().Status(w.clock.now()); s != LinkExpired {
			w.t.Errorf("status %s", s)
		}
		must(w.t, w.NewLink(w.ctx(), expired, here))
		queued := w.messages(a.ID, courier.Queued)
		if len(queued) != 1 || queued[0].Recipient != "berta@example.org" {
			w.t.Fatalf("%+v", queued)
		}
		if n := w.count("audit", "action = ?", audit.AccessLinkAsked); n != 1 {
			w.t.Errorf("%d log entries", n)
		}
		token, _ := w.deliver(a.ID)
		if err := w.NewLink(w.ctx(), token, here); err != nil || len(w.messages(a.ID, courier.Queued)) != 0 {
			w.t.Errorf("a good link asks for another: %v", err)
		}
		_, err = w.register(token, "")
		must(w.t, err)
		for _, used := range []string{token, expired} {
			inv, err := w.Invitation(w.ctx(), used)
			if err != secret.ErrUsedLink || inv.Username != "berta@example.org" {
				w.t.Errorf("%+v, %v", inv, err)
			}
			if _, err := w.register(used, ""); err != secret.ErrUsedLink {
				w.t.Errorf("%v", err)
			}
			must(w.t, w.NewLink(w.ctx(), used, here))
		}
		if len(w.messages(a.ID, courier.Queued)) != 0 {
			w.t.Error("a registered person got a new link")
		}
	})
}

// TestS11NothingSecretIsStored searches every text of every table for token and code.
func TestS11NothingSecretIsStored(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, code := w.deliver(a.ID)
		_, err := w.register(token, "2222-2222")
		wantFault(w.t, err, "code: code.wrong")
		_, err = w.register(token, code)
		must(w.t, err)
		bare := strings.ReplaceAll(code, "-", "")
		for _, table := range []string{"access", "access_code", "link", "message", "message_attempt", "audit", "account", "customer"} {
			var rows []map[string]any
			must(w.t, w.db.NewSelect().TableExpr(table).Scan(w.ctx(), &rows))
			if text := fmt.Sprint(rows); strings.Contains(text, token) || strings.Contains(text, code) || strings.Contains(text, bare) {
				w.t.Errorf("token or code in %s", table)
			}
		}
	})
}

// TestS13Codes: as people type them.
func TestS13Codes(t *testing.T) {
	each(t, func(w *world) {
		for i, write := range []func(string) string{
			strings.ToLower,
			func(c string) string { return strings.ReplaceAll(c, "-", "") },
			func(c string) string { return " " + strings.ReplaceAll(c, "-", " - ") + " " },
			func(c string) string { return strings.ReplaceAll(c, "-", "–") },
		} {
			a := w.invited(fmt.Sprintf("b%d@example.org", i), mobile)
			token, code := w.deliver(a.ID)
			if !codeShape.MatchString(code) {
				w.t.Errorf("code %q", code)
			}
			_, err := w.register(token, code+"0")
			wantFault(w.t, err, "code: code.malformed")
			_, err = w.register(token, write(code))
			must(w.t, err)
		}
	})
}

// TestS14Flood: one link or code a minute, five a day, and the answer says when the next is possible.
func TestS14Flood(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, _ := w.deliver(a.ID)
		var wg sync.WaitGroup
		errs := make([]error, 30)
		for i := range errs {
			wg.Go(func() { errs[i] = w.NewCode(w.ctx(), token, here) })
		}
		wg.Wait()
		sent := 0
		for _, err := range errs {
			var e *fault.Error
			switch {
			case err == nil:
				sent++
			case !errors.As(err, &e) || !errors.Is(err, ErrCodeWait) || e.RetryAfter != time.Minute:
				w.t.Errorf("%v", err)
			}
		}
		if sent != 1 || len(w.messages(a.ID, courier.Queued)) != 1 {
			w.t.Fatalf("%d sent", sent)
		}
		if inv, err := w.Invitation(w.ctx(), token); err != nil || !inv.NextCodeAt.Equal(at(9, 1, 0)) {
			w.t.Errorf("next at %s, %v", inv.NextCodeAt, err)
		}
		for range 4 {
			w.clock.tick(time.Minute)
			must(w.t, w.NewCode(w.ctx(), token, here))
		}
		w.clock.tick(time.Hour)
		err := w.NewCode(w.ctx(), token, here)
		var e *fault.Error
		if !errors.As(err, &e) || !errors.Is(err, ErrCodeWait) || e.RetryAfter != at(24, 0, 0).Sub(w.clock.now()) {
			w.t.Errorf("%v", err)
		}
		w.clock.set(at(24, 0, 0))
		must(w.t, w.NewCode(w.ctx(), token, here))
		if n := w.count("message", "kind = ?", courier.RegistrationCode); n != 7 {
			w.t.Errorf("%d SMS", n)
		}
	})
}

func TestS14FloodOfLinks(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		expired, _ := w.deliver(a.ID)
		w.clock.tick(LinkLife)
		must(w.t, w.NewLink(w.ctx(), expired, here))
		err := w.NewLink(w.ctx(), expired, here)
		wantFault(w.t, err, "too_many: link.wait")
		if inv, err := w.Invitation(w.ctx(), expired); err != secret.ErrExpiredLink || !inv.NextCodeAt.Equal(w.clock.now().Add(time.Minute)) {
			w.t.Errorf("%+v, %v", inv, err)
		}
		for range 4 {
			w.clock.tick(time.Minute)
			must(w.t, w.NewLink(w.ctx(), expired, here))
		}
		w.clock.tick(time.Minute)
		wantFault(w.t, w.NewLink(w.ctx(), expired, here), "too_many: link.wait")
		if n := len(w.messages(a.ID)); n != 6 {
			w.t.Errorf("%d mails", n)
		}
	})
}

// TestS53ClockJumps: a send noted by a clock that was an hour ahead locks nobody out, and nothing goes out twice.
func TestS53ClockJumps(t *testing.T) {
	each(t, func(w *world) {
		w.clock.set(at(10, 0, 0))
		a := w.invited("berta@example.org", mobile)
		token, _ := w.deliver(a.ID)
		must(w.t, w.NewCode(w.ctx(), token, here))
		w.clock.set(at(9, 0, 0))
		must(w.t, w.NewCode(w.ctx(), token, here))
		must(w.t, w.Resend(w.ctx(), w.anna, w.customer, a.ID))
		if n := len(w.messages(a.ID, courier.Queued)); n != 2 {
			w.t.Errorf("%d messages queued", n)
		}
	})
}

func TestNewCode(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, first := w.deliver(a.ID)
		for range 5 {
			_, _ = w.register(token, "2222-2222")
		}
		w.clock.tick(time.Minute)
		must(w.t, w.NewCode(w.ctx(), token, here))
		_, second := w.deliver(a.ID)
		_, err := w.register(token, first)
		wantFault(w.t, err, "code: code.wrong")
		w.clock.tick(codeLife)
		_, err = w.register(token, second)
		wantFault(w.t, err, "code: code.wrong")
		must(w.t, w.NewCode(w.ctx(), token, here))
		_, third := w.deliver(a.ID)
		w.clock.tick(codeLife - time.Second)
		_, err = w.register(token, third)
		must(w.t, err)
	})
}

// TestAttemptsMintTheirOwn: the answer to an attempt was lost, so it was sent twice: both links and both codes work.
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
			w.t.Fatal("the same secret twice")
		}
		_, err := w.register(links[0], codes[1])
		must(w.t, err)
		if _, err := w.register(links[1], codes[0]); err != secret.ErrUsedLink {
			w.t.Errorf("%v", err)
		}
	})
}

func TestComposersVoid(t *testing.T) {
	each(t, func(w *world) {
		for name, do := range map[string]func(a Access) error{
			"removed":     func(a Access) error { return w.Remove(w.ctx(), w.anna, w.customer, a.ID, true) },
			"deactivated": func(a Access) error { return w.Deactivate(w.ctx(), w.anna, w.customer, a.ID) },
			"sent again": func(a Access) error {
				w.clock.tick(time.Minute)
				return w.Resend(w.ctx(), w.anna, w.customer, a.ID)
			},
			"registered": func(a Access) error {
				token, code := w.deliver(a.ID)
				_, err := w.register(token, code)
				return err
			},
			"expired": func(Access) error { w.clock.tick(LinkLife); return nil },
			"customer gone": func(Access) error {
				_, err := w.db.NewUpdate().Table("customer").Set("deleting = ?", true).Where("id = ?", w.customer).Exec(w.ctx())
				return err
			},
		} {
			_, err := w.db.NewUpdate().Table("customer").Set("deleting = ?", false).Where("id = ?", w.customer).Exec(w.ctx())
			must(w.t, err)
			a := w.invited(strings.ReplaceAll(name, " ", "")+"@example.org", mobile)
			messages := w.messages(a.ID)
			must(w.t, do(a))
			if c := w.compose(messages[0]); !c.Void {
				w.t.Errorf("%s: the mail goes out", name)
			}
			if name == "customer gone" {
				continue // its messages are cancelled; the code alone names nobody
			}
			if c := w.compose(messages[1]); !c.Void {
				w.t.Errorf("%s: the SMS goes out", name)
			}
		}
	})
}

// TestCodeOnlyIfAnSMSWentOut: see needsCode.
func TestCodeOnlyIfAnSMSWentOut(t *testing.T) {
	for name, c := range map[string]struct {
		state      courier.State
		outcome    courier.Outcome
		reason     string
		want, late bool
	}{
		"tried again":               {courier.Queued, courier.Temporary, "gateway_error", true, true},
		"no credit":                 {courier.Queued, courier.Temporary, "credit", true, true},
		"handed over":               {courier.HandedOver, courier.Accepted, "", true, false},
		"delivered":                 {courier.Delivered, courier.Arrived, "", true, false},
		"no such number":            {courier.Failed, courier.Permanent, "number_invalid", false, true},
		"no such number, reported":  {courier.Failed, courier.Bounced, "number_invalid", false, true},
		"did not arrive":            {courier.Failed, courier.Bounced, "not_delivered", true, true},
		"refused, by the old rule":  {courier.Failed, courier.Permanent, "auth", true, true},
		"taken back, then too late": {courier.Failed, courier.Permanent, "expired", true, true},
		"given up after 10 m":       {courier.Failed, courier.Temporary, "gave_up", true, true},
		"cancelled":                 {courier.Cancelled, courier.Temporary, "", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				a := w.invited("berta@example.org", mobile)
				for _, m := range w.messages(a.ID) {
					if m.Channel == courier.SMS {
						w.settle(m, c.state, c.reason, c.outcome)
					}
				}
				got, late, err := w.needsCode(w.ctx(), w.row(a.ID))
				if err != nil || got != c.want || late != c.late {
					w.t.Errorf("%v, late %v, %v", got, late, err)
				}
			})
		})
	}
}

func TestRefusedSMSLetsTheLinkSuffice(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		var token string
		for _, m := range w.messages(a.ID) {
			if m.Channel == courier.SMS {
				w.settle(m, courier.Failed, "number_invalid", courier.Permanent)
				continue
			}
			token = strings.TrimPrefix(w.compose(m).Data.(courier.RegistrationData).Link, "https://kontor.example/register/")
		}
		inv, err := w.Invitation(w.ctx(), token)
		if err != nil || inv.NeedsCode || inv.MobileEnd != "" {
			w.t.Errorf("%+v, %v", inv, err)
		}
		must(w.t, w.NewCode(w.ctx(), token, here))
		if n := len(w.messages(a.ID)); n != 2 {
			w.t.Errorf("%d messages", n)
		}
		_, err = w.register(token, "")
		must(w.t, err)
	})
}

// TestN10SecondCustomer: who has an account proves it, and has one account and two customers then.
func TestN10SecondCustomer(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		token, _ := w.deliver(a.ID)
		_, err := w.register(token, "")
		must(w.t, err)
		owner := w.row(a.ID).AccountID.UUID

		second := w.newCustomer("Zoe", "Adam")
		b, err := w.Create(w.ctx(), w.anna, second, form("Berta@Example.org", ""), "")
		must(w.t, err)
		if m := w.messages(b.ID); len(m) != 1 || m[0].Kind != courier.JoinCustomer {
			w.t.Fatalf("%+v", m)
		}
		token, _ = w.deliver(b.ID)
		if inv, err := w.Invitation(w.ctx(), token); err != nil || !inv.HasAccount {
			w.t.Errorf("%+v, %v", inv, err)
		}
		_, err = w.Register(w.ctx(), token, RegisterForm{}, account.Caller{}, here)
		wantFault(w.t, err, "password: required")
		slowed := false
		for range 20 { // guessing is slowed down here as at the sign-in
			_, err = w.Register(w.ctx(), token, RegisterForm{Password: "another password"}, account.Caller{}, here)
			if slowed = fault.CodeOf(err) == fault.TooMany; slowed {
				break
			}
			wantFault(w.t, err, "password: password.wrong")
		}
		if !slowed {
			w.t.Error("20 guesses at once")
		}
		w.clock.tick(time.Hour)
		_, err = w.Register(w.ctx(), token, RegisterForm{}, account.Caller{ID: w.anna.ID}, here)
		wantFault(w.t, err, "password: required") // signed in, but as somebody else
		username, err := w.Register(w.ctx(), token, RegisterForm{Password: strong}, account.Caller{}, here)
		if err != nil || username != "berta@example.org" || w.row(b.ID).AccountID.UUID != owner {
			w.t.Fatalf("%q, %v", username, err)
		}

		third := w.newCustomer("Carl", "Mohn")
		c, err := w.Create(w.ctx(), w.anna, third, form("berta@example.org", ""), "")
		must(w.t, err)
		token, _ = w.deliver(c.ID)
		end := account.Caller{ID: owner, Roles: []policies.Role{policies.EndUser}}
		_, err = w.Register(w.ctx(), token, RegisterForm{}, end, here) // signed in already
		must(w.t, err)
		mine, err := w.Mine(w.ctx(), end)
		must(w.t, err)
		var names []string
		for _, m := range mine {
			names = append(names, m.Name)
		}
		if !slices.Equal(names, []string{"Berta Kühn", "Carl Mohn", "Zoe Adam"}) || w.count("account", "NOT specialist") != 1 {
			w.t.Errorf("%v", names)
		}
		must(w.t, w.Deactivate(w.ctx(), w.anna, third, c.ID))
		if mine, err := w.Mine(w.ctx(), end); err != nil || len(mine) != 2 {
			w.t.Errorf("%+v, %v", mine, err)
		}
		if _, err := w.Mine(w.ctx(), w.anna); !errors.Is(err, policies.ErrForbidden) {
			w.t.Errorf("a specialist user without access: %v", err)
		}
	})
}

// TestTwoCustomersAtOnce: the same new person registers at two customers at the same time: one account, and whoever
// comes second is told to load the page again.
func TestTwoCustomersAtOnce(t *testing.T) {
	each(t, func(w *world) {
		second := w.newCustomer("Zoe", "Adam")
		a := w.invited("berta@example.org", "")
		b, err := w.Create(w.ctx(), w.anna, second, form("berta@example.org", ""), "")
		must(w.t, err)
		tokens := []string{"", ""}
		for i, id := range []uuid.UUID{a.ID, b.ID} {
			tokens[i], _ = w.deliver(id)
		}
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i := range tokens {
			wg.Go(func() { _, errs[i] = w.register(tokens[i], "") })
		}
		wg.Wait()
		for i, err := range errs {
			if err != nil && complaint(err) != "conflict: register.again" {
				w.t.Error(err)
			}
			if err != nil {
				_, err = w.register(tokens[i], "")
				must(w.t, err)
			}
		}
		if n := w.count("account", "NOT specialist"); n != 1 {
			w.t.Errorf("%d accounts", n)
		}
	})
}

func TestOpened(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", "")
		token, _ := w.deliver(a.ID)
		w.clock.tick(time.Minute)
		must(w.t, w.Opened(w.ctx(), token))
		w.clock.tick(time.Minute)
		must(w.t, w.Opened(w.ctx(), token))
		if r := w.row(a.ID); r.OpenedAt == nil || !r.OpenedAt.Equal(at(9, 1, 0)) {
			w.t.Errorf("%v", r.OpenedAt)
		}
		must(w.t, w.Resend(w.ctx(), w.anna, w.customer, a.ID))
		if r := w.row(a.ID); r.OpenedAt != nil {
			w.t.Errorf("%v of the generation before", r.OpenedAt)
		}
	})
}
