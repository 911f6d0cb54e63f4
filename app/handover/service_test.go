package handover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/gofrs/uuid/v5"

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
		w.entrust(w.anna, id, t)
	}
}

// TestMove: everything goes to the others, the first becomes responsible, the log says so, and nothing is left.
func TestMove(t *testing.T) {
	each(t, func(w *world) {
		w.firm(3)
		plan, err := w.Preview(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.ben.ID}, true)
		w.Must(err)
		if want := (Assignments{3, 2, 3}); plan.Assignments != want || len(plan.Targets) != 1 || plan.Targets[0].Has.Total() != 0 {
			w.Errorf("the preview says %+v", plan)
		}
		if len(plan.Customers) != 3 || len(plan.Transactions) != 0 { // user administrators see customers, no transactions
			w.Errorf("examples: %d customers, %+v", len(plan.Customers), plan.Transactions)
		}
		h, err := w.Start(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.ben.ID, w.cora.ID}, true)
		w.Must(err)
		if h.FinishedAt == nil || h.Done != 8 || h.Total != 8 || len(h.Targets) != 2 {
			w.Errorf("%+v", h)
		}
		if left := w.has(w.anna); left != (Assignments{}) {
			w.Errorf("left: %+v", left)
		}
		if ben := w.has(w.ben); ben != (Assignments{3, 2, 3}) {
			w.Errorf("Ben has %+v", ben)
		}
		if cora := w.has(w.cora); cora != (Assignments{4, 2, 2}) {
			w.Errorf("Cora has %+v", cora)
		}
		w.consistent()
		for action, want := range map[audit.Action]int{
			audit.AdministratorAppointed: 6, audit.AdministratorDismissed: 3, audit.ProcessorEntrusted: 4, audit.ProcessorRelieved: 2,
			audit.TransactionUpdated: 3, audit.HandoverStarted: 1, audit.HandoverFinished: 1,
		} {
			if n := w.count(`audit WHERE action = ? AND actor_id = ?`, action, w.admin.ID); n != want {
				w.Errorf("%d × %s in the log, want %d", n, action, want)
			}
		}
		if n := w.count(`audit WHERE action IN (?, ?) AND transaction_id IS NULL`, audit.ProcessorEntrusted, audit.ProcessorRelieved); n > 0 {
			w.Errorf("%d entries about a transaction do not say which", n)
		}
		if n := w.count(`audit WHERE action = ? AND detail LIKE '%"handover":["Anna Berg","Ben Bach"]%'`, audit.AdministratorAppointed); n != 3 {
			w.Errorf("%d appointments say that they were a handover to Ben", n)
		}
		if n := w.count(`customer WHERE attention_at IS NOT NULL`); n > 0 {
			w.Errorf("%d customers need attention", n)
		}
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
		if h.FinishedAt == nil || h.Total != 5 {
			w.Errorf("%+v", h)
		}
		if anna, ben := w.has(w.anna), w.has(w.ben); anna != (Assignments{3, 2, 3}) || ben != (Assignments{3, 2, 0}) {
			w.Errorf("Anna %+v, Ben %+v", anna, ben)
		}
		w.consistent()
		if n := w.count(`audit WHERE action IN (?, ?)`, audit.AdministratorDismissed, audit.ProcessorRelieved); n > 0 {
			w.Errorf("%d were taken", n)
		}
		plan, err := w.Preview(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.ben.ID}, false)
		w.Must(err)
		if plan.Targets[0].Has != (Assignments{3, 2, 0}) {
			w.Errorf("the preview says Ben already has %+v", plan.Targets[0].Has)
		}
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
		if n := w.count(`handover`); n != 0 || w.has(w.anna) != (Assignments{1, 2, 1}) {
			w.Errorf("%d handovers, Anna has %+v", n, w.has(w.anna))
		}
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
				if got.FinishedAt == nil || got.Done != got.Total {
					w.Fatalf("killed at %d: %+v", kill, got)
				}
				has := w.has(to)
				if !move {
					has.Responsible = before.Responsible
				}
				if has != before {
					w.Errorf("killed at %d: %+v came over of %+v", kill, has, before)
				}
				if left := w.has(from); move && left != (Assignments{}) || !move && left != before {
					w.Errorf("killed at %d: left %+v of %+v", kill, left, before)
				}
				if n := w.count(`audit WHERE action = ? AND subject_id = ?`, audit.HandoverFinished, from.ID); n != 1 {
					w.Errorf("killed at %d: finished %d times", kill, n)
				}
				if n := w.count(`audit WHERE action = ? AND subject_id = ?`, audit.AdministratorAppointed, to.ID); n != 5 {
					w.Errorf("killed at %d: %d appointments in the log", kill, n)
				}
				if !killed {
					if kill < 4 {
						w.Errorf("a handover had only %d steps", kill)
					}
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
		if h.FinishedAt != nil || h.Done != 0 || int(h.Total) != n {
			w.Fatalf("%+v", h)
		}
		_, err = w.Start(w.Ctx, w.admin, w.anna.ID, []uuid.UUID{w.cora.ID}, true)
		w.Want("a second one", err, ErrRunning)
		if id, ok, err := w.Running(w.Ctx, w.admin, w.anna.ID); !ok || id != h.ID || err != nil {
			w.Errorf("running: %v %v %v", id, ok, err)
		}
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
				if err != nil {
					w.Error(err)
				}
				mu.Lock()
				finished += done
				mu.Unlock()
			})
		}
		wg.Wait()
		if ben := w.has(w.ben); finished != 1 || int(ben.Administered) != n || w.has(w.anna).Total() != 0 {
			w.Errorf("finished %d times, Ben has %+v", finished, ben)
		}
		if got := w.count(`audit WHERE action = ?`, audit.AdministratorAppointed); got != n {
			w.Errorf("%d appointments in the log, want %d", got, n)
		}
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
				w.step = func() error { return errKilled } // as what is too large for a request
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
				if n, err := w.work(w.Ctx, 2); n != 1 || err != nil {
					w.Fatalf("%v %d: %d over, %v", move, step, n, err)
				}
				got, err := w.Get(w.Ctx, w.admin, from.ID, h.ID)
				w.Must(err)
				done := []Assignments{{}, {Administered: 4}, {Administered: 5, Processed: 2}}[step]
				if got.FinishedAt == nil || got.StoppedFor == nil || got.Stopped() != "Hanna Heir" || got.Done != done.Total() || move && got.Total <= got.Done {
					w.Errorf("%v %d: %+v", move, step, got)
				}
				for _, c := range []account.Caller{to, heir} {
					if has := w.has(c); has != done {
						w.Errorf("%v %d: %s has %+v, want %+v", move, step, c.Name, has, done)
					}
				}
				left := before
				if move {
					left = Assignments{before.Administered - done.Administered, before.Processed - done.Processed, before.Responsible}
				}
				if has := w.has(from); has != left {
					w.Errorf("%v %d: left %+v, want %+v", move, step, has, left)
				}
				for range 2 { // stopped for good, whatever becomes of them
					if n, err := w.work(w.Ctx, 2); n != 0 || err != nil || w.has(from) != left {
						w.Errorf("%v %d: goes on: %d, %v", move, step, n, err)
					}
					w.Must(w.Accounts.Reactivate(w.Ctx, w.admin, heir.ID))
				}
				if n := w.count(`audit WHERE action = ? AND subject_id = ?`, audit.HandoverStopped, from.ID); n != 1 {
					w.Errorf("%v %d: stopped %d times", move, step, n)
				}
				again, err := w.Start(w.Ctx, w.admin, from.ID, []uuid.UUID{other.ID}, move)
				w.Must(err)
				if again.FinishedAt == nil || again.StoppedFor != nil {
					w.Errorf("%v %d: begun anew: %+v", move, step, again)
				}
				if has := w.has(other); move && has != left || has.Total() != left.Total() {
					w.Errorf("%v %d: the other has %+v, want %+v", move, step, has, left)
				}
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
			if got := names(list); fmt.Sprint(got) != fmt.Sprint(c.want) || more {
				w.Errorf("%q offers %q, want %q", c.query, got, c.want)
			}
		}
		if _, _, err := w.Offer(w.Ctx, w.ben, w.anna.ID, "", nil); !errors.Is(err, policies.ErrForbidden) {
			w.Errorf("offered to a colleague: %v", err)
		}
		for i := range offered {
			w.Specialist(fmt.Sprintf("Zoë %d", i))
		}
		if list, more, err := w.Offer(w.Ctx, w.admin, w.anna.ID, "", nil); err != nil || !more || len(list) != offered {
			w.Errorf("%d offered, more %v, %v", len(list), more, err)
		}
	})
}
