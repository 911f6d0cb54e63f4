package bulk

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"kontor/app/customer"
	"kontor/app/effort"
	"kontor/app/fault"
	"kontor/app/job"
	"kontor/app/transaction"
	"kontor/policies"
)

// TestJudged: what a rule says is a verdict; what the program or the database says is none.
func TestJudged(t *testing.T) {
	form := fault.Form{}
	form.Add("specialist", "authorisation.self")
	for _, row := range []struct {
		name string
		err  error
		want outcome
		none bool
	}{
		{"nothing", nil, outcome{verdict: Changed}, false},
		{"a trial", errTried, outcome{verdict: Changed}, false},
		{"forbidden", policies.ErrForbidden, outcome{verdict: Forbidden}, false},
		{"gone", transaction.ErrNotFound, outcome{verdict: Gone}, false},
		{"a form", form.Err(), outcome{verdict: Refused, why: "authorisation.self"}, false},
		{"a conflict", errChanged, outcome{verdict: Refused, why: "bulk.changed_since"}, false},
		{"somebody else at the same moment", transaction.ErrVersion, outcome{}, true},
		{"the database", fault.New(fault.Unavailable, "database.busy"), outcome{}, true},
		{"an error of the program", errors.New("x"), outcome{}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := judged(outcome{verdict: Changed}, row.err)
			if row.none {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.want, got)
		})
	}
}

// TestActsOnTransactions: each field is tried without being changed, then set with an entry per transaction, then taken back.
func TestActsOnTransactions(t *testing.T) {
	each(t, func(w *world) {
		for _, row := range []struct {
			kind          Kind
			value, action string
		}{{Due, "2026-12-24", "transaction.updated"}, {Responsible, w.ben.ID.String(), "transaction.updated"}, {Status, "closed", "transaction.status_changed"}} {
			was := w.transaction(w.mine, "Akte "+string(row.kind))
			so := w.transaction(w.mine, "So "+string(row.kind))
			foreign := w.transaction(w.other, "Fremd "+string(row.kind))
			w.InTx(func(ctx context.Context, tx bun.Tx) error {
				_, _, err := w.transactions.Set(ctx, tx, w.anna, so.ID, transaction.Setting{Field: string(row.kind), Value: row.value})
				return err
			})
			list := []uuid.UUID{was.ID, so.ID, foreign.ID, w.anna.ID}
			before := w.values(string(row.kind), was.ID, so.ID, foreign.ID)
			entries := w.Number(`SELECT count(*) FROM audit`)
			a := w.begin(w.anna, Order{Kind: row.kind, Value: row.value, IDs: append(list, was.ID, uuid.Nil)})
			assert.Equal(w, Tried, a.State)
			assert.Equal(w, []string{"will", "same", "gone", "gone"}, w.verdicts(w.anna, a.ID), row.kind)
			assert.Equal(w, before, w.values(string(row.kind), was.ID, so.ID, foreign.ID), "a trial changes nothing")
			assert.Equal(w, entries, w.Number(`SELECT count(*) FROM audit`), "a trial writes nothing to the log")
			assert.EqualValues(w, 1, a.Does())
			assert.Nil(w, a.Until, "nothing is there to be taken back")

			w.Must(w.Start(w.Ctx, w.anna, a.ID))
			a = w.get(w.anna, a.ID)
			assert.Equal(w, Done, a.State)
			assert.Equal(w, []string{"changed", "same", "gone", "gone"}, w.verdicts(w.anna, a.ID))
			assert.Equal(w, []string{row.value, row.value, before[2]}, w.values(string(row.kind), was.ID, so.ID, foreign.ID))
			assert.Equal(w, 1, w.entries(row.action, was.ID), "an entry as for the single act")
			var detail string
			w.Must(w.DB.NewRaw(`SELECT detail FROM audit WHERE action = 'bulk.done' AND subject_id = ?`, a.ID).Scan(w.Ctx, &detail))
			assert.JSONEq(w, `{"bulk_changed":1,"bulk_`+string(row.kind)+`":4,"bulk_gone":2,"bulk_same":1}`, detail, "an entry for the act as a whole")
			assert.Zero(w, w.entries(row.action, foreign.ID))
			require.NotNil(w, a.Until)

			w.Want("once", w.Start(w.Ctx, w.anna, a.ID), ErrState)
			w.Must(w.TakeBack(w.Ctx, w.anna, a.ID))
			a = w.get(w.anna, a.ID)
			assert.Equal(w, Returned, a.State)
			assert.Equal(w, []string{"back", "same", "gone", "gone"}, w.verdicts(w.anna, a.ID))
			assert.Equal(w, before, w.values(string(row.kind), was.ID, so.ID, foreign.ID))
			assert.Equal(w, 2, w.entries(row.action, was.ID), "taking back is in the log")
			assert.Equal(w, 1, w.entries("bulk.returned", a.ID))
			w.Want("taken back once", w.TakeBack(w.Ctx, w.anna, a.ID), ErrLate)
		}
	})
}

// TestAdministrators: those who are new are determined, and only they are taken back.
func TestAdministrators(t *testing.T) {
	each(t, func(w *world) {
		third := w.customer(w.anna, "Dritt")
		o := Order{Kind: Administrators, People: []uuid.UUID{w.ben.ID}, IDs: []uuid.UUID{w.mine.ID, w.other.ID, third.ID}}
		a := w.begin(w.uta, o)
		assert.Equal(w, []string{"will", "same", "will"}, w.verdicts(w.uta, a.ID))
		assert.False(w, w.administers(w.ben, w.mine), "a trial determines nobody")
		w.Must(w.Start(w.Ctx, w.uta, a.ID))
		assert.True(w, w.administers(w.ben, w.mine))
		assert.Equal(w, 1, w.Number(`SELECT count(*) FROM audit WHERE action = 'administrator.appointed' AND customer_id = ? AND subject_id = ?`, w.mine.ID, w.ben.ID))

		// somebody else removes Ben, and determines him again: that is not the act's any more
		_, err := w.authorisations.Remove(w.Ctx, w.uta, third.ID, authorisationsOf(w.ben.ID), true)
		w.Must(err)
		_, err = w.authorisations.AddAdministrators(w.Ctx, w.uta, third.ID, o.People)
		w.Must(err)
		w.Must(w.TakeBack(w.Ctx, w.uta, a.ID))
		assert.Equal(w, []string{"back", "same", "kept bulk.changed_since"}, w.verdicts(w.uta, a.ID))
		assert.False(w, w.administers(w.ben, w.mine))
		assert.True(w, w.administers(w.ben, w.other), "who was one before stays one")
		assert.True(w, w.administers(w.ben, third))
		assert.Equal(w, 1, w.Number(`SELECT count(*) FROM audit WHERE action = 'administrator.dismissed' AND customer_id = ? AND subject_id = ?`, w.mine.ID, w.ben.ID))
	})
}

// TestOwnRights: nobody determines themselves, and a second person is asked where the single act asks one.
func TestOwnRights(t *testing.T) {
	each(t, func(w *world) {
		a := w.begin(w.uta, Order{Kind: Administrators, People: []uuid.UUID{w.uta.ID}, IDs: []uuid.UUID{w.mine.ID}})
		assert.Equal(w, []string{"refused authorisation.self"}, w.verdicts(w.uta, a.ID))
		w.Want("nothing to do", w.Start(w.Ctx, w.uta, a.ID), ErrNothing)

		made := w.Specialist("Max Muster")
		w.InTx(func(ctx context.Context, tx bun.Tx) error {
			return w.Approvals.Made(ctx, tx, made.ID, w.uta.Actor(), []policies.Role{policies.Specialist})
		})
		o := Order{Kind: Administrators, People: []uuid.UUID{made.ID}, IDs: []uuid.UUID{w.mine.ID, w.other.ID}}
		w.maxAsked = 1
		many := w.begin(w.uta, o)
		assert.Equal(w, []string{"will_ask", "will_ask"}, w.verdicts(w.uta, many.ID))
		assert.Zero(w, w.Number(`SELECT count(*) FROM approval`), "nobody is asked by a trial")
		assert.ErrorIs(w, w.Start(w.Ctx, w.uta, many.ID), ErrAsks.With("max", 1), "nobody is asked too often")
		w.maxAsked = 2
		a = w.done(w.uta, o)
		assert.Equal(w, []string{"asked", "asked"}, w.verdicts(w.uta, a.ID))
		assert.False(w, w.administers(made, w.mine), "nobody has approved it")
		waiting := func() int { return w.Number(`SELECT count(*) FROM approval WHERE state = 'waiting'`) }
		assert.Equal(w, 2, waiting())
		w.Must(w.TakeBack(w.Ctx, w.uta, a.ID))
		assert.Equal(w, []string{"back", "back"}, w.verdicts(w.uta, a.ID))
		assert.Zero(w, waiting(), "nothing waits for a decision any more")
	})
}

// TestOrders: what is wrong is said at the field, and nothing is begun.
func TestOrders(t *testing.T) {
	each(t, func(w *world) {
		w.max = 3
		four := w.several(w.mine, 4)
		for _, row := range []struct {
			name string
			by   func() (Act, error)
			want error
		}{
			{"nothing", w.order(Order{Kind: Due}), ErrNone},
			{"no ids", w.order(Order{Kind: Due, IDs: []uuid.UUID{uuid.Nil}}), ErrNone},
			{"no such date", w.order(Order{Kind: Due, Value: "2026-13-40", IDs: four[:1]}), fault.At("due", "date.malformed")},
			{"no such status", w.order(Order{Kind: Status, Value: "lost", IDs: four[:1]}), fault.At("status", "transaction.status_unknown")},
			{"nobody", w.order(Order{Kind: Responsible, Value: w.mine.ID.String(), IDs: four[:1]}), fault.At("responsible", "transaction.responsible_unknown")},
			{"too many", w.order(Order{Kind: Due, IDs: four}), ErrMany},
			{"too many match", w.order(Order{Kind: Due, Transactions: &transaction.Filter{}}), ErrMany},
			{"nothing matches", w.order(Order{Kind: Due, Transactions: &transaction.Filter{Query: "absent"}}), ErrNone},
			{"no such act", w.order(Order{Kind: "burn", IDs: four[:1]}), ErrNotFound},
		} {
			_, err := row.by()
			var form *fault.Error
			if errors.As(err, &form) && len(form.Fields) > 0 {
				err = form.Fields[0]
			}
			assert.ErrorIs(w, err, row.want, row.name)
		}
		_, err := w.Begin(w.Ctx, w.rita, Order{Kind: Due, IDs: four[:1]})
		w.Want("who may not process anything", err, policies.ErrForbidden)
		_, err = w.Begin(w.Ctx, w.rita, Order{Kind: Administrators, People: []uuid.UUID{w.ben.ID}, IDs: []uuid.UUID{w.mine.ID}})
		w.Want("who may not manage anything", err, policies.ErrForbidden)
		assert.Zero(w, w.Number(`SELECT count(*) FROM bulk_act`))
		assert.Zero(w, w.Number(`SELECT count(*) FROM bulk_row`))

		w.max = 4
		a := w.begin(w.anna, Order{Kind: Due, Value: "2026-12-01", Transactions: &transaction.Filter{}, Submission: "once"})
		assert.EqualValues(w, 4, a.Does())
		again := w.begin(w.anna, Order{Kind: Due, Value: "2026-12-01", Transactions: &transaction.Filter{}, Submission: "once"})
		assert.Equal(w, a.ID, again.ID, "a form that is sent twice makes one act")
		w.transaction(w.mine, "Später")
		w.Must(w.Start(w.Ctx, w.anna, a.ID))
		assert.Equal(w, 4, w.Number(`SELECT count(*) FROM transactions WHERE due = '2026-12-01'`), "what came later is not in the act")
	})
}

func (w *world) order(o Order) func() (Act, error) {
	return func() (Act, error) { return w.Begin(w.Ctx, w.anna, o) }
}

// TestEverythingThatMatches: the filter of the list says what the act is about, whatever the order of the list.
func TestEverythingThatMatches(t *testing.T) {
	each(t, func(w *world) {
		w.several(w.mine, 3)
		w.several(w.other, 2)
		for _, f := range []transaction.Filter{{}, {Sort: transaction.ByWork}, {Query: "akte"}, {Customer: w.mine.ID.String()}} {
			a := w.begin(w.anna, Order{Kind: Due, Value: "2026-12-01", Transactions: &f})
			assert.EqualValues(w, 3, a.Total, "%+v: only what the person sees", f)
		}
		a := w.begin(w.uta, Order{Kind: Administrators, People: []uuid.UUID{w.ben.ID}, Customers: &customerFilter})
		assert.Equal(w, Counts{Will: 1, Same: 1}, a.Counts)
	})
}

// TestForeignActs: an act is its person's alone.
func TestForeignActs(t *testing.T) {
	each(t, func(w *world) {
		a := w.done(w.anna, Order{Kind: Due, Value: "2026-12-01", IDs: w.several(w.mine, 2)})
		_, err := w.Get(w.Ctx, w.ben, a.ID)
		w.Want("get", err, ErrNotFound)
		for name, act := range map[string]func() error{
			"start": func() error { return w.Start(w.Ctx, w.ben, a.ID) }, "give up": func() error { return w.GiveUp(w.Ctx, w.ben, a.ID) },
			"stop": func() error { return w.Stop(w.Ctx, w.ben, a.ID) }, "take back": func() error { return w.TakeBack(w.Ctx, w.ben, a.ID) },
		} {
			w.Want(name, act(), ErrNotFound)
		}
		list, err := w.Recent(w.Ctx, w.ben)
		w.Must(err)
		assert.Empty(w, list)
		list, err = w.Recent(w.Ctx, w.anna)
		w.Must(err)
		assert.Len(w, list, 1)
	})
}

// TestLate: an act can be taken back for ten minutes, and is forgotten after thirty days.
func TestLate(t *testing.T) {
	each(t, func(w *world) {
		list := w.several(w.mine, 1)
		a := w.done(w.anna, Order{Kind: Due, Value: "2026-12-01", IDs: list})
		w.Set(a.FinishedAt.Add(UndoLife - time.Second))
		assert.NotNil(w, w.get(w.anna, a.ID).Until)
		w.Set(a.FinishedAt.Add(UndoLife))
		assert.Nil(w, w.get(w.anna, a.ID).Until)
		w.Want("too late", w.TakeBack(w.Ctx, w.anna, a.ID), ErrLate)
		assert.Equal(w, []string{"2026-12-01"}, w.values("due", list...))

		w.Set(a.RequestedAt.Add(Life - time.Second))
		w.Must(w.Forget(w.Ctx))
		w.get(w.anna, a.ID)
		w.Set(a.RequestedAt.Add(Life + time.Second))
		w.Must(w.Forget(w.Ctx))
		_, err := w.Get(w.Ctx, w.anna, a.ID)
		w.Want("forgotten", err, ErrNotFound)
		assert.Zero(w, w.Number(`SELECT count(*) FROM bulk_row`))
	})
}

// TestRightsLostMidway: each row is decided by what the person may do at that moment; who can't sign in may do nothing.
func TestRightsLostMidway(t *testing.T) {
	each(t, func(w *world) {
		w.chunk = 2
		list := w.several(w.other, 4)
		for _, id := range list {
			w.process(w.anna, id, true)
		}
		a := w.begin(w.anna, Order{Kind: Due, Value: "2026-12-01", IDs: list})
		require.EqualValues(w, 4, a.Does())
		n := 0
		w.step = func() error {
			switch n++; n {
			case 2:
				w.process(w.anna, list[1], false)
			case 3:
				w.Exec(`UPDATE account SET active = FALSE WHERE id = ?`, w.anna.ID)
			}
			return nil
		}
		w.Must(w.Start(w.Ctx, w.anna, a.ID))
		said := w.verdicts(w.anna, a.ID)
		assert.Equal(w, "changed", said[0])
		assert.Equal(w, "gone", said[1], "it is not theirs to see any more")
		assert.Equal(w, []string{"forbidden", "forbidden"}, said[2:], "who is deactivated may do nothing")
		assert.Equal(w, []string{"2026-12-01", "", "", ""}, w.values("due", list...))
	})
}

// TestChangedSince: what somebody has changed since stays as it is.
func TestChangedSince(t *testing.T) {
	each(t, func(w *world) {
		list := w.several(w.mine, 3)
		a := w.done(w.anna, Order{Kind: Due, Value: "2026-12-01", IDs: list})
		set := func(id uuid.UUID, field, value string) {
			w.InTx(func(ctx context.Context, tx bun.Tx) error {
				_, _, err := w.transactions.Set(ctx, tx, w.anna, id, transaction.Setting{Field: field, Value: value})
				return err
			})
		}
		set(list[0], "due", "2027-01-01")
		set(list[1], "status", "closed")
		w.Must(w.TakeBack(w.Ctx, w.anna, a.ID))
		assert.Equal(w, []string{"kept bulk.changed_since", "back", "back"}, w.verdicts(w.anna, a.ID))
		assert.Equal(w, []string{"2027-01-01", "", ""}, w.values("due", list...))
		assert.Equal(w, []string{"closed"}, w.values("status", list[1]), "other fields are none of the act's business")
	})
}

// TestStop: what was done stays and can be taken back; the rest is not done.
func TestStop(t *testing.T) {
	each(t, func(w *world) {
		list := w.several(w.mine, 4)
		a := w.begin(w.anna, Order{Kind: Due, Value: "2026-12-01", IDs: list})
		w.Want("nothing is being done", w.Stop(w.Ctx, w.anna, a.ID), ErrState)
		n := 0
		w.step = func() error {
			if n++; n == 3 { // the first call is that of the request
				return w.Stop(w.Ctx, w.anna, a.ID)
			}
			return nil
		}
		w.Must(w.Start(w.Ctx, w.anna, a.ID))
		assert.Equal(w, []string{"changed", "changed", "not_done", "not_done"}, w.verdicts(w.anna, a.ID))
		w.Must(w.TakeBack(w.Ctx, w.anna, a.ID))
		assert.Equal(w, []string{"", "", "", ""}, w.values("due", list...))

		b := w.begin(w.anna, Order{Kind: Due, Value: "2026-12-01", IDs: list})
		w.Must(w.GiveUp(w.Ctx, w.anna, b.ID))
		w.Want("given up", w.Start(w.Ctx, w.anna, b.ID), ErrState)
		w.Want("nothing was done", w.TakeBack(w.Ctx, w.anna, b.ID), ErrLate)
		assert.Equal(w, []string{"not_done", "not_done", "not_done", "not_done"}, w.verdicts(w.anna, b.ID))
	})
}

// TestRows: rows come page by page, and by verdict.
func TestRows(t *testing.T) {
	each(t, func(w *world) {
		list := append(w.several(w.mine, 55), w.several(w.other, 3)...)
		a := w.begin(w.anna, Order{Kind: Due, Value: "2026-12-01", IDs: list})
		p, err := w.Rows(w.Ctx, w.anna, a, RowFilter{})
		w.Must(err)
		assert.Equal(w, 58, p.Count)
		assert.Len(w, p.Rows, 50)
		assert.Equal(w, "Akte 0", p.Rows[0].Transaction.Name)
		next, err := w.Rows(w.Ctx, w.anna, a, RowFilter{After: p.Next})
		w.Must(err)
		assert.Len(w, next.Rows, 8)
		assert.Nil(w, next.Rows[7].Transaction, "what the person may not see is not named")
		gone, err := w.Rows(w.Ctx, w.anna, a, RowFilter{Only: Gone})
		w.Must(err)
		assert.Len(w, gone.Rows, 3)
	})
}

// TestDeletedCustomer: the rows of a customer go with the customer.
func TestDeletedCustomer(t *testing.T) {
	each(t, func(w *world) {
		list := append(w.several(w.mine, 2), w.several(w.other, 1)...)
		w.process(w.anna, list[2], true)
		a := w.done(w.anna, Order{Kind: Due, Value: "2026-12-01", IDs: list})
		_, err := w.customers.Delete(w.Ctx, w.anna, w.mine.ID, w.mine.Label())
		w.Must(err)
		assert.Equal(w, 1, w.Number(`SELECT count(*) FROM bulk_row WHERE act_id = ?`, a.ID))
		assert.Equal(w, []string{"changed"}, w.verdicts(w.anna, a.ID))
		w.Must(w.TakeBack(w.Ctx, w.anna, a.ID))
	})
}

var errKilled = errors.New("killed")

// TestKilled: in any order of kills, retries, single edits by others and stops, each row is done once, its verdict is true,
// and its entries are there once.
func TestKilled(t *testing.T) {
	each(t, func(w *world) {
		for round := range effort.Of(20, 4) {
			seed := uint64(round) //nolint:gosec // a small number
			rnd := rand.New(rand.NewPCG(seed, 7))
			w.chunk = 1 + rnd.IntN(4)
			list := w.several(w.customer(w.anna, fmt.Sprintf("Kunde %d", round)), 6)
			value := fmt.Sprintf("2027-01-%02d", round%28+1)
			edited := map[uuid.UUID]string{}
			w.step = func() error {
				switch rnd.IntN(6) {
				case 0, 1:
					return errKilled
				case 2:
					id := list[rnd.IntN(len(list))]
					edited[id] = fmt.Sprintf("2028-01-%02d", rnd.IntN(27)+1)
					w.InTx(func(ctx context.Context, tx bun.Tx) error {
						_, _, err := w.transactions.Set(ctx, tx, w.anna, id, transaction.Setting{Field: "due", Value: edited[id]})
						return err
					})
				}
				return nil
			}
			var a Act
			for tries := 0; a.ID == uuid.Nil; tries++ {
				require.Less(w, tries, 100)
				if got, err := w.Begin(w.Ctx, w.anna, Order{Kind: Due, Value: value, IDs: list, Submission: fmt.Sprint("kill ", round)}); err == nil {
					a = got
				}
			}
			w.finish(a.ID)
			require.Equal(w, Tried, w.get(w.anna, a.ID).State)
			if err := w.Start(w.Ctx, w.anna, a.ID); err != nil {
				require.ErrorIs(w, err, errKilled)
			}
			w.finish(a.ID)
			a = w.get(w.anna, a.ID)
			require.Equal(w, Done, a.State, "round %d", round)
			require.EqualValues(w, 6, a.Counts[Changed]+a.Counts[Same], "round %d: %v", round, a.Counts)
			for i, v := range w.verdicts(w.anna, a.ID) {
				sets := w.Number(`SELECT count(*) FROM audit WHERE subject_id = ? AND detail LIKE ?`, list[i], `%","`+value+`"%`)
				if v == "changed" {
					require.Equal(w, 1, sets, "round %d row %d was set once", round, i)
				} else {
					require.Zero(w, sets, "round %d row %d", round, i)
				}
				if edited[list[i]] == "" {
					require.Equal(w, []string{value}, w.values("due", list[i]))
				}
			}
			now := w.values("due", list...)
			clear(edited)
			if err := w.TakeBack(w.Ctx, w.anna, a.ID); err != nil {
				require.ErrorIs(w, err, errKilled)
			}
			w.finish(a.ID)
			require.Equal(w, Returned, w.get(w.anna, a.ID).State)
			for i, v := range w.verdicts(w.anna, a.ID) {
				is := w.values("due", list[i])[0]
				if v == "back" && edited[list[i]] == "" {
					require.NotEqual(w, value, is, "round %d row %d", round, i)
				}
				if v == "kept bulk.changed_since" && edited[list[i]] == "" {
					require.Equal(w, now[i], is, "round %d row %d stays as it was", round, i)
				}
			}
			w.step = func() error { return nil }
		}
	})
}

// finish has workers work on an act until no job does.
func (w *world) finish(id uuid.UUID) {
	w.Helper()
	for range 200 {
		a := w.get(w.anna, id)
		if !a.Running() {
			return
		}
		j, err := w.Jobs.Of(w.Ctx, jobs[a.State], id)
		w.Must(err)
		w.Tick(10 * time.Minute) // no lease and no pause lasts that long
		_, _ = w.Jobs.Run(w.Ctx, j.ID, nil)
	}
	w.Fatal("the act does not end")
}

// TestTwoWorkers: a row that two workers do at once is done once.
func TestTwoWorkers(t *testing.T) {
	each(t, func(w *world) {
		list := w.several(w.mine, 3)
		a := w.begin(w.anna, Order{Kind: Due, Value: "2026-12-01", IDs: list})
		w.Exec(`UPDATE bulk_act SET state = 'doing' WHERE id = ?`, a.ID)
		r, err := load(w.Ctx, w.DB, a.ID)
		w.Must(err)
		rows, err := rowsWith(w.Ctx, w.DB, a.ID, doing.from, 10)
		w.Must(err)
		both := make(chan error, 2)
		for range 2 {
			go func() { both <- w.settleEach(w.Ctx, r, rows, w.do) }()
		}
		w.Must(<-both)
		w.Must(<-both)
		assert.Equal(w, []string{"changed", "changed", "changed"}, w.verdicts(w.anna, a.ID))
		for _, id := range list {
			assert.Equal(w, 1, w.entries("transaction.updated", id))
		}
	})
}

// TestProgress: an act of many rows is left to a worker, with its progress.
func TestProgress(t *testing.T) {
	each(t, func(w *world) {
		list := w.several(w.mine, AtOnce+1)
		a, err := w.Begin(w.Ctx, w.anna, Order{Kind: Due, Value: "2026-12-01", IDs: list})
		w.Must(err)
		assert.Equal(w, Trying, a.State)
		assert.EqualValues(w, 0, a.Done)
		assert.EqualValues(w, AtOnce+1, a.ToDo)
		w.Must(w.worker(a))
		assert.Equal(w, Tried, w.get(w.anna, a.ID).State)
		j, err := w.Jobs.Of(w.Ctx, job.BulkTrial, a.ID)
		w.Must(err)
		assert.Equal(w, job.Done, j.State)
	})
}

// invited adds customers with an open access each, who were invited an hour ago.
func (w *world) invited(n int) (customers, accesses []uuid.UUID) {
	w.Helper()
	for i := range n {
		data := customer.Data{FirstName: "Eva", LastName: fmt.Sprintf("Ende%d", i), Country: "DE", Locale: "de"}
		cu, _, err := w.accesses.AddCustomer(w.Ctx, w.anna, customer.Draft{Type: customer.Person, Data: data}, fmt.Sprintf("ende%d@example.org", i), "")
		w.Must(err)
		var id uuid.UUID
		w.Must(w.DB.NewRaw(`SELECT id FROM access WHERE customer_id = ?`, cu.ID).Scan(w.Ctx, &id))
		customers, accesses = append(customers, cu.ID), append(accesses, id)
	}
	w.Exec(`UPDATE message SET state = 'handed_over'`)
	w.Tick(time.Hour)
	return customers, accesses
}

// TestResend: who has not registered gets a new invitation, never at an address that has refused mail; what has not left is
// withdrawn.
func TestResend(t *testing.T) {
	each(t, func(w *world) {
		customers, accesses := w.invited(6)
		w.Exec(`UPDATE access SET registered_at = ? WHERE id = ?`, w.Now(), accesses[1])
		w.Exec(`UPDATE access SET undeliverable = 'mail:recipient_unknown' WHERE id = ?`, accesses[2])
		messages := func() int { return w.Number(`SELECT count(*) FROM message WHERE state = 'queued'`) }
		a := w.begin(w.anna, Order{Kind: Resend, IDs: append(customers, w.other.ID)})
		tried := []string{"will", "same bulk.no_open", "refused access.refused", "will", "will", "will", "forbidden"}
		assert.Equal(w, tried, w.verdicts(w.anna, a.ID))
		assert.Zero(w, messages(), "a trial sends nothing")
		assert.Equal(w, 6, w.Number(`SELECT count(*) FROM access WHERE generation = 1`))

		w.Exec(`UPDATE access SET undeliverable = 'mail:recipient_unknown' WHERE id = ?`, accesses[5]) // it bounces in the meantime
		w.Must(w.Start(w.Ctx, w.anna, a.ID))
		assert.Equal(w, []string{"changed", "same bulk.no_open", "refused access.refused", "changed", "changed", "refused access.refused", "forbidden"}, w.verdicts(w.anna, a.ID))
		assert.Equal(w, 3, messages())
		for _, i := range []int{0, 3, 4} {
			assert.Equal(w, 1, w.entries("access.resent", accesses[i]))
		}
		b := w.begin(w.anna, Order{Kind: Resend, IDs: customers[:1]})
		assert.Equal(w, []string{"refused access.just_sent"}, w.verdicts(w.anna, b.ID), "the limit of the single act")

		w.Exec(`UPDATE message SET state = 'handed_over' WHERE access_id = ?`, accesses[0])
		w.Tick(time.Minute)
		w.Must(w.accesses.Resend(w.Ctx, w.anna, customers[3], accesses[3])) // somebody sends again
		w.Must(w.TakeBack(w.Ctx, w.anna, a.ID))
		said := w.verdicts(w.anna, a.ID)
		assert.Equal(w, []string{"left", "kept access.sent_again", "back"}, []string{said[0], said[3], said[4]})
		assert.Equal(w, 1, messages(), "only what somebody has sent since")
		assert.Equal(w, 1, w.Number(`SELECT count(*) FROM message WHERE access_id = ? AND state = 'cancelled'`, accesses[4]))
		assert.Equal(w, 1, w.entries("access.withdrawn", accesses[4]))
		assert.Zero(w, w.entries("access.withdrawn", accesses[0]))
	})
}

// TestResendPace: no more leave in a minute than Pace.
func TestResendPace(t *testing.T) {
	each(t, func(w *world) {
		customers, _ := w.invited(5)
		a := w.begin(w.anna, Order{Kind: Resend, IDs: customers})
		w.chunk = 2
		w.Must(w.Start(w.Ctx, w.anna, a.ID))
		a = w.get(w.anna, a.ID)
		assert.Equal(w, Doing, a.State)
		assert.EqualValues(w, 2, a.Counts[Changed])
		j, err := w.Jobs.Of(w.Ctx, job.BulkRun, a.ID)
		w.Must(err)
		require.NotNil(w, j.NextAt)
		assert.WithinDuration(w, w.Now().Add(2*time.Minute/Pace), *j.NextAt, time.Second)
		w.Must(w.Stop(w.Ctx, w.anna, a.ID))
		assert.Equal(w, Counts{Changed: 2, NotDone: 3}, w.get(w.anna, a.ID).Counts, "what was not sent yet is not sent")
		assert.Equal(w, 2, w.Number(`SELECT count(*) FROM message WHERE state = 'queued'`))
	})
}
