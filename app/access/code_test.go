package access

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/app/effort"
	"kontor/app/fault"
)

// TestS3WrongCodes: of 1,000 concurrent wrong codes at most 5 are compared. After that the right code is refused, too.
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
		tries := effort.Of(50, 10) // of each of 20
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
		assert.Equal(w, 5, r.CodeTries, "tries")
		assert.Equal(w, 5, r.CodeTriesDay)
		assert.Equal(w, 4, said["code: code.wrong"])
		assert.Equal(w, 20*tries-4, said["too_many: code.locked"])
		_, err := w.register(token, code)
		wantFault(w.TB, err, "too_many: code.locked")
		inv, err := w.Invitation(w.Ctx, token)
		require.NoError(w, err)
		assert.True(w, inv.CodeLocked, "%+v", inv)
	})
}

// TestS4NewCodesDoNotResetTheDay: five attempts are allowed per code and fifteen per day; a new day begins at midnight.
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
				wantFault(w.TB, err, want)
				if try == 2 {
					var e *fault.Error
					require.ErrorAs(w, err, &e)
					assert.Equal(w, 3, e.Fields[0].Args["left"], "tries left")
				}
			}
			w.Tick(2 * time.Minute)
			w.Must(w.NewCode(w.Ctx, token, here))
			_, code = w.deliver(a.ID)
		}
		_, err := w.register(token, code)
		var e *fault.Error
		require.ErrorAs(w, err, &e)
		require.ErrorIs(w, err, ErrCodeDay)
		require.Equal(w, at(24, 0, 0).Sub(w.Now()), e.RetryAfter)
		w.Set(at(24, 0, 0))
		w.Must(w.NewCode(w.Ctx, token, here))
		_, code = w.deliver(a.ID)
		_, err = w.register(token, code)
		w.Must(err)
	})
}

// TestS13Codes: codes are accepted in the ways people type them.
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
			assert.True(w, codeShape.MatchString(code), "code %q", code)
			_, err := w.register(token, code+"0")
			wantFault(w.TB, err, "code: code.malformed")
			_, err = w.register(token, write(code))
			w.Must(err)
		}
	})
}

// TestS14Flood: one link or code per minute and five per day can be requested. The error says when the next is
// possible.
func TestS14Flood(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, _ := w.deliver(a.ID)
		var wg sync.WaitGroup
		errs := make([]error, 30)
		for i := range errs {
			wg.Go(func() { errs[i] = w.NewCode(w.Ctx, token, here) })
		}
		wg.Wait()
		sent := 0
		for _, err := range errs {
			var e *fault.Error
			switch {
			case err == nil:
				sent++
			case !errors.As(err, &e) || !errors.Is(err, ErrCodeWait) || e.RetryAfter != time.Minute:
				w.Errorf("%v", err)
			}
		}
		require.Equal(w, 1, sent, "sent")
		require.Len(w, w.messages(a.ID, courier.Queued), 1)
		inv, err := w.Invitation(w.Ctx, token)
		require.NoError(w, err)
		assert.WithinDuration(w, at(9, 1, 0), inv.NextCodeAt, 0, "next at")
		for range 4 {
			w.Tick(time.Minute)
			w.Must(w.NewCode(w.Ctx, token, here))
		}
		w.Tick(time.Hour)
		err = w.NewCode(w.Ctx, token, here)
		var e *fault.Error
		require.ErrorAs(w, err, &e)
		assert.ErrorIs(w, err, ErrCodeWait)
		assert.Equal(w, at(24, 0, 0).Sub(w.Now()), e.RetryAfter)
		w.Set(at(24, 0, 0))
		w.Must(w.NewCode(w.Ctx, token, here))
		assert.EqualValues(w, 7, w.count("message", "kind = ?", courier.RegistrationCode), "SMS")
	})
}

func TestNewCode(t *testing.T) {
	each(t, func(w *world) {
		a := w.invited("berta@example.org", mobile)
		token, first := w.deliver(a.ID)
		for range 5 {
			_, _ = w.register(token, "2222-2222")
		}
		w.Tick(time.Minute)
		w.Must(w.NewCode(w.Ctx, token, here))
		_, second := w.deliver(a.ID)
		_, err := w.register(token, first)
		wantFault(w.TB, err, "code: code.wrong")
		w.Tick(codeLife)
		_, err = w.register(token, second)
		wantFault(w.TB, err, "code: code.wrong")
		w.Must(w.NewCode(w.Ctx, token, here))
		_, third := w.deliver(a.ID)
		w.Tick(codeLife - time.Second)
		_, err = w.register(token, third)
		w.Must(err)
	})
}

// TestCodeOnlyIfAnSMSWentOut tests needsCode.
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
				got, late, err := w.needsCode(w.Ctx, w.row(a.ID))
				require.NoError(w, err)
				assert.Equal(w, c.want, got)
				assert.Equal(w, c.late, late, "late")
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
		inv, err := w.Invitation(w.Ctx, token)
		require.NoError(w, err)
		assert.False(w, inv.NeedsCode, "%+v", inv)
		assert.Empty(w, inv.MobileEnd)
		w.Must(w.NewCode(w.Ctx, token, here))
		assert.Equal(w, 2, len(w.messages(a.ID)), "messages")
		_, err = w.register(token, "")
		w.Must(err)
	})
}
