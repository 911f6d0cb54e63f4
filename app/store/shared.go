package store

import (
	"context"
	"fmt"
	"sync"

	"github.com/uptrace/bun"
)

// sharedWork is what somebody wants done in a tx that others may share.
type sharedWork struct {
	ctx   context.Context
	fn    func(ctx context.Context, tx bun.Tx) error
	after []func()
	// tried and done belong to who holds DB.writing: it was run with others; and committed with them.
	tried, done bool
}

// sharedQueue are those whose turn has not come.
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

// InSharedTx is InTx for small tx of which many come at once. On SQLite, where one waits for the other and each for the
// disk, those that wait at the same moment are committed together, and the disk is waited for once. PostgreSQL does
// that by itself with commits that come at once: there it is InTx.
//
// It promises what InTx does: when it returns nil, what fn did is on the disk. Who shares with whom harms nobody: when
// one fails, nothing of what they did together stays, and each runs again in a tx of its own.
func (db *DB) InSharedTx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	if IsHeld(ctx) {
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

// takeTurn waits until it is e's turn. Whoever comes first does the work of all that wait; these find theirs done.
func (db *DB) takeTurn(e *sharedWork) error {
	db.writing.Lock()
	defer db.writing.Unlock()
	if !e.tried {
		db.doTogether(db.shared.take())
	}
	if e.done {
		return nil
	}
	return db.RunInTx(e.ctx, nil, e.do)
}

func (db *DB) doTogether(all []*sharedWork) {
	for _, e := range all {
		e.tried = true
	}
	if len(all) == 1 {
		return // it needs nobody
	}
	// none of their contexts may end the tx of the others
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

// attempt is do, but a panic is an error: it comes again, where it belongs, when e runs alone.
func (e *sharedWork) attempt(tx bun.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return e.do(e.ctx, tx)
}
