package courier

import "time"

// Schedule is the pauses before the next try. Mail goes on every mailLong after the last of them, until its link
// expires; SMS is given up.
type Schedule struct{ Email, SMS []time.Duration }

// DefaultSchedule is the schedule of Options that name none.
func DefaultSchedule() Schedule {
	return Schedule{
		Email: []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour},
		SMS:   []time.Duration{5 * time.Second, 20 * time.Second, time.Minute, 3 * time.Minute, 10 * time.Minute},
	}
}

const (
	mailLong = 4 * time.Hour
	// longestAsked bounds what a gateway may ask for by Retry-After.
	longestAsked = time.Hour
)

// pause is how long to wait after the attempts made so far (at least 1) have failed for now; ok=false: give up. asked is
// what the other side wants, 0 if it said nothing.
func (s Schedule) pause(c Channel, attempts int, asked time.Duration) (d time.Duration, ok bool) {
	steps := s.Email
	if c == SMS {
		steps = s.SMS
	}
	switch {
	case attempts <= len(steps):
		d = steps[max(attempts, 1)-1]
	case c == SMS:
		return 0, false
	default:
		d = mailLong
	}
	return max(d, min(asked, longestAsked)), true
}
