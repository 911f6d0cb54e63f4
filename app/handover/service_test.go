package handover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/job"
	"kontor/policies"
)

var errKilled = errors.New("killed")

// firm gives Anna n customers with a transaction each, and makes her a processor of one of Cora's.
func (w *world) firm(n int) {
	w.Helper()
	for i := range n {
		w.customer(w.anna, fmt.Sprintf("Anna %d GmbH", i), 1)
	}
	id, transactions := w.customer(w.cora, "Cora GmbH", 2)
	for _, t := range transactions {
		w.addProcessor(w.anna, id, t)
	}
}

// TestMove: everything goes to the others, the first becomes responsible, the log says so, and nothing is left.
func TestMove(t *testing.T) {
	each(t, func(w *world) {
		w.firm(3)
		plan, err := w.Preview(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.ben.ID}, true)
		w.Must(err)
		want := (Assignments{3, 2, 3})
		assert.Equal(w, want, plan.Assignments, "the preview says")
		require.Len(w, plan.Targets, 1)
		assert.EqualValues(w, 0, plan.Targets[0].Has.Total())
		// User administrators see the customers, but not the transactions.
		assert.Len(w, plan.Customers, 3, "examples: customers")
		assert.Empty(w, plan.Transactions, "examples")
		h, err := w.Start(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.ben.ID, w.cora.ID}, true)
		w.Must(err)
		assert.NotNil(w, h.FinishedAt)
		assert.EqualValues(w, 8, h.Done)
		assert.EqualValues(w, 8, h.Total)
		assert.Len(w, h.Targets, 2)
		assert.Equal(w, (Assignments{}), w.has(w.anna), "what Anna keeps")
		assert.Equal(w, (Assignments{3, 2, 3}), w.has(w.ben), "Ben has")
		assert.Equal(w, (Assignments{4, 2, 2}), w.has(w.cora), "Cora has")
		w.consistent()
		for action, want := range map[audit.Action]int{
			audit.AdministratorAdded: 6, audit.AdministratorRemoved: 3, audit.ProcessorAdded: 4, audit.ProcessorRemoved: 2,
			audit.TransactionUpdated: 3, audit.HandoverStarted: 1, audit.HandoverFinished: 1,
		} {
			assert.Equal(w, want, w.count(`audit WHERE action = ? AND actor_id = ?`, action, w.admin.ID), "× %s in the log", action)
		}
		n := w.count(`audit WHERE action IN (?, ?) AND transaction_id IS NULL`, audit.ProcessorAdded, audit.ProcessorRemoved)
		assert.Zero(w, n, "entries about a transaction do not say which")
		n = w.count(`audit WHERE action = ? AND detail LIKE '%"handover":["Anna Berg","Ben Bach"]%'`, audit.AdministratorAdded)
		assert.Equal(w, 3, n, "entries say that they were a handover to Ben")
		assert.Zero(w, w.count(`customer WHERE attention_at IS NOT NULL`), "customers need attention")
		_, err = w.Start(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.ben.ID}, true)
		w.Want("a second time", err, ErrNothing)
	})
}

// TestCopy: the others get everything, and the first person loses nothing.
func TestCopy(t *testing.T) {
	each(t, func(w *world) {
		w.firm(3)
		h, err := w.Start(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.ben.ID}, false)
		w.Must(err)
		assert.NotNil(w, h.FinishedAt)
		assert.EqualValues(w, 5, h.Total)
		anna, ben := w.has(w.anna), w.has(w.ben)
		assert.Equal(w, (Assignments{3, 2, 3}), anna, "Anna")
		assert.Equal(w, (Assignments{3, 2, 0}), ben, "Ben")
		w.consistent()
		n := w.count(`audit WHERE action IN (?, ?)`, audit.AdministratorRemoved, audit.ProcessorRemoved)
		assert.Zero(w, n, "were taken")
		plan, err := w.Preview(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.ben.ID}, false)
		w.Must(err)
		assert.Equal(w, (Assignments{3, 2, 0}), plan.Targets[0].Has, "the preview says Ben already has")
	})
}

// TestStartRefuses: callers without permission and invalid recipients are refused, and nothing is half done.
func TestStartRefuses(t *testing.T) {
	each(t, func(w *world) {
		w.firm(1)
		gone := w.Specialist("Gabi Gone")
		w.Must(w.Accounts.Deactivate(w.Ctx, w.admin, gone.ID))
		standsIn := w.admin
		standsIn.For = []uuid.UUID{w.ben.ID}
		for name, c := range map[string]struct {
			caller account.Caller
			to     []uuid.UUID
			want   string
		}{
			"nobody":                      {w.admin, nil, "to required"},
			"oneself":                     {w.admin, []uuid.UUID{w.ben.ID, w.admin.ID}, "to handover.self"},
			"whom one stands in for":      {standsIn, []uuid.UUID{w.ben.ID}, "to handover.self"},
			"the one who has them":        {w.admin, []uuid.UUID{w.anna.ID}, "to handover.same"},
			"somebody deactivated":        {w.admin, []uuid.UUID{w.ben.ID, gone.ID}, "to handover.unknown"},
			"somebody who does not exist": {w.admin, []uuid.UUID{newID()}, "to handover.unknown"},
			"no id":                       {w.admin, []uuid.UUID{uuid.Nil}, "to handover.unknown"},
		} {
			_, err := w.Start(w.Ctx, c.caller, w.anna.ID, c.to, true)
			w.wantForm(name, err, c.want)
		}
		for _, c := range []account.Caller{w.anna, w.ben, {}} {
			_, err := w.Start(w.Ctx, c, w.anna.ID, []uuid.UUID{w.cora.ID}, true)
			w.Want("without the right", err, policies.ErrForbidden)
			_, err = w.Preview(w.Ctx, c, w.anna.ID, nil, true)
			w.Want("a preview without the right", err, policies.ErrForbidden)
		}
		_, err := w.Start(w.Ctx, w.admin, newID(), []uuid.UUID{w.cora.ID}, true)
		w.Want("from nobody", err, account.ErrUnknown)
		n := w.count(`handover`)
		assert.Equal(w, 0, n, "handovers")
		assert.Equal(w, (Assignments{1, 2, 1}), w.has(w.anna), "Anna has")
	})
}

// TestKilled: a handover that is killed after any step continues, and has the same result as without a kill, for a move
// and for a copy.
func TestKilled(t *testing.T) {
	each(t, func(w *world) {
		for _, move := range []bool{true, false} {
			for kill := 1; ; kill++ {
				from, to := w.Specialist(fmt.Sprintf("From %d", kill)), w.Specialist(fmt.Sprintf("To %d", kill))
				anna := w.anna
				w.anna = from
				w.firm(5)
				w.anna = anna
				before := w.has(from)
				steps := 0
				w.step = func() error {
					if steps++; steps == kill {
						return errKilled
					}
					return nil
				}
				h, err := w.Start(w.Ctx, w.admin, from.ID, []uuid.UUID{to.ID}, move)
				killed := errors.Is(err, errKilled)
				if err != nil && !killed {
					w.Fatal(err)
				}
				for n := 0; killed && n < 20; n++ { // the worker, in chunks of two
					if done, err := w.work(w.Ctx, 2); errors.Is(err, errKilled) || done == 0 && err == nil {
						continue
					} else if err != nil {
						w.Fatal(err)
					}
					break
				}
				w.step = func() error { return nil }
				got, err := w.Get(w.Ctx, w.admin, from.ID, h.ID)
				w.Must(err)
				require.NotNil(w, got.FinishedAt, "killed at %d", kill)
				require.Equal(w, got.Total, got.Done, "killed at %d", kill)
				has := w.has(to)
				if !move {
					has.Responsible = before.Responsible
				}
				assert.Equal(w, before, has, "killed at %d: came over", kill)
				left := w.has(from)
				assert.False(w, move && left != (Assignments{}), "killed at %d: left %+v of %+v", kill, left, before)
				assert.False(w, !move && left != before, "killed at %d", kill)
				n := w.count(`audit WHERE action = ? AND subject_id = ?`, audit.HandoverFinished, from.ID)
				assert.Equal(w, 1, n, "killed at %d: finished %d times", kill, n)
				assert.Equal(w, 5, w.count(`audit WHERE action = ? AND subject_id = ?`, audit.AdministratorAdded, to.ID), "killed at %d: administrators added in the log", kill)
				if !killed {
					assert.GreaterOrEqual(w, kill, 4, "a handover had only %d steps", kill)
					break
				}
			}
			w.consistent()
		}
	})
}

// TestLarge: the worker does large handovers, several workers at once. The progress can be read, and a second handover
// has to wait.
func TestLarge(t *testing.T) {
	each(t, func(w *world) {
		n := inline + 5
		for i := range n {
			id := newID()
			w.Exec(`INSERT INTO customer (number, id, type, locale, name_sort, search, identity, created_at, updated_at)
				VALUES (?, ?, 'person', 'de', '', '', '', ?, ?)`, 20000+i, id, w.Now(), w.Now())
			w.Exec(`INSERT INTO customer_administrator (customer_id, specialist_id, created_at, created_by) VALUES (?, ?, ?, ?)`,
				id, w.anna.ID, w.Now(), w.admin.ID)
		}
		h, err := w.Start(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.ben.ID}, true)
		w.Must(err)
		require.Nil(w, h.FinishedAt)
		require.EqualValues(w, 0, h.Done)
		require.Equal(w, n, int(h.Total))
		_, err = w.Start(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.cora.ID}, true)
		w.Want("a second one", err, ErrRunning)
		id, ok, err := w.Running(w.Ctx, w.admin, w.anna.ID)
		assert.NoError(w, err, "running")
		require.True(w, ok, "running: %v %v", id, ok)
		assert.Equal(w, h.ID, id, "running")
		_, err = w.Get(w.Ctx, w.admin, w.ben.ID, h.ID)
		w.Want("progress at another person", err, ErrNotFound)
		_, err = w.Get(w.Ctx, w.ben, w.anna.ID, h.ID)
		w.Want("progress without the right", err, policies.ErrForbidden)

		var wg sync.WaitGroup
		var mu sync.Mutex
		finished := 0
		w.chunk = 20
		for range 3 {
			wg.Go(func() {
				done, err := w.o.Jobs.Finish(context.Background(), job.Handover)
				assert.NoError(w, err)
				mu.Lock()
				finished += done
				mu.Unlock()
			})
		}
		wg.Wait()
		ben := w.has(w.ben)
		assert.Equal(w, 1, finished, "finished %d times", finished)
		assert.Equal(w, n, int(ben.Administered), "Ben has")
		assert.EqualValues(w, 0, w.has(w.anna).Total())
		assert.Equal(w, n, w.count(`audit WHERE action = ?`, audit.AdministratorAdded), "administrators added in the log")
	})
}

// TestStops: a recipient who is deactivated meanwhile gets no further assignments. What was passed on stays so, the
// rest stays where it was, and nothing is lost. The handover says who caused the stop, and another handover to others
// can begin.
func TestStops(t *testing.T) {
	each(t, func(w *world) {
		for _, move := range []bool{true, false} {
			for step := range 3 { // before the first tx, among the customers, among the transactions
				from, to, heir, other := w.Specialist("Frida From"), w.Specialist("Theo To"), w.Specialist("Hanna Heir"), w.Specialist("Otto Other")
				anna := w.anna
				w.anna = from
				w.firm(5)
				w.anna = anna
				before := w.has(from)
				w.step = func() error { return errKilled } // as for a handover that is too large for a request
				h, err := w.Start(w.Ctx, w.admin, from.ID, []uuid.UUID{to.ID, heir.ID}, move)
				w.Want("killed", err, errKilled)
				steps := 0
				w.step = func() error {
					if steps++; steps == []int{0, 2, 4}[step] {
						return w.Accounts.Deactivate(w.Ctx, w.admin, heir.ID)
					}
					return nil
				}
				if step == 0 {
					w.Must(w.Accounts.Deactivate(w.Ctx, w.admin, heir.ID))
				}
				n, err := w.work(w.Ctx, 2)
				require.NoError(w, err, "%v %d", move, step)
				require.Equal(w, 1, n, "%v %d: over", move, step)
				got, err := w.Get(w.Ctx, w.admin, from.ID, h.ID)
				w.Must(err)
				done := []Assignments{{}, {Administered: 4}, {Administered: 5, Processed: 2}}[step]
				assert.NotNil(w, got.FinishedAt)
				assert.NotNil(w, got.StoppedFor)
				assert.Equal(w, "Hanna Heir", got.Stopped())
				assert.Equal(w, done.Total(), got.Done)
				assert.False(w, move && got.Total <= got.Done, "%v %d", move, step)
				for _, c := range []account.Caller{to, heir} {
					has := w.has(c)
					assert.Equal(w, done, has, "%v %d: %s has", move, step, c.Name)
				}
				left := before
				if move {
					left = Assignments{before.Administered - done.Administered, before.Processed - done.Processed, before.Responsible}
				}
				assert.Equal(w, left, w.has(from), "%v %d: left", move, step)
				for range 2 { // stopped for good, whatever happens to the people
					n, err := w.work(w.Ctx, 2)
					require.NoError(w, err, "%v %d: goes on", move, step)
					assert.Equal(w, 0, n, "%v %d: goes on", move, step)
					assert.Equal(w, left, w.has(from), "%v %d: goes on", move, step)
					w.Must(w.Accounts.Reactivate(w.Ctx, w.admin, heir.ID))
				}
				n = w.count(`audit WHERE action = ? AND subject_id = ?`, audit.HandoverStopped, from.ID)
				assert.Equal(w, 1, n, "%v %d: stopped %d times", move, step, n)
				again, err := w.Start(w.Ctx, w.admin, from.ID, []uuid.UUID{other.ID}, move)
				w.Must(err)
				assert.NotNil(w, again.FinishedAt, "%v %d: begun anew", move, step)
				assert.Nil(w, again.StoppedFor, "%v %d: begun anew", move, step)
				has := w.has(other)
				assert.False(w, move && has != left, "%v %d: the other has %+v, want %+v", move, step, has, left)
				assert.Equal(w, left.Total(), has.Total())
				w.consistent()
			}
		}
	})
}

// TestOffer lists active colleagues by name, the chosen ones first, never the person or the caller.
func TestOffer(t *testing.T) {
	each(t, func(w *world) {
		gone := w.Specialist("Berta Bach")
		w.Must(w.Accounts.Deactivate(w.Ctx, w.admin, gone.ID))
		names := func(list []Choice) (out []string) {
			for _, c := range list {
				out = append(out, fmt.Sprintf("%s %v", c.Name, c.Chosen))
			}
			return out
		}
		for _, c := range []struct {
			caller account.Caller
			query  string
			chosen []uuid.UUID
			want   []string
		}{
			{w.admin, "", nil, []string{"Ben Bach false", "Cora Dorn false"}},
			{w.admin, "BACH", nil, []string{"Ben Bach false"}},
			{w.admin, "bach", []uuid.UUID{w.cora.ID, w.anna.ID, gone.ID}, []string{"Cora Dorn true", "Ben Bach false"}},
			{w.anna, "", nil, []string{"Ben Bach false", "Cora Dorn false", "Uta Amt false"}},
			{w.admin, "%", nil, []string{"Ben Bach false", "Cora Dorn false"}},
		} {
			list, more, err := w.Offer(w.Ctx, c.caller, w.anna.ID, c.query, c.chosen)
			w.Must(err)
			got := names(list)
			assert.Equal(w, fmt.Sprint(c.want), fmt.Sprint(got), "%q offers", c.query)
			assert.False(w, more)
		}
		_, _, err := w.Offer(w.Ctx, w.ben, w.anna.ID, "", nil)
		assert.ErrorIs(w, err, policies.ErrForbidden, "offered to a colleague")
		for i := range offered {
			w.Specialist(fmt.Sprintf("Zoë %d", i))
		}
		list, more, err := w.Offer(w.Ctx, w.admin, w.anna.ID, "", nil)
		require.NoError(w, err)
		assert.True(w, more, "more %v", more)
		assert.Len(w, list, offered, "offered")
	})
}
