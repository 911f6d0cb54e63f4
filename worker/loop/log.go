package loop

import (
	"fmt"
	"log/slog"
)

// asynqLog hands Asynq's lines to slog. Its notes about itself are for debugging, and while Redis is away so are its
// complaints, of which each of its parts has one every second: reach has said it once.
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

// Fatal logs; ending the process is for main to decide.
func (l asynqLog) Fatal(args ...any) { l.log.Error("asynq: " + fmt.Sprint(args...)) }
