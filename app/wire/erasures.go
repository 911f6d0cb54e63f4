package wire

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/erasure"
	"kontor/app/heartbeat"
	"kontor/app/job"
)

// keepers find and erase records that were deleted before. Customers come first, because erasing a customer erases its
// accesses, too.
func (s *Services) keepers() []erasure.Keeper {
	return append([]erasure.Keeper{s.Customers.Erasable()}, s.Accesses.Erasable()...)
}

// beginErasures opens the erasure log. It returns an error, which ends the start, if the database still has somebody who
// was deleted. If the log is in a second database that can't be reached now, the program starts all the same, and
// deletions wait.
func (s *Services) beginErasures(ctx context.Context) error {
	if s.Erasures == nil {
		s.Log.Warn("ERASURE_LOG is not set: when a backup is restored, nobody knows who was deleted since")
		return nil
	}
	told, err := s.Erasures.Begin(ctx, s.keepers()...)
	if told != "" {
		s.Log.Warn(told)
	}
	switch {
	case err == nil, errors.Is(err, erasure.ErrBehind), ctx.Err() != nil:
		return err
	case erasure.IsDatabase(s.Config.ErasureLog) && !errors.Is(err, erasure.ErrSame):
		s.Log.Error("ERASURE_LOG can't be reached: deletions wait until it can", "error", err)
		return nil
	}
	return fmt.Errorf("ERASURE_LOG: %w", err)
}

// Restored is the result of AfterRestore.
type Restored struct {
	Sessions  int64 // sessions that were ended
	Cancelled int64 // waiting messages that were cancelled
	Erased    erasure.Found
	// Unreadable is the number of damaged lines in the erasure log. NoLog says that nothing is known about erasures:
	// there is no log at ERASURE_LOG, or ERASURE_LOG is not set.
	Unreadable int
	NoLog      bool
	// Sealed is the number of removals, still possible to undo, that are encrypted with a key that is not configured.
	Sealed int
}

// AfterRestore prepares a database that was restored from a backup. It deletes again whoever was deleted since the
// backup, ends all sessions, and cancels waiting messages, because they may have been sent already. It must run before
// anybody is served, and may run again.
func (s *Services) AfterRestore(ctx context.Context) (done Restored, err error) {
	if done.Sessions, err = s.Accounts.SignOutAllByCommand(ctx); err != nil {
		return done, err
	}
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := heartbeat.ForgetProcesses(ctx, tx); err != nil {
			return err
		}
		if done.Cancelled, err = s.Courier.CancelRestored(ctx, tx); err != nil {
			return err
		}
		if err := s.Jobs.Restored(ctx, tx); err != nil {
			return err
		}
		return s.Audit.Write(ctx, tx, account.System.Actor(), audit.Record{Action: audit.DatabaseRestored})
	})
	if err != nil {
		return done, err
	}
	if done.Sealed, err = s.Authorisations.Unreadable(ctx); err != nil {
		return done, err
	}
	done.NoLog = s.Erasures == nil
	if s.Erasures != nil {
		done.Erased, done.Unreadable, err = s.Erasures.Apply(ctx, s.keepers()...)
		if done.NoLog = errors.Is(err, erasure.ErrNone); err != nil && !done.NoLog {
			return done, fmt.Errorf("ERASURE_LOG: %w", err)
		}
	}
	// deletions that were in progress when the backup was made
	if err := s.Customers.Adopt(ctx); err != nil {
		return done, err
	}
	if _, err := s.Jobs.Finish(ctx, job.CustomerDeletion); err != nil {
		return done, err
	}
	_, err = s.DB.EmptyWAL(ctx)
	return done, err
}
