package store

import (
	"context"
	"sync"

	"github.com/uptrace/bun"
)

// onceKey is the key of a context's *readings.
type onceKey struct{}

// readings holds what was read with a context of ReadOnce.
type readings struct {
	mu  sync.Mutex
	all map[any]*reading
}

// reading is one thing that was read, or is being read.
type reading struct {
	mu    sync.Mutex
	known bool
	value any
}

func (r *readings) of(key any) *reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	one, ok := r.all[key]
	if !ok {
		one = &reading{}
		r.all[key] = one
	}
	return one
}

// ReadOnce returns a context with which Once reads each thing only once. It is for requests that change nothing: several
// parts of a page need the same customer, say, and each checks it for itself.
func ReadOnce(ctx context.Context) context.Context {
	return context.WithValue(ctx, onceKey{}, &readings{all: map[any]*reading{}})
}

// Once returns what read returns. With a context of ReadOnce, it returns what read returned the first time for the same
// key; an error is not kept. The key must be of a type that only the caller's package has, and name everything on which
// the result depends. Nobody may change the result. In a tx it always reads, because the tx may have changed something.
func Once[T any](ctx context.Context, db bun.IDB, key any, read func() (T, error)) (T, error) {
	kept, ok := ctx.Value(onceKey{}).(*readings)
	if _, inTx := db.(bun.Tx); inTx || !ok {
		return read()
	}
	one := kept.of(key)
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.known {
		return one.value.(T), nil
	}
	value, err := read()
	one.value, one.known = value, err == nil
	return value, err
}
