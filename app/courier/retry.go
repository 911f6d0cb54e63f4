package courier

import "time"

// Schedule holds the pauses before the next try. After the last pause, tries continue at long intervals until the link
// or code expires.
type Schedule struct{ Email, SMS []time.Duration }

// defaultSchedule returns the schedule that applies if Options name none.
func defaultSchedule() Schedule {
	return Schedule{
		Email: []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour},
		SMS:   []time.Duration{5 * time.Second, 20 * time.Second, time.Minute, 3 * time.Minute, 10 * time.Minute},
	}
}

const (
	// longPause is the interval between tries after the schedule.
	longPause = time.Hour
	// longUnsure is this interval for an SMS that got no answer: it may arrive each time, and costs money each time.
	longUnsure = 4 * time.Hour
	// longestAsked is the longest wait that a gateway may ask for with Retry-After.
	longestAsked = time.Hour
	// shortest is how long a link must still be valid for another try to be useful.
	shortest = time.Minute
)

// pause returns how long to wait after attempts tries (at least 1) of this schedule have failed, the last one with f.
func (s Schedule) pause(c Channel, attempts int, f *failure) time.Duration {
	steps := s.Email
	if c == SMS {
		steps = s.SMS
	}
	d := longPause
	switch {
	case attempts <= len(steps):
		d = steps[max(attempts, 1)-1]
	case c == SMS && !f.answered():
		d = longUnsure
	}
	return max(d, min(f.after, longestAsked))
}

// nextTry returns when to try again after pause. If that would be too late, it waits for half of the remaining time
// instead, so that the message is still sent if an outage ends shortly before the link expires. ok is false if less
// than shortest remains.
func nextTry(now time.Time, pause time.Duration, expires time.Time) (at time.Time, ok bool) {
	if at = now.Add(pause); at.Before(expires) {
		return at, true
	}
	left := expires.Sub(now)
	return now.Add(left / 2), left >= shortest
}
