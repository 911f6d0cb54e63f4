package customer

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/job"
)

// many gives Ben more customers than a request looks at, all registered.
func (w *world) many() int {
	w.Helper()
	n := switchAtOnce + 50
	w.must(w.db.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
		for i := range n {
			id := newID()
			for _, q := range []struct {
				sql  string
				args []any
			}{
				{`INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at) VALUES (?, ?, 'person', 'de', '', '', '', ?, ?)`,
					[]any{20000 + i, id, w.Now(), w.Now()}},
				{`INSERT INTO customer_administrator (customer_id, specialist_id, created_at, created_by) VALUES (?, ?, ?, ?)`, []any{id, w.ben.ID, w.Now(), w.ben.ID}},
				{`INSERT INTO access (id, customer_id, first_name, last_name, email, email_folded, locale, invited_at, link_expires_at, registered_at, created_at)
					VALUES (?, ?, 'E', 'E', 'e@example.org', 'e@example.org', 'de', ?, ?, ?, ?)`, []any{newID(), id, w.Now(), w.Now(), w.Now(), w.Now()}},
			} {
				if _, err := tx.ExecContext(ctx, q.sql, q.args...); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	return n
}

func (w *world) must(err error) {
	w.Helper()
	require.NoError(w, err)
}

func (w *world) switchBen(active bool) {
	w.Helper()
	w.must(w.db.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE account SET active = ? WHERE id = ?`, active, w.ben.ID); err != nil {
			return err
		}
		return w.administratorSwitched(ctx, tx, account.Caller{}, account.Account{ID: w.ben.ID, Active: active})
	}))
}

// TestSwitchOfMany: the worker processes the customers of a deactivated person, and may be killed after any step. A
// second switch meanwhile starts again from the beginning.
func TestSwitchOfMany(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, n := context.Background(), w.many()
		attention := func() int { return w.Number(`SELECT count(*) FROM customer WHERE attention_at <= ?`, w.Now()) }
		w.switchBen(false)
		assert.Equal(t, 0, attention(), "the request looked at them itself")
		killed := errors.New("killed")
		w.step = func() error { return killed }
		for i := range 3 {
			err := w.continueSwitches(ctx, 40)
			require.ErrorIs(t, err, killed, "step")
			require.Equal(t, 40*(i+1), attention(), "need attention")
		}
		w.step = func() error { return nil }
		var wg sync.WaitGroup
		w.switchChunk = 30
		for range 3 {
			wg.Go(func() {
				_, err := w.jobs.Finish(ctx, job.AdministratorSwitch)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		assert.Equal(t, n, attention(), "%d of %d need attention", attention(), n)
		assert.Equal(t, 0, w.Number(`SELECT count(*) FROM administrator_switch`))
		since := w.Number(`SELECT count(*) FROM customer WHERE attention_at = ?`, w.Now())
		w.Tick(time.Hour)
		w.switchBen(false)
		w.must(w.continueSwitches(ctx, 500))
		assert.Equal(t, n, since, "what goes on became younger by being looked at again")
		assert.Equal(t, n, w.Number(`SELECT count(*) FROM customer WHERE attention_at < ?`, w.Now()), "what goes on became younger by being looked at again")
		w.switchBen(true)
		w.step = func() error { return killed }
		_ = w.continueSwitches(ctx, 100)
		w.step = func() error { return nil }
		w.switchBen(false) // again, before the worker had finished
		w.must(w.continueSwitches(ctx, 100))
		assert.Equal(t, n, attention(), "%d of %d need attention after all", attention(), n)
		w.switchBen(true)
		w.must(w.continueSwitches(ctx, 100))
		assert.Equal(t, 0, attention(), "still need attention")
	})
}
