package access

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"kontor/app/courier"
)

func TestTimeline(t *testing.T) {
	now := at(12, 0, 0)
	mail := func(state courier.State, attempts ...courier.Attempt) courier.Message {
		return courier.Message{
			Kind: courier.Registration, Channel: courier.Email, Recipient: "b@example.org", Generation: 1, State: state,
			CreatedAt: at(9, 0, 0), SettledAt: ptr(at(9, 30, 0)), AttemptRows: attempts,
		}
	}
	sms := func(state courier.State, attempts ...courier.Attempt) courier.Message {
		m := mail(state, attempts...)
		m.Kind, m.Channel, m.Recipient = courier.RegistrationCode, courier.SMS, mobile
		return m
	}
	try := func(minute int, o courier.Outcome, reason string) courier.Attempt {
		a := courier.Attempt{StartedAt: at(9, minute, 0), Outcome: o, Reason: reason}
		if o != "" {
			a.EndedAt = ptr(at(9, minute, 2))
		}
		if o == courier.Temporary {
			a.NextAt = ptr(at(9, minute+5, 0))
		}
		return a
	}
	fresh := Access{Generation: 1, LinkExpiresAt: now.Add(time.Hour)}
	with := func(change func(*Access)) Access { a := fresh; change(&a); return a }
	for name, c := range map[string]struct {
		a        Access
		messages []courier.Message
		want     string // channel+tone:text, in order; a trailing * says settled
	}{
		"queued":      {fresh, []courier.Message{mail(courier.Queued)}, "e now:queued"},
		"sending":     {fresh, []courier.Message{mail(courier.Sending, try(1, "", ""))}, "e quiet:queued, e now:sending"},
		"try again":   {fresh, []courier.Message{mail(courier.Queued, try(1, courier.Temporary, "greylisted"))}, "e quiet:queued, e bad:temporary"},
		"cut short":   {fresh, []courier.Message{mail(courier.Sending, try(1, "", ""), try(3, "", ""))}, "e quiet:queued, e quiet:interrupted, e now:sending"},
		"handed over": {fresh, []courier.Message{mail(courier.HandedOver, try(1, courier.Accepted, ""))}, "e quiet:queued, e good:handed_over, e now:waiting_for_registration"},
		"both channels": {fresh,
			[]courier.Message{mail(courier.HandedOver, try(1, courier.Accepted, "")), sms(courier.Delivered, try(1, courier.Accepted, ""), try(2, courier.Arrived, ""))},
			"e quiet:queued, e good:handed_over, e now:waiting_for_registration, s quiet:queued, s good:handed_over, s good:delivered"},
		"SMS on its way after registering": {with(func(a *Access) { a.RegisteredAt = &now }),
			[]courier.Message{mail(courier.HandedOver, try(1, courier.Accepted, "")), sms(courier.Queued)},
			"e quiet:queued, e good:handed_over, e good:registered, s now:queued"},
		"refused": {with(func(a *Access) { a.Undeliverable = "recipient_unknown" }),
			[]courier.Message{mail(courier.Failed, try(1, courier.Permanent, "recipient_unknown"))}, "e quiet:queued, e bad:permanent *"},
		"bounced": {with(func(a *Access) { a.Undeliverable = "bounced" }),
			[]courier.Message{mail(courier.Failed, try(1, courier.Accepted, ""), try(4, courier.Bounced, "bounced"))}, "e quiet:queued, e good:handed_over, e bad:bounced *"},
		"delayed": {with(func(*Access) {}),
			[]courier.Message{mail(courier.HandedOver, try(1, courier.Accepted, ""), try(4, courier.Temporary, "delayed"))}, "e quiet:queued, e good:handed_over, e quiet:delayed, e now:waiting_for_registration"},
		"passed on": {with(func(*Access) {}),
			[]courier.Message{mail(courier.HandedOver, try(1, courier.Accepted, ""), try(4, courier.Temporary, "expanded"))}, "e quiet:queued, e good:handed_over, e quiet:relayed, e now:waiting_for_registration"},
		"not tried": {with(func(a *Access) { a.Undeliverable = "recipient_unknown" }),
			[]courier.Message{mail(courier.Failed, courier.Attempt{
				StartedAt: at(9, 1, 0), EndedAt: ptr(at(9, 1, 0)), Outcome: courier.Suppressed, Reason: "recipient_unknown", Detail: "2026-11-20T08:00:00Z",
			})}, "e quiet:queued, e bad:suppressed *"},
		"given up": {with(func(a *Access) { a.Undeliverable = "expired" }),
			[]courier.Message{mail(courier.Failed, try(1, courier.Temporary, "unreachable"))}, "e quiet:queued, e bad:temporary, e bad:gave_up *"},
		"expired": {with(func(a *Access) { a.LinkExpiresAt = now }),
			[]courier.Message{mail(courier.HandedOver, try(1, courier.Accepted, ""))}, "e quiet:queued, e good:handed_over, e bad:expired *"},
		"all the way": {with(func(a *Access) { a.OpenedAt, a.CodeEnteredAt, a.RegisteredAt = &now, &now, &now }),
			[]courier.Message{mail(courier.HandedOver, try(1, courier.Accepted, "")), sms(courier.HandedOver, try(1, courier.Accepted, ""))},
			"e quiet:queued, e good:handed_over, e good:opened, e good:registered, s quiet:queued, s good:handed_over, s good:code_entered *"},
		"deactivated": {with(func(a *Access) { a.DeactivatedAt = &now }),
			[]courier.Message{mail(courier.Cancelled)}, "e quiet:queued, e quiet:cancelled, e quiet:deactivated *"},
		"cancelled while being sent": {with(func(a *Access) { a.DeactivatedAt = &now }),
			[]courier.Message{mail(courier.Cancelled, try(40, courier.Accepted, ""))}, "e quiet:queued, e quiet:cancelled, e good:handed_over, e quiet:deactivated *"},
		"sent again": {with(func(a *Access) { a.Generation = 2 }),
			[]courier.Message{mail(courier.HandedOver, try(1, courier.Accepted, ""))}, "e quiet:queued, e good:handed_over"},
	} {
		steps, settled := Timeline(Row{Access: c.a, Messages: c.messages}, now)
		var got []string
		for _, s := range steps {
			got = append(got, fmt.Sprintf("%c %s:%s", s.Channel[0], s.Tone, strings.TrimPrefix(s.Text, "timeline.")))
			if s.Text == "timeline.temporary" && (s.Args["next"] != at(9, 6, 0) || s.Args["reason"] == "") {
				t.Errorf("%s: %v", name, s.Args)
			}
			if refused, _ := s.Args["refused"].(time.Time); s.Text == "timeline.suppressed" &&
				(!refused.Equal(time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)) || s.Args["reason"] != "recipient_unknown" || s.Args["detail"] != nil) {
				t.Errorf("%s: %v", name, s.Args)
			}
			if s.Text == "timeline.queued" && s.Args["recipient"] == "" {
				t.Errorf("%s: %v", name, s.Args)
			}
		}
		text := strings.Join(got, ", ")
		if settled {
			text += " *"
		}
		assert.Equal(t, c.want, text, "%s:\n got", name)
	}
}
