package access

import (
	"slices"
	"time"

	"kontor/app/courier"
	"kontor/app/phone"
)

// Step is an entry of the delivery timeline.
type Step struct {
	At      time.Time // zero: happening or expected now
	Channel courier.Channel
	Tone    string         // good, bad, now, quiet
	Text    string         // the whole message key, such as "timeline.queued"
	Args    map[string]any // next, until, refused (time.Time), detail, reason (key), recipient
}

// The tones of steps.
const (
	toneGood  = "good"
	toneBad   = "bad"
	toneNow   = "now"
	toneQuiet = "quiet"
)

// Timeline turns an access and its messages into steps: first those of e-mails, then those of SMS, each oldest first.
// What the end user did on the registration page belongs to the e-mails; entering the code belongs to the SMS. settled
// says that no more steps are expected for now: no message is queued or being sent, and the access is registered,
// deactivated, expired, undeliverable or waits for approval. An invited access is not settled, because the page must
// show when the person registers.
func Timeline(r Row, now time.Time) (steps []Step, settled bool) {
	status := r.status(now)
	settled = status != Invited
	for _, m := range r.Messages {
		if m.State == courier.Queued || m.State == courier.Sending {
			settled = false
		}
	}
	steps = append(messageSteps(r.Messages, courier.Email, now), personSteps(r, status)...)
	steps = append(steps, messageSteps(r.Messages, courier.SMS, now)...)
	if r.CodeEnteredAt != nil {
		steps = append(steps, Step{At: *r.CodeEnteredAt, Channel: courier.SMS, Tone: toneGood, Text: "timeline.code_entered"})
	}
	return steps, settled
}

// personSteps returns the steps that the end user took with the mail, and the step that is expected next.
func personSteps(r Row, status Status) (steps []Step) {
	add := func(at time.Time, tone, text string, args map[string]any) {
		steps = append(steps, Step{At: at, Channel: courier.Email, Tone: tone, Text: text, Args: args})
	}
	if r.OpenedAt != nil {
		add(*r.OpenedAt, toneGood, "timeline.opened", nil)
	}
	if r.RegisteredAt != nil {
		add(*r.RegisteredAt, toneGood, "timeline.registered", nil)
	}
	switch status {
	case Waits:
		add(*r.DeactivatedAt, toneNow, "timeline.waits_for_approval", nil)
	case Deactivated:
		add(*r.DeactivatedAt, toneQuiet, "timeline.deactivated", nil)
	case LinkExpired:
		add(r.LinkExpiresAt, toneBad, "timeline.expired", nil)
	case Invited:
		if arrived(r) {
			add(time.Time{}, toneNow, "timeline.waiting_for_registration", map[string]any{"until": r.LinkExpiresAt})
		}
	}
	return steps
}

// arrived says whether an invitation of the present generation was handed over for delivery.
func arrived(r Row) bool {
	for _, m := range r.Messages {
		if m.Channel == courier.Email && m.Generation == r.Generation &&
			(m.State == courier.HandedOver || m.State == courier.Delivered) {
			return true
		}
	}
	return false
}

func messageSteps(messages []courier.Message, channel courier.Channel, now time.Time) (steps []Step) {
	for _, m := range messages {
		if m.Channel == channel {
			steps = append(steps, stepsOf(m, now)...)
		}
	}
	return steps
}

// stepsOf returns the steps of one message: queued, each attempt, and the end if no attempt shows it.
func stepsOf(m courier.Message, now time.Time) []Step {
	recipient := m.Recipient
	if m.Channel == courier.SMS {
		recipient = phone.Show(recipient)
	}
	steps := []Step{{At: m.CreatedAt, Channel: m.Channel, Tone: toneQuiet, Text: "timeline.queued", Args: map[string]any{"recipient": recipient}}}
	said := map[courier.Outcome]bool{}
	for i, a := range m.AttemptRows {
		running := m.State == courier.Sending && i == len(m.AttemptRows)-1
		steps = append(steps, attemptStep(m.Channel, a, running))
		said[a.Outcome] = true
	}
	add := func(at *time.Time, tone, text string, args map[string]any) {
		st := Step{Channel: m.Channel, Tone: tone, Text: text, Args: args}
		if at != nil {
			st.At = *at
		}
		steps = append(steps, st)
	}
	switch m.State {
	case courier.Queued:
		if len(m.AttemptRows) == 0 {
			steps[0].Tone = toneNow
		} else if m.NextAt != nil && !now.Before(*m.NextAt) {
			add(nil, toneNow, "timeline.due", nil)
		}
	case courier.Sending:
		if n := len(m.AttemptRows); n == 0 || m.AttemptRows[n-1].Outcome != "" {
			add(nil, toneNow, "timeline.sending", nil)
		}
	case courier.HandedOver:
		if !said[courier.Accepted] {
			add(m.HandedOverAt, toneGood, "timeline.handed_over", nil)
		}
	case courier.Delivered:
		if !said[courier.Arrived] {
			add(m.SettledAt, toneGood, "timeline.delivered", nil)
		}
	case courier.Failed:
		if !said[courier.Permanent] && !said[courier.Bounced] && !said[courier.Suppressed] {
			add(m.SettledAt, toneBad, "timeline.gave_up", reasons(m.Reason, m.Detail))
		}
	case courier.Cancelled:
		if m.Reason == courier.ReasonRestored {
			add(m.SettledAt, toneQuiet, "timeline.cancelled_restored", nil)
		} else {
			add(m.SettledAt, toneQuiet, "timeline.cancelled", nil)
		}
	}
	// A message can be cancelled while it is being sent; then its attempt ends later. Steps without a time come last.
	slices.SortStableFunc(steps, func(a, b Step) int {
		switch {
		case a.At.IsZero() == b.At.IsZero():
			return a.At.Compare(b.At)
		case a.At.IsZero():
			return 1
		}
		return -1
	})
	return steps
}

// attemptStep returns the step of one attempt, at the time it ended. An attempt that never ended and is not running was
// interrupted: its process was killed, and the message is sent again.
func attemptStep(channel courier.Channel, a courier.Attempt, running bool) Step {
	st := Step{At: a.StartedAt, Channel: channel}
	if a.EndedAt != nil {
		st.At = *a.EndedAt
	}
	switch {
	case a.Delayed():
		st.Tone, st.Text, st.Args = toneQuiet, "timeline.delayed", reasons(a.Reason, a.Detail)
		return st
	case a.PassedOn():
		st.Tone, st.Text, st.Args = toneQuiet, "timeline.relayed", reasons(a.Reason, a.Detail)
		return st
	}
	switch a.Outcome {
	case courier.Accepted:
		st.Tone, st.Text = toneGood, "timeline.handed_over"
	case courier.Arrived:
		st.Tone, st.Text = toneGood, "timeline.delivered"
	case courier.Temporary:
		st.Tone, st.Text, st.Args = toneBad, "timeline.temporary", reasons(a.Reason, a.Detail)
		if a.NextAt != nil {
			st.Args["next"] = *a.NextAt
		}
	case courier.Permanent:
		st.Tone, st.Text, st.Args = toneBad, "timeline.permanent", reasons(a.Reason, a.Detail)
	case courier.Suppressed:
		st.Tone, st.Text, st.Args = toneBad, "timeline.suppressed", reasons(a.Reason, "")
		if at, ok := a.RefusedAt(); ok {
			st.Args["refused"] = at
		}
	case courier.Bounced:
		st.Tone, st.Text, st.Args = toneBad, "timeline.bounced", reasons(a.Reason, a.Detail)
	default:
		if running {
			st.Tone, st.Text = toneNow, "timeline.sending"
		} else {
			st.Tone, st.Text = toneQuiet, "timeline.interrupted"
		}
	}
	return st
}

func reasons(reason, detail string) map[string]any {
	args := map[string]any{}
	if reason != "" {
		args["reason"] = reason
	}
	if detail != "" {
		args["detail"] = detail
	}
	return args
}
