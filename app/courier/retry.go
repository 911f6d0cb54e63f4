package courier

import "time"

// Schedule is the pauses before the next try. After the last of them it goes on, at long intervals, until the link or
// code expires.
type Schedule struct{ Email, SMS []time.Duration }

// DefaultSchedule is the schedule of Options that name none.
func DefaultSchedule() Schedule {
	return Schedule{
		Email: []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour},
		SMS:   []time.Duration{5 * time.Second, 20 * time.Second, time.Minute, 3 * time.Minute, 10 * time.Minute},
	}
}

const (
	// longPause is the interval after the schedule.
	longPause = time.Hour
	// longUnsure is the same for an SMS that was not answered: it may have arrived each time, and costs each time.
	longUnsure = 4 * time.Hour
	// longestAsked bounds what a gateway may ask for by Retry-After.
	longestAsked = time.Hour
	// shortest is how long a link must be good for if another try is to be of use.
	shortest = time.Minute
)

// pause is how long to wait after the attempts of this schedule so far (at least 1) have failed for now, the last one by f.
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

// nextTry is when to try again after pause. Where that would be too late, half of the time that is left is waited, so that
// an outage which ends shortly before the link does ends in time. Not ok: the time is as good as over.
func nextTry(now time.Time, pause time.Duration, expires time.Time) (at time.Time, ok bool) {
	if at = now.Add(pause); at.Before(expires) {
		return at, true
	}
	left := expires.Sub(now)
	return now.Add(left / 2), left >= shortest
}
