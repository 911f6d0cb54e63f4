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
	// longPause is the interval after the schedule. Where no answer came, the message may have arrived each time.
	longPause = 4 * time.Hour
	// longRefused is the same for an SMS that was refused: nothing arrived, and who waits for a code waits at a page.
	longRefused = time.Hour
	// longestAsked bounds what a gateway may ask for by Retry-After.
	longestAsked = time.Hour
)

// pause is how long to wait after the attempts made so far (at least 1) have failed for now, the last one by f.
func (s Schedule) pause(c Channel, attempts int, f *failure) time.Duration {
	steps := s.Email
	if c == SMS {
		steps = s.SMS
	}
	d := longPause
	switch {
	case attempts <= len(steps):
		d = steps[max(attempts, 1)-1]
	case c == SMS && f.answered():
		d = longRefused
	}
	return max(d, min(f.after, longestAsked))
}
