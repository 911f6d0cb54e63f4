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

// keepers say how whoever was deleted is found again, and erased: customers first, since they take the others along.
func (s *Services) keepers() []erasure.Keeper {
	return append([]erasure.Keeper{s.Customers.Erasable()}, s.Accesses.Erasable()...)
}

// beginErasures opens the erasure log, and ends the start when the database has somebody in it who was deleted. A second
// database that can't be reached now is no reason not to start: deletions wait for it.
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

// Restored is what AfterRestore did.
type Restored struct {
	Sessions  int64 // ended
	Cancelled int64 // messages that waited
	Erased    erasure.Found
	// Unreadable is how many lines of the erasure log are damaged. NoLog says that nothing is known of erasures: there is no
	// log where ERASURE_LOG says, or it is not set.
	Unreadable int
	NoLog      bool
	// Sealed is how many removals, which could still be undone, are sealed with a key that is not here.
	Sealed int
}

// AfterRestore makes a database fit to be served that was restored from a backup: whoever was deleted since is deleted
// again, sessions of that time are ended, and messages that waited are cancelled, since they may have gone out. It may be
// done again, and must be done before anybody is served.
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
	// deletions that were under way when the backup was made
	if err := s.Customers.Adopt(ctx); err != nil {
		return done, err
	}
	if _, err := s.Jobs.Finish(ctx, job.CustomerDeletion); err != nil {
		return done, err
	}
	_, err = s.DB.EmptyWAL(ctx)
	return done, err
}
