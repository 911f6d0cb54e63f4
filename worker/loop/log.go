package loop

import (
	"fmt"
	"log/slog"
)

// asynqLog passes Asynq's log lines to slog. Asynq's notes about itself are logged at debug level. So are its errors
// while Redis is away: each part of Asynq reports one every second, and reach has logged the outage already.
type asynqLog struct {
	reach *reach
	log   *slog.Logger
}

// Debug logs at debug level.
func (l asynqLog) Debug(args ...any) { l.log.Debug("asynq: " + fmt.Sprint(args...)) }

// Info logs at debug level too.
func (l asynqLog) Info(args ...any) { l.Debug(args...) }

// Warn logs at warn level, unless Redis is away.
func (l asynqLog) Warn(args ...any) {
	if l.reach.disturbed() {
		l.Debug(args...)
		return
	}
	l.log.Warn("asynq: " + fmt.Sprint(args...))
}

// Error logs at error level, unless Redis is away.
func (l asynqLog) Error(args ...any) {
	if l.reach.disturbed() {
		l.Debug(args...)
		return
	}
	l.log.Error("asynq: " + fmt.Sprint(args...))
}

// Fatal logs only. Whether the process ends is main's decision.
func (l asynqLog) Fatal(args ...any) { l.log.Error("asynq: " + fmt.Sprint(args...)) }
