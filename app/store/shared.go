package store

import (
	"context"
	"fmt"
	"sync"

	"github.com/uptrace/bun"
)

// sharedWork is a function that is to run in a tx which it may share with others.
type sharedWork struct {
	ctx   context.Context
	fn    func(ctx context.Context, tx bun.Tx) error
	after []func()
	// tried and done are guarded by DB.writing. tried: the function was run together with others. done: it was
	// committed with them.
	tried, done bool
}

// sharedQueue holds the functions that wait for their turn.
type sharedQueue struct {
	mu      sync.Mutex
	waiting []*sharedWork
}

func (q *sharedQueue) add(e *sharedWork) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, e)
}

func (q *sharedQueue) take() []*sharedWork {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waiting
	q.waiting = nil
	return all
}

// InSharedTx is InTx for small tx of which many come at the same time. On SQLite every tx waits for the one before and
// for the disk. Those that wait at the same moment are therefore committed together, so they wait for the disk only
// once. PostgreSQL itself groups commits that come at the same time; there InSharedTx is InTx.
//
// It guarantees what InTx does: when it returns nil, the changes of fn are on the disk. Sharing has no effect on the
// result: if one function fails, the changes of all are rolled back, and each function runs again in a tx of its own.
func (db *DB) InSharedTx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	if isHeld(ctx) {
		return ErrHeld
	}
	if db.IsPostgres() {
		return db.InTx(ctx, fn)
	}
	e := &sharedWork{ctx: ctx, fn: fn}
	db.shared.add(e)
	if err := db.takeTurn(e); err != nil {
		return err
	}
	for _, f := range e.after {
		f()
	}
	return nil
}

// takeTurn waits until it is e's turn. The first caller runs the functions of all that wait; the others then find
// theirs done.
func (db *DB) takeTurn(e *sharedWork) error {
	db.writing.Lock()
	defer db.writing.Unlock()
	if !e.tried {
		db.doTogether(db.shared.take())
	}
	if e.done {
		return nil
	}
	return whyEnded(e.ctx, db.RunInTx(e.ctx, nil, e.do))
}

func (db *DB) doTogether(all []*sharedWork) {
	for _, e := range all {
		e.tried = true
	}
	if len(all) == 1 {
		return // it runs in a tx of its own
	}
	// A context of its own: no function's context may end the tx of the others.
	err := db.RunInTx(context.Background(), nil, func(_ context.Context, tx bun.Tx) error {
		for _, e := range all {
			if err := e.attempt(tx); err != nil {
				return err
			}
		}
		return nil
	})
	for _, e := range all {
		e.done = err == nil
	}
}

func (e *sharedWork) do(_ context.Context, tx bun.Tx) error {
	e.after = nil
	return e.fn(context.WithValue(e.ctx, afterCommitKey{}, &e.after), tx)
}

// attempt is do, but returns an error for a panic. The panic occurs again in its own goroutine when e runs alone.
func (e *sharedWork) attempt(tx bun.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return e.do(e.ctx, tx)
}
