package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/uptrace/bun"
)

// Batch does the same small work on many items. Items that come while others are worked on wait, and are then worked on
// together, in one tx and by one call of work. So they share its statements and wait for the disk once. An item that
// comes alone is worked on at once.
type Batch[T any] struct {
	db   *DB
	work func(ctx context.Context, tx bun.Tx, items []T) error

	turn sync.Mutex // held while items are worked on together

	mu      sync.Mutex
	waiting []*batched[T]
}

// batched is an item that waits. Its other fields are guarded by Batch.turn.
type batched[T any] struct {
	ctx   context.Context
	item  T
	taken bool // it was worked on together with others, or alone
	alone bool // the work failed for all of them, so it has to be done again for this item alone
	err   error
}

// batchTime limits the work on the items of one tx, because the context of no single caller does.
const batchTime = 15 * time.Second

// NewBatch makes a Batch. work may be called more than once for an item, so it must set results of the item anew.
func NewBatch[T any](db *DB, work func(ctx context.Context, tx bun.Tx, items []T) error) *Batch[T] {
	return &Batch[T]{db: db, work: work}
}

// Do works on an item and returns when that is over. It guarantees what InTx does: when it returns nil, the changes are
// on the disk. If work fails for several items, the changes for all of them are rolled back, and work is called for each
// item alone. So an error has to do with the item itself, or with the database. Work that has begun goes on when ctx ends.
func (b *Batch[T]) Do(ctx context.Context, item T) error {
	if isHeld(ctx) {
		return ErrHeld
	}
	e := &batched[T]{ctx: ctx, item: item}
	b.add(e)
	b.takeTurn(e)
	if !e.alone {
		return e.err
	}
	return b.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return b.work(ctx, tx, []T{item}) })
}

func (b *Batch[T]) add(e *batched[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, e)
}

func (b *Batch[T]) take() []*batched[T] {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.waiting
	b.waiting = nil
	return all
}

// takeTurn waits until it is e's turn. The first caller works on all items that wait; the others then find theirs taken.
func (b *Batch[T]) takeTurn(e *batched[T]) {
	b.turn.Lock()
	defer b.turn.Unlock()
	if e.taken {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), batchTime)
	defer cancel()
	var all []*batched[T]
	var items []T
	err := b.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if all == nil { // not before: others come while this tx waits for the one before
			all, items = b.wanted()
		}
		return b.together(ctx, tx, items)
	})
	if all == nil {
		all, items = b.wanted()
	}
	for _, e := range all {
		e.taken, e.err = true, err
		e.alone = err != nil && len(items) > 1 && Outage(err) == nil && ctx.Err() == nil
	}
}

// wanted takes the items that wait. Those whose callers have given up are over.
func (b *Batch[T]) wanted() (all []*batched[T], items []T) {
	for _, e := range b.take() {
		if e.err = e.ctx.Err(); e.err != nil {
			e.taken = true
			continue
		}
		all, items = append(all, e), append(items, e.item)
	}
	return all, items
}

// together calls work. For several items it returns an error for a panic, which occurs again in the goroutine of the
// item that causes it.
func (b *Batch[T]) together(ctx context.Context, tx bun.Tx, items []T) (err error) {
	if len(items) == 0 {
		return nil
	}
	if len(items) > 1 {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
	}
	return b.work(ctx, tx, items)
}
