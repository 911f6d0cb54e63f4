package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/store"
	"kontor/app/store/storetest"
)

// TestOnce: with a context of ReadOnce each thing is read once, but not in a tx, and an error is not kept. With any other
// context, and with another context of ReadOnce, it is read again.
func TestOnce(t *testing.T) {
	type key struct{ id int }
	db := storetest.SQLite(t)
	read := 0
	get := func(ctx context.Context, db bun.IDB, id int) int {
		n, err := store.Once(ctx, db, key{id}, func() (int, error) { read++; return read, nil })
		require.NoError(t, err)
		return n
	}
	plain, once := context.Background(), store.ReadOnce(context.Background())
	assert.Equal(t, 1, get(plain, db, 1), "without ReadOnce")
	assert.Equal(t, 2, get(plain, db, 1), "without ReadOnce, again")
	assert.Equal(t, 3, get(once, db, 1), "the first time")
	assert.Equal(t, 3, get(once, db, 1), "the second time")
	assert.Equal(t, 4, get(once, db, 2), "another key")
	within, cancel := context.WithCancel(once)
	defer cancel()
	assert.Equal(t, 3, get(within, db, 1), "with a context that was made of it")
	assert.Equal(t, 5, get(store.ReadOnce(plain), db, 1), "with the context of another request")
	require.NoError(t, db.InTx(once, func(ctx context.Context, tx bun.Tx) error {
		assert.Equal(t, 6, get(ctx, tx, 1), "in a tx")
		return nil
	}))
	assert.Equal(t, 3, get(once, db, 1), "after a tx that read it again")

	broken := errors.New("broken")
	_, err := store.Once(once, db, key{9}, func() (int, error) { return 1, broken })
	require.ErrorIs(t, err, broken)
	assert.Equal(t, 7, get(once, db, 9), "after an error")
}

// TestOnceAtTheSameTime: parts of a request that run at the same time read a thing once, too.
func TestOnceAtTheSameTime(t *testing.T) {
	type key struct{}
	db := storetest.SQLite(t)
	ctx := store.ReadOnce(context.Background())
	var reads atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			got, err := store.Once(ctx, db, key{}, func() (string, error) { reads.Add(1); return "read", nil })
			assert.NoError(t, err)
			assert.Equal(t, "read", got)
		})
	}
	wg.Wait()
	assert.Equal(t, int32(1), reads.Load(), "reads")
}
