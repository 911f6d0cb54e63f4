package approval

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/audit"
	"kontor/app/courier"
	"kontor/app/fault"
	"kontor/app/store"
	"kontor/app/store/storetest"
	"kontor/policies"
)

// world is a service on a database of its own, with a feature whose kind is done by noting it.
type world struct {
	*testing.T
	*Service
	ctx     context.Context
	db      *store.DB
	mu      sync.Mutex
	time    time.Time
	mails   []string // who was told
	done    []string // what was done and by whom
	refuse  error    // the result of Apply
	dropped int
}

func (w *world) Enqueue(_ context.Context, _ bun.IDB, p courier.Post) error {
	assert.Equal(w, courier.ApprovalAsked, p.Kind, "mail")
	assert.NotEqual(w, uuid.Nil, p.ApprovalID)
	w.mails = append(w.mails, strings.TrimSuffix(p.Recipient, "@firm.example"))
	return nil
}

func (w *world) Register(map[courier.Kind]courier.Composer) {}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := &world{T: t, ctx: context.Background(), db: db, time: start}
		w.Service = New(Options{DB: db, Now: w.now, Audit: audit.New(db, w.now), Courier: w, Delay: day})
		w.Handle(map[Kind]Handler{Roles: {
			Apply: func(_ context.Context, _ bun.Tx, a Approval, by audit.Actor) error {
				w.done = append(w.done, a.Subject+" by "+by.Name)
				return w.refuse
			},
			Drop: func(context.Context, bun.Tx, Approval) error { w.dropped++; return nil },
		}})
		test(w)
	})
}

func (w *world) now() time.Time       { w.mu.Lock(); defer w.mu.Unlock(); return w.time }
func (w *world) wait(d time.Duration) { w.mu.Lock(); w.time = w.time.Add(d); w.mu.Unlock() }

func (w *world) must(err error) {
	w.Helper()
	require.NoError(w, err)
}

func (w *world) want(what string, err, want error) {
	w.Helper()
	assert.ErrorIs(w, err, want, what)
}

// person adds a specialist user who can sign in.
func (w *world) person(name string, roles ...policies.Role) audit.Actor {
	w.Helper()
	id := uuid.Must(uuid.NewV7())
	_, err := w.db.NewRaw(`INSERT INTO account (id, specialist, name, name_sort, username, username_folded, email, email_folded, password_hash, created_at)
		VALUES (?, TRUE, ?, ?, ?, ?, ?, ?, 'x', ?)`, id, name, name, name, name, name+"@firm.example", name+"@firm.example", w.now()).Exec(w.ctx)
	w.must(err)
	for _, r := range roles {
		_, err := w.db.NewRaw(`INSERT INTO account_role (account_id, role) VALUES (?, ?)`, id, r).Exec(w.ctx)
		w.must(err)
	}
	return audit.Actor{ID: id, Name: name}
}

func (w *world) propose(by, about audit.Actor) Approval {
	w.Helper()
	var a Approval
	w.must(w.db.InTx(w.ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		w.mails = nil
		a, err = w.Propose(ctx, tx, by, Proposal{Kind: Roles, SubjectID: about.ID, ConcernedID: about.ID, Subject: about.Name, Why: "cover"})
		return err
	}))
	return a
}

func (w *world) in(fn func(ctx context.Context, tx bun.Tx) error) {
	w.Helper()
	w.must(w.db.InTx(w.ctx, fn))
}

func (w *world) state(a Approval) State {
	w.Helper()
	var s State
	w.must(w.db.NewRaw(`SELECT state FROM approval WHERE id = ?`, a.ID).Scan(w.ctx, &s))
	return s
}

func (w *world) wantDone(want ...string) {
	w.Helper()
	assert.Equal(w, strings.Join(want, ", "), strings.Join(w.done, ", "), "done")
}

// TestSecondPerson: if there is a second person, a proposal takes effect only with their approval, and only once.
func TestSecondPerson(t *testing.T) {
	each(t, func(w *world) {
		ulla, petra := w.person("Ulla", policies.UserAdministrator), w.person("Petra", policies.PolicyAdministrator)
		rita, neu := w.person("Rita", policies.Auditor), w.person("Neu")
		sven := w.person("Sven", policies.Specialist)
		a := w.propose(ulla, neu)
		assert.Nil(w, a.PassesAt)
		assert.WithinDuration(w, start.Add(Life), a.ExpiresAt, 0)
		assert.Equal(w, "Petra Rita Ulla Neu", strings.Join(w.mails, " "), "told")
		for name, by := range map[string]audit.Actor{"the proposer": ulla, "whom it concerns": neu, "an auditor": rita} {
			_, err := w.Approve(w.ctx, by, a.ID)
			w.want(name, err, ErrNotYours)
		}
		_, err := w.Approve(w.ctx, sven, a.ID)
		w.want("who has nothing to do with it", err, ErrNotFound)
		_, err = w.Stop(w.ctx, sven, a.ID)
		w.want("who has nothing to do with it stops", err, ErrNotFound)
		_, err = w.Approve(w.ctx, petra, uuid.Must(uuid.NewV7()))
		w.want("another id", err, ErrNotFound)
		w.wait(6 * day)
		w.must(w.Tick(w.ctx))
		w.wantDone()
		_, err = w.Approve(w.ctx, petra, a.ID)
		w.must(err)
		w.wantDone("Neu by Petra")
		_, err = w.Approve(w.ctx, petra, a.ID)
		w.want("once more", err, ErrSettled)
		_, err = w.Stop(w.ctx, petra, a.ID)
		w.want("stopped afterwards", err, ErrSettled)
		w.wantDone("Neu by Petra")
	})
}

// TestSwapped: if one of the only two people made the other, neither can approve the other's proposals.
func TestSwapped(t *testing.T) {
	each(t, func(w *world) {
		ulla, petra, neu := w.person("Ulla", policies.UserAdministrator), w.person("Petra", policies.PolicyAdministrator), w.person("Neu")
		w.in(func(ctx context.Context, tx bun.Tx) error {
			return w.Made(ctx, tx, petra.ID, ulla, []policies.Role{policies.PolicyAdministrator})
		})
		w.wait(time.Hour)
		for by, other := range map[audit.Actor]audit.Actor{petra: ulla, ulla: petra} {
			a := w.propose(by, neu)
			assert.NotNil(w, a.PassesAt, "what %s proposes waits for somebody", by.Name)
			_, err := w.Approve(w.ctx, other, a.ID)
			w.want(other.Name, err, ErrNotYours)
		}
		w.wait(apart)
		_, err := w.Approve(w.ctx, ulla, w.propose(petra, neu).ID)
		w.must(err)
	})
}

// TestExpiry: a proposal that somebody could approve expires after exactly 7 days, even if the worker is stopped.
func TestExpiry(t *testing.T) {
	each(t, func(w *world) {
		ulla, petra, neu := w.person("Ulla", policies.UserAdministrator), w.person("Petra", policies.PolicyAdministrator), w.person("Neu")
		a := w.propose(ulla, neu)
		w.wait(Life)
		_, err := w.Approve(w.ctx, petra, a.ID)
		w.want("after 7 days", err, ErrSettled)
		open, _, err := w.List(w.ctx, petra, true)
		require.NoError(w, err)
		assert.Empty(w, open)
		w.must(w.Tick(w.ctx))
		w.must(w.Tick(w.ctx))
		w.wantDone()
		assert.Equal(w, Expired, w.state(a))
		assert.Equal(w, 1, w.dropped, "dropped %d times", w.dropped)
		b := w.propose(ulla, neu)
		w.wait(Life - time.Second)
		_, err = w.Approve(w.ctx, petra, b.ID)
		w.must(err)
	})
}

// TestNobodyElse: without a second person a proposal takes effect after the delay, unless somebody stops it.
func TestNobodyElse(t *testing.T) {
	each(t, func(w *world) {
		ulla, rita, neu := w.person("Ulla", policies.UserAdministrator), w.person("Rita", policies.Auditor), w.person("Neu")
		for _, by := range []audit.Actor{rita, neu, ulla} {
			a := w.propose(ulla, neu)
			require.NotNil(w, a.PassesAt)
			assert.WithinDuration(w, w.now().Add(day), *a.PassesAt, 0)
			assert.Equal(w, "Rita Ulla Neu", strings.Join(w.mails, " "), "told")
			_, err := w.Stop(w.ctx, by, a.ID)
			w.must(err)
			w.wait(2 * day)
			w.must(w.Tick(w.ctx))
			w.wantDone()
			assert.Equal(w, Stopped, w.state(a), "stopped by %s", by.Name)
		}
		a := w.propose(ulla, neu)
		w.wait(day - time.Second)
		w.must(w.Tick(w.ctx))
		w.wantDone()
		w.wait(time.Second)
		w.must(w.Tick(w.ctx))
		w.must(w.Tick(w.ctx))
		w.wantDone("Neu by Kontor")
		assert.Equal(w, Passed, w.state(a))
		assert.Equal(w, 3, w.dropped, "dropped")
	})
}

// TestOutOfTheWay: removing the second person does not make a proposal take effect, neither before it is made nor while
// it waits.
func TestOutOfTheWay(t *testing.T) {
	each(t, func(w *world) {
		ulla, petra, neu := w.person("Ulla", policies.UserAdministrator), w.person("Petra", policies.PolicyAdministrator), w.person("Neu")
		rita := w.person("Rita", policies.Auditor)
		remove := func(who audit.Actor, role policies.Role) {
			w.in(func(ctx context.Context, tx bun.Tx) error {
				if _, err := tx.NewRaw(`UPDATE account SET active = FALSE WHERE id = ?`, who.ID).Exec(ctx); err != nil {
					return err
				}
				return w.Took(ctx, tx, who.ID, ulla, []policies.Role{role})
			})
		}
		a := w.propose(ulla, neu)
		remove(petra, policies.PolicyAdministrator)
		assert.Nil(w, w.propose(ulla, neu).PassesAt, "it takes effect by itself after the second person was deactivated")
		assert.Equal(w, Void, w.state(a), "the first proposal")
		w.wait(apart)
		c := w.propose(ulla, neu)
		assert.NotNil(w, c.PassesAt, "30 days later nobody is there")
		remove(rita, policies.Auditor)
		w.wait(2 * day)
		w.must(w.Tick(w.ctx))
		w.wantDone()
		assert.Equal(w, Waiting, w.state(c), "who could have stopped it was deactivated meanwhile")
	})
}

// TestApplyFails: if a proposal can no longer be carried out, it becomes void. After any other error it stays.
func TestApplyFails(t *testing.T) {
	each(t, func(w *world) {
		ulla, petra, neu := w.person("Ulla", policies.UserAdministrator), w.person("Petra", policies.PolicyAdministrator), w.person("Neu")
		a := w.propose(ulla, neu)
		w.refuse = errors.New("the database is away")
		_, err := w.Approve(w.ctx, petra, a.ID)
		w.want("a failure", err, w.refuse)
		assert.Equal(w, Waiting, w.state(a), "after a failure")
		w.refuse = fault.New(fault.Conflict, "policy.base")
		_, err = w.Approve(w.ctx, petra, a.ID)
		w.want("a fault", err, w.refuse)
		assert.Equal(w, Void, w.state(a), "after a fault")
		assert.Equal(w, 1, w.dropped, "after a fault: dropped")
		w.exec(`DELETE FROM account_role WHERE account_id = ?`, petra.ID)
		b := w.propose(ulla, neu)
		w.wait(day)
		w.must(w.Tick(w.ctx))
		assert.Equal(w, Void, w.state(b), "after the wait")
		assert.Equal(w, 2, w.dropped, "after the wait: dropped")
	})
}

func (w *world) exec(query string, args ...any) {
	w.Helper()
	_, err := w.db.NewRaw(query, args...).Exec(w.ctx)
	w.must(err)
}

// TestAtOnce: of any number of people who approve and stop at once, only one decides.
func TestAtOnce(t *testing.T) {
	each(t, func(w *world) {
		ulla, neu := w.person("Ulla", policies.UserAdministrator), w.person("Neu")
		var others []audit.Actor
		for _, name := range []string{"A", "B", "C", "D"} {
			others = append(others, w.person(name, policies.DataAdministrator))
		}
		a := w.propose(ulla, neu)
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := 0
		for i, by := range others {
			wg.Go(func() {
				var err error
				if i%2 == 0 {
					_, err = w.Approve(w.ctx, by, a.ID)
				} else {
					_, err = w.Stop(w.ctx, by, a.ID)
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					got++
				} else {
					w.want("who was slower", err, ErrSettled)
				}
			})
		}
		wg.Wait()
		assert.Equal(w, 1, got, "decided")
		assert.LessOrEqual(w, len(w.done), 1, "done")
	})
}

// TestList: people see the proposals that they are involved in, whoever may read all sees all, and everybody sees what
// they may do.
func TestList(t *testing.T) {
	each(t, func(w *world) {
		ulla, petra, rita := w.person("Ulla", policies.UserAdministrator), w.person("Petra", policies.PolicyAdministrator), w.person("Rita", policies.Auditor)
		neu, sven := w.person("Neu"), w.person("Sven", policies.Specialist)
		a := w.propose(ulla, neu)
		for _, tt := range []struct {
			by            audit.Actor
			all           bool
			sees          int
			approve, stop bool
			awaits        int
		}{
			{ulla, false, 1, false, true, 0}, {petra, false, 1, true, true, 1}, {rita, false, 1, false, true, 0},
			{neu, false, 1, false, true, 0}, {sven, false, 0, false, false, 0}, {sven, true, 1, false, false, 0},
		} {
			open, _, err := w.List(w.ctx, tt.by, tt.all)
			w.must(err)
			require.Len(w, open, tt.sees, "sees")
			assert.False(w, tt.sees > 0 && (open[0].MayApprove != tt.approve || open[0].MayStop != tt.stop || open[0].Own != (tt.by == ulla)))
			awaits, err := w.Awaiting(w.ctx, tt.by.ID)
			require.NoError(w, err)
			assert.Len(w, awaits, tt.awaits, "await")
		}
		_, err := w.Stop(w.ctx, rita, a.ID)
		w.must(err)
		for by, sees := range map[audit.Actor]int{ulla: 1, rita: 1, neu: 1, petra: 0, sven: 0} {
			_, done, err := w.List(w.ctx, by, false)
			require.NoError(w, err)
			assert.Len(w, done, sees, "%s sees %d decided", by.Name, len(done))
		}
	})
}

// TestOwn: which accounts count as somebody's own.
func TestOwn(t *testing.T) {
	each(t, func(w *world) {
		ulla, neu, alt := w.person("Ulla", policies.UserAdministrator), w.person("Neu"), w.person("Alt")
		w.in(func(ctx context.Context, tx bun.Tx) error { return w.Made(ctx, tx, neu.ID, ulla, nil) })
		own := func() int {
			w.Helper()
			ids, err := w.Own(w.ctx, w.db, ulla.ID, []uuid.UUID{neu.ID, alt.ID})
			w.must(err)
			return len(ids)
		}
		assert.Equal(w, 1, own(), "of two are Ulla's")
		// The same holds in the other direction. Otherwise Neu could give Ulla what Ulla can't take.
		maker := func() int {
			w.Helper()
			ids, err := w.Own(w.ctx, w.db, neu.ID, []uuid.UUID{ulla.ID, alt.ID})
			w.must(err)
			return len(ids)
		}
		assert.Equal(w, 1, maker(), "of two are Neu's")
		for _, r := range Guarding[1:] {
			w.exec(`INSERT INTO account_role (account_id, role) VALUES (?, ?)`, ulla.ID, r)
		}
		assert.Equal(w, 0, own(), "are hers who has nothing to gain")
		assert.Equal(w, 0, maker(), "who has nothing to gain is Neu's")
		w.exec(`DELETE FROM account_role WHERE role = 'auditor'`)
		w.wait(apart)
		assert.Equal(w, 0, own(), "are hers after 30 days")
		assert.Equal(w, 0, maker(), "who made Neu is still Neu's after 30 days")
	})
}

// TestCheck: a kind without a handler prevents the program from starting.
func TestCheck(t *testing.T) {
	apply := func(context.Context, bun.Tx, Approval, audit.Actor) error { return nil }
	for _, left := range kinds {
		s := &Service{handlers: map[Kind]Handler{}}
		for _, kind := range kinds {
			s.Handle(map[Kind]Handler{kind: {Apply: apply}})
		}
		require.NoError(t, s.Check())
		s.Handle(map[Kind]Handler{left: {Apply: apply}})
		err := s.Check()
		require.Error(t, err, "with two features to act on %s the check says %v", left, err)
		assert.Contains(t, err.Error(), string(left))
		s.twice = nil
		delete(s.handlers, left)
		err = s.Check()
		require.Error(t, err, "with nobody to act on %s the check says %v", left, err)
		assert.Contains(t, err.Error(), string(left))
	}
}
