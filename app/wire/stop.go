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

// ErrTerminated is the cause of a context that SIGTERM ended: an orchestrator stops the process, and may still send it
// requests for a moment.
var ErrTerminated = errors.New("terminated")

// ErrInterrupted is the cause of a context that Ctrl+C ended.
var ErrInterrupted = errors.New("interrupted")

// UntilStopped is the context of a program: SIGINT and SIGTERM end it, and its cause says which. The next signal ends
// the program at once, whatever it is doing.
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

// startGrace is how long a start that was told to stop may take to notice.
const startGrace = 500 * time.Millisecond

// Begin starts a program's parts and returns them, or ok false and no error when ctx ended before they stood: then there
// is nothing to run and nothing to stop. A start that does not notice, since it waits for a lock of the database or for
// an address to be looked up, is left behind: the process ends, and each of its steps is a tx.
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
			if o.err != nil && ctx.Err() != nil { // what failed since it was told to stop
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
