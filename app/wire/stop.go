package wire

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// ErrTerminated is the cause of a context that SIGTERM ended. An orchestrator stops the process then, and may still send
// it requests for a moment.
var ErrTerminated = errors.New("terminated")

// ErrInterrupted is the cause of a context that Ctrl+C ended.
var ErrInterrupted = errors.New("interrupted")

// UntilStopped is the context of a program. SIGINT and SIGTERM end it, and its cause says which of them did. The next
// signal ends the program at once.
func UntilStopped() context.Context {
	ctx, end := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		cause := ErrInterrupted
		if <-signals == syscall.SIGTERM {
			cause = ErrTerminated
		}
		signal.Stop(signals)
		end(cause)
	}()
	return ctx
}

// startGrace is how long a start may take to react when it is told to stop.
const startGrace = 500 * time.Millisecond

// Begin starts a program's parts and returns them. If ctx ends before the start is complete, it returns ok false and no
// error: there is nothing to run and nothing to stop. A start may fail to react because it waits for a database lock or a
// DNS lookup. Begin does not wait for it then. That is safe: the process ends, and each step of the start is a
// transaction.
func Begin[T io.Closer](ctx context.Context, start func(ctx context.Context) (T, error)) (parts T, ok bool, err error) {
	type outcome struct {
		parts T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		parts, err := start(ctx)
		done <- outcome{parts, err}
	}()
	var late <-chan time.Time
	stopped := ctx.Done()
	for {
		select {
		case o := <-done:
			if o.err != nil && ctx.Err() != nil { // it failed because it was told to stop
				return o.parts, false, nil //nolint:nilerr // the caller knows why: it told it to
			}
			return o.parts, o.err == nil, o.err
		case <-stopped:
			stopped, late = nil, time.After(startGrace)
		case <-late:
			go func() {
				if o := <-done; o.err == nil {
					_ = o.parts.Close()
				}
			}()
			return parts, false, nil
		}
	}
}
